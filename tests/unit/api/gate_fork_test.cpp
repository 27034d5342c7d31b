// What ForkJob takes, what it fills in, and what it refuses.
#include "server/api/gate/fork.h"

#include "tests/unit/api/gate_fixture.h"

namespace sliceflow::api {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

// A parent of 9 steps of 0.1 in the plane, forked at step 3.
class GateForkTest : public GateFixture {
 protected:
  void SetUp() override { MakeParent("spec { schedule { num_steps: 9 } }"); }

  void MakeParent(const std::string& change) {
    v1::CreateJobRequest request = Request(kSmallest);
    const v1::Job changed = Request(change).job();
    if (changed.spec().functional().terms_size() > 0) request.mutable_job()->mutable_spec()->clear_functional();
    request.mutable_job()->MergeFrom(changed);
    const absl::StatusOr<v1::Job> parent = Check(request);
    ASSERT_TRUE(parent.ok()) << parent.status();
    point_.parent = *parent;
    point_.parent.set_name("jobs/parent");
    point_.parent.set_owner("ada");
    point_.origin.set_job("jobs/parent");
    point_.origin.set_step(3);
    point_.origin.set_sliced_time(0.15);
  }

  absl::StatusOr<v1::Job> Fork(const std::string& text) {
    v1::ForkJobRequest request;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &request)) << text;
    return CheckForkJob(request, point_, datasets_, limits_, devices_);
  }

  void ExpectForkRefused(const Mistake& mistake) {
    const absl::Status status = Fork(mistake.change).status();
    EXPECT_EQ(status.code(), mistake.code) << status;
    const std::vector<FieldViolation> violations = ViolationsOf(status);
    ASSERT_THAT(violations, SizeIs(1)) << status;
    EXPECT_EQ(violations[0].field, mistake.field);
    EXPECT_THAT(violations[0].description, HasSubstr(mistake.words));
    EXPECT_FALSE(Reason(status).empty());
  }

  jobs::ForkPoint point_;
};

TEST_F(GateForkTest, WhatIsNotReplacedIsTheParents) {
  const absl::StatusOr<v1::Job> fork = Fork("display_name: \"again\" labels { key: \"a\" value: \"b\" }");
  ASSERT_TRUE(fork.ok()) << fork.status();
  EXPECT_EQ(fork->spec().SerializeAsString(), point_.parent.spec().SerializeAsString());
  EXPECT_EQ(fork->owner(), "ada");
  EXPECT_EQ(fork->display_name(), "again");
  EXPECT_EQ(fork->labels().at("a"), "b");
  EXPECT_EQ(fork->fork_origin().SerializeAsString(), point_.origin.SerializeAsString());
  EXPECT_EQ(fork->progress().total_steps(), 9);
}

TEST_F(GateForkTest, WhatIsReplacedIsReplacedWholeAndCompleted) {
  const absl::StatusOr<v1::Job> fork = Fork(
      "overrides { functional { terms { entropy {} } } solver { paired_jko { inner_iterations: 7 } } "
      "schedule { step_size: 0.5 num_steps: 5 } output { samples_per_step: 3 } seed: 4 }");
  ASSERT_TRUE(fork.ok()) << fork.status();
  EXPECT_THAT(fork->spec().functional().terms(), SizeIs(1));
  EXPECT_EQ(fork->spec().functional().terms(0).weight(), 1);
  EXPECT_EQ(fork->spec().solver().paired_jko().inner_iterations(), 7);
  EXPECT_EQ(fork->spec().solver().paired_jko().order(), 2);
  EXPECT_EQ(fork->spec().schedule().clock(), v1::Schedule::WASSERSTEIN);
  EXPECT_EQ(fork->spec().output().samples_per_step(), 3);
  EXPECT_EQ(fork->spec().output().checkpoint_every(), 1);
  EXPECT_EQ(fork->spec().seed(), 4u);
  EXPECT_TRUE(fork->spec().model().has_real_nvp());
  EXPECT_EQ(fork->progress().total_steps(), 5);
}

// The shared steps end at 0.15 of the sliced clock, 0.3 of that of Wasserstein in the plane.
TEST_F(GateForkTest, AnEndTimeCountsFromTimeZero) {
  for (const auto& [schedule, steps] : std::vector<std::pair<std::string, int>>{
           {"step_size: 0.05 end_time: 0.5", 3 + 4},
           {"step_size: 0.05 end_time: 0.51", 3 + 5},
           {"step_size: 0.05 end_time: 0.31", 3 + 1},
           {"step_size: 0.05 clock: SLICED end_time: 0.5", 3 + 7},
       }) {
    const absl::StatusOr<v1::Job> fork = Fork(absl::StrCat("overrides { schedule { ", schedule, " } }"));
    ASSERT_TRUE(fork.ok()) << fork.status();
    EXPECT_EQ(fork->spec().schedule().num_steps(), steps) << schedule;
    EXPECT_EQ(fork->progress().total_steps(), steps);
  }
  MakeParent("spec { schedule { end_time: 0.85 } }");
  point_.parent.mutable_spec()->mutable_schedule()->set_end_time(0.85);
  EXPECT_EQ(Fork("")->spec().schedule().num_steps(), 9);
}

