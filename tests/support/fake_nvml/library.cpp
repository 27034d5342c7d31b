// Stands in for NVIDIA's management library in a process under test: as many GPUs as SLICEFLOW_FAKE_GPUS says, of which the last is divided in
// two where SLICEFLOW_FAKE_MIG is set.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

constexpr int kSuccess = 0;
constexpr int kNotSupported = 3;
constexpr int kNotFound = 6;
constexpr int kUnknown = 999;
constexpr uintptr_t kParts = 1000;  // handles from here on are of parts
constexpr unsigned long long kGiB = 1ULL << 30;

unsigned Count() {
  const char* const text = std::getenv("SLICEFLOW_FAKE_GPUS");
  return text == nullptr ? 0 : static_cast<unsigned>(std::atoi(text));
}

bool IsPart(const void* device) { return reinterpret_cast<uintptr_t>(device) >= kParts; }
unsigned NumberOf(const void* device) { return static_cast<unsigned>(reinterpret_cast<uintptr_t>(device) % kParts) - 1; }

}  // namespace

extern "C" {

struct Memory {
  unsigned long long total, free, used;
};

// A driver that does not answer, where it is to have less than no GPU.
int nvmlInit_v2() { return static_cast<int>(Count()) < 0 ? kUnknown : kSuccess; }
int nvmlShutdown() { return kSuccess; }
const char* nvmlErrorString(int /*result*/) { return "Unknown Error"; }

int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = Count();
  return kSuccess;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  *device = reinterpret_cast<void*>(static_cast<uintptr_t>(index) + 1);
  return kSuccess;
}

int nvmlDeviceGetName(void* device, char* name, unsigned size) {
  (void)std::snprintf(name, size, IsPart(device) ? "Fake GPU MIG 1g.5gb" : "Fake GPU");
  return kSuccess;
}

int nvmlDeviceGetUUID(void* device, char* uuid, unsigned size) {
  (void)std::snprintf(uuid, size, IsPart(device) ? "MIG-fake-%u" : "GPU-fake-%u", NumberOf(device));
  return kSuccess;
}

int nvmlDeviceGetMemoryInfo(void* device, Memory* memory) {
  memory->total = IsPart(device) ? 5 * kGiB : (NumberOf(device) + 1) * 16 * kGiB;
  memory->free = memory->total;
  memory->used = 0;
  return kSuccess;
}

int nvmlDeviceGetMigMode(void* device, unsigned* now, unsigned* later) {
  if (std::getenv("SLICEFLOW_FAKE_MIG") == nullptr) return kNotSupported;
  *now = *later = NumberOf(device) + 1 == Count() ? 1 : 0;
  return kSuccess;
}

int nvmlDeviceGetMaxMigDeviceCount(void* /*device*/, unsigned* count) {
  *count = 7;
  return kSuccess;
}

// Two of the seven places are taken.
int nvmlDeviceGetMigDeviceHandleByIndex(void* /*device*/, unsigned index, void** part) {
  if (index != 0 && index != 3) return kNotFound;
  *part = reinterpret_cast<void*>(kParts + index + 1);
  return kSuccess;
}
}
