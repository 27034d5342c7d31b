"""Calls to a server, blocking and asynchronous, each with its deadline and its attempts."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import grpc

from sliceflow import _contract, _status, errors
from sliceflow._channel import ChannelOptions, open_async_channel, open_channel
from sliceflow._retry import Attempts, RetryPolicy
from sliceflow._tensor import Assembler, FloatArray

T = TypeVar("T")

# gRPC's names for how many messages go and come.
_ARITY: Final = {(False, False): "unary_unary", (False, True): "unary_stream", (True, False): "stream_unary", (True, True): "stream_stream"}


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """How calls are made; see `Client`. Times in seconds."""

    channel: ChannelOptions
    timeout: float
    transfer_timeout: float
    patience: float
    retry: RetryPolicy

    def __post_init__(self) -> None:
        for name in ("timeout", "transfer_timeout", "patience"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0 seconds; it is {getattr(self, name)}")

    def error(self, error: grpc.RpcError) -> errors.SliceflowError:
        return _status.from_call(error, self.channel.server)


def _open(channel: Any, service: str, name: str) -> Callable[..., Any]:
    """The method on a channel, of either kind."""
    method = _contract.method(service, name)
    arity = _ARITY[method.client_streaming, method.server_streaming]
    response: Any = _contract.message_class(method.output_type)
    path = f"/{method.containing_service.full_name}/{method.name}"
    request: Any = _contract.message_class(method.input_type)
    opened: Callable[..., Any] = getattr(channel, arity)(
        path, request_serializer=request.SerializeToString, response_deserializer=response.FromString
    )
    return opened


class Calls:
    """Blocking calls over one channel. Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._channel = open_channel(settings.channel)

    def close(self) -> None:
        self._channel.close()

    def start(self, service: str, name: str, request: object, timeout: float | None) -> Any:
        """Begins a call and answers what gRPC answers; its errors are gRPC's."""
        return _open(self._channel, service, name)(request, timeout=timeout, metadata=self.settings.channel.metadata)

    def unary(self, service: str, name: str, request: object, *, idempotent: bool = True, timeout: float | None = None) -> Any:
        """One message for one message. `timeout`: of all attempts together; the settings' where it is None."""
        return self.repeat(lambda left: self.start(service, name, request, left), timeout or self.settings.timeout, idempotent=idempotent)

    def repeat(self, attempt: Callable[[float], T], timeout: float, *, idempotent: bool = True) -> T:
        """`attempt(seconds left)` until it succeeds or is not worth another one."""
        attempts = Attempts(self.settings.retry, timeout, idempotent=idempotent)
        while True:
            try:
                return attempt(attempts.remaining)
            except grpc.RpcError as error:
                failure = self.settings.error(error)
            except errors.SliceflowError as error:
                failure = error
            time.sleep(attempts.pause_after(failure))

    def tensor(self, service: str, name: str, request: object) -> FloatArray:
        """The array that a method streams."""
        return self.repeat(lambda left: read_tensor(self.start(service, name, _again(request), left)), self.settings.transfer_timeout)

    def file(self, service: str, name: str, request: object, on_read: Callable[[int], None]) -> bytes:
        """The bytes that a method streams. `on_read` is told how many have come; from 0 again with another attempt."""
        return self.repeat(lambda left: read_file(self.start(service, name, request, left), on_read), self.settings.transfer_timeout)


def read_file(call: Any, on_read: Callable[[int], None]) -> bytes:
    file = bytearray()
    try:
        for message in call:
            file += message.data
            on_read(len(file))
    finally:
        call.cancel()
    return bytes(file)


def _again(request: Any) -> Any:
    """A request of one message as it is; one of many from its beginning."""
    return request() if callable(request) else request


def read_tensor(call: Any) -> FloatArray:
    assembler = Assembler()
    try:
        for chunk in call:
            assembler.add(chunk)
    finally:
        call.cancel()  # changes nothing where the stream has ended
    return assembler.take()


class AsyncCalls:
    """Calls over one channel, for the event loop that runs where they are first made."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._channel = open_async_channel(settings.channel)

    async def close(self) -> None:
        await self._channel.close()

    def start(self, service: str, name: str, request: object, timeout: float | None) -> Any:
        """As of `Calls`."""
        return _open(self._channel, service, name)(request, timeout=timeout, metadata=self.settings.channel.metadata)

    async def unary(self, service: str, name: str, request: object, *, idempotent: bool = True, timeout: float | None = None) -> Any:
        """As of `Calls`."""
        return await self.repeat(
            lambda left: self.start(service, name, request, left), timeout or self.settings.timeout, idempotent=idempotent
        )

    async def repeat(self, attempt: Callable[[float], Awaitable[T]], timeout: float, *, idempotent: bool = True) -> T:
        """As of `Calls`."""
        attempts = Attempts(self.settings.retry, timeout, idempotent=idempotent)
        while True:
            try:
                return await attempt(attempts.remaining)
            except grpc.RpcError as error:
                failure = self.settings.error(error)
            except errors.SliceflowError as error:
                failure = error
            await asyncio.sleep(attempts.pause_after(failure))

    async def tensor(self, service: str, name: str, request: object) -> FloatArray:
        """As of `Calls`."""

        async def attempt(left: float) -> FloatArray:
            assembler = Assembler()
            call = self.start(service, name, _again(request), left)
            try:
                async for chunk in call:
                    assembler.add(chunk)
            finally:
                call.cancel()
            return assembler.take()

        return await self.repeat(attempt, self.settings.transfer_timeout)

    async def file(self, service: str, name: str, request: object, on_read: Callable[[int], None]) -> bytes:
        """As of `Calls`."""

        async def attempt(left: float) -> bytes:
            file = bytearray()
            call = self.start(service, name, request, left)
            try:
                async for message in call:
                    file += message.data
                    on_read(len(file))
            finally:
                call.cancel()
            return bytes(file)

        return await self.repeat(attempt, self.settings.transfer_timeout)