TEST_F(GateForkTest, WholeItIsCheckedLikeAJob) {
  using absl::StatusCode;
  const Mistake mistakes[] = {
      {"overrides { schedule { step_size: -1 num_steps: 5 } }", StatusCode::kInvalidArgument, "overrides.schedule.step_size", "must be"},
      {"overrides { schedule { num_steps: 9 } }", StatusCode::kInvalidArgument, "overrides.schedule.step_size",
       "must be above 0; it is 0, or not given: a part is replaced whole"},
      {"overrides { schedule { step_size: 0.1 } }", StatusCode::kInvalidArgument, "overrides.schedule", "how long"},
      {"overrides { schedule { step_size: 0.1 num_steps: 3 } }", StatusCode::kInvalidArgument, "overrides.schedule.num_steps",
       "more steps than the 3 that are shared"},
      {"overrides { schedule { step_size: 0.1 end_time: 0.3 } }", StatusCode::kInvalidArgument, "overrides.schedule.end_time",
       "beyond the time of step 3"},
      {"overrides { schedule { step_size: 0.1 num_steps: 2000000 } }", StatusCode::kResourceExhausted, "overrides.schedule.num_steps",
       "at most"},
      {"overrides { functional { terms { sliced_wasserstein { dataset: \"datasets/none\" } } } }", StatusCode::kNotFound,
       "overrides.functional.terms[0].sliced_wasserstein.dataset", "there is no"},
      {"overrides { solver { sw_jko { num_projections: 0 } } }", StatusCode::kInvalidArgument, "overrides.solver.sw_jko.num_projections",
       "must be"},
      {"overrides { initial { dirac {} } }", StatusCode::kInvalidArgument, "overrides.initial", "the parent's"},
      {"overrides { model { particles {} } }", StatusCode::kInvalidArgument, "overrides.model", "the parent's"},
      {"overrides { dimension: 3 }", StatusCode::kInvalidArgument, "overrides.dimension", "the parent's"},
      {"labels { key: \"A\" value: \"b\" }", StatusCode::kInvalidArgument, "labels", "keys must match"},
  };
  for (const Mistake& mistake : mistakes) ExpectForkRefused(mistake);
}

TEST_F(GateForkTest, WhatCannotGoOnIsNamed) {
  using absl::StatusCode;
  const Mistake mistakes[] = {
      {"overrides { solver { euler_maruyama {} } }", StatusCode::kFailedPrecondition, "overrides.solver", "moves particles"},
      {"overrides { solver { mala {} } }", StatusCode::kFailedPrecondition, "overrides.solver", "moves particles"},
      {"overrides { solver { entropic_jko {} } }", StatusCode::kFailedPrecondition, "overrides.solver", "works on a grid"},
      {"overrides { solver { jko_icnn {} } }", StatusCode::kFailedPrecondition, "overrides.solver", "jkoIcnn"},
      {"overrides { schedule { step_size: 0.1 num_steps: 5 step_halving: true } }", StatusCode::kFailedPrecondition,
       "overrides.schedule.step_halving", "smaller steps"},
  };
  for (const Mistake& mistake : mistakes) {
    ExpectForkRefused(mistake);
    EXPECT_EQ(Reason(Fork(mistake.change).status()), "FORK_CANNOT_GO_ON");
  }
  MakeParent("spec { model { icnn {} } solver { jko_icnn {} } schedule { num_steps: 9 } }");
  EXPECT_TRUE(Fork("").ok());
  ExpectForkRefused({"overrides { solver { sw_jko {} } }", StatusCode::kFailedPrecondition, "overrides.solver", "jkoIcnn"});
  MakeParent("spec { model { particles { count: 10 } } schedule { num_steps: 9 } }");
  EXPECT_TRUE(Fork("overrides { solver { euler_maruyama {} } }").ok());
}

// At the parent's last step there is nothing to go on to.
TEST_F(GateForkTest, AtTheLastStepALengthIsNeeded) {
  point_.origin.set_step(9);
  ExpectForkRefused({"", absl::StatusCode::kInvalidArgument, "overrides.schedule", "more steps than the 9 that are shared"});
  EXPECT_TRUE(Fork("overrides { schedule { step_size: 0.1 num_steps: 10 } }").ok());
}

TEST_F(GateForkTest, AClosedFormIsOfOneFunctional) {
  constexpr char kProcess[] = "terms { potential { quadratic {} } } terms { entropy {} }";
  MakeParent(absl::StrCat("spec { functional { ", kProcess, " } output { metrics { closed_form {} } } schedule { num_steps: 9 } }"));
  EXPECT_TRUE(Fork("overrides { seed: 3 }").ok());
  const std::string replaced = absl::StrCat("functional { ", kProcess, " }");
  const std::string text = absl::StrCat("overrides { ", replaced, " }");
  ExpectForkRefused({text.c_str(), absl::StatusCode::kInvalidArgument, "overrides.output.metrics[0].closed_form", "from step 0 on"});
  EXPECT_TRUE(Fork(absl::StrCat("overrides { ", replaced, " output {} }")).ok());
  point_.parent.mutable_spec()->mutable_output()->clear_metrics();
  point_.parent.mutable_fork_origin()->set_job("jobs/other");
  ExpectForkRefused({"overrides { output { metrics { closed_form {} } } }", absl::StatusCode::kInvalidArgument,
                     "overrides.output.metrics[0].closed_form", "from step 0 on"});
}

}  // namespace
}  // namespace sliceflow::api
