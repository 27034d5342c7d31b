"""From a status of gRPC, or one that a job carries, to the exceptions of `errors`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import grpc

from sliceflow import _contract, errors

_DETAILS_KEY: Final = "grpc-status-details-bin"

_BY_CODE: Final[dict[grpc.StatusCode, type[errors.SliceflowError]]] = {
    grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidArgumentError,
    grpc.StatusCode.NOT_FOUND: errors.NotFoundError,
    grpc.StatusCode.ALREADY_EXISTS: errors.AlreadyExistsError,
    grpc.StatusCode.FAILED_PRECONDITION: errors.FailedPreconditionError,
    grpc.StatusCode.OUT_OF_RANGE: errors.OutOfRangeError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.ResourceExhaustedError,
    grpc.StatusCode.ABORTED: errors.AbortedError,
    grpc.StatusCode.DATA_LOSS: errors.DataLossError,
    grpc.StatusCode.UNAUTHENTICATED: errors.UnauthenticatedError,
    grpc.StatusCode.PERMISSION_DENIED: errors.PermissionDeniedError,
    grpc.StatusCode.UNIMPLEMENTED: errors.UnimplementedError,
    grpc.StatusCode.UNAVAILABLE: errors.UnavailableError,
    grpc.StatusCode.INTERNAL: errors.InternalError,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.DeadlineExceededError,
}
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


def _classes(base: type[errors.SliceflowError]) -> Iterator[type[errors.SliceflowError]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _classes(kind)


_BY_REASON: Final = {kind.REASON: kind for kind in _classes(errors.SliceflowError) if kind.REASON}


def from_call(error: grpc.RpcError, server: str) -> errors.SliceflowError:
    """The exception for a call to `server` that did not end well."""
    code, words = error.code(), error.details() or ""
    details = _read_details(_details_bytes(error))
    if details.reason:
        return _BY_REASON.get(details.reason, _BY_CODE.get(code, errors.SliceflowError))(words, code, details)
    if code == grpc.StatusCode.UNAVAILABLE:
        return _connection_error(words, server)
    if code == grpc.StatusCode.DEADLINE_EXCEEDED:
        return errors.DeadlineExceededError(f"{server} gave no answer within the timeout", code)
    return _BY_CODE.get(code, errors.SliceflowError)(words, code, details)


def of_job(name: str, status: Any) -> errors.JobFailedError:
    """The exception for the `google.rpc.Status` of a job that failed."""
    details = _details_of(status)
    kind = _BY_REASON.get(details.reason, errors.JobFailedError)
    if not issubclass(kind, errors.JobFailedError):
        kind = errors.JobFailedError
    return kind(f"{name} failed: {status.message}", _CODES.get(status.code, grpc.StatusCode.UNKNOWN), details)


def _details_bytes(error: grpc.RpcError) -> bytes:
    metadata: Any = error.trailing_metadata() or ()
    found: Any = next((value for key, value in metadata if key == _DETAILS_KEY), b"")
    return found if isinstance(found, bytes) else found.encode()


def _read_details(data: bytes) -> errors.ErrorDetails:
    return _details_of(_contract.message_type("google.rpc.Status").FromString(data))


def _details_of(status: Any) -> errors.ErrorDetails:
    found = {any_.TypeName().rpartition(".")[2]: any_ for any_ in status.details}

    def read(name: str) -> Any:
        message = _contract.message_type(f"google.rpc.{name}")()
        if name in found:
            found[name].Unpack(message)
        return message

    info = read("ErrorInfo")
    pause = read("RetryInfo").retry_delay
    return errors.ErrorDetails(
        reason=info.reason,
        metadata=dict(info.metadata),
        violations=tuple(errors.FieldViolation(json_path(v.field), v.description) for v in read("BadRequest").field_violations),
        retry_after=pause.seconds + pause.nanos / 1e9 if "RetryInfo" in found else None,
        resource=read("ResourceInfo").resource_name,
    )


def json_path(path: str) -> str:
    """The path of a field as job files spell it.

    >>> json_path("spec.schedule.step_size")
    'spec.schedule.stepSize'
    """
    if path.startswith("labels."):  # names of the user's own
        return path
    return re.sub("_([a-z0-9])", lambda match: match[1].upper(), path)


# gRPC tells these apart in words only.
_NOT_CONNECTED: Final = ("failed to connect to all addresses", "DNS resolution failed")
_REFUSED: Final = ("Connection refused", "DNS resolution failed")
_HANDSHAKE: Final = ("SSL_ERROR_SSL", "Hostname Verification Check failed", "is not in peer certificate")


def _has(words: str, parts: tuple[str, ...]) -> bool:
    return any(part in words for part in parts)


def _connection_error(words: str, server: str) -> errors.ConnectionFailedError:
    code = grpc.StatusCode.UNAVAILABLE
    if not _has(words, _NOT_CONNECTED):
        return errors.ConnectionFailedError(f"the connection to {server} was lost: {words}", code)
    if _has(words, _HANDSHAKE):
        return errors.HandshakeError(f"no agreement about TLS with {server}: {_why_no_tls(words)}", code)
    if "DNS resolution failed" in words:
        return errors.NothingListensError(f"no server answers at {server}: no such host is known", code)
    if _has(words, _REFUSED):
        return errors.NothingListensError(f"no server answers at {server}: connection refused, nothing listens there", code)
    return errors.NotConnectedError(
        f"no server answers at {server}: what listens there is too slow, speaks TLS where none is used, or is no sliceflow server", code
    )


def _why_no_tls(words: str) -> str:
    if "WRONG_VERSION_NUMBER" in words or "wrong version number" in words:
        return "what listens there does not speak TLS"
    if "CERTIFICATE_VERIFY_FAILED" in words or "certificate verify failed" in words:
        return "its certificate is not trusted here; tls_ca names the authority that signed it"
    return words
