"""What a server says of its jobs and of itself, as plain values."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sliceflow import _html, _status
from sliceflow.errors import JobFailedError
from sliceflow.events import JobState, Step, state_of, step_of_report
from sliceflow.spec.flow import FlowSpec
from sliceflow.spec.job import JobSpec
from sliceflow.v1 import distance_pb2, job_pb2, server_service_pb2


@dataclasses.dataclass(frozen=True, slots=True)
class JobInfo:
    """A job as it stood when the server was asked.

    name: `jobs/ID`. state: where it is in its life.
    spec: what was asked for, with all defaults filled in; `job` is the same with title, labels, priority, device and limits.
    completed_steps, total_steps: step 0, the initial distribution, is not counted.
    last_step: the newest step, without samples; None before step 0 is there.
    create_time, start_time, end_time: by the server's clock, UTC; None before there is one.
    run_seconds: time that workers have computed it. stored_bytes: samples and checkpoints that are kept for it.
    owner: empty where the server asks for no tokens. etag: changes whenever the job does.
    fork_of: `(parent, step)` where the job is a fork. error: why it failed, where it did.
    delete_time: set while it is deleted and can still be taken back.
    run_device: the device that computes it, or computed it last, such as `cpu` or `gpu1/cpu`; empty before a worker first had it.
    """

    name: str
    state: JobState
    job: JobSpec
    completed_steps: int
    total_steps: int
    last_step: Step | None
    create_time: datetime.datetime | None
    start_time: datetime.datetime | None
    end_time: datetime.datetime | None
    run_seconds: float
    stored_bytes: int
    owner: str
    etag: str
    fork_of: tuple[str, int] | None
    error: JobFailedError | None
    delete_time: datetime.datetime | None
    run_device: str

    @property
    def spec(self) -> FlowSpec:
        """What was asked for, with all defaults filled in."""
        return self.job.spec

    @property
    def display_name(self) -> str:
        """The title for people; may be empty."""
        return self.job.display_name

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels."""
        return self.job.labels

    def state_words(self) -> str:
        """The state, and of a running job its device: `RUNNING on gpu1/cpu`."""
        return f"{self.state} on {self.run_device}" if self.state == JobState.RUNNING and self.run_device else str(self.state)

    def _repr_html_(self) -> str:
        return _html.job(self)


def _time(message: Any, field: str) -> datetime.datetime | None:
    return getattr(message, field).ToDatetime(datetime.UTC) if message.HasField(field) else None


def job_spec(message: job_pb2.Job) -> JobSpec:
    """What a job asks for, without what the server says of it."""
    asked = job_pb2.Job(
        display_name=message.display_name, spec=message.spec, labels=message.labels, priority=message.priority, device=message.device
    )
    if message.HasField("limits"):
        asked.limits.CopyFrom(message.limits)
    return JobSpec.from_proto(asked)


def job_info(message: job_pb2.Job) -> JobInfo:
    progress = message.progress
    return JobInfo(
        name=message.name,
        state=state_of(message.state),
        job=job_spec(message),
        completed_steps=progress.completed_steps,
        total_steps=progress.total_steps,
        last_step=step_of_report(progress.last_step) if progress.HasField("last_step") else None,
        create_time=_time(message, "create_time"),
        start_time=_time(message, "start_time"),
        end_time=_time(message, "end_time"),
        run_seconds=progress.run_seconds,
        stored_bytes=message.stored_bytes,
        owner=message.owner,
        etag=message.etag,
        fork_of=(message.fork_origin.job, message.fork_origin.step) if message.HasField("fork_origin") else None,
        error=_status.of_job(message.name, message.error) if message.HasField("error") else None,
        delete_time=_time(message, "delete_time"),
        run_device=message.run_device,
    )


@dataclasses.dataclass(frozen=True, slots=True)
class DistanceEstimate:
    """A distance between two distributions; `float(estimate)` is its value.

    value: the distance, a power for transport distances (W2², SW2²); infinite where its kind says so, never NaN.
    standard_error: over what, its kind says; 0 where the value is exact or infinite.
    first_samples, second_samples: samples of each side that were used. bandwidth: that of `mmd`, else None.
    """

    value: float
    standard_error: float
    first_samples: int
    second_samples: int
    bandwidth: float | None

    def __float__(self) -> float:
        return self.value


def distance_estimate(answer: distance_pb2.ComputeDistanceResponse) -> DistanceEstimate:
    bandwidth = answer.bandwidth if answer.request.distance.HasField("mmd") else None
    return DistanceEstimate(answer.value, answer.standard_error, answer.first_samples, answer.second_samples, bandwidth)


@dataclasses.dataclass(frozen=True, slots=True)
class Device:
    """A device that flows are computed on; memory in bytes. `problem` says why it is not healthy, else it is empty.

    model, gpu_memory_bytes: of a GPU; empty and 0 for a processor.
    """

    name: str
    threads: int
    ready: bool
    running_jobs: int
    memory_bytes: int
    reserved_memory_bytes: int
    healthy: bool
    problem: str
    model: str
    gpu_memory_bytes: int


@dataclasses.dataclass(frozen=True, slots=True)
class ServerInfo:
    """A server about itself.

    version: such as `0.1.0`. devices: what flows are computed on. limits: bounds on what is accepted, by their names in the contract.
    kinds: what it computes, such as `kinds["solvers"]`, a mapping of the kind's name in job files to one line about it.
    owner, role: who asks, by the token; the owner is empty and the role `ADMIN` where the server asks for no tokens.
    quota, usage: what the owner may use (0: without bound) and uses, by their names in the contract.
    """

    version: str
    devices: tuple[Device, ...]
    limits: Mapping[str, int]
    kinds: Mapping[str, Mapping[str, str]]
    owner: str
    role: str
    quota: Mapping[str, float]
    usage: Mapping[str, float]

    def _repr_html_(self) -> str:
        return _html.server(self)


def _numbers(message: Any) -> Mapping[str, Any]:
    return MappingProxyType({field.name: getattr(message, field.name) for field in message.DESCRIPTOR.fields})


def server_info(info: server_service_pb2.ServerInfo) -> ServerInfo:
    kinds = ("initial_distributions", "functionals", "models", "solvers", "metrics", "distances")
    return ServerInfo(
        version=info.version,
        devices=tuple(Device(**{name: getattr(device, name) for name in Device.__dataclass_fields__}) for device in info.devices),
        limits=_numbers(info.limits),
        kinds=MappingProxyType({name: {kind.name: kind.description for kind in getattr(info, name)} for name in kinds}),
        owner=info.caller.owner,
        role=server_service_pb2.Role.Name(info.caller.role),
        quota=_numbers(info.caller.quota),
        usage=_numbers(info.caller.usage),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class ExpressionCheck:
    """What a server says of TorchScript source.

    refusal: why it is refused, `line N: reason`; None where it is taken, and the rest is set only then.
    points: float32 [count, dimension]; of a generator its noise. values: float32 [count]; of a generator its samples [count, dimension].
    gradients: float32 [count, dimension]; None for a generator. finite: whether all of them are.
    """

    refusal: str | None
    finite: bool
    points: Any = None
    values: Any = None
    gradients: Any = None
