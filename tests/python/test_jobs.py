"""Results, steering, forks, lists, and what a person sees while waiting."""

import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
import sliceflow as sf
from conftest import PATIENCE, slow, small
from sliceflow import errors


def test_a_result_has_all_steps_and_the_job_as_it_ended(client):
    job = client.submit(small())
    result = job.result(timeout=PATIENCE)
    assert (result.info.state, result.info.completed_steps, result.info.total_steps) == (sf.JobState.SUCCEEDED, 3, 3)
    assert result.samples.shape == (4, 50, 2) and result.samples.dtype == np.float32
    assert result.times == pytest.approx([0, 0.1, 0.2, 0.3])
    assert result.info.last_step.step == 3 and result.info.error is None
    assert result.info.create_time <= result.info.start_time <= result.info.end_time


def test_defaults_come_back_filled_in(done):
    assert done.info.spec.schedule == sf.Schedule(0.1, num_steps=3, clock="WASSERSTEIN")
    assert done.info.spec.initial == sf.Distribution.gaussian(mean=[0, 0], covariance=np.eye(2))
    assert (done.info.display_name, done.info.labels) == ("small <b>", {"kind": "test"})


def test_the_same_job_gives_the_same_bits(client):
    first, second = (client.submit(small()).result(timeout=PATIENCE).samples for _ in range(2))
    assert np.array_equal(first, second)


def test_a_request_id_makes_one_job(client):
    first, second = (client.submit(small(), request_id="one job") for _ in range(2))
    assert first.name == second.name


def test_a_job_is_paused_and_taken_up_again(client):
    job = client.submit(slow(num_steps=3))
    assert job.pause().state == sf.JobState.PAUSED
    assert job.pause().state == sf.JobState.PAUSED
    assert job.resume().state in (sf.JobState.QUEUED, sf.JobState.RUNNING)
    assert [step.step for step in job.watch(timeout=PATIENCE)] == [0, 1, 2, 3]


def test_a_cancelled_job_keeps_its_steps(client):
    job = client.submit(slow())
    with job.watch() as watch:
        assert next(watch).step == 0
        assert next(watch).step == 1
    assert job.cancel().state == sf.JobState.CANCELLED
    assert job.cancel().state == sf.JobState.CANCELLED
    history = job.history()
    assert len(history.steps) >= 2 and history.samples.shape[1:] == (50, 2)
    with pytest.raises(errors.JobCancelledError):
        job.result(timeout=PATIENCE)


def test_the_history_of_a_job_that_waits_is_empty(client):
    running, waiting = client.submit(slow()), client.submit(small())
    history = waiting.history()
    assert history.info.state == sf.JobState.QUEUED and history.steps == ()
    assert waiting.info.run_device == "" and ": QUEUED, " in repr(waiting)
    with running.watch() as watch:
        next(watch)
    assert running.refresh().run_device == "cpu" and ": RUNNING on cpu, " in repr(running)
    with pytest.raises(ValueError, match="has no steps"):
        _ = history.samples
    for job in (running, waiting):
        job.cancel()


def test_a_fork_shares_steps_and_goes_on_with_its_own_step_size(client, done):
    fork = done.fork(1, tau=0.05, num_steps=4, display_name="finer")
    result = fork.result(timeout=PATIENCE)
    assert result.times == pytest.approx([0, 0.1, 0.15, 0.2, 0.25])
    assert np.array_equal(result.samples[:2], done.history().samples[:2])
    assert fork.info.fork_of == (done.name, 1) and fork.info.display_name == "finer"
    assert fork.info.spec.model == done.info.spec.model


def test_a_fork_replaces_what_it_names(client, done):
    fork = done.fork(
        functional=sf.Potential.quadratic(center=[0, 0]) + 2 * sf.Entropy(),
        solver=sf.Solver.paired_jko(inner_iterations=5),
        num_steps=5,
        seed=9,
    )
    assert fork.info.spec.functional.weights == (1, 2)
    assert (fork.info.spec.solver.kind, fork.info.spec.seed) == ("paired_jko", 9)
    fork.result(timeout=PATIENCE)
    with pytest.raises(ValueError, match="not both"):
        done.fork(tau=0.1, schedule=sf.Schedule(0.1, num_steps=9))


