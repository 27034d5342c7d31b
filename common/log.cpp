#include "common/log.h"

#include <unistd.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/json.h"
#include "common/line_writer.h"

namespace sliceflow {
namespace {

constexpr char kTimeFormat[] = "%Y-%m-%d%ET%H:%M:%E3SZ";

absl::string_view NameOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

bool IsPlain(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return absl::ascii_isgraph(c) && c != '"'; });
}

// Without its quotes, for people: what JSON escapes is what could steer a terminal.
std::string Escaped(absl::string_view text) {
  const auto is_harmless = [](char c) { return !absl::ascii_iscntrl(c); };
  if (std::all_of(text.begin(), text.end(), is_harmless)) return std::string(text);
  const std::string quoted = JsonString(text);
  return quoted.substr(1, quoted.size() - 2);
}

std::string NowAsText() { return absl::FormatTime(kTimeFormat, absl::Now(), absl::UTCTimeZone()); }

struct Logger {
  LogLevel least = LogLevel::kInfo;
  LogFormat format = LogFormat::kText;
  LineWriter writer{STDERR_FILENO, [this](int64_t dropped) {
                      return FormatLogLine(format, NowAsText(), LogLevel::kWarn, absl::StrCat(dropped, " lines were dropped"), {});
                    }};
};

// Never destroyed: threads may log to the end, and one that a reader of standard error holds up must not hold up the process.
Logger& TheLogger() {
  static auto& logger = *new Logger;
  return logger;
}

}  // namespace

void SetUpLog(LogLevel least, LogFormat format) {
  TheLogger().least = least;
  TheLogger().format = format;
}

void StartLogThread() { TheLogger().writer.StartThread(); }

bool FlushLog(absl::Duration most) { return TheLogger().writer.Flush(most); }

bool IsLogged(LogLevel level) { return level >= TheLogger().least; }

std::string FormatLogLine(LogFormat format, absl::string_view time, LogLevel level, absl::string_view message,
                          std::initializer_list<LogField> fields) {
  if (format == LogFormat::kJson) {
    std::string line =
        absl::StrCat("{\"time\":", JsonString(time), ",\"level\":", JsonString(NameOf(level)), ",\"message\":", JsonString(message));
    for (const LogField& field : fields) {
      if (!field.value.empty()) absl::StrAppend(&line, ",", JsonString(field.name), ":", JsonString(field.value));
    }
    return line + "}";
  }
  std::string line = absl::StrCat(time, " ", NameOf(level), std::string(6 - NameOf(level).size(), ' '), Escaped(message));
  for (const LogField& field : fields) {
    if (!field.value.empty())
      absl::StrAppend(&line, " ", field.name, "=", IsPlain(field.value) ? std::string(field.value) : JsonString(field.value));
  }
  return line;
}

void Log(LogLevel level, absl::string_view message, std::initializer_list<LogField> fields) {
  if (!IsLogged(level)) return;
  TheLogger().writer.Write(FormatLogLine(TheLogger().format, NowAsText(), level, message, fields));
}

}  // namespace sliceflow
