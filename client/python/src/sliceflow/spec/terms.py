"""Terms of a functional beside potentials and interactions."""

from __future__ import annotations

from typing import Self

from sliceflow.spec._part import Choice, DatasetLike
from sliceflow.spec.functional import Term
from sliceflow.spec.potential import Potential
from sliceflow.v1 import functional_pb2


class Entropy(Term):
    """F(ρ) = ∫ ρ log ρ. For a model with a density: E[log ρ(T(z))] by change of variables. Of particles, whose solver turns it into noise,
    the value that is reported is estimated from nearest neighbours (Kozachenko & Leonenko 1987). Cost: the model's log-determinants; of n
    particles 2048 · n · d products a report. Use for diffusion: its Wasserstein flow is the heat equation. Source: Jordan, Kinderlehrer &
    Otto 1998."""

    _TYPE = functional_pb2.Entropy

    def __init__(self) -> None:
        super().__init__()


class SlicedWasserstein(Term):
    """F(ρ) = ½ SW2²(ρ, ν), ν the empirical distribution of a data set, mini-batched to the solver's batch size. Cost: O(L n (d + log n))
    for n samples and L directions. Use to draw a model to data that has no density, such as images. Source: Bonneel et al. 2015; Liutkus et
    al. 2019.

    Args:
        dataset: The data set, `datasets/{dataset}`; as many columns as the flow's dimension.
        num_projections: Random directions an evaluation; between 1 and the server's limit. Default: the solver's `num_projections`, but
            100 at least, or 1000 where it has none.
    """

    _TYPE = functional_pb2.SlicedWasserstein

    def __init__(self, dataset: DatasetLike, *, num_projections: int | None = None) -> None:
        super().__init__(dataset=dataset, num_projections=num_projections)


class PorousMedium(Term):
    """F(ρ) = ∫ ρ^m/(m − 1), whose Wasserstein flow is the porous-medium equation ∂ρ/∂t = Δ(ρ^m) (Otto 2001). For a model with a density:
    E[ρ(T(z))^{m−1}]/(m − 1). Cost: as `entropy`. Use for diffusion with fronts: a density of bounded support stays one, which RealNVP
    from a Gaussian only comes near to; the model `grid` holds it.

    Args:
        exponent: The exponent m, above 1, at most 16. Default: 2.
    """

    _TYPE = functional_pb2.PorousMedium

    def __init__(self, *, exponent: float | None = None) -> None:
        super().__init__(exponent=exponent)


class Mmd(Choice, Term):
    """F(ρ) = ½ MMD²(ρ, ν) = ½ (E k(x, x') − 2 E k(x, y) + E k(y, y')), x, x' ~ ρ and y, y' ~ ν independent, ν the law that the rows of a
    data set are samples of: the unbiased U-statistic over distinct pairs, which may fall below 0 (Gretton et al. 2012, equation 3).
    Iterations compare with as many rows as the solver's batch size, reports with up to 4096, the same throughout; the constant E k(y, y')
    is of those. Time O(n² + n · rows) an evaluation, in tiles of constant memory. Use in place of `sliced_wasserstein` where batches are
    small: it has no bias. Source: Arbel et al. 2019, Maximum mean discrepancy gradient flow."""

    _TYPE = functional_pb2.Mmd

    @classmethod
    def gaussian(cls, dataset: DatasetLike, *, bandwidth: float | None = None) -> Self:
        """k(x, y) = exp(−|x − y|²/(2 bandwidth²)). Cost: O(d) a pair. Use where differences have one known length; beyond a few of it
        nothing pulls. Source: Gretton et al. 2012.

        Args:
            dataset: The data set, `datasets/{dataset}`; as many columns as the flow's dimension, at least 2 rows.
            bandwidth: The length that the kernel resolves, at least 0. 0 takes the median distance between different rows, of up to 1000
                rows chosen by the job's seed. Unit: that of x. Default: 0.
        """
        return cls._of("gaussian", bandwidth=bandwidth, outer={"dataset": dataset})

    @classmethod
    def energy_distance(cls, dataset: DatasetLike) -> Self:
        """k(x, y) = −|x − y|, with which MMD² is the energy distance 2 E|x − y| − E|x − x'| − E|y − y'| (Székely & Rizzo 2013): no length
        to choose, and a pull that does not fade with distance. Cost: O(d) a pair. Use where nothing is known of the distances.

        Args:
            dataset: The data set, `datasets/{dataset}`; as many columns as the flow's dimension, at least 2 rows.
        """
        return cls._of("energy_distance", outer={"dataset": dataset})

    @classmethod
    def inverse_multiquadric(cls, dataset: DatasetLike, *, scale: float | None = None) -> Self:
        """k(x, y) = (1 + |x − y|²/scale²)^{−1/2}: tails that reach further than a Gaussian's. Cost: O(d) a pair. Use where ρ may start some
        way off. Source: Gorham & Mackey 2017.

        Args:
            dataset: The data set, `datasets/{dataset}`; as many columns as the flow's dimension, at least 2 rows.
            scale: The length that the kernel resolves, at least 0; 0 as for the bandwidth of `gaussian`. Unit: that of x. Default: 0.
        """
        return cls._of("inverse_multiquadric", scale=scale, outer={"dataset": dataset})


class RelativeEntropy(Term):
    """F(ρ) = KL(ρ ‖ e^{−V}/Z) = ∫ V dρ + ∫ ρ log ρ + log Z, the potential and the entropy in one term. log Z is included where it is known:
    `quadratic` (½ (d log 2π − log det A)) and `gaussian_mixture` (0). For the other potentials it is left out, and the value is the
    divergence less log Z, so that only differences mean something. Cost: that of its potential and of `entropy`. Use where the value
    itself is to be read: 0 is the end.

    Args:
        potential: The potential V.
    """

    _TYPE = functional_pb2.RelativeEntropy

    def __init__(self, potential: Potential) -> None:
        super().__init__(potential=potential)
