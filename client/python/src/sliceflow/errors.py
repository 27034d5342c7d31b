"""What can go wrong, one class for each reason that the server names.

Every error of a server is a `SliceflowError`. Its class tells the reason (`InvalidFieldError`, `TokenExpiredError`, ...), and the classes
of reasons stand below one of the status code (`NotFoundError`, `ResourceExhaustedError`, ...), so that either can be caught. A reason that
this version does not know gets the class of its code. Where no server answered, the error is a `ConnectionFailedError` or a
`DeadlineExceededError`, which are Python's `ConnectionError` and `TimeoutError` too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import grpc


@dataclasses.dataclass(frozen=True, slots=True)
class FieldViolation:
    """One thing that is wrong with a request.

    `field` is its path as job files spell it, such as `spec.schedule.stepSize`; `description` says what would be right.
    """

    field: str
    description: str

    def __str__(self) -> str:
        return f"{self.field}: {self.description}"


@dataclasses.dataclass(frozen=True, slots=True)
class ErrorDetails:
    """What a server says of an error, beside its words.

    reason: the reason of its `ErrorInfo`, such as `INVALID_FIELD`; empty where no server answered.
    metadata: figures that belong to the reason, as text.
    violations: everything that is wrong with the request, by field.
    retry_after: when asking again makes sense. Unit: seconds. None where the server does not say.
    resource: the name of the resource that is meant, such as `jobs/ID`; empty where there is none.
    """

    reason: str = ""
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)
    violations: tuple[FieldViolation, ...] = ()
    retry_after: float | None = None
    resource: str = ""


class SliceflowError(Exception):
    """An error of a server or of the way to it.

    `code` is the `grpc.StatusCode`, `message` the words, `details` what else is known. Its text lists all field violations.
    """

    REASON: ClassVar[str] = ""

    def __init__(self, message: str, code: grpc.StatusCode = grpc.StatusCode.UNKNOWN, details: ErrorDetails | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.details = details or ErrorDetails()

    @property
    def reason(self) -> str:
        """The reason that the server names, such as `INVALID_FIELD`; empty where no server answered."""
        return self.details.reason

    @property
    def metadata(self) -> Mapping[str, str]:
        """Figures that belong to the reason, as text."""
        return self.details.metadata

    @property
    def violations(self) -> tuple[FieldViolation, ...]:
        """Everything that is wrong with the request, by field; empty where that is not what went wrong."""
        return self.details.violations

    @property
    def retry_after(self) -> float | None:
        """When asking again makes sense, in seconds; None where the server does not say."""
        return self.details.retry_after

    def __str__(self) -> str:
        if not self.violations:
            return self.message
        head = "1 field is wrong" if len(self.violations) == 1 else f"{len(self.violations)} fields are wrong"
        return "\n".join([f"{head}:", *(f"  {violation}" for violation in self.violations)])

    def __reduce__(self) -> tuple[Any, ...]:
        # As an exception it would be made again from its message alone.
        return type(self), (self.message, self.code, self.details)


# ---- by status code


class InvalidArgumentError(SliceflowError, ValueError):
    """The request itself is wrong."""


class NotFoundError(SliceflowError, LookupError):
    """There is no such thing, or it belongs to another owner."""


class AlreadyExistsError(SliceflowError):
    """The name, or the request id, stands for something else already."""


class FailedPreconditionError(SliceflowError):
    """Not in the state that things are in."""


class OutOfRangeError(SliceflowError):
    """Beyond what there is."""


class ResourceExhaustedError(SliceflowError):
    """Beyond a limit or a quota; `retry_after` is set where waiting helps."""


class AbortedError(SliceflowError):
    """Something else came in between."""


class DataLossError(SliceflowError):
    """What arrived is not what was sent."""


class UnauthenticatedError(SliceflowError):
    """The server does not know who asks."""


class PermissionDeniedError(SliceflowError):
    """The token does not allow this."""


class UnimplementedError(SliceflowError):
    """This server does not serve the method."""


class UnavailableError(SliceflowError):
    """The server cannot do it now; asking again may help."""


class InternalError(SliceflowError):
    """A fault of the server."""


# ---- where no server answered


class ConnectionFailedError(UnavailableError, ConnectionError):
    """No server answers, or the connection was lost."""


class NotConnectedError(ConnectionFailedError):
    """No connection came about, so that the server has not seen the call."""


class NothingListensError(NotConnectedError):
    """The connection was refused, or no such host is known."""


class HandshakeError(ConnectionFailedError):
    """Client and server do not agree about TLS: a certificate is not trusted, or one side speaks none. Trying again does not help."""


class DeadlineExceededError(SliceflowError, TimeoutError):
    """No answer within the timeout."""


# ---- by reason


class InvalidFieldError(InvalidArgumentError):
    """Fields of the request are wrong; `violations` lists all of them."""

    REASON = "INVALID_FIELD"


class ExpressionRefusedError(InvalidArgumentError):
    """A worker refused TorchScript source; `metadata["line"]` is the line."""

    REASON = "EXPRESSION_REFUSED"


class MalformedTableError(InvalidArgumentError):
    """An uploaded table cannot be read; the message has line and column."""

    REASON = "MALFORMED_TABLE"


class UploadSizeError(InvalidArgumentError):
    """More or fewer bytes arrived than were announced."""

    REASON = "UPLOAD_SIZE"


class ResourceNotFoundError(NotFoundError):
    """No such job or data set, or one of another owner; `details.resource` names it."""

    REASON = "RESOURCE_NOT_FOUND"


class RequestIdReusedError(AlreadyExistsError):
    """The request id was used with another job."""

    REASON = "REQUEST_ID_REUSED"


class DatasetExistsError(AlreadyExistsError):
    """The data set's id names another content or format."""

    REASON = "DATASET_EXISTS"