def test_jobs_are_listed_page_by_page(client):
    made = {client.submit(sf.JobSpec(small(), labels={"list": "page"})).name for _ in range(3)}
    assert {job.name for job in client.jobs('labels.list = "page"')} == made
    oldest_first = [job.name for job in client.jobs('labels.list = "page"', order_by="create_time")]
    assert oldest_first == sorted(oldest_first)
    assert client.job(oldest_first[0].removeprefix("jobs/")).name == oldest_first[0]


def test_a_deleted_job_can_be_taken_back_and_a_purged_one_not(client):
    job = client.submit(small())
    job.result(timeout=PATIENCE)
    assert job.delete().delete_time is not None
    assert job.name not in {each.name for each in client.jobs()}
    assert job.name in {each.name for each in client.jobs(show_deleted=True)}
    assert job.undelete().delete_time is None
    job.delete(purge=True)
    with pytest.raises(errors.ResourceNotFoundError):
        job.refresh()


def test_limits_of_a_job_end_it(client):
    job = client.submit(sf.JobSpec(slow(), limits=sf.JobLimits(max_run_seconds=1)))
    with pytest.raises(errors.TimeLimitError):
        job.result(timeout=PATIENCE)


def test_server_info_tells_what_is_served(client):
    info = client.server_info()
    assert {"swJko", "pairedJko", "mala"} <= set(info.kinds["solvers"])
    assert "potential.gaussianMixture" in info.kinds["functionals"]
    assert info.limits["max_dimension"] > 0 and info.devices[0].name == "cpu" and info.role == "ADMIN"


def test_expressions_are_checked(client):
    good = client.check_expression("def V(x): return (x * x).sum(1)", "POTENTIAL", 2, points=[[1, 2], [3, 4]])
    assert good.refusal is None and good.finite
    assert good.values.tolist() == [5, 25] and good.gradients.tolist() == [[2, 4], [6, 8]]
    bad = client.check_expression("def V(x):\n    return torch.rand_like(x).sum(1)", "POTENTIAL", 2)
    assert bad.refusal.startswith("line 2: ") and "random" in bad.refusal
    made = client.check_expression(
        "def G(z, w): return z @ w", "GENERATOR", 2, noise_dimension=3, parameters=(sf.GeneratorParameter([3, 2]),)
    )
    assert made.values.shape[1] == 2 and made.gradients is None


# ---- what a person sees

WAIT = """
import sys
import sliceflow as sf
with sf.Client(sys.argv[1]) as client:
    job = client.job(sys.argv[2])
    watch = job.watch(progress=eval(sys.argv[3]))
    next(watch)
    print("watching", flush=True)
    list(watch)
"""


def waiting(daemon, job, progress):
    return subprocess.Popen(
        [sys.executable, "-c", WAIT, daemon.address, job.name, progress],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "COLUMNS": "100"},
    )


def test_ctrl_c_ends_the_waiting_and_not_the_job(daemon, client):
    job = client.submit(slow())
    process = waiting(daemon, job, "None")
    assert process.stdout.readline() == b"watching\n"
    process.send_signal(signal.SIGINT)
    _, words = process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGINT and words.rstrip().endswith(b"KeyboardInterrupt")
    assert job.refresh().state == sf.JobState.RUNNING
    job.cancel()


def test_progress_is_one_line_with_steps_and_energy(daemon, client):
    job = client.submit(sf.JobSpec(slow(num_steps=40), display_name="a slow flow"))
    _, words = waiting(daemon, job, "True").communicate(timeout=PATIENCE)
    lines = words.decode().rstrip("\n")
    assert "\n" not in lines  # drawn over itself
    last = lines.split("\r")[-1]
    assert last.startswith("a slow flow: 100%") and "40/40" in last and "energy" in last and "succeeded" in last


def test_progress_goes_on_inside_a_long_step(daemon, client):
    solver = sf.Solver.sw_jko(inner_iterations=10_000, num_projections=50, batch_size=256, max_attempts=1)
    job = client.submit(small(solver=solver))
    process = waiting(daemon, job, "True")
    words = b""
    while not re.search(rb"\(step 1: \d+/20000\)", words):  # a first step of second order goes in two halves
        more = process.stderr.read1()
        assert more, f"it ended, having said {words!r}"
        words += more
    assert process.poll() is None
    process.terminate()
    process.communicate(timeout=PATIENCE)
    job.cancel()


def test_no_progress_is_drawn_in_a_log(daemon, client):
    job = client.submit(slow(num_steps=40))
    _, words = waiting(daemon, job, "None").communicate(timeout=PATIENCE)
    assert words == b""
