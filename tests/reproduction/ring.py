"""Experiment 4: aggregation of particles on a ring."""

import math
import pathlib

import numpy as np
import plots
from options import Options
from report import Row, Section, Target
from service import FinishedJob, Server
from units import Store, Unit, changed, published_job

RADIUS = 1 / math.sqrt(3)
# Uniform on the circle of radius R: E|z|² = 2R², E|z|⁴ = 6R⁴, so F = ½(6R⁴/4 − R²) = −1/12.
ENERGY = -1 / 12
WITHIN = 0.01

TEXT = """1,000 particles under `|z|⁴/4 − |z|²/2`, whose minimum is uniform on the circle of radius 1/√3 about the centre of mass with the energy −1/12:
how far radius and energy are from these."""


def measure(_server: Server, job: FinishedJob) -> dict:
    radius, energy = job.metric("radius_mean"), job.series("energy")[-1]
    return {"radius": radius, "energy": energy, "radius off": abs(radius / RADIUS - 1), "energy off": abs(energy / ENERGY - 1),
            "times": job.series("wassersteinTime"), "radii": job.metrics("radius_mean"), "energies": job.series("energy")}


class Ring:
    name = "ring"
    title = "4. Aggregation ring"

    def __init__(self, options: Options, _published: dict):
        seeds = range(1, (1 if options.quick else options.seeds) + 1)
        self.all = [Unit("ring", f"aggregation ring, seed {seed}", changed(published_job("ring"), seed=seed), measure, 15, keep_samples=True)
                    for seed in seeds]

    def units(self) -> list[Unit]:
        return self.all

    def section(self, store: Store, reasons: dict[str, str], pictures: pathlib.Path) -> Section:
        rows = [Row.of((f"{figure}, relative error to {exact:.5f}",), "", self.all, f"{figure} off", store, reasons, Target(WITHIN))
                for figure, exact in (("radius", RADIUS), ("energy", ENERGY))]
        section = Section(self.title, TEXT, ("",), rows)
        if first := store.get(self.all[0]):
            section.pictures = [(self.draw(first, store.samples(self.all[0]), pictures), "Particles of the first seed, and the circle they end on.")]
        return section

    def draw(self, result: dict, samples: pathlib.Path, pictures: pathlib.Path) -> str:
        arrays = np.load(samples)
        steps = [0, 2, 5, len(result["times"]) - 1]
        shown = [(f"t = {result['times'][step]:.1f}", arrays[f"step_{step:04d}"]) for step in steps]
        return plots.particles(shown, RADIUS, pictures / "ring.png")
