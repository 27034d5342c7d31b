// What is read back from the store: jobs and events whose bytes may have been damaged.
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/clock.h"
#include "common/errors.h"
#include "server/events/projection.h"
#include "tests/fuzz/require.h"

namespace sliceflow::fuzz {
namespace {

void CheckJob(const std::string& bytes) {
  const absl::StatusOr<events::JobView> view = events::ViewOf({.id = "a", .number = 1, .version = 1, .job = bytes});
  if (!view.ok()) return Require(absl::IsDataLoss(view.status()), "a job that cannot be read is data loss");
  // What was read can be changed and written again.
  events::Change change;
  change.job = view->job;
  change.job.mutable_progress()->set_last_sequence(1);
  change.version = 1;
  change.events.emplace_back().mutable_log()->set_message("seen");
  static Clock& clock = *new Clock;
  const store::JobCommit commit = events::MakeCommit(change, clock);
  Require(commit.row.last_sequence == 2 && commit.events.size() == 1, "a commit goes on after the sequence that was stored");
  // An error that a job carries is one that clients can be told.
  if (view->job.has_error()) (void)ToRpcStatus(FromRpcStatus(view->job.error()));
}

void CheckEvent(const std::string& bytes) {
  const absl::StatusOr<events::EventPtr> event = events::DecodeEvent({.sequence = 1, .event = bytes});
  if (!event.ok()) Require(absl::IsDataLoss(event.status()), "an event that cannot be read is data loss");
}

}  // namespace
}  // namespace sliceflow::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 0) {
    sliceflow::fuzz::CheckJob(bytes);
  } else {
    sliceflow::fuzz::CheckEvent(bytes);
  }
  return 0;
}
