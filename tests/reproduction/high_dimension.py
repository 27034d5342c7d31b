"""Experiment 7: the same flow in 2, 100 and 784 dimensions."""

import math
import pathlib

from options import Options
from report import Row, Section, Target
from service import FinishedJob, Server
from units import Store, Unit, changed, published_job

DIMENSIONS = (2, 100, 784)
# The norm is taken over some thousand samples, whose own error in the plane is 3 % of it.
BOUND = 0.05

TEXT = """A uniform box moved towards N(b, I), b = (½, ..., ½), by SW-JKO with RealNVP and the same settings in every dimension. The mean after k steps
is (1 − (1 + τ)^(−k)) b: the relative error of its norm, and what a step costs."""


def measure(_server: Server, job: FinishedJob) -> dict:
    steps = len(job.reports) - 1
    known = (1 - (1 + job.spec["schedule"]["stepSize"]) ** -steps) * math.sqrt(job.spec["dimension"]) / 2
    return {"mean off": abs(job.metric("mean_norm") / known - 1), "seconds a step": job.seconds / steps}


class HighDimension:
    name = "dimension"
    title = "7. Many dimensions"

    def __init__(self, options: Options, _published: dict):
        dimensions = () if options.quick else DIMENSIONS
        self.all = {d: Unit("dimension", f"SW-JKO in d = {d}", changed(published_job("high_dimension"), dimension=d), measure, 10 + d / 4)
                    for d in dimensions}

    def units(self) -> list[Unit]:
        return list(self.all.values())

    def section(self, store: Store, reasons: dict[str, str], _pictures: pathlib.Path) -> Section:
        rows = []
        for dimension, unit in self.all.items():
            rows.append(Row.of((f"d = {dimension}", "norm of the mean, relative error"), "", [unit], "mean off", store, reasons, Target(BOUND)))
            rows.append(Row.of((f"d = {dimension}", "seconds a step"), "", [unit], "seconds a step", store, reasons))
        return Section(self.title, TEXT, ("", ""), rows)
