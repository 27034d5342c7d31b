// The folder that holds all that the daemon keeps.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sliceflow::store {

// Makes the data folder, for its owner alone, with the folders above it; nothing where it is there already, whatever its mode. Unavailable
// where it cannot be made.
absl::Status MakeDataFolder(const std::string& folder);

// Whether there is a database in `folder`. Unavailable where the system does not say.
absl::StatusOr<bool> HasDatabase(const std::string& folder);

// FailedPrecondition, saying so, where there is no database in `folder`; with reason DATABASE_MISSING where there is something else of a
// data folder.
absl::Status CheckIsDataFolder(const std::string& folder);

// OK where there is a database in `folder`, or nothing of a data folder: else FailedPrecondition with reason DATABASE_MISSING.
absl::Status CheckIsDataFolderOrNew(const std::string& folder);

// The same for a daemon, which is not kept from beginning by what it would neither need nor remove: FailedPrecondition with reason
// DATABASE_MISSING where there are files of jobs or of data sets, or a database's log, but no database.
absl::Status CheckLosesNothing(const std::string& folder);

// For who opens the database beside a daemon: FailedPrecondition with reason DATABASE_GONE where the daemon's write-ahead log was removed.
// A second log would be begun.
absl::Status CheckLogIsThere(const std::string& folder);

// Whether the daemon keeps something under this name, directly in the data folder, or may at another time.
bool IsNameOfDataFolder(absl::string_view name);

// Whether other users of the machine may look into a folder that is there.
bool IsOpenToOthers(const std::string& folder);

}  // namespace sliceflow::store
