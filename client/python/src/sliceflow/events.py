"""What a job tells while it runs."""

from __future__ import annotations

import dataclasses
import datetime
import enum
from collections.abc import Mapping
from types import MappingProxyType

from sliceflow import _status
from sliceflow._tensor import FloatArray
from sliceflow.errors import JobFailedError
from sliceflow.v1 import job_pb2


class JobState(enum.StrEnum):
    """Where a job is in its life."""

    QUEUED = "QUEUED"
    """Accepted and durable, waiting for a worker."""
    RUNNING = "RUNNING"
    """A worker computes its steps."""
    PAUSED = "PAUSED"
    """Set aside at a completed step until resumed."""
    SUCCEEDED = "SUCCEEDED"
    """All steps are done. Final."""
    FAILED = "FAILED"
    """Ended with an error; steps before it are kept. Final."""
    CANCELLED = "CANCELLED"
    """Stopped on request; steps before it are kept. Final."""

    @property
    def is_final(self) -> bool:
        """Whether a job in this state stays in it.

        >>> JobState.PAUSED.is_final, JobState.FAILED.is_final
        (False, True)
        """
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


@dataclasses.dataclass(frozen=True, slots=True)
class MetricValue:
    """A figure of a metric, with its standard error: 0 where it is not random or not known."""

    value: float
    standard_error: float

    def __float__(self) -> float:
        return self.value


@dataclasses.dataclass(frozen=True, slots=True)
class EnergyInequality:
    """J(ρ_{k+1}) ≤ J(ρ_k) within the Monte-Carlo error, J what the step minimises.

    slack: J(ρ_k) − J(ρ_{k+1}), at least 0 where the inequality holds. standard_error: the Monte-Carlo error of `slack`. holds: false where
    `slack` is below −3 standard errors after the last attempt.
    """

    slack: float
    standard_error: float
    holds: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """A completed step of a flow.

    step: its number; 0 is the initial distribution.
    sliced_time: k·τ, the clock of the SW-JKO objective.
    wasserstein_time: d·k·τ, the clock of the Wasserstein flow that is followed.
    energy: F(ρ) estimated on a batch that is the same at every step, with `energy_standard_error`.
    term_energies: the weighted energies cⱼ Fⱼ of the functional's terms, in their order.
    distance_squared: D² to the step before, D the solver's distance, with `distance_standard_error`; at step 0 the fitting residual.
    energy_inequality: the check that a minimising step must pass; None at step 0 and of solvers that minimise nothing.
    inner_iterations: iterations of the inner minimisation that were used.
    gradient_norm: norm of the gradient of the inner objective at the last iteration.
    converged: whether the step's minimisation came to rest.
    seconds: wall time of the step on the worker. Not part of what is reproducible.
    metrics: the metrics that the job asked for, by name.
    samples: float32 of shape [rows, dimension], row i following one trajectory through all steps; None where none were asked for or stored.
    sample_count: samples stored with the step on the server.
    checkpoint_kept: whether the step can be sampled, evaluated and forked later.
    sequence: position of the step's event in the job's log. time: when it happened, by the daemon's clock.
    """

    step: int
    sliced_time: float
    wasserstein_time: float
    energy: float
    energy_standard_error: float
    term_energies: tuple[float, ...]
    distance_squared: float
    distance_standard_error: float
    energy_inequality: EnergyInequality | None
    inner_iterations: int
    gradient_norm: float
    converged: bool
    seconds: float
    metrics: Mapping[str, MetricValue]
    sample_count: int = 0
    checkpoint_kept: bool = False
    sequence: int = 0
    time: datetime.datetime | None = None
    samples: FloatArray | None = dataclasses.field(default=None, repr=False, compare=False)


@dataclasses.dataclass(frozen=True, slots=True)
class StateChanged:
    """The job's state changed. `reason` says why, in words; `error` is set when the state is `FAILED`, `device`, such as `cpu` or `gpu1/cpu`,
    when it is `RUNNING`: what computes the job from here on.
    """

    state: JobState
    reason: str
    error: JobFailedError | None
    sequence: int
    time: datetime.datetime
    device: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class LogEntry:
    """A message about the job. `severity` is `INFO`, `WARNING` or `ERROR`."""

    severity: str
    message: str
    sequence: int
    time: datetime.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class InnerProgress:
    """Progress inside a step; not stored, at most five a second.

    step: the step being computed, from 1. iteration, total_iterations: done, and how many it will take unless the energy inequality asks
    for more. loss: the inner objective, such as SW2²/(2τ) + F, at this iteration.
    """

    step: int
    iteration: int
    total_iterations: int
    loss: float


@dataclasses.dataclass(frozen=True, slots=True)
class Compacted:
    """What was asked for is no longer kept: events go on from `earliest_sequence`."""

    earliest_sequence: int


Event = Step | StateChanged | LogEntry | InnerProgress | Compacted


def state_of(number: int) -> JobState:
    return JobState(job_pb2.Job.State.Name(number))


def step_of_report(report: job_pb2.StepReport) -> Step:
    """A step from its report alone."""
    inequality = report.energy_inequality
    return Step(
        step=report.step,
        sliced_time=report.sliced_time,
        wasserstein_time=report.wasserstein_time,
        energy=report.energy,
        energy_standard_error=report.energy_standard_error,
        term_energies=tuple(report.term_energies),
        distance_squared=report.distance_squared,
        distance_standard_error=report.distance_standard_error,
        energy_inequality=EnergyInequality(inequality.slack, inequality.standard_error, inequality.holds)
        if report.HasField("energy_inequality")
        else None,
        inner_iterations=report.inner_iterations,
        gradient_norm=report.gradient_norm,
        converged=report.converged,
        seconds=report.seconds,
        metrics=MappingProxyType({m.name: MetricValue(m.value, m.standard_error) for m in report.metrics}),
    )


def event_of(job: str, event: job_pb2.JobEvent, samples: FloatArray | None) -> Event | None:
    """The event of a job; None for a kind that this version does not know."""
    time = event.time.ToDatetime(datetime.UTC)
    kind = event.WhichOneof("kind")
    if kind == "step_completed":
        completed = event.step_completed
        return dataclasses.replace(
            step_of_report(completed.report),
            sample_count=completed.sample_count,
            checkpoint_kept=completed.checkpoint_kept,
            sequence=event.sequence,
            time=time,
            samples=samples,
        )
    if kind == "state_changed":
        changed = event.state_changed
        error = _status.of_job(job, changed.error) if changed.HasField("error") else None
        return StateChanged(state_of(changed.state), changed.reason, error, event.sequence, time, changed.device)
    if kind == "inner_progress":
        inner = event.inner_progress
        return InnerProgress(inner.step, inner.iteration, inner.total_iterations, inner.loss)
    if kind == "log":
        return LogEntry(job_pb2.LogEntry.Severity.Name(event.log.severity), event.log.message, event.sequence, time)
    return None
