// The one place where exceptions of LibTorch and of the standard library become statuses.
#pragma once

#include <cstring>
#include <exception>
#include <new>

#include <c10/util/Exception.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace sliceflow::engine {

// `work` returns a Status or a StatusOr.
template <typename Work>
auto Guarded(const Work& work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory");
  } catch (const c10::Error& error) {
    // LibTorch's allocator for the processor throws no bad_alloc.
    if (std::strstr(error.what_without_backtrace(), "can't allocate memory") != nullptr)
      return absl::ResourceExhaustedError("out of memory");
    return absl::InternalError(absl::StrCat("LibTorch: ", error.what_without_backtrace()));
  } catch (const std::exception& error) {
    return absl::InternalError(error.what());
  }
}

}  // namespace sliceflow::engine
