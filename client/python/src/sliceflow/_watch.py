"""Following a job through lost connections, free of waiting itself; blocking and asynchronous watches drive it."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator

import grpc

from sliceflow import _status, errors
from sliceflow._calls import Settings
from sliceflow._retry import BackOff
from sliceflow._tensor import Assembler, FloatArray
from sliceflow.events import Compacted, Event, JobState, StateChanged, event_of, state_of
from sliceflow.v1 import job_pb2, job_service_pb2


class WatchState:
    """Where a watch stands: what was handed over, what is under way, and how long to go on trying.

    Each durable event comes once and in order, whatever happens to the connection. A step comes together with its samples, so that one
    whose samples broke off is asked for again. For one thread.
    """

    def __init__(
        self,
        job: str,
        settings: Settings,
        *,
        after_sequence: int,
        sample_limit: int,
        inner_progress: bool = False,
        timeout: float | None = None,
    ) -> None:
        self._job = job
        self._sample_limit = sample_limit
        self._inner_progress = inner_progress
        self._back_off = BackOff(settings.retry)
        self._patience = settings.patience
        self._give_up = time.monotonic() + settings.patience
        self._timeout = timeout
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._pending: job_pb2.JobEvent | None = None
        self._samples = Assembler()
        self.last_sequence = after_sequence
        self.end: StateChanged | None = None

    def has_ended(self) -> bool:
        """Whether the event of the job's final state was handed over; it is `end`."""
        return self.end is not None

    def request(self) -> job_service_pb2.WatchJobRequest:
        """What a new stream asks for. Forgets a step whose samples have not all come."""
        self._pending = None
        return job_service_pb2.WatchJobRequest(
            name=self._job, after_sequence=self.last_sequence, sample_limit=self._sample_limit, include_inner_progress=self._inner_progress
        )

    def remaining(self) -> float | None:
        """Seconds that a call may take; None without a bound. DeadlineExceededError once the watch's time is up."""
        if self._deadline is None:
            return None
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise self._too_late()
        return left

    def receive(self, response: job_service_pb2.WatchJobResponse) -> Iterator[Event]:
        """The events that a message of the stream completes."""
        self._give_up = time.monotonic() + self._patience
        self._back_off.reset()
        kind = response.WhichOneof("kind")
        if kind == "samples":
            yield from self._add_samples(response)
            return
        yield from self.flush()
        if kind == "compacted":
            self.last_sequence = max(self.last_sequence, response.compacted.earliest_sequence - 1)
            yield Compacted(response.compacted.earliest_sequence)
        if kind != "event":
            return
        self._pending = response.event
        if self._sample_limit != 0 and response.event.step_completed.sample_count > 0:
            self._samples = Assembler()  # they follow
            return
        yield from self.flush()

    def _add_samples(self, response: job_service_pb2.WatchJobResponse) -> Iterator[Event]:
        if self._pending is None:  # of an event that was handed over before
            return
        self._samples.add(response.samples)
        if self._samples.complete:
            yield from self._deliver(self._samples.take())

    def flush(self) -> Iterator[Event]:
        """Hands over what is under way, with no more samples to come."""
        yield from self._deliver(None)

    def _deliver(self, samples: FloatArray | None) -> Iterator[Event]:
        raw, self._pending = self._pending, None
        if raw is None or 0 < raw.sequence <= self.last_sequence:
            return
        event = event_of(self._job, raw, samples)
        if raw.sequence > 0:
            self.last_sequence = raw.sequence
        if isinstance(event, StateChanged) and event.state.is_final:
            self.end = event
        if event is not None:
            yield event

    def look_at(self, job: job_pb2.Job) -> errors.SliceflowError:
        """After a stream that ended well without a final event: the job ended before what was asked for, or the server is going down."""
        state = state_of(job.state)
        if state.is_final and job.progress.last_sequence <= self.last_sequence:
            self.end = _end_of(job, state)
        return errors.ConnectionFailedError("the server ended the stream before the job ended", grpc.StatusCode.UNAVAILABLE)

    def pause_after(self, error: errors.SliceflowError) -> float:
        """The pause before the next stream, in seconds. Raises what the watch ends with where there is none."""
        if isinstance(error, errors.DeadlineExceededError) and self._deadline is not None and time.monotonic() >= self._deadline - 0.01:
            raise self._too_late()
        lost = isinstance(error, errors.UnavailableError) or error.code == grpc.StatusCode.CANCELLED
        if not lost or isinstance(error, errors.HandshakeError):
            raise error
        pause = self._back_off.next(error)
        if time.monotonic() + pause >= self._give_up:
            raise error
        left = self.remaining()
        return pause if left is None else min(pause, left)

    def _too_late(self) -> errors.DeadlineExceededError:
        return errors.DeadlineExceededError(
            f"{self._job} has not ended within {self._timeout:g} s; it goes on", grpc.StatusCode.DEADLINE_EXCEEDED
        )


def _end_of(job: job_pb2.Job, state: JobState) -> StateChanged:
    error = _status.of_job(job.name, job.error) if job.HasField("error") else None
    return StateChanged(state, "", error, job.progress.last_sequence, job.end_time.ToDatetime(datetime.UTC))


def raise_unless_succeeded(job: str, end: StateChanged) -> None:
    """JobFailedError or JobCancelledError for a job that ended so."""
    if end.error is not None:
        raise end.error
    if end.state == JobState.FAILED:
        raise errors.JobFailedError(f"{job} failed: {end.reason}")
    if end.state == JobState.CANCELLED:
        raise errors.JobCancelledError(f"{job} was cancelled", grpc.StatusCode.CANCELLED)
