#include "client/cli/job_file.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iostream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/errors.h"

namespace sliceflow::cli {
namespace {

constexpr size_t kMaxBytes = 1 << 20;

absl::StatusOr<std::string> ReadAtMost(std::istream& stream, const std::string& name) {
  std::string text(kMaxBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad()) return absl::UnknownError(absl::StrCat(name, ": cannot be read"));
  text.resize(stream.gcount());
  if (text.size() > kMaxBytes) return absl::InvalidArgumentError(absl::StrCat(name, ": is larger than 1 MiB, the limit of such a file"));
  return text;
}

void SortByPlace(std::vector<Problem>& problems) {
  std::stable_sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) {
    return std::pair(a.position.line, a.position.column) < std::pair(b.position.line, b.position.column);
  });
}

// Whether `path` is `whole` or a part of it.
bool IsWithin(absl::string_view path, absl::string_view whole) {
  return absl::ConsumePrefix(&path, whole) && (path.empty() || whole.empty() || path[0] == '.' || path[0] == '[');
}

std::string NameOf(const std::string& path) { return path == "-" ? "(standard input)" : path; }

MessageFile ReadMessage(std::string name, std::string text, google::protobuf::Message* message) {
  MessageFile file{SourceText(std::move(name), std::move(text)), {}};
  if (!IsUtf8(file.source.text())) {
    file.reading.problems.push_back({{}, "", "the file is not UTF-8 text"});
    return file;
  }
  file.reading = ReadYaml(file.source.text(), message);
  return file;
}

}  // namespace

absl::StatusOr<std::string> ReadText(const std::string& path) {
  if (path == "-") return ReadAtMost(std::cin, "standard input");
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return absl::ErrnoToStatus(errno, path);
  if (S_ISDIR(info.st_mode)) return absl::InvalidArgumentError(absl::StrCat(path, ": is a folder"));
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::ErrnoToStatus(errno, path);
  return ReadAtMost(file, path);
}

JobFile ParseJobFile(std::string name, std::string text) {
  v1::Job job;
  MessageFile file = ReadMessage(std::move(name), std::move(text), &job);
  return {std::move(file), std::move(job)};
}

absl::StatusOr<JobFile> ReadJobFile(const std::string& path) {
  absl::StatusOr<std::string> text = ReadText(path);
  if (!text.ok()) return text.status();
  return ParseJobFile(NameOf(path), *std::move(text));
}

absl::StatusOr<ForkFile> ReadForkFile(const std::string& path) {
  absl::StatusOr<std::string> text = ReadText(path);
  if (!text.ok()) return text.status();
  v1::ForkJobRequest request;
  MessageFile file = ReadMessage(NameOf(path), *std::move(text), &request);
  return ForkFile{std::move(file), std::move(request)};
}

absl::StatusOr<SourceText> ReadSource(const std::string& path) {
  absl::StatusOr<std::string> text = ReadText(path);
  if (!text.ok()) return text.status();
  return SourceText(NameOf(path), *std::move(text));
}

std::vector<Problem> LocateViolations(const MessageFile& file, const absl::Status& status) {
  std::vector<Problem> problems;
  for (const FieldViolation& violation : ViolationsOf(status)) {
    problems.push_back({PlaceOf(file.reading, violation.field), JsonPath(violation.field), violation.description});
  }
  SortByPlace(problems);
  return problems;
}

bool CanBeJudged(const MessageFile& file) {
  const std::vector<Problem>& problems = file.reading.problems;
  return file.reading.only_values && std::none_of(problems.begin(), problems.end(), [](const Problem& problem) {
           return problem.position.line == 0 || absl::EndsWithIgnoreCase(problem.field, "dimension");
         });
}

void AddViolations(MessageFile& file, const absl::Status& status) {
  std::vector<Problem>& problems = file.reading.problems;
  const size_t own = problems.size();
  for (Problem& told : LocateViolations(file, status)) {
    const auto concerns = [&](const Problem& unread) { return IsWithin(unread.field, told.field) || IsWithin(told.field, unread.field); };
    if (std::any_of(problems.begin(), problems.begin() + static_cast<std::ptrdiff_t>(own), concerns)) continue;
    problems.push_back(std::move(told));
  }
  SortByPlace(problems);
}

}  // namespace sliceflow::cli
