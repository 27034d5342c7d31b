"""The client for programs that run in an event loop.

What `Client` and `Job` do, under the same names, with `await` and `async for`:

    async with sf.AsyncClient("127.0.0.1:50051") as client:
        job = await client.submit(spec)
        async for step in job.watch():
            print(step.step, step.energy)

Arguments, answers and errors are those of `sliceflow.client` and `sliceflow.job`. A handle belongs to the event loop that runs where its
client was made. Cancelling a task ends its call or its watch, never a job.
"""

from __future__ import annotations

import asyncio
import pathlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeVar

import grpc
import numpy.typing as npt

from sliceflow import _export, _html, _requests
from sliceflow._calls import AsyncCalls, Settings
from sliceflow._channel import PathLike, channel_options
from sliceflow._export import ExportFormat
from sliceflow._expression import check_request, expression_check
from sliceflow._info import DistanceEstimate, ExpressionCheck, JobInfo, ServerInfo, distance_estimate, job_info, job_spec, server_info
from sliceflow._progress import StepBar, byte_bar
from sliceflow._requests import Fork, JobLike, full_name
from sliceflow._retry import RetryPolicy
from sliceflow._tensor import FloatArray
from sliceflow._watch import WatchState, raise_unless_succeeded
from sliceflow.datasets import DataLike, Dataset, FileFormat, Upload, dataset_of
from sliceflow.events import Event, JobState, Step
from sliceflow.job import Command, Job, JobStep
from sliceflow.result import Result
from sliceflow.spec._part import DatasetLike
from sliceflow.spec.distance import Distance
from sliceflow.spec.distribution import Distribution
from sliceflow.spec.flow import Output, Schedule
from sliceflow.spec.functional import Functional, Term
from sliceflow.spec.job import JobLimits, JobSpec
from sliceflow.spec.model import GeneratorParameter
from sliceflow.spec.solver import Solver
from sliceflow.v1 import dataset_service_pb2, job_service_pb2, server_service_pb2

E = TypeVar("E", bound=Event)


async def _follow(calls: AsyncCalls, state: WatchState, job: str) -> AsyncGenerator[Event]:
    """As `watch.follow`."""
    while not state.has_ended():
        call: Any = calls.start("JobService", "WatchJob", state.request(), state.remaining())
        try:
            async for response in call:
                for event in state.receive(response):
                    yield event
                if state.has_ended():
                    return
            for event in state.flush():
                yield event
            if state.has_ended():
                return
            left = state.remaining()
            timeout = calls.settings.timeout if left is None else min(left, calls.settings.timeout)
            failure = state.look_at(await calls.start("JobService", "GetJob", job_service_pb2.GetJobRequest(name=job), timeout))
        except grpc.RpcError as error:
            failure = calls.settings.error(error)
        finally:
            call.cancel()
        if not state.has_ended():
            await asyncio.sleep(state.pause_after(failure))


async def _steps(events: AsyncGenerator[Event], state: WatchState, job: str, bar: StepBar) -> AsyncGenerator[Step]:
    """As `watch.steps`."""
    try:
        with bar:
            async for event in events:
                bar.show(event)
                if isinstance(event, Step):
                    yield event
    finally:
        await events.aclose()
    if state.end is not None:
        raise_unless_succeeded(job, state.end)


class AsyncWatch(AsyncIterator[E], Generic[E]):
    """As `watch.Watch`. Left early, it is best closed: `async with job.watch() as steps`, or `await watch.aclose()`; otherwise its stream
    ends once the loop gets to it.
    """

    def __init__(self, events: AsyncGenerator[E], state: WatchState) -> None:
        self._events = events
        self._state = state

    @property
    def last_sequence(self) -> int:
        """As of `Watch`."""
        return self._state.last_sequence

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> E:
        return await anext(self._events)

    async def aclose(self) -> None:
        """Ends the watch, not the job."""
        await self._events.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()