class JobEndedError(FailedPreconditionError):
    """The job has ended."""

    REASON = "JOB_ENDED"


class JobNotEndedError(FailedPreconditionError):
    """The job has not ended yet."""

    REASON = "JOB_NOT_ENDED"


class JobNotDeletedError(FailedPreconditionError):
    """The job is not deleted."""

    REASON = "JOB_NOT_DELETED"


class CheckpointNotKeptError(FailedPreconditionError):
    """The step's checkpoint is not kept, so it can be neither drawn from nor forked."""

    REASON = "CHECKPOINT_NOT_KEPT"


class DatasetInUseError(FailedPreconditionError):
    """Jobs refer to the data set; delete them first."""

    REASON = "DATASET_IN_USE"


class DatasetDoesNotFitError(FailedPreconditionError):
    """The data set does not fit its use, such as by its number of columns."""

    REASON = "DATASET_DOES_NOT_FIT"


class DatasetNameSharedError(FailedPreconditionError):
    """Several owners have a data set of this name; an admin says which."""

    REASON = "DATASET_NAME_SHARED"


class ForkCannotGoOnError(FailedPreconditionError):
    """What a fork replaces cannot go on from the parent's step."""

    REASON = "FORK_CANNOT_GO_ON"


class ForkTooDeepError(FailedPreconditionError):
    """Forks of forks of forks: more than the server follows."""

    REASON = "FORK_TOO_DEEP"


class NoTokensAskedError(FailedPreconditionError):
    """The server asks for no tokens, so whoever reaches it sees every job."""

    REASON = "NO_TOKENS_ASKED"


class DeviceUnknownError(FailedPreconditionError):
    """The server has no device of this name."""

    REASON = "DEVICE_UNKNOWN"


class BeyondLimitError(ResourceExhaustedError):
    """Beyond a limit of the server; `violations` names the field."""

    REASON = "BEYOND_LIMIT"


class QuotaExceededError(ResourceExhaustedError):
    """Beyond a quota of the owner."""

    REASON = "QUOTA_EXCEEDED"


class TooManyActiveJobsError(ResourceExhaustedError):
    """The server holds as many jobs that have not ended as it takes."""

    REASON = "TOO_MANY_ACTIVE_JOBS"


class TooManyFailuresError(ResourceExhaustedError):
    """Too many calls with wrong tokens from this address."""

    REASON = "TOO_MANY_FAILURES"


class TooManyQueriesError(ResourceExhaustedError):
    """Too many draws, densities and distances of this owner wait."""

    REASON = "TOO_MANY_QUERIES"


class TooManyUploadsError(ResourceExhaustedError):
    """Too many uploads are under way."""

    REASON = "TOO_MANY_UPLOADS"


class DiskFullError(ResourceExhaustedError):
    """The server's disk is full."""

    REASON = "DISK_FULL"


class EtagMismatchError(AbortedError):
    """The job has moved on since the etag was read."""

    REASON = "ETAG_MISMATCH"


class UploadInProgressError(AbortedError):
    """Another stream uploads the same content."""

    REASON = "UPLOAD_IN_PROGRESS"


class UploadIdleError(AbortedError):
    """The upload was silent for too long, and its place was needed."""

    REASON = "UPLOAD_IDLE"


class UploadOffsetError(OutOfRangeError):
    """The upload does not begin where the server's part ends."""

    REASON = "UPLOAD_OFFSET"


class ChecksumMismatchError(DataLossError):
    """What arrived has another SHA-256 than was announced."""

    REASON = "CHECKSUM_MISMATCH"


class TokenMissingError(UnauthenticatedError):
    """The server asks for a token."""

    REASON = "TOKEN_MISSING"


class TokenInvalidError(UnauthenticatedError):
    """The server does not know the token, or it was revoked."""

    REASON = "TOKEN_INVALID"


class TokenExpiredError(UnauthenticatedError):
    """The token has expired."""

    REASON = "TOKEN_EXPIRED"


class RoleTooLowError(PermissionDeniedError):
    """The token's role does not allow the call."""

    REASON = "ROLE_TOO_LOW"


class NoWorkerError(UnavailableError):
    """No worker can serve the call now."""

    REASON = "NO_WORKER"


class ShuttingDownError(UnavailableError):
    """The server is going down; watches resume by themselves."""

    REASON = "SHUTTING_DOWN"


class QueryTimeoutError(UnavailableError):
    """A worker did not answer in time."""

    REASON = "QUERY_TIMEOUT"


class WorkerLostError(InternalError):
    """What was asked for ended its worker twice."""

    REASON = "WORKER_LOST"


# ---- how jobs end


class JobFailedError(SliceflowError):
    """The job ended `FAILED` for the reason that `reason` names, such as `DIVERGED` or `TIME_LIMIT`; its steps are kept."""


class DivergedError(JobFailedError):
    """The flow diverged; `metadata` has `step`, `term` and `last_finite_energy`. A smaller step size or learning rate may help."""

    REASON = "DIVERGED"


class TimeLimitError(JobFailedError):
    """The job took longer than its bound."""

    REASON = "TIME_LIMIT"


class MemoryLimitError(JobFailedError):
    """The job took more memory than its bound."""

    REASON = "MEMORY_LIMIT"


class JobCancelledError(SliceflowError):
    """The job was cancelled; its steps are kept."""
