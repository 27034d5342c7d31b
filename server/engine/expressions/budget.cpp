#include "server/engine/expressions/budget.h"

#include <mutex>
#include <new>

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

namespace sliceflow::engine {
namespace {

thread_local int64_t* budget_left = nullptr;  // of the budget in force; null for none

class BudgetedAllocator final : public c10::Allocator {
 public:
  explicit BudgetedAllocator(c10::Allocator* allocator) : allocator_(allocator) {}

  c10::DataPtr allocate(size_t bytes) override {
    if (budget_left != nullptr) {
      if (bytes > static_cast<size_t>(*budget_left)) throw std::bad_alloc();
      *budget_left -= static_cast<int64_t>(bytes);
    }
    return allocator_->allocate(bytes);
  }
  c10::DeleterFnPtr raw_deleter() const override { return allocator_->raw_deleter(); }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }

 private:
  c10::Allocator* const allocator_;
};

}  // namespace

AllocationBudget::AllocationBudget(int64_t bytes) : left_(bytes) {
  static std::once_flag installed;
  // Lives as long as the process: tensors may outlive every owner.
  std::call_once(installed, [] { c10::SetCPUAllocator(new BudgetedAllocator(c10::GetCPUAllocator()), /*priority=*/100); });
  budget_left = &left_;
}

AllocationBudget::~AllocationBudget() { budget_left = nullptr; }

}  // namespace sliceflow::engine
