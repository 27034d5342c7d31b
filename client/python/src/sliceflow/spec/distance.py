"""Kinds of distance between two distributions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from sliceflow.spec._part import Choice, DatasetLike
from sliceflow.v1 import distance_pb2


class Distance(Choice):
    """How far apart two distributions are. Transport distances are told as powers, as everywhere in this contract: W2², SW2².

    >>> import sliceflow as sf
    >>> sf.Distance.sliced_wasserstein(num_projections=500).kind
    'sliced_wasserstein'
    """

    _TYPE = distance_pb2.Distance

    @classmethod
    def sliced_wasserstein(cls, *, order: float | None = None, num_projections: int | None = None) -> Self:
        """SW_p^p(μ, ν) = E_θ[ W_p^p(θ♯μ, θ♯ν) ], θ uniform on the unit sphere. The standard error is over directions: 0 in one dimension,
        where one direction is exact. Cost: O(L n (d + log n)) for n samples; samples times directions at most 2^28. Source: Rabin et al.
        2012; Bonneel et al. 2015.

        Args:
            order: The order p, at least 1 and at most 16. Default: 2.
            num_projections: Random directions L, between 1 and the server's limit. Default: 1000.
        """
        return cls._of("sliced_wasserstein", order=order, num_projections=num_projections)

    @classmethod
    def wasserstein(cls) -> Self:
        """W2² between the empirical distributions of the samples, exactly: by merged quantiles in one dimension, whatever the sizes; in
        more by an optimal assignment in O(n³) time, for at most 2048 samples, where the larger side is cut to the size of the smaller. The
        standard error is over samples, from the optimal potentials; it does not cover the bias of empirical transport, of order n^(−2/d)
        in d > 4 dimensions. Source: Jonker & Volgenant 1987; del Barrio & Loubes 2019.
        """
        return cls._of("wasserstein")

    @classmethod
    def bures(cls) -> Self:
        """|m₁ − m₂|² + tr(Σ₁ + Σ₂ − 2(Σ₁^½ Σ₂ Σ₁^½)^½) of the fitted means and covariances, exact ones for known densities. The standard
        error is over samples, to first order; fits alone add a bias of order d²/n. Cost: O(n d² + d³); dimension at most 512. Source:
        Dowson & Landau 1982.
        """
        return cls._of("bures")

    @classmethod
    def mmd(cls, *, bandwidth: float | None = None) -> Self:
        """E k(X, X′) + E k(Y, Y′) − 2 E k(X, Y) with k(x, y) = exp(−|x − y|²/(2 bandwidth²)), without bias over all pairs of distinct
        samples, so that it may be negative for distributions that are close. The standard error is over samples, to first order. Cost:
        O(n² d); at most 20,000 samples, and samples times dimension at most 2^22. Source: Gretton et al. 2012.

        Args:
            bandwidth: The kernel's bandwidth, above 0. Default: the median of |x − y| over pairs of the first 500 samples of each side.
        """
        return cls._of("mmd", bandwidth=bandwidth)

    @classmethod
    def energy(cls) -> Self:
        """2 E|X − Y| − E|X − X′| − E|Y − Y′|, without bias over all pairs of distinct samples; bounds and standard error as for `mmd`.
        Cost: O(n² d). Source: Székely & Rizzo 2013.
        """
        return cls._of("energy")

    @classmethod
    def kl(cls) -> Self:
        """KL(first ‖ second) = E_first[log first − log second], the mean over samples of the first, with its standard error over samples.
        Infinite where the second is 0 at a sample of the first. A data set, or a job whose model has none, has no density. Cost: both
        densities at n samples. Source: Kullback & Leibler 1951.
        """
        return cls._of("kl")

    @classmethod
    def symmetric_kl(cls) -> Self:
        """KL(first ‖ second) + KL(second ‖ first); as for `kl`. Cost: both densities at n samples of either side."""
        return cls._of("symmetric_kl")

    @classmethod
    def gaussian_symmetric_kl(cls) -> Self:
        """½ tr(Σ₁⁻¹Σ₂ + Σ₂⁻¹Σ₁) + ½ (m₁−m₂)ᵀ(Σ₁⁻¹ + Σ₂⁻¹)(m₁−m₂) − d of the fitted means and covariances, exact ones for known densities.
        The standard error is over samples, to first order; fits of n samples alone add about d(d + 3)/(2n) each. Infinite where a fit is
        singular. Cost: O(n d² + d³); dimension at most 512.
        """
        return cls._of("gaussian_symmetric_kl")

    @classmethod
    def frechet(cls, *, features: str | None = None, weights: Sequence[DatasetLike] | None = None) -> Self:
        """|m₁ − m₂|² + tr(Σ₁ + Σ₂ − 2(Σ₁^½ Σ₂ Σ₁^½)^½) of the means and covariances of features of the samples, of at most 512 features:
        W2² of Gaussian fits of them. The standard error is over samples, to first order; fits alone add a bias of order k²/n for k
        features, so compare values of equal `samples` only. Cost: O(n k² + k³) and the cost of the features. Figures of different features
        are not comparable. Source: Heusel et al. 2017.

        Args:
            features: TorchScript source of the features, at most 65,536 bytes. The last function that it defines takes samples (count ×
                dimension) and then the weights, in their order, and gives features (count × k), each row from its own sample. For
                example, with two weights: def features(x, w, b): return torch.relu(x @ w + b) What a source may do is bounded as for
                `ExpressionPotential`. Default: none; the samples themselves are the features.
            weights: Further arguments of the features, `datasets/{dataset}`, at most 16: a matrix each, rows × columns of the data set. A
                vector is a data set of one row, which stands for itself in every row of a sum.
        """
        return cls._of("frechet", features=features, weights=weights)
