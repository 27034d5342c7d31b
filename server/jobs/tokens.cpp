#include "server/jobs/tokens.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/errors.h"
#include "common/ids.h"
#include "common/json.h"
#include "common/quoted.h"
#include "server/jobs/sha256.h"

namespace sliceflow::jobs {
namespace {

constexpr absl::string_view kPrefix = "sft_";
constexpr size_t kSecretBytes = 32;
constexpr size_t kHashBytes = 32;
constexpr size_t kLongestToken = 200;
constexpr size_t kMaxOwner = 63;
constexpr size_t kMaxDescription = 200;
// How old the time of the last use may become.
constexpr absl::Duration kUseInterval = absl::Minutes(1);

absl::Status Invalid() {
  return WithReason(absl::UnauthenticatedError("the token is not valid: it is mistyped, was revoked, or is another server's"),
                    "TOKEN_INVALID");
}

absl::StatusOr<std::string> NewSecret() {
  std::array<unsigned char, kSecretBytes> bytes;
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) return absl::UnavailableError("the system gives no random numbers");
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

}  // namespace

bool IsOwnerName(absl::string_view owner) {
  if (owner.empty() || owner.size() > kMaxOwner) return false;
  for (const char c : owner) {
    if (!absl::ascii_islower(c) && !absl::ascii_isdigit(c) && c != '.' && c != '_' && c != '@' && c != '-') return false;
  }
  return absl::ascii_islower(owner[0]) || absl::ascii_isdigit(owner[0]);
}

absl::StatusOr<std::string> Tokens::Create(const std::string& owner, v1::Role role, std::optional<absl::Time> expires,
                                           const std::string& description) {
  FieldViolations violations;
  const absl::Time now = clock_.Now();
  if (!IsOwnerName(owner)) violations.Add("owner", absl::StrCat("must match [a-z0-9][a-z0-9._@-]{0,62}, is ", Quoted(owner)));
  if (role != v1::VIEWER && role != v1::USER && role != v1::ADMIN) violations.Add("role", "must be viewer, user or admin");
  if (expires.has_value() && *expires <= now) violations.Add("expires", "must be in the future");
  if (ValidUtf8Prefix(description) < description.size() ||
      std::any_of(description.begin(), description.end(), [](unsigned char c) { return absl::ascii_iscntrl(c); })) {
    violations.Add("description", absl::StrCat("must be text without control characters, is ", Quoted(description)));
  }
  if (description.size() > kMaxDescription) violations.Add("description", absl::StrCat("must have at most ", kMaxDescription, " bytes"));
  if (!violations.empty()) return violations.ToStatus();

  const absl::StatusOr<std::string> secret = NewSecret();
  if (!secret.ok()) return secret.status();
  const store::TokenRow row{.id = NewId(),
                            .secret_hash = Sha256(*secret),
                            .owner = owner,
                            .role = role,
                            .description = description,
                            .create_time_us = absl::ToUnixMicros(now),
                            .expire_time_us = expires.has_value() ? absl::ToUnixMicros(*expires) : 0};
  if (absl::Status status = store_.Create(row); !status.ok()) return status;
  return absl::StrCat(kPrefix, row.id, "_", *secret);
}

absl::StatusOr<std::string> Tokens::CreateLink(const std::string& owner, const std::string& job_id, absl::Time expires) {
  const absl::StatusOr<std::string> secret = NewSecret();
  if (!secret.ok()) return secret.status();
  const store::TokenRow row{.id = NewId(),
                            .secret_hash = Sha256(*secret),
                            .owner = owner,
                            .role = v1::VIEWER,
                            .job_id = job_id,
                            .description = absl::StrCat("link to jobs/", job_id),
                            .create_time_us = absl::ToUnixMicros(clock_.Now()),
                            .expire_time_us = absl::ToUnixMicros(expires)};
  if (absl::Status status = store_.CreateLink(row, kMostLinks); !status.ok()) return status;
  return absl::StrCat(kPrefix, row.id, "_", *secret);
}

absl::StatusOr<int> Tokens::RevokeLinks(const std::string& job_id) {
  absl::StatusOr<int> ended = store_.RevokeLinks(job_id, absl::ToUnixMicros(clock_.Now()));
  LookAgain();
  return ended;
}

absl::Status Tokens::Revoke(const std::string& id) {
  absl::Status status = store_.Revoke(id, absl::ToUnixMicros(clock_.Now()));
  LookAgain();
  return status;
}

// What this process ended counts no longer once it has said so.
void Tokens::LookAgain() {
  const absl::MutexLock lock(&mutex_);
  last_look_ = -absl::InfiniteDuration();
}

absl::Status Tokens::Refresh(absl::Duration age) {
  const absl::Duration now = clock_.Uptime();
  if (now - last_look_ < age) return absl::OkStatus();
  const absl::StatusOr<int64_t> version = store_.Version();
  if (!version.ok()) return version.status();
  if (version_ != *version) {
    absl::StatusOr<std::vector<store::TokenRow>> rows = store_.List();
    if (!rows.ok()) return rows.status();
    rows_.clear();
    for (store::TokenRow& row : *rows) rows_[row.id] = std::move(row);
    version_ = *version;
  }
  last_look_ = now;
  return absl::OkStatus();
}

absl::StatusOr<store::TokenRow> Tokens::Find(absl::string_view id) {
  absl::MutexLock lock(&mutex_);
  if (absl::Status status = Refresh(kRefresh); !status.ok()) return status;
  auto found = rows_.find(id);
  if (found == rows_.end()) {
    if (absl::Status status = Refresh(absl::ZeroDuration()); !status.ok()) return status;
    found = rows_.find(id);
  }
  if (found == rows_.end()) return Invalid();
  return found->second;
}

absl::Status Tokens::CheckTimes(const store::TokenRow& row) const {
  if (row.revoke_time_us != 0) return Invalid();
  const bool expired = row.expire_time_us != 0 && absl::ToUnixMicros(clock_.Now()) >= row.expire_time_us;
  if (!expired) return absl::OkStatus();
  return WithReason(absl::UnauthenticatedError("the token has expired; ask for a new one"), "TOKEN_EXPIRED");
}

absl::StatusOr<Identity> Tokens::Verify(absl::string_view token) {
  if (token.size() > kLongestToken || !absl::ConsumePrefix(&token, kPrefix)) return Invalid();
  const size_t separator = token.find('_');
  if (separator == absl::string_view::npos) return Invalid();
  const absl::StatusOr<store::TokenRow> row = Find(token.substr(0, separator));
  if (!row.ok()) return row.status();
  const std::string hash = Sha256(token.substr(separator + 1));
  if (row->secret_hash.size() != kHashBytes || CRYPTO_memcmp(hash.data(), row->secret_hash.data(), kHashBytes) != 0) return Invalid();
  if (absl::Status status = CheckTimes(*row); !status.ok()) return status;
  RecordUse(*row);
  return Identity{row->id, row->owner, static_cast<v1::Role>(row->role), row->job_id};
}

absl::Status Tokens::Recheck(const std::string& token_id) {
  const absl::StatusOr<store::TokenRow> row = Find(token_id);
  return row.ok() ? CheckTimes(*row) : row.status();
}

// A use that cannot be recorded is no reason to refuse it.
void Tokens::RecordUse(const store::TokenRow& row) {
  const int64_t now = absl::ToUnixMicros(clock_.Now());
  // A use after the present one was noted by a clock that has been set back since.
  const bool noted = now >= row.last_use_time_us && now < row.last_use_time_us + absl::ToInt64Microseconds(kUseInterval);
  if (noted) return;
  {
    absl::MutexLock lock(&mutex_);
    const auto known = rows_.find(row.id);
    if (known == rows_.end() || known->second.last_use_time_us != row.last_use_time_us) return;  // another call does
    known->second.last_use_time_us = now;
  }
  store_.RecordUse(row.id, now).IgnoreError();
}

}  // namespace sliceflow::jobs
