// check-expression.
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/cli/arguments.h"
#include "client/cli/commands.h"
#include "client/cli/errors.h"
#include "client/cli/job_file.h"
#include "client/cli/table_files.h"

namespace sliceflow::cli {
namespace {

struct ExpressionArguments {
  std::string file;
  std::string kind;
  int32_t dimension = 0;
  std::string points;
  std::optional<int32_t> noise_dimension;
  std::vector<std::string> parameters;
};

const std::map<std::string, v1::CheckExpressionRequest::Kind>& Kinds() {
  static const auto& kinds = *new std::map<std::string, v1::CheckExpressionRequest::Kind>{
      {"potential", v1::CheckExpressionRequest::POTENTIAL},
      {"interaction", v1::CheckExpressionRequest::INTERACTION},
      {"generator", v1::CheckExpressionRequest::GENERATOR},
  };
  return kinds;
}

// 64x2, or 64x2@0.1 with the initial scale.
absl::Status ReadParameter(const std::string& text, v1::GeneratorParameter& parameter) {
  const std::vector<std::string> parts = absl::StrSplit(text, absl::MaxSplits('@', 1));
  double scale = 0;
  bool fits = parts.size() == 1 || absl::SimpleAtod(parts[1], &scale);
  for (const absl::string_view side : absl::StrSplit(parts[0], 'x')) {
    int32_t number = 0;
    fits = fits && absl::SimpleAtoi(side, &number);
    parameter.add_shape(number);
  }
  if (parts.size() > 1) parameter.set_initial_scale(scale);
  if (fits) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--parameter: must be its sides, such as 64x2 or 64x2@0.1 with its initial scale; it is '", text, "'"));
}

absl::Status SetGenerator(const ExpressionArguments& arguments, v1::CheckExpressionRequest& request) {
  const bool is_generator = request.kind() == v1::CheckExpressionRequest::GENERATOR;
  if (!is_generator && (arguments.noise_dimension || !arguments.parameters.empty())) {
    return absl::InvalidArgumentError("--noise-dimension and --parameter belong to --kind generator");
  }
  if (arguments.noise_dimension) request.set_noise_dimension(*arguments.noise_dimension);
  for (const std::string& text : arguments.parameters) {
    if (absl::Status status = ReadParameter(text, *request.add_parameters()); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<Tensor> FromChunk(const v1::TensorChunk& chunk) {
  return UnpackValues(chunk.data(), {chunk.shape().begin(), chunk.shape().end()});
}

// `0.5` or `(1, -1)`.
std::string Row(const Tensor& tensor, int64_t row) {
  const int64_t columns = tensor.shape.size() > 1 ? tensor.shape[1] : 1;
  std::vector<std::string> numbers;
  for (int64_t k = 0; k < columns; ++k) numbers.push_back(absl::StrFormat("%.6g", tensor.values[row * columns + k]));
  return tensor.shape.size() > 1 ? absl::StrCat("(", absl::StrJoin(numbers, ", "), ")") : numbers[0];
}

// `gradients`: empty for a generator.
std::string Table(const Tensor& points, const Tensor& values, const Tensor& gradients) {
  const bool is_generator = gradients.shape.empty();
  std::vector<std::vector<std::string>> rows{is_generator ? std::vector<std::string>{"noise", "sample", ""}
                                                          : std::vector<std::string>{"point", "value", "gradient"}};
  for (int64_t i = 0; i < points.rows(); ++i) {
    rows.push_back({Row(points, i), Row(values, i), is_generator ? "" : Row(gradients, i)});
  }
  size_t widths[2] = {0, 0};
  for (const auto& row : rows) {
    for (size_t k = 0; k < 2; ++k) widths[k] = std::max(widths[k], row[k].size());
  }
  std::vector<std::string> lines;
  for (const auto& row : rows) {
    std::string line = absl::StrFormat("%-*s  %-*s  %s", widths[0], row[0], widths[1], row[1], row[2]);
    absl::StripTrailingAsciiWhitespace(&line);
    lines.push_back(std::move(line));
  }
  return absl::StrJoin(lines, "\n");
}

// Where a line of the text begins, from 1.
int FirstColumn(absl::string_view text, int line) {
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  if (line < 1 || line > static_cast<int>(lines.size())) return 1;
  const size_t blanks = lines[line - 1].find_first_not_of(" \t");
  return blanks == absl::string_view::npos ? 1 : static_cast<int>(blanks) + 1;
}

int ReportExpressionRefusal(Console& console, const SourceText& source, const v1::CheckExpressionResponse& response) {
  if (console.json()) {
    console.Json(response, true);
    return kExitRefused;
  }
  const v1::ExpressionRefusal& refusal = response.refusal();
  std::string text =
      source.Render({{refusal.line(), FirstColumn(source.text(), refusal.line())}, "", refusal.reason()}, console.width(), console.color());
  if (!text.empty() && text.back() == '\n') text.pop_back();
  console.Message(text);
  return kExitRefused;
}

int ShowValues(Context& context, const v1::CheckExpressionResponse& response) {
  Console& console = context.console;
  const absl::StatusOr<Tensor> points = FromChunk(response.points());
  const absl::StatusOr<Tensor> values = FromChunk(response.values());
  const absl::StatusOr<Tensor> gradients = response.has_gradients() ? FromChunk(response.gradients()) : Tensor();
  for (const auto* part : {&points, &values, &gradients}) {
    if (!part->ok()) return ReportError(context, part->status());
  }
  if (console.json()) {
    console.Data(absl::StrCat("{\"finite\":", response.finite() ? "true" : "false", ",\"points\":", ToJson(*points), ",\"values\":",
                              ToJson(*values), response.has_gradients() ? absl::StrCat(",\"gradients\":", ToJson(*gradients)) : "", "}"));
    return kExitSuccess;
  }
  console.Data(Table(*points, *values, *gradients));
  if (!response.finite()) console.Message("some of these numbers are not finite; a flow that meets such a point ends there");
  return kExitSuccess;
}

int CheckExpression(Context& context, const ExpressionArguments& arguments) {
  Console& console = context.console;
  absl::StatusOr<SourceText> source = ReadSource(arguments.file);
  if (!source.ok()) return ReportUsage(console, source.status());
  v1::CheckExpressionRequest request;
  request.set_kind(Kinds().at(arguments.kind));
  if (!IsUtf8(source->text())) return ReportUsage(console, absl::InvalidArgumentError(absl::StrCat(source->name(), ": is not UTF-8 text")));
  request.set_source(source->text());
  request.set_dimension(arguments.dimension);
  if (absl::Status status = SetGenerator(arguments, request); !status.ok()) return ReportUsage(console, status);
  if (!arguments.points.empty()) {
    const absl::StatusOr<Tensor> points = ReadPoints(arguments.points);
    if (!points.ok()) return ReportUsage(console, points.status());
    request.mutable_points()->mutable_shape()->Assign(points->shape.begin(), points->shape.end());
    request.mutable_points()->set_data(PackValues(points->values));
    request.mutable_points()->set_last(true);
  }
  const absl::StatusOr<v1::CheckExpressionResponse> response = context.MakeClient().CheckExpression(request);
  if (!response.ok()) return ReportError(context, response.status());
  return response->has_refusal() ? ReportExpressionRefusal(console, *source, *response) : ShowValues(context, *response);
}

}  // namespace

void AddExpressionCommand(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<ExpressionArguments>();
  CLI::App* check = app.add_subcommand("check-expression", "Check a potential, kernel or generator of your own and show its values");
  check->add_option("FILE", arguments->file, "TorchScript source that defines it; - is standard input")->required();
  check
      ->add_option("--kind", arguments->kind, "potential: V of points; interaction: W of differences; generator: G of noise and parameters")
      ->required()
      ->check(CLI::IsMember({"potential", "interaction", "generator"}));
  check->add_option("--dimension", arguments->dimension, "The dimension of the points, or of what a generator gives")
      ->required()
      ->transform(WholeNumber<int32_t>(1));
  check->add_option("--points", arguments->points,
                    "Where to evaluate it, one point, or noise, a row: .npy, .npz or .csv (default: three points)");
  check
      ->add_option("--noise-dimension", arguments->noise_dimension, "The dimension of a generator's noise (default: that of what it gives)")
      ->transform(WholeNumber<int32_t>(1));
  check->add_option(
      "--parameter", arguments->parameters,
      "The sides of what a generator is trained in, such as 64x2, or 64x2@0.1 with the initial scale; one for each, in order");
  check->callback([&context, arguments] { context.run = [&context, arguments] { return CheckExpression(context, *arguments); }; });
}

}  // namespace sliceflow::cli
