// sample, density, upload, datasets and dataset.
#include <memory>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "client/cli/arguments.h"
#include "client/cli/commands.h"
#include "client/cli/describe.h"
#include "client/cli/errors.h"
#include "client/cli/table_files.h"

namespace sliceflow::cli {
namespace {

struct DrawArguments {
  std::string job;
  std::optional<int32_t> step;
  int32_t count = 0;
  uint64_t seed = 0;
  std::string points;
  std::string output;  // empty: standard output
};

struct UploadArguments {
  std::string file;
  std::string id;
  std::string title;
  std::optional<double> scale;
  int64_t rows = 0;
  std::string format;
};

struct RowArguments {
  std::string dataset;
  int32_t count = 1000;
  std::string owner;
  std::string output;  // empty: standard output
};

int Deliver(Context& context, const std::string& output, const std::string& name, const Tensor& tensor) {
  Console& console = context.console;
  if (output.empty()) {
    const std::string text = console.json() ? absl::StrCat("{\"", name, "\":", ToJson(tensor), "}") : ToCsv(tensor);
    console.Data(absl::StripSuffix(text, "\n"));
    return kExitSuccess;
  }
  if (absl::Status status = WriteTable(output, name, tensor); !status.ok()) return ReportUsage(console, status);
  const std::string shape = absl::StrJoin(tensor.shape, ", ");
  if (console.json()) {
    console.Data(absl::StrCat("{\"name\":\"", name, "\",\"shape\":[", shape, "]}"));
  } else {
    console.Message(absl::StrCat(name, " of shape [", shape, "] in ", output));
  }
  return kExitSuccess;
}

int Sample(Context& context, const DrawArguments& arguments) {
  if (!arguments.output.empty()) {
    if (absl::Status status = CheckOutputName(arguments.output); !status.ok()) return ReportUsage(context.console, status);
  }
  v1::SampleJobRequest request;
  request.set_name(FullName("jobs", arguments.job));
  if (arguments.step) request.set_step(*arguments.step);
  request.set_count(arguments.count);
  request.set_seed(arguments.seed);
  absl::StatusOr<Tensor> samples = context.MakeClient().Sample(request);
  if (!samples.ok()) return ReportError(context, samples.status());
  return Deliver(context, arguments.output, "samples", *samples);
}

int Density(Context& context, const DrawArguments& arguments) {
  if (!arguments.output.empty()) {
    if (absl::Status status = CheckOutputName(arguments.output); !status.ok()) return ReportUsage(context.console, status);
  }
  absl::StatusOr<Tensor> points = ReadPoints(arguments.points);
  if (!points.ok()) return ReportUsage(context.console, points.status());
  absl::StatusOr<Tensor> values = context.MakeClient().EvaluateDensity(FullName("jobs", arguments.job), arguments.step, *points);
  if (!values.ok()) return ReportError(context, values.status());
  return Deliver(context, arguments.output, "log_density", *values);
}

// By the name's ending: .csv .tsv .txt, .npy, .idx and MNIST's -ubyte, each also with .gz.
absl::StatusOr<v1::DatasetFormat> FormatOf(const UploadArguments& arguments) {
  const std::string lower = absl::AsciiStrToLower(arguments.file);
  absl::string_view name = lower;
  v1::DatasetFormat format;
  format.set_gzip(absl::ConsumeSuffix(&name, ".gz"));
  const auto ends = [&](absl::string_view suffix) { return absl::EndsWith(name, suffix); };
  const std::string& asked = arguments.format;
  if (asked == "csv" || (asked.empty() && (ends(".csv") || ends(".tsv") || ends(".txt")))) {
    format.set_kind(v1::DatasetFormat::CSV);
  } else if (asked == "npy" || (asked.empty() && ends(".npy"))) {
    format.set_kind(v1::DatasetFormat::NPY);
  } else if (asked == "idx" || (asked.empty() && (ends(".idx") || ends("-ubyte")))) {
    format.set_kind(v1::DatasetFormat::IDX);
  } else {
    return absl::InvalidArgumentError(absl::StrCat(arguments.file, ": its name does not tell its format; say --format csv, npy or idx"));
  }
  if (arguments.scale) format.set_scale(*arguments.scale);
  format.set_max_rows(arguments.rows);
  return format;
}

// The server's refusal of a table, with the name of the file it speaks of.
absl::Status OfFile(const std::string& file, const absl::Status& status) {
  if (client::IsUnreachable(status)) return status;
  absl::Status named(status.code(), absl::StrCat(file, ": ", status.message()));
  status.ForEachPayload([&](absl::string_view type, const absl::Cord& payload) { named.SetPayload(type, payload); });
  return named;
}

int Upload(Context& context, const UploadArguments& arguments) {
  Console& console = context.console;
  absl::StatusOr<v1::DatasetFormat> format = FormatOf(arguments);
  if (!format.ok()) return ReportUsage(console, format.status());
  client::UploadOptions options;
  options.path = arguments.file;
  options.dataset_id = absl::StartsWith(arguments.id, "datasets/") ? arguments.id.substr(9) : arguments.id;
  options.display_name = arguments.title;
  options.format = *format;
  if (console.live()) {
    options.on_progress = [&console](int64_t sent, int64_t size) {
      console.Draw(absl::StrCat("\r\x1b[Ksending: ", sent * 100 / size, " %"));
    };
  }
  absl::StatusOr<v1::Dataset> dataset = context.MakeClient().UploadDataset(options);
  if (console.live()) console.Draw("\r\x1b[K");
  if (!dataset.ok()) {
    // Errors with the file itself name it; the server does not know its name.
    const bool local = absl::StartsWith(dataset.status().message(), arguments.file);
    return local ? ReportUsage(console, dataset.status()) : ReportError(context, OfFile(arguments.file, dataset.status()));
  }
  if (console.json()) {
    console.Json(*dataset, false);
  } else {
    console.Data(dataset->name());
    console.Message(DatasetLine(*dataset));
  }
  return kExitSuccess;
}

int ListDatasets(Context& context) {
  client::Client client = context.MakeClient();
  v1::ListDatasetsResponse all;
  v1::ListDatasetsRequest request;
  do {
    absl::StatusOr<v1::ListDatasetsResponse> page = client.ListDatasets(request);
    if (!page.ok()) return ReportError(context, page.status());
    all.mutable_datasets()->MergeFrom(page->datasets());
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  if (context.console.json()) {
    context.console.Json(all, false);
  } else {
    context.console.Data(DatasetTable({all.datasets().begin(), all.datasets().end()}));
  }
  return kExitSuccess;
}

int Rows(Context& context, const RowArguments& arguments) {
  if (!arguments.output.empty()) {
    if (absl::Status status = CheckOutputName(arguments.output); !status.ok()) return ReportUsage(context.console, status);
  }
  v1::SampleDatasetRequest request;
  request.set_name(FullName("datasets", arguments.dataset));
  request.set_owner(arguments.owner);
  request.set_count(arguments.count);
  absl::StatusOr<Tensor> rows = context.MakeClient().SampleDataset(request);
  if (!rows.ok()) return ReportError(context, rows.status());
  return Deliver(context, arguments.output, "rows", *rows);
}

void AddOutput(CLI::App* command, std::string& output) {
  command->add_option("-o,--output", output, "Where to: .npz, .npy or .csv (default: CSV on standard output)");
}

void AddStep(CLI::App* command, const std::shared_ptr<DrawArguments>& arguments) {
  command->add_option("JOB", arguments->job, "jobs/ID or ID")->required();
  command->add_option("--step", arguments->step, "The step (default: the newest that is kept)")->transform(WholeNumber<int32_t>(0));
  AddOutput(command, arguments->output);
}

}  // namespace

void AddDataCommands(CLI::App& app, Context& context) {
  auto drawing = std::make_shared<DrawArguments>();
  CLI::App* sample = app.add_subcommand("sample", "Draw samples at a step of a job");
  AddStep(sample, drawing);
  sample->add_option("--count", drawing->count, "How many")->required()->transform(WholeNumber<int32_t>(1));
  sample->add_option("--seed", drawing->seed, "The same seed gives the same samples (default 0)")->transform(WholeNumber<uint64_t>(0));
  sample->callback([&context, drawing] { context.run = [&context, drawing] { return Sample(context, *drawing); }; });

  auto evaluating = std::make_shared<DrawArguments>();
  CLI::App* density = app.add_subcommand("density", "Evaluate the logarithm of a job's density at points");
  AddStep(density, evaluating);
  density->add_option("--points", evaluating->points, "The points, one a row: .npy, .npz or .csv")->required();
  density->callback([&context, evaluating] { context.run = [&context, evaluating] { return Density(context, *evaluating); }; });

  auto sending = std::make_shared<UploadArguments>();
  CLI::App* upload = app.add_subcommand("upload", "Upload a table and print its name; an upload that broke off goes on where it was");
  upload->add_option("FILE", sending->file, "Numbers in .csv, .npy or .idx (also ...-ubyte), each also with .gz")->required();
  upload->add_option("--id", sending->id, "The id in datasets/ID (default: made from the content)");
  upload->add_option("--title", sending->title, "A title for people");
  upload->add_option("--scale", sending->scale, "Multiply every value by this");
  upload->add_option("--rows", sending->rows, "Keep only the first rows")->transform(WholeNumber<int64_t>(1));
  upload->add_option("--format", sending->format, "csv, npy or idx (default: by the name)")->check(CLI::IsMember({"csv", "npy", "idx"}));
  upload->callback([&context, sending] { context.run = [&context, sending] { return Upload(context, *sending); }; });

  CLI::App* datasets = app.add_subcommand("datasets", "List data sets, newest first");
  datasets->callback([&context] { context.run = [&context] { return ListDatasets(context); }; });

  auto picking = std::make_shared<RowArguments>();
  CLI::App* dataset = app.add_subcommand("dataset", "Look at a data set")->require_subcommand(1);
  CLI::App* rows = dataset->add_subcommand("rows", "Read rows of a data set, evenly spread over its table and in its order");
  rows->add_option("DATASET", picking->dataset, "datasets/ID or ID")->required();
  rows->add_option("--count", picking->count, "At most how many (default 1000); all where there are no more")
      ->transform(WholeNumber<int32_t>(1));
  rows->add_option("--owner", picking->owner, "Whose data set it is (default: one's own); for admins");
  AddOutput(rows, picking->output);
  rows->callback([&context, picking] { context.run = [&context, picking] { return Rows(context, *picking); }; });
}

}  // namespace sliceflow::cli
