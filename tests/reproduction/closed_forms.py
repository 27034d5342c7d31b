"""Experiment 5: flows whose course is known: heat, porous medium, Keller–Segel."""

import functools
import hashlib
import math
import pathlib

import numpy as np
import plots
from options import Options
from report import Row, Section, Target
from service import FinishedJob, Server
from units import Store, Unit, changed, published_job

SAMPLES = 100000
# A tenth of what N(0, Σ) and the law after one step of the flow are apart.
HEAT_BOUND = 0.003
# The profile has an edge that a smooth model rounds off; SW2² of two samples of 10,000 of the profile is 3e-4 by chance alone.
BARENBLATT_MOMENT, BARENBLATT_DISTANCE = 0.03, 0.004
# Of the rate 4(1 − χ/8π) of the second moment.
KELLER_SEGEL_BOUND = 0.05
CRITICAL = 8 * math.pi

TEXT = """Heat: from N(0, Σ) the law is N(0, Σ + 2t I); symmetric KL by densities. Porous medium (m = 2): from samples of Barenblatt's profile at t = 1 to the
profile at t = 2; its second moment, and SW2² to samples of it. Keller–Segel from the standard Gaussian: the second moment changes at the rate
4(1 − χ/8π); its relative error below (χ = 4π) and above (χ = 12π) the critical mass."""


# ---- heat
def heat_law(job: dict, time: float) -> dict:
    covariance = np.array(job["spec"]["initial"]["gaussian"]["covariance"]["values"]) + 2 * time * np.eye(2).ravel()
    return {"gaussian": {"covariance": {"values": covariance.tolist()}}}


def measure_heat(job: dict, server: Server, finished: FinishedJob) -> dict:
    times = finished.series("wassersteinTime")
    course = [server.distance(f"{finished.name}@{step}", heat_law(job, time), "symmetric-kl", SAMPLES // 10) for step, time in enumerate(times)]
    last = server.distance(f"{finished.name}@{len(times) - 1}", heat_law(job, times[-1]), "symmetric-kl", SAMPLES)
    return {"symmetric KL": last, "times": times, "course": course}


# ---- porous medium: ρ(x, t) = t^(−½) (C − |x|²/16 t^(−½))₊ in the plane, with C such that the mass is 1
BARENBLATT_CURVATURE = 1 / 16
BARENBLATT_HEIGHT = math.sqrt(2 * BARENBLATT_CURVATURE / math.pi)


def barenblatt_moment(time: float) -> float:
    """E|x|² = R²/3, R² = C √t / κ."""
    return BARENBLATT_HEIGHT / BARENBLATT_CURVATURE * math.sqrt(time) / 3


def barenblatt_samples(time: float, count: int, seed: int) -> np.ndarray:
    """P(|x| ≤ r) = 1 − (1 − r²/R²)²."""
    random = np.random.default_rng(seed)
    radius = np.sqrt(3 * barenblatt_moment(time) * (1 - np.sqrt(random.uniform(size=count))))
    angle = random.uniform(0, 2 * math.pi, count)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]).astype(np.float32)


def upload_barenblatt(server: Server) -> None:
    for name, time in (("barenblatt", 1), ("barenblatt-end", 2)):
        path = server.folder / f"{name}.npy"
        np.save(path, barenblatt_samples(time, 10000, time))
        server.upload(path, name)


def measure_barenblatt(server: Server, finished: FinishedJob) -> dict:
    last = f"{finished.name}@{len(finished.reports) - 1}"
    times, moments = [1 + time for time in finished.series("wassersteinTime")], finished.metrics("second_moment")
    return {"moment off": abs(moments[-1] / barenblatt_moment(times[-1]) - 1), "SW2²": server.distance(last, "datasets/barenblatt-end", "sw2", 10000),
            "times": times, "moments": moments}


# ---- Keller–Segel
def keller_segel_job(chi: float, seed: int) -> dict:
    return changed(published_job("keller_segel"), seed=seed, functional={"terms": [{"entropy": {}}, {"interaction": {"kellerSegel": {"chi": chi}}}]})


