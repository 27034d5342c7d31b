"""Functionals F(ρ) = Σⱼ cⱼ Fⱼ(ρ), written as sums."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

from sliceflow.spec._part import Part, show
from sliceflow.v1 import functional_pb2


class Term(Part):
    """One term Fⱼ of a functional. Terms and functionals add, subtract and take factors."""

    def _as_functional(self) -> Functional:
        field = next(f for f in functional_pb2.FunctionalTerm.DESCRIPTOR.fields if f.message_type is self._TYPE.DESCRIPTOR)
        term = functional_pb2.FunctionalTerm()
        chosen = getattr(term, field.name)
        chosen.CopyFrom(self._message)
        chosen.SetInParent()
        return Functional._wrap(functional_pb2.Functional(terms=[term]))

    def __add__(self, other: Term | Functional) -> Functional:
        return self._as_functional() + other

    def __radd__(self, other: int) -> Functional:
        return other + self._as_functional()

    def __sub__(self, other: Term | Functional) -> Functional:
        return self._as_functional() - other

    def __mul__(self, weight: float) -> Functional:
        return self._as_functional() * weight

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> Functional:
        return self._as_functional() / divisor

    def __neg__(self) -> Functional:
        return -self._as_functional()


class Functional(Part):
    """A weighted sum of terms, between 1 and 16. Lengths are in the unit of the points' coordinates; energies, where an entropy is among
    the terms, in nats.

    Made by arithmetic rather than by its constructor:

    >>> import sliceflow as sf
    >>> sf.Potential.quadratic() + 0.1 * sf.Entropy() - sf.Interaction.gaussian(bandwidth=2) / 2
    Potential.quadratic() + 0.1 * Entropy() - 0.5 * Interaction.gaussian(bandwidth=2)
    >>> 2 * (sf.Entropy() + sum([sf.PorousMedium(), sf.PorousMedium(exponent=3)]))
    2 * Entropy() + 2 * PorousMedium() + 2 * PorousMedium(exponent=3)

    Weights are finite and not 0, and above 0 for entropies, whose negatives have no minimum.
    """

    _TYPE = functional_pb2.Functional

    def __init__(self, terms: Iterable[Term | Functional]) -> None:
        super().__init__()
        for term in terms:
            self._message.MergeFrom(Functional.of(term)._message)

    @classmethod
    def of(cls, functional: Term | Functional) -> Functional:
        """The functional itself, or of a single term the functional of that term."""
        return functional if isinstance(functional, Functional) else functional._as_functional()

    def __add__(self, other: Term | Functional) -> Functional:
        if not isinstance(other, (Term, Functional)):
            return NotImplemented
        return Functional([self, other])

    def __radd__(self, other: int) -> Self:
        if other != 0:  # with which sum() begins
            return NotImplemented
        return self

    def __sub__(self, other: Term | Functional) -> Functional:
        return self + -Functional.of(other)

    def __mul__(self, weight: float) -> Functional:
        message = self.to_proto()
        for term in message.terms:
            term.weight = (term.weight if term.HasField("weight") else 1.0) * float(weight)
        return Functional._wrap(message)

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> Functional:
        return self * (1.0 / divisor)

    def __neg__(self) -> Functional:
        return self * -1.0

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def weights(self) -> tuple[float, ...]:
        """The weights cⱼ of the terms, in their order; 1 where none was given.

        >>> import sliceflow as sf
        >>> (sf.Potential.quadratic() + 0.1 * sf.Entropy()).weights
        (1.0, 0.1)
        """
        terms: Any = self.to_proto().terms
        return tuple(term.weight if term.HasField("weight") else 1.0 for term in terms)

    def __repr__(self) -> str:
        text = ""
        for term, weight in zip(self.to_proto().terms, self.weights):
            sign = (" - " if text else "-") if weight < 0 else (" + " if text else "")
            factor = "" if abs(weight) == 1 else f"{abs(weight):.12g} * "
            kind = term.WhichOneof("kind")
            text += sign + factor + (show(getattr(term, kind)) if kind else "Term()")
        return text or "Functional([])"
