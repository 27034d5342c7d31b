// The one place where exceptions of LibTorch and of the standard library become statuses.
#pragma once

#include <cstring>
#include <exception>
#include <new>
#include <utility>

#include <c10/util/Exception.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace sliceflow::engine {

// A status on its way through code that knows exceptions alone, such as LibTorch's graph.
class StatusError : public std::exception {
 public:
  explicit StatusError(absl::Status status) : status_(std::move(status)) {}
  const absl::Status& status() const { return status_; }
  const char* what() const noexcept override { return "a status"; }

 private:
  const absl::Status status_;
};

// `work` returns a Status or a StatusOr.
template <typename Work>
auto Guarded(const Work& work) -> decltype(work()) {
  try {
    return work();
  } catch (const StatusError& error) {
    return error.status();
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
