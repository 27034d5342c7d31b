"""The asynchronous client: the same answers, in an event loop that goes on meanwhile."""

import asyncio
import inspect

import numpy as np
import pytest
import sliceflow as sf
from conftest import PATIENCE, diverging, slow, small
from proxy import Proxy
from sliceflow import errors


def in_loop(test):
    """Runs a test that is a coroutine. Wrapped by hand, so that pytest still sees its fixtures."""

    def run(**fixtures):
        asyncio.run(asyncio.wait_for(test(**fixtures), PATIENCE))

    run.__name__, run.__doc__, run.__signature__ = test.__name__, test.__doc__, inspect.signature(test)
    return run


def test_both_clients_have_the_same_methods_with_the_same_arguments():
    for one, other in ((sf.Client, sf.AsyncClient), (sf.Job, sf.AsyncJob), (sf.Watch, sf.AsyncWatch)):
        for name, method in vars(one).items():
            if name.startswith("_") or not inspect.isfunction(method):
                continue
            twin = getattr(other, "aclose" if (one, name) == (sf.Watch, "close") else name)
            assert list(inspect.signature(method).parameters.values()) == [
                parameter.replace(annotation=ours.annotation)
                for parameter, ours in zip(
                    inspect.signature(twin).parameters.values(), inspect.signature(method).parameters.values(), strict=True
                )
            ], name
    assert list(inspect.signature(sf.Client).parameters) == list(inspect.signature(sf.AsyncClient).parameters)


@in_loop
async def test_a_job_from_beginning_to_end(daemon):
    async with sf.AsyncClient(daemon.address) as client:
        job = await client.submit(sf.JobSpec(small(), labels={"kind": "async"}))
        steps = [step async for step in job.watch()]
        assert [step.step for step in steps] == [0, 1, 2, 3]
        assert all(step.samples.shape == (50, 2) for step in steps)
        result = await job.result(timeout=PATIENCE)
        assert result.samples.shape == (4, 50, 2) and job.state == sf.JobState.SUCCEEDED
        assert [each.name async for each in client.jobs('labels.kind = "async"')] == [job.name]
        assert (await client.job(job.name)).info == job.info
        fork = await job.fork(1, tau=0.05)
        assert (await fork.result()).times == pytest.approx([0, 0.1, 0.15, 0.2])
        assert (await client.validate(small())).spec.solver.kind == "sw_jko"
        assert (await client.server_info()).role == "ADMIN"


@in_loop
async def test_draws_and_distances_are_those_of_the_blocking_client(daemon, done):
    async with sf.AsyncClient(daemon.address) as client:
        job = await client.job(done.name)
        x = await job.sample(2000, seed=5)
        np.testing.assert_array_equal(x, done.sample(2000, seed=5))
        np.testing.assert_array_equal(await job.log_density(x), done.log_density(x))
        dataset = await client.upload(x, "async-rows")
        assert [each.name async for each in client.datasets() if each == dataset] == ["datasets/async-rows"]
        distance = await client.distance(job, dataset, sf.Distance.bures(), samples=2000, seed=1)
        with sf.Client(daemon.address) as blocking:
            assert distance == blocking.distance(done, dataset, sf.Distance.bures(), samples=2000, seed=1)
        check = await client.check_expression("def V(x): return x.sum(1)", "POTENTIAL", 2, points=[[1, 2]])
        assert check.values.tolist() == [3]
        await client.delete_dataset(dataset)
        with pytest.raises(errors.ResourceNotFoundError):
            await client.dataset("async-rows")


@in_loop
async def test_many_jobs_are_watched_at_once(daemon):
    async with sf.AsyncClient(daemon.address) as client:
        jobs = [await client.submit(small(seed=seed)) for seed in range(1, 6)]
        results = await asyncio.gather(*(job.result(timeout=PATIENCE) for job in jobs))
        assert [len(result.steps) for result in results] == [4] * 5


@in_loop
async def test_leaving_a_watch_and_cancelling_a_task_leave_the_job_alone(daemon):
    async with sf.AsyncClient(daemon.address) as client:
        job = await client.submit(slow())
        async with job.watch() as steps:
            assert (await anext(steps)).step == 0
        begun = asyncio.Event()

        async def watching():
            async for _ in job.watch():
                begun.set()

        task = asyncio.create_task(watching())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await job.refresh()).state == sf.JobState.RUNNING
        assert (await job.pause()).state == sf.JobState.PAUSED
        assert not (await job.resume()).state.is_final
        assert (await job.cancel()).state == sf.JobState.CANCELLED
        with pytest.raises(errors.JobCancelledError):
            await job.result()
        assert len((await job.history()).steps) >= 1
        assert (await job.delete()).delete_time is not None and (await job.undelete()).delete_time is None


@in_loop
async def test_errors_are_those_of_the_blocking_client(daemon):
    async with sf.AsyncClient(daemon.address) as client:
        with pytest.raises(errors.InvalidFieldError) as caught:
            await client.submit(small(schedule=sf.Schedule(-1, num_steps=1)))
        assert [violation.field for violation in caught.value.violations] == ["spec.schedule.stepSize"]
        with pytest.raises(errors.DivergedError):
            await (await client.submit(diverging())).result()
        job = await client.submit(slow())
        with pytest.raises(TimeoutError, match="it goes on"):
            await job.result(timeout=0.5)
        await job.cancel()


def test_a_watch_outlives_a_daemon_that_is_killed(own_daemon):
    async def run():
        async with sf.AsyncClient(own_daemon.address) as client:
            job = await client.submit(slow(num_steps=6))
            seen = []
            async for step in job.watch(timeout=PATIENCE):
                seen.append(step)
                if step.step == 2:
                    await asyncio.to_thread(lambda: (own_daemon.kill(), own_daemon.start()))
            assert [step.step for step in seen] == list(range(7))
            assert all(step.samples.shape == (50, 2) for step in seen)

    asyncio.run(run())


def test_an_upload_goes_on_after_its_connection_broke(daemon):
    async def run():
        with Proxy(daemon.address, cut_after=2 << 20, cuts=1) as proxy:
            async with sf.AsyncClient(proxy.address) as client:
                dataset = await client.upload(np.random.default_rng(4).normal(size=(500_000, 1)))
                assert dataset.rows == 500_000 and proxy.connections >= 2

    asyncio.run(run())


def test_a_server_that_is_not_there_is_told(own_daemon):
    own_daemon.stop()

    async def run():
        async with sf.AsyncClient(own_daemon.address, retry=sf.RetryPolicy(refused_patience=0.2)) as client:
            with pytest.raises(errors.ConnectionFailedError, match="nothing listens there"):
                await client.server_info()

    asyncio.run(run())
