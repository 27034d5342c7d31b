#include "server/engine/random.h"

#include <ATen/CPUGeneratorImpl.h>

namespace sliceflow::engine {
namespace {

uint64_t SplitMix(uint64_t x) {
  x += 0x9E3779B97F4A7C15ull;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

}  // namespace

uint64_t DeriveSeed(uint64_t seed, Purpose purpose, uint64_t index, uint64_t sub_index) {
  uint64_t mixed = SplitMix(seed);
  mixed = SplitMix(mixed ^ static_cast<uint64_t>(purpose));
  mixed = SplitMix(mixed ^ index);
  return SplitMix(mixed ^ sub_index);
}

at::Generator MakeGenerator(uint64_t seed, Purpose purpose, uint64_t index, uint64_t sub_index) {
  return at::detail::createCPUGenerator(DeriveSeed(seed, purpose, index, sub_index));
}

}  // namespace sliceflow::engine
