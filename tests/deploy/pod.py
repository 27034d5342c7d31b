"""The pod of the chart as processes of this machine: its environment and its files, its probes, the commands of the notes."""

import base64
import ssl
import subprocess
import urllib.request
from pathlib import Path

import yaml
from chart import CHART, VENV, of_kind, render
from served import Served, run_job
from steps import BUILD, DEADLINE, Bench, Step, require, run

SLICEFLOWD, SLICEFLOW = BUILD / "bin/sliceflowd", BUILD / "bin/sliceflow"


def lay(folder: Path, documents: list[dict], spec: dict) -> None:
    """Puts what a pod mounts below `folder`."""
    container = spec["containers"][0]
    contents = {document["metadata"]["name"]: document for kind in ("ConfigMap", "Secret") for document in of_kind(documents, kind)}
    for volume in spec["volumes"]:
        source = volume.get("configMap") or volume.get("secret") or {}
        name = source.get("name") or source.get("secretName")
        mounts = [mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == volume["name"]]
        place = folder / mounts[0].lstrip("/")
        place.mkdir(parents=True)
        data = contents.get(name, {}).get("data", {})
        for key, path in {item["key"]: item["path"] for item in source.get("items", [])}.items() or zip(data, data, strict=True):
            if key in data:
                (place / path).write_bytes(base64.b64decode(data[key]) if "secret" in volume else data[key].encode())


def environment(folder: Path, documents: list[dict]) -> dict[str, str]:
    """The container's variables, with what it mounts laid into `folder` and free ports."""
    spec = of_kind(documents, "StatefulSet")[0]["spec"]["template"]["spec"]
    container = spec["containers"][0]
    lay(folder, documents, spec)
    values = {variable["name"]: variable["value"] for variable in container["env"]}
    inside = {name: f"{folder}{value}" if value.startswith("/") else value for name, value in values.items()}
    ports = {"SLICEFLOWD_LISTEN": "localhost:0", "SLICEFLOWD_HTTP": "127.0.0.1:0"}
    if "SLICEFLOWD_WORKERS_LISTEN" in values:
        ports["SLICEFLOWD_WORKERS_LISTEN"] = "127.0.0.1:0"
    return inside | ports | {"PATH": "/usr/bin:/bin"}


def ports(bench: Bench) -> str:
    """What the pod's variables listen on is what its ports are called."""
    for values in sorted((CHART / "ci").glob("*-values.yaml")):
        container = of_kind(render(values), "StatefulSet")[0]["spec"]["template"]["spec"]["containers"][0]
        named = {port["name"]: port["containerPort"] for port in container["ports"]}
        given = {variable["name"]: variable["value"] for variable in container["env"]}
        require(given["SLICEFLOWD_LISTEN"] == f"0.0.0.0:{named['grpc']}", "the port grpc is another than the daemon's")
        require(given["SLICEFLOWD_HTTP"] == f"0.0.0.0:{named['http']}", "the port http is another than the daemon's")
    return "of every file of values"


def settings(bench: Bench) -> str:
    """Settings of the values file are ones that sliceflowd takes."""
    for values in sorted((CHART / "ci").glob("*-values.yaml")):
        folder = bench.folder / values.stem
        given = environment(folder, render(values))
        without_tls = {name: value for name, value in given.items() if "_TLS" not in name and "_WORKERS_" not in name}
        run(SLICEFLOWD, "config", "check", env=without_tls)
    (folder / "etc/sliceflow/settings/sliceflowd.yaml").write_text("quota: {max_runing_jobs: 1}\n")
    require("max_running_jobs" in run(SLICEFLOWD, "config", "check", env=without_tls, expect=2), "a misspelt setting is taken")
    return "`sliceflowd config check` takes them"


def serve(bench: Bench) -> str:
    documents = render(CHART / "ci/default-values.yaml")
    bench.made["container"] = of_kind(documents, "StatefulSet")[0]["spec"]["template"]["spec"]["containers"][0]
    bench.made["folder"] = folder = bench.folder / "pod"
    bench.made["environment"] = given = environment(folder, documents)
    (folder / "var/lib/sliceflow").mkdir(parents=True)
    ready = bench.folder / "ready.json"
    daemon = bench.made["daemon"] = Served([SLICEFLOWD, "--ready-file", ready], ready, bench.folder / "daemon.log", env=given)
    bench.stack.callback(daemon.kill)
    return "with TLS by the chart's own certificate"


def probes(bench: Bench) -> str:
    paths = []
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = bench.made["container"][probe]["httpGet"]
        path, scheme = asked["path"], asked["scheme"].lower()
        # As a probe does, whose certificate it is does not matter.
        with urllib.request.urlopen(f"{scheme}://{bench.made['daemon'].http}{path}", timeout=10, context=ssl._create_unverified_context()) as answer:
            require(answer.status == 200, f"{probe}: {answer.status}")
        paths.append(path)
    test = of_kind(render(CHART / "ci/default-values.yaml"), "Pod")[0]["spec"]["containers"][0]["args"]
    command = [bench.made["daemon"].http if ":" in word else word for word in test]
    require(run(SLICEFLOWD, *command) == "ready\n", "the pod of `helm test` fails")
    return f"{', '.join(paths)}, and the command of `helm test`"


