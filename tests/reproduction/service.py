"""A server of the suite's own, spoken to through the command line as any user would."""

import json
import os
import pathlib
import shutil
import subprocess
import time

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = ROOT / "build/bin"


class Refused(Exception):
    """What the server, or the program before it, said no to."""


class JobFailed(Exception):
    """A job that did not end as SUCCEEDED."""


def value_of(message: dict, name: str) -> float:
    """A number of the contract's JSON, where 0 is left out and what is not finite is text."""
    return float(message.get(name, 0.0))


class FinishedJob:
    """Name, specification and step reports of a job that succeeded; `processor_seconds` is what the workers took, all threads together."""

    def __init__(self, name: str, spec: dict, reports: list[dict], processor_seconds: float):
        self.name, self.spec, self.reports, self.processor_seconds = name, spec, reports, processor_seconds

    @property
    def seconds(self) -> float:
        return sum(value_of(report, "seconds") for report in self.reports)

    def step_at(self, time_reached: float) -> int:
        """The step whose Wasserstein time is nearest."""
        return min(self.reports, key=lambda report: abs(value_of(report, "wassersteinTime") - time_reached)).get("step", 0)

    def metric(self, name: str, step: int = -1) -> float:
        return self.metrics(name)[step]

    def metrics(self, name: str) -> list[float]:
        return [value_of(next((m for m in report.get("metrics", []) if m["name"] == name), {"value": "NaN"}), "value") for report in self.reports]

    def series(self, name: str) -> list[float]:
        return [value_of(report, name) for report in self.reports]


class Server:
    """A sliceflowd on a free loopback port, with an empty data folder below `folder`."""

    def __init__(self, folder: pathlib.Path, threads: int):
        self.folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.uploaded: set[str] = set()
        ready = folder / "ready.json"
        self.log = open(folder / "server.log", "wb")
        # A session of its own: Ctrl-C reaches the suite, which then stops the server in order.
        self.process = subprocess.Popen(
            [BIN / "sliceflowd", "--data-dir", folder / "state", "--listen", "127.0.0.1:0", "--ready-file", ready, "--threads", str(threads)],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)
        give_up = time.monotonic() + 60
        while not ready.exists():
            if self.process.poll() is not None or time.monotonic() > give_up:
                self.stop()
                raise RuntimeError(f"the server did not start:\n{(folder / 'server.log').read_text(errors='replace')}")
            time.sleep(0.02)
        self.environment = {**os.environ, "SLICEFLOW_SERVER": json.loads(ready.read_text())["grpc"]}
        self.info = self.cli("info")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder / "state", ignore_errors=True)

    def cli(self, *arguments) -> dict:
        """What a command answers, as JSON."""
        result = subprocess.run([BIN / "sliceflow", *map(str, arguments), "--json"], env=self.environment, capture_output=True, text=True,
                                check=False)
        if result.returncode != 0:
            raise Refused(f"sliceflow {' '.join(map(str, arguments))}: {result.stderr.strip()}")
        return json.loads(result.stdout) if result.stdout.strip() else {}

    def unknown_kinds(self, job: dict) -> list[str]:
        """Kinds of the job that this server does not have."""
        spec = job["spec"]
        missing = []
        for group, field in (("solvers", "solver"), ("models", "model")):
            known = {kind["name"] for kind in self.info[group]}
            missing += [f"{field} {name}" for name in spec.get(field, {}) if name not in known]
        return missing

    def write(self, content: dict, name: str) -> pathlib.Path:
        path = self.folder / name
        path.write_text(yaml.safe_dump(content, allow_unicode=True))
        return path

    def upload(self, path: pathlib.Path, dataset: str, *options) -> None:
        if dataset in self.uploaded:
            return
        self.cli("upload", path, "--id", dataset, *options)
        self.uploaded.add(dataset)

    def processor_seconds(self) -> float:
        """What the server's workers have taken until now."""
        ticks = 0
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rsplit(")", 1)[1].split()
            except OSError:  # it has ended
                continue
            if int(fields[1]) == self.process.pid:
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def run(self, job: dict, progress, samples: pathlib.Path | None = None) -> FinishedJob:
        """Submits a job and follows it to its end; `progress` is called with each event's line of text."""
        before = self.processor_seconds()
        name = self.cli("submit", self.write(job, "job.yaml"))["name"]
        keep = ["--save-samples", str(samples)] if samples else []
        watch = subprocess.Popen([BIN / "sliceflow", "watch", name, "--json", *keep], env=self.environment, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True)
        reports = []
        try:
            for line in watch.stdout:
                event = json.loads(line).get("event", {})
                if "stepCompleted" in event:
                    reports.append(event["stepCompleted"]["report"])
                    progress(f"step {len(reports) - 1}")
                elif "innerProgress" in event:
                    progress(f"step {len(reports)}")
            watch.wait()
        finally:
            watch.stdout.close()
            if watch.poll() is None:
                watch.terminate()
                watch.wait()
        final = self.cli("get", name)
        if final.get("state") != "SUCCEEDED":
            raise JobFailed(f"{name} ended as {final.get('state')}: {final.get('error', {}).get('message', watch.stderr.read())}")
        return FinishedJob(name, final["spec"], reports, self.processor_seconds() - before)

    def distance(self, first: str | dict, second: str | dict, kind: str, samples: int, *options) -> float:
        """ComputeDistance; a dict is a known law as job files write it; options as of the command."""
        sides = [self.write(side, f"law_{at}.yaml") if isinstance(side, dict) else side for at, side in enumerate((first, second))]
        return value_of(self.cli("distance", *sides, "--kind", kind, "--samples", samples, *options), "value")

    def delete(self, job: FinishedJob) -> None:
        self.cli("delete", job.name)
