// Exit codes, and telling people what went wrong.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace sliceflow::cli {

enum ExitCode {
  kExitSuccess = 0,
  kExitJobFailed = 1,      // the job that was watched failed or was cancelled
  kExitUsage = 2,          // a wrong command line, or a file named in it, or standard output, that cannot be read or written
  kExitUnreachable = 3,    // no server answered
  kExitRefused = 4,        // the server refused, or the job file is wrong
  kExitInterrupted = 130,  // Ctrl-C; a job that was watched goes on
};

struct Context;
class Console;

// Of an error of a call.
ExitCode ExitCodeOf(const absl::Status& status);

// Why no server answered, in words; `status` is unreachable (client/cpp/retry.h).
std::string WhyUnreachable(const absl::Status& status);

// Prints an error of a call with its field violations, and answers its exit code. Where no server answered it names the address. With --json
// the error is printed as google.rpc.Status on one line of standard error.
ExitCode ReportError(Context& context, const absl::Status& status);

// Prints an error with a file or the command line.
ExitCode ReportUsage(Console& console, const absl::Status& status);

}  // namespace sliceflow::cli