def use(bench: Bench) -> str:
    """A token as the notes tell, then a job over TLS with the certificate of the chart's secret."""
    notes = (CHART / "templates/NOTES.txt").read_text()
    command = notes.split(" -- sliceflowd ", 1)[1].splitlines()[0].split()
    said = run(SLICEFLOWD, *command, env=bench.made["environment"])
    token = bench.folder / "token"
    token.write_text(next(word for word in said.split() if word.startswith("sft_")))
    daemon = bench.made["daemon"]
    server = f"localhost:{daemon.grpc.rsplit(':', 1)[1]}"
    certificate = bench.made["folder"] / "etc/sliceflow/tls/tls.crt"
    name = run_job([SLICEFLOW, "--tls-ca", certificate, "--token-file", token], server)
    run(SLICEFLOW, "--tls-ca", certificate, "--server", server, "list", expect=None)
    daemon.stop()
    return f"{name} succeeded; without the token nothing is told"


def grpc_probe(bench: Bench) -> str:
    """Without TLS the pod is probed by gRPC's health service."""
    documents = render(CHART / "ci/trusted-network-values.yaml")
    container = of_kind(documents, "StatefulSet")[0]["spec"]["template"]["spec"]["containers"][0]
    require(container["startupProbe"]["grpc"]["port"] == 50051, "there is no probe by gRPC")
    folder, ready = bench.folder / "trusted", bench.folder / "ready.json"
    given = environment(folder, documents)
    daemon = Served([SLICEFLOWD, "--ready-file", ready], ready, bench.folder / "daemon.log", env=given)
    bench.stack.callback(daemon.kill)
    said = run(VENV / "bin/grpcurl", "-plaintext", daemon.grpc, "grpc.health.v1.Health/Check")
    require(yaml.safe_load(said) == {"status": "SERVING"}, said)
    daemon.stop()
    return "SERVING"


def workers_apart(bench: Bench) -> str:
    """A worker's pod beside the server's, each with its own files of the rendered secrets; the job is not computed in the server's."""
    documents = render(CHART / "ci/workers-values.yaml")
    folder, ready = bench.folder / "apart", bench.folder / "ready.json"
    given = environment(folder, documents) | {"SLICEFLOWD_AUTHENTICATION": "none", "SLICEFLOWD_INSECURE": "true"}
    (folder / "var/lib/sliceflow").mkdir(parents=True)
    daemon = Served([SLICEFLOWD, "--ready-file", ready], ready, bench.folder / "daemon.log", env=given)
    bench.stack.callback(daemon.kill)
    spec = of_kind(documents, "Deployment")[0]["spec"]["template"]["spec"]
    lay(bench.folder / "worker", documents, spec)
    node = "flows-sliceflow-workers-5d9f7-x2abc"
    words = [word.replace("$(NODE)", node).replace("=/", f"={bench.folder}/worker/") for word in spec["containers"][0]["args"]]
    # The name is one of the cluster; the certificate is asked for the same.
    words = [f"--connect={daemon.workers}" if word.startswith("--connect=") else word for word in words]
    require("--device=cuda:0" in words, f"a pod with a GPU is told of none: {words}")
    words.remove("--device=cuda:0")  # there is none here
    log = open(bench.folder / "worker.log", "wb")
    bench.stack.callback(log.close)
    worker = subprocess.Popen([BUILD / "bin/sliceflow-worker", *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    bench.stack.callback(lambda: (worker.kill(), worker.wait(DEADLINE)))
    server = f"localhost:{daemon.grpc.rsplit(':', 1)[1]}"
    cli = [SLICEFLOW, "--tls-ca", folder / "etc/sliceflow/tls/tls.crt"]
    name = run_job(cli, server)
    told = run(*cli, "--server", server, "info")
    require(f"{node}/cpu" in told, f"the worker is no device:\n{told}")
    worker.terminate()
    require(worker.wait(DEADLINE) == 0, f"the worker did not end as it should:\n{(bench.folder / 'worker.log').read_text()}")
    daemon.stop()
    return f"{name} succeeded on {node}/cpu"


STEPS = [
    Step("pod, ports", "variables and ports of the rendered pods compared", ports),
    Step("pod, settings", "the rendered settings given to `sliceflowd config check`", settings),
    Step("pod, start", "the daemon with the variables and files of the rendered pod", serve),
    Step("pod, probes", "the paths of the rendered probes asked", probes),
    Step("pod, in use", "a token by the command of the chart's notes, a job over TLS", use),
    Step("pod, workers apart", "a worker with the arguments and files of its rendered pod computes a job for the daemon", workers_apart),
    Step("pod, probe by gRPC", "without TLS, `grpc.health.v1` asked", grpc_probe),
]
