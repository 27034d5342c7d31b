#!/usr/bin/env python3
"""Prints what the benchmarks left in build/bench as a table and writes build/bench.json: {machine, rows}.

With --write the table of sliced transport and of inner iterations goes into docs/performance.md too.
"""

import json
import os
import pathlib
import platform
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance.md"
SHOWN = ("sliced_transport", "inner_iteration", "jko_icnn")
HOLDS = {True: "yes", False: "NO", None: ""}


def processor():
    names = re.findall(r"^model name\s*:\s*(.+)$", pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    return names[0] if names else platform.machine()


def machine():
    compiler = subprocess.run(["c++", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    pins = (ROOT / "deploy" / "requirements-no-deps.txt").read_text() + (ROOT / "tests" / "benchmarks" / "peers" / "requirements.txt").read_text()
    versions = dict(re.findall(r"^(torch|POT)==(\S+)$", pins, re.MULTILINE))
    return {"processor": processor(), "cores": os.cpu_count(), "system": platform.platform(), "compiler": compiler, **versions}


def measured(row):
    return "-" if row["measured"] is None else f"{row['measured']:.4g}"


def table(rows):
    width = max(len(row["name"]) for row in rows)
    print(f"{'benchmark':{width}}  {'measured':>10} {'unit':<6} {'target':<8} holds")
    for row in rows:
        print(f"{row['name']:{width}}  {measured(row):>10} {row['unit']:<6} {row['target'] or '':<8} {HOLDS[row['holds']]}".rstrip())
    missed = [row["name"] for row in rows if row["holds"] is False]
    print("every target holds" if not missed else "MISSED: " + "; ".join(missed))


def write_page(rows, on):
    lines = [f"{on['processor']}, {on['cores']} cores; {on['compiler']}; LibTorch {on['torch']}, POT {on['POT']}; medians.", ""]
    lines += ["| figure | target | measured | holds |", "|---|---|---|---|"]
    for row in rows:
        if row["suite"] in SHOWN:
            lines.append(f"| {row['name']} | {row['target'] or '–'} | {measured(row)} {row['unit']} | {HOLDS[row['holds']]} |")
    marks = ("<!-- figures: scripts/bench_table.py --write -->\n\n", "\n\n<!-- /figures -->")
    before, rest = PAGE.read_text(encoding="utf-8").split(marks[0])
    PAGE.write_text(before + marks[0] + "\n".join(lines) + marks[1] + rest.split(marks[1])[1], encoding="utf-8")


def main():
    files = sorted((ROOT / "build" / "bench").glob("*.json"))
    rows = [{"suite": path.stem, **row} for path in files for row in json.loads(path.read_text(encoding="utf-8"))]
    on = machine()
    (ROOT / "build" / "bench.json").write_text(json.dumps({"machine": on, "rows": rows}, indent=2) + "\n", encoding="utf-8")
    print(", ".join(f"{name}: {value}" for name, value in on.items()))
    table(rows)
    if "--write" in sys.argv:
        write_page(rows, on)


if __name__ == "__main__":
    main()
