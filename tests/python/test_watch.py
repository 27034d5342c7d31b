"""Watches: each step once and in order, whatever happens to the connection, and never an effect on the job."""

import threading
import time

import numpy as np
import pytest
import sliceflow as sf
from conftest import PATIENCE, diverging, slow, small
from proxy import Proxy


def test_steps_come_in_order_with_their_samples(client):
    job = client.submit(small())
    steps = list(job.watch(timeout=PATIENCE))
    assert [step.step for step in steps] == [0, 1, 2, 3]
    assert all(step.samples.shape == (50, 2) and step.samples.dtype == np.float32 for step in steps)
    assert [step.wasserstein_time for step in steps] == pytest.approx([0, 0.1, 0.2, 0.3])
    assert [step.sliced_time for step in steps] == pytest.approx([0, 0.05, 0.1, 0.15])  # d = 2
    assert all(step.energy == pytest.approx(sum(step.term_energies)) for step in steps)
    assert steps[0].energy_inequality is None and steps[1].energy_inequality.holds


def test_samples_are_left_out_or_limited_on_request(done):
    assert [step.samples for step in done.watch(sample_limit=0)] == [None] * 4
    assert [step.samples.shape for step in done.watch(sample_limit=7)] == [(7, 2)] * 4


def test_a_watch_goes_on_where_another_was_left(done):
    with done.watch() as watch:
        assert [next(watch).step, next(watch).step] == [0, 1]
    assert [step.step for step in done.watch(after_sequence=watch.last_sequence)] == [2, 3]


def test_a_watch_from_the_very_end_ends_at_once(done):
    with done.events() as events:
        last = list(events)[-1]
    assert last.state == sf.JobState.SUCCEEDED
    assert list(done.events(after_sequence=last.sequence)) == []


def test_events_tell_states_and_progress(client):
    events = list(client.submit(small()).events(inner_progress=True, timeout=PATIENCE))
    states = [event.state for event in events if isinstance(event, sf.StateChanged)]
    assert states == [sf.JobState.QUEUED, sf.JobState.RUNNING, sf.JobState.SUCCEEDED]
    assert [event.device for event in events if isinstance(event, sf.StateChanged)] == ["", "cpu", ""]
    durable = [event.sequence for event in events if not isinstance(event, sf.InnerProgress)]
    assert durable == list(range(1, len(durable) + 1))


@pytest.mark.parametrize("leave", ["break", "close", "exception"])
def test_leaving_a_watch_does_not_cancel_the_job(client, leave):
    job = client.submit(slow(num_steps=4))
    if leave == "break":
        for _ in job.watch():
            break
    elif leave == "close":
        with job.watch() as watch:
            next(watch)
    else:
        with pytest.raises(ZeroDivisionError):
            for step in job.watch():
                step.step / 0
    assert len(job.result(timeout=PATIENCE).steps) == 5
    assert job.state == sf.JobState.SUCCEEDED


def test_a_watch_outlives_a_daemon_that_is_killed(own_daemon):
    """SIGKILL in the middle of a watch, and a new start on the same data folder and port: no gap and no repeat."""
    with sf.Client(own_daemon.address) as client:
        job = client.submit(slow(num_steps=8))
        seen = []
        for step in job.watch(timeout=PATIENCE):
            seen.append(step)
            if step.step in (2, 5):
                own_daemon.kill()
                own_daemon.start()
        assert [step.step for step in seen] == list(range(9))
        assert len({step.sequence for step in seen}) == 9
        assert all(step.samples.shape == (50, 2) for step in seen)
        # The same bits as are stored: what was handed over before the kills was durable.
        again = list(job.watch())
        assert all(np.array_equal(a.samples, b.samples) for a, b in zip(seen, again, strict=True))


def test_a_watch_outlives_a_daemon_that_is_stopped(own_daemon):
    with sf.Client(own_daemon.address) as client:
        job = client.submit(slow(num_steps=4))
        seen = []
        for step in job.watch(timeout=PATIENCE):
            seen.append(step.step)
            if step.step == 1:
                restart = threading.Thread(target=lambda: (own_daemon.stop(), own_daemon.start()))
                restart.start()
        restart.join(PATIENCE)
        assert seen == [0, 1, 2, 3, 4]


def test_a_watch_outlives_a_network_that_breaks(daemon):
    with Proxy(daemon.address) as proxy, sf.Client(proxy.address) as client:
        job = client.submit(slow(num_steps=5))
        seen = []
        for step in job.watch(timeout=PATIENCE):
            seen.append(step.step)
            proxy.cut()
        assert seen == [0, 1, 2, 3, 4, 5]
        assert proxy.connections >= 3


def test_a_watch_gives_up_after_its_patience(own_daemon):
    with sf.Client(own_daemon.address, patience=1.0) as client:
        job = client.submit(slow())
        with pytest.raises(sf.errors.ConnectionFailedError, match=own_daemon.address):
            for _ in job.watch():
                own_daemon.kill()


def test_a_watch_ends_at_its_timeout_and_the_job_goes_on(client):
    job = client.submit(slow())
    begin = time.monotonic()
    with pytest.raises(TimeoutError, match="it goes on"):
        job.result(timeout=1.0)
    assert time.monotonic() - begin >= 1.0
    assert not job.refresh().state.is_final
    job.cancel()


def test_a_job_that_fails_raises_what_went_wrong(client):
    job = client.submit(diverging())
    with pytest.raises(sf.errors.DivergedError) as caught:
        job.result(timeout=PATIENCE)
    assert caught.value.reason == "DIVERGED" and job.name in str(caught.value)
    assert set(caught.value.metadata) == {"step", "term", "last_finite_energy"}
    # Asked once more when all is over, and of its history, the answer is the same.
    with pytest.raises(sf.errors.DivergedError):
        list(job.watch())
    assert isinstance(job.history().info.error, sf.errors.DivergedError)


def test_a_job_that_is_cancelled_raises(client):
    job = client.submit(slow())
    with pytest.raises(sf.errors.JobCancelledError, match=job.name):
        for _ in job.watch(timeout=PATIENCE):
            job.cancel()
    assert job.history().info.state == sf.JobState.CANCELLED
