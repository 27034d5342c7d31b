#include "server/events/projection.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace sliceflow::events {
namespace {

int64_t Microseconds(const google::protobuf::Timestamp& time) { return time.seconds() * 1'000'000 + time.nanos() / 1'000; }

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

}  // namespace

std::string JobId(const v1::Job& job) { return std::string(absl::StripPrefix(job.name(), "jobs/")); }

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  const int64_t microseconds = absl::ToUnixMicros(time);
  google::protobuf::Timestamp timestamp;
  timestamp.set_seconds(microseconds / 1'000'000);
  timestamp.set_nanos(static_cast<int32_t>(microseconds % 1'000'000) * 1'000);
  return timestamp;
}

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
  commit.row.labels = {job.labels().begin(), job.labels().end()};
  commit.row.datasets = DatasetsOf(job.spec());
  commit.row.last_sequence = job.progress().last_sequence();
  commit.row.worker_failures = change.worker_failures;
  commit.row.job = job.SerializeAsString();
  for (const v1::JobEvent& event : change.events) {
    commit.events.push_back(store::EventRow{event.sequence(), Microseconds(event.time()), event.SerializeAsString()});
  }
  commit.step = change.step;
  commit.dropped_checkpoints = change.dropped_checkpoints;
  return commit;
}

absl::StatusOr<JobView> ViewOf(const store::JobRow& row) {
  JobView view;
  if (!view.job.ParseFromString(row.job)) return absl::DataLossError(absl::StrCat("the stored job ", row.id, " is damaged"));
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
