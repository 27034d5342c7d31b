// What bad terms of the functional get.
#include <gtest/gtest.h>

#include "tests/unit/api/gate_fixture.h"

namespace sliceflow::api {
namespace {

class GateFunctionalTest : public GateFixture, public ::testing::WithParamInterface<Mistake> {};

TEST_P(GateFunctionalTest, IsRefusedWithFieldAndWords) { ExpectRefused(GetParam()); }

#define TERM(FIELDS) "spec { functional { terms { " FIELDS " } } }"

INSTANTIATE_TEST_SUITE_P(
    Potentials, GateFunctionalTest,
    ::testing::Values(Mistake{TERM("potential { double_well { center: 1 } }"), kInvalid,
                              "spec.functional.terms[0].potential.double_well.center", "must have 2 numbers"},
                      Mistake{TERM("potential { double_well { distance: 0 } }"), kInvalid,
                              "spec.functional.terms[0].potential.double_well.distance", "above 0, is 0"},
                      Mistake{TERM("potential { double_well { depth: -1 } }"), kInvalid,
                              "spec.functional.terms[0].potential.double_well.depth", "above 0, is -1"},
                      Mistake{TERM("potential { double_well { stiffness: nan } }"), kInvalid,
                              "spec.functional.terms[0].potential.double_well.stiffness", "is nan"},
                      Mistake{"spec { dimension: 1 functional { terms { potential { rosenbrock {} } } } }", kInvalid,
                              "spec.functional.terms[0].potential.rosenbrock", "needs spec.dimension of 2 or more, is 1"},
                      Mistake{TERM("potential { rosenbrock { a: inf } }"), kInvalid, "spec.functional.terms[0].potential.rosenbrock.a",
                              "must be a finite number between -1e+15 and 1e+15, is inf"},
                      Mistake{TERM("potential { rosenbrock { b: 0 } }"), kInvalid, "spec.functional.terms[0].potential.rosenbrock.b",
                              "above 0"},
                      Mistake{TERM("potential { rosenbrock { scale: -2 } }"), kInvalid,
                              "spec.functional.terms[0].potential.rosenbrock.scale", "above 0, is -2"}));

INSTANTIATE_TEST_SUITE_P(Interactions, GateFunctionalTest,
                         ::testing::Values(Mistake{TERM("interaction { gaussian { bandwidth: 0 } }"), kInvalid,
                                                   "spec.functional.terms[0].interaction.gaussian.bandwidth", "above 0"},
                                           Mistake{TERM("interaction { morse { attraction: -1 } }"), kInvalid,
                                                   "spec.functional.terms[0].interaction.morse.attraction", "at least 0, is -1"},
                                           Mistake{TERM("interaction { morse { attraction_length: 0 } }"), kInvalid,
                                                   "spec.functional.terms[0].interaction.morse.attraction_length", "above 0"},
                                           Mistake{TERM("interaction { morse { repulsion: nan } }"), kInvalid,
                                                   "spec.functional.terms[0].interaction.morse.repulsion", "is nan"},
                                           Mistake{TERM("interaction { morse { repulsion_length: -0.5 } }"), kInvalid,
                                                   "spec.functional.terms[0].interaction.morse.repulsion_length", "above 0, is -0.5"},
                                           Mistake{TERM("interaction { keller_segel { chi: 0 } }"), kInvalid,
                                                   "spec.functional.terms[0].interaction.keller_segel.chi", "above 0"},
                                           Mistake{TERM("interaction { keller_segel { softening: -1 } }"), kInvalid,
                                                   "spec.functional.terms[0].interaction.keller_segel.softening", "at least 0, is -1"},
                                           Mistake{TERM("interaction { power_law {} random_pairs: -1 }"), kInvalid,
                                                   "spec.functional.terms[0].interaction.random_pairs", "at least 0, is -1"},
                                           Mistake{TERM("interaction { morse {} random_pairs: 2000000 }"), kExhausted,
                                                   "spec.functional.terms[0].interaction.random_pairs", "at most 1000000"}));

INSTANTIATE_TEST_SUITE_P(PorousMedium, GateFunctionalTest,
                         ::testing::Values(Mistake{TERM("porous_medium { exponent: 1 }"), kInvalid,
                                                   "spec.functional.terms[0].porous_medium.exponent", "above 1 and at most 16, is 1"},
                                           Mistake{TERM("porous_medium { exponent: 17 }"), kInvalid,
                                                   "spec.functional.terms[0].porous_medium.exponent", "at most 16, is 17"},
                                           Mistake{TERM("weight: -1 porous_medium {}"), kInvalid, "spec.functional.terms[0].weight",
                                                   "above 0 for porousMedium, whose negative has no minimum; is -1"},
                                           Mistake{"spec { model { particles {} } functional { terms { porous_medium {} } } }", kInvalid,
                                                   "spec.functional.terms[0].porous_medium", "needs a model with a density"}));

INSTANTIATE_TEST_SUITE_P(
    MmdAndRelativeEntropy, GateFunctionalTest,
    ::testing::Values(Mistake{TERM("mmd {}"), kInvalid, "spec.functional.terms[0].mmd.dataset", "is required"},
                      Mistake{TERM("mmd { dataset: 'datasets/nowhere' }"), kNotFound, "spec.functional.terms[0].mmd.dataset",
                              "there is no datasets/nowhere"},
                      Mistake{TERM("mmd { dataset: 'datasets/images' energy_distance {} }"), kPrecondition,
                              "spec.functional.terms[0].mmd.dataset", "has 784 columns"},
                      Mistake{"spec { dimension: 9 functional { terms { mmd { dataset: 'datasets/single' } } } }", kPrecondition,
                              "spec.functional.terms[0].mmd.dataset", "has 1 row; the unbiased estimate needs at least 2"},
                      Mistake{TERM("mmd { dataset: 'datasets/points' gaussian { bandwidth: -1 } }"), kInvalid,
                              "spec.functional.terms[0].mmd.gaussian.bandwidth", "at least 0, is -1"},
                      Mistake{TERM("mmd { dataset: 'datasets/points' inverse_multiquadric { scale: nan } }"), kInvalid,
                              "spec.functional.terms[0].mmd.inverse_multiquadric.scale", "is nan"},
                      Mistake{TERM("relative_entropy {}"), kInvalid, "spec.functional.terms[0].relative_entropy.potential",
                              "must name a potential"},
                      Mistake{TERM("relative_entropy { potential { quadratic { center: 1 } } }"), kInvalid,
                              "spec.functional.terms[0].relative_entropy.potential.quadratic.center", "must have 2 numbers"},
                      Mistake{TERM("weight: -2 relative_entropy { potential { ring {} } }"), kInvalid, "spec.functional.terms[0].weight",
                              "above 0 for relativeEntropy, whose negative has no minimum; is -2"},
                      Mistake{"spec { model { particles {} } functional { terms { relative_entropy { potential { quadratic {} } } } } }",
                              kInvalid, "spec.functional.terms[0].relative_entropy", "needs a model with a density"}));
#undef TERM

}  // namespace
}  // namespace sliceflow::api
