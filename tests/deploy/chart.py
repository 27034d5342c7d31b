"""The Helm chart: linted, rendered with several files of values, checked against the schemas of Kubernetes and the restricted standard of pods."""

import os
import subprocess
from pathlib import Path

import kubernetes_validate
import yaml
from steps import ROOT, Bench, Step, require, run

CHART = ROOT / "deploy" / "helm" / "sliceflow"
VENV = Path(os.environ.get("SLICEFLOW_VENV", ROOT / ".venv"))
HELM = VENV / "bin" / "helm"
KUBERNETES = ("1.25", "1.30", "1.37")  # the oldest that the chart takes, to the newest whose schemas are there
# Kinds of operators, of which Kubernetes has no schema.
FOREIGN = {"ServiceMonitor"}
# Of the things a cluster's default would let pass: flags for `--set`, and what the refusal must name.
REFUSED = {
    "tls.enabled=false": "anyOf",
    "authentication=none": "anyOf",
    "authentication=password": "authentication",
    "replicas=2": "replicas",
    "tls.clientCa=true": "secretName",
    "settings.data_dir=/elsewhere": "data_dir",
    "settings.listen=0.0.0.0:1": "listen",
    "service.grpcPort=70000": "service.grpcPort",
    "service.type=ExternalName": "service.type",
    "persistence.size=lots": "persistence.size",
    "resources.limits.memory=8GB": "resources.limits.memory",
    "terminationGracePeriodSeconds=1": "terminationGracePeriodSeconds",
    "image.repository=": "image.repository",
    "networkPolicy.grpcFrom[0].everybody=true": "networkPolicy.grpcFrom.0",
}


def values_files() -> list[Path]:
    return sorted((CHART / "ci").glob("*-values.yaml"))


def render(values: Path | None, version: str = KUBERNETES[0]) -> list[dict]:
    """What the chart makes with a file of values, for a release `flows` in the namespace `science`."""
    more = ["--values", values] if values else []
    # Helm's warnings go elsewhere: they are no YAML.
    text = run(HELM, "template", "flows", CHART, "--namespace", "science", "--kube-version", version, *more, stderr=subprocess.DEVNULL)
    return [document for document in yaml.safe_load_all(text) if document]


def lint(bench: Bench) -> str:
    for values in values_files():
        run(HELM, "lint", "--strict", CHART, "--values", values)
    return f"{len(values_files())} files of values"


def validate(bench: Bench) -> str:
    known = 0
    for version in KUBERNETES:
        for values in values_files():
            for document in render(values, version):
                if document["kind"] not in FOREIGN:
                    kubernetes_validate.validate(document, version, strict=True)
                    known += 1
    broken = render(None)[0] | {"kind": "Service", "spec": {"ports": [{"port": "http"}]}}
    try:
        kubernetes_validate.validate(broken | {"apiVersion": "v1"}, KUBERNETES[0], strict=True)
    except kubernetes_validate.ValidationError:
        return f"{known} objects fit, for Kubernetes {', '.join(KUBERNETES)}; a broken one does not"
    raise AssertionError("the validator takes everything")


def of_kind(documents: list[dict], kind: str) -> list[dict]:
    return [document for document in documents if document["kind"] == kind]


def consistent(bench: Bench) -> str:
    """What the objects say of each other: selectors meet the server's pod, what is mounted is made or given, pods are restricted."""
    for values in values_files():
        given = yaml.safe_load(values.read_text())
        documents = render(values)
        pod = of_kind(documents, "StatefulSet")[0]["spec"]["template"]
        selectors = [of_kind(documents, "StatefulSet")[0]["spec"]["selector"]["matchLabels"]]
        selectors += [service["spec"]["selector"] for service in of_kind(documents, "Service")]
        selectors += [policy["spec"]["podSelector"]["matchLabels"] for policy in of_kind(documents, "NetworkPolicy")]
        selectors += [budget["spec"]["selector"]["matchLabels"] for budget in of_kind(documents, "PodDisruptionBudget")]
        for selector in selectors:
            require(selector.items() <= pod["metadata"]["labels"].items(), f"{values.name}: {selector} does not meet the server's pod")
        made = {document["metadata"]["name"] for kind in ("Secret", "ConfigMap") for document in of_kind(documents, kind)}
        made.add(given.get("tls", {}).get("secretName", ""))
        for volume in pod["spec"]["volumes"]:
            name = volume.get("secret", {}).get("secretName") or volume.get("configMap", {}).get("name")
            require(name is None or name in made, f"{values.name}: nothing makes {name}")
        for spec in [pod["spec"], *(test["spec"] for test in of_kind(documents, "Pod"))]:
            restricted(values.name, spec)
    return "selectors, volumes and the restricted standard of pods"


def restricted(name: str, pod: dict) -> None:
    security = pod["securityContext"]
    require(security["runAsNonRoot"] and security["runAsUser"] > 0, f"{name}: the pod may be root")
    require(security["seccompProfile"]["type"] == "RuntimeDefault", f"{name}: the pod has no seccomp profile")
    require(pod["automountServiceAccountToken"] is False, f"{name}: the pod has a token for Kubernetes")
    for container in pod["containers"]:
        own = container["securityContext"]
        require(own["allowPrivilegeEscalation"] is False and own["capabilities"] == {"drop": ["ALL"]}, f"{name}: {container['name']} has privileges")
        require(own["readOnlyRootFilesystem"], f"{name}: {container['name']} may write into its image")
        require(container["resources"]["limits"], f"{name}: {container['name']} is not bounded")


def refuse(bench: Bench) -> str:
    for flag, named in REFUSED.items():
        said = run(HELM, "template", "flows", CHART, "--kube-version", KUBERNETES[0], "--set", flag, expect=None)
        require("values don't meet the specifications" in said and named in said, f"--set {flag}: {said}")
    return f"{len(REFUSED)} mistakes"


STEPS = [
    Step("chart, lint", "`helm lint --strict` with each file of `ci/`", lint),
    Step("chart, objects", "`helm template`, each object against the schemas of Kubernetes (`kubernetes-validate --strict`)", validate),
    Step("chart, as a whole", "what the rendered objects say of each other", consistent),
    Step("chart, values", "values that `values.schema.json` must refuse, each by its name", refuse),
]
