"""The steps of a flow, and what is made of them: tables, labelled arrays, pictures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sliceflow import _html
from sliceflow._optional import require
from sliceflow._tensor import FloatArray
from sliceflow.events import Step

if TYPE_CHECKING:
    import matplotlib.animation
    import matplotlib.figure
    import pandas as pd
    import xarray as xr

    from sliceflow._info import JobInfo

_FIGURES = (
    "sliced_time",
    "wasserstein_time",
    "energy",
    "energy_standard_error",
    "distance_squared",
    "distance_standard_error",
    "inner_iterations",
    "gradient_norm",
    "converged",
    "seconds",
)


class Result:
    """A flow's steps with their samples, as `Job.result` and `Job.history` give them. Immutable.

    `info` is the job as it stood then, `steps` its steps in order, step 0 first.
    """

    def __init__(self, info: JobInfo, steps: Sequence[Step]) -> None:
        self.info = info
        self.steps = tuple(steps)

    def __repr__(self) -> str:
        return f"<Result of {self.info.name}: {self.info.state}, {len(self.steps)} steps>"

    def _repr_html_(self) -> str:
        return _html.result(self)

    @cached_property
    def samples(self) -> FloatArray:
        """The stored samples, float32 of shape [steps, rows, dimension]; row i follows one trajectory. ValueError where a step has none."""
        if not self.steps:
            raise ValueError(f"{self.info.name} has no steps")
        missing = [step.step for step in self.steps if step.samples is None]
        if missing:
            raise ValueError(
                f"no samples of step {missing[0]}: none were stored (output.samples_per_step), asked for (sample_limit), or kept"
            )
        return np.stack([step.samples for step in self.steps if step.samples is not None])

    @property
    def times(self) -> npt.NDArray[np.float64]:
        """The steps' times on the Wasserstein clock, d·k·τ; float64 of shape [steps]."""
        return np.array([step.wasserstein_time for step in self.steps])

    @property
    def energies(self) -> npt.NDArray[np.float64]:
        """F(ρ) of the steps; float64 of shape [steps]."""
        return np.array([step.energy for step in self.steps])

    @property
    def metrics(self) -> dict[str, npt.NDArray[np.float64]]:
        """The metrics by name, float64 of shape [steps] each; NaN at steps that do not have them."""
        names = dict.fromkeys(name for step in self.steps for name in step.metrics)
        return {name: np.array([float(step.metrics[name]) if name in step.metrics else np.nan for step in self.steps]) for name in names}

    def to_pandas(self) -> pd.DataFrame:
        """A row a step, indexed by its number: clocks, energy, distance, how the minimisation went, `term_0` and on for the weighted
        energies of the terms, and the metrics by name, each with a column `NAME_standard_error`. Needs the extra `pandas`.
        """
        pandas = require("pandas")
        rows = [self._row(step) for step in self.steps]
        table: pd.DataFrame = pandas.DataFrame(rows, index=pandas.Index([step.step for step in self.steps], name="step"))
        return table

    @staticmethod
    def _row(step: Step) -> dict[str, Any]:
        row = {name: getattr(step, name) for name in _FIGURES}
        row |= {f"term_{index}": energy for index, energy in enumerate(step.term_energies)}
        for name, metric in step.metrics.items():
            row |= {name: metric.value, f"{name}_standard_error": metric.standard_error}
        return row

    def to_xarray(self) -> xr.Dataset:
        """The figures of the steps along `step`, and `samples` along (`step`, `draw`, `coordinate`) where they were stored; the times are
        coordinates of `step`. Needs the extra `xarray`.
        """
        xarray = require("xarray")
        figures = {name: ("step", np.array([getattr(step, name) for step in self.steps])) for name in _FIGURES}
        figures |= {name: ("step", values) for name, values in self.metrics.items()}
        if self.steps and all(step.samples is not None for step in self.steps):
            figures["samples"] = (("step", "draw", "coordinate"), self.samples)  # type: ignore[assignment]  # a name more than one axis
        coordinates = {"step": [step.step for step in self.steps]}
        data = xarray.Dataset(figures, coords=coordinates, attrs={"job": self.info.name, "title": self.info.display_name})
        labelled: xr.Dataset = data.set_coords(["sliced_time", "wasserstein_time"])
        return labelled

    def to_arviz(self, step: int = -1) -> Any:
        """The stored samples of a step as the posterior `x` of one chain in an `arviz.InferenceData`, for ArviZ's summaries and plots.
        Needs the extra `arviz`.

        `step` is an index into `steps`; the last by default. Draws of a density are independent. Particles are draws that have met, so that
        what ArviZ makes of their order along the chain means nothing.
        """
        arviz = require("arviz")
        samples = self.steps[step].samples
        if samples is None:
            raise ValueError(f"no samples of step {self.steps[step].step} were stored or asked for")
        return arviz.from_dict(posterior={"x": samples[None]}, dims={"x": ["coordinate"]})

    def plot(self, coordinates: tuple[int, int] = (0, 1)) -> matplotlib.figure.Figure:
        """A figure: the samples of up to four steps in two coordinates (a histogram in one dimension), and the energy over the Wasserstein
        time. Needs the extra `plot`.
        """
        from sliceflow import _plot

        return _plot.figure(self, coordinates)

    def animate(self, coordinates: tuple[int, int] = (0, 1), *, seconds: float = 6.0) -> matplotlib.animation.FuncAnimation:
        """The samples moving through the steps in two coordinates (a histogram in one dimension), `seconds` long. Needs the extra `plot`.

        In a notebook: `IPython.display.HTML(result.animate().to_jshtml())`; to a file: `result.animate().save("flow.gif")`.
        """
        from sliceflow import _plot

        return _plot.animation(self, coordinates, seconds)
