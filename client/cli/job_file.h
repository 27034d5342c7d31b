// Files that say what is wanted, of a job or of a fork: YAML or JSON with the field names of the contract.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/source_text.h"
#include "client/cli/yaml_message.h"
#include "sliceflow/v1/job_service.pb.h"

namespace sliceflow::cli {

// What was read. `reading.problems` says what is wrong with the text; the message beside it counts only when that is empty.
struct MessageFile {
  SourceText source;
  YamlReading reading;
};
struct JobFile : MessageFile {
  v1::Job job;
};
struct ForkFile : MessageFile {
  v1::ForkJobRequest request;
};

// The bytes of a file of at most 1 MiB; `-` is standard input.
absl::StatusOr<std::string> ReadText(const std::string& path);

// Reads a file of at most 1 MiB of UTF-8; `-` is standard input. Errors are those of reading the file; what is wrong with the text is in the
// answer.
absl::StatusOr<JobFile> ReadJobFile(const std::string& path);
absl::StatusOr<ForkFile> ReadForkFile(const std::string& path);

// The same from a text.
JobFile ParseJobFile(std::string name, std::string text);

// A text that is no job, such as the source of an expression, read in the same way.
absl::StatusOr<SourceText> ReadSource(const std::string& path);

// The field violations of a server's answer, each beside the place of the file that it speaks of, in the order of the file.
std::vector<Problem> LocateViolations(const MessageFile& file, const absl::Status& status);

// Whether what was read of a file with problems can still be judged by a server: each problem is one value, of a field on which nothing
// else depends as it does on a dimension.
bool CanBeJudged(const MessageFile& file);

// Adds what a server says of what could be read to the file's own problems, in the order of the file. What it says of a field that was not
// read, or of what that field is part of, counts for nothing.
void AddViolations(MessageFile& file, const absl::Status& status);

}  // namespace sliceflow::cli
