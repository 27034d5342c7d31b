"""Interactions by a kernel W of differences."""

from __future__ import annotations

from typing import Self

from sliceflow.spec._part import Choice
from sliceflow.spec.functional import Term
from sliceflow.v1 import functional_pb2


class Interaction(Choice, Term):
    """F(ρ) = ½ ∬ W(x − y) dρ(x) dρ(y). Cost: that of W for each pair of `random_pairs`. Source: McCann 1997.

    >>> import sliceflow as sf
    >>> sf.Interaction.power_law(attraction=4, repulsion=2)
    Interaction.power_law(attraction=4, repulsion=2)
    """

    _TYPE = functional_pb2.Interaction

    @classmethod
    def power_law(cls, *, attraction: float | None = None, repulsion: float | None = None, random_pairs: int | None = None) -> Self:
        """W(z) = |z|^attraction / attraction − |z|^repulsion / repulsion. Cost: O(d) a pair. Use for aggregation: with the defaults the
        stationary state in the plane is a circle of radius 1/√3. Source: Balagué et al. 2013.

        Args:
            attraction: The exponent a of the attraction, above `repulsion`, at most 16. Default: 4.
            repulsion: The exponent b of the repulsion, above 0. Default: 2.
            random_pairs: Pairs an evaluation, between 0 and the server's limit on batch sizes; 0 takes all n (n − 1)/2 pairs of a batch
                of n, in tiles: O(n²) time, O(n) memory. Otherwise the batch is shuffled and every sample meets equally many partners,
                their number such that there are at least this many pairs (never more than all): unbiased, O(random_pairs + n) time.
                Reported energies take at least 64 partners a sample. Default: 0.
        """
        return cls._of("power_law", attraction=attraction, repulsion=repulsion, outer={"random_pairs": random_pairs})

    @classmethod
    def gaussian(cls, *, bandwidth: float | None = None, random_pairs: int | None = None) -> Self:
        """W(z) = exp(−|z|²/(2 bandwidth²)): repels at a positive weight of the term, attracts at a negative one. Cost: O(d) a pair. Use for
        smooth interaction of short range. Source: Carrillo, Craig & Yao 2019, Aggregation-diffusion equations.

        Args:
            bandwidth: The length of the interaction, above 0. Unit: that of x. Default: 1.
            random_pairs: Pairs an evaluation, between 0 and the server's limit on batch sizes; 0 takes all n (n − 1)/2 pairs of a batch
                of n, in tiles: O(n²) time, O(n) memory. Otherwise the batch is shuffled and every sample meets equally many partners,
                their number such that there are at least this many pairs (never more than all): unbiased, O(random_pairs + n) time.
                Reported energies take at least 64 partners a sample. Default: 0.
        """
        return cls._of("gaussian", bandwidth=bandwidth, outer={"random_pairs": random_pairs})

    @classmethod
    def morse(
        cls,
        *,
        attraction: float | None = None,
        attraction_length: float | None = None,
        repulsion: float | None = None,
        repulsion_length: float | None = None,
        random_pairs: int | None = None,
    ) -> Self:
        """W(z) = repulsion · e^{−|z|/repulsion_length} − attraction · e^{−|z|/attraction_length}. Source: D'Orsogna et al. 2006, Self-
        propelled particles with soft-core interactions, equation 3. Distances below 1e-6 count as 1e-6. Cost: O(d) a pair. Use for
        swarms: repulsion near, attraction farther off, none far away.

        Args:
            attraction: The strength of the attraction, at least 0. Unit: that of the energy. Default: 1.
            attraction_length: The length over which the attraction decays, above 0. Unit: that of x. Default: 1.
            repulsion: The strength of the repulsion, at least 0. Unit: that of the energy. Default: 2.
            repulsion_length: The length over which the repulsion decays, above 0. Unit: that of x. Default: 0.5.
            random_pairs: Pairs an evaluation, between 0 and the server's limit on batch sizes; 0 takes all n (n − 1)/2 pairs of a batch
                of n, in tiles: O(n²) time, O(n) memory. Otherwise the batch is shuffled and every sample meets equally many partners,
                their number such that there are at least this many pairs (never more than all): unbiased, O(random_pairs + n) time.
                Reported energies take at least 64 partners a sample. Default: 0.
        """
        return cls._of(
            "morse",
            attraction=attraction,
            attraction_length=attraction_length,
            repulsion=repulsion,
            repulsion_length=repulsion_length,
            outer={"random_pairs": random_pairs},
        )

    @classmethod
    def keller_segel(cls, *, chi: float | None = None, softening: float | None = None, random_pairs: int | None = None) -> Self:
        """W(z) = (χ/4π) log(|z|² + softening²), which is (χ/2π) log |z| but for the singularity at 0: the attraction of Keller and Segel's
        model of chemotaxis in the plane, to be taken with an entropy of weight 1. There a unit mass spreads below χ = 8π and collapses
        above. Cost: O(d) a pair. Source: Blanchet, Dolbeault & Perthame 2006. The formula stands in any dimension.

        Args:
            chi: The sensitivity χ, above 0. Default: 1.
            softening: The length below which the singularity is smoothed, at least 0; forces are at most χ/(4π softening). Distances
                below 1e-6 count as 1e-6. Unit: that of x. Default: 0.001.
            random_pairs: Pairs an evaluation, between 0 and the server's limit on batch sizes; 0 takes all n (n − 1)/2 pairs of a batch
                of n, in tiles: O(n²) time, O(n) memory. Otherwise the batch is shuffled and every sample meets equally many partners,
                their number such that there are at least this many pairs (never more than all): unbiased, O(random_pairs + n) time.
                Reported energies take at least 64 partners a sample. Default: 0.
        """
        return cls._of("keller_segel", chi=chi, softening=softening, outer={"random_pairs": random_pairs})

    @classmethod
    def expression(cls, source: str, *, random_pairs: int | None = None) -> Self:
        """W as TorchScript source: as ExpressionPotential, of differences z = x − y, one a row. Where W is not even, (W(z) + W(−z))/2
        counts. Cost: one evaluation for each 16,384 of the n² pairs of a batch; `random_pairs` must be 0. Use for kernels that have no
        kind here; those that have one are faster by it.

        Args:
            source: The source, at most 65,536 bytes and 8,192 words and signs.
            random_pairs: Pairs an evaluation, between 0 and the server's limit on batch sizes; 0 takes all n (n − 1)/2 pairs of a batch
                of n, in tiles: O(n²) time, O(n) memory. Otherwise the batch is shuffled and every sample meets equally many partners,
                their number such that there are at least this many pairs (never more than all): unbiased, O(random_pairs + n) time.
                Reported energies take at least 64 partners a sample. Default: 0.
        """
        return cls._of("expression", source=source, outer={"random_pairs": random_pairs})
