"""Experiment 8: SW-JKO and paired JKO against JKO-ICNN in this program, from the runs of experiment 1."""

import pathlib

import plots
from options import Options
from ornstein_uhlenbeck import OrnsteinUhlenbeck
from report import Row, Section
from units import Store, Unit

TEXT = """The runs of experiment 1 to t = 0.9, of the seeds that JKO-ICNN has: seconds in all, and what the last step costs beside the first. JKO-ICNN keeps the
chain of all maps before, but takes its samples from a pool that each map moves on once; the others keep one map. Other work on the same cores changes
what a step takes; `jko_icnn_bench` compares first and last steps in turns."""


class SchemesCompared:
    name = "schemes"
    title = "8. SW-JKO and paired JKO against JKO-ICNN"

    def __init__(self, options: Options, published: dict):
        ou = OrnsteinUhlenbeck(options, published)
        self.all = {(scheme, dimension, seed): unit for (dimension, seed), icnn in ou.icnn.items() for scheme, unit in
                    (("paired JKO", ou.paired[dimension, seed]), ("SW-JKO", ou.sliced[dimension, seed]), ("JKO-ICNN", icnn))}

    def units(self) -> list[Unit]:
        return list(self.all.values())

    def of(self, scheme: str, dimension: int) -> list[Unit]:
        return [unit for (kind, d, _), unit in self.all.items() if (kind, d) == (scheme, dimension)]

    def section(self, store: Store, reasons: dict[str, str], pictures: pathlib.Path) -> Section:
        rows, panels = [], []
        for scheme, dimension in dict.fromkeys(sorted(((kind, d) for kind, d, _ in self.all), key=lambda place: place[1])):
            labels, units = (scheme, f"d = {dimension}"), self.of(scheme, dimension)
            why = next((reasons[unit.key] for unit in units if unit.key in reasons), "")
            steps = [result["step seconds"] for unit in units if (result := store.get(unit))]
            rows.append(Row.of((*labels, "seconds to t = 0.9"), "", units, "seconds", store, reasons))
            rows.append(Row((*labels, "last step over first"), "", tuple(seconds[-1] / seconds[0] for seconds in steps), not_run=why))
        for dimension in dict.fromkeys(dimension for _, dimension, _ in self.all):
            found = {scheme: store.get(unit) for (scheme, d, seed), unit in self.all.items() if (d, seed) == (dimension, 1)}
            lines = [(scheme, list(range(1, len(result["step seconds"]) + 1)), result["step seconds"]) for scheme, result in found.items() if result]
            panels.append((f"d = {dimension}", "seconds of the step", lines))
        section = Section(self.title, TEXT, ("scheme", "", "figure"), rows)
        if panels:
            section.pictures = [(plots.courses(panels, pictures / "schemes.png", "step"), "Seconds of each step; first seeds.")]
        return section
