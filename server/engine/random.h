// Random numbers of a flow. Every use derives its own generator from (seed, purpose, index, sub-index), so no generator has a state that
// lives on between steps: a checkpoint holds none, and work done out of order or again draws the same numbers.
#pragma once

#include <cstdint>

#include "ATen/core/Generator.h"

namespace sliceflow::engine {

// What random numbers are for. Values are part of what makes runs reproducible: append, never renumber.
enum class Purpose : uint64_t {
  kInitialParameters = 1,
  kInitialPositions = 2,
  kFit = 3,
  kInner = 4,
  kEvaluation = 5,
  kTrajectory = 6,
  kSamples = 7,
  kSplit = 8,
  kMetrics = 9,
  kEvaluationTerms = 10,
  kBase = 11,
  kInnerTerms = 12,
  kReportDirections = 13,
  kDataRows = 20,
  kDistance = 21,
  kAutoEncoder = 38,
  kStepHalving = 39,
  kLatentMetrics = 40,
  kChainPool = 41,
};

// A seed that mixes all four numbers (SplitMix64, Steele et al. 2014); different arguments give unrelated streams.
uint64_t DeriveSeed(uint64_t seed, Purpose purpose, uint64_t index = 0, uint64_t sub_index = 0);

// A generator of LibTorch with that seed, owned by the caller.
at::Generator MakeGenerator(uint64_t seed, Purpose purpose, uint64_t index = 0, uint64_t sub_index = 0);

}  // namespace sliceflow::engine
