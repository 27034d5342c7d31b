"""Progress bars for what takes longer than two seconds."""

from __future__ import annotations

import contextlib
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Final, Self

from tqdm import TqdmWarning

from sliceflow._info import JobInfo
from sliceflow.events import Event, InnerProgress, StateChanged, Step

with warnings.catch_warnings():
    # In a notebook without ipywidgets it falls back to text, which needs no words.
    warnings.simplefilter("ignore", TqdmWarning)
    from tqdm.auto import tqdm

_DELAY: Final = 2.0  # seconds before a bar is shown at all
_PACE: Final = 0.5  # seconds between two looks of it: a notebook keeps every one


def _is_wanted(asked: bool | None) -> bool:
    """Left to itself a bar is shown to people: in a terminal and in a notebook, not in a log."""
    return asked if asked is not None else sys.stderr.isatty() or "ipykernel" in sys.modules


class StepBar:
    """Steps of a job, one line that stays as it ended. Shown after two seconds; `asked`: None where the surroundings decide."""

    def __init__(self, job: JobInfo, asked: bool | None) -> None:
        self._bar: Any = tqdm(
            desc=job.display_name or job.name,
            total=job.total_steps,
            unit="step",
            delay=_DELAY,
            mininterval=_PACE,
            maxinterval=_PACE,
            dynamic_ncols=True,
            disable=not _is_wanted(asked),
            file=sys.stderr,
        )
        self._energy = ""
        self._next_look = time.monotonic() + _DELAY

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.close()

    @property
    def is_drawn(self) -> bool:
        """Whether anybody looks."""
        return not self._bar.disable

    def show(self, event: Event) -> None:
        if isinstance(event, Step):
            self._energy = f"energy {event.energy:.5g}"
            self._bar.set_postfix_str(self._energy, refresh=False)
            self._bar.update(event.step - self._bar.n)
        elif isinstance(event, InnerProgress):
            self._look(f"{self._energy} (step {event.step}: {event.iteration}/{event.total_iterations})")
        elif isinstance(event, StateChanged):
            self._bar.set_postfix_str(f"{self._energy} {event.state.value.lower()}".lstrip(), refresh=False)

    def _look(self, words: str) -> None:
        """Draws within a step, where nothing is counted, so that tqdm would not."""
        if self.is_drawn and time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _PACE
            self._bar.set_postfix_str(words.lstrip())


@contextlib.contextmanager
def byte_bar(name: str, total: int | None, asked: bool | None) -> Iterator[Callable[[int], None]]:
    """Bytes of an upload or a download, whose `total` may be unknown; what it gives is told how many have gone so far."""
    with tqdm(
        desc=name,
        total=total,
        unit="B",
        unit_scale=True,
        delay=_DELAY,
        mininterval=_PACE,
        dynamic_ncols=True,
        disable=not _is_wanted(asked),
        file=sys.stderr,
    ) as bar:

        def show(sent: int) -> None:
            bar.update(sent - bar.n)

        yield show
