"""Experiment 1: the Ornstein–Uhlenbeck process, by the classic scheme against its closed form and by SW-JKO against its oracle."""

import functools
import json
import pathlib
import subprocess

import numpy as np
import plots
from options import Options
from report import Row, Section, Target
from service import ROOT, FinishedJob, Server
from units import Store, Unit, changed, published_job

SAMPLES = 100000  # of a divergence; a fit of as many to d = 12 is off by about .001
CHAIN_SAMPLES = {2: 10000, 6: 10000, 12: 3000}  # where each is pulled back through a chain of maps within a query's minute; chance is then some .001
TIMES = (0.5, 0.9)
ICNN_SEEDS = 3  # a flow takes minutes
# Symmetric KL that SW-JKO may keep from its oracle, and at stationarity: in d = 2 and d = 12, between them in proportion to d.
ORACLE_BOUND, STATIONARY_BOUND = (0.002, 0.02), (0.002, 0.01)


def bound(ends: tuple[float, float], dimension: int) -> float:
    return ends[0] + (ends[1] - ends[0]) * (dimension - 2) / 10


def problem(dimension: int, seed: int) -> dict:
    """The published family: a random basis with eigenvalues uniform in [1, 2] for the stationary covariance A⁻¹, and b standard normal."""
    random = np.random.default_rng([dimension, seed])
    basis, _ = np.linalg.qr(random.standard_normal((dimension, dimension)))
    precision = basis @ np.diag(1 / random.uniform(1, 2, dimension)) @ basis.T
    precision = (precision + precision.T) / 2
    return {"center": random.standard_normal(dimension).tolist(), "precision": {"values": precision.ravel().tolist()}}


def job_of(name: str, dimension: int, seed: int, **changes) -> dict:
    functional = {"terms": [{"potential": {"quadratic": problem(dimension, seed)}}, {"entropy": {}}]}
    return changed(published_job(name), dimension=dimension, functional=functional, seed=seed, **changes)


def laws(server: Server, job: dict) -> dict[int, dict]:
    """What theory says of each step, by the program of tests/reference."""
    path = server.write(job, "problem.yaml")
    answer = subprocess.run([ROOT / "build/tests/gaussian_flows", path], capture_output=True, text=True, check=True).stdout
    return {entry["step"]: entry for entry in json.loads(answer)}


def gaussian(law: dict) -> dict:
    return {"gaussian": {"mean": law["mean"], "covariance": {"values": law["covariance"]}}}


def stationary(job: dict) -> dict:
    quadratic = job["spec"]["functional"]["terms"][0]["potential"]["quadratic"]
    dimension = job["spec"]["dimension"]
    covariance = np.linalg.inv(np.reshape(quadratic["precision"]["values"], (dimension, dimension)))
    return {"mean": quadratic["center"], "covariance": covariance.ravel().tolist()}


def measure_times(against: str, samples: int, job: dict, server: Server, finished: FinishedJob) -> dict:
    theory, result = laws(server, job), {"step seconds": finished.series("seconds")[1:]}
    for time in TIMES:
        step = finished.step_at(time)
        law = gaussian(theory[step][against])
        place = f"{finished.name}@{step}"
        result[f"symmetric KL at {time}"] = server.distance(place, law, "symmetric-kl", samples)
        result[f"of Gaussian fits at {time}"] = server.distance(place, law, "gaussian-symmetric-kl", samples)
        result[f"between the flows at {time}"] = theory[step]["between"]
    return result


def measure_stationary(job: dict, server: Server, finished: FinishedJob) -> dict:
    last = f"{finished.name}@{len(finished.reports) - 1}"
    return {"symmetric KL": server.distance(last, gaussian(stationary(job)), "symmetric-kl", SAMPLES)}


def flow_unit(kind: str, against: str, file: str, dimension: int, seed: int, seconds: float, samples: int = SAMPLES) -> Unit:
    job = job_of(file, dimension, seed)
    return Unit("ou", f"Ornstein–Uhlenbeck, {kind}, d = {dimension}, seed {seed}", job, functools.partial(measure_times, against, samples, job), seconds,
                {"samples": samples})


def icnn_unit(dimension: int, seed: int) -> Unit:
    """JKO-ICNN at its published settings."""
    return flow_unit("JKO-ICNN", "wasserstein", "ornstein_uhlenbeck_icnn", dimension, seed, 50 + 10 * dimension, CHAIN_SAMPLES[dimension])


def stationary_unit(kind: str, file: str, dimension: int, seed: int, seconds: float) -> Unit:
    # First-order steps are exact at the stationary state whatever their size; by time 10 the slowest mode has decayed by e⁻⁵.
    job = job_of(file, dimension, seed, schedule={"stepSize": 1, "endTime": 10})
    return Unit("ou", f"Ornstein–Uhlenbeck, {kind} to stationarity, d = {dimension}, seed {seed}", job,
                functools.partial(measure_stationary, job), seconds, {"samples": SAMPLES})


