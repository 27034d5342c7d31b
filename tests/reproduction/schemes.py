"""Experiment 8: SW-JKO and paired JKO against JKO-ICNN in this program, from the runs of experiment 1."""

import pathlib

import plots
from options import Options
from ornstein_uhlenbeck import OrnsteinUhlenbeck
from report import Row, Section
from units import Store, Unit

TEXT = """The runs of experiment 1, seed 1, to t = 0.9: seconds in all, and what the last step costs beside the first. JKO-ICNN keeps the chain of all maps
before, but takes its samples from a pool that each map moves on once; the others keep one map."""


class SchemesCompared:
    name = "schemes"
    title = "8. SW-JKO and paired JKO against JKO-ICNN"

    def __init__(self, options: Options, published: dict):
        ou = OrnsteinUhlenbeck(options, published)
        self.all = {(scheme, dimension): unit for dimension in ou.icnn for scheme, unit in
                    (("paired JKO", ou.paired[dimension, 1]), ("SW-JKO", ou.sliced[dimension, 1]), ("JKO-ICNN", ou.icnn[dimension]))}

    def units(self) -> list[Unit]:
        return list(self.all.values())

    def section(self, store: Store, reasons: dict[str, str], pictures: pathlib.Path) -> Section:
        rows, panels = [], []
        for (scheme, dimension), unit in self.all.items():
            labels = (scheme, f"d = {dimension}")
            why, result = reasons.get(unit.key, ""), store.get(unit)
            rows.append(Row.of((*labels, "seconds to t = 0.9"), "", [unit], "seconds", store, reasons))
            growth = (result["step seconds"][-1] / result["step seconds"][0],) if result else ()
            rows.append(Row((*labels, "last step over first"), "", growth, not_run=why))
        for dimension in dict.fromkeys(dimension for _, dimension in self.all):
            found = {scheme: store.get(unit) for (scheme, d), unit in self.all.items() if d == dimension}
            lines = [(scheme, list(range(1, len(result["step seconds"]) + 1)), result["step seconds"]) for scheme, result in found.items() if result]
            panels.append((f"d = {dimension}", "seconds of the step", lines))
        section = Section(self.title, TEXT, ("scheme", "", "figure"), rows)
        if panels:
            section.pictures = [(plots.courses(panels, pictures / "schemes.png", "step"), "Seconds of each step.")]
        return section
