#include "server/daemon/nvml.h"

#include <dlfcn.h>

#include <array>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace sliceflow::daemon {
namespace {

// Of nvml.h, whose functions of these names keep their meaning from release to release.
using Device = void*;
using Text = std::array<char, 96>;
constexpr int kSuccess = 0;
struct Memory {
  unsigned long long total, free, used;
};

class Nvml {
 public:
  // False: a function is missing.
  bool Load(void* library) {
    return Find(library, "nvmlInit_v2", init) && Find(library, "nvmlShutdown", shutdown) &&
           Find(library, "nvmlErrorString", error_string) && Find(library, "nvmlDeviceGetCount_v2", count) &&
           Find(library, "nvmlDeviceGetHandleByIndex_v2", handle) && Find(library, "nvmlDeviceGetName", name) &&
           Find(library, "nvmlDeviceGetUUID", uuid) && Find(library, "nvmlDeviceGetMemoryInfo", memory) &&
           Find(library, "nvmlDeviceGetMigMode", mig_mode) && Find(library, "nvmlDeviceGetMaxMigDeviceCount", most_parts) &&
           Find(library, "nvmlDeviceGetMigDeviceHandleByIndex", part);
  }

  int (*init)() = nullptr;
  int (*shutdown)() = nullptr;
  const char* (*error_string)(int) = nullptr;
  int (*count)(unsigned*) = nullptr;
  int (*handle)(unsigned, Device*) = nullptr;
  int (*name)(Device, char*, unsigned) = nullptr;
  int (*uuid)(Device, char*, unsigned) = nullptr;
  int (*memory)(Device, Memory*) = nullptr;
  int (*mig_mode)(Device, unsigned* now, unsigned* later) = nullptr;
  int (*most_parts)(Device, unsigned*) = nullptr;
  int (*part)(Device, unsigned, Device*) = nullptr;

 private:
  template <class Function>
  static bool Find(void* library, const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(library, name));
    return function != nullptr;
  }
};

absl::Status Told(const Nvml& nvml, int result, const char* what) {
  if (result == kSuccess) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("NVML: ", what, ": ", nvml.error_string(result)));
}

absl::Status Describe(const Nvml& nvml, Device device, std::vector<Gpu>& gpus) {
  Text name{}, uuid{};
  Memory memory{};
  absl::Status status = Told(nvml, nvml.name(device, name.data(), name.size()), "the name of a GPU");
  if (status.ok()) status = Told(nvml, nvml.uuid(device, uuid.data(), uuid.size()), "the identifier of a GPU");
  if (status.ok()) status = Told(nvml, nvml.memory(device, &memory), "the memory of a GPU");
  if (status.ok()) gpus.push_back({uuid.data(), name.data(), static_cast<int64_t>(memory.total)});
  return status;
}

// Its parts where it is divided, which most GPUs cannot be.
absl::Status DescribeAll(const Nvml& nvml, Device device, std::vector<Gpu>& gpus) {
  unsigned now = 0, later = 0, most = 0;
  if (nvml.mig_mode(device, &now, &later) != kSuccess || now == 0) return Describe(nvml, device, gpus);
  if (absl::Status status = Told(nvml, nvml.most_parts(device, &most), "the parts of a GPU"); !status.ok()) return status;
  for (unsigned i = 0; i < most; ++i) {
    Device part = nullptr;
    if (nvml.part(device, i, &part) != kSuccess) continue;  // a place without one
    if (absl::Status status = Describe(nvml, part, gpus); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<Gpu>> ListGpus() {
  void* const library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return absl::NotFoundError(absl::StrCat("NVIDIA's driver is not there: ", dlerror()));
  const absl::Cleanup close = [&] { dlclose(library); };
  Nvml nvml;
  if (!nvml.Load(library)) return absl::UnavailableError("NVML lacks functions: the driver is older than 450");
  if (absl::Status status = Told(nvml, nvml.init(), "its start"); !status.ok()) return status;
  const absl::Cleanup end = [&] { nvml.shutdown(); };
  unsigned count = 0;
  if (absl::Status status = Told(nvml, nvml.count(&count), "the number of GPUs"); !status.ok()) return status;
  std::vector<Gpu> gpus;
  for (unsigned i = 0; i < count; ++i) {
    Device device = nullptr;
    absl::Status status = Told(nvml, nvml.handle(i, &device), "a GPU");
    if (status.ok()) status = DescribeAll(nvml, device, gpus);
    if (!status.ok()) return status;
  }
  return gpus;
}

}  // namespace sliceflow::daemon