class AsyncJob:
    """As `Job`."""

    def __init__(self, calls: AsyncCalls, info: JobInfo) -> None:
        self._calls = calls
        self._info = info

    @property
    def name(self) -> str:
        """`jobs/ID`."""
        return self._info.name

    @property
    def info(self) -> JobInfo:
        """The job as it stood when the server was last asked; `refresh` asks anew."""
        return self._info

    @property
    def state(self) -> JobState:
        """The state when the server was last asked."""
        return self._info.state

    def __repr__(self) -> str:
        return f"<AsyncJob {self.name}: {self._info.state_words()}, {self._info.completed_steps} of {self._info.total_steps} steps>"

    def _repr_html_(self) -> str:
        return _html.job(self._info)

    async def refresh(self) -> JobInfo:
        """As `Job.refresh`."""
        return await self._take("GetJob", job_service_pb2.GetJobRequest(name=self.name))

    async def _take(self, method: str, request: object, *, idempotent: bool = True) -> JobInfo:
        self._info = job_info(await self._calls.unary("JobService", method, request, idempotent=idempotent))
        return self._info

    def watch(
        self, *, after_sequence: int = 0, sample_limit: int = -1, timeout: float | None = None, progress: bool | None = None
    ) -> AsyncWatch[Step]:
        """As `Job.watch`."""
        bar = StepBar(self._info, progress)
        state = WatchState(
            self.name,
            self._calls.settings,
            after_sequence=after_sequence,
            sample_limit=sample_limit,
            inner_progress=bar.is_drawn,
            timeout=timeout,
        )
        return AsyncWatch(_steps(_follow(self._calls, state, self.name), state, self.name, bar), state)

    def events(
        self, *, after_sequence: int = 0, sample_limit: int = -1, inner_progress: bool = False, timeout: float | None = None
    ) -> AsyncWatch[Event]:
        """As `Job.events`."""
        state = WatchState(
            self.name,
            self._calls.settings,
            after_sequence=after_sequence,
            sample_limit=sample_limit,
            inner_progress=inner_progress,
            timeout=timeout,
        )
        return AsyncWatch(_follow(self._calls, state, self.name), state)

    async def result(self, timeout: float | None = None, *, sample_limit: int = -1, progress: bool | None = None) -> Result:
        """As `Job.result`."""
        async with self.watch(sample_limit=sample_limit, timeout=timeout, progress=progress) as steps:
            found = [step async for step in steps]
        return Result(await self.refresh(), found)

    async def history(self, *, sample_limit: int = -1) -> Result:
        """As `Job.history`."""
        info = await self.refresh()
        found: list[Step] = []
        if info.last_step is None:
            return Result(info, found)
        async with self.events(sample_limit=sample_limit, timeout=self._calls.settings.transfer_timeout) as events:
            async for event in events:
                if not isinstance(event, Step):
                    continue
                found.append(event)
                if event.step >= info.last_step.step:
                    break
        return Result(info, found)

    async def cancel(self, *, etag: str = "") -> JobInfo:
        """As `Job.cancel`."""
        return await self._command("CancelJob", etag)

    async def pause(self, *, etag: str = "") -> JobInfo:
        """As `Job.pause`."""
        return await self._command("PauseJob", etag)

    async def resume(self, *, etag: str = "") -> JobInfo:
        """As `Job.resume`."""
        return await self._command("ResumeJob", etag)

    async def undelete(self, *, etag: str = "") -> JobInfo:
        """As `Job.undelete`."""
        return await self._command("UndeleteJob", etag)

    async def share(self, lasts: float = 7 * 24 * 3600.0) -> str:
        """As `Job.share`."""
        return str((await self._calls.unary("JobService", "ShareJob", _requests.share(self.name, lasts), idempotent=False)).token)

    async def unshare(self) -> int:
        """As `Job.unshare`."""
        request = job_service_pb2.UnshareJobRequest(name=self.name)
        return int((await self._calls.unary("JobService", "UnshareJob", request)).ended_links)

    async def _command(self, command: Command, etag: str) -> JobInfo:
        return await self._take(command, _requests.command(command, self.name, etag), idempotent=_requests.is_idempotent(command, etag))

    async def delete(self, *, purge: bool = False, etag: str = "") -> JobInfo:
        """As `Job.delete`."""
        return await self._take("DeleteJob", job_service_pb2.DeleteJobRequest(name=self.name, purge=purge, etag=etag), idempotent=False)

    async def fork(
        self,
        step: int | None = None,
        *,
        tau: float | None = None,
        num_steps: int | None = None,
        functional: Functional | Term | None = None,
        solver: Solver | None = None,
        schedule: Schedule | None = None,
        output: Output | None = None,
        seed: int | None = None,
        display_name: str = "",
        labels: Mapping[str, str] | None = None,
        priority: int | None = None,
        device: str = "",
        limits: JobLimits | None = None,
        request_id: str | None = None,
    ) -> AsyncJob:
        """As `Job.fork`."""
        fork = Fork(
            tau=tau,
            num_steps=num_steps,
            functional=functional,
            solver=solver,
            schedule=schedule,
            output=output,
            seed=seed,
            display_name=display_name,
            labels=labels,
            priority=priority,
            device=device,
            limits=limits,
        )
        request = fork.request(self._info, step, request_id)
        return AsyncJob(self._calls, job_info(await self._calls.unary("JobService", "ForkJob", request)))

    def at(self, step: int) -> JobStep:
        """As `Job.at`."""
        return JobStep(self.name, step)

    async def sample(self, n: int, *, step: int | None = None, seed: int = 0) -> FloatArray:
        """As `Job.sample`."""
        return await self._calls.tensor("JobService", "SampleJob", _requests.sample(self.name, n, step, seed))

    async def log_density(self, x: npt.ArrayLike, *, step: int | None = None) -> FloatArray:
        """As `Job.log_density`."""
        return await self._calls.tensor("JobService", "EvaluateDensity", _requests.density(self.name, x, step))

    async def export(
        self,
        path: PathLike,
        *,
        format: ExportFormat = "torchscript",
        step: int | None = None,
        overwrite: bool = False,
        progress: bool | None = None,
    ) -> pathlib.Path:
        """As `Job.export`."""
        target = _export.target(path, overwrite)
        request = _export.request(self.name, format, step)
        with byte_bar(f"export {target.name}", None, progress) as on_read:
            data = await self._calls.file("JobService", "ExportModel", request, on_read)
        return _export.write(target, data)


