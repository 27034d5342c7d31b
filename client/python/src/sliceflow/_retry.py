"""When a call is made again. Free of waiting itself, so that blocking and asynchronous clients share it."""

from __future__ import annotations

import dataclasses
import random
import time

from sliceflow import errors


@dataclasses.dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a call is made again, and how long a client pauses before.

    max_attempts: attempts of a call that is answered with UNAVAILABLE, at least 1. Attempts that found no connection, and so did nothing,
        are not counted. Calls that a second attempt could repeat are sent once, whatever this says.
    refused_patience: how long connecting is tried where nothing listens or no such name is known: as long as a server takes to restart.
        Unit: seconds.
    first_pause, longest_pause: pauses double from the first to the longest, each shortened at random by up to a half; one that the server
        asks for lengthens them. Unit: seconds.
    """

    max_attempts: int = 4
    refused_patience: float = 5.0
    first_pause: float = 0.1
    longest_pause: float = 2.0

    def __post_init__(self) -> None:
        if self.max_attempts < 1:
            raise ValueError(f"max_attempts must be at least 1; it is {self.max_attempts}")
        if not 0 < self.first_pause <= self.longest_pause:
            raise ValueError(f"0 < first_pause <= longest_pause must hold; they are {self.first_pause} and {self.longest_pause}")


class BackOff:
    """Doubling pauses, for one thread."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._next = policy.first_pause

    def next(self, error: errors.SliceflowError) -> float:
        """The pause before the next attempt, in seconds: at least what the server asks for."""
        pause = self._next * random.uniform(0.5, 1.0)
        self._next = min(self._next * 2, self._policy.longest_pause)
        return max(pause, error.retry_after or 0.0)

    def reset(self) -> None:
        self._next = self._policy.first_pause


class Attempts:
    """The attempts of one call, up to `timeout` seconds from now.

    A server that says when to come again (RESOURCE_EXHAUSTED or ABORTED with a RetryInfo) is asked again up to the deadline where more than
    one attempt is allowed at all. Connecting is tried again up to the deadline, for `refused_patience` where it is refused, and not at all
    where it fails at TLS.
    """

    def __init__(self, policy: RetryPolicy, timeout: float, *, idempotent: bool = True) -> None:
        self._policy = policy if idempotent else dataclasses.replace(policy, max_attempts=1)
        self._back_off = BackOff(policy)
        self._begin = time.monotonic()
        self._deadline = self._begin + timeout
        self._used = 0
        self._told: errors.SliceflowError | None = None

    @property
    def remaining(self) -> float:
        """Time that an attempt that begins now may take, in seconds."""
        return max(self._deadline - time.monotonic(), 0.001)

    def pause_after(self, error: errors.SliceflowError) -> float:
        """The pause before the next attempt, in seconds. Raises the error that the call ends with where there is none."""
        if isinstance(error, errors.DeadlineExceededError) and self._told is not None:
            raise self._told from error  # what the server said before an attempt that it did not answer in time
        if error.reason:
            self._told = error
        if not isinstance(error, errors.NotConnectedError):
            self._used += 1
        if not self._is_worth_it(error):
            raise error
        pause = self._back_off.next(error)
        if time.monotonic() + pause >= self._deadline:
            raise error
        return pause

    def _is_worth_it(self, error: errors.SliceflowError) -> bool:
        if isinstance(error, errors.HandshakeError):
            return False
        if isinstance(error, errors.NotConnectedError):
            return not isinstance(error, errors.NothingListensError) or time.monotonic() - self._begin < self._policy.refused_patience
        if isinstance(error, (errors.ResourceExhaustedError, errors.AbortedError)):
            return self._policy.max_attempts > 1 and bool(error.retry_after)
        return isinstance(error, errors.UnavailableError) and self._used < self._policy.max_attempts
