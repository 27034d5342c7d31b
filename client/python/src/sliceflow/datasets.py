"""Data sets: tables of numbers that jobs refer to, from arrays, data frames and files."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import io
import os
import pathlib
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final, Literal

import numpy as np
import numpy.typing as npt

from sliceflow import _html
from sliceflow.v1 import dataset_pb2, dataset_service_pb2

_PIECE: Final = 512 * 1024
_IN_MEMORY: Final = 64 << 20  # an array of more bytes goes through a temporary file

FileFormat = Literal["csv", "npy", "idx"]
_ENDINGS: Final[dict[str, FileFormat]] = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".npy": "npy", ".idx": "idx", "-ubyte": "idx"}


@dataclasses.dataclass(frozen=True, slots=True)
class Dataset:
    """A table of float32 numbers, kept by the server. Builders and distances take it where they take a data set's name.

    name: `datasets/ID`. rows, columns: its shape; an array of more axes was flattened after the first.
    row_shape: lengths of the axes after the first, as uploaded, such as (28, 28) for images.
    label_values: the values of the last column where they are labels, (−1, 1) or (0, 1); empty otherwise.
    sha256: of the bytes as uploaded. size_bytes: of the stored table. owner: empty where the server asks for no tokens.
    """

    name: str
    display_name: str
    rows: int
    columns: int
    row_shape: tuple[int, ...]
    label_values: tuple[float, ...]
    sha256: str
    size_bytes: int
    create_time: datetime.datetime
    owner: str

    def _repr_html_(self) -> str:
        return _html.dataset(self)


def dataset_of(message: dataset_pb2.Dataset) -> Dataset:
    return Dataset(
        message.name,
        message.display_name,
        message.rows,
        message.columns,
        tuple(message.row_shape),
        tuple(message.label_values),
        message.sha256,
        message.size_bytes,
        message.create_time.ToDatetime(datetime.UTC),
        message.owner,
    )


DataLike = npt.ArrayLike | str | os.PathLike[str]
"""What can be uploaded: an array or anything that NumPy makes one of, a data frame of numbers, or the path of a file."""


class Upload:
    """The bytes of one upload, from wherever the server has them already."""

    def __init__(
        self,
        data: Any,
        *,
        dataset_id: str | None,
        display_name: str,
        scale: float | None,
        max_rows: int | None,
        file_format: FileFormat | None,
    ) -> None:
        self._file, self.name, kind, gzip = _open(data, file_format)
        try:
            self.size = self._file.seek(0, os.SEEK_END)
            if self.size == 0:
                raise ValueError(f"{self.name}: is empty")
            self._file.seek(0)
            self.sha256 = _sha256(self._file)
        except BaseException:
            self._file.close()
            raise
        self._header = dataset_service_pb2.UploadHeader(
            dataset_id=(dataset_id or "").removeprefix("datasets/"), display_name=display_name, size_bytes=self.size, sha256=self.sha256
        )
        self._header.format.CopyFrom(dataset_pb2.DatasetFormat(kind=kind.upper(), gzip=gzip, scale=scale, max_rows=max_rows))
        self._failure: OSError | None = None

    def close(self) -> None:
        self._file.close()

    def lookup(self) -> dataset_service_pb2.GetUploadRequest:
        """Asks how much the server has already."""
        return dataset_service_pb2.GetUploadRequest(sha256=self.sha256)

    def raise_failure(self) -> None:
        """What went wrong with the file while it was sent: gRPC tells only that something did."""
        if self._failure is not None:
            raise self._failure

    def messages(self, stored: int, on_sent: Callable[[int], None]) -> Iterator[dataset_service_pb2.UploadDatasetRequest]:
        """The header, and the bytes behind those that are stored."""
        offset = stored if stored <= self.size else 0
        self._header.offset = offset
        yield dataset_service_pb2.UploadDatasetRequest(header=self._header)
        while offset < self.size:
            piece = self._read(offset)
            if not piece:
                return
            yield dataset_service_pb2.UploadDatasetRequest(data=piece)
            offset += len(piece)
            on_sent(offset)

    def _read(self, offset: int) -> bytes:
        try:
            self._file.seek(offset)
            piece = self._file.read(min(_PIECE, self.size - offset))
        except OSError as error:
            self._failure = error
            return b""
        if not piece:
            self._failure = OSError(f"{self.name}: became shorter while it was read")
        return piece


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while piece := file.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()


def _open(data: Any, file_format: FileFormat | None) -> tuple[BinaryIO, str, FileFormat, bool]:
    """The bytes, what to call them, their format, and whether they are compressed."""
    if not isinstance(data, (str, os.PathLike)):
        return _array_file(_as_array(data)), "array", "npy", False
    path = pathlib.Path(data)
    kind, gzip = _format_of(path, file_format)
    return path.open("rb"), str(path), kind, gzip


def _format_of(path: pathlib.Path, asked: FileFormat | None) -> tuple[FileFormat, bool]:
    lower = path.name.lower()
    name = lower.removesuffix(".gz")
    kind = asked or next((kind for ending, kind in _ENDINGS.items() if name.endswith(ending)), None)
    if kind is None:
        raise ValueError(f"{path}: its name does not tell its format; say file_format='csv', 'npy' or 'idx'")
    return kind, name != lower


def _as_array(data: Any) -> npt.NDArray[Any]:
    if hasattr(data, "to_numpy"):
        data = _frame_values(data)
    array = np.asarray(data)
    if array.dtype.kind not in "fiub" or array.ndim == 0:
        raise TypeError(f"a data set is a table of numbers; this is of {array.dtype} and the shape {list(array.shape)}")
    if array.dtype.kind == "b":
        array = array.astype(np.uint8)
    if array.dtype.kind == "f" and array.dtype.itemsize not in (4, 8):
        array = array.astype(np.float64 if array.dtype.itemsize > 8 else np.float32)
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))


def _frame_values(frame: Any) -> npt.NDArray[Any]:
    """The numbers of a data frame (or a series). Columns of words, of which a server could make nothing, are named."""
    if hasattr(frame, "select_dtypes"):
        others = [str(column) for column in frame.select_dtypes(exclude=["number", "bool"]).columns]
        if others:
            raise TypeError(f"a data set is a table of numbers; these columns are not: {', '.join(others)}")
    values: npt.NDArray[Any] = frame.to_numpy(dtype=np.float64)
    return values


def _array_file(array: npt.NDArray[Any]) -> BinaryIO:
    file = tempfile.TemporaryFile() if array.nbytes > _IN_MEMORY else io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file
