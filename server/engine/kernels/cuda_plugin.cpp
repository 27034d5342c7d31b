#include "server/engine/kernels/cuda_plugin.h"

#include <dlfcn.h>

#include <cstdlib>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/engine/kernels/direction_summary.h"
#include "server/engine/kernels/sliced_transport_checks.h"

namespace sliceflow::kernels {
namespace {

constexpr char kDriver[] = "libcuda.so.1";

absl::Status ToStatus(const gpu::PluginStatus& status) {
  switch (status.code) {
    case gpu::PluginCode::kOk:
      return absl::OkStatus();
    case gpu::PluginCode::kOutOfMemory:
      return absl::ResourceExhaustedError(status.message);
    case gpu::PluginCode::kUnavailable:
      return absl::FailedPreconditionError(status.message);
    case gpu::PluginCode::kLost:
      break;
  }
  return absl::InternalError(status.message);
}

class CudaSlicedTransport : public SlicedTransport {
 public:
  CudaSlicedTransport(const gpu::PluginTable& table, const SlicedTransportShape& shape, gpu::DeviceTransport* transport)
      : SlicedTransport(shape), table_(table), transport_(transport, table.destroy), values_(shape.max_directions) {}

  absl::StatusOr<SlicedValue> Evaluate(const PointCloud& x, const PointCloud& y, absl::Span<const float> directions,
                                       absl::Span<float> gradient) override {
    if (absl::Status status = CheckSlicedTransportInput(shape(), x, y, directions, gradient); !status.ok()) return status;
    const int64_t count = static_cast<int64_t>(directions.size()) / shape().dimension;
    const gpu::PluginArguments arguments{.x = x.points.data(),
                                         .y = y.points.data(),
                                         .x_weights = x.weights.empty() ? nullptr : x.weights.data(),
                                         .y_weights = y.weights.empty() ? nullptr : y.weights.data(),
                                         .directions = directions.data(),
                                         .x_count = x.count,
                                         .y_count = y.count,
                                         .direction_count = count,
                                         .values = values_.data(),
                                         .gradient = gradient.empty() ? nullptr : gradient.data()};
    if (absl::Status status = ToStatus(table_.evaluate(transport_.get(), &arguments)); !status.ok()) return status;
    return SummaryOfDirections(absl::MakeConstSpan(values_).first(static_cast<size_t>(count)));
  }

 private:
  const gpu::PluginTable& table_;
  const std::unique_ptr<gpu::DeviceTransport, void (*)(gpu::DeviceTransport*)> transport_;
  std::vector<double> values_;  // one a direction
};

}  // namespace

absl::StatusOr<std::unique_ptr<CudaPlugin>> CudaPlugin::Load(const std::string& path) {
  // Kernels are read with the device's context: neither while calls are recorded nor once files can no longer be opened.
  setenv("CUDA_MODULE_LOADING", "EAGER", 1);
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return absl::FailedPreconditionError(absl::StrCat("the plugin cannot be loaded: ", dlerror()));
  const auto entry = reinterpret_cast<gpu::PluginEntry>(dlsym(library, gpu::kPluginEntry));
  const gpu::PluginTable* const table = entry == nullptr ? nullptr : entry(gpu::kPluginVersion);
  if (table == nullptr) return absl::FailedPreconditionError(absl::StrCat(path, " is not the plugin of this build"));
  return std::unique_ptr<CudaPlugin>(new CudaPlugin(*table));
}

absl::StatusOr<int> CudaPlugin::DeviceCount() const {
  int32_t count = 0;
  absl::Status status = ToStatus(table_.count(&count));
  if (status.ok()) return count;
  // Without the driver CUDA's runtime calls it too old.
  if (dlopen(kDriver, RTLD_NOW) != nullptr) return status;
  return absl::FailedPreconditionError(absl::StrCat("NVIDIA's driver is not there: ", dlerror()));
}

absl::StatusOr<CudaDevice> CudaPlugin::Describe(int device) const {
  gpu::PluginDevice description;
  if (absl::Status status = ToStatus(table_.describe(device, &description)); !status.ok()) return status;
  return CudaDevice{description.name, description.total_bytes, description.major, description.minor};
}

absl::Status CudaPlugin::Use(int device) {
  const absl::StatusOr<int> count = DeviceCount();
  if (!count.ok()) return count.status();
  if (device >= 0 && device < *count) return ToStatus(table_.use(device));
  return absl::FailedPreconditionError(absl::StrCat("there is no CUDA device ", device, "; the driver has ", *count));
}

absl::StatusOr<std::unique_ptr<SlicedTransport>> CudaPlugin::MakeTransport(const SlicedTransportShape& shape,
                                                                           gpu::Precision precision) const {
  if (shape.dimension < 1 || shape.max_x < 1 || shape.max_y < 1 || shape.max_directions < 1) {
    return absl::InvalidArgumentError(absl::StrCat("the shape of a transport on a GPU is ", shape.max_x, " and ", shape.max_y, " points, ",
                                                   shape.dimension, " dimensions, ", shape.max_directions,
                                                   " directions; want at least 1 of each"));
  }
  const gpu::PluginShape asked{shape.max_x, shape.max_y, shape.max_directions, shape.dimension};
  gpu::DeviceTransport* transport = nullptr;
  const gpu::PluginStatus status = table_.make(&asked, static_cast<int32_t>(precision), &transport);
  if (status.code != gpu::PluginCode::kOk) return ToStatus(status);
  return std::make_unique<CudaSlicedTransport>(table_, shape, transport);
}

absl::StatusOr<gpu::Precision> ParsePrecision(absl::string_view name) {
  if (name == "fp32") return gpu::Precision::kFp32;
  if (name == "tf32") return gpu::Precision::kTf32;
  if (name == "bf16") return gpu::Precision::kBf16;
  return absl::InvalidArgumentError(absl::StrCat("the precision is ", name, "; want fp32, tf32 or bf16"));
}

}  // namespace sliceflow::kernels
