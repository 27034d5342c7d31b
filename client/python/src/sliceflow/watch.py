"""Following a job."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import grpc

from sliceflow._progress import StepBar
from sliceflow._watch import WatchState, raise_unless_succeeded
from sliceflow.events import Event, Step
from sliceflow.v1 import job_service_pb2

if TYPE_CHECKING:
    from sliceflow._calls import Calls

E = TypeVar("E", bound=Event)


def follow(calls: Calls, state: WatchState, job: str) -> Generator[Event]:
    """Every event in order, through lost connections, until the job has ended. Closing it ends the stream, not the job."""
    while not state.has_ended():
        call: Any = calls.start("JobService", "WatchJob", state.request(), state.remaining())
        try:
            for response in call:
                yield from state.receive(response)
                if state.has_ended():
                    return
            yield from state.flush()
            if state.has_ended():
                return
            left = state.remaining()
            timeout = calls.settings.timeout if left is None else min(left, calls.settings.timeout)
            failure = state.look_at(calls.start("JobService", "GetJob", job_service_pb2.GetJobRequest(name=job), timeout))
        except grpc.RpcError as error:
            failure = calls.settings.error(error)
        finally:
            call.cancel()
        if not state.has_ended():
            time.sleep(state.pause_after(failure))


class Watch(Iterator[E], Generic[E]):
    """An iterator over what a job tells; made by `Job.watch` and `Job.events`.

    Leaving it early, by `break`, an exception or Ctrl-C, ends the watch and leaves the job as it is. As a context manager, or by `close`,
    it frees its stream at once. For one thread.
    """

    def __init__(self, events: Generator[E], state: WatchState) -> None:
        self._events = events
        self._state = state

    @property
    def last_sequence(self) -> int:
        """Sequence of the last durable event that was handed over: `after_sequence` of a watch that goes on from here, in any program."""
        return self._state.last_sequence

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> E:
        return next(self._events)

    def close(self) -> None:
        """Ends the watch, not the job."""
        self._events.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def steps(events: Generator[Event], state: WatchState, job: str, bar: StepBar) -> Generator[Step]:
    """The steps among events. Raises where the job did not succeed."""
    try:
        with bar:
            for event in events:
                bar.show(event)
                if isinstance(event, Step):
                    yield event
    finally:
        events.close()
    if state.end is not None:
        raise_unless_succeeded(job, state.end)