def keller_segel_rate(chi: float) -> float:
    return 4 * (1 - chi / CRITICAL)


def measure_keller_segel(chi: float, _server: Server, finished: FinishedJob) -> dict:
    times, moments = finished.series("wassersteinTime"), finished.metrics("second_moment")
    rate = (moments[-1] - moments[0]) / times[-1]
    return {"rate": rate, "rate off": abs(rate / keller_segel_rate(chi) - 1), "times": times, "moments": moments}


class ClosedForms:
    name = "forms"
    title = "5. Heat, porous medium, Keller–Segel"

    def __init__(self, options: Options, _published: dict):
        seeds = range(1, (1 if options.quick else options.seeds) + 1)
        heat = [changed(published_job("heat"), seed=seed) for seed in seeds]
        self.heat = [Unit("forms", f"heat equation, seed {seed}", job, functools.partial(measure_heat, job), 15, {"samples": SAMPLES})
                     for seed, job in zip(seeds, heat)]
        digest = hashlib.sha256(barenblatt_samples(1, 10000, 1).tobytes() + barenblatt_samples(2, 10000, 2).tobytes()).hexdigest()[:16]
        self.porous = [] if options.quick else [
            Unit("forms", f"porous medium, seed {seed}", changed(published_job("porous_medium"), seed=seed), measure_barenblatt, 40, {"profile": digest},
                 upload_barenblatt) for seed in seeds]
        self.keller_segel = {} if options.quick else {
            chi: [Unit("forms", f"Keller–Segel, χ = {chi / math.pi:.0f}π, seed {seed}", keller_segel_job(chi, seed),
                       functools.partial(measure_keller_segel, chi), 20) for seed in seeds] for chi in (CRITICAL / 2, 1.5 * CRITICAL)}

    def units(self) -> list[Unit]:
        return [*self.heat, *self.porous, *(unit for units in self.keller_segel.values() for unit in units)]

    def section(self, store: Store, reasons: dict[str, str], pictures: pathlib.Path) -> Section:
        rows = [Row.of(("heat, symmetric KL", "t = 1"), "", self.heat, "symmetric KL", store, reasons, Target(HEAT_BOUND))]
        if self.porous:
            rows += [Row.of((f"porous medium, {what}", "t = 2"), "", self.porous, figure, store, reasons, Target(bound))
                     for what, figure, bound in (("second moment, relative error", "moment off", BARENBLATT_MOMENT),
                                                 ("SW2² to the profile", "SW2²", BARENBLATT_DISTANCE))]
        for chi, units in self.keller_segel.items():
            rows.append(Row.of((f"Keller–Segel, χ = {chi / math.pi:.0f}π, rate against {keller_segel_rate(chi):.0f}, relative error", "t = 0.4"), "", units,
                               "rate off", store, reasons, Target(KELLER_SEGEL_BOUND)))
        section = Section(self.title, TEXT, ("", "at"), rows)
        if panels := self.panels(store):
            section.pictures = [(plots.courses(panels, pictures / "closed_forms.png"), "The first seeds beside what is known.")]
        return section

    def panels(self, store: Store) -> list:
        panels = []
        if heat := store.get(self.heat[0]):
            panels.append(("heat", "symmetric KL", [("to N(0, Σ + 2t I)", heat["times"], heat["course"])]))
        if self.porous and (porous := store.get(self.porous[0])):
            known = [barenblatt_moment(time) for time in porous["times"]]
            panels.append(("porous medium", "E|x|²", [("flow", porous["times"], porous["moments"]), ("Barenblatt", porous["times"], known)]))
        for chi, units in self.keller_segel.items():
            if result := store.get(units[0]):
                known = [result["moments"][0] + keller_segel_rate(chi) * time for time in result["times"]]
                panels.append((f"Keller–Segel, χ = {chi / math.pi:.0f}π", "E|x|²",
                               [("flow", result["times"], result["moments"]), ("known rate", result["times"], known)]))
        return panels
