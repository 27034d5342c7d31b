#include "server/worker/landlock.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace sliceflow::worker {
namespace {

// The same number on every architecture.
constexpr long kCreateRuleset = 444;
constexpr long kRestrictSelf = 446;
constexpr unsigned kAskVersion = 1;

// linux/landlock.h as of version 6: struct landlock_ruleset_attr, which grew with the versions.
struct Ruleset {
  uint64_t files;
  uint64_t network;
  uint64_t scopes;
};
constexpr int kNetworkSince = 4;
constexpr int kScopesSince = 6;
constexpr uint64_t kAbstractSocketsAndSignals = 3;

// All rights on files that a version knows: 13 in the first, then refer, truncate, and ioctl of devices with version 5.
uint64_t Files(int version) {
  const int rights = version >= 5 ? 16 : std::min(version, 3) + 12;
  return (uint64_t{1} << rights) - 1;
}

size_t SizeOf(int version) {
  if (version < kNetworkSince) return offsetof(Ruleset, network);
  return version < kScopesSince ? offsetof(Ruleset, scopes) : sizeof(Ruleset);
}

}  // namespace

int LandlockVersion() {
  const long version = syscall(kCreateRuleset, nullptr, 0, kAskVersion);
  return version < 0 ? 0 : static_cast<int>(version);
}

absl::Status CloseFileSystem(int version) {
  // A right that is handled and that no rule gives is refused.
  const Ruleset ruleset{Files(version), 0, version >= kScopesSince ? kAbstractSocketsAndSignals : 0};
  const int rules = static_cast<int>(syscall(kCreateRuleset, &ruleset, SizeOf(version), 0));
  const bool closed = rules >= 0 && syscall(kRestrictSelf, rules, 0) == 0;
  const int why = errno;
  if (rules >= 0) close(rules);
  return closed ? absl::OkStatus() : absl::FailedPreconditionError(absl::StrCat("Landlock: ", std::strerror(why)));
}

}  // namespace sliceflow::worker
