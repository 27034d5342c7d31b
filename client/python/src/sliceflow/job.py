"""A job of a server."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy.typing as npt

from sliceflow import _export, _html, _requests
from sliceflow._channel import PathLike
from sliceflow._export import ExportFormat
from sliceflow._info import JobInfo, job_info
from sliceflow._progress import StepBar, byte_bar
from sliceflow._requests import Fork
from sliceflow._tensor import FloatArray
from sliceflow._watch import WatchState
from sliceflow.events import Event, JobState, Step
from sliceflow.result import Result
from sliceflow.spec.flow import Output, Schedule
from sliceflow.spec.functional import Functional, Term
from sliceflow.spec.job import JobLimits
from sliceflow.spec.solver import Solver
from sliceflow.v1 import job_service_pb2
from sliceflow.watch import Watch, follow, steps

if TYPE_CHECKING:
    from sliceflow._calls import Calls

Command = Literal["CancelJob", "PauseJob", "ResumeJob", "UndeleteJob"]


@dataclasses.dataclass(frozen=True, slots=True)
class JobStep:
    """A job at a kept step, as a side of a distance; made by `Job.at`."""

    name: str
    step: int


class Job:
    """A job of a server, made by `Client.submit` and `Client.job`. Thread-safe.

    What the server last said of it is `info`; the methods ask anew. Errors are those of `sliceflow.errors`.
    """

    def __init__(self, calls: Calls, info: JobInfo) -> None:
        self._calls = calls
        self._info = info

    @property
    def name(self) -> str:
        """`jobs/ID`."""
        return self._info.name

    @property
    def info(self) -> JobInfo:
        """The job as it stood when the server was last asked; `refresh` asks anew."""
        return self._info

    @property
    def state(self) -> JobState:
        """The state when the server was last asked."""
        return self._info.state

    def __repr__(self) -> str:
        return f"<Job {self.name}: {self._info.state_words()}, {self._info.completed_steps} of {self._info.total_steps} steps>"

    def _repr_html_(self) -> str:
        return _html.job(self._info)

    def refresh(self) -> JobInfo:
        """Asks the server how the job stands."""
        return self._take("GetJob", job_service_pb2.GetJobRequest(name=self.name))

    def _take(self, method: str, request: object, *, idempotent: bool = True) -> JobInfo:
        self._info = job_info(self._calls.unary("JobService", method, request, idempotent=idempotent))
        return self._info

    # ---- watching

    def watch(
        self, *, after_sequence: int = 0, sample_limit: int = -1, timeout: float | None = None, progress: bool | None = None
    ) -> Watch[Step]:
        """The steps of the job, each once and in order, as they are completed, until the job has ended.

        A lost connection is taken up again by itself, for as long as the client's `patience` without an answer. Leaving the loop never
        cancels the job. At the end JobFailedError or JobCancelledError is raised where the job did not succeed.

        Args:
            after_sequence: Begins behind this event; 0 with the first. `last_sequence` of an earlier watch goes on where that one was left.
            sample_limit: Rows of each step's samples: −1 all that are stored, 0 none.
            timeout: DeadlineExceededError after so many seconds; the job goes on. None waits as long as it takes.
            progress: Whether a bar is drawn, after two seconds. None: in a terminal and in a notebook.
        """
        bar = StepBar(self._info, progress)
        state = WatchState(
            self.name,
            self._calls.settings,
            after_sequence=after_sequence,
            sample_limit=sample_limit,
            inner_progress=bar.is_drawn,
            timeout=timeout,
        )
        return Watch(steps(follow(self._calls, state, self.name), state, self.name, bar), state)

    def events(
        self, *, after_sequence: int = 0, sample_limit: int = -1, inner_progress: bool = False, timeout: float | None = None
    ) -> Watch[Event]:
        """Everything that the job tells, as `watch`: `Step`, `StateChanged`, `LogEntry`, `Compacted` where retention has dropped events,
        and with `inner_progress` `InnerProgress`. Ends after the event of the final state, whichever it is.
        """
        state = WatchState(
            self.name,
            self._calls.settings,
            after_sequence=after_sequence,
            sample_limit=sample_limit,
            inner_progress=inner_progress,
            timeout=timeout,
        )
        return Watch(follow(self._calls, state, self.name), state)

    def result(self, timeout: float | None = None, *, sample_limit: int = -1, progress: bool | None = None) -> Result:
        """Waits for the end of the job and answers all its steps. Ctrl-C ends the waiting, not the job.

        DeadlineExceededError (a TimeoutError) after `timeout` seconds; the job goes on. JobFailedError or JobCancelledError where it did
        not succeed; its steps are to be had from `history`. The other arguments are those of `watch`.
        """
        found = list(self.watch(sample_limit=sample_limit, timeout=timeout, progress=progress))
        return Result(self.refresh(), found)

    def history(self, *, sample_limit: int = -1) -> Result:
        """The steps so far, without waiting for more; of a job that failed or was cancelled too."""
        info = self.refresh()
        found: list[Step] = []
        if info.last_step is None:
            return Result(info, found)
        with self.events(sample_limit=sample_limit, timeout=self._calls.settings.transfer_timeout) as events:
            for event in events:
                if not isinstance(event, Step):
                    continue
                found.append(event)
                if event.step >= info.last_step.step:
                    break
        return Result(info, found)

    # ---- steering

    def cancel(self, *, etag: str = "") -> JobInfo:
        """Stops the job; its steps are kept. Answers when that is durable. Cancelling a cancelled job changes nothing. JobEndedError where
        it ended otherwise. With an `etag`, EtagMismatchError where the job has moved on since.
        """
        return self._command("CancelJob", etag)

    def pause(self, *, etag: str = "") -> JobInfo:
        """Sets the job aside at its last completed step, so that its device is free. Pausing a paused job changes nothing."""
        return self._command("PauseJob", etag)

    def resume(self, *, etag: str = "") -> JobInfo:
        """Takes a paused job up again: it waits for a worker. Resuming a job that waits or runs changes nothing."""
        return self._command("ResumeJob", etag)

    def _command(self, command: Command, etag: str) -> JobInfo:
        return self._take(command, _requests.command(command, self.name, etag), idempotent=_requests.is_idempotent(command, etag))

    def delete(self, *, purge: bool = False, etag: str = "") -> JobInfo:
        """Deletes an ended job: `undelete` takes it back until its `purge_time`. With `purge` it is removed at once and for good."""
        return self._take("DeleteJob", job_service_pb2.DeleteJobRequest(name=self.name, purge=purge, etag=etag), idempotent=False)

    def undelete(self, *, etag: str = "") -> JobInfo:
        """Takes a deleted job back."""
        return self._command("UndeleteJob", etag)

    def share(self, lasts: float = 7 * 24 * 3600.0) -> str:
        """A token that shows this job, and nothing else, to whoever has it: for `Client(token=…)`, or after `?link=` in an address of the page.

        lasts: seconds until it expires, from 1 s to 90 days.
        """
        return str(self._calls.unary("JobService", "ShareJob", _requests.share(self.name, lasts), idempotent=False).token)

    def unshare(self) -> int:
        """Ends all tokens of `share` at once; how many there were."""
        return int(self._calls.unary("JobService", "UnshareJob", job_service_pb2.UnshareJobRequest(name=self.name)).ended_links)

    def fork(
        self,
        step: int | None = None,
        *,
        tau: float | None = None,
        num_steps: int | None = None,
        functional: Functional | Term | None = None,
        solver: Solver | None = None,
        schedule: Schedule | None = None,
        output: Output | None = None,
        seed: int | None = None,
        display_name: str = "",
        labels: Mapping[str, str] | None = None,
        priority: int | None = None,
        device: str = "",
        limits: JobLimits | None = None,
        request_id: str | None = None,
    ) -> Job:
        """Begins a new job at a kept step of this one, with parts of its specification replaced; the rest is the parent's.

        Args:
            step: The kept step to begin at. Default: the newest.
            tau: Another step size τ, in the parent's clock.
            num_steps: Another number of steps, counted from the parent's step 0.
            functional, solver, schedule, output, seed: Each replaces the whole of its counterpart.
            display_name, labels: Of the fork. Default: none.
            priority, device, limits: As of a job. Default: the parent's.
            request_id: The same id with the same fork answers with the job that exists. Default: one of its own for each call.
        """
        fork = Fork(
            tau=tau,
            num_steps=num_steps,
            functional=functional,
            solver=solver,
            schedule=schedule,
            output=output,
            seed=seed,
            display_name=display_name,
            labels=labels,
            priority=priority,
            device=device,
            limits=limits,
        )
        request = fork.request(self._info, step, request_id)
        return Job(self._calls, job_info(self._calls.unary("JobService", "ForkJob", request)))

    # ---- drawing

    def at(self, step: int) -> JobStep:
        """The job at a kept step, as a side of `Client.distance`."""
        return JobStep(self.name, step)

    def sample(self, n: int, *, step: int | None = None, seed: int = 0) -> FloatArray:
        """Draws `n` samples at a kept step, the newest by default: float32 of shape [n, dimension]. The same seed gives the same samples.

        CheckpointNotKeptError where the step's checkpoint is not kept; InvalidArgumentError for more samples than there are particles.
        """
        return self._calls.tensor("JobService", "SampleJob", _requests.sample(self.name, n, step, seed))

    def log_density(self, x: npt.ArrayLike, *, step: int | None = None) -> FloatArray:
        """log ρ at points of shape [count, dimension], at a kept step, the newest by default: float32 of shape [count], in nats.

        Points are sent as float32. FailedPreconditionError for a model without a density.
        """
        return self._calls.tensor("JobService", "EvaluateDensity", _requests.density(self.name, x, step))

    def export(
        self,
        path: PathLike,
        *,
        format: ExportFormat = "torchscript",
        step: int | None = None,
        overwrite: bool = False,
        progress: bool | None = None,
    ) -> pathlib.Path:
        """Writes the model at a kept step, the newest by default, to a file, to be used without a server; answers the file's path.

        CheckpointNotKeptError where the step's checkpoint is not kept. The file is there once it is complete, or not at all.

        Args:
            path: The file. FileExistsError where there is one already, unless `overwrite` is true.
            format: `torchscript`, a module for `torch.jit.load`, or `safetensors`, the parameters with a description in JSON.
            step: The kept step.
            overwrite: Whether a file of that name is replaced.
            progress: As of `watch`.
        """
        target = _export.target(path, overwrite)
        request = _export.request(self.name, format, step)
        with byte_bar(f"export {target.name}", None, progress) as on_read:
            data = self._calls.file("JobService", "ExportModel", request, on_read)
        return _export.write(target, data)
