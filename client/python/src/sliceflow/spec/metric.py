"""Figures computed at each step."""

from __future__ import annotations

from typing import Self

from sliceflow.spec._part import Choice, DatasetLike
from sliceflow.spec.distribution import Distribution
from sliceflow.v1 import flow_pb2


class Metric(Choice):
    """A figure computed at each step, of n = 20,000 samples of ρ, or of all particles.

    >>> import sliceflow as sf
    >>> sf.Output(metrics=[sf.Metric.closed_form(), sf.Metric.moments()])
    Output(metrics=[Metric.closed_form(), Metric.moments()])
    """

    _TYPE = flow_pb2.Metric

    @classmethod
    def held_out_prediction(cls) -> Self:
        """`accuracy` and `log_likelihood` of the posterior-mean prediction on the held-out rows of the functional's Bayesian logistic
        regression, which must have exactly one such term. Cost: O(n · rows · d) for n samples and the held-out rows. Use to compare with
        published classifiers. Source: Liu & Wang 2016, section 5.
        """
        return cls._of("held_out_prediction")

    @classmethod
    def radius(cls) -> Self:
        """`radius_mean` and `radius_deviation`: of the distance of samples from their centre of mass. Cost: O(n d). Use for aggregation,
        whose stationary states lie on spheres of known radius. Source: Balagué et al. 2013.
        """
        return cls._of("radius")

    @classmethod
    def closed_form(cls) -> Self:
        """`closed_form_symmetric_kl`: symmetric KL of the Gaussian fitted to samples to the law of the Ornstein–Uhlenbeck process at the
        step's Wasserstein time. Needs a Gaussian initial distribution and a functional of one quadratic potential and one entropy, both
        of positive weight. ½ tr(Σ₁⁻¹Σ₂ + Σ₂⁻¹Σ₁) + ½ (m₁−m₂)ᵀ(Σ₁⁻¹ + Σ₂⁻¹)(m₁−m₂) − d; the fit of n samples alone adds about d(d +
        3)/(2n). Cost: O(n d² + d³). Use to judge a scheme of the classic kind: `sw_jko` follows another flow, with the same stationary
        state. Source: Uhlenbeck & Ornstein 1930.
        """
        return cls._of("closed_form")

    @classmethod
    def target_distance(cls, dataset: DatasetLike, *, num_projections: int | None = None) -> Self:
        """`target_distance`: SW2² to the rows of a data set (at most 8192 of them, chosen once), by as many samples, with the same
        directions at every step. Its standard error is over directions. Finite samples alone leave it a little above 0. Cost: O(L n (d +
        log n)) for n samples and L directions. Use for targets known by data alone. Source: Rabin et al. 2012; Bonneel et al. 2015.

        Args:
            dataset: The data set, `datasets/{dataset}`; as many columns as the flow's dimension.
            num_projections: Random directions, between 1 and the server's limit. Default: 500.
        """
        return cls._of("target_distance", dataset=dataset, num_projections=num_projections)

    @classmethod
    def relative_entropy_to_target(cls, *, target: Distribution | None = None) -> Self:
        """`kl_to_target`: KL(ρ ‖ π) = E[log ρ − log π], with its standard error over samples. `effective_sample_size`: of the importance
        weights w = π/ρ at the samples, (Σ w)²/(n Σ w²), as a share of the samples: 1 where ρ = π (Kong 1992). Needs a model with a
        density. Cost: O(components · n d²) and the model's density. Use where the target is known: it sees what samples alone do not,
        mass in the wrong proportion. Source: Kullback & Leibler 1951.

        Args:
            target: The target π. Default: the minimum e^(−V c₁/c₂)/Z of a functional c₁ ∫V dρ + c₂ ∫ρ log ρ, with positive weights, whose
                one potential V is `quadratic`, or is `gaussianMixture` with c₁ = c₂, or of one `relativeEntropy` to such a potential;
                required for any other functional.
        """
        return cls._of("relative_entropy_to_target", target=target)

    @classmethod
    def mode_coverage(cls, *, target: Distribution | None = None) -> Self:
        """`mode_coverage`: the share of the target's components that hold at least half their weight, where a sample belongs to the
        components in proportion to their densities at it. 1 for samples of the target itself. Cost: O(components · n d²). Use to see
        modes that a scheme has not found. Source: the responsibilities of Dempster, Laird & Rubin 1977.

        Args:
            target: The target mixture. Default: that of the functional's only `gaussianMixture` potential; required for any other
                functional.
        """
        return cls._of("mode_coverage", target=target)

    @classmethod
    def moments(cls) -> Self:
        """`mean_norm`: |m|, m the mean. `variance_norm`: the Euclidean norm of the coordinates' variances. `second_moment`: E|x − m|² about
        the centre of mass m. Standard errors are over samples, to first order. Cost: O(n d). Use for laws whose moments are known, such
        as those of the heat equation or of Keller–Segel. Source: the delta method, Cramér 1946.
        """
        return cls._of("moments")
