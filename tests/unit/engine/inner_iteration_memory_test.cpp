// What an inner iteration does with memory, once it has run for a while. A program of its own, because it counts what malloc is asked for.
#include <malloc.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "common/stop_latch.h"
#include "gtest/gtest.h"
#include "server/engine/flow.h"
#include "server/engine/flow_spec.h"
#include "tests/unit/engine/specs.h"

namespace {

std::atomic<int64_t> allocations{0};

}  // namespace

extern "C" {

// glibc's own, under the names that do not go through here.
// NOLINTBEGIN(readability-identifier-naming,bugprone-reserved-identifier)
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
// NOLINTEND(readability-identifier-naming,bugprone-reserved-identifier)

void* malloc(size_t size) {
  ++allocations;
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  ++allocations;
  return __libc_calloc(count, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  ++allocations;
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, size_t alignment, size_t size) {
  ++allocations;
  *memory = __libc_memalign(alignment, size);
  return *memory == nullptr ? ENOMEM : 0;
}

}  // extern "C"

namespace sliceflow::engine {
namespace {

constexpr int kIterations = 90;
// Between these the same happens again and again: neither the first iterations, nor the last ten, whose gradients are averaged.
constexpr int kBegin = 40, kEnd = 70;

struct Held {
  int64_t allocations, bytes;
};

Held Now() {
  const struct mallinfo2 heap = mallinfo2();
  return {allocations, static_cast<int64_t>(heap.uordblks + heap.hblkhd)};
}

// RealNVP of the published size.
FlowSpec Published() {
  FlowSpec spec = testing::OrnsteinUhlenbeckSpec(2);
  spec.model = RealNvpModel{.couplings = 5, .hidden_width = 100, .learned_linear = false};
  spec.solver =
      SwJkoSolver{.inner = {.iterations = kIterations, .batch_size = 1024, .rate_schedule = RateSchedule::kConstant, .max_attempts = 1},
                  .num_projections = 100};
  spec.num_steps = 1;
  return spec;
}

// What a batch needs on its way through the model is kept from one iteration to the next. Noise, samples and what LibTorch puts around its
// tensors come from malloc, some 360 times an iteration; what the heap holds does not grow, and no iteration asks for more than the one before.
TEST(InnerIterationMemory, IsUsedAgainByTheNext) {
  const StopLatch never;
  SetThreads(1);
  absl::StatusOr<std::unique_ptr<Flow>> flow = Flow::Create(Published(), never);
  ASSERT_TRUE(flow.ok()) << flow.status();
  std::vector<Held> held;
  held.reserve(kIterations);
  ASSERT_TRUE((*flow)->Step(never, [&](const InnerProgress&) { held.push_back(Now()); }).ok());
  ASSERT_EQ(held.size(), kIterations);
  const int64_t of_one = held[kBegin].allocations - held[kBegin - 1].allocations;
  EXPECT_GT(of_one, 0) << "what is counted is not what LibTorch calls";
  EXPECT_LT(of_one, 450);
  for (int i = kBegin; i < kEnd; ++i) EXPECT_EQ(held[i].allocations - held[i - 1].allocations, of_one) << "iteration " << i;
  EXPECT_LT(std::abs(held[kEnd].bytes - held[kBegin].bytes), 64 << 10) << "a tensor of a thousand points has 8 KiB";
}

}  // namespace
}  // namespace sliceflow::engine
