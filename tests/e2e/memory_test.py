"""The memory that every example is thought to take, beside what it takes.

Usage: memory_test.py FOLDER_OF_BINARIES
"""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

import numpy as np
import yaml

BIN = pathlib.Path(sys.argv[1]).resolve()
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DEADLINE = 100  # seconds for one command; only a hang reaches it
MIB = 1 << 20
# An estimate is at most FACTOR times what is taken, beside the 32 MiB that server/jobs/memory_estimate.h allows every job, and a little for
# jobs that take next to nothing.
FACTOR = 4
ALLOWANCE = 40 * MIB
# An example's size is what the estimate is about; iterations change nothing and a small table will do.
DATA = {
    "digits": lambda rng: rng.random((400, 64), dtype=np.float32),
    "mnist": lambda rng: rng.random((2000, 28, 28), dtype=np.float32),
    "points": lambda rng: rng.normal(size=(4000, 2)).astype(np.float32),
    "barenblatt": lambda rng: rng.normal(size=(4000, 2)).astype(np.float32),
}


class MemoryTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="sliceflow-e2e-")
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)

    @contextlib.contextmanager
    def server(self):
        """A server with a worker that has computed nothing yet: what an allocator keeps of earlier jobs would count for the next."""
        ready = self.folder / "ready.json"
        with open(self.folder / "server.log", "ab") as log:
            server = subprocess.Popen(
                [BIN / "sliceflowd", "--data-dir", self.folder / "state", "--listen", "127.0.0.1:0", "--ready-file", ready],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            give_up = time.monotonic() + 60
            while not ready.exists() and server.poll() is None and time.monotonic() < give_up:
                time.sleep(0.02)
            self.environment = {**os.environ, "SLICEFLOW_SERVER": json.loads(ready.read_text())["grpc"]}
            yield
        finally:
            server.terminate()
            server.wait(30)

    def cli(self, *arguments):
        result = subprocess.run([BIN / "sliceflow", *map(str, arguments)], env=self.environment, capture_output=True, text=True,
                                timeout=DEADLINE, cwd=self.folder, check=False)
        self.assertEqual(result.returncode, 0, f"{arguments}\n{result.stdout}\n{result.stderr}")
        return result.stdout

    def run_one_step(self, job):
        """The memory of a job, as the server tells it, with as few iterations as there can be."""
        spec = job["spec"]
        for options in spec.setdefault("solver", {"swJko": {}}).values():
            options["innerIterations"] = 2
            if "maxAttempts" in options:
                options["maxAttempts"] = 1
        if "latentFlow" in spec.get("model", {}):
            spec["model"]["latentFlow"]["trainingIterations"] = 3
        schedule = spec["schedule"]
        schedule.pop("endTime", None)
        schedule["numSteps"] = 1
        path = self.folder / "job.yaml"
        path.write_text(yaml.safe_dump(job, allow_unicode=True))
        name = self.cli("submit", path).strip()
        self.cli("watch", name)
        memory = json.loads(self.cli("get", "--json", name))["memory"]
        return int(memory["estimatedBytes"]), int(memory.get("peakBytes", 0))

    def test_no_example_takes_more_than_its_estimate_nor_far_less(self):
        rng = np.random.default_rng(5)
        table = rng.normal(size=(768, 9))
        table[:, -1] = np.sign(table[:, 0])
        np.savetxt(self.folder / "diabetis.csv", table, delimiter=",", fmt="%.5g")
        with self.server():
            self.cli("upload", "diabetis.csv", "--id", "diabetis")
            for name, make in DATA.items():
                np.save(self.folder / f"{name}.npy", make(rng))
                self.cli("upload", f"{name}.npy", "--id", name)
        examples = sorted((ROOT / "examples").glob("*.yaml"))
        self.assertGreaterEqual(len(examples), 12)
        for path in examples:
            with self.subTest(path.name), self.server():
                estimate, peak = self.run_one_step(yaml.safe_load(path.read_text()))
                print(f"{path.stem:24} estimate {estimate / MIB:8.1f} MiB, peak {peak / MIB:8.1f} MiB", flush=True)
                self.assertGreater(peak, 0)
                self.assertGreaterEqual(estimate, peak)
                self.assertLessEqual(estimate, FACTOR * peak + ALLOWANCE)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
