// What the daemon tells of itself as numbers, in the text format of Prometheus. docs/operations.md lists every metric.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace sliceflow {

// Thread-safe. Labels have few values, known beforehand: never an owner, a job or anything else a user chooses. Of a metric the first
// thousand sets of labels are kept apart, further ones are counted together as `other`. Reporting costs a look-up and an addition under a
// short lock.
class Metrics {
 public:
  Metrics();
  ~Metrics();

  // A call of a method (`/package.Service/Method`) was answered with a status code (`NOT_FOUND`).
  void CallEnded(const std::string& method, const std::string& code, absl::Duration duration);
  // A step of a job became durable; `seconds` as the worker measured it.
  void StepStored(const std::string& solver, double seconds);
  // A transaction of the store was committed, from its beginning.
  void CommitDone(absl::Duration duration);
  // A worker that had ended was started again.
  void WorkerRestarted(const std::string& worker_id);

  // A value of one set of labels.
  struct Sample {
    std::vector<std::pair<std::string, std::string>> labels;
    double value = 0;
  };
  // A gauge whose values are read whenever the metrics are asked for, under a lock of its own: `read` may wait briefly, as for a query of
  // the store, but not for Metrics. `read` is called until this is destroyed.
  void AddGauge(std::string name, std::string help, std::function<std::vector<Sample>()> read);

  // Everything, at most a second old: however often it is asked for, gauges are read once a second.
  std::string Text();

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace sliceflow
