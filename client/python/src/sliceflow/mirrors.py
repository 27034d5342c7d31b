"""Steps of a flow in TensorBoard and in Weights & Biases, beside what else a team follows there.

with TensorBoardMirror("runs/first") as mirror:
    for step in job.watch():
        mirror.add(step)
"""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any, Self

from sliceflow._optional import require
from sliceflow.events import Step


def scalars(step: Step) -> dict[str, float]:
    """The figures of a step by the names that they are shown under.

    `energy`, `terms/0` and on, `distance_squared`, `gradient_norm`, `inner_iterations`, `wasserstein_time`, `seconds`, `metrics/NAME`, and
    `energy_inequality_slack` where the step has one.
    """
    figures = {
        "energy": step.energy,
        "distance_squared": step.distance_squared,
        "gradient_norm": step.gradient_norm,
        "inner_iterations": float(step.inner_iterations),
        "wasserstein_time": step.wasserstein_time,
        "seconds": step.seconds,
    }
    figures |= {f"terms/{index}": energy for index, energy in enumerate(step.term_energies)}
    figures |= {f"metrics/{name}": metric.value for name, metric in step.metrics.items()}
    if step.energy_inequality is not None:
        figures["energy_inequality_slack"] = step.energy_inequality.slack
    return figures


class TensorBoardMirror:
    """Writes steps as scalars that `tensorboard --logdir` shows. Needs the extra `tensorboard`. For one thread.

    `log_dir`: the folder of the run; made where it is missing.
    """

    def __init__(self, log_dir: str | os.PathLike[str]) -> None:
        self._writer: Any = require("tensorboard.summary").Writer(os.fspath(log_dir))

    def add(self, step: Step) -> None:
        """Writes the figures of a step, at its number and at the time when it was completed."""
        wall_time = None if step.time is None else step.time.timestamp()
        for name, value in scalars(step).items():
            self._writer.add_scalar(name, value, step.step, wall_time=wall_time)
        self._writer.flush()

    def close(self) -> None:
        """Ends the file."""
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class WandbMirror:
    """Logs steps to a run of Weights & Biases. Needs the extra `wandb`. As thread-safe as the run.

    `run`: what `wandb.init` answers; whoever began it finishes it. Its steps are the flow's own: where other things are logged to it in
    between, wandb leaves out steps that lie behind.
    """

    def __init__(self, run: Any) -> None:
        self._run = run

    def add(self, step: Step) -> None:
        """Logs the figures of a step, at its number."""
        # With a step of one's own wandb would hold it back until the next one.
        self._run.log(scalars(step), step=step.step, commit=True)
