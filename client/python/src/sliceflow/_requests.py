"""The requests that blocking and asynchronous clients send."""

from __future__ import annotations

import dataclasses
import operator
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy.typing as npt

from sliceflow._info import JobInfo
from sliceflow._tensor import as_points, chunks
from sliceflow.spec._part import DatasetLike
from sliceflow.spec.distance import Distance
from sliceflow.spec.distribution import Distribution
from sliceflow.spec.flow import FlowSpec, Output, Schedule
from sliceflow.spec.functional import Functional, Term
from sliceflow.spec.job import JobLimits, JobSpec
from sliceflow.spec.solver import Solver
from sliceflow.v1 import dataset_service_pb2, distance_pb2, job_service_pb2

_MOST_SEED: Final = 2**64 - 1

JobLike = JobSpec | FlowSpec | str | os.PathLike[str]
"""What can be submitted: a job, a flow, or the path of a job file."""


def full_name(kind: str, name: str) -> str:
    """`jobs/ID` from itself or from `ID`.

    >>> full_name("jobs", "abc"), full_name("jobs", "jobs/abc")
    ('jobs/abc', 'jobs/abc')
    """
    return name if name.startswith(f"{kind}/") else f"{kind}/{name}"


def whole(name: str, value: Any, most: int = 2**31 - 1) -> int:
    """A whole number that its field can carry: what is smaller than a field's least value, but fits into it, is the server's to judge.

    >>> whole("n", 2**40)
    Traceback (most recent call last):
    ValueError: n must be a whole number of at most 2147483647; it is 1099511627776
    """
    unsigned = most == _MOST_SEED
    wanted = f"from 0 to {most}" if unsigned else f"of at most {most}"
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number {wanted}; it is {value!r}") from None
    if not (0 if unsigned else -most - 1) <= number <= most:
        raise ValueError(f"{name} must be a whole number {wanted}; it is {value!r}")
    return number


def _perhaps(name: str, value: Any) -> int | None:
    return None if value is None else whole(name, value)


def job_spec(job: JobLike) -> JobSpec:
    if isinstance(job, JobSpec):
        return job
    return JobSpec(job) if isinstance(job, FlowSpec) else JobSpec.read(job)


def create(job: JobLike, request_id: str | None, *, validate_only: bool = False) -> job_service_pb2.CreateJobRequest:
    # With an id of its own another attempt cannot make a second job.
    return job_service_pb2.CreateJobRequest(
        job=job_spec(job).to_proto(), request_id=request_id or uuid.uuid4().hex, validate_only=validate_only
    )


def share(name: str, seconds: float) -> job_service_pb2.ShareJobRequest:
    request = job_service_pb2.ShareJobRequest(name=name)
    request.ttl.FromNanoseconds(round(seconds * 1e9))
    return request


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """What a fork replaces; see `Job.fork`."""

    tau: float | None
    num_steps: int | None
    functional: Functional | Term | None
    solver: Solver | None
    schedule: Schedule | None
    output: Output | None
    seed: int | None
    display_name: str
    labels: Mapping[str, str] | None
    priority: int | None
    device: str
    limits: JobLimits | None

    def request(self, parent: JobInfo, step: int | None, request_id: str | None) -> job_service_pb2.ForkJobRequest:
        request = job_service_pb2.ForkJobRequest(
            name=parent.name,
            step=_perhaps("step", step),
            request_id=request_id or uuid.uuid4().hex,
            display_name=self.display_name,
            labels=self.labels,
            priority=_perhaps("priority", self.priority),
            device=self.device,
            limits=None if self.limits is None else self.limits.to_proto(),
        )
        if self.functional is not None:
            request.overrides.functional.CopyFrom(Functional.of(self.functional).to_proto())
        if self.solver is not None:
            request.overrides.solver.CopyFrom(self.solver.to_proto())
        if self.output is not None:
            request.overrides.output.CopyFrom(self.output.to_proto())
        if self.seed is not None:
            request.overrides.seed = whole("seed", self.seed, _MOST_SEED)
        schedule = self._schedule(parent.spec.schedule)
        if schedule is not None:
            request.overrides.schedule.CopyFrom(schedule)
        return request

    def _schedule(self, parent: Schedule) -> Any:
        if self.tau is None and self.num_steps is None:
            return None if self.schedule is None else self.schedule.to_proto()
        if self.schedule is not None:
            raise ValueError("tau and num_steps are parts of the schedule: give them, or a schedule, not both")
        schedule = parent.to_proto()
        if self.tau is not None:
            schedule.step_size = self.tau
        if self.num_steps is not None:
            schedule.num_steps = whole("num_steps", self.num_steps)
        return schedule


