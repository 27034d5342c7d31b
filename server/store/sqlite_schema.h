// The tables of sliceflow.db and how older ones become today's. docs/event_log.md describes them.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "server/store/sqlite_connection.h"

namespace sliceflow::store {

// The newest schema, kept in user_version.
int SchemaVersion();

// Runs the migrations that are missing up to the schema `to`, each in one transaction. `folder` is the data folder, whose files are asked
// for what older schemas did not write down. FailedPrecondition when the schema is newer than this program or the file belongs to another
// one.
absl::Status Migrate(Connection& connection, const std::string& folder, int to = SchemaVersion());

}  // namespace sliceflow::store
