// The density on a grid and entropic JKO: what is refused, and the defaults.
#include <gmock/gmock.h>

#include "tests/unit/api/gate_fixture.h"

namespace sliceflow::api {
namespace {

using ::testing::ElementsAre;

class GridGateTest : public GateFixture, public ::testing::WithParamInterface<Mistake> {};

TEST_P(GridGateTest, IsRefusedWithFieldAndWords) { ExpectRefused(GetParam()); }

#define ON_GRID(REST) "spec { model { grid {} } " REST " }"
#define ENTROPIC(FIELDS, REST) ON_GRID("solver { entropic_jko { " FIELDS " } } " REST)

INSTANTIATE_TEST_SUITE_P(
    Grid, GridGateTest,
    ::testing::Values(
        Mistake{ON_GRID("dimension: 3"), kInvalid, "spec.model.grid", "needs spec.dimension 1 or 2, and it is 3; in higher dimensions use"},
        Mistake{"spec { model { grid { nodes: 7 } } }", kInvalid, "spec.model.grid.nodes", "at least 8, is 7"},
        Mistake{"spec { model { grid { nodes: 257 } } }", kExhausted, "spec.model.grid.nodes", "at most 256"},
        Mistake{"spec { model { grid { lower: 1 } } }", kInvalid, "spec.model.grid.lower", "must have 2 numbers"},
        Mistake{"spec { model { grid { upper: [5, nan] } } }", kInvalid, "spec.model.grid.upper[1]", "is nan"},
        Mistake{"spec { model { grid { lower: [-4, 5] } } }", kInvalid, "spec.model.grid.upper[1]", "must be above lower[1] = 5, is 5"},
        Mistake{ON_GRID("initial { dirac {} }"), kInvalid, "spec.model.grid", "from dirac use realNvp"},
        Mistake{ON_GRID("initial { ring {} }"), kInvalid, "spec.model.grid", "from ring use realNvp"},
        Mistake{ON_GRID("initial { dataset { dataset: 'datasets/points' } }"), kInvalid, "spec.model.grid", "from dataset use realNvp"},
        Mistake{ON_GRID("initial { gaussian { mean: [0, 4] } }"), kInvalid, "spec.model.grid.lower",
                "along coordinate 1 it goes from -5 to 5 and leaves out 0.158"},
        Mistake{ON_GRID("initial { mixture { components { weight: 9 } components { mean: [9, 0] } } }"), kInvalid, "spec.model.grid.lower",
                "along coordinate 0 it goes from -5 to 5 and leaves out 0.09"},
        Mistake{ON_GRID("initial { uniform_box { lower: [0, 0] upper: [1, 6] } }"), kInvalid, "spec.model.grid.lower", "leaves out 0.16"},
        Mistake{ON_GRID("initial { uniform_box { lower: [0, 0] upper: [0.4, 1] } }"), kInvalid, "spec.model.grid.nodes",
                "along coordinate 0 the spacing is 0.158"},
        Mistake{"spec { initial { gaussian { covariance { values: [1, 0.99, 0.99, 1] } } } "
                "model { grid { lower: [-5, -3] upper: [5, 3] nodes: 48 } } }",
                kInvalid, "spec.model.grid.nodes", "along coordinate 0 the spacing is 0.212766, the smallest deviation 0.141"},
        Mistake{ON_GRID("solver { euler_maruyama {} }"), kInvalid, "spec.solver.euler_maruyama", "needs spec.model particles"}));

INSTANTIATE_TEST_SUITE_P(
    EntropicJko, GridGateTest,
    ::testing::Values(
        Mistake{"spec { solver { entropic_jko {} } }", kInvalid, "spec.solver.entropic_jko",
                "needs spec.model grid; with another model use pairedJko"},
        Mistake{ENTROPIC("regularization: 0.01", ""), kInvalid, "spec.solver.entropic_jko.regularization", "is 0.01; for less, take more"},
        Mistake{ENTROPIC("regularization: nan", ""), kInvalid, "spec.solver.entropic_jko.regularization", "is nan"},
        Mistake{ENTROPIC("regularization: inf", ""), kInvalid, "spec.solver.entropic_jko.regularization", "is inf"},
        Mistake{ENTROPIC("regularization: 100", ""), kInvalid, "spec.solver.entropic_jko.regularization",
                "must be at most the smallest variance of spec.initial = 1, is 100; left out"},
        // Of one coordinate given the other: 1 − 0.8².
        Mistake{ENTROPIC("regularization: 0.5", "initial { gaussian { covariance { values: [1, 0.8, 0.8, 1] } } }"), kInvalid,
                "spec.solver.entropic_jko.regularization", "smallest variance of spec.initial = 0.36, is 0.5"},
        // The spacing of the second axis, 0.3, is longer than what is narrow along the first.
        Mistake{"spec { initial { gaussian { covariance { values: [0.04, 0, 0, 1] } } } "
                "model { grid { lower: [-1, -9.45] upper: [1, 9.45] } } solver { entropic_jko {} } }",
                kInvalid, "spec.solver.entropic_jko.regularization", "smallest variance of spec.initial = 0.04, is 0.09; the square"},
        Mistake{ENTROPIC("inner_iterations: 0", ""), kInvalid, "spec.solver.entropic_jko.inner_iterations", "at least 1"},
        Mistake{ENTROPIC("inner_iterations: 1000000", ""), kExhausted, "spec.solver.entropic_jko.inner_iterations", "at most 100000"},
        Mistake{ENTROPIC("tolerance: 0", ""), kInvalid, "spec.solver.entropic_jko.tolerance", "at least 1e-12"},
        Mistake{ENTROPIC("tolerance: 1", ""), kInvalid, "spec.solver.entropic_jko.tolerance", "below 1"},
        Mistake{ENTROPIC("", "functional { terms { mmd { dataset: 'datasets/points' } } }"), kInvalid, "spec.solver.entropic_jko",
                "spec.functional.terms[0] is mmd; with such a term use swJko"},
        Mistake{ENTROPIC("", "functional { terms { entropy {} } terms { sliced_wasserstein { dataset: 'datasets/points' } } }"), kInvalid,
                "spec.solver.entropic_jko", "spec.functional.terms[1] is slicedWasserstein"},
        Mistake{ENTROPIC("", "functional { terms { interaction { expression { source: 'def W(z): return z' } } } }"), kInvalid,
                "spec.solver.entropic_jko", "is an interaction by an expression"},
        Mistake{ENTROPIC("", "functional { terms { porous_medium {} } terms { porous_medium { exponent: 3 } } }"), kInvalid,
                "spec.solver.entropic_jko", "takes one porousMedium, and spec.functional has 2"}));

class GridDefaultsTest : public GateFixture {};

TEST_F(GridDefaultsTest, RegularizationFollowsTheGrid) {
  const absl::StatusOr<v1::Job> job = Check(
      "spec { dimension: 2 functional { terms { entropy {} } } schedule { step_size: 0.1 num_steps: 3 } model { grid { upper: [3, 4] } } "
      "solver { entropic_jko {} } }");
  ASSERT_TRUE(job.ok()) << job.status();
  const v1::Grid& grid = job->spec().model().grid();
  EXPECT_THAT(grid.lower(), ElementsAre(-5, -5));
  EXPECT_THAT(grid.upper(), ElementsAre(3, 4));
  EXPECT_EQ(grid.nodes(), 64);
  const v1::EntropicJko& solver = job->spec().solver().entropic_jko();
  EXPECT_DOUBLE_EQ(solver.regularization(), 2.0 / 49);  // the largest spacing is 9/63
  EXPECT_EQ(solver.inner_iterations(), 1000);
  EXPECT_EQ(solver.tolerance(), 1e-6);
}

// Two squared spacings of 10/63 are 0.0504.
TEST_F(GridDefaultsTest, RegularizationIsAtMostTheSmallestVariance) {
  const absl::StatusOr<v1::Job> job = Check(
      "spec { dimension: 2 functional { terms { entropy {} } } schedule { step_size: 0.1 num_steps: 3 } model { grid {} } "
      "initial { mixture { components {} components { covariance { values: [1, 0, 0, 0.04] } } } } solver { entropic_jko {} } }");
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_DOUBLE_EQ(job->spec().solver().entropic_jko().regularization(), 0.04);
}

TEST_F(GridDefaultsTest, ALineHasMoreNodes) {
  const absl::StatusOr<v1::Job> job =
      Check("spec { dimension: 1 functional { terms { entropy {} } } schedule { step_size: 0.1 num_steps: 3 } model { grid {} } }");
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->spec().model().grid().nodes(), 200);
}

}  // namespace
}  // namespace sliceflow::api
