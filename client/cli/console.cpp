#include "client/cli/console.h"

#include <google/protobuf/util/json_util.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace sliceflow::cli {
namespace {

bool CanMoveCursor() {
  const char* term = std::getenv("TERM");
  return term != nullptr && absl::string_view(term) != "dumb" && absl::string_view(term) != "";
}

winsize TerminalSize() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0) size = winsize{};
  return size;
}

int FromEnvironment(const char* name, int fallback) {
  int value = 0;
  const char* text = std::getenv(name);
  return text != nullptr && absl::SimpleAtoi(text, &value) && value > 0 ? value : fallback;
}

}  // namespace

void Console::Configure(const ConsoleOptions& options) {
  const char* no_color = std::getenv("NO_COLOR");
  const bool wanted = options.color && (no_color == nullptr || *no_color == '\0');
  const bool terminal = isatty(STDERR_FILENO) != 0 && CanMoveCursor();
  json_ = options.json;
  color_ = wanted && terminal;
  live_ = terminal && !json_ && isatty(STDOUT_FILENO) != 0;
}

void Console::Data(absl::string_view line) {
  if (output_closed_) return;
  const bool written =
      std::fwrite(line.data(), 1, line.size(), stdout) == line.size() && std::fputc('\n', stdout) != EOF && std::fflush(stdout) == 0;
  if (written) return;
  const int error = errno;
  output_closed_ = true;
  if (error == EPIPE) return;
  output_failed_ = true;
  Message(absl::StrCat("error: standard output cannot be written: ", std::strerror(error)));
}

void Console::Json(const google::protobuf::Message& message, bool one_line) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = !one_line;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(message, &text, options);
  if (!status.ok()) return Message("error: the answer has no JSON form: " + status.ToString());
  Data(absl::StripSuffix(text, "\n"));
}

void Console::Message(absl::string_view line) {
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fputc('\n', stderr);
}

void Console::Draw(absl::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

int Console::width() const {
  const winsize size = TerminalSize();
  return size.ws_col > 0 ? size.ws_col : FromEnvironment("COLUMNS", 80);
}

int Console::height() const {
  const winsize size = TerminalSize();
  return size.ws_row > 0 ? size.ws_row : FromEnvironment("LINES", 24);
}

}  // namespace sliceflow::cli
