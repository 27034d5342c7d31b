"""Experiment 2: convergence to a mixture of six Gaussians."""

import functools
import pathlib

import numpy as np
import plots
from options import Options
from report import Row, Section, Target
from service import FinishedJob, Server
from units import Store, Unit, changed, published_job

SAMPLES = 8192  # as published
HALF_WIDTH = 5.0

TEXT = """Fokker–Planck from N(0, 16 I) to six unit Gaussians with centres uniform in a cube of half-width 5, at t = 4: KL(target ‖ model) at 8,192
samples of the target, by paired JKO with RealNVP. The published runs took random centres too; ours are others of the same law."""


def target(dimension: int, seed: int) -> dict:
    centres = np.random.default_rng([dimension, seed]).uniform(-HALF_WIDTH, HALF_WIDTH, (6, dimension))
    return {"components": [{"mean": centre.tolist()} for centre in centres]}


def job_of(dimension: int, seed: int) -> dict:
    return changed(published_job("mixture"), dimension=dimension, seed=seed,
                   initial={"gaussian": {"covariance": {"values": (16 * np.eye(dimension)).ravel().tolist()}}},
                   functional={"terms": [{"potential": {"gaussianMixture": target(dimension, seed)}}, {"entropy": {}}]})


def measure(mixture: dict, server: Server, job: FinishedJob) -> dict:
    last = f"{job.name}@{len(job.reports) - 1}"
    return {"KL": server.distance({"mixture": mixture}, last, "kl", SAMPLES), "reverse KL": server.distance(last, {"mixture": mixture}, "kl", SAMPLES),
            "times": job.series("wassersteinTime"), "energies": job.series("energy")}


class Mixture:
    name = "mixture"
    title = "2. Convergence to a mixture"

    def __init__(self, options: Options, published: dict):
        self.published = published["mixture"]["kl_target"]
        dimensions = () if options.quick else (2, 6, 12)
        self.all = {d: [Unit("mixture", f"mixture, d = {d}, seed {seed}", job_of(d, seed), functools.partial(measure, target(d, seed)), 120 + 10 * d,
                             {"samples": SAMPLES}) for seed in range(1, options.seeds + 1)] for d in dimensions}

    def units(self) -> list[Unit]:
        return [unit for units in self.all.values() for unit in units]

    def section(self, store: Store, reasons: dict[str, str], pictures: pathlib.Path) -> Section:
        rows, lines = [], []
        for dimension, units in self.all.items():
            figure = self.published[str(dimension)]
            rows.append(Row.of((f"d = {dimension}",), f"{figure:.4f} (JKO-ICNN)", units, "KL", store, reasons, Target(figure)))
            if first := store.get(units[0]):
                lines.append((f"d = {dimension}", first["times"], first["energies"]))
        section = Section(self.title, TEXT, ("KL(target ‖ model)",), rows)
        if lines:
            panels = [("mixture", "KL(model ‖ target)", lines)]
            section.pictures = [(plots.courses(panels, pictures / "mixture.png"), "The energy, which is the KL to the target, over the flow; first seeds.")]
        return section
