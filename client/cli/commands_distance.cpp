// distance.
#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/arguments.h"
#include "client/cli/commands.h"
#include "client/cli/describe.h"
#include "client/cli/errors.h"
#include "client/cli/job_file.h"
#include "common/errors.h"

namespace sliceflow::cli {
namespace {

struct DistanceArguments {
  std::string first;
  std::string second;
  std::string kind = "sw2";
  std::optional<int32_t> samples;
  uint64_t seed = 0;
  std::optional<int32_t> projections;
  std::optional<double> order;
  std::optional<double> bandwidth;
  std::string features;
  std::vector<std::string> weights;
};

// jobs/ID or jobs/ID@STEP.
absl::Status ReadJobStep(const std::string& text, v1::JobStep& step) {
  const size_t at = text.find('@');
  step.set_job(text.substr(0, at));
  if (at == std::string::npos) return absl::OkStatus();
  int32_t number = 0;
  if (!absl::SimpleAtoi(text.substr(at + 1), &number)) {
    return absl::InvalidArgumentError(absl::StrCat(text, ": what follows @ must be the number of a step"));
  }
  step.set_step(number);
  return absl::OkStatus();
}

// A file's content is told with its places, as of job files. `status` of files that are wrong in themselves carries field violations.
absl::Status ReadOperandFile(const std::string& path, v1::DistanceOperand& operand) {
  absl::StatusOr<std::string> text = ReadText(path);
  if (!text.ok()) return text.status();
  if (!IsUtf8(*text)) return absl::InvalidArgumentError(absl::StrCat(path, ": is not UTF-8 text"));
  FieldViolations violations;
  for (const Problem& problem : ReadYaml(*text, &operand).problems) {
    violations.Add(problem.field, absl::StrCat(path, ":", problem.position.line, ":", problem.position.column, ": ", problem.description));
  }
  return violations.ToStatus();
}

absl::Status ReadOperand(const std::string& text, v1::DistanceOperand& operand) {
  if (absl::StartsWith(text, "jobs/")) return ReadJobStep(text, *operand.mutable_job_step());
  if (!absl::StartsWith(text, "datasets/")) return ReadOperandFile(text, operand);
  operand.set_dataset(text);
  return absl::OkStatus();
}

void SetSliced(const DistanceArguments& arguments, v1::Distance& distance) {
  v1::SlicedWassersteinDistance& sliced = *distance.mutable_sliced_wasserstein();
  if (arguments.order) sliced.set_order(*arguments.order);
  if (arguments.projections) sliced.set_num_projections(*arguments.projections);
}

void SetMmd(const DistanceArguments& arguments, v1::Distance& distance) {
  v1::MmdDistance& mmd = *distance.mutable_mmd();
  if (arguments.bandwidth) mmd.set_bandwidth(*arguments.bandwidth);
}

void SetFrechet(const DistanceArguments& arguments, v1::Distance& distance) {
  v1::FrechetDistance& frechet = *distance.mutable_frechet();
  frechet.set_features(arguments.features);
  for (const std::string& weight : arguments.weights) frechet.add_weights(weight);
}

// A value of --kind, what it is called in answers, and how it is asked for.
struct Kind {
  const char* name;
  const char* label;
  void (*set)(const DistanceArguments&, v1::Distance&);
};
constexpr Kind kKinds[] = {
    {"sw2", "SW2²", SetSliced},
    {"w2", "W2²", [](const DistanceArguments&, v1::Distance& distance) { distance.mutable_wasserstein(); }},
    {"bures", "W2² of Gaussian fits", [](const DistanceArguments&, v1::Distance& distance) { distance.mutable_bures(); }},
    {"mmd", "MMD²", SetMmd},
    {"energy", "energy distance", [](const DistanceArguments&, v1::Distance& distance) { distance.mutable_energy(); }},
    {"kl", "KL", [](const DistanceArguments&, v1::Distance& distance) { distance.mutable_kl(); }},
    {"symmetric-kl", "symmetric KL", [](const DistanceArguments&, v1::Distance& distance) { distance.mutable_symmetric_kl(); }},
    {"gaussian-symmetric-kl", "symmetric KL of Gaussian fits",
     [](const DistanceArguments&, v1::Distance& distance) { distance.mutable_gaussian_symmetric_kl(); }},
    {"frechet", "Fréchet distance", SetFrechet},
};

std::vector<std::string> KindNames() {
  std::vector<std::string> names;
  for (const Kind& kind : kKinds) names.emplace_back(kind.name);
  return names;
}

// The parser has seen to it that there is one.
const Kind& FindKind(const std::string& name) {
  return *std::find_if(std::begin(kKinds), std::end(kKinds), [&](const Kind& kind) { return name == kind.name; });
}

absl::Status CheckOptions(const DistanceArguments& arguments) {
  if (arguments.kind != "sw2" && (arguments.projections || arguments.order)) {
    return absl::InvalidArgumentError("--projections and --p belong to --kind sw2");
  }
  if (arguments.kind != "mmd" && arguments.bandwidth) return absl::InvalidArgumentError("--bandwidth belongs to --kind mmd");
  if (arguments.kind != "frechet" && (!arguments.features.empty() || !arguments.weights.empty())) {
    return absl::InvalidArgumentError("--features and --weight belong to --kind frechet");
  }
  return absl::OkStatus();
}

std::string SideText(const v1::DistanceOperand& operand, const std::string& text, int samples) {
  const std::string name = operand.has_job_step() ? absl::StrCat(operand.job_step().job(), "@", operand.job_step().step()) : text;
  return absl::StrCat(name, " (", samples, " samples)");
}

// Puts the content of the file in the place of its name.
absl::Status ReadFeatures(std::string& features) {
  if (features.empty()) return absl::OkStatus();
  const std::string path = features;
  absl::StatusOr<std::string> text = ReadText(path);
  if (!text.ok()) return text.status();
  if (!IsUtf8(*text)) return absl::InvalidArgumentError(absl::StrCat(path, ": is not UTF-8 text"));
  features = *std::move(text);
  return absl::OkStatus();
}

int Distance(Context& context, DistanceArguments arguments) {
  Console& console = context.console;
  if (absl::Status status = CheckOptions(arguments); !status.ok()) return ReportUsage(console, status);
  if (absl::Status status = ReadFeatures(arguments.features); !status.ok()) return ReportUsage(console, status);
  v1::ComputeDistanceRequest request;
  for (const auto& [text, operand] :
       {std::pair(&arguments.first, request.mutable_first()), std::pair(&arguments.second, request.mutable_second())}) {
    const absl::Status status = ReadOperand(*text, *operand);
    if (!ViolationsOf(status).empty()) return ReportError(context, status);
    if (!status.ok()) return ReportUsage(console, status);
  }
  const Kind& kind = FindKind(arguments.kind);
  kind.set(arguments, *request.mutable_distance());
  if (arguments.samples) request.set_samples(*arguments.samples);
  request.set_seed(arguments.seed);
  const absl::StatusOr<v1::ComputeDistanceResponse> answer = context.MakeClient().ComputeDistance(request);
  if (!answer.ok()) return ReportError(context, answer.status());
  if (console.json()) {
    console.Json(*answer, false);
    return kExitSuccess;
  }
  console.Data(absl::StrCat(Number(answer->value()), " ± ", Number(answer->standard_error())));
  console.Message(absl::StrCat(arguments.order ? "SW_p^p" : kind.label, " from ",
                               SideText(answer->request().first(), arguments.first, answer->first_samples()), " to ",
                               SideText(answer->request().second(), arguments.second, answer->second_samples())));
  return kExitSuccess;
}

}  // namespace

void AddDistanceCommand(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<DistanceArguments>();
  CLI::App* distance = app.add_subcommand("distance", "Estimate the distance between two distributions");
  const char* operand = "jobs/ID, jobs/ID@STEP, datasets/ID, or a YAML or JSON file with a gaussian or a mixture";
  distance->add_option("A", arguments->first, operand)->required();
  distance->add_option("B", arguments->second, operand)->required();
  distance->add_option("--kind", arguments->kind, absl::StrCat(absl::StrJoin(KindNames(), ", "), " (default sw2)"))
      ->check(CLI::IsMember(KindNames()));
  distance->add_option("--samples", arguments->samples, "Samples of each side (default 10000, or the kind's bound)")
      ->transform(WholeNumber<int32_t>(1));
  distance->add_option("--seed", arguments->seed, "The same seed gives the same answer (default 0)")->transform(WholeNumber<uint64_t>(0));
  distance->add_option("--projections", arguments->projections, "Random directions of sw2 (default 1000)")
      ->transform(WholeNumber<int32_t>(1));
  distance->add_option("--p", arguments->order, "Order p of sw2, which is then SW_p^p (default 2)");
  distance->add_option("--bandwidth", arguments->bandwidth, "Bandwidth of mmd's kernel (default: the median distance)");
  distance->add_option("--features", arguments->features,
                       "File with TorchScript source of the features of frechet (default: the samples themselves)");
  distance->add_option("--weight", arguments->weights, "Further arguments of the features, in their order: datasets/ID, a matrix each");
  distance->callback([&context, arguments] { context.run = [&context, arguments] { return Distance(context, *arguments); }; });
}

}  // namespace sliceflow::cli
