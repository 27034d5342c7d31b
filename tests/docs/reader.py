"""A reader who does what a page says, block by block, in an empty folder that looks like a checkout, against a real daemon."""

import ast
import asyncio
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import yaml
from daemon import Daemon, binary, free_port
from pages import ROOT, Block

DEADLINE = 600  # seconds for one block; only a hang reaches it
SERVES = re.compile(r"^\s*(?:build/bin/)?sliceflowd (?!token|backup|restore|check|config|--help|--version)", re.MULTILINE)
# What a fragment of a job file stands in.
JOB = {
    "dimension": 2,
    "functional": {"terms": [{"potential": {"quadratic": {}}}, {"entropy": {}}]},
    "schedule": {"stepSize": 0.1, "numSteps": 2},
}
SPEC = {*JOB, "initial", "solver", "model", "output", "seed", "limits", "device", "priority"}
# Stands for sliceflowd: what would go on for ever is left behind, ready, and its process noted.
SHIM = """#!/bin/bash
case ${{1:-}} in token|backup|restore|check|config|--help|--version) exec {program} "$@" ;; esac
ready={folder}/ready.$$
{program} "$@" --ready-file "$ready" --threads 1 >> {folder}/daemon.log 2>&1 < /dev/null &
echo $! >> {folder}/pids
for _ in $(seq 600); do [[ -f $ready ]] && exit 0; kill -0 $! 2>/dev/null || break; sleep 0.05; done
cat {folder}/daemon.log >&2; exit 1
"""
NEWEST_JOB = """#!/bin/bash
sliceflow list --limit 1 --json | sed -n 's/.*"name": *"\\(jobs[^"]*\\)".*/\\1/p' | head -n 1
"""


class Reader:
    def __init__(self, folder: pathlib.Path, blocks: list[Block]):
        self.page = folder / "page"
        self.hidden = folder / "hidden"
        self.page.mkdir()
        self.hidden.mkdir()
        serves = any(SERVES.search(text) for block in blocks for text in (block.text, *block.before))
        # A page that starts no server has one already.
        self.server = None if serves else Daemon(self.hidden)
        self.grpc = self.server.address if self.server else f"127.0.0.1:{free_port()}"
        self.http = f"127.0.0.1:{free_port()}"
        self.names: dict[str, object] = {}
        for name in ("client", "deploy", "docs", "examples", "proto", "scripts"):
            (self.page / name).symlink_to(ROOT / name)
        shim = self.hidden / "sliceflowd"
        shim.write_text(SHIM.format(program=binary("sliceflowd"), folder=self.hidden))
        shim.chmod(0o755)
        newest = self.hidden / "newest-job"
        newest.write_text(NEWEST_JOB)
        newest.chmod(0o755)
        (self.hidden / "sliceflow").symlink_to(binary("sliceflow"))
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("SLICEFLOW")}
        self.environment |= {
            "PATH": f"{self.hidden}:{pathlib.Path(sys.executable).parent}:{self.environment['PATH']}",
            "HOME": str(folder),
            "NO_COLOR": "1",
            "SLICEFLOW_SERVER": self.grpc,
        }
        for block in blocks:
            if block.file:
                (self.page / block.file).parent.mkdir(parents=True, exist_ok=True)
                (self.page / block.file).write_text(self.as_here(block.text), encoding="utf-8")

    def as_here(self, text: str) -> str:
        """Ports are free ones here, programs those under test, jobs/ID the newest job, and a token the one that the page has made."""
        port = self.grpc.rpartition(":")[2]
        for written, meant in {
            "127.0.0.1:50051": self.grpc,
            "0.0.0.0:50051": f"0.0.0.0:{port}",
            "host:50051": f"localhost:{port}",
            "127.0.0.1:8080": self.http,
            "build/bin/sliceflow": "sliceflow",
            "sft_…": "$token",
            "jobs/ID": "$(newest-job)",
        }.items():
            text = text.replace(written, meant)
        return text

    def run(self, script: str, code: int = 0) -> str:
        """In bash; what it sets and where it goes stays for the next."""
        saved = self.hidden / "variables"
        head = f"set -euo pipefail; cd {self.page}; set -a; [[ ! -f {saved} ]] || source {saved}\ntrap 'code=$?; export -p > {saved}; exit $code' EXIT\n"
        done = subprocess.run(
            ["bash", "-c", head + script], env=self.environment, cwd=self.page, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=DEADLINE, check=False,
        )
        assert done.returncode == code, f"ended with {done.returncode}, not {code}:\n{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr if code else done.stdout

    def follow(self, block: Block) -> None:
        for command in block.before:
            self.run(self.as_here(command))
        if block.language == "console":
            self.compare(block)
        elif block.language in ("sh", "bash"):
            self.run(self.as_here(block.text), block.ends)
        elif block.language == "python" and not block.file:
            self.python(block)

    def compare(self, block: Block) -> None:
        """Lines after `$ ` are commands, the others what they print; `...` stands for anything."""
        for piece in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, _, expected = piece.partition("\n")
            printed = self.run(self.as_here(command), block.ends)
            pattern = ".*?".join(re.escape(part) for part in expected.strip().split("..."))
            assert re.fullmatch(pattern, printed.strip(), re.DOTALL), f"{command} printed\n{printed}\nnot\n{expected}"

    def python(self, block: Block) -> None:
        """In this process, as one session or notebook a page; a cell may await."""
        source = "\n" * (block.line - 1) + self.as_here(block.text)
        waits = eval(compile(source, ROOT / block.page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), self.names)
        if waits is not None:
            asyncio.run(waits)

    def check_yaml(self, block: Block, commands: str) -> None:
        """A job file or a part of one, settings of a daemon, or a file that a command of the page takes."""
        content = yaml.safe_load(block.text)
        if block.file and re.search(rf"(?<![\w/]){re.escape(block.file)}\b", commands):
            return
        if "spec" in content:
            self.validate(content)
        elif content.keys() <= SPEC:
            self.validate({"spec": {**JOB, **content}})
        else:
            settings = self.page / "settings.yaml"
            settings.write_text(block.text.replace("/var/lib/", f"{self.page}/"), encoding="utf-8")
            self.run("sliceflowd config check --config settings.yaml")

    def validate(self, job: dict) -> None:
        (self.page / "validated.json").write_text(json.dumps(job))
        self.run("sliceflow validate validated.json")

    def leave(self) -> None:
        """Ends its daemons."""
        if self.server:
            self.server.stop()
        noted = self.hidden / "pids"
        for pid in map(int, noted.read_text().split() if noted.exists() else []):
            try:
                os.kill(pid, signal.SIGTERM)
                give_up = time.monotonic() + 30
                while time.monotonic() < give_up:
                    os.kill(pid, 0)
                    time.sleep(0.02)
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
