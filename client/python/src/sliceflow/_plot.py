"""Pictures of a flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from sliceflow._optional import require
from sliceflow._tensor import FloatArray

if TYPE_CHECKING:
    import matplotlib.animation
    import matplotlib.figure

    from sliceflow.result import Result

_PANELS: Final = 4
_BINS: Final = 60
_MARGIN: Final = 0.05  # of the samples' extent, on either side
_DOT: Final = {"s": 4, "alpha": 0.4, "linewidths": 0}


def _shown(samples: FloatArray, coordinates: tuple[int, int]) -> FloatArray:
    """[steps, rows, 2], or [steps, rows, 1] of a flow on the line."""
    if samples.shape[2] == 1:
        return samples
    return samples[:, :, list(coordinates)]


def _limits(values: FloatArray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = _MARGIN * (high - low) or 1.0
    return low - margin, high + margin


def _frame(axes: Any, points: FloatArray, coordinates: tuple[int, int]) -> None:
    axes.set_xlim(_limits(points[..., 0]))
    axes.set_xlabel(f"$x_{{{coordinates[0] + 1}}}$" if points.shape[-1] == 2 else "$x$")
    if points.shape[-1] == 1:
        axes.set_ylabel("density")
        return
    axes.set_ylim(_limits(points[..., 1]))
    axes.set_ylabel(f"$x_{{{coordinates[1] + 1}}}$")
    axes.set_aspect("equal", adjustable="box")


def _edges(points: FloatArray) -> npt.NDArray[np.float64]:
    return np.linspace(*_limits(points[..., 0]), _BINS + 1)


def figure(result: Result, coordinates: tuple[int, int]) -> matplotlib.figure.Figure:
    pyplot = require("matplotlib.pyplot")
    points = _shown(result.samples, coordinates)
    chosen = np.unique(np.linspace(0, len(result.steps) - 1, _PANELS).round().astype(int))
    picture, panels = pyplot.subplots(1, len(chosen) + 1, figsize=(3.2 * (len(chosen) + 1), 3.2), layout="constrained")
    for panel, index in zip(panels, chosen):
        if points.shape[-1] == 1:
            panel.hist(points[index, :, 0], bins=_edges(points), density=True)
        else:
            panel.scatter(points[index, :, 0], points[index, :, 1], **_DOT)
        _frame(panel, points, coordinates)
        panel.set_title(f"t = {result.times[index]:.3g}")
    _energy(panels[-1], result)
    pyplot.close(picture)  # a notebook shows what is answered, and would show it twice
    drawn: matplotlib.figure.Figure = picture
    return drawn


def _energy(axes: Any, result: Result) -> None:
    errors = [step.energy_standard_error for step in result.steps]
    axes.errorbar(result.times, result.energies, yerr=errors, marker="o", markersize=3)
    axes.set_xlabel("Wasserstein time")
    axes.set_title("energy")


def animation(result: Result, coordinates: tuple[int, int], seconds: float) -> matplotlib.animation.FuncAnimation:
    pyplot = require("matplotlib.pyplot")
    points = _shown(result.samples, coordinates)
    picture, axes = pyplot.subplots(figsize=(4.5, 4.5), layout="constrained")
    _frame(axes, points, coordinates)
    draw = _moving_histogram(axes, points) if points.shape[-1] == 1 else _moving_dots(axes, points)

    def show(index: int) -> tuple[Any, ...]:
        axes.set_title(f"t = {result.times[index]:.3g}")
        return (draw(index),)

    moving: matplotlib.animation.FuncAnimation = require("matplotlib.animation").FuncAnimation(
        picture, show, frames=len(points), interval=1000 * seconds / len(points)
    )
    pyplot.close(picture)
    return moving


def _moving_dots(axes: Any, points: FloatArray) -> Any:
    dots = axes.scatter(points[0, :, 0], points[0, :, 1], **_DOT)

    def draw(index: int) -> Any:
        dots.set_offsets(points[index])
        return dots

    return draw


def _moving_histogram(axes: Any, points: FloatArray) -> Any:
    edges = _edges(points)
    heights = [np.histogram(step[:, 0], bins=edges, density=True)[0] for step in points]
    stairs = axes.stairs(heights[0], edges, fill=True)
    axes.set_ylim(0, 1.05 * max(float(height.max()) for height in heights))

    def draw(index: int) -> Any:
        stairs.set_data(heights[index])
        return stairs

    return draw
