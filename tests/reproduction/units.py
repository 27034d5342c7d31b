"""Units of work: each is one job and the figures taken from it, stored under what determines it so that no run repeats it."""

import copy
import dataclasses
import hashlib
import json
import pathlib
import sys
import time
from collections.abc import Callable

import yaml
from service import ROOT, FinishedJob, JobFailed, Refused, Server

# Raise it when units measure something else from the same jobs: stored results of other versions are not taken.
SUITE_VERSION = 1


def published_job(name: str) -> dict:
    """A job file of examples/published."""
    return yaml.safe_load((ROOT / "examples/published" / f"{name}.yaml").read_text())


def changed(job: dict, **changes) -> dict:
    """A copy of the job with fields of its specification replaced."""
    job = copy.deepcopy(job)
    job["spec"].update(copy.deepcopy(changes))
    return job


@dataclasses.dataclass(frozen=True)
class Unit:
    """`measure(server, job)` takes the figures, a dict of JSON values, from the finished job; `prepare(server)` uploads what it needs.

    `inputs` is what determines the result beside the job: data sets by digest, sample counts of measurements. `seconds` is what it takes
    on two cores, for the estimate.
    """

    experiment: str
    name: str
    job: dict
    measure: Callable[[Server, FinishedJob], dict]
    seconds: float
    inputs: dict = dataclasses.field(default_factory=dict)
    prepare: Callable[[Server], None] = lambda server: None
    keep_samples: bool = False

    @property
    def key(self) -> str:
        determined = {"version": SUITE_VERSION, "experiment": self.experiment, "name": self.name, "job": self.job, "inputs": self.inputs}
        return hashlib.sha256(json.dumps(determined, sort_keys=True).encode()).hexdigest()[:20]


class Store:
    """Results of finished units, one JSON file each."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, unit: Unit) -> dict | None:
        path = self.folder / f"{unit.key}.json"
        return json.loads(path.read_text())["result"] if path.exists() else None

    def samples(self, unit: Unit) -> pathlib.Path:
        return self.folder / f"{unit.key}.npz"

    def put(self, unit: Unit, result: dict) -> None:
        path = self.folder / f"{unit.key}.json"
        part = path.with_suffix(".part")
        part.write_text(json.dumps({"experiment": unit.experiment, "name": unit.name, "job": unit.job, "inputs": unit.inputs, "result": result},
                                   indent=1))
        part.replace(path)


class Progress:
    """One line a unit on a terminal, redrawn; elsewhere a line now and then."""

    def __init__(self, text: str):
        self.text, self.start, self.last = text, time.monotonic(), 0.0
        self.terminal = sys.stderr.isatty()

    def __call__(self, state: str) -> None:
        now = time.monotonic()
        if now - self.last < (0.5 if self.terminal else 10):
            return
        self.last = now
        line = f"{self.text}: {state}, {now - self.start:.0f} s"
        print(f"\r\033[K{line}" if self.terminal else line, end="" if self.terminal else "\n", file=sys.stderr, flush=True)

    def done(self, state: str) -> None:
        print(f"{chr(13)}\033[K{self.text}: {state}" if self.terminal else f"{self.text}: {state}", file=sys.stderr, flush=True)


def run_unit(unit: Unit, server: Server, store: Store, position: str) -> str | None:
    """Runs and stores a unit; answers why it was not, or nothing."""
    progress = Progress(f"[{position}] {unit.name}")
    if unknown := server.unknown_kinds(unit.job):
        progress.done(f"not run: the server has no {', '.join(unknown)}")
        return f"the server has no {', '.join(unknown)}"
    progress("starting")
    start = time.monotonic()
    try:
        unit.prepare(server)
        job = server.run(unit.job, progress, store.samples(unit) if unit.keep_samples else None)
        progress.last = 0.0
        progress("measuring")
        result = {"seconds": job.seconds, "flagged": sum(not report.get("energyInequality", {"holds": True}).get("holds", False)
                                                         for report in job.reports), **unit.measure(server, job)}
        server.delete(job)
    except (Refused, JobFailed) as error:
        progress.done(f"failed: {error}")
        return str(error)
    store.put(unit, result)
    progress.done(f"{time.monotonic() - start:.1f} s, of which the flow {job.seconds:.1f}; " + summary(result))
    return None


def summary(result: dict) -> str:
    figures = [f"{name} {value:.4g}" for name, value in result.items() if isinstance(value, float) and name != "seconds"]
    return ", ".join(figures[:6])
