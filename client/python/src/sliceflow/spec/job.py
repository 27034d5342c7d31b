"""A job as it is asked for, and job files."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping
from typing import Any

from sliceflow.spec import _files
from sliceflow.spec._part import Part
from sliceflow.spec.flow import FlowSpec
from sliceflow.v1 import job_pb2


class JobLimits(Part):
    """Bounds of a job's own. A job that comes to one ends FAILED with RESOURCE_EXHAUSTED, reason `TIME_LIMIT` or `MEMORY_LIMIT`, and keeps
    the steps before.

    Args:
        max_run_seconds: Longest time that it is computed, over all workers it was given to; 0, or from 1 to 31622400 (366 days). Unit:
            seconds. Default: 0, no bound.
        max_memory_bytes: Most memory that it may take on its worker, at least 64 MiB. Unit: bytes. Default: 0, what its device gives.
    """

    _TYPE = job_pb2.JobLimits

    def __init__(self, *, max_run_seconds: float | None = None, max_memory_bytes: int | None = None) -> None:
        super().__init__(max_run_seconds=max_run_seconds, max_memory_bytes=max_memory_bytes)


class JobSpec(Part):
    """A job as it is asked for: a flow, and what belongs to the job itself. What a job file holds.

    Args:
        spec: What is asked for.
        display_name: A title for people, at most 200 characters of UTF-8, without control characters and without those that turn the
            direction of text (U+202A to U+202E, U+2066 to U+2069). Default: empty.
        labels: Labels of the user's own: at most 32; keys match [a-z][a-z0-9_-]{0,62}, values have at most 63 characters, of those that a
            title may have.
        priority: Jobs of higher priority start first; one that waits interrupts one of lower priority that runs, which goes on later from
            its last completed step. Between −100 and 100, and at most the owner's quota allows. Default: 0.
        device: Where it is computed: `any`; `cpu` or `cuda:N`, N the number of the device, of the server's own machine; or `NODE/cpu` or
            `NODE/cuda:N` of another machine, of which a worker is attached when the job is made. Where it goes away the job waits for it.
            Default: `any`.
        limits: Bounds of the job's own, beside those of the server. Default: none.

    >>> import sliceflow as sf
    >>> job = sf.JobSpec.from_yaml('''
    ... displayName: heat
    ... spec: {dimension: 1, functional: {terms: [{entropy: {}}]}, schedule: {stepSize: 0.1, numSteps: 5}}
    ... ''')
    >>> job.spec
    FlowSpec(dimension=1, functional=Entropy(), schedule=Schedule(step_size=0.1, num_steps=5))
    """

    _TYPE = job_pb2.Job

    def __init__(
        self,
        spec: FlowSpec,
        *,
        display_name: str | None = None,
        labels: Mapping[str, str] | None = None,
        priority: int | None = None,
        device: str | None = None,
        limits: JobLimits | None = None,
    ) -> None:
        super().__init__(spec=spec, display_name=display_name, labels=labels, priority=priority, device=device, limits=limits)

    @property
    def spec(self) -> FlowSpec:
        """The flow."""
        return FlowSpec.from_proto(self._fields.spec)

    @property
    def display_name(self) -> str:
        """The title for people."""
        return str(self._fields.display_name)

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels."""
        return dict(self._fields.labels)

    @property
    def _fields(self) -> Any:
        return self._message

    @classmethod
    def from_yaml(cls, text: str) -> JobSpec:
        """The job that a job file holds: YAML or JSON with the field names of the contract, in camelCase or snake_case.

        Fields that only the server sets are left out, so that what it answered can be submitted again. JobFileError lists everything that
        is wrong with the text, each beside its line. Needs the extra `yaml`.
        """
        return cls._wrap(_files.parse(text, "(text)", cls._TYPE()))

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> JobSpec:
        """As `from_yaml`, from a file of at most 1 MiB in UTF-8."""
        return cls._wrap(_files.parse(_files.read(pathlib.Path(path)), os.fspath(path), cls._TYPE()))

    def to_yaml(self) -> str:
        """The job as a job file, which `sliceflow submit` takes. Needs the extra `yaml`.

        >>> import sliceflow as sf
        >>> print(sf.JobSpec(sf.FlowSpec(1, sf.Entropy(), sf.Schedule(0.1, num_steps=5)), display_name="heat").to_yaml())
        displayName: heat
        spec:
          dimension: 1
          functional:
            terms:
            - entropy: {}
          schedule: {stepSize: 0.1, numSteps: 5}
        <BLANKLINE>
        """
        return _files.text_of(self._message)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Writes `to_yaml()` to a file, under another name first, so that it is never half there."""
        target = pathlib.Path(path)
        part = target.with_name(target.name + ".part")
        part.write_text(self.to_yaml(), encoding="utf-8")
        part.replace(target)
