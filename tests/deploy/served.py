"""A daemon that a step started, and what a user does with it."""

import json
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from steps import DEADLINE, JOB, Failure, require, run


class Served:
    """A running daemon: `command` starts it, `ready` is the ready file that it was told to write."""

    def __init__(self, command: Sequence[object], ready: Path, log: Path, **options: object):
        self.log = log
        ready.unlink(missing_ok=True)
        with open(log, "wb") as output:
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output, stderr=output, **options)
        give_up = time.monotonic() + DEADLINE
        while not ready.exists():
            if self.process.poll() is not None or time.monotonic() > give_up:
                self.kill()
                raise Failure("the daemon did not start:\n" + self.told())
            time.sleep(0.05)
        said = json.loads(ready.read_text())
        self.grpc, self.http, self.pid = said["grpc"], said["http"], said["pid"]
        self.workers: str | None = said.get("workers")

    def told(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self) -> float:
        """SIGTERM to what was started; answers the seconds that the end took."""
        start = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(DEADLINE)
        require(code == 0, f"after SIGTERM the daemon ended with {code}:\n{self.told()}")
        return time.monotonic() - start

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(DEADLINE)


def run_job(cli: Sequence[object], server: str, job: Path | str = JOB) -> str:
    """Submits a job with the command line and follows it to its success; answers its name."""
    name = json.loads(run(*cli, "--server", server, "submit", job, "--json"))["name"]
    run(*cli, "--server", server, "watch", name)
    state = json.loads(run(*cli, "--server", server, "get", name, "--json"))["state"]
    require(state == "SUCCEEDED", f"{name} ended {state}")
    return name
