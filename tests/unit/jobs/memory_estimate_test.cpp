#include "server/jobs/memory_estimate.h"

#include <gtest/gtest.h>

#include "google/protobuf/text_format.h"

namespace sliceflow::jobs {
namespace {

constexpr int64_t kMegabyte = 1'000'000;

// Of a small specification, with more, and with what is changed of that; data sets have so many rows of 100 columns.
int64_t Estimate(const std::string& more, const std::string& change = "", int64_t rows = 0) {
  v1::FlowSpec spec;
  for (const std::string& text : {std::string("dimension: 100 schedule { step_size: 1 num_steps: 10 }"), more, change}) {
    EXPECT_TRUE(google::protobuf::TextFormat::MergeFromString(text, &spec)) << text;
  }
  return EstimateMemoryBytes(spec, [rows](const std::string&) { return TableSize{rows, 100}; });
}

TEST(MemoryEstimateTest, ParticlesAreCountedByTheirCoordinates) {
  // 100,000 particles of dimension 100 are 40 MB once.
  EXPECT_GT(Estimate("model { particles { count: 100000 } }") - Estimate("model { particles { count: 1 } }"), 400 * kMegabyte);
}

TEST(MemoryEstimateTest, AChainGrowsWithItsSteps) {
  const std::string chain = "model { icnn { hidden_layers: 2 hidden_width: 500 } } solver { jko_icnn { batch_size: 2 } }";
  // 611,100 parameters a step, of 56 bytes each.
  EXPECT_GT(Estimate(chain, "schedule { num_steps: 110 }") - Estimate(chain, "schedule { num_steps: 10 }"), 3400 * kMegabyte);
}

TEST(MemoryEstimateTest, BatchDirectionsSamplesAndDataCount) {
  const std::string small =
      "model { real_nvp { couplings: 4 hidden_width: 32 } } solver { sw_jko { num_projections: 100 batch_size: 1000 } }";
  EXPECT_GT(Estimate(small, "solver { sw_jko { batch_size: 100000 } }"), Estimate(small) + 100 * kMegabyte);
  EXPECT_GT(Estimate(small, "solver { sw_jko { num_projections: 10000 } }"), Estimate(small) + 100 * kMegabyte);
  EXPECT_GT(Estimate(small, "output { samples_per_step: 100000 }"), Estimate(small) + 40 * kMegabyte);
  EXPECT_GE(Estimate(small, "initial { dataset { dataset: 'datasets/d' } }", 100'000), Estimate(small) + 40 * kMegabyte);
  EXPECT_GT(Estimate(small, "schedule { step_halving: true }"), Estimate(small) + 2 * (Estimate(small) - 32 * kMegabyte - kMegabyte * 2));
}

TEST(MemoryEstimateTest, TheLargestSpecificationStillHasANumber) { EXPECT_GT(Estimate("model { grid { nodes: 100000 } }"), 0); }

}  // namespace
}  // namespace sliceflow::jobs
