"""Experiment 5: flows whose course is known: the heat equation."""

import functools
import pathlib

import numpy as np
import plots
from options import Options
from report import Row, Section, Target
from service import FinishedJob, Server
from units import Store, Unit, changed, published_job

SAMPLES = 100000
# The scheme's own error in time is below .001 at this step size; a tenth of what telling N(0, Σ) from N(0, Σ + 2t) would take.
HEAT_BOUND = 0.003

TEXT = """The heat equation is the flow of the entropy alone; from N(0, Σ) it is N(0, Σ + 2t I). Symmetric KL by densities at t = 1."""


def heat_law(job: dict, time: float) -> dict:
    covariance = np.array(job["spec"]["initial"]["gaussian"]["covariance"]["values"]) + 2 * time * np.eye(2).ravel()
    return {"gaussian": {"covariance": {"values": covariance.tolist()}}}


def measure_heat(job: dict, server: Server, finished: FinishedJob) -> dict:
    times = finished.series("wassersteinTime")
    course = [server.distance(f"{finished.name}@{step}", heat_law(job, time), "symmetric-kl", SAMPLES // 10) for step, time in enumerate(times)]
    last = server.distance(f"{finished.name}@{len(times) - 1}", heat_law(job, times[-1]), "symmetric-kl", SAMPLES)
    return {"symmetric KL": last, "times": times, "course": course}


class ClosedForms:
    name = "forms"
    title = "5. Heat equation"

    def __init__(self, options: Options, _published: dict):
        seeds = range(1, (1 if options.quick else options.seeds) + 1)
        jobs = [changed(published_job("heat"), seed=seed) for seed in seeds]
        self.heat = [Unit("forms", f"heat equation, seed {job['spec']['seed']}", job, functools.partial(measure_heat, job), 20, {"samples": SAMPLES})
                     for job in jobs]

    def units(self) -> list[Unit]:
        return self.heat

    def section(self, store: Store, reasons: dict[str, str], pictures: pathlib.Path) -> Section:
        results = [result for unit in self.heat if (result := store.get(unit))]
        why = next((reasons[unit.key] for unit in self.heat if unit.key in reasons), "")
        rows = [Row(("heat, symmetric KL", "t = 1"), "", tuple(result["symmetric KL"] for result in results),
                    tuple(result["seconds"] for result in results), Target(HEAT_BOUND), why)]
        section = Section(self.title, TEXT, ("", "at"), rows)
        if results:
            panels = [("heat equation", "symmetric KL", [("first seed", results[0]["times"], results[0]["course"])])]
            section.pictures = [(plots.courses(panels, pictures / "closed_forms.png"), "Distance to the closed form over the flow.")]
        return section
