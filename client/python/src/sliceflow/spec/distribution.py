"""Distributions that a flow starts from."""

from __future__ import annotations

from typing import Self

import numpy.typing as npt

from sliceflow.spec._part import Choice, DatasetLike, MatrixLike, VectorLike, fill_mixture
from sliceflow.v1 import distribution_pb2


class Distribution(Choice):
    """The distribution ρ₀ that a flow starts from, and what a distance may be taken to. Left out altogether: the standard Gaussian N(0, I).

    >>> import sliceflow as sf
    >>> sf.Distribution.gaussian(mean=[1, 0], covariance=[[2, 0], [0, 0.5]])
    Distribution.gaussian(mean=[1, 0], covariance=[[2, 0], [0, 0.5]])
    """

    _TYPE = distribution_pb2.Distribution

    @classmethod
    def gaussian(cls, *, mean: VectorLike | None = None, covariance: MatrixLike | None = None) -> Self:
        """N(mean, covariance).

        Args:
            mean: The mean, `dimension` finite numbers. Default: zero.
            covariance: The covariance, symmetric positive definite, `dimension²` entries in row-major order. Default: the identity, which
                is not filled in where it would make the specification larger than the server's limit (one of 1 MiB: from a dimension of
                about 360 on). Identities that are left out may have 2²⁵ entries together (two of dimension 4096).
        """
        return cls._of("gaussian", mean=mean, covariance=covariance)

    @classmethod
    def mixture(cls, means: MatrixLike, *, covariances: npt.ArrayLike | None = None, weights: VectorLike | None = None) -> Self:
        """Σᵢ wᵢ N(mᵢ, Σᵢ).

        Args:
            means: The means mᵢ, shape [components, dimension], finite; between 1 and 256 components.
            covariances: The covariances Σᵢ, shape [components, dimension, dimension], or [dimension, dimension] for one that all share;
                symmetric positive definite. Default: the identity.
            weights: The weights wᵢ, shape [components], above 0; they are divided by their sum. Default: equal.

        >>> import sliceflow as sf
        >>> sf.Distribution.mixture([[-2, 0], [2, 0]], covariances=[[0.5, 0], [0, 0.5]]).kind
        'mixture'
        """
        mixture = cls._TYPE()
        fill_mixture(mixture.mixture, means, covariances, weights)
        return cls._wrap(mixture)

    @classmethod
    def uniform_box(cls, *, lower: VectorLike | None = None, upper: VectorLike | None = None) -> Self:
        """Uniform on the product of the intervals [lower_i, upper_i].

        Args:
            lower: Lower ends, `dimension` finite numbers. Default: -1 in every coordinate.
            upper: Upper ends, each above its lower end. Default: 1 in every coordinate.
        """
        return cls._of("uniform_box", lower=lower, upper=upper)

    @classmethod
    def dirac(cls, *, point: VectorLike | None = None) -> Self:
        """A unit mass at `point`.

        Args:
            point: The point, `dimension` finite numbers. Default: the origin.
        """
        return cls._of("dirac", point=point)

    @classmethod
    def ring(cls, *, center: VectorLike | None = None, radius: float | None = None, thickness: float | None = None) -> Self:
        """center + (radius + thickness · g) u, with u uniform on the unit sphere and g standard normal.

        Args:
            center: The centre, `dimension` finite numbers. Default: the origin.
            radius: The radius, above 0. Default: 1.
            thickness: The standard deviation of the distance from the centre, at least 0. Default: 0.1.
        """
        return cls._of("ring", center=center, radius=radius, thickness=thickness)

    @classmethod
    def dataset(cls, dataset: DatasetLike) -> Self:
        """The rows of a data set, each with the same mass.

        Args:
            dataset: The data set, `datasets/{dataset}`; as many columns as the flow's dimension.
        """
        return cls._of("dataset", dataset=dataset)
