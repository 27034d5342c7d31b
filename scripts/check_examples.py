"""Checks every job file of examples/ against docs/job.schema.json, and the schema against files that it must refuse.

Usage: check_examples.py
"""

import copy
import json
import pathlib
import sys

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent

# What the contract can express, so the schema must: name, and the change that makes a good job bad.
BAD = {
    "an unknown field": lambda job: job["spec"].update(stepSise=1),
    "a field of the server's": lambda job: job.update(state="RUNNING"),
    "no specification": lambda job: job.pop("spec"),
    "no dimension": lambda job: job["spec"].pop("dimension"),
    "a fraction for a count": lambda job: job["spec"].update(dimension=1.5),
    "text for a number": lambda job: job["spec"]["schedule"].update(stepSize="small"),
    "an unknown clock": lambda job: job["spec"]["schedule"].update(clock="SIDEREAL"),
    "two lengths": lambda job: job["spec"]["schedule"].update(numSteps=1, endTime=1),
    "no length": lambda job: [job["spec"]["schedule"].pop(name, None) for name in ("numSteps", "endTime")],
    "two kinds of term at once": lambda job: job["spec"]["functional"]["terms"][0].update(entropy={}, interaction={"powerLaw": {}}),
    "a list for a message": lambda job: job["spec"].update(model=[]),
}


def main() -> None:
    validator = jsonschema.Draft7Validator(json.loads((ROOT / "docs/job.schema.json").read_text()))
    validator.check_schema(validator.schema)
    examples = sorted([*(ROOT / "examples").glob("**/*.yaml"), *(ROOT / "examples").glob("**/*.json")])
    if not examples:
        sys.exit("examples/ has no job files")
    wrong = []
    for path in examples:
        job = yaml.safe_load(path.read_text())
        wrong += [f"{path.relative_to(ROOT)}: {error.json_path}: {error.message}" for error in validator.iter_errors(job)]
        for name, spoil in BAD.items():
            bad = copy.deepcopy(job)
            spoil(bad)
            if validator.is_valid(bad):
                wrong.append(f"{path.relative_to(ROOT)}: the schema takes {name}")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
