"""Potentials V, whose mean is a term of a functional."""

from __future__ import annotations

from typing import Self

import numpy.typing as npt

from sliceflow.spec._part import Choice, DatasetLike, MatrixLike, VectorLike, fill_mixture
from sliceflow.spec.functional import Term
from sliceflow.v1 import functional_pb2


class Potential(Choice, Term):
    """∫ V dρ, estimated by the mean of the potential V over samples.

    >>> import sliceflow as sf
    >>> sf.Potential.quadratic(center=[1.7, 0.4], precision=[[2.5, 0], [0, 0.5]])
    Potential.quadratic(center=[1.7, 0.4], precision=[[2.5, 0], [0, 0.5]])
    """

    _TYPE = functional_pb2.Potential
    _ALIAS = {"gaussian_mixture": "mixture"}

    @classmethod
    def quadratic(cls, *, center: VectorLike | None = None, precision: MatrixLike | None = None) -> Self:
        """V(x) = ½ (x − b)ᵀ A (x − b). Cost: O(d²) a sample. Use for Ornstein–Uhlenbeck flows, whose laws are known, and to confine what
        other terms drive apart. Source: Uhlenbeck & Ornstein 1930.

        Args:
            center: The centre b, `dimension` finite numbers. Default: zero.
            precision: The precision A, symmetric positive definite, row-major. Default: the identity, as of GaussianDistribution's
                covariance.
        """
        return cls._of("quadratic", center=center, precision=precision)

    @classmethod
    def mixture(cls, means: MatrixLike, *, covariances: npt.ArrayLike | None = None, weights: VectorLike | None = None) -> Self:
        """V(x) = −log Σᵢ wᵢ N(x; mᵢ, Σᵢ), with its normalising constants, so that e^{−V} is a probability density. Cost: O(components · d²)
        a sample. Use as a target of several modes whose density is known. Source: Mokrov et al. 2021, section 5.1.

        `gaussianMixture` in job files.

        Args:
            means: The means mᵢ, shape [components, dimension], finite; between 1 and 256 components.
            covariances: The covariances Σᵢ, shape [components, dimension, dimension], or [dimension, dimension] for one that all share;
                symmetric positive definite. Default: the identity.
            weights: The weights wᵢ, shape [components], above 0; they are divided by their sum. Default: equal.

        >>> import sliceflow as sf
        >>> sf.Potential.mixture([[4, 0], [-4, 0]]) + 0.1 * sf.Entropy()
        Potential.mixture(means=[[4, 0], [-4, 0]]) + 0.1 * Entropy()
        """
        mixture = cls._TYPE()
        fill_mixture(mixture.gaussian_mixture, means, covariances, weights)
        return cls._wrap(mixture)

    @classmethod
    def ring(cls, *, center: VectorLike | None = None, radius: float | None = None, stiffness: float | None = None) -> Self:
        """V(x) = ½ stiffness (|x − center| − radius)². Cost: O(d) a sample. Use as a target without a centre: e^{−V} lies about a sphere.
        Has no gradient at `center`, where 0 is taken.

        Args:
            center: The centre, `dimension` finite numbers. Default: the origin.
            radius: The radius, above 0. Default: 1.
            stiffness: The stiffness, above 0. Default: 10.
        """
        return cls._of("ring", center=center, radius=radius, stiffness=stiffness)

    @classmethod
    def bayesian_logistic_regression(
        cls, dataset: DatasetLike, *, train_fraction: float | None = None, shuffle: bool | None = None, batch_size: int | None = None
    ) -> Self:
        """Bayesian logistic regression with a Gamma(1, 0.01) hyper-prior on the precision α of the weights' prior N(0, α⁻¹ I). The state is
        x = (w, log α), so the flow's `dimension` is the number of the table's columns + 1: one weight for each feature, one for a
        constant feature that is added, and log α. Features are standardised with the training rows' mean and deviation. V(x) = −log
        p(w|α) − log p(α) − log α − Σᵢ log σ(yᵢ ⟨w, (1, featuresᵢ)⟩). Cost: O(rows · d) a sample, or O(batch_size · d). Use for the
        posterior of a linear classifier; the metric `held_out_prediction` tells how well it predicts. Source: Liu & Wang 2016, Stein
        variational gradient descent, section 5.

        Args:
            dataset: The data set, `datasets/{dataset}`. Its last column is the label, in {−1, 1} or {0, 1}.
            train_fraction: Share of the rows that the posterior is conditioned on, above 0 and below 1; the others are held out. Default:
                0.8.
            shuffle: Whether rows are shuffled (by the job's seed) before they are divided. Default: true.
            batch_size: Rows drawn for each evaluation of the likelihood, which is scaled by rows/batch_size; 0 takes all rows. Default:
                0.
        """
        return cls._of(
            "bayesian_logistic_regression", dataset=dataset, train_fraction=train_fraction, shuffle=shuffle, batch_size=batch_size
        )

    @classmethod
    def double_well(
        cls, *, center: VectorLike | None = None, distance: float | None = None, depth: float | None = None, stiffness: float | None = None
    ) -> Self:
        """V(x) = depth · ((x₁ − c₁)²/distance² − 1)² + ½ stiffness Σ_{i≥2} (xᵢ − cᵢ)²: minima of value 0 at c ± distance · e₁, and a saddle
        of value depth at c between them. With the defaults, (x₁² − 1)² along the first coordinate. e^{−V} is integrable. Cost: O(d) a
        sample. Use for metastability: mass crosses the saddle in a time of order e^{depth} (Kramers 1940).

        Args:
            center: The point c between the wells, `dimension` finite numbers. Default: the origin.
            distance: Distance of either minimum from the centre, above 0. Unit: that of x. Default: 1.
            depth: Height of the barrier between the wells, above 0. Unit: that of the energy. Default: 1.
            stiffness: Stiffness across the other coordinates, above 0; without effect in dimension 1. Default: 1.
        """
        return cls._of("double_well", center=center, distance=distance, depth=depth, stiffness=stiffness)

    @classmethod
    def rosenbrock(cls, *, a: float | None = None, b: float | None = None, scale: float | None = None) -> Self:
        """V(x) = scale · Σ_{i<d} [(a − xᵢ)² + b (xᵢ₊₁ − xᵢ²)²], in dimension 2 or more: a curved valley with its minimum of value 0 at x₁ =
        a, xᵢ₊₁ = xᵢ². With the defaults, e^{−V} is the test density of Goodman & Weare 2010, Ensemble samplers with affine invariance,
        section 4. Cost: O(d) a sample. Use for what a narrow, curved target asks of a scheme.

        Args:
            a: The first coordinate a of the minimum, finite. Default: 1.
            b: How much steeper the sides of the valley are than its floor, above 0. Default: 100.
            scale: The factor before the sum, above 0; large values make gradients that no step follows. Default: 0.05.
        """
        return cls._of("rosenbrock", a=a, b=b, scale=scale)

    @classmethod
    def expression(cls, source: str) -> Self:
        """V as TorchScript source. The last function that it defines is V: from a tensor of points, one a row (n × dimension), to a tensor
        of n values, the value of a row depending on that row alone. Functions before it may be called by it. For example `def V(x):
        return 0.5 * (x * x).sum(1) + torch.cos(x[:, 0])`. Its gradient is taken by automatic differentiation. The language is a part of
        Python: arithmetic, indices, `if` on shapes, `for` over range(…), and the pure operations of `torch` on tensors; choices by value
        are torch.where(…). What is refused, with its line and reason: files, random numbers, writing in place, numbers taken from a
        tensor's values, loops and sizes without a bound, and more than 20,000 operations, 2²² elements of a tensor or 512 MiB in one
        evaluation of 16 points or more. Cost: one evaluation for each 1024 points. CheckExpression of ServerService tries one without a
        job. Use for potentials that have no kind here; those that have one are faster by it.

        Args:
            source: The source, at most 65,536 bytes and 8,192 words and signs.
        """
        return cls._of("expression", source=source)
