#include "common/failpoint.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace sliceflow {
namespace {

constexpr std::array<std::pair<absl::string_view, Failpoint>, 10> kPoints{{
    {"blob.before_write", Failpoint::kBeforeBlobWrite},
    {"blob.after_write", Failpoint::kAfterBlobWrite},
    {"commit.before", Failpoint::kBeforeCommit},
    {"commit.after", Failpoint::kAfterCommit},
    {"answer.before", Failpoint::kBeforeAnswer},
    {"step.before_acknowledgement", Failpoint::kBeforeAcknowledgement},
    {"worker.before_checkpoint", Failpoint::kBeforeWorkerCheckpoint},
    {"worker.after_checkpoint", Failpoint::kAfterWorkerCheckpoint},
    {"worker.before_step_done", Failpoint::kBeforeWorkerStepDone},
    {"worker.after_step_done", Failpoint::kAfterWorkerStepDone},
}};

// Times left until a point is deadly; what is not armed counts down from 0 and never comes to 0 again.
std::array<std::atomic<int64_t>, kPoints.size()> left;

absl::Status Malformed(absl::string_view entry) {
  return absl::InvalidArgumentError(
      absl::StrCat(kFailpointsVariable, ": '", entry, "' is not a point and a number from 1, such as commit.after=3"));
}

}  // namespace

namespace failpoint_internal {

std::atomic<bool> armed{false};

void Pass(Failpoint point) {
  // In a worker's cage a process may signal itself by tgkill, which raise is.
  if (left[static_cast<size_t>(point)].fetch_sub(1) == 1) raise(SIGKILL);
}

}  // namespace failpoint_internal

absl::Status ArmFailpoints(absl::string_view text) {
  std::vector<std::pair<Failpoint, int64_t>> wanted;
  for (const absl::string_view entry : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(entry, absl::MaxSplits('=', 1));
    const auto* const named = std::find_if(kPoints.begin(), kPoints.end(), [&](const auto& point) { return point.first == parts.first; });
    int64_t times = 0;
    if (named == kPoints.end() || !absl::SimpleAtoi(parts.second, &times) || times < 1) return Malformed(entry);
    wanted.emplace_back(named->second, times);
  }
  for (const auto& [point, times] : wanted) left[static_cast<size_t>(point)] = times;
  failpoint_internal::armed = !wanted.empty();
  return absl::OkStatus();
}

}  // namespace sliceflow
