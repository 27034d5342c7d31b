#!/usr/bin/env python3
"""Writes docs/reliability.md from what the suites of faults left in build/reliability and the benchmarks in build/bench.json."""

import json
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reliability.md"
HEAD = """# What the service withstands

Written by `scripts/soak` (`make soak`) and `scripts/bench`; not edited by hand. Each row is a suite in `tests/faults` that breaks
something while jobs are submitted and watched, and then holds what is there against what clients were told. *Lost* counts acknowledged
jobs and events that were not there afterwards, *doubled* those that were there twice. *Recovered in* is told as median and longest.

"""


def seconds(value):
    return f"{value:.2f} s" if value < 10 else f"{value:.0f} s"


def fault_rows():
    lines = ["| fault | tries | lost | doubled | recovered in | also |", "|---|---|---|---|---|---|"]
    for path in sorted((ROOT / "build" / "reliability").glob("*.json")):
        row = json.loads(path.read_text(encoding="utf-8"))
        recovered = "–"
        if row["recoveries"] > 0:
            recovered = f"{seconds(row['recovered_median'])}, {seconds(row['recovered_longest'])}"
        lines.append(f"| {row['fault']} | {row['tries']:,} | {row['lost']} | {row['doubled']} | {recovered} | {row['note']} |")
    return lines


def benchmark_rows():
    path = ROOT / "build" / "bench.json"
    if not path.exists():
        return []
    lines = ["", "## What it costs", "", "Measured by `make bench`.", "", "<!-- --8<-- [start:cost] -->", "| figure | target | measured |", "|---|---|---|"]
    for row in json.loads(path.read_text(encoding="utf-8"))["rows"]:
        if row["suite"] in ("service", "short_jobs", "streams", "worker"):
            lines.append(f"| {row['name']} | {row['target'] or '–'} | {row['measured']:.3g} {row['unit']} |")
    return [*lines, "<!-- --8<-- [end:cost] -->"]


PAGE.write_text(HEAD + "\n".join(fault_rows() + benchmark_rows()) + "\n", encoding="utf-8")
print(f"wrote {PAGE.relative_to(ROOT)}")
