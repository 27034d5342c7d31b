"""Steps in TensorBoard and in Weights & Biases, read back by what those programs read with."""

import json
import os
import subprocess
import sys

import pytest
import sliceflow as sf
from conftest import PATIENCE, small
from sliceflow.mirrors import TensorBoardMirror, scalars


@pytest.fixture(scope="module")
def steps(daemon):
    with sf.Client(daemon.address) as client:
        return client.submit(small(output=sf.Output(metrics=[sf.Metric.moments()]))).result(timeout=PATIENCE).steps


def test_figures_have_names_to_group_them_by(steps):
    figures = scalars(steps[2])
    assert figures["energy"] == steps[2].energy and figures["terms/1"] == steps[2].term_energies[1]
    assert figures["metrics/second_moment"] == float(steps[2].metrics["second_moment"])
    assert "energy_inequality_slack" in figures and "energy_inequality_slack" not in scalars(steps[0])


def test_tensorboard_shows_every_step(steps, tmp_path):
    with TensorBoardMirror(tmp_path / "run") as mirror:
        for step in steps:
            mirror.add(step)
    # In a process of its own: TensorBoard's reader warns of its own dependencies.
    program = """
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={"tensors": 0}).Reload()
tags = events.Tags()["tensors"]
read = {tag: [[e.step, e.wall_time, float(e.tensor_proto.float_val[0])] for e in events.Tensors(tag)] for tag in tags}
print(json.dumps(read))
"""
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, tmp_path / "run"], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    read = json.loads(answer.stdout.splitlines()[-1])
    assert set(read) == set(scalars(steps[1]))
    assert [(step, wall_time) for step, wall_time, _ in read["energy"]] == [
        (step.step, pytest.approx(step.time.timestamp())) for step in steps
    ]
    assert [value for _, _, value in read["energy"]] == pytest.approx([step.energy for step in steps], rel=1e-6)  # kept as float32
    assert [value for _, _, value in read["metrics/second_moment"]] == pytest.approx(
        [float(step.metrics["second_moment"]) for step in steps], rel=1e-6
    )


def test_wandb_keeps_every_step(daemon, tmp_path):
    """A run without a network, in a process of its own, whose file holds every figure."""
    program = """
import sys
import wandb
import sliceflow as sf
from sliceflow.mirrors import WandbMirror
run = wandb.init(mode="offline", dir=sys.argv[2], project="sliceflow")
mirror = WandbMirror(run)
with sf.Client(sys.argv[1]) as client:
    spec = sf.FlowSpec(2, sf.Potential.quadratic(), sf.Schedule(0.1, num_steps=3), model=sf.Model.particles(count=50))
    for step in client.submit(spec).watch():
        mirror.add(step)
        print("energy", step.step, step.energy)
run.finish()
"""
    environment = {**os.environ, "WANDB_SILENT": "true", "WANDB_CONSOLE": "off"}
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, daemon.address, tmp_path],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert answer.returncode == 0, answer.stderr
    lines = [line.split() for line in answer.stdout.splitlines() if line.startswith("energy ")]
    energies = {int(step): float(energy) for _, step, energy in lines}
    assert list(energies) == [0, 1, 2, 3]
    kept = next(tmp_path.glob("wandb/offline-run-*/run-*.wandb")).read_bytes()
    assert b"energy_inequality_slack" in kept
    assert all(str(energy).encode() in kept for energy in energies.values())
