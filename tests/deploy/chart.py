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
    "settings.workers.local=none": "workers",
    "workers.enabled=true,tls.enabled=false,insecure=true": "tls.enabled",
    "workers.local=none": "workers.local",
    "workers.replicas=-1": "workers.replicas",
    "workers.threads=0": "workers.threads",
    "workers.gpu=one": "workers.gpu",
    "workers.sandbox=on": "workers.sandbox",
    "workers.attachTime=long": "workers.attachTime",
    "workers.resources.limits.memory=8GB": "workers.resources.limits.memory",
    "workers.tls.ca=/elsewhere": "workers.tls",
    "workers.podDisruptionBudget.maxUnavailable=0": "workers.podDisruptionBudget.maxUnavailable",
    "service.workersPort=0": "service.workersPort",
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
        pods = [owner["spec"]["template"] for kind in ("StatefulSet", "Deployment") for owner in of_kind(documents, kind)]
        require(len(pods) == (2 if given.get("workers", {}).get("enabled") else 1), f"{values.name}: {len(pods)} kinds of pods")
        server = pods[0]["metadata"]["labels"]
        for owner in of_kind(documents, "StatefulSet") + of_kind(documents, "Deployment"):
            own = owner["spec"]["template"]["metadata"]["labels"]
            require(owner["spec"]["selector"]["matchLabels"].items() <= own.items(), f"{values.name}: {owner['metadata']['name']} does not meet its pods")
        for service in of_kind(documents, "Service"):
            require(meets(service["spec"]["selector"], server), f"{values.name}: {service['metadata']['name']} does not meet the server's pod")
        selectors = [policy["spec"]["podSelector"] for policy in of_kind(documents, "NetworkPolicy")]
        selectors += [budget["spec"]["selector"] for budget in of_kind(documents, "PodDisruptionBudget")]
        for selector in selectors:
            met = [pod for pod in pods if meets(selector["matchLabels"], pod["metadata"]["labels"])]
            require(len(met) == 1, f"{values.name}: {selector} meets {len(met)} kinds of pods")
        made = {document["metadata"]["name"]: document for kind in ("Secret", "ConfigMap") for document in of_kind(documents, kind)}
        theirs = {given.get("tls", {}).get("secretName"), given.get("workers", {}).get("tls", {}).get("secretName")}
        wants_gpu = any(resource.startswith("nvidia.com/") for resource in given.get("resources", {}).get("limits", {}))
        image = pods[0]["spec"]["containers"][0]["image"]
        require(image.endswith("-cuda") == wants_gpu or "tag" in given.get("image", {}), f"{values.name}: {image}, {wants_gpu=}")
        for pod in pods:
            for volume in pod["spec"].get("volumes", []):
                source = volume.get("secret") or volume.get("configMap") or {}
                name = source.get("secretName") or source.get("name")
                require(name is None or name in made or name in theirs, f"{values.name}: nothing makes {name}")
                missing = {item["key"] for item in source.get("items", []) if name in made} - made.get(name, {}).get("data", {}).keys()
                require(not missing, f"{values.name}: {name} has no {missing}")
        for spec in [*(pod["spec"] for pod in pods), *(test["spec"] for test in of_kind(documents, "Pod"))]:
            restricted(values.name, spec)
    return "selectors, volumes, the image for GPUs and the restricted standard of pods"


def meets(selector: dict, labels: dict) -> bool:
    return selector.items() <= labels.items()


def apart(bench: Bench) -> str:
    """Workers in pods of their own: what they are given, and who gets where."""
    documents = render(CHART / "ci/workers-values.yaml")
    server = of_kind(documents, "StatefulSet")[0]["spec"]["template"]
    deployment = of_kind(documents, "Deployment")[0]["spec"]
    worker = deployment["template"]
    container = worker["spec"]["containers"][0]
    require(container["image"].endswith("-cuda"), f"a worker with a GPU has the image {container['image']}")
    require(deployment["replicas"] == 4 and container["resources"]["limits"]["nvidia.com/gpu"] == 1, "replicas or accelerators are others")
    node = next(variable for variable in container["env"] if variable["name"] == "NODE")
    require(node["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name" and "--name=$(NODE)" in container["args"], "a node is not its pod")
    keys = {volume["name"]: [item["key"] for item in volume["secret"]["items"]] for volume in worker["spec"]["volumes"]}
    require(keys == {"server": ["tls.crt"], "worker": ["tls.crt", "tls.key"]}, f"a worker is given {keys}")
    ports = {port["name"]: port["containerPort"] for port in server["spec"]["containers"][0]["ports"]}
    given = {variable["name"]: variable["value"] for variable in server["spec"]["containers"][0]["env"]}
    require(given["SLICEFLOWD_WORKERS_LISTEN"] == f"0.0.0.0:{ports['workers']}" and given["SLICEFLOWD_WORKERS_LOCAL"] == "queries", "another server")
    service = next(one for one in of_kind(documents, "Service") if one["metadata"]["name"] == "flows-sliceflow-workers")
    require(f"--connect=flows-sliceflow-workers.science.svc:{service['spec']['ports'][0]['port']}" in container["args"], "another service")
    ingress, egress = (
        next(policy["spec"] for policy in of_kind(documents, "NetworkPolicy") if meets(policy["spec"]["podSelector"]["matchLabels"], pod["metadata"]["labels"]))
        for pod in (server, worker)
    )
    let_in = next(rule for rule in ingress["ingress"] if rule["ports"] == [{"port": "workers"}])["from"]
    require(len(let_in) == 1 and meets(let_in[0]["podSelector"]["matchLabels"], worker["metadata"]["labels"]), f"others are let in: {let_in}")
    require(not meets(let_in[0]["podSelector"]["matchLabels"], server["metadata"]["labels"]), "the server's own pod is let in")
    require(egress["ingress"] == [] and egress["egress"][0]["ports"] == [{"port": "workers"}], f"a worker may more: {egress}")
    own = render(CHART / "ci/workers-own-certificates-values.yaml")
    require(not any("workers" in secret["metadata"]["name"] for secret in of_kind(own, "Secret")), "certificates are made that are given")
    require(not of_kind(render(None), "Deployment"), "workers come unasked")
    return "certificates, node, ports and who is let in"


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
    Step("chart, workers apart", "pods, service and policies of `ci/workers-values.yaml` compared", apart),
    Step("chart, values", "values that `values.schema.json` must refuse, each by its name", refuse),
]
