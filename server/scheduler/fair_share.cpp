#include "server/scheduler/fair_share.h"

#include <algorithm>
#include <cmath>

namespace sliceflow::scheduler {
namespace {

// What a turn counts at least, in seconds. Handing out a job costs about as much; and of two workers that fall free at once the second goes
// to another owner than the first.
constexpr double kLeastTurn = 0.05;
// Accounts beyond which those of owners who have had next to nothing are dropped.
constexpr size_t kManyAccounts = 1024;

double Turn(absl::Duration started, absl::Duration now) { return std::max(absl::ToDoubleSeconds(now - started), kLeastTurn); }

}  // namespace

void FairShare::Begin(const std::string& owner, absl::Duration now) {
  if (accounts_.size() >= kManyAccounts) Forget(now);
  accounts_[owner].started.push_back(now);
}

void FairShare::End(const std::string& owner, absl::Duration started, absl::Duration now) {
  Account& account = accounts_[owner];
  const auto turn = std::find(account.started.begin(), account.started.end(), started);
  if (turn != account.started.end()) account.started.erase(turn);
  account.seconds = Weighed(account, now) + Turn(started, now);
  account.then = now;
}

double FairShare::Usage(const std::string& owner, absl::Duration now) const {
  const auto account = accounts_.find(owner);
  if (account == accounts_.end()) return 0;
  double seconds = Weighed(account->second, now);
  for (const absl::Duration started : account->second.started) seconds += Turn(started, now);
  return seconds;
}

double FairShare::Weighed(const Account& account, absl::Duration now) const {
  return account.seconds * std::exp2(-absl::FDivDuration(now - account.then, half_life_));
}

void FairShare::Forget(absl::Duration now) {
  for (auto account = accounts_.begin(); account != accounts_.end();) {
    const bool idle = account->second.started.empty() && Weighed(account->second, now) < kLeastTurn;
    account = idle ? accounts_.erase(account) : std::next(account);
  }
}

}  // namespace sliceflow::scheduler