class OrnsteinUhlenbeck:
    name = "ou"
    title = "1. Ornstein–Uhlenbeck"

    def __init__(self, options: Options, published: dict):
        self.dimensions = (2,) if options.quick else (2, 4, 6, 8, 10, 12)
        self.seeds = range(1, (1 if options.quick else options.seeds) + 1)
        self.published = published["ornstein_uhlenbeck"]["symmetric_kl"]
        self.paired = {(d, s): flow_unit("paired JKO", "wasserstein", "ornstein_uhlenbeck", d, s, 8 + d) for d in self.dimensions for s in self.seeds}
        self.sliced = {(d, s): flow_unit("SW-JKO", "sliced", "ornstein_uhlenbeck_sliced", d, s, 8 + d) for d in self.dimensions for s in self.seeds}
        self.stationary = {(kind, d, s): stationary_unit(kind, file, d, s, 8 + d)
                           for kind, file in (("paired JKO", "ornstein_uhlenbeck"), ("SW-JKO", "ornstein_uhlenbeck_sliced"))
                           for d in self.dimensions for s in self.seeds}
        # Seed by seed, beside what is compared with it, so that all dimensions have the first when a run is stopped.
        icnn = () if options.quick else (2, 6, 12)
        self.icnn = {(d, s): icnn_unit(d, s) for s in self.seeds[:ICNN_SEEDS] for d in icnn}

    def units(self) -> list[Unit]:
        return [*self.paired.values(), *self.sliced.values(), *self.stationary.values(), *self.icnn.values()]

    def section(self, store: Store, reasons: dict[str, str], pictures: pathlib.Path) -> Section:
        rows = []

        def add(scheme, when, dimension, units, figure, published, target):
            rows.append(Row.of((scheme, str(dimension), when), published, units, figure, store, reasons, target))

        for dimension in self.dimensions:
            paired = [self.paired[dimension, seed] for seed in self.seeds]
            sliced = [self.sliced[dimension, seed] for seed in self.seeds]
            for time in TIMES:
                figure = self.published[str(dimension)][str(time)]
                add("paired JKO to the closed form", f"t = {time}", dimension, paired, f"symmetric KL at {time}", f"{figure:.5f} (JKO-ICNN)",
                    Target(figure / 10, text="a tenth"))
            for time in TIMES:
                add("SW-JKO to its oracle", f"t = {time}", dimension, sliced, f"symmetric KL at {time}", "",
                    Target(bound(ORACLE_BOUND, dimension)))
            for time in TIMES:
                add("the two flows apart", f"t = {time}", dimension, sliced, f"between the flows at {time}", "", None)
            for kind in ("paired JKO", "SW-JKO"):
                add(f"{kind} to the stationary law", "t = 10", dimension, [self.stationary[kind, dimension, seed] for seed in self.seeds],
                    "symmetric KL", "", Target(bound(STATIONARY_BOUND, dimension)))
        self.add_icnn(rows, store, reasons)
        picture = plots.divergences(rows, pictures / "ornstein_uhlenbeck.png")
        return Section(self.title, TEXT, ("", "d", "at"), rows, [(picture, "Symmetric KL against the dimension; dashed the published JKO-ICNN.")])

    def add_icnn(self, rows: list[Row], store: Store, reasons: dict[str, str]) -> None:
        for dimension in dict.fromkeys(d for d, _ in self.icnn):
            units = [unit for (d, _), unit in self.icnn.items() if d == dimension]
            for time in TIMES:
                figure = self.published[str(dimension)][str(time)]
                rows.append(Row.of(("this program's JKO-ICNN to the closed form", str(dimension), f"t = {time}"), f"{figure:.5f}", units,
                                   f"symmetric KL at {time}", store, reasons, Target(figure)))
            pairs = [(store.get(self.paired[place]), store.get(unit)) for place, unit in self.icnn.items() if place[0] == dimension]
            ratios = tuple(paired["seconds"] / icnn["seconds"] for paired, icnn in pairs if paired and icnn)
            why = next((reasons[unit.key] for unit in units if unit.key in reasons), "")
            rows.append(Row(("seconds of paired JKO over those of JKO-ICNN", str(dimension), "t = 0.9"), "", ratios, (),
                            Target(1 / 20, text="a twentieth"), why))


TEXT = """Random problems `F = ∫½(x−b)ᵀA(x−b)dρ + ∫ρ log ρ` from the standard Gaussian, as published: eigenvalues of A⁻¹ uniform in [1, 2], b
standard normal. Symmetric KL by the densities of both sides at 100,000 samples each (a server's `symmetricKl` distance), as published too, and at
3,000 to 10,000 for JKO-ICNN, whose samples are pulled back through the chain of its maps. Paired JKO follows the Wasserstein flow and is judged by
the process's closed form. SW-JKO follows the gradient flow of another distance, which on Gaussians
is known as well (`tests/reference`): it is judged by that oracle, and how far the two flows are apart stands beside it, so that geometry is not taken
for error. Both have the same stationary law."""
