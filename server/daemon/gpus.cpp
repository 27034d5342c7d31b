#include "server/daemon/gpus.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/log.h"

namespace sliceflow::daemon {
namespace {

constexpr char kAuto[] = "auto";
constexpr char kNone[] = "none";
constexpr int kMostGpus = 64;
constexpr char kPlugin[] = "libsliceflow_cuda.so";

// Empty where one is no number, or twice.
std::set<int> Numbers(absl::string_view text) {
  std::set<int> numbers;
  for (const absl::string_view word : absl::StrSplit(text, ',')) {
    int number = -1;
    if (!absl::SimpleAtoi(word, &number) || number < 0 || number >= kMostGpus || !numbers.insert(number).second) return {};
  }
  return numbers;
}

// As the worker looks for it (kernels::FindCudaPlugin), which is in the folder of its program.
bool HasPlugin(const std::string& worker) {
  const char* const named = std::getenv("SLICEFLOW_CUDA_PLUGIN");
  if (named != nullptr && *named != '\0') return access(named, R_OK) == 0;
  const std::string folder = worker.substr(0, worker.rfind('/') + 1);
  const std::array<std::string, 2> places{absl::StrCat(folder, kPlugin), absl::StrCat(folder, "../lib/sliceflow/", kPlugin)};
  return std::any_of(places.begin(), places.end(), [](const std::string& place) { return access(place.c_str(), R_OK) == 0; });
}

std::vector<GpuDevice> Numbered(const std::vector<Gpu>& gpus) {
  std::vector<GpuDevice> devices;
  for (const Gpu& gpu : gpus) devices.push_back({absl::StrCat("cuda:", devices.size()), gpu});
  return devices;
}

std::vector<GpuDevice> AllThatThereAre(const Settings& settings) {
  const absl::StatusOr<std::vector<Gpu>> gpus = ListGpus();
  if (absl::IsNotFound(gpus.status())) {
    Log(LogLevel::kDebug, absl::StrCat("no GPU: ", gpus.status().message()));
    return {};
  }
  if (!gpus.ok()) {
    Log(LogLevel::kWarn, absl::StrCat("GPUs are not used: ", gpus.status().message()));
    return {};
  }
  if (gpus->empty()) return {};
  if (!HasPlugin(settings.worker)) {
    Log(LogLevel::kInfo, absl::StrCat(gpus->size(), " GPUs are not used: there is no ", kPlugin, " beside ", settings.worker));
    return {};
  }
  return Numbered(*gpus);
}

}  // namespace

absl::Status CheckGpus(absl::string_view text) {
  if (text == kAuto || text == kNone || !Numbers(text).empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(kAuto, ", ", kNone, ", or numbers below ", kMostGpus, " such as 0,2"));
}

absl::StatusOr<std::vector<GpuDevice>> ChooseGpus(const Settings& settings) {
  if (settings.gpus == kNone) return std::vector<GpuDevice>();
  if (settings.gpus == kAuto) return AllThatThereAre(settings);
  const absl::StatusOr<std::vector<Gpu>> gpus = ListGpus();
  if (!gpus.ok()) return absl::FailedPreconditionError(gpus.status().message());
  const std::vector<GpuDevice> all = Numbered(*gpus);
  std::vector<GpuDevice> chosen;
  for (const int number : Numbers(settings.gpus)) {
    if (number >= static_cast<int>(all.size())) {
      return absl::FailedPreconditionError(absl::StrCat("there is no GPU ", number, "; this machine has ", all.size()));
    }
    chosen.push_back(all[static_cast<size_t>(number)]);
  }
  return chosen;
}

std::vector<scheduler::WorkerProgram> GpuWorkers(const std::vector<GpuDevice>& gpus, const scheduler::WorkerProgram& cpu_worker,
                                                 const Settings& settings) {
  std::vector<scheduler::WorkerProgram> programs;
  for (const GpuDevice& gpu : gpus) {
    scheduler::WorkerProgram program = cpu_worker;
    program.id = absl::StrCat(absl::StrReplaceAll(gpu.device, {{":", "-"}}), "-flow");
    program.device = gpu.device;
    for (std::string& argument : program.arguments) {
      if (argument == cpu_worker.id) argument = program.id;
      if (argument == cpu_worker.device) argument = program.device;
    }
    program.arguments.insert(program.arguments.end(), {"--gpu", gpu.gpu.id, "--gpu-precision", settings.gpu_precision});
    programs.push_back(std::move(program));
  }
  return programs;
}

std::vector<scheduler::DeviceState> GpuStates(const std::vector<GpuDevice>& gpus, const scheduler::DeviceState& cpu) {
  std::vector<scheduler::DeviceState> states;
  for (const GpuDevice& gpu : gpus) {
    scheduler::DeviceState state = cpu;
    state.name = gpu.device;
    state.model = gpu.gpu.name;
    state.gpu_memory_bytes = gpu.gpu.memory_bytes;
    states.push_back(std::move(state));
  }
  return states;
}

}  // namespace sliceflow::daemon
