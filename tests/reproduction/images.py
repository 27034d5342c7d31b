"""Experiment 6: from noise to MNIST digits, with each model of images."""

import csv
import io
import pathlib
import subprocess

import classifier
import digits
import numpy as np
import plots
from digits import ROWS, SAMPLES
from options import Options
from report import Row, Section, Target
from service import BIN, FinishedJob, Server
from units import Store, Unit, changed, published_job

NOISE_SHARE, SHUFFLED_SHARE, NEAREST = 1 / 20, 1 / 2, 0.5
LATENT = {"latentDimension": 16, "realNvp": {"couplings": 5, "hiddenWidth": 100}}
CODES = {"swJko": {"order": 1, "innerIterations": 400, "numProjections": 300, "batchSize": 512, "optimizer": {"adam": {"learningRate": 0.005}}}}
# What each model has of its own in the published job. A CNN's pixels cannot leave [0, 1], so it starts from noise that is there; the
# auto-encoder's latent flow starts from the standard Gaussian between its codes, the default.
MODELS = {
    "RealNVP": {},
    "CNN": {"model": {"cnn": {"height": 28, "width": 28}}, "initial": {"uniformBox": {"lower": [0.0] * 784, "upper": [1.0] * 784}}},
    "latent flow": {"model": {"latentFlow": {**LATENT, "trainingIterations": 3000}}, "initial": {}, "solver": CODES},
}
# Less of everything: half of the auto-encoder's training, which is nearly all of the time, and a quarter of the flow's.
QUICK_MODELS = {
    "latent flow": {"model": {"latentFlow": {**LATENT, "trainingIterations": 1500}}, "initial": {},
                    "solver": {"swJko": {**CODES["swJko"], "innerIterations": 100, "batchSize": 256}}},
}
REFERENCES = {"noise": "datasets/noise", "shuffled pixels": "datasets/shuffled-pixels", "Gaussian fit": "datasets/gaussian",
              "known digits": "datasets/mnist"}

TEXT = f"""The flow of ½ SW2² to {ROWS:,} MNIST digits by SW-JKO, judged by as many held out, {SAMPLES:,} samples a side.

SW2² is to be at most a twentieth of that of uniform noise. It is what the flow lowers, yet it hardly tells digits from *shuffled pixels*, each
pixel drawn on its own from those of the known digits. The Fréchet distance does: it is over the {classifier.SETTINGS["units"][-2]} features of a
small classifier that the suite trains itself, on training digits that no flow sees, and so **not comparable** with figures over Inception or any
other network. It is to be at most half of that of shuffled pixels, which takes shapes but not sharp ones: a *Gaussian fit* has the mean and the
covariance of the known digits and nothing else. *Known digits* are those that the flows are given: what is left of both figures where nothing is
wrong. The last row of a model is the median distance of a sample to the nearest known digit, over the same of held-out digits: far below 1 would
be copying, and noisy samples are above."""


def measure(server: Server, job: FinishedJob) -> dict:
    last = len(job.reports) - 1
    text = subprocess.run([BIN / "sliceflow", "sample", job.name, "--count", "500", "--seed", "1"], env=server.environment, capture_output=True,
                          text=True, check=True).stdout
    samples = np.array([[float(cell) for cell in row] for row in csv.reader(io.StringIO(text))])
    known, held_out = digits.pixels("train"), digits.pixels("t10k")
    judge = classifier.classifier(server.folder.parent)
    result = {"nearest": float(np.median(digits.nearest(samples, known)[0]) / np.median(digits.nearest(held_out[:500], known)[0])),
              "accuracy": judge.accuracy(held_out, digits.labels("t10k"))}
    for name, side in {"samples": f"{job.name}@{last}", **REFERENCES}.items():
        result[f"SW2² of {name}"] = server.distance(side, "datasets/mnist-held-out", "sw2", SAMPLES)
        result[f"Fréchet of {name}"] = judge.frechet(server, side, "datasets/mnist-held-out", SAMPLES)
    return result


def reference_rows(result: dict) -> list[Row]:
    """What the models' figures are to be read against; the same in every result."""
    rows = [Row((name, f"{figure} to held-out digits"), "", (result[f"{figure} of {name}"],)) for name in REFERENCES
            for figure in ("SW2²", "Fréchet")]
    # Dense networks of this size reach .95 with as few digits; far less would mean features of no use.
    return [*rows, Row(("classifier", "accuracy on held-out digits"), "", (result["accuracy"],), target=Target(0.9, at_most=False))]


def with_nearest(name: str, x: np.ndarray) -> tuple[str, np.ndarray, np.ndarray]:
    """The samples, and the 8 that are closest to a known digit, the likeliest copies, followed by these."""
    known = digits.pixels("train")
    distances, which = digits.nearest(x, known)
    closest = np.argsort(distances)[:8]
    return name, x, np.concatenate([x[closest], known[which[closest]]])


class Images:
    name = "images"
    title = "6. MNIST digits"

    def __init__(self, options: Options, _published: dict):
        models, seconds = (QUICK_MODELS, 20) if options.quick else (MODELS, 200)
        inputs = {"rows": ROWS, "samples": SAMPLES, "classifier": classifier.SETTINGS}
        self.all = {name: Unit("images", f"MNIST by SW-JKO with {name}", changed(published_job("digits"), **changes), measure, seconds, inputs,
                               digits.upload, keep_samples=True) for name, changes in models.items()}

    def units(self) -> list[Unit]:
        return list(self.all.values())

    def section(self, store: Store, reasons: dict[str, str], pictures: pathlib.Path) -> Section:
        rows = [row for name, unit in self.all.items() for row in self.rows_of(name, unit, store, reasons)]
        done = {name: unit for name, unit in self.all.items() if store.get(unit)}
        section = Section(self.title, TEXT, ("", ""), rows)
        if done:
            section.rows += reference_rows(store.get(next(iter(done.values()))))
            shown = [with_nearest(name, self.last_samples(store.samples(unit))) for name, unit in done.items()]
            section.pictures = [(plots.images(shown, pictures / "digits.png"), "Samples of each model at the last step; and those 8 of them that are "
                                 "closest to a known digit, over that digit.")]
        return section

    def rows_of(self, name: str, unit: Unit, store: Store, reasons: dict[str, str]) -> list[Row]:
        result = store.get(unit)
        sliced = Target(result["SW2² of noise"] * NOISE_SHARE, text="a twentieth of noise's") if result else None
        frechet = Target(result["Fréchet of shuffled pixels"] * SHUFFLED_SHARE, text="half of shuffled pixels'") if result else None
        return [Row.of((name, label), "", [unit], figure, store, reasons, target) for label, figure, target in (
            ("SW2² to held-out digits", "SW2² of samples", sliced), ("Fréchet to held-out digits", "Fréchet of samples", frechet),
            ("distance to the nearest known digit, relative", "nearest", Target(NEAREST, at_most=False)))]

    def last_samples(self, path: pathlib.Path) -> np.ndarray:
        with np.load(path) as arrays:
            return arrays[max(key for key in arrays.files if key.startswith("step_"))]
