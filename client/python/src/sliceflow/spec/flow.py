"""A flow as it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from sliceflow.spec._part import Part
from sliceflow.spec.distribution import Distribution
from sliceflow.spec.functional import Functional, Term
from sliceflow.spec.metric import Metric
from sliceflow.spec.model import Model
from sliceflow.spec.solver import Solver
from sliceflow.v1 import flow_pb2


class Output(Part):
    """What is kept and reported of each step.

    Args:
        samples_per_step: Samples stored with each step, between 0 and the server's limit; the same noise (or the same particles) at every
            step, so that row i follows one trajectory. Default: 1000, or all particles where there are fewer.
        checkpoint_every: Checkpoints are kept of every n-th step, and always of step 0 and of the last. Only kept steps can be sampled or
            evaluated later. At least 1. Default: 1.
        metrics: Figures computed at each step. At most 16. Default: none.
    """

    _TYPE = flow_pb2.Output

    def __init__(
        self, *, samples_per_step: int | None = None, checkpoint_every: int | None = None, metrics: Sequence[Metric] | None = None
    ) -> None:
        super().__init__(samples_per_step=samples_per_step, checkpoint_every=checkpoint_every, metrics=metrics)


class Schedule(Part):
    """Step size τ and length of a flow.

    Args:
        step_size: The step size in the clock below, above 0, at most 1,000,000.
        clock: The clock of `step_size` and `end_time`. Default: WASSERSTEIN.
        num_steps: Number of steps, between 1 and the server's limit.
        end_time: The time to reach, in the clock above: the least number of steps that reaches it is taken.
        step_halving: Whether the flow is also run with steps of τ/2 and τ/4, side by side from the same seed, to observe the order in
            time. Two flows would tell a difference and not how it shrinks, which takes three, unless the solution were known. Every step
            carries two more metrics: `step_halving_difference`, D(τ, τ/2), where D = SW2 between samples made from the same noise at the
            same time (its standard error is over directions); and, from step 1 on and where it moves, `step_halving_order`, log₂(D(τ,
            τ/2)/D(τ/2, τ/4)), which tends to the scheme's order as τ falls. What the inner minimisations leave over is in the
            differences: an order is to be believed where they are far above it, so use many inner iterations, and particles where nothing
            needs a density. Where a model is first fitted to the initial distribution, the difference of step 0 tells how far the three
            begin from each other. Everything else of the job, `closed_form` and other metrics, samples, density and checkpoints, is that
            of the flow of τ; a step has converged where it has in all three. Costs seven times the flow, and three times its memory. Not
            for `mala`, which adapts its steps, nor `euler_maruyama` with an entropy, whose noise is larger than what smaller steps
            change. Default: false.

    >>> import sliceflow as sf
    >>> sf.Schedule(0.1, end_time=2)
    Schedule(step_size=0.1, end_time=2)
    """

    _TYPE = flow_pb2.Schedule

    def __init__(
        self,
        step_size: float,
        *,
        clock: Literal["SLICED", "WASSERSTEIN"] | None = None,
        num_steps: int | None = None,
        end_time: float | None = None,
        step_halving: bool | None = None,
    ) -> None:
        super().__init__(step_size=step_size, clock=clock, num_steps=num_steps, end_time=end_time, step_halving=step_halving)


class FlowSpec(Part):
    """Everything that determines a gradient flow. Immutable once a job exists; `CreateJob` answers with all defaults filled in. Numbers:
    the engine computes in float32, which holds magnitudes from 1e-38 to 3e38. So that squares and sums stay inside, every number of a
    specification is of a magnitude of at most 1e15, and what must be above 0 is at least 1e-15, beside what its own field says; so are
    the eigenvalues of covariances and precisions, and what may be 0 is 0 or at least 1e-15. Lower and upper ends differ by what float32
    tells apart.

    Args:
        dimension: The dimension d of the space, between 1 and the server's limit.
        functional: The functional F that is descended.
        schedule: Step size and number of steps.
        initial: The initial distribution ρ₀. Default: the standard Gaussian.
        solver: The scheme. Default: `sw_jko`.
        model: The parameterization of ρ. Default: `real_nvp`.
        output: What is kept and reported of each step. Default: its own defaults.
        seed: Seed of every random number of the job. Default: 0. The same specification, seed, kind of device and number of threads give
            the same bits.
    """

    _TYPE = flow_pb2.FlowSpec

    def __init__(
        self,
        dimension: int,
        functional: Functional | Term,
        schedule: Schedule,
        *,
        initial: Distribution | None = None,
        solver: Solver | None = None,
        model: Model | None = None,
        output: Output | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__(
            dimension=dimension,
            functional=Functional.of(functional),
            schedule=schedule,
            initial=initial,
            solver=solver,
            model=model,
            output=output,
            seed=seed,
        )

    @property
    def _fields(self) -> Any:
        return self._message

    @property
    def dimension(self) -> int:
        """The dimension d of the space."""
        return int(self._fields.dimension)

    @property
    def functional(self) -> Functional:
        """The functional F that is descended."""
        return Functional.from_proto(self._fields.functional)

    @property
    def schedule(self) -> Schedule:
        """Step size and number of steps."""
        return Schedule.from_proto(self._fields.schedule)

    @property
    def initial(self) -> Distribution:
        """The initial distribution ρ₀; its `kind` is empty where it was left out."""
        return Distribution.from_proto(self._fields.initial)

    @property
    def solver(self) -> Solver:
        """The scheme; its `kind` is empty where it was left out."""
        return Solver.from_proto(self._fields.solver)

    @property
    def model(self) -> Model:
        """The parameterization of ρ; its `kind` is empty where it was left out."""
        return Model.from_proto(self._fields.model)

    @property
    def output(self) -> Output:
        """What is kept and reported of each step."""
        return Output.from_proto(self._fields.output)

    @property
    def seed(self) -> int:
        """Seed of every random number of the job."""
        return int(self._fields.seed)
