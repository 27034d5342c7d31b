#include "common/cuda_plugin_path.h"

#include <unistd.h>

#include <cstdlib>
#include <vector>

#include "absl/strings/str_cat.h"

namespace sliceflow {
namespace {

constexpr char kVariable[] = "SLICEFLOW_CUDA_PLUGIN";
constexpr char kFile[] = "libsliceflow_cuda.so";

}  // namespace

absl::StatusOr<std::string> FindCudaPlugin(const std::string& worker) {
  std::vector<std::string> places;
  const char* const named = std::getenv(kVariable);
  if (named != nullptr && *named != '\0') {
    if (*named != '/') return absl::NotFoundError(absl::StrCat(kVariable, " is ", named, "; want an absolute path"));
    places.emplace_back(named);
  } else {
    const std::string folder = worker.substr(0, worker.rfind('/') + 1);
    places = {absl::StrCat(folder, kFile), absl::StrCat(folder, "../lib/sliceflow/", kFile)};
  }
  for (const std::string& place : places) {
    if (access(place.c_str(), R_OK) == 0) return place;
  }
  std::string message = absl::StrCat("there is no ", places[0]);
  if (places.size() > 1) absl::StrAppend(&message, " and no ", places[1], "; ", kVariable, " may name another place");
  return absl::NotFoundError(message);
}

}  // namespace sliceflow