AsyncOperand = AsyncJob | Job | JobStep | Dataset | Distribution | str


class AsyncClient:
    """As `Client`; to be made where the event loop runs."""

    def __init__(
        self,
        server: str | None = None,
        *,
        token: str | None = None,
        tls: bool = False,
        tls_ca: PathLike | None = None,
        tls_cert: PathLike | None = None,
        tls_key: PathLike | None = None,
        insecure: bool = False,
        timeout: float = 30.0,
        transfer_timeout: float = 600.0,
        patience: float = 120.0,
        retry: RetryPolicy | None = None,
    ) -> None:
        options = channel_options(server, token, tls, tls_ca, tls_cert, tls_key, insecure)
        self._calls = AsyncCalls(Settings(options, timeout, transfer_timeout, patience, retry or RetryPolicy()))

    @property
    def server(self) -> str:
        """Where the server is."""
        return self._calls.settings.channel.server

    def __repr__(self) -> str:
        return f"<AsyncClient of {self.server}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """As `Client.close`."""
        await self._calls.close()

    async def submit(self, job: JobLike, *, request_id: str | None = None) -> AsyncJob:
        """As `Client.submit`."""
        return AsyncJob(self._calls, job_info(await self._calls.unary("JobService", "CreateJob", _requests.create(job, request_id))))

    async def validate(self, job: JobLike) -> JobSpec:
        """As `Client.validate`."""
        return job_spec(await self._calls.unary("JobService", "CreateJob", _requests.create(job, None, validate_only=True)))

    async def job(self, name: str) -> AsyncJob:
        """As `Client.job`."""
        request = job_service_pb2.GetJobRequest(name=full_name("jobs", name))
        return AsyncJob(self._calls, job_info(await self._calls.unary("JobService", "GetJob", request)))

    async def jobs(
        self, filter: str = "", *, order_by: Literal["create_time desc", "create_time"] = "create_time desc", show_deleted: bool = False
    ) -> AsyncGenerator[AsyncJob]:
        """As `Client.jobs`."""
        request = job_service_pb2.ListJobsRequest(filter=filter, order_by=order_by, show_deleted=show_deleted)
        while True:
            page = await self._calls.unary("JobService", "ListJobs", request)
            for message in page.jobs:
                yield AsyncJob(self._calls, job_info(message))
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def upload(
        self,
        data: DataLike,
        dataset_id: str | None = None,
        *,
        display_name: str = "",
        scale: float | None = None,
        max_rows: int | None = None,
        file_format: FileFormat | None = None,
        progress: bool | None = None,
    ) -> Dataset:
        """As `Client.upload`. Files are read in the event loop's thread, half a MiB at a time."""
        upload = Upload(data, dataset_id=dataset_id, display_name=display_name, scale=scale, max_rows=max_rows, file_format=file_format)

        async def send(left: float) -> Any:
            try:
                stored = (await self._calls.start("DatasetService", "GetUpload", upload.lookup(), left)).offset
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.NOT_FOUND:
                    raise
                stored = 0
            try:
                return await self._calls.start("DatasetService", "UploadDataset", upload.messages(stored, on_sent), left)
            except grpc.RpcError:
                upload.raise_failure()
                raise

        try:
            with byte_bar(f"upload {upload.name}", upload.size, progress) as on_sent:
                return dataset_of(await self._calls.repeat(send, self._calls.settings.transfer_timeout))
        finally:
            upload.close()

    async def dataset(self, name: str) -> Dataset:
        """As `Client.dataset`."""
        request = dataset_service_pb2.GetDatasetRequest(name=full_name("datasets", name))
        return dataset_of(await self._calls.unary("DatasetService", "GetDataset", request))

    async def datasets(self) -> AsyncGenerator[Dataset]:
        """As `Client.datasets`."""
        request = dataset_service_pb2.ListDatasetsRequest()
        while True:
            page = await self._calls.unary("DatasetService", "ListDatasets", request)
            for message in page.datasets:
                yield dataset_of(message)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def dataset_rows(self, dataset: DatasetLike, n: int = 1000, *, owner: str = "") -> FloatArray:
        """As `Client.dataset_rows`."""
        return await self._calls.tensor("DatasetService", "SampleDataset", _requests.dataset_rows(dataset, n, owner))

    async def delete_dataset(self, dataset: DatasetLike, *, owner: str = "") -> None:
        """As `Client.delete_dataset`."""
        await self._calls.unary("DatasetService", "DeleteDataset", _requests.delete_dataset(dataset, owner), idempotent=False)

    async def distance(
        self, a: AsyncOperand, b: AsyncOperand, kind: Distance | None = None, *, samples: int | None = None, seed: int = 0
    ) -> DistanceEstimate:
        """As `Client.distance`."""
        request = _requests.distance(a, b, kind, samples, seed)
        return distance_estimate(
            await self._calls.unary("JobService", "ComputeDistance", request, timeout=self._calls.settings.transfer_timeout)
        )

    async def server_info(self) -> ServerInfo:
        """As `Client.server_info`."""
        return server_info(await self._calls.unary("ServerService", "GetServerInfo", server_service_pb2.GetServerInfoRequest()))

    async def check_expression(
        self,
        source: str,
        kind: Literal["POTENTIAL", "INTERACTION", "GENERATOR"],
        dimension: int,
        *,
        points: npt.ArrayLike | None = None,
        noise_dimension: int | None = None,
        parameters: tuple[GeneratorParameter, ...] = (),
    ) -> ExpressionCheck:
        """As `Client.check_expression`."""
        request = check_request(source, kind, dimension, points, noise_dimension, parameters)
        return expression_check(await self._calls.unary("ServerService", "CheckExpression", request))
