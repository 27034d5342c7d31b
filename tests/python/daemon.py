"""A real daemon with its workers, on this machine and for one test or many."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import time

DEADLINE = 120  # seconds; only a hang reaches it


def binary(name: str) -> pathlib.Path:
    """A program of the build that SLICEFLOW_BIN names, build/bin of this checkout by default."""
    folder = os.environ.get("SLICEFLOW_BIN") or pathlib.Path(__file__).resolve().parents[2] / "build" / "bin"
    path = pathlib.Path(folder, name).resolve()
    if not path.exists():
        raise FileNotFoundError(f"{path}: build it, or name the folder of the programs in SLICEFLOW_BIN")
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Daemon:
    """sliceflowd on a data folder; started again, it keeps its address."""

    def __init__(self, folder: pathlib.Path, *flags: str):
        self.folder = folder
        self.address = f"127.0.0.1:{free_port()}"
        self._flags = flags
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def data(self) -> pathlib.Path:
        return self.folder / "data"

    def start(self) -> None:
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        with open(self.folder / "daemon.log", "ab") as log:
            self._process = subprocess.Popen(
                [
                    binary("sliceflowd"),
                    "--data-dir",
                    self.data,
                    "--listen",
                    self.address,
                    "--ready-file",
                    ready,
                    "--threads",
                    "1",
                    *self._flags,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        give_up = time.monotonic() + DEADLINE
        while not ready.exists():
            if self._process.poll() is not None or time.monotonic() > give_up:
                self.kill()
                raise RuntimeError("the daemon did not start:\n" + (self.folder / "daemon.log").read_text(errors="replace"))
            time.sleep(0.01)
        assert json.loads(ready.read_text())["grpc"] == self.address

    def token(self, *flags: str) -> str:
        """A new token."""
        command = [binary("sliceflowd"), "token", "create", "--data-dir", self.data, "--expires", "1h", *flags]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=DEADLINE).stdout.strip()

    def kill(self) -> None:
        """SIGKILL, as a power cut would end it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.kill()