def command(name: str, job: str, etag: str) -> Any:
    """A request of CancelJob, PauseJob, ResumeJob or UndeleteJob."""
    return getattr(job_service_pb2, f"{name}Request")(name=job, etag=etag)


def is_idempotent(name: str, etag: str) -> bool:
    """Whether a command may be sent again. With an etag a second attempt would be refused for what the first one did."""
    return not etag and name != "UndeleteJob"


def _dataset_name(dataset: DatasetLike) -> str:
    return full_name("datasets", dataset if isinstance(dataset, str) else dataset.name)


def delete_dataset(dataset: DatasetLike, owner: str) -> dataset_service_pb2.DeleteDatasetRequest:
    return dataset_service_pb2.DeleteDatasetRequest(name=_dataset_name(dataset), owner=owner)


def dataset_rows(dataset: DatasetLike, count: int, owner: str) -> dataset_service_pb2.SampleDatasetRequest:
    return dataset_service_pb2.SampleDatasetRequest(name=_dataset_name(dataset), owner=owner, count=whole("n", count))


def sample(job: str, count: int, step: int | None, seed: int) -> job_service_pb2.SampleJobRequest:
    return job_service_pb2.SampleJobRequest(
        name=job, count=whole("n", count), step=_perhaps("step", step), seed=whole("seed", seed, _MOST_SEED)
    )


def density(job: str, points: npt.ArrayLike, step: int | None) -> Callable[[], Iterator[job_service_pb2.EvaluateDensityRequest]]:
    array = as_points(points)
    at = _perhaps("step", step)

    def messages() -> Iterator[job_service_pb2.EvaluateDensityRequest]:
        for index, chunk in enumerate(chunks(array)):
            first = index == 0
            yield job_service_pb2.EvaluateDensityRequest(name=job if first else None, step=at if first else None, points=chunk)

    return messages


def distance(first: object, second: object, kind: Distance | None, samples: int | None, seed: int) -> distance_pb2.ComputeDistanceRequest:
    chosen = Distance.sliced_wasserstein() if kind is None else kind
    return distance_pb2.ComputeDistanceRequest(
        first=_operand(first), second=_operand(second), distance=chosen.to_proto(),
        samples=_perhaps("samples", samples), seed=whole("seed", seed, _MOST_SEED),
    )


def _operand(side: Any) -> distance_pb2.DistanceOperand:
    operand = distance_pb2.DistanceOperand()
    if isinstance(side, Distribution):
        if side.kind not in ("gaussian", "mixture"):
            raise ValueError(f"a distance can be taken to a Gaussian or a mixture of them, not to {side!r}")
        getattr(operand, side.kind).CopyFrom(getattr(side.to_proto(), side.kind))
        return operand
    name = side if isinstance(side, str) else getattr(side, "name", None)
    if not isinstance(name, str):
        raise TypeError(
            f"a distance is between jobs, their steps (job.at(step)), data sets and distributions, not {type(side).__name__}; "
            "Client.upload makes a data set of an array"
        )
    if name.startswith("datasets/"):
        operand.dataset = name
        return operand
    job, _, at = full_name("jobs", name).partition("@")
    operand.job_step.job = job
    step = getattr(side, "step", int(at) if at else None)
    if step is not None:
        operand.job_step.step = step
    return operand
