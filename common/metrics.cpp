#include "common/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <map>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"

namespace sliceflow {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildHistogram;
using prometheus::Counter;
using prometheus::Family;
using prometheus::Histogram;
using prometheus::Registry;

constexpr absl::Duration kTextAge = absl::Seconds(1);

// Bounds of the histograms' buckets. Unit: seconds.
const Histogram::BucketBoundaries& ShortTimes() {
  static const auto& bounds =
      *new Histogram::BucketBoundaries{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
  return bounds;
}
const Histogram::BucketBoundaries& LongTimes() {
  static const auto& bounds = *new Histogram::BucketBoundaries{0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800};
  return bounds;
}

// Far beyond what there is; so that a mistake in the choice of labels costs figures and not memory.
constexpr size_t kMostLabels = 1000;

// Metrics of one family by their labels. A family's own look-up makes a metric anew each time. Beyond kMostLabels there is one metric
// for all further labels, whose values are `other`.
template <typename Metric>
class ByLabels {
 public:
  explicit ByLabels(Family<Metric>& family) : family_(family) {}

  template <typename... Arguments>
  Metric& At(const prometheus::Labels& labels, const Arguments&... arguments) {
    absl::MutexLock lock(&mutex_);
    if (const auto found = metrics_.find(labels); found != metrics_.end()) return *found->second;
    if (metrics_.size() < kMostLabels) return Add(labels, arguments...);
    prometheus::Labels other = labels;
    for (auto& [name, value] : other) value = "other";
    const auto found = metrics_.find(other);
    return found == metrics_.end() ? Add(other, arguments...) : *found->second;
  }

 private:
  template <typename... Arguments>
  Metric& Add(const prometheus::Labels& labels, const Arguments&... arguments) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return *metrics_.emplace(labels, &family_.Add(labels, arguments...)).first->second;
  }

  Family<Metric>& family_;
  absl::Mutex mutex_;
  std::map<prometheus::Labels, Metric*> metrics_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

class Metrics::Impl {
 public:
  std::string Text() {
    absl::MutexLock lock(&mutex_);
    const absl::Duration now = Uptime();
    if (now < text_time_ + kTextAge) return text_;
    std::vector<prometheus::MetricFamily> families = registry.Collect();
    for (const Gauge& gauge : gauges_) families.push_back(Read(gauge));
    text_ = prometheus::TextSerializer().Serialize(families);
    text_time_ = now;
    return text_;
  }

  void AddGauge(std::string name, std::string help, std::function<std::vector<Sample>()> read) {
    absl::MutexLock lock(&mutex_);
    gauges_.push_back({std::move(name), std::move(help), std::move(read)});
  }

  Registry registry;
  ByLabels<Counter> calls{
      BuildCounter().Name("sliceflow_grpc_requests_total").Help("Calls that were answered, by method and status code.").Register(registry)};
  ByLabels<Histogram> call_seconds{
      BuildHistogram().Name("sliceflow_grpc_request_seconds").Help("Time from a call's arrival to its answer.").Register(registry)};
  ByLabels<Counter> steps{BuildCounter().Name("sliceflow_steps_total").Help("Steps that became durable, by solver.").Register(registry)};
  ByLabels<Histogram> step_seconds{
      BuildHistogram().Name("sliceflow_step_seconds").Help("Time that a worker took for a step, by solver.").Register(registry)};
  ByLabels<Counter> restarts{
      BuildCounter().Name("sliceflow_worker_restarts_total").Help("Starts of workers that had ended, by worker.").Register(registry)};
  Histogram& commit_seconds = BuildHistogram()
                                  .Name("sliceflow_store_commit_seconds")
                                  .Help("Time of a transaction of the store from its beginning until it was durable.")
                                  .Register(registry)
                                  .Add({}, ShortTimes());

 private:
  struct Gauge {
    std::string name;
    std::string help;
    std::function<std::vector<Sample>()> read;
  };

  static prometheus::MetricFamily Read(const Gauge& gauge) {
    prometheus::MetricFamily family{gauge.name, gauge.help, prometheus::MetricType::Gauge, {}};
    for (const Sample& sample : gauge.read()) {
      prometheus::ClientMetric metric;
      for (const auto& [name, value] : sample.labels) metric.label.push_back({name, value});
      metric.gauge.value = sample.value;
      family.metric.push_back(std::move(metric));
    }
    return family;
  }

  absl::Mutex mutex_;
  std::vector<Gauge> gauges_ ABSL_GUARDED_BY(mutex_);
  std::string text_ ABSL_GUARDED_BY(mutex_);
  absl::Duration text_time_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}

Metrics::~Metrics() = default;

void Metrics::CallEnded(const std::string& method, const std::string& code, absl::Duration duration) {
  impl_->calls.At({{"method", method}, {"code", code}}).Increment();
  impl_->call_seconds.At({{"method", method}}, ShortTimes()).Observe(absl::ToDoubleSeconds(duration));
}

void Metrics::StepStored(const std::string& solver, double seconds) {
  impl_->steps.At({{"solver", solver}}).Increment();
  impl_->step_seconds.At({{"solver", solver}}, LongTimes()).Observe(seconds);
}

void Metrics::CommitDone(absl::Duration duration) { impl_->commit_seconds.Observe(absl::ToDoubleSeconds(duration)); }

void Metrics::WorkerRestarted(const std::string& worker_id) { impl_->restarts.At({{"worker", worker_id}}).Increment(); }

void Metrics::AddGauge(std::string name, std::string help, std::function<std::vector<Sample>()> read) {
  impl_->AddGauge(std::move(name), std::move(help), std::move(read));
}

std::string Metrics::Text() { return impl_->Text(); }

}  // namespace sliceflow
