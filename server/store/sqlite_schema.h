// The tables of sliceflow.db and how older ones become today's. docs/event_log.md describes them.
#pragma once

#include "absl/status/status.h"
#include "server/store/sqlite_connection.h"

namespace sliceflow::store {

// The newest schema, kept in user_version.
int SchemaVersion();

// Runs the migrations that are missing, each in one transaction. FailedPrecondition when the schema is newer than this program or the file
// belongs to another one.
absl::Status Migrate(Connection& connection);

}  // namespace sliceflow::store
