"""Proves the steps of a deployment, in groups: run.py GROUP...

files       container file, compose file and Grafana's files are sound
chart       the Helm chart is linted, rendered, and fits the schemas of Kubernetes
install     `cmake --install`: a moved tree serves and is linked
pod         the chart's pod as processes of this machine
monitoring  Prometheus scrapes a daemon, every query of the Grafana dashboard returns data
container   the container file's image in a folder, run without an engine (root, debootstrap)
build       the same with the container file's builder, from nothing (an hour)
"""

import argparse
import sys

import chart
import container
import files
import install
import monitoring
import pod
from steps import Result, run_group

GROUPS = {
    "files": files.STEPS,
    "chart": chart.STEPS,
    "install": install.STEPS,
    "pod": pod.STEPS,
    "monitoring": monitoring.STEPS,
    "container": container.STEPS,
    "build": container.BUILD_STEPS,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="+", choices=GROUPS, metavar="GROUP")
    groups = parser.parse_args().groups
    results: list[Result] = []
    for group in groups:
        results += run_group(GROUPS[group])
    failed = sum(not result.passed for result in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
