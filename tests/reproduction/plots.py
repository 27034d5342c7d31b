"""Pictures of the page."""

import pathlib

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
from report import Row  # noqa: E402

INK, ACCENT, THIRD, FOURTH = "#1b2a41", "#e4572e", "#3a7d44", "#8d6a9f"


def finish(figure, path: pathlib.Path) -> str:
    figure.savefig(path, dpi=90)
    plt.close(figure)
    return path.name


def bare(axis) -> None:
    axis.spines[["top", "right"]].set_visible(False)


def divergences(rows: list[Row], path: pathlib.Path) -> str:
    """A panel a time; a line a scheme over the dimensions."""
    times = sorted({row.labels[2] for row in rows if row.values and row.target})
    figure, axes = plt.subplots(1, max(len(times), 1), figsize=(4 * max(len(times), 1), 3.4), layout="constrained", squeeze=False)
    for axis, time in zip(axes[0], times):
        shown = [row for row in rows if row.labels[2] == time and row.values and not row.labels[0].startswith("seconds")]
        for scheme, colour in zip(dict.fromkeys(row.labels[0] for row in shown), (INK, ACCENT, FOURTH, THIRD)):
            line = [row for row in shown if row.labels[0] == scheme]
            d = [int(row.labels[1]) for row in line]
            axis.plot(d, [row.mean for row in line], "o-", color=colour, label=scheme, markersize=4)
            axis.vlines(d, [min(row.values) for row in line], [max(row.values) for row in line], color=colour, alpha=0.5)
        published = [(int(row.labels[1]), float(row.published.split()[0])) for row in shown if "JKO-ICNN" in row.published]
        if published:
            axis.plot(*np.transpose(published), "--", color="grey", label="published JKO-ICNN")
        axis.set(title=time, xlabel="d", ylabel="symmetric KL", yscale="log")
        if shown:
            axis.legend(fontsize=6, frameon=False)
        bare(axis)
    return finish(figure, path)


def courses(panels: list[tuple[str, str, list[tuple[str, list[float], list[float]]]]], path: pathlib.Path,
            across: str = "Wasserstein time", *, logarithmic: bool = False) -> str:
    """Panels of (title, what is measured, lines of (label, times, values))."""
    figure, axes = plt.subplots(1, len(panels), figsize=(4 * len(panels), 3.2), layout="constrained", squeeze=False)
    for axis, (title, quantity, lines) in zip(axes[0], panels):
        for (label, times, values), colour, style in zip(lines, (INK, ACCENT, THIRD, FOURTH), ("o-", "--", "s-", ":")):
            axis.plot(times, values, style, color=colour, label=label, markersize=3)
        axis.set(title=title, xlabel=across, ylabel=quantity, yscale="log" if logarithmic else "linear")
        if lines:
            axis.legend(fontsize=7, frameon=False)
        bare(axis)
    return finish(figure, path)


def particles(points: list[tuple[str, np.ndarray]], radius: float, path: pathlib.Path) -> str:
    figure, axes = plt.subplots(1, len(points), figsize=(3 * len(points), 3.3), layout="constrained", squeeze=False)
    for axis, (title, x) in zip(axes[0], points):
        axis.scatter(x[:, 0], x[:, 1], s=2, color=INK, alpha=0.5, linewidths=0)
        axis.add_patch(plt.Circle(x.mean(axis=0), radius, fill=False, color=ACCENT, linewidth=0.8))
        axis.set(xlim=(-1.2, 1.2), ylim=(-1.2, 1.2), aspect="equal", xticks=[], yticks=[], title=title)
    return finish(figure, path)


def montage(x: np.ndarray, across: int = 8) -> np.ndarray:
    """Images of 28 by 28 in rows of so many."""
    return np.clip(x, 0, 1).reshape(-1, across, 28, 28).transpose(0, 2, 1, 3).reshape(-1, across * 28)


def images(models: list[tuple[str, np.ndarray, np.ndarray]], path: pathlib.Path) -> str:
    """Of each model 64 digits, and below them pairs: 8 of them over the known digits nearest to them."""
    figure, axes = plt.subplots(2, len(models), figsize=(3.6 * len(models), 4.9), layout="constrained", squeeze=False, height_ratios=(4, 1))
    for (above, below), (title, x, pairs) in zip(axes.T, models):
        for axis, shown in ((above, x[:64]), (below, pairs)):
            axis.imshow(montage(shown), cmap="gray_r", interpolation="nearest")
            axis.set(xticks=[], yticks=[])
        above.set(title=title)
        below.set(xlabel="closest samples over the known digits nearest to them")
        below.xaxis.label.set_size(7)
    return finish(figure, path)
