"""A connection to a server."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Literal, Self

import grpc
import numpy.typing as npt

from sliceflow import _requests
from sliceflow._calls import Calls, Settings
from sliceflow._channel import PathLike, channel_options
from sliceflow._expression import check_request, expression_check
from sliceflow._info import DistanceEstimate, ExpressionCheck, ServerInfo, distance_estimate, job_info, job_spec, server_info
from sliceflow._progress import byte_bar
from sliceflow._requests import JobLike, full_name
from sliceflow._retry import RetryPolicy
from sliceflow._tensor import FloatArray
from sliceflow.datasets import DataLike, Dataset, FileFormat, Upload, dataset_of
from sliceflow.job import Job, JobStep
from sliceflow.spec._part import DatasetLike
from sliceflow.spec.distance import Distance
from sliceflow.spec.distribution import Distribution
from sliceflow.spec.job import JobSpec
from sliceflow.spec.model import GeneratorParameter
from sliceflow.v1 import dataset_service_pb2, job_service_pb2, server_service_pb2

Operand = Job | JobStep | Dataset | Distribution | str
"""A side of a distance: a job (its newest kept step), a job at a step, a data set, a Gaussian or a mixture, or a name, `jobs/ID@3`."""


class Client:
    """A connection to a server; best used as a context manager. Thread-safe. Does not connect before the first call.

    Args:
        server: `host:port`, or another gRPC target. Default: `SLICEFLOW_SERVER` of the environment, or 127.0.0.1:50051.
        token: Shown to the server with every call. Default: the content of the file that `SLICEFLOW_TOKEN_FILE` names, or
            `SLICEFLOW_TOKEN`.
        tls: Whether the connection is encrypted, with a server that this system's certificates vouch for. Implied by the next three.
        tls_ca: File of certificates in PEM that may have signed the server's. Default: `SLICEFLOW_TLS_CA`.
        tls_cert, tls_key: Files in PEM of the client's own certificate and its key, for a server that asks for one.
        insecure: Whether the token may go to another machine in the clear.
        timeout: Deadline of a call that answers with one message, attempts and pauses among them. Unit: seconds.
        transfer_timeout: Deadline of a call that moves a table or samples, or computes a distance. Unit: seconds.
        patience: How long a watch goes on trying while no server answers. Unit: seconds.
        retry: When a call is made again.

    Raises ValueError where settings do not go together, and OSError where a file cannot be read.
    """

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
        self._calls = Calls(Settings(options, timeout, transfer_timeout, patience, retry or RetryPolicy()))

    @property
    def server(self) -> str:
        """Where the server is."""
        return self._calls.settings.channel.server

    def __repr__(self) -> str:
        return f"<Client of {self.server}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection; calls under way end. Jobs go on."""
        self._calls.close()

    # ---- jobs

    def submit(self, job: JobLike, *, request_id: str | None = None) -> Job:
        """Submits a job: a `JobSpec`, a `FlowSpec` alone, or the path of a job file. Answers once it is durable.

        An attempt repeated after a lost connection makes no second job. To be safe across runs of a program too, give a `request_id` of at
        most 128 characters: the same id with the same job answers with the job that exists. InvalidFieldError lists everything that is
        wrong with the job; JobFileError what is wrong with a file.
        """
        return Job(self._calls, job_info(self._calls.unary("JobService", "CreateJob", _requests.create(job, request_id))))

    def validate(self, job: JobLike) -> JobSpec:
        """Has the server check a job, and creates nothing. Answers the job with all defaults filled in; errors as for `submit`."""
        return job_spec(self._calls.unary("JobService", "CreateJob", _requests.create(job, None, validate_only=True)))

    def job(self, name: str) -> Job:
        """The job of this name, `jobs/ID` or `ID`. ResourceNotFoundError where there is none."""
        request = job_service_pb2.GetJobRequest(name=full_name("jobs", name))
        return Job(self._calls, job_info(self._calls.unary("JobService", "GetJob", request)))

    def jobs(
        self, filter: str = "", *, order_by: Literal["create_time desc", "create_time"] = "create_time desc", show_deleted: bool = False
    ) -> Iterator[Job]:
        """Jobs, newest first, page by page as they are taken.

        `filter`: restrictions joined by AND, such as `state = RUNNING`, `display_name = "text"`, `labels.key = "text"`, `priority >= 1`,
        `create_time >= "2030-01-31T00:00:00Z"`.
        """
        request = job_service_pb2.ListJobsRequest(filter=filter, order_by=order_by, show_deleted=show_deleted)
        while True:
            page = self._calls.unary("JobService", "ListJobs", request)
            yield from (Job(self._calls, job_info(message)) for message in page.jobs)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    # ---- data sets

    def upload(
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
        """Makes a data set of an array, a data frame of numbers, or a file. An upload that broke off goes on where it was, in this call and
        when the same content is sent again.

        Args:
            data: An array whose first axis is rows, of floats or integers (kept as float32; further axes are flattened); a data frame; or
                the path of a `.csv`, `.tsv`, `.txt`, `.npy` or `.idx` file, each also with `.gz`.
            dataset_id: The id in `datasets/ID`, [a-z][a-z0-9-]{0,62}. Default: made from the content.
            display_name: A title for people. Default: the id.
            scale: Every value is multiplied by this, finite and not 0. Default: 1.
            max_rows: Only the first rows are kept. Default: all.
            file_format: How a file is read whose name does not tell it.
            progress: As of `Job.watch`.

        MalformedTableError with line and column where the server cannot read it; DatasetExistsError where the id names another content.
        """
        upload = Upload(data, dataset_id=dataset_id, display_name=display_name, scale=scale, max_rows=max_rows, file_format=file_format)

        def send(left: float) -> Any:
            try:
                stored = self._calls.start("DatasetService", "GetUpload", upload.lookup(), left).offset
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.NOT_FOUND:
                    raise
                stored = 0
            try:
                return self._calls.start("DatasetService", "UploadDataset", upload.messages(stored, on_sent), left)
            except grpc.RpcError:
                upload.raise_failure()
                raise

        try:
            with byte_bar(f"upload {upload.name}", upload.size, progress) as on_sent:
                return dataset_of(self._calls.repeat(send, self._calls.settings.transfer_timeout))
        finally:
            upload.close()

    def dataset(self, name: str) -> Dataset:
        """The data set of this name, `datasets/ID` or `ID`. ResourceNotFoundError where there is none."""
        request = dataset_service_pb2.GetDatasetRequest(name=full_name("datasets", name))
        return dataset_of(self._calls.unary("DatasetService", "GetDataset", request))

    def datasets(self) -> Iterator[Dataset]:
        """Data sets, newest first, page by page as they are taken."""
        request = dataset_service_pb2.ListDatasetsRequest()
        while True:
            page = self._calls.unary("DatasetService", "ListDatasets", request)
            yield from map(dataset_of, page.datasets)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def dataset_rows(self, dataset: DatasetLike, n: int = 1000, *, owner: str = "") -> FloatArray:
        """At most `n` rows of a data set, evenly spread over its table and in its order: float32 of shape [rows, columns].

        All rows where there are no more. ResourceNotFoundError where there is no such data set. Only an admin may name another `owner`.
        """
        return self._calls.tensor("DatasetService", "SampleDataset", _requests.dataset_rows(dataset, n, owner))

    def delete_dataset(self, dataset: DatasetLike, *, owner: str = "") -> None:
        """Removes a data set. DatasetInUseError while a job, ended or not, refers to it. Only an admin may name another `owner`."""
        self._calls.unary("DatasetService", "DeleteDataset", _requests.delete_dataset(dataset, owner), idempotent=False)

    # ---- the rest

    def distance(
        self, a: Operand, b: Operand, kind: Distance | None = None, *, samples: int | None = None, seed: int = 0
    ) -> DistanceEstimate:
        """The distance between two distributions of one dimension, with its standard error.

        Args:
            a, b: Jobs (their newest kept steps), jobs at a step (`job.at(3)`), data sets, Gaussians or mixtures of `Distribution`.
            kind: Which distance; transport distances are told as powers. Default: `Distance.sliced_wasserstein()`, SW2².
            samples: Of each side, between 2 and 100,000 and within the kind's bound. Default: 10,000, or that bound.
            seed: Of samples and directions. The same seed gives the same answer.
        """
        request = _requests.distance(a, b, kind, samples, seed)
        return distance_estimate(self._calls.unary("JobService", "ComputeDistance", request, timeout=self._calls.settings.transfer_timeout))

    def server_info(self) -> ServerInfo:
        """Version, devices, limits, what the server computes, and who asks with which quota."""
        return server_info(self._calls.unary("ServerService", "GetServerInfo", server_service_pb2.GetServerInfoRequest()))

    def check_expression(
        self,
        source: str,
        kind: Literal["POTENTIAL", "INTERACTION", "GENERATOR"],
        dimension: int,
        *,
        points: npt.ArrayLike | None = None,
        noise_dimension: int | None = None,
        parameters: tuple[GeneratorParameter, ...] = (),
    ) -> ExpressionCheck:
        """Has the server check TorchScript source as `submit` would, and evaluate it. That it is refused is the answer, not an error.

        Args:
            source: The source of a potential V(x), a kernel W(z) or a generator G(z, w₁, ...).
            kind: What it is used as.
            dimension: The dimension of the points, or of what a generator gives.
            points: Where it is evaluated, [count, dimension]; of a generator its noise, [count, noise_dimension]. Default: the origin, the
                point of ones, and (1, −1, 1, ...).
            noise_dimension, parameters: Of a generator, as in `Model.generator`.
        """
        request = check_request(source, kind, dimension, points, noise_dimension, parameters)
        return expression_check(self._calls.unary("ServerService", "CheckExpression", request))
