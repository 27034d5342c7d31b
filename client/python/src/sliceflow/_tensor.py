"""Arrays as they travel: packed little-endian float32 in chunks of at most 1 MiB."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from sliceflow.errors import DataLossError
from sliceflow.v1 import tensor_pb2

FloatArray = npt.NDArray[np.float32]

_CHUNK_BYTES: Final = 1 << 20
_MOST_VALUES: Final = 1 << 30
_WIRE: Final = np.dtype("<f4")


def chunks(array: FloatArray) -> Iterator[tensor_pb2.TensorChunk]:
    """The chunks of an array in order; one without data where the array is empty.

    >>> import numpy as np
    >>> [(list(c.shape), c.offset, len(c.data), c.last) for c in chunks(np.zeros((2, 3), np.float32))]
    [([2, 3], 0, 24, True)]
    """
    data = np.ascontiguousarray(array, dtype=_WIRE).tobytes()
    for offset in range(0, max(len(data), 1), _CHUNK_BYTES):
        piece = data[offset : offset + _CHUNK_BYTES]
        shape = array.shape if offset == 0 else ()
        yield tensor_pb2.TensorChunk(shape=shape, offset=offset, data=piece, last=offset + len(piece) == len(data))


class Assembler:
    """Puts chunks together again. DataLossError where they do not fit."""

    def __init__(self) -> None:
        self._shape: tuple[int, ...] | None = None
        self._data = bytearray()
        self._expected = 0
        self.complete = False

    def add(self, chunk: tensor_pb2.TensorChunk) -> None:
        if self._shape is None:
            self._begin(chunk)
        if self.complete or chunk.offset != len(self._data) or len(self._data) + len(chunk.data) > self._expected:
            raise DataLossError("a chunk of the array is not the one that follows")
        self._data += chunk.data
        if chunk.last and len(self._data) != self._expected:
            raise DataLossError(f"the array ended at {len(self._data)} of {self._expected} bytes")
        self.complete = chunk.last

    def _begin(self, chunk: tensor_pb2.TensorChunk) -> None:
        shape = tuple(chunk.shape)
        if not shape or min(shape) < 0 or math.prod(shape) > _MOST_VALUES:
            raise DataLossError(f"{list(shape)} is no shape of an array")
        self._shape = shape
        self._expected = math.prod(shape) * _WIRE.itemsize

    def take(self) -> FloatArray:
        """The array, of the shape that was sent. DataLossError where it is not complete."""
        if not self.complete or self._shape is None:
            raise DataLossError("the server's answer ended before the array was complete")
        return np.frombuffer(bytes(self._data), dtype=_WIRE).astype(np.float32, copy=False).reshape(self._shape)


def as_points(points: npt.ArrayLike) -> FloatArray:
    """Points as float32 of shape [count, dimension].

    One axis is a point where it stands alone only if the dimension is said, which it is not: it is refused.

    >>> as_points([[0, 1], [2, 3]]).shape
    (2, 2)
    """
    given = np.asarray(points)
    if given.dtype.kind not in "fiub":
        raise TypeError(f"points must be real numbers; these are of type {given.dtype}")
    if given.ndim != 2:
        raise ValueError(f"points need two axes, [count, dimension]; these have the shape {list(given.shape)}")
    with np.errstate(over="ignore"):  # told here, with the row
        array = given.astype(np.float32)
    beyond = np.argwhere(np.isfinite(given) & ~np.isfinite(array))
    if beyond.size:
        row, column = (int(index) for index in beyond[0])
        value = given[row, column]
        raise ValueError(f"points[{row}, {column}] is {value:g}; they travel as float32, which holds magnitudes of at most 3.4e38")
    return array
