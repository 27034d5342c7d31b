#include "client/cli/race.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/describe.h"

namespace sliceflow::cli {
namespace {

// Errors that can be read without more: the nearer to 0 the better.
constexpr const char* kErrors[] = {"closed_form_symmetric_kl", "kl_to_target", "target_distance"};
constexpr char kEnergy[] = "energy";
constexpr int kRows = 10;

const v1::MetricValue* FindMetric(const v1::StepReport& report, const std::string& name) {
  for (const v1::MetricValue& metric : report.metrics()) {
    if (metric.name() == name) return &metric;
  }
  return nullptr;
}

// What a metric adds to each step, as its comment in the contract says.
std::vector<std::string> FiguresOf(const v1::Metric& metric) {
  switch (metric.kind_case()) {
    case v1::Metric::kHeldOutPrediction:
      return {"accuracy", "log_likelihood"};
    case v1::Metric::kRadius:
      return {"radius_mean", "radius_deviation"};
    case v1::Metric::kClosedForm:
      return {"closed_form_symmetric_kl"};
    case v1::Metric::kTargetDistance:
      return {"target_distance"};
    case v1::Metric::kRelativeEntropyToTarget:
      return {"kl_to_target", "effective_sample_size"};
    case v1::Metric::kModeCoverage:
      return {"mode_coverage"};
    case v1::Metric::kMoments:
      return {"mean_norm", "variance_norm", "second_moment"};
    case v1::Metric::KIND_NOT_SET:
      return {};
  }
  return {};
}

// The newest figure at the time; `-` before the first.
std::string ValueAt(const RaceLane& lane, double seconds) {
  std::string value = "-";
  for (const RacePoint& point : lane.points) {
    if (point.seconds <= seconds) value = Number(point.value);
  }
  return value;
}

std::vector<std::string> Ending(const RaceLane& lane) {
  const std::string model = lane.own_model ? lane.model : absl::StrCat(lane.model, " (the file's does not fit)");
  const bool ran = !lane.points.empty();
  return {lane.solver,
          model,
          v1::Job::State_Name(lane.job.state()),
          ran ? absl::StrCat(lane.points.back().step, "/", lane.job.progress().total_steps()) : "-",
          ran ? Number(lane.points.back().seconds) : "-",
          ran ? Number(lane.points.back().value) : "-"};
}

google::protobuf::Value Text(const std::string& text) {
  google::protobuf::Value value;
  value.set_string_value(text);
  return value;
}

google::protobuf::Value Figure(double figure) {
  google::protobuf::Value value;
  value.set_number_value(figure);
  return value;
}

google::protobuf::Value LaneJson(const RaceLane& lane) {
  google::protobuf::Value value;
  auto& fields = *value.mutable_struct_value()->mutable_fields();
  fields["solver"] = Text(lane.solver);
  fields["model"] = Text(lane.model);
  fields["job"] = Text(lane.job.name());
  fields["state"] = Text(v1::Job::State_Name(lane.job.state()));
  auto& points = *fields["points"].mutable_list_value();
  for (const RacePoint& point : lane.points) {
    auto& entry = *points.add_values()->mutable_struct_value()->mutable_fields();
    entry["step"] = Figure(point.step);
    entry["seconds"] = Figure(point.seconds);
    entry["value"] = Figure(point.value);
  }
  return value;
}

}  // namespace

std::string RaceMetric(const v1::StepReport& report, const std::string& asked) {
  if (!asked.empty()) return asked;
  for (const char* name : kErrors) {
    if (FindMetric(report, name) != nullptr) return name;
  }
  return kEnergy;
}

std::vector<std::string> FiguresOf(const v1::FlowSpec& spec) {
  std::vector<std::string> names = {kEnergy};
  for (const v1::Metric& metric : spec.output().metrics()) {
    for (std::string& name : FiguresOf(metric)) names.push_back(std::move(name));
  }
  if (spec.schedule().step_halving()) names.emplace_back("step_halving_difference");
  return names;
}

bool AddPoint(const v1::StepReport& report, const std::string& metric, RaceLane& lane) {
  const v1::MetricValue* found = FindMetric(report, metric);
  if (found == nullptr && metric != kEnergy) return false;
  const double before = lane.points.empty() ? 0 : lane.points.back().seconds;
  lane.points.push_back(
      {.step = report.step(), .seconds = before + report.seconds(), .value = found != nullptr ? found->value() : report.energy()});
  return true;
}

std::string RaceTable(const std::vector<RaceLane>& lanes, const std::string& metric, double seconds) {
  std::vector<std::vector<std::string>> rows = {{absl::StrCat(metric, " at s")}};
  for (const RaceLane& lane : lanes) rows.front().push_back(lane.solver);
  for (int row = 1; row <= kRows; ++row) {
    const double time = seconds * row / kRows;
    rows.push_back({Number(time)});
    for (const RaceLane& lane : lanes) rows.back().push_back(ValueAt(lane, time));
  }
  std::vector<std::vector<std::string>> endings = {{"solver", "model", "state", "steps", "seconds", metric}};
  for (const RaceLane& lane : lanes) endings.push_back(Ending(lane));
  return absl::StrCat(Table(rows), "\n\n", Table(endings));
}

google::protobuf::Struct RaceJson(const std::vector<RaceLane>& lanes, const std::string& metric, double seconds) {
  google::protobuf::Struct race;
  auto& fields = *race.mutable_fields();
  fields["metric"] = Text(metric);
  fields["seconds"] = Figure(seconds);
  auto& list = *fields["lanes"].mutable_list_value();
  for (const RaceLane& lane : lanes) *list.add_values() = LaneJson(lane);
  return race;
}

}  // namespace sliceflow::cli
