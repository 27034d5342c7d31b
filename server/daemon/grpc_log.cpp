#include "server/daemon/grpc_log.h"

#include <grpc/support/log.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/log.h"

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

void WriteLine(gpr_log_func_args* line) {
  const absl::string_view file = line->file;
  Log(LevelOf(line->severity), line->message, {{"source", absl::StrCat("grpc/", file.substr(file.rfind('/') + 1), ":", line->line)}});
}

}  // namespace

void TakeGrpcLog() { gpr_set_log_function(WriteLine); }

}  // namespace sliceflow::daemon
