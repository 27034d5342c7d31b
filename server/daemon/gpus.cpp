#include "server/daemon/gpus.h"

#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/cuda_plugin_path.h"
#include "common/log.h"

namespace sliceflow::daemon {
namespace {

constexpr char kAuto[] = "auto";
constexpr char kNone[] = "none";
constexpr int kMostGpus = 64;

// Empty where one is no number, or twice.
std::set<int> Numbers(absl::string_view text) {
  std::set<int> numbers;
  for (const absl::string_view word : absl::StrSplit(text, ',')) {
    int number = -1;
    if (!absl::SimpleAtoi(word, &number) || number < 0 || number >= kMostGpus || !numbers.insert(number).second) return {};
  }
  return numbers;
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
  if (const absl::Status plugin = FindCudaPlugin(settings.worker).status(); !plugin.ok()) {
    Log(LogLevel::kInfo, absl::StrCat(gpus->size(), " GPUs are not used: ", plugin.message()));
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
  const std::string instead = absl::StrCat("; give ", kNone, ", or ", kAuto, " for those that are there");
  if (!gpus.ok()) return absl::FailedPreconditionError(absl::StrCat(settings.gpus, ": ", gpus.status().message(), instead));
  const std::vector<GpuDevice> all = Numbered(*gpus);
  std::vector<GpuDevice> chosen;
  for (const int number : Numbers(settings.gpus)) {
    if (number >= static_cast<int>(all.size())) {
      return absl::FailedPreconditionError(
          absl::StrCat(settings.gpus, ": there is no GPU ", number, "; this machine has ", all.size(), instead));
    }
    chosen.push_back(all[static_cast<size_t>(number)]);
  }
  return chosen;
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
