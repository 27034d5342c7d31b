"""Proves the steps of a deployment, in groups: run.py [--table FILE] GROUP...

files       container file, compose file and Grafana's files are sound
chart       the Helm chart is linted, rendered, and fits the schemas of Kubernetes
install     `cmake --install`: a moved tree serves and is linked
pod         the chart's pod as processes of this machine
monitoring  Prometheus scrapes a daemon, every query of the Grafana dashboard returns data
container   the container file's image in a folder, run without an engine (root, debootstrap)
unit        the unit of systemd in a machine that is booted in a folder (root, debootstrap, systemd-nspawn)
build       the container with the container file's builder, from nothing (an hour)
"""

import argparse
import re
import sys
from pathlib import Path

import chart
import container
import files
import install
import monitoring
import pod
import unit
from steps import Result, run_group

GROUPS = {
    "files": files.STEPS,
    "chart": chart.STEPS,
    "install": install.STEPS,
    "pod": pod.STEPS,
    "monitoring": monitoring.STEPS,
    "container": container.STEPS,
    "unit": unit.STEPS,
    "build": container.BUILD_STEPS,
}


HEAD = """# What a deployment consists of, and how each step is proven

Written by `make test_deploy` on a machine without an engine for containers and without Kubernetes: what is here was done, not looked at.

| step | proven by | result | seconds |
|---|---|---|---|
"""


def table(results: list[Result]) -> str:
    def cell(text: str) -> str:
        # Names of jobs differ from run to run.
        return re.sub(r"jobs/\w+", "the job", " ".join(text.split())).replace("|", "\\|")

    rows = [
        f"| {result.step.what} | {cell(result.step.proof)} | {'' if result.passed else '**failed**: '}{cell(result.seen)} | {result.seconds:.1f} |\n"
        for result in results
    ]
    return HEAD + "".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="+", choices=GROUPS, metavar="GROUP")
    parser.add_argument("--table", type=Path, help="page to write what was proven to")
    arguments = parser.parse_args()
    results: list[Result] = []
    for group in arguments.groups:
        results += run_group(GROUPS[group])
    if arguments.table:
        arguments.table.write_text(table(results))
    failed = sum(not result.passed for result in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
