"""The way to a server: in the clear or encrypted, with or without a token."""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import pathlib
from typing import Final

import grpc

_LONGEST_TOKEN: Final = 4096
DEFAULT_SERVER: Final = "127.0.0.1:50051"

# As the C++ client has them. Keepalive finds a peer that vanished without a word; servers count more than one ping in five minutes as
# abuse. A message is bounded by what the contract allows: a job with its specification, or 1 MiB of data.
_ARGUMENTS: Final = (
    ("grpc.keepalive_time_ms", 310_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.max_receive_message_length", 16 << 20),
)

PathLike = str | os.PathLike[str]


@dataclasses.dataclass(frozen=True, slots=True)
class ChannelOptions:
    """Where a server is and how it is spoken to; see `Client`."""

    server: str
    token: str = ""
    tls: bool = False
    tls_ca: PathLike | None = None
    tls_cert: PathLike | None = None
    tls_key: PathLike | None = None
    insecure: bool = False

    @property
    def is_encrypted(self) -> bool:
        return self.tls or self.tls_ca is not None or self.tls_cert is not None

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()


def channel_options(
    server: str | None,
    token: str | None,
    tls: bool,
    tls_ca: PathLike | None,
    tls_cert: PathLike | None,
    tls_key: PathLike | None,
    insecure: bool,
) -> ChannelOptions:
    """What is left out is taken from the environment, by the command line's names. ValueError where things do not go together."""
    options = ChannelOptions(
        server=server or os.environ.get("SLICEFLOW_SERVER") or DEFAULT_SERVER,
        token=_token_of_environment() if token is None else token,
        tls=tls,
        tls_ca=tls_ca or os.environ.get("SLICEFLOW_TLS_CA") or None,
        tls_cert=tls_cert,
        tls_key=tls_key,
        insecure=insecure,
    )
    _check_token(options.token, "the token")
    if (tls_cert is None) != (tls_key is None):
        raise ValueError("a certificate of the client (tls_cert) needs its key (tls_key), and a key its certificate")
    if options.token and not options.is_encrypted and not insecure and not is_local(options.server):
        raise ValueError(
            f"the token would go to {options.server} in the clear, where others can take it: "
            "use tls=True or tls_ca=FILE, or insecure=True where the network is trusted"
        )
    return options


def _token_of_environment() -> str:
    file = os.environ.get("SLICEFLOW_TOKEN_FILE")
    return read_token(file) if file else os.environ.get("SLICEFLOW_TOKEN", "")


def read_token(path: PathLike) -> str:
    """The token in a file, without the white space around it. ValueError naming the file where it holds none."""
    token = pathlib.Path(path).read_text().strip()
    if not token:
        raise ValueError(f"{os.fspath(path)}: holds no token")
    _check_token(token, os.fspath(path))
    return token


def _check_token(token: str, what: str) -> None:
    if not all("!" <= letter <= "~" for letter in token):
        raise ValueError(f"{what} must hold a token and nothing else: printable characters without white space")
    if len(token) > _LONGEST_TOKEN:
        raise ValueError(f"{what} holds no token: it is longer than {_LONGEST_TOKEN} bytes")


def is_local(server: str) -> bool:
    """Whether what is sent to the server stays on this machine.

    >>> is_local("127.0.0.1:50051"), is_local("[::1]:50051"), is_local("unix:/tmp/socket"), is_local("127.0.0.1.example.org:50051")
    (True, True, True, False)
    """
    if server.startswith(("unix:", "unix-abstract:")):
        return True
    host = server.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _pem(path: PathLike | None) -> bytes | None:
    if path is None:
        return None
    data = pathlib.Path(path).read_bytes()
    if b"-----BEGIN " not in data:
        raise ValueError(f"{os.fspath(path)}: holds nothing in PEM")
    return data


def _credentials(options: ChannelOptions) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(_pem(options.tls_ca), _pem(options.tls_key), _pem(options.tls_cert))


def open_channel(options: ChannelOptions) -> grpc.Channel:
    """Does not connect yet."""
    if options.is_encrypted:
        return grpc.secure_channel(options.server, _credentials(options), options=_ARGUMENTS)
    return grpc.insecure_channel(options.server, options=_ARGUMENTS)


def open_async_channel(options: ChannelOptions) -> grpc.aio.Channel:
    """Does not connect yet. To be called where an event loop runs."""
    if options.is_encrypted:
        return grpc.aio.secure_channel(options.server, _credentials(options), options=_ARGUMENTS)
    return grpc.aio.insecure_channel(options.server, options=_ARGUMENTS)
