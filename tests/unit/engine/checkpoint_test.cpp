// Saving and restoring: the same bits, and clear answers to bytes that cannot be used.
#include "server/engine/checkpoint.h"

#include <gtest/gtest.h>

#include "server/engine/flow.h"
#include "tests/unit/engine/specs.h"

namespace sliceflow::engine {
namespace {

using testing::OrnsteinUhlenbeckSpec;
using testing::RingSpec;

const auto kIgnoreProgress = [](const InnerProgress&) {};

std::unique_ptr<Flow> MakeFlow(const FlowSpec& spec) {
  const StopLatch stop;
  return *Flow::Create(spec, stop);
}

absl::StatusOr<std::unique_ptr<Flow>> Restore(const FlowSpec& spec, absl::string_view bytes) { return Flow::Restore(spec, bytes); }

void Advance(Flow& flow) {
  const StopLatch stop;
  const absl::StatusOr<StepResult> result = flow.Step(stop, kIgnoreProgress);
  ASSERT_TRUE(result.ok() && !result->termination.has_value());
}

class ResumeTest : public ::testing::TestWithParam<FlowSpec> {};

// A flow restored after every step, as after a crash, ends with the same bytes as one never disturbed: parameters, report, samples.
TEST_P(ResumeTest, ResumedFlowEndsWithTheSameBits) {
  const FlowSpec& spec = GetParam();
  const std::unique_ptr<Flow> undisturbed = MakeFlow(spec);
  std::unique_ptr<Flow> resumed = *Restore(spec, *MakeFlow(spec)->Save());
  EXPECT_EQ(resumed->step(), 0);
  for (int step = 1; step <= spec.num_steps; ++step) {
    Advance(*undisturbed);
    Advance(*resumed);
    const std::string saved = *resumed->Save();
    ASSERT_EQ(saved, *undisturbed->Save()) << "step " << step;
    resumed = *Restore(spec, saved);
    EXPECT_EQ(resumed->step(), step);
    EXPECT_EQ(resumed->report().energy, undisturbed->report().energy);
  }
  EXPECT_EQ(resumed->Samples(20, 5)->values, undisturbed->Samples(20, 5)->values);
  EXPECT_EQ(resumed->Samples(20, std::nullopt)->values, undisturbed->Samples(20, std::nullopt)->values);
}

FlowSpec FittedSpec() {
  FlowSpec spec = OrnsteinUhlenbeckSpec(2);
  spec.initial = Ring{.center = {0, 0}, .radius = 1, .thickness = 0.2};
  spec.num_steps = 2;
  return spec;
}

// Carries the size of its moves.
FlowSpec MalaSpec() {
  FlowSpec spec = OrnsteinUhlenbeckSpec(2);
  spec.solver = MalaSolver{.inner_iterations = 5};
  spec.model = ParticlesModel{.count = 40};
  return spec;
}

// Carries ρ_{k−1} besides ρ_k.
FlowSpec SecondOrderSpec(FlowSpec spec) {
  spec.solver = PairedJkoSolver{.inner = testing::QuickMinimisation(), .order = 2};
  return spec;
}

// Carries three flows.
FlowSpec HalvedSpec(FlowSpec spec) {
  spec.num_steps = 2;
  spec.step_halving = true;
  return spec;
}

INSTANTIATE_TEST_SUITE_P(Specs, ResumeTest,
                         ::testing::Values(OrnsteinUhlenbeckSpec(1), OrnsteinUhlenbeckSpec(3), RingSpec(40), FittedSpec(),
                                           SecondOrderSpec(OrnsteinUhlenbeckSpec(2)), SecondOrderSpec(RingSpec(40)), MalaSpec(),
                                           HalvedSpec(SecondOrderSpec(RingSpec(40)))));

TEST(CheckpointTest, EveryDamagedByteIsNoticed) {
  const FlowSpec spec = RingSpec(5);
  const std::string good = *MakeFlow(spec)->Save();
  for (size_t i = 0; i < good.size(); ++i) {
    std::string damaged = good;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x20);
    EXPECT_EQ(Restore(spec, damaged).status().code(), absl::StatusCode::kDataLoss) << "byte " << i;
  }
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(Restore(spec, good.substr(0, size)).status().code(), absl::StatusCode::kDataLoss) << "cut to " << size;
  }
  EXPECT_EQ(Restore(spec, good + "x").status().code(), absl::StatusCode::kDataLoss);
}

TEST(CheckpointTest, RefusesAnotherSpecification) {
  const FlowSpec spec = RingSpec(5);
  const std::string bytes = *MakeFlow(spec)->Save();
  FlowSpec other = spec;
  other.seed = 8;
  EXPECT_EQ(Restore(other, bytes).status().code(), absl::StatusCode::kFailedPrecondition);
  other = spec;
  other.terms[0].weight = 2;
  EXPECT_EQ(Restore(other, bytes).status().code(), absl::StatusCode::kFailedPrecondition);
  other = spec;
  other.step_halving = true;
  EXPECT_EQ(Restore(other, bytes).status().code(), absl::StatusCode::kFailedPrecondition);
  other = spec;
  other.sliced_step_size = 0.06;
  EXPECT_EQ(Restore(other, bytes).status().code(), absl::StatusCode::kFailedPrecondition);
}

// The worked example of docs/checkpoint_format.md.
TEST(CheckpointTest, BytesAreThoseOfTheDocument) {
  CheckpointState state;
  state.report = {.step = 2, .sliced_time = 0.1, .wasserstein_time = 0.2, .energy = 1.5, .term_energies = {1.5}, .inner_iterations = 40};
  state.report.metrics = {{"radius_mean", 0.5, 0.25}};
  state.ground = {.seed = 7, .sliced_step_size = 0.05};
  state.parameters = {1.0f, -2.0f};
  const std::string bytes = EncodeCheckpoint(0x1122334455667788, state);
  ASSERT_EQ(bytes.size(), 201);
  EXPECT_EQ(bytes.substr(0, 8), "SLFLOWCP");
  const unsigned char header[] = {0x04, 0, 0, 0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0x02, 0, 0, 0};
  EXPECT_EQ(bytes.substr(8, sizeof(header)), std::string(reinterpret_cast<const char*>(header), sizeof(header)));
  const unsigned char tail[] = {0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  EXPECT_EQ(bytes.substr(bytes.size() - 4 - sizeof(tail), sizeof(tail)), std::string(reinterpret_cast<const char*>(tail), sizeof(tail)));
  const absl::StatusOr<CheckpointState> decoded = DecodeCheckpoint(0x1122334455667788, bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->parameters, state.parameters);
  EXPECT_EQ(decoded->ground, state.ground);
  EXPECT_EQ(decoded->report.metrics[0].name, "radius_mean");
  EXPECT_EQ(decoded->report.metrics[0].standard_error, 0.25);
}

// A count that claims more than there is must not be believed, even under a right checksum.
TEST(CheckpointTest, FalseCountsAreNotBelieved) {
  CheckpointState state;
  state.parameters = {1.0f};
  std::string bytes = EncodeCheckpoint(1, state);
  CheckpointState longer;
  longer.parameters = {1.0f, 2.0f};
  // The longer state's count in front of the shorter state's parameters: rebuilt by encoding, so that the checksum fits.
  const std::string other = EncodeCheckpoint(1, longer);
  bytes = other.substr(0, other.size() - 8) + bytes.substr(bytes.size() - 4);
  EXPECT_EQ(DecodeCheckpoint(1, bytes).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace sliceflow::engine
