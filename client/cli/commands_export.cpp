// export.
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "client/cli/arguments.h"
#include "client/cli/commands.h"
#include "client/cli/describe.h"
#include "client/cli/errors.h"
#include "common/filesystem.h"
#include "common/json.h"

namespace sliceflow::cli {
namespace {

struct ExportArguments {
  std::string job;
  std::optional<int32_t> step;
  std::string format = "torchscript";
  std::string output;
  bool overwrite = false;
};

// Asked before the work whose result goes there.
absl::Status CheckOutput(const ExportArguments& arguments) {
  if (arguments.output == "-") {
    return absl::InvalidArgumentError("--output: must be the name of a file; a model is not written to standard output (-)");
  }
  const std::filesystem::path path(arguments.output);
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return absl::InvalidArgumentError(absl::StrCat(arguments.output, ": is a folder"));
  if (!arguments.overwrite && std::filesystem::exists(path, error)) {
    return absl::AlreadyExistsError(absl::StrCat(arguments.output, ": exists; say --overwrite to replace it"));
  }
  const std::string folder = path.parent_path().string();
  if (access(folder.empty() ? "." : folder.c_str(), W_OK) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat(arguments.output, ": its folder cannot be written"));
}

int Export(Context& context, const ExportArguments& arguments) {
  Console& console = context.console;
  if (absl::Status status = CheckOutput(arguments); !status.ok()) return ReportUsage(console, status);
  v1::ExportModelRequest request;
  request.set_name(FullName("jobs", arguments.job));
  if (arguments.step) request.set_step(*arguments.step);
  const bool tensors = arguments.format == "safetensors";
  request.set_format(tensors ? v1::ExportModelRequest::SAFETENSORS : v1::ExportModelRequest::TORCH_SCRIPT);
  if (console.live()) console.Draw("\r\x1b[Kthe server writes the model");
  absl::StatusOr<std::string> file = context.MakeClient().ExportModel(request, [&console](int64_t bytes) {
    if (console.live()) console.Draw(absl::StrCat("\r\x1b[Kreceived: ", bytes >> 20, " MiB"));
  });
  if (console.live()) console.Draw("\r\x1b[K");
  if (!file.ok()) return ReportError(context, file.status());
  if (absl::Status status = RealFileSystem().WriteFileDurably(arguments.output, *file); !status.ok()) return ReportUsage(console, status);
  if (console.json()) {
    console.Data(absl::StrCat("{\"file\":", JsonString(arguments.output), ",\"bytes\":", file->size(), "}"));
  } else {
    console.Message(absl::StrCat("model of ", file->size(), " bytes in ", arguments.output));
  }
  return kExitSuccess;
}

}  // namespace

void AddExportCommand(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<ExportArguments>();
  CLI::App* command = app.add_subcommand("export", "Write the model at a step of a job to a file, to be used elsewhere");
  command->add_option("JOB", arguments->job, "jobs/ID or ID")->required();
  command->add_option("--step", arguments->step, "The step (default: the newest that is kept)")->transform(WholeNumber<int32_t>(0));
  command->add_option("--format", arguments->format, "torchscript, which torch.jit.load reads, or safetensors (default torchscript)")
      ->check(CLI::IsMember({"torchscript", "safetensors"}));
  command->add_option("-o,--output", arguments->output, "The file to write")->required();
  command->add_flag("--overwrite", arguments->overwrite, "Replace a file of that name");
  command->callback([&context, arguments] { context.run = [&context, arguments] { return Export(context, *arguments); }; });
}

}  // namespace sliceflow::cli
