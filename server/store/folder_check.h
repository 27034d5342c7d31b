// Whether a data folder is what the daemon takes it for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sliceflow::store {

struct FolderCheck {
  std::vector<std::string> problems;  // what is damaged or missing
  std::vector<std::string> notes;     // what is in order and worth knowing
  int64_t files = 0;                  // that were read
};

// Reads every page of the database, its references between tables, and every file that it refers to, with its checksum; looks for files
// that nothing refers to. These are a problem where no daemon uses the folder and nothing else is wrong with them: a crash leaves some, and
// the next start removes them. Also for a folder in use. Changes nothing. FailedPrecondition when it is no data folder, or of a schema that
// is not this program's.
absl::StatusOr<FolderCheck> CheckFolder(const std::string& data_dir);

}  // namespace sliceflow::store
