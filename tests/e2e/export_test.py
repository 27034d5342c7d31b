"""Exported models, used without sliceflow: by torch.jit.load, and from safetensors by numpy alone.

Usage: torch_without_cuda.py export_test.py FOLDER_OF_BINARIES
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

import numpy as np
import torch
import yaml
from safetensors import safe_open

BIN = pathlib.Path(sys.argv[1]).resolve()
DEADLINE = 100  # seconds for one command; only a hang reaches it
SEED = 5
# What differs are orders of summation in float32: see tests/unit/engine/export_test.cpp.
TOLERANCE = {"rtol": 1e-4, "atol": 1e-4}

JOB = {
    "spec": {
        "dimension": 3,
        "initial": {"gaussian": {"mean": [1, 0, -1]}},
        "functional": {"terms": [{"potential": {"quadratic": {"center": [1, 0, 2]}}}, {"entropy": {}}]},
        "solver": {"swJko": {"innerIterations": 10, "numProjections": 20, "batchSize": 64, "maxAttempts": 1}},
        "model": {"realNvp": {"couplings": 3, "hiddenWidth": 16}},
        "schedule": {"stepSize": 0.1, "numSteps": 2},
        "seed": 7,
    }
}


def split_mix(x):
    x = (x + 0x9E3779B97F4A7C15) % 2**64
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
    return x ^ (x >> 31)


def seed_as_the_server():
    """So that what torch draws next is what the server drew its first 1024 samples of SEED from (server/engine/random.h)."""
    torch.manual_seed(split_mix(split_mix(split_mix(split_mix(SEED) ^ 7))))


class NumpyRealNvp:
    """From a safetensors file, and nothing else."""

    def __init__(self, path):
        with safe_open(path, framework="numpy") as file:
            self.description = json.loads(file.metadata()["sliceflow"])
            self.tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        self.dimension = self.description["dimension"]

    def forward(self, z):
        t = self.tensors
        u = (z - t["mean"]) / t["deviation"]
        log_determinant = np.zeros(len(z))
        for i in range(self.description["model"]["realNvp"]["couplings"]):
            # Couplings and linear layers in turn; the first coupling keeps the first half.
            at = lambda name, layer=2 * i: t[f"layer_{layer}.{name}"]  # noqa: E731
            half = self.dimension // 2 if i % 2 == 0 else self.dimension - self.dimension // 2
            kept, moved = (u[:, :half], u[:, half:]) if i % 2 == 0 else (u[:, self.dimension - half:], u[:, : self.dimension - half])
            hidden = np.tanh(np.tanh(kept @ at("weight_1").T + at("bias_1")) @ at("weight_2").T + at("bias_2"))
            scale, shift = np.split(hidden @ at("weight_3").T + at("bias_3"), 2, axis=1)
            scale = 2 * np.tanh(scale / 2)
            moved = moved * np.exp(scale) + shift
            u = np.hstack([kept, moved] if i % 2 == 0 else [moved, kept])
            packed = t[f"layer_{2 * i + 1}.packed"]
            lower, upper = np.tril(packed, -1) + np.eye(self.dimension), np.triu(packed, 1) + np.diag(np.exp(np.diag(packed)))
            u = u @ (lower @ upper).T + t[f"layer_{2 * i + 1}.shift"]
            log_determinant += scale.sum(1) + np.trace(packed)
        return u * t["deviation"] + t["mean"], log_determinant


class ExportTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory(prefix="sliceflow-e2e-")
        cls.addClassCleanup(holder.cleanup)
        cls.folder = pathlib.Path(holder.name)
        # What torch was loaded with is nothing for the programs.
        own = {name: value for name, value in os.environ.items() if name not in ("LD_LIBRARY_PATH", "LD_PRELOAD")}
        ready = cls.folder / "ready.json"
        with open(cls.folder / "server.log", "wb") as log:
            server = subprocess.Popen(
                [BIN / "sliceflowd", "--data-dir", cls.folder / "state", "--listen", "127.0.0.1:0", "--ready-file", ready],
                env=own, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        cls.addClassCleanup(server.wait, 30)
        cls.addClassCleanup(server.terminate)
        give_up = time.monotonic() + 60
        while not ready.exists() and server.poll() is None and time.monotonic() < give_up:
            time.sleep(0.02)
        cls.environment = {**own, "SLICEFLOW_SERVER": json.loads(ready.read_text())["grpc"]}
        (cls.folder / "job.yaml").write_text(yaml.safe_dump(JOB))
        cls.job = cls.cli("submit", "job.yaml").stdout.strip()
        cls.cli("watch", cls.job)
        cls.cli("sample", cls.job, "--count", 200, "--seed", SEED, "--output", "x.npy")
        cls.cli("density", cls.job, "--points", "x.npy", "--output", "density.npy")
        cls.x, cls.density = np.load(cls.folder / "x.npy"), np.load(cls.folder / "density.npy")

    @classmethod
    def cli(cls, *arguments, code=0):
        result = subprocess.run([BIN / "sliceflow", *map(str, arguments)], env=cls.environment, capture_output=True, text=True,
                                timeout=DEADLINE, cwd=cls.folder, check=False)
        if result.returncode != code:
            raise AssertionError(f"{arguments}: exit code {result.returncode}, not {code}\n{result.stdout}\n{result.stderr}")
        return result

    def test_torch_draws_and_evaluates_what_the_server_does(self):
        self.cli("export", self.job, "--output", "model.pt")
        extra = {"sliceflow.json": ""}
        module = torch.jit.load(self.folder / "model.pt", _extra_files=extra)
        self.assertEqual(json.loads(extra["sliceflow.json"])["job"], self.job)
        seed_as_the_server()
        x = module.sample(1024)[:200]
        np.testing.assert_allclose(x.numpy(), self.x, **TOLERANCE)
        np.testing.assert_allclose(module.log_density(torch.from_numpy(self.x)).numpy(), self.density, **TOLERANCE)
        # A module like any other, with gradients where they are asked for.
        for parameter in module.eval().parameters():
            self.assertFalse(parameter.requires_grad)
            parameter.requires_grad_(True)
        module(torch.zeros(2, 3) + 0.1).sum().backward()
        self.assertTrue(all(p.grad is not None for name, p in module.named_parameters() if name.startswith("layer_")))

    def test_numpy_makes_the_same_samples_of_a_safetensors_file(self):
        self.cli("export", self.job, "--format", "safetensors", "--output", "model.safetensors")
        self.cli("export", self.job, "--output", "latent.pt")
        model = NumpyRealNvp(self.folder / "model.safetensors")
        seed_as_the_server()
        z = torch.jit.load(self.folder / "latent.pt").latent(1024)[:200].numpy()
        x, log_determinant = model.forward(z)
        np.testing.assert_allclose(x, self.x, **TOLERANCE)
        # The base is the standard Gaussian about the mean.
        white = (z - model.tensors["base.mean"][0]) @ model.tensors["base.whitening"][0].T
        base = model.tensors["base.log_factor"][0] - 0.5 * (white**2).sum(1)
        np.testing.assert_allclose(base - log_determinant, self.density, **TOLERANCE)
        description = model.description
        self.assertEqual((description["step"], description["seed"], description["dimension"]), (2, "7", 3))
        self.assertEqual(description["model"], {"realNvp": {"couplings": 3, "hiddenWidth": 16, "learnedLinear": True}})
        self.assertAlmostEqual(description["wassersteinTime"], 0.2)

    def test_a_file_that_is_there_stays_unless_told(self):
        path = self.folder / "kept.pt"
        path.write_text("mine")
        refused = self.cli("export", self.job, "--output", "kept.pt", code=2)
        self.assertIn("--overwrite", refused.stderr)
        self.assertEqual(path.read_text(), "mine")
        self.cli("export", self.job, "--step", 1, "--output", "kept.pt", "--overwrite")
        torch.jit.load(path)

    def test_what_is_not_there_is_refused_and_leaves_no_file(self):
        self.cli("export", self.job, "--step", 40, "--output", "none.pt", code=4)
        self.cli("export", "jobs/nobody", "--output", "none.pt", code=4)
        self.cli("export", self.job, "--output", "no/folder/none.pt", code=2)
        self.assertFalse((self.folder / "none.pt").exists())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
