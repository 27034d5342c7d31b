// Exit codes, and telling people what went wrong.
#pragma once

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/cpp/channel.h"
#include "client/cpp/client.h"

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
struct JobFile;
struct MessageFile;
struct Problem;
class Console;

// Of an error of a call.
ExitCode ExitCodeOf(const absl::Status& status);

// Why no server answered, in words; `status` is unreachable (client/cpp/retry.h).
std::string WhyUnreachable(const absl::Status& status);

// The same with the address, as it is told: that no server answers there, with what may help where it is about TLS, or the words that the
// call ended with.
std::string DescribeUnreachable(absl::string_view server, const client::ChannelOptions& security, const absl::Status& status);

// Prints an error of a call with its field violations, and answers its exit code. Where no server answered it names the address. With --json
// the error is printed as google.rpc.Status on one line of standard error.
ExitCode ReportError(Context& context, const absl::Status& status);

// Shows problems with a file, each beside its place.
void PrintProblems(Console& console, const MessageFile& file, const std::vector<Problem>& problems);

// Prints what is wrong with a file whose reading has problems, and answers the exit code. With --json it looks like what a server says.
// `judge` asks a server about what could be read, without any effect: called at most once, where its answer means something. What it says
// against the file is told as well; a server that is not there keeps nothing back.
ExitCode ReportBadFile(Context& context, MessageFile& file, absl::FunctionRef<absl::Status(client::Client&)> judge);
// The same of a job file, which CreateJob judges.
ExitCode ReportBadJobFile(Context& context, JobFile& file);

// Prints why a server refused what a file asks for, field violations beside their places, and answers the exit code.
ExitCode ReportRefusal(Context& context, const MessageFile& file, const absl::Status& status);

// Prints an error with a file or the command line.
ExitCode ReportUsage(Console& console, const absl::Status& status);

}  // namespace sliceflow::cli
