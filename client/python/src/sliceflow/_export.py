"""Exported models as requests and files."""

from __future__ import annotations

import os
import pathlib
import tempfile
from typing import Final, Literal

from sliceflow._channel import PathLike
from sliceflow._requests import whole
from sliceflow.v1 import job_service_pb2

ExportFormat = Literal["torchscript", "safetensors"]

_FORMATS: Final = {
    "torchscript": job_service_pb2.ExportModelRequest.TORCH_SCRIPT,
    "safetensors": job_service_pb2.ExportModelRequest.SAFETENSORS,
}


def request(job: str, export_format: ExportFormat, step: int | None) -> job_service_pb2.ExportModelRequest:
    if export_format not in _FORMATS:
        raise ValueError(f"format must be one of {', '.join(map(repr, _FORMATS))}; it is {export_format!r}")
    return job_service_pb2.ExportModelRequest(name=job, step=None if step is None else whole("step", step), format=_FORMATS[export_format])


def target(path: PathLike, overwrite: bool) -> pathlib.Path:
    """Where the file goes. Asked before the server is."""
    found = pathlib.Path(path)
    if found.exists() and not overwrite:
        raise FileExistsError(f"{found} exists; overwrite=True replaces it")
    if not found.parent.is_dir():
        raise FileNotFoundError(f"{found.parent} is no folder")
    return found


def write(path: pathlib.Path, data: bytes) -> pathlib.Path:
    """All or nothing: the file is there under its name once it is complete."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return path
