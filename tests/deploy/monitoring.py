"""Prometheus with the settings of deploy/compose scrapes a real daemon, and every query of the Grafana dashboard returns data."""

import json
import math
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path

import yaml
from served import Served, run_job
from steps import BUILD, DEADLINE, ROOT, Bench, Step, require, run

COMPOSE = ROOT / "deploy" / "compose"
DASHBOARD = COMPOSE / "grafana/dashboards/sliceflow.json"
SECONDS = 1  # between two scrapes, where an installation has ten
# What Grafana puts in the place of its variables: all servers, and four scrapes at least.
VARIABLES = {"$instance": ".*", "$__rate_interval": f"{4 * SECONDS}s"}


def checked(bench: Bench) -> str:
    said = run("promtool", "check", "config", COMPOSE / "prometheus/prometheus.yml")
    return said.strip().splitlines()[-1].strip()


def serve(bench: Bench) -> str:
    """With the certificate that make-secrets makes, and tokens, as in the compose file."""
    made = shutil.copytree(COMPOSE, bench.folder / "compose", ignore=shutil.ignore_patterns("secrets"))
    run(made / "make-secrets")
    secrets, data, ready = made / "secrets", bench.folder / "data", bench.folder / "ready.json"
    flags = ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--authentication", "tokens", "--threads", "1"]
    flags += ["--tls-cert", secrets / "tls.crt", "--tls-key", secrets / "tls.key", "--ready-file", ready]
    daemon = Served([BUILD / "bin/sliceflowd", "--data-dir", data, *flags], ready, bench.folder / "daemon.log")
    bench.stack.callback(daemon.kill)
    token = bench.folder / "token"
    said = run(BUILD / "bin/sliceflowd", "token", "create", "--data-dir", data, "--expires", "1h", "--owner", "ada")
    token.write_text(next(word for word in said.split() if word.startswith("sft_")))
    bench.made |= {"daemon": daemon, "cli": [BUILD / "bin/sliceflow", "--tls-ca", secrets / "tls.crt", "--token-file", token]}
    return "TLS with the certificate that make-secrets made, a token"


def ask(bench: Bench, path: str, **query: object) -> object:
    address = f"http://{bench.made['prometheus']}/api/v1/{path}?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(address, timeout=30) as answer:
        return json.load(answer)["data"]


def wait_for(what: str, found: object) -> None:
    give_up = time.monotonic() + DEADLINE
    while not found():
        require(time.monotonic() < give_up, f"there never was {what}")
        time.sleep(0.2)


def scrape(bench: Bench) -> str:
    settings = yaml.safe_load((COMPOSE / "prometheus/prometheus.yml").read_text())
    settings["global"] = {"scrape_interval": f"{SECONDS}s", "evaluation_interval": f"{SECONDS}s"}
    settings["scrape_configs"][0]["static_configs"] = [{"targets": [bench.made["daemon"].http]}]
    folder = bench.folder / "prometheus"
    shutil.copytree(COMPOSE / "prometheus", folder)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = bench.made["prometheus"] = f"127.0.0.1:{probe.getsockname()[1]}"
    with open(bench.folder / "prometheus.log", "wb") as log:
        command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data", f"--web.listen-address={address}"]
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    bench.stack.callback(server.wait, DEADLINE)
    bench.stack.callback(server.terminate)

    def serves() -> bool:
        require(server.poll() is None, (bench.folder / "prometheus.log").read_text())
        try:
            return bool(ask(bench, "query", query="sliceflow_info")["result"])
        except OSError:
            return False

    bench.made["start"] = time.time()
    wait_for("a scrape", serves)
    return str(ask(bench, "query", query="sliceflow_info")["result"][0]["metric"]["version"])


def use(bench: Bench) -> str:
    """What a server lives through: jobs, a call that is refused, a worker that is killed."""
    daemon, cli = bench.made["daemon"], bench.made["cli"]
    first = run_job(cli, daemon.grpc)
    run(*cli, "--server", daemon.grpc, "get", "jobs/missing", expect=None)
    workers = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()
    for task in Path(f"/proc/{daemon.pid}/task").iterdir():
        workers += (task / "children").read_text().split()
    require(workers, "the daemon has no workers")
    for worker in set(workers):
        os.kill(int(worker), signal.SIGKILL)
    wait_for("a restart of a worker", lambda: ask(bench, "query", query="sum(sliceflow_worker_restarts_total) > 0")["result"])
    second = run_job(cli, daemon.grpc)
    # Until the rate of what the second job did lies between two moments that are asked for.
    wait_for("a rate of steps", lambda: ask(bench, "query", query="rate(sliceflow_step_seconds_count[4s] offset 2s) > 0")["result"])
    return f"{first} and {second} succeeded, {len(set(workers))} workers killed"


def targets() -> list[tuple[str, str, bool]]:
    """Of every query of the dashboard its panel, the query with its variables filled in, and whether only its last value is shown."""
    found = []
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            query = target["expr"]
            for variable, value in VARIABLES.items():
                query = query.replace(variable, value)
            require("$" not in query, f"{panel['title']}: {query} has another variable")
            found.append((panel["title"], query, target.get("instant", False)))
    return found


def queries(bench: Bench) -> str:
    panels = set()
    for panel, query, instant in targets():
        if instant:
            values = [series["value"] for series in ask(bench, "query", query=query)["result"]]
        else:
            result = ask(bench, "query_range", query=query, start=bench.made["start"], end=time.time(), step=SECONDS)["result"]
            values = [value for series in result for value in series["values"]]
        require(any(math.isfinite(float(value)) for _, value in values), f"{panel}: {query} returns nothing")
        panels.add(panel)
    return f"{len(targets())} queries of {len(panels)} panels return data"


def alerts(bench: Bench) -> str:
    def rules() -> list[dict]:
        return [rule for group in ask(bench, "rules")["groups"] for rule in group["rules"]]

    wait_for("an evaluation of every rule", lambda: all(rule["health"] != "unknown" for rule in rules()))
    for rule in rules():
        require(rule["health"] == "ok" and rule["state"] == "inactive", f"{rule['name']}: {rule['health']}, {rule['state']}")
    ended = bench.made["daemon"].stop()
    wait_for("an alert of the stopped server", lambda: ask(bench, "query", query='ALERTS{alertname="SliceflowDown"}')["result"])
    return f"{len(rules())} rules, none alerts while the server runs; SliceflowDown does after its stop ({ended:.1f} s)"


STEPS = [
    Step("Prometheus, settings", "`promtool check config`", checked),
    Step("server for Prometheus", "the daemon with the secrets of `deploy/compose/make-secrets`", serve),
    Step("Prometheus, scraping", "Debian's Prometheus with the settings of the compose file", scrape),
    Step("server in use", "two jobs, a refused call, a killed worker", use),
    Step("Grafana dashboard", "every panel's query sent to Prometheus, which must return finite values", queries),
    Step("alerts", "every rule evaluated, then the server stopped", alerts),
]
