// What a race of solvers over one job brought, as a table and as JSON.
#pragma once

#include <google/protobuf/struct.pb.h>

#include <string>
#include <vector>

#include "sliceflow/v1/job.pb.h"

namespace sliceflow::cli {

// A figure after a step.
struct RacePoint {
  int step = 0;
  double seconds = 0;  // of computing since the start, by the worker's clock
  double value = 0;
};

// One solver's run.
struct RaceLane {
  std::string solver;  // as a job file names it
  std::string model;
  bool own_model = true;  // false: the file's model did not fit
  v1::Job job;            // as it ended
  std::vector<RacePoint> points;
};

// The name of the figure to race by: `asked` where it is not empty, else the first known error among the metrics of the report, else `energy`.
std::string RaceMetric(const v1::StepReport& report, const std::string& asked);

// The figures that every step of such a job has, step 0 among them, by their names in reports. The specification may be without defaults.
std::vector<std::string> FiguresOf(const v1::FlowSpec& spec);

// Adds the figure that the report has by that name; false where it has none.
bool AddPoint(const v1::StepReport& report, const std::string& metric, RaceLane& lane);

// The newest figure of every lane at ten times up to `seconds`, and below it how each lane ended.
std::string RaceTable(const std::vector<RaceLane>& lanes, const std::string& metric, double seconds);

// {"metric", "seconds", "lanes": [{"solver", "model", "job", "state", "points": [{"step", "seconds", "value"}]}]}
google::protobuf::Struct RaceJson(const std::vector<RaceLane>& lanes, const std::string& metric, double seconds);

}  // namespace sliceflow::cli
