// The daemon's log on standard error: a line a message, for people or for programs.
#pragma once

#include <initializer_list>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace sliceflow {

enum class LogLevel { kDebug, kInfo, kWarn, kError };

// kText: `2026-01-31 12:00:00.000 info  message job=jobs/ID`. kJson: one object a line with `time` (RFC 3339, UTC), `level`, `message`
// and a member for each field.
enum class LogFormat { kText, kJson };

// What a line is about: `request_id`, `trace_id`, `job`, `worker`. An empty value is left out.
struct LogField {
  absl::string_view name;
  absl::string_view value;
};

// To be called before any thread logs; until then lines of kInfo and above are written as text.
void SetUpLog(LogLevel least, LogFormat format);

// From now on lines are written by a thread of its own, at once, and nobody who logs waits for who reads them: while standard error takes
// nothing a bounded number waits (common/line_writer.h), further ones are dropped, and later a line tells how many. To be called at most
// once. Until then a line is written when Log returns.
void StartLogThread();

// Waits for the lines so far to be written; false where that takes longer than `most`. Lines that still wait when the process ends are lost.
bool FlushLog(absl::Duration most);

// Whether a line of this level would be written.
bool IsLogged(LogLevel level);

// Writes a line. Thread-safe. Control characters of what is given are escaped, so that a line stays a line and nothing steers a terminal.
// Never a secret.
void Log(LogLevel level, absl::string_view message, std::initializer_list<LogField> fields = {});

// The line that Log writes, without its end.
std::string FormatLogLine(LogFormat format, absl::string_view time, LogLevel level, absl::string_view message,
                          std::initializer_list<LogField> fields);

}  // namespace sliceflow
