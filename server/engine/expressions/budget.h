// A bound on the memory that LibTorch allocates for tensors on one thread.
#pragma once

#include <cstdint>

namespace sliceflow::engine {

// While it lives, allocations of this thread beyond `bytes` in sum, whether freed in between or not, throw std::bad_alloc before memory is
// asked for. One at a time on a thread. Puts itself before LibTorch's allocator the first time it is used in a process.
class AllocationBudget {
 public:
  explicit AllocationBudget(int64_t bytes);
  ~AllocationBudget();
  AllocationBudget(const AllocationBudget&) = delete;
  AllocationBudget& operator=(const AllocationBudget&) = delete;

 private:
  int64_t left_;
};

}  // namespace sliceflow::engine
