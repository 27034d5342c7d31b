#include "client/cli/errors.h"

#include <google/protobuf/util/json_util.h>

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/job_file.h"
#include "client/cli/source_text.h"
#include "client/cli/yaml_message.h"
#include "client/cpp/retry.h"
#include "common/errors.h"

namespace sliceflow::cli {
namespace {

void PrintLine(Console& console, absl::string_view text) {
  console.Message(absl::StrCat(console.color() ? "\x1b[31merror:\x1b[0m " : "error: ", Printable(text)));
}

void PrintJson(Console& console, const absl::Status& status) {
  std::string text;
  const auto converted = google::protobuf::util::MessageToJsonString(ToRpcStatus(status), &text);
  if (converted.ok()) return console.Message(text);
  PrintLine(console, status.message());
}

// What to try where TLS may be what keeps the two apart.
std::string TlsAdvice(const client::ChannelOptions& security, const absl::Status& status) {
  const bool encrypted = client::IsEncrypted(security);
  const std::string trusted = security.ca_file.empty() ? "what this system trusts" : absl::StrCat("what ", security.ca_file, " signed");
  if (client::IsHandshakeFailure(status)) {
    return absl::StrCat("; trusted is ", trusted,
                        ": --tls-ca FILE (SLICEFLOW_TLS_CA) names another, and without it and --tls there is no TLS");
  }
  const bool is_closed = absl::StrContains(status.message(), "Socket closed") || absl::StrContains(status.message(), "reset by peer");
  if (!client::IsNotConnected(status) || !is_closed) return "";
  return encrypted ? "; it ended the connection: does it ask for a certificate of yours (--tls-cert, --tls-key)?"
                   : "; it ended the connection: does it speak TLS (--tls-ca FILE or --tls)?";
}

}  // namespace

ExitCode ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return kExitSuccess;
  return client::IsUnreachable(status) ? kExitUnreachable : kExitRefused;
}

std::string WhyUnreachable(const absl::Status& status) {
  if (absl::IsDeadlineExceeded(status)) return "no answer within the time that --timeout allows";
  if (absl::StrContains(status.message(), "DNS resolution failed")) return "no such host is known";
  if (client::IsRefused(status)) return "connection refused, nothing listens there";
  if (client::IsHandshakeFailure(status)) {
    if (absl::StrContains(status.message(), "wrong version number")) return "what listens there does not speak TLS";
    if (absl::StrContains(status.message(), "certificate verify failed")) return "its certificate is not trusted here";
    return absl::StrCat("no agreement about TLS: ", status.message());
  }
  if (client::IsNotConnected(status)) return "no connection: what listens there is too slow, or no sliceflow server";
  return std::string(status.message());
}

std::string DescribeUnreachable(absl::string_view server, const client::ChannelOptions& security, const absl::Status& status) {
  if (!absl::IsDeadlineExceeded(status) && !client::IsNotConnected(status)) {
    return absl::StrCat("the call to ", server, " failed: ", status.message(), " (", absl::StatusCodeToString(status.code()), ")");
  }
  return absl::StrCat("no server answers at ", server, ": ", WhyUnreachable(status), TlsAdvice(security, status),
                      "; another address is given with --server HOST:PORT or SLICEFLOW_SERVER");
}

ExitCode ReportError(Context& context, const absl::Status& status) {
  Console& console = context.console;
  const ExitCode code = ExitCodeOf(status);
  if (code == kExitUnreachable) {
    const std::string words = DescribeUnreachable(context.server, context.security, status);
    if (console.json()) {
      PrintJson(console, absl::Status(status.code(), words));
    } else {
      PrintLine(console, words);
    }
    return code;
  }
  if (console.json()) {
    PrintJson(console, status);
    return code;
  }
  const auto violations = ViolationsOf(status);
  if (violations.empty()) {
    PrintLine(console, absl::StrCat(status.message(), " (", absl::StatusCodeToString(status.code()), ")"));
  } else {
    PrintLine(console, absl::StrCat("refused (", absl::StatusCodeToString(status.code()), ")"));
  }
  for (const FieldViolation& violation : violations) {
    console.Message(absl::StrCat("  ", Printable(JsonPath(violation.field)), ": ", Printable(violation.description)));
  }
  return code;
}

void PrintProblems(Console& console, const MessageFile& file, const std::vector<Problem>& problems) {
  for (const Problem& problem : problems) {
    std::string text = file.source.Render(problem, console.width(), console.color());
    if (!text.empty() && text.back() == '\n') text.pop_back();
    console.Message(text);
  }
}

ExitCode ReportBadFile(Context& context, MessageFile& file, absl::FunctionRef<absl::Status(client::Client&)> judge) {
  if (CanBeJudged(file)) {
    client::Client client = context.MakeClient();
    const absl::Status judged = judge(client);
    AddViolations(file, judged);
    const bool asked = judged.ok() || !ViolationsOf(judged).empty();
    if (!asked && !context.console.json())
      context.console.Message("what the server would refuse besides is not known: it could not be asked");
  }
  if (!context.console.json()) {
    PrintProblems(context.console, file, file.reading.problems);
    return kExitRefused;
  }
  FieldViolations violations;
  for (const Problem& problem : file.reading.problems) {
    violations.Add(problem.field,
                   absl::StrCat(file.source.name(), ":", problem.position.line, ":", problem.position.column, ": ", problem.description));
  }
  return ReportError(context, violations.ToStatus());
}

ExitCode ReportBadJobFile(Context& context, JobFile& file) {
  return ReportBadFile(context, file, [&](client::Client& client) {
    v1::CreateJobRequest request;
    *request.mutable_job() = file.job;
    request.set_validate_only(true);
    return client.CreateJob(std::move(request)).status();
  });
}

ExitCode ReportRefusal(Context& context, const MessageFile& file, const absl::Status& status) {
  const std::vector<Problem> problems = LocateViolations(file, status);
  if (context.console.json() || problems.empty()) return ReportError(context, status);
  PrintProblems(context.console, file, problems);
  return ExitCodeOf(status);
}

ExitCode ReportUsage(Console& console, const absl::Status& status) {
  if (console.json()) {
    PrintJson(console, status);
  } else {
    PrintLine(console, status.message());
  }
  return kExitUsage;
}

}  // namespace sliceflow::cli
