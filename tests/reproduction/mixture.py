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
PARTICLES = 4000  # a mode's weight is then known to .006, and the divergence of weights to about .005

TEXT = """Fokker–Planck from N(0, 16 I) to six unit Gaussians with centres uniform in a cube of half-width 5, at t = 4: KL(target ‖ model) at 8,192
samples of the target. The published runs took random centres too; ours are others of the same law. At t = 4 the flow itself has not arrived: what of
the divergence is its own stands beside ours, in the plane as entropic JKO on a grid finds it, in more dimensions as Langevin particles do, from the
weights of the modes alone, which is a lower bound. Those particles are no flow of the server but a check of the suite's own. No scheme that follows the
flow comes below what is its own."""


def target(dimension: int, seed: int) -> dict:
    centres = np.random.default_rng([dimension, seed]).uniform(-HALF_WIDTH, HALF_WIDTH, (6, dimension))
    return {"components": [{"mean": centre.tolist()} for centre in centres]}


def job_of(file: str, dimension: int, seed: int) -> dict:
    return changed(published_job(file), dimension=dimension, seed=seed,
                   initial={"gaussian": {"covariance": {"values": (16 * np.eye(dimension)).ravel().tolist()}}},
                   functional={"terms": [{"potential": {"gaussianMixture": target(dimension, seed)}}, {"entropy": {}}]})


def weights_left(mixture: dict) -> float:
    """KL(equal weights ‖ the modes' shares of Langevin particles at t = 4)."""
    centres = np.array([component["mean"] for component in mixture["components"]])
    random = np.random.default_rng(1)
    x = 4 * random.standard_normal((PARTICLES, centres.shape[1]))

    def shares() -> np.ndarray:
        log = -0.5 * np.square(x[:, None] - centres).sum(2)
        share = np.exp(log - log.max(1, keepdims=True))
        return share / share.sum(1, keepdims=True)

    steps, step = 400, 0.01
    for _ in range(steps):
        x += step * (shares() @ centres - x) + np.sqrt(2 * step) * random.standard_normal(x.shape)
    return float(-np.log(6 * shares().mean(0)).mean())


def measure(mixture: dict, server: Server, job: FinishedJob) -> dict:
    last = f"{job.name}@{len(job.reports) - 1}"
    return {"KL": server.distance({"mixture": mixture}, last, "kl", SAMPLES), "reverse KL": server.distance(last, {"mixture": mixture}, "kl", SAMPLES),
            "the flow's own": weights_left(mixture), "times": job.series("wassersteinTime"), "energies": job.series("energy")}


def finer(job: dict) -> dict:
    """By how much what is found on a grid is the grid's and the step's."""
    grid = job["spec"]["model"]["grid"]
    return changed(job, model={"grid": grid | {"nodes": 160}}, schedule={"stepSize": 0.05, "endTime": 4})


def mixture_unit(kind: str, job: dict, dimension: int, seed: int, seconds: float) -> Unit:
    return Unit("mixture", f"mixture, {kind}, d = {dimension}, seed {seed}", job,
                functools.partial(measure, target(dimension, seed)), seconds, {"samples": SAMPLES, "particles": PARTICLES})


class Mixture:
    name = "mixture"
    title = "2. Convergence to a mixture"

    def __init__(self, options: Options, published: dict):
        self.published = published["mixture"]["kl_target"]
        seeds = range(1, options.seeds + 1)
        dimensions = () if options.quick else (2, 6, 12)
        self.models = {d: [mixture_unit("RealNVP", job_of("mixture", d, s), d, s, 100 + 10 * d) for s in seeds] for d in dimensions}
        self.grid = [] if options.quick else [mixture_unit("grid", job_of("mixture_grid", 2, s), 2, s, 6) for s in seeds]
        self.finer = [] if options.quick else [mixture_unit("finer grid", finer(job_of("mixture_grid", 2, s)), 2, s, 10) for s in seeds]

    def units(self) -> list[Unit]:
        return [*self.grid, *self.finer, *(unit for units in self.models.values() for unit in units)]

    def section(self, store: Store, reasons: dict[str, str], pictures: pathlib.Path) -> Section:
        rows, lines = [], []

        def add(scheme: str, dimension: int, units: list[Unit]) -> None:
            figure = self.published[str(dimension)]
            rows.append(Row.of((scheme, f"d = {dimension}"), f"{figure:.4f} (JKO-ICNN)", units, "KL", store, reasons, Target(figure)))
            if first := store.get(units[0]):
                lines.append((f"{scheme}, d = {dimension}", first["times"], first["energies"]))

        if self.grid:
            add("entropic JKO on a grid", 2, self.grid)
            rows.append(Row.of(("the same with half the step on 160² nodes", "d = 2"), "", self.finer, "KL", store, reasons))
        for dimension, units in self.models.items():
            add("paired JKO with RealNVP", dimension, units)
            if dimension > 2:
                rows.append(Row.of(("the flow's own, by particles", f"d = {dimension}"), "", units, "the flow's own", store, reasons))
        section = Section(self.title, TEXT, ("scheme", "KL(target ‖ model)"), rows)
        if lines:
            panels = [("mixture", "KL(model ‖ target)", lines)]
            picture = plots.courses(panels, pictures / "mixture.png", logarithmic=True)
            section.pictures = [(picture, "The energy, which is the KL to the target, over the flow; first seeds.")]
        return section
