"""Runs job files of examples/ on a server of its own and draws a picture of each into docs/images/gallery.

Usage: gallery_pictures.py FOLDER [NAME...]    FOLDER holds diabetis.csv and train-images-idx3-ubyte (scripts/demo_data.py)
"""

import pathlib
import sys
import tempfile
import time

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import sliceflow as sf  # noqa: E402
from daemon import Daemon  # noqa: E402
from PIL import Image  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "images" / "gallery"
INK, ACCENT = "#1b2a41", "#e4572e"
PATIENCE = 1800  # seconds for one job; only a hang reaches it
STATES = 4  # steps that are shown, the first and the last among them
TILES = 5  # images a side
COLOURS = 64


def images(folder: pathlib.Path) -> np.ndarray:
    """The first 2,000 digits of MNIST, [2000, 28, 28] in [0, 1]."""
    raw = np.frombuffer((folder / "train-images-idx3-ubyte").read_bytes(), np.uint8, offset=16, count=2000 * 28 * 28)
    return raw.reshape(-1, 28, 28).astype(np.float32) / 255


def moons(count: int = 400) -> np.ndarray:
    """Two half circles that reach into each other, [count, 2]."""
    rng = np.random.default_rng(5)
    angle = np.pi * rng.random(count)
    upper = rng.random(count) < 0.5
    x = np.where(upper, np.cos(angle) - 0.5, 0.5 - np.cos(angle))
    y = np.where(upper, np.sin(angle) - 0.25, 0.25 - np.sin(angle))
    return (1.5 * np.stack([x, y], axis=1) + rng.normal(scale=0.06, size=(count, 2))).astype(np.float32)


def upload(client: sf.Client, folder: pathlib.Path) -> None:
    """What the examples tell their readers to upload."""
    digits = images(folder)
    client.upload(digits.reshape(len(digits), -1), "mnist")
    small = digits[:, 2:26, 2:26].reshape(-1, 8, 3, 8, 3).mean(axis=(2, 4))  # 8 by 8: means over blocks of the middle
    client.upload(small.reshape(len(small), -1), "digits")
    client.upload(moons(), "points")
    client.upload(folder / "diabetis.csv", "diabetis")


def extent(values: np.ndarray) -> tuple[float, float]:
    """All but the outermost thousandth, with a margin."""
    low, high = np.quantile(values, [0.001, 0.999])
    margin = 0.06 * (high - low) + 1e-3
    return low - margin, high + margin


def square(points: np.ndarray) -> list[tuple[float, float]]:
    """Limits of both axes, of one length, for points [n, 2]."""
    limits = [extent(points[:, 0]), extent(points[:, 1])]
    half = max(high - low for low, high in limits) / 2
    return [((low + high) / 2 - half, (low + high) / 2 + half) for low, high in limits]


def draw_points(axis, result: sf.Result, index: int, target: np.ndarray | None) -> None:
    every = result.samples[:, :, :2].reshape(-1, 2)
    if target is not None:
        axis.scatter(target[:, 0], target[:, 1], s=2, color=ACCENT, alpha=0.5, linewidths=0)
        every = np.concatenate([every, target])
    axis.scatter(result.samples[index, :, 0], result.samples[index, :, 1], s=3, color=INK, alpha=0.5, linewidths=0)
    horizontal, vertical = square(every)
    axis.set(xlim=horizontal, ylim=vertical, xticks=[], yticks=[], aspect="equal")


def draw_line(axis, result: sf.Result, index: int) -> None:
    edges = np.linspace(*extent(result.samples[:, :, 0]), 60)
    axis.hist(result.samples[index, :, 0], bins=edges, density=True, color=INK)
    axis.set(yticks=[])


def draw_images(axis, result: sf.Result, index: int) -> None:
    side = int(np.sqrt(result.samples.shape[2]))
    tiles = np.clip(result.samples[index, : TILES * TILES], 0, 1).reshape(TILES, TILES, side, side)
    axis.imshow(tiles.transpose(0, 2, 1, 3).reshape(TILES * side, TILES * side), cmap="gray_r", interpolation="nearest")
    axis.set(xticks=[], yticks=[])


def draw_curve(axis, result: sf.Result, values: np.ndarray, name: str) -> None:
    axis.plot(result.times, values, "o-", color=ACCENT, markersize=3)
    axis.set(title=name.replace("_", " "), xlabel="Wasserstein time")
    axis.spines[["top", "right"]].set_visible(False)


def draw(result: sf.Result, target: np.ndarray | None, path: pathlib.Path) -> None:
    metrics = {name: values for name, values in result.metrics.items() if np.isfinite(values).any()}
    shown = np.unique(np.linspace(0, len(result.steps) - 1, STATES).round().astype(int))
    panels = len(shown) + 1 + bool(metrics)
    figure, axes = plt.subplots(1, panels, figsize=(2.1 * panels, 2.2), layout="constrained")
    for axis, index in zip(axes, shown):
        dimension = result.samples.shape[2]
        if dimension in (64, 784):
            draw_images(axis, result, index)
        elif dimension == 1:
            draw_line(axis, result, index)
        else:
            draw_points(axis, result, index, target)
        axis.set_title(f"t = {result.times[index]:.3g}")
    draw_curve(axes[len(shown)], result, result.energies, "energy")
    if metrics:
        name = next(iter(metrics))
        draw_curve(axes[-1], result, metrics[name], name)
    figure.savefig(path, dpi=100)
    plt.close(figure)
    # A few colours are enough for dots and lines, and take a third of the bytes.
    Image.open(path).convert("RGB").quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)


def run(client: sf.Client, file: pathlib.Path) -> None:
    begun = time.monotonic()
    text = file.read_text()
    result = client.submit(file).result(timeout=PATIENCE, sample_limit=-1, progress=False)
    draw(result, moons() if "mmd: {dataset: datasets/points" in text else None, PICTURES / f"{file.stem}.png")
    print(f"{file.stem}: {time.monotonic() - begun:.0f} s, {(PICTURES / f'{file.stem}.png').stat().st_size // 1024} KiB", flush=True)


def main() -> None:
    folder, names = pathlib.Path(sys.argv[1]), sys.argv[2:]
    files = [ROOT / "examples" / f"{name}.yaml" for name in names] or sorted((ROOT / "examples").glob("*.yaml"))
    plt.rcParams.update({"font.size": 8, "axes.titlesize": 8})
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sliceflow-gallery-") as holder:
        server = Daemon(pathlib.Path(holder))
        try:
            with sf.Client(server.address) as client:
                upload(client, folder)
                for file in files:
                    run(client, file)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
