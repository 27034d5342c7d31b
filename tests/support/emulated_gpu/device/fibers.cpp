// Threads of a block, as contexts that one thread of the processor switches between.
#include <ucontext.h>

#include <cstddef>
#include <memory>
#include <vector>

#include "tests/support/emulated_gpu/device/device.h"

sliceflow::emulated::Place threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace sliceflow::emulated {
namespace {

constexpr size_t kStackBytes = size_t{64} << 10;
constexpr unsigned kWarp = 32;

struct Fiber {
  ucontext_t context{};
  std::unique_ptr<char[]> stack;
  Place place;
  bool ended = false;
  bool waits_for_warp = false;
};

ucontext_t scheduler;
std::vector<Fiber> fibers;
Fiber* running = nullptr;
const std::function<void()>* body = nullptr;

void Begin() {
  (*body)();
  running->ended = true;
  swapcontext(&running->context, &scheduler);
}

void Wait(bool for_warp) {
  Fiber* const self = running;
  self->waits_for_warp = for_warp;
  swapcontext(&self->context, &scheduler);
}

void Resume(Fiber& fiber) {
  running = &fiber;
  threadIdx = fiber.place;
  fiber.waits_for_warp = false;
  swapcontext(&scheduler, &fiber.context);
}

// One warp up to where all that are left of it wait for the block, or have ended.
void RunWarp(size_t first, size_t last, bool backwards) {
  bool again = true;
  for (bool begins = true; again; begins = false) {
    again = false;
    std::vector<Fiber*> turn;
    for (size_t i = first; i < last; ++i) {
      Fiber& fiber = fibers[backwards ? last - 1 - (i - first) : i];
      if (!fiber.ended && (begins || fiber.waits_for_warp)) turn.push_back(&fiber);
    }
    for (Fiber* const fiber : turn) Resume(*fiber);
    for (const Fiber* const fiber : turn) again = again || (!fiber->ended && fiber->waits_for_warp);
  }
}

void RunBlock(dim3 block, bool backwards) {
  const size_t threads = static_cast<size_t>(block.x) * block.y * block.z;
  if (fibers.size() < threads) fibers.resize(threads);
  for (size_t i = 0; i < threads; ++i) {
    Fiber& fiber = fibers[i];
    if (fiber.stack == nullptr) fiber.stack = std::make_unique<char[]>(kStackBytes);
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.context.uc_stack.ss_size = kStackBytes;
    fiber.place = {static_cast<unsigned>(i % block.x), static_cast<unsigned>(i / block.x % block.y),
                   static_cast<unsigned>(i / block.x / block.y)};
    fiber.ended = false;
    makecontext(&fiber.context, &Begin, 0);
  }
  for (bool left = true; left;) {
    const size_t warps = (threads + kWarp - 1) / kWarp;
    for (size_t i = 0; i < warps; ++i) {
      const size_t warp = backwards ? warps - 1 - i : i;
      RunWarp(warp * kWarp, std::min<size_t>(threads, (warp + 1) * kWarp), backwards);
    }
    left = false;
    for (size_t i = 0; i < threads; ++i) left = left || !fibers[i].ended;
  }
}

}  // namespace

void RunGrid(dim3 grid, dim3 block, const std::function<void()>& thread) {
  body = &thread;
  gridDim = grid;
  blockDim = block;
  for (unsigned y = 0; y < grid.y; ++y) {
    for (unsigned x = 0; x < grid.x; ++x) {
      blockIdx = {x, y, 0};
      RunBlock(block, (x + y) % 2 == 1);
    }
  }
}

void MeetBlock() { Wait(/*for_warp=*/false); }

}  // namespace sliceflow::emulated

void __syncwarp() { sliceflow::emulated::Wait(/*for_warp=*/true); }
