"""Draws the demo's pictures and prints its figures.

Usage: demo_pictures.py FOLDER

FOLDER holds for each job NAME.npz (arrays step_0000, step_0001, ... and times), NAME.jsonl (one event a line, as `sliceflow watch --json`
prints them) and NAME.json (the job). Pictures are written beside them.
"""

import json
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

INK, ACCENT = "#1b2a41", "#e4572e"
RING_RADIUS = 1 / np.sqrt(3)


class Run:
    """Samples and reports of one job."""

    def __init__(self, folder: pathlib.Path, name: str):
        self.spec = json.loads((folder / f"{name}.json").read_text())["spec"]
        self.reports = []
        for line in (folder / f"{name}.jsonl").read_text().splitlines():
            completed = json.loads(line).get("event", {}).get("stepCompleted")
            if completed:
                self.reports.append(completed["report"])
        arrays = np.load(folder / f"{name}.npz")
        self.steps = {int(key.split("_")[1]): arrays[key] for key in arrays.files if key.startswith("step_")}

    def times(self) -> np.ndarray:
        return np.array([report.get("wassersteinTime", 0.0) for report in self.reports])

    def energies(self) -> np.ndarray:
        return np.array([report.get("energy", 0.0) for report in self.reports])

    def metric(self, name: str) -> np.ndarray:
        values = [{m["name"]: m.get("value", 0.0) for m in report.get("metrics", [])} for report in self.reports]
        return np.array([value.get(name, np.nan) for value in values])

    def seconds(self) -> float:
        return sum(report.get("seconds", 0.0) for report in self.reports)


def spread(run: Run, count: int) -> list[int]:
    """`count` steps spread over the flow, first and last included."""
    steps = sorted(run.steps)
    return [steps[round(i * (len(steps) - 1) / (count - 1))] for i in range(count)]


def energy_panel(axis, run: Run) -> None:
    axis.plot(run.times(), run.energies(), "o-", color=INK, markersize=3)
    axis.set(title="energy F(ρ)", xlabel="Wasserstein time")
    axis.spines[["top", "right"]].set_visible(False)


def scatter_row(run: Run, picture: pathlib.Path, limit: float, title: str, decorate=None) -> None:
    figure, axes = plt.subplots(1, 5, figsize=(15, 3.4), layout="constrained")
    for axis, step in zip(axes, spread(run, 4)):
        points = run.steps[step]
        axis.scatter(points[:, 0], points[:, 1], s=2, color=INK, alpha=0.5, linewidths=0)
        axis.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", xticks=[], yticks=[],
                 title=f"step {step}, t = {run.times()[step]:.2f}")
        if decorate:
            decorate(axis, points)
    energy_panel(axes[-1], run)
    figure.suptitle(title)
    figure.savefig(picture, dpi=110)
    plt.close(figure)


def draw_mixture(run: Run, folder: pathlib.Path) -> None:
    components = run.spec["functional"]["terms"][0]["potential"]["gaussianMixture"]["components"]
    limit = 9.0
    grid = np.stack(np.meshgrid(*[np.linspace(-limit, limit, 200)] * 2), axis=-1)
    density = np.zeros(grid.shape[:2])
    for component in components:
        covariance = np.reshape(component["covariance"]["values"], (2, 2))
        offset = grid - np.array(component["mean"])
        quadratic = np.einsum("...i,ij,...j", offset, np.linalg.inv(covariance), offset)
        density += component["weight"] * np.exp(-quadratic / 2) / np.sqrt(np.linalg.det(covariance))

    def target(axis, _points):
        axis.contour(grid[..., 0], grid[..., 1], density, levels=density.max() * np.array([0.1, 0.4, 0.8]), colors=ACCENT, linewidths=0.7)

    scatter_row(run, folder / "mixture.png", limit,
                "Fokker–Planck flow from a Gaussian to a mixture of six, RealNVP; in orange the target's density", target)
    print(f"(a) mixture: KL to the target falls from {run.energies()[0]:.3f} to {run.energies()[-1]:.3f} "
          f"in {len(run.reports) - 1} steps, {run.seconds():.1f} s")


def draw_logistic_regression(run: Run, folder: pathlib.Path) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    energy_panel(axes[0], run)
    axes[1].plot(run.times(), run.metric("accuracy"), "o-", color=ACCENT, markersize=3)
    axes[1].set(title="accuracy on the held-out fifth", xlabel="Wasserstein time")
    axes[1].spines[["top", "right"]].set_visible(False)
    figure.suptitle("Bayesian logistic regression on diabetis")
    figure.savefig(folder / "logistic_regression.png", dpi=110)
    plt.close(figure)
    print(f"(b) diabetis: accuracy on the held-out fifth {run.metric('accuracy')[-1]:.3f}, "
          f"mean log-likelihood {run.metric('log_likelihood')[-1]:.3f}, {run.seconds():.1f} s")


def draw_ring(run: Run, folder: pathlib.Path) -> None:
    def circle(axis, points):
        axis.add_patch(plt.Circle(points.mean(axis=0), RING_RADIUS, fill=False, color=ACCENT, linewidth=0.8))

    scatter_row(run, folder / "ring.png", 1.2,
                "Aggregation |z|⁴/4 − |z|²/2 in the plane, particles; in orange the circle of radius 1/√3 about their centre", circle)
    print(f"(c) ring: mean radius {run.metric('radius_mean')[-1]:.4f}, 1/√3 = {RING_RADIUS:.4f}, {run.seconds():.1f} s")


def draw_digits(run: Run, folder: pathlib.Path) -> None:
    figure, axes = plt.subplots(1, 4, figsize=(14, 3.9), layout="constrained")
    for axis, step in zip(axes, spread(run, 4)):
        images = run.steps[step][:64].reshape(8, 8, 28, 28)
        axis.imshow(np.clip(images, 0, 1).transpose(0, 2, 1, 3).reshape(8 * 28, 8 * 28), cmap="gray_r", interpolation="nearest")
        axis.set(xticks=[], yticks=[], title=f"step {step}")
    figure.suptitle("Particles flowing from noise towards 2,000 MNIST digits in the sliced-Wasserstein distance")
    figure.savefig(folder / "digits.png", dpi=110)
    plt.close(figure)
    print(f"(d) digits: ½ SW2² to the digits falls from {run.energies()[0]:.5f} to {run.energies()[-1]:.5f}, {run.seconds():.1f} s")


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    for name, draw in [("mixture", draw_mixture), ("logistic_regression", draw_logistic_regression), ("ring", draw_ring), ("digits", draw_digits)]:
        draw(Run(folder, name), folder)
    print("pictures: " + ", ".join(str(path) for path in sorted(folder.glob("*.png"))))


if __name__ == "__main__":
    main()
