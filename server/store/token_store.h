// The table of tokens. A process of its own may use it beside a daemon: no lock of the folder is needed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sliceflow::store {

// What is kept of a token; the secret itself is not.
struct TokenRow {
  std::string id;
  std::string secret_hash;  // SHA-256, 32 bytes
  std::string owner;
  int role = 0;        // sliceflow.v1.Role
  std::string job_id;  // of a link: the only job that it shows; empty for other tokens
  std::string description;
  int64_t create_time_us = 0;
  int64_t expire_time_us = 0;    // 0: never
  int64_t revoke_time_us = 0;    // 0: not revoked
  int64_t last_use_time_us = 0;  // 0: not used yet; now and then brought up to date
};

// Thread-safe. A call returns once what it wrote is durable. Errors as those of Store.
class TokenStore {
 public:
  virtual ~TokenStore() = default;

  virtual absl::Status Create(const TokenRow& row) = 0;
  // The same for a link, unless its job has `most` already that count at its time of creation: ResourceExhausted.
  virtual absl::Status CreateLink(const TokenRow& row, int most) = 0;
  // All, also those that do not count any more, oldest first.
  virtual absl::StatusOr<std::vector<TokenRow>> List() = 0;
  // Of links of a job: revokes those that neither expired nor were revoked, and says how many. Links that expired are forgotten.
  virtual absl::StatusOr<int> RevokeLinks(absl::string_view job_id, int64_t time_us) = 0;
  // NotFound; a token that is revoked already keeps its time.
  virtual absl::Status Revoke(absl::string_view id, int64_t time_us) = 0;
  virtual absl::Status RecordUse(absl::string_view id, int64_t time_us) = 0;
  // Raised by every token that is made or revoked, by whatever process.
  virtual absl::StatusOr<int64_t> Version() = 0;
};

// Opens DIR/sliceflow.db, which is made in a folder that is new, or brought to today's schema where no daemon is using the folder.
// FailedPrecondition where one of another version is, or where the file is newer than this program; with reason DATABASE_MISSING where it
// has gone from a data folder, DATABASE_GONE where a daemon's log of it has.
absl::StatusOr<std::unique_ptr<TokenStore>> OpenTokenStore(const std::string& folder);

}  // namespace sliceflow::store
