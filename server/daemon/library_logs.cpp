#include "server/daemon/library_logs.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/clock.h"
#include "common/log.h"
#include "server/daemon/line_budget.h"

namespace sliceflow::daemon {
namespace {

LogLevel LevelOf(gpr_log_severity severity) {
  switch (severity) {
    case GPR_LOG_SEVERITY_DEBUG:
      return LogLevel::kDebug;
    case GPR_LOG_SEVERITY_INFO:
      return LogLevel::kInfo;
    case GPR_LOG_SEVERITY_ERROR:
      return LogLevel::kError;
  }
  return LogLevel::kError;
}

void WriteBounded(LogLevel level, absl::string_view library, absl::string_view file, int line, absl::string_view message) {
  static LineBudget* const kBudget = new LineBudget();  // as long as any thread of a library writes
  const std::string source = absl::StrCat(library, "/", file.substr(file.rfind('/') + 1), ":", line);
  const LineBudget::Verdict verdict = kBudget->Take(source, Uptime());
  if (verdict.left_out > 0) {
    Log(level, absl::StrCat(verdict.left_out, " lines of this source left out ", verdict.of_minute_before ? "before" : "in this minute"),
        {{"source", source}});
  }
  if (verdict.written) Log(level, message, {{"source", source}});
}

void WriteGrpcLine(gpr_log_func_args* line) { WriteBounded(LevelOf(line->severity), "grpc", line->file, line->line, line->message); }

LogLevel LevelOf(google::protobuf::LogLevel level) {
  if (level == google::protobuf::LOGLEVEL_INFO) return LogLevel::kInfo;
  return level == google::protobuf::LOGLEVEL_WARNING ? LogLevel::kWarn : LogLevel::kError;
}

void WriteProtobufLine(google::protobuf::LogLevel level, const char* file, int line, const std::string& message) {
  WriteBounded(LevelOf(level), "protobuf", file, line, message);
}

}  // namespace

void TakeLibraryLogs() {
  gpr_set_log_function(WriteGrpcLine);
  google::protobuf::SetLogHandler(WriteProtobufLine);
}

}  // namespace sliceflow::daemon
