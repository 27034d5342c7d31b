#include "server/events/projection.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace sliceflow::events {
namespace {

int64_t PendingSteps(const v1::Job& job) {
  return IsFinal(job.state()) ? 0 : std::max(0, job.progress().total_steps() - job.progress().completed_steps());
}

void NumberEvents(Change& change, Clock& clock) {
  int64_t sequence = change.job.progress().last_sequence();
  for (v1::JobEvent& event : change.events) {
    event.set_sequence(++sequence);
    if (!event.has_time()) *event.mutable_time() = ToTimestamp(clock.Now());
    if (change.step.has_value() && event.has_step_completed()) change.step->sequence = sequence;
  }
  change.job.mutable_progress()->set_last_sequence(sequence);
  change.job.set_etag(absl::StrCat("v", change.version + 1));
}

// Checkpoints of shared steps are read with what they were made from.
void AddDatasetsOfAncestors(const store::Fork& fork, std::vector<std::string>& ids) {
  for (const store::ForkAncestor& ancestor : fork.ancestors) {
    v1::Job made_from;
    if (!made_from.ParseFromString(ancestor.made_from)) continue;
    const std::vector<std::string> more = DatasetsOf(made_from.spec());
    ids.insert(ids.end(), more.begin(), more.end());
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
}

}  // namespace

std::string JobId(const v1::Job& job) { return std::string(absl::StripPrefix(job.name(), "jobs/")); }

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  const int64_t microseconds = absl::ToUnixMicros(time);
  google::protobuf::Timestamp timestamp;
  timestamp.set_seconds(microseconds / 1'000'000);
  timestamp.set_nanos(static_cast<int32_t>(microseconds % 1'000'000) * 1'000);
  return timestamp;
}

absl::Time ToTime(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
}

int64_t Microseconds(const google::protobuf::Timestamp& time) { return time.seconds() * 1'000'000 + time.nanos() / 1'000; }

bool IsFinal(int state) { return state == v1::Job::SUCCEEDED || state == v1::Job::FAILED || state == v1::Job::CANCELLED; }

std::vector<std::string> DatasetsOf(const v1::FlowSpec& spec) {
  std::vector<std::string> names = {spec.initial().dataset().dataset()};
  for (const v1::FunctionalTerm& term : spec.functional().terms()) {
    names.push_back(term.potential().bayesian_logistic_regression().dataset());
    names.push_back(term.relative_entropy().potential().bayesian_logistic_regression().dataset());
    names.push_back(term.sliced_wasserstein().dataset());
    names.push_back(term.mmd().dataset());
  }
  for (const v1::Metric& metric : spec.output().metrics()) names.push_back(metric.target_distance().dataset());
  names.push_back(spec.model().latent_flow().dataset());
  std::vector<std::string> ids;
  for (const std::string& name : names) {
    if (!name.empty()) ids.emplace_back(absl::StripPrefix(name, "datasets/"));
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

store::JobCommit MakeCommit(Change& change, Clock& clock) {
  NumberEvents(change, clock);
  const v1::Job& job = change.job;
  store::JobCommit commit;
  commit.row.id = JobId(job);
  commit.row.version = change.version;
  commit.row.state = job.state();
  commit.row.create_time_us = Microseconds(job.create_time());
  commit.row.display_name = job.display_name();
  commit.row.owner = job.owner();
  commit.row.priority = job.priority();
  commit.row.device = job.device();
  commit.row.labels = {job.labels().begin(), job.labels().end()};
  commit.row.datasets = DatasetsOf(job.spec());
  if (change.fork.has_value()) AddDatasetsOfAncestors(*change.fork, commit.row.datasets);
  commit.row.last_sequence = job.progress().last_sequence();
  commit.row.worker_failures = change.worker_failures;
  commit.row.pending_steps = PendingSteps(job);
  commit.row.end_time_us = Microseconds(job.end_time());
  commit.row.delete_time_us = Microseconds(job.delete_time());
  commit.row.purge_time_us = Microseconds(job.purge_time());
  commit.row.job = job.SerializeAsString();
  for (const v1::JobEvent& event : change.events) {
    commit.events.push_back(store::EventRow{event.sequence(), Microseconds(event.time()), event.SerializeAsString()});
  }
  commit.step = change.step;
  commit.dropped_checkpoints = change.dropped_checkpoints;
  commit.drop_events_before = change.drop_events_before;
  commit.fork = change.fork;
  return commit;
}

absl::StatusOr<JobView> ViewOf(const store::JobRow& row) {
  JobView view;
  if (!view.job.ParseFromString(row.job)) return absl::DataLossError(absl::StrCat("the stored job ", row.id, " is damaged"));
  view.job.set_stored_bytes(row.stored_bytes);
  view.version = row.version;
  view.number = row.number;
  view.worker_failures = row.worker_failures;
  return view;
}

absl::StatusOr<EventPtr> DecodeEvent(const store::EventRow& row) {
  auto event = std::make_shared<v1::JobEvent>();
  if (!event->ParseFromString(row.event)) return absl::DataLossError(absl::StrCat("the stored event ", row.sequence, " is damaged"));
  return event;
}

}  // namespace sliceflow::events
