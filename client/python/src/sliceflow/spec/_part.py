"""What all builders share: a protobuf message behind a class, filled by the names of its fields."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from sliceflow._contract import AnyField, is_repeated

VectorLike = npt.ArrayLike
MatrixLike = npt.ArrayLike

_INTEGERS: Final = {
    FieldDescriptor.CPPTYPE_INT32,
    FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT32,
    FieldDescriptor.CPPTYPE_UINT64,
}
_SHOWN: Final = 64  # numbers of an array that a text spells out
_PARTS: Final[dict[str, type[Part]]] = {}  # the part that a message is, by the message's name
_KINDS: Final[dict[str, str]] = {}  # what makes the kind of a choice, such as `Model.real_nvp`, by the name of its message


@runtime_checkable
class _Named(Protocol):
    @property
    def name(self) -> str: ...


DatasetLike = str | _Named
"""A data set: what `Client.upload` answers, or its name `datasets/{dataset}`."""


class Part:
    """A part of a job's specification: immutable, equal by value, printed as the code that makes it.

    What is left out (None) has the default that its description names, which the server fills in. Safe to share between threads.
    """

    _TYPE: ClassVar[type[Message]]
    _message: Message

    def __init_subclass__(cls) -> None:
        if "_TYPE" in cls.__dict__:
            _PARTS[cls._TYPE.DESCRIPTOR.name] = cls

    def __init__(self, **fields: object) -> None:
        self._message = self._TYPE()
        fill(self._message, fields)

    @classmethod
    def _wrap(cls, message: Message) -> Self:
        part = cls.__new__(cls)
        part._message = message
        return part

    @classmethod
    def from_proto(cls, message: Any) -> Self:
        """The part that a message of the contract describes."""
        if not isinstance(message, cls._TYPE):
            raise TypeError(f"{cls.__name__} is made from a {cls._TYPE.DESCRIPTOR.full_name}, not from {type(message).__name__}")
        copy = cls._TYPE()
        copy.CopyFrom(message)
        return cls._wrap(copy)

    def to_proto(self) -> Any:
        """The part as a message of the contract, `sliceflow.v1`; a copy."""
        copy = self._TYPE()
        copy.CopyFrom(self._message)
        return copy

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Part) and self._message == other._message

    def __hash__(self) -> int:
        return hash(self._message.SerializeToString(deterministic=True))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(_arguments(self._message))})"


class Choice(Part):
    """A part of one of several kinds; each kind is made by a method of its name."""

    _ALIAS: ClassVar[dict[str, str]] = {}
    """Names of kinds in Python where they are not those of the contract."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "_TYPE" in cls.__dict__:
            kinds = cls._TYPE.DESCRIPTOR.oneofs[0].fields
            _KINDS.update({f.message_type.name: f"{cls.__name__}.{cls._ALIAS.get(f.name, f.name)}" for f in kinds if f.message_type})

    @classmethod
    def _of(cls, kind: str, *, outer: dict[str, object] | None = None, **fields: object) -> Self:
        message = cls._TYPE()
        if cls._TYPE.DESCRIPTOR.fields_by_name[kind].message_type is None:
            fill(message, fields)
        else:
            chosen = getattr(message, kind)
            chosen.SetInParent()
            fill(chosen, fields)
        fill(message, outer or {})
        return cls._wrap(message)

    @property
    def kind(self) -> str:
        """The kind's name in the contract, such as `real_nvp`; empty where nothing is chosen."""
        return self._message.WhichOneof(self._TYPE.DESCRIPTOR.oneofs[0].name) or ""

    def __repr__(self) -> str:
        if not self.kind:
            return super().__repr__()
        outer = list(_arguments(self._message, leave_out=self.kind))
        chosen = getattr(self._message, self.kind)
        inner = list(_arguments(chosen)) if isinstance(chosen, Message) else [repr(chosen)]
        return f"{type(self).__name__}.{self._ALIAS.get(self.kind, self.kind)}({', '.join(inner + outer)})"


# ---- filling


def fill(message: Message, fields: dict[str, object]) -> None:
    """Sets the fields that are not None. TypeError or ValueError naming the field whose value does not fit."""
    for name, value in fields.items():
        if value is None:
            continue
        try:
            _set(message, message.DESCRIPTOR.fields_by_name[name], value)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name}: {error}") from None


def _set(message: Message, field: AnyField, value: Any) -> None:
    target = getattr(message, field.name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        target.update(value)
    elif field.message_type is not None and is_repeated(field):
        target.extend([_message_of(part, field) for part in value])
    elif field.message_type is not None and field.message_type.name == "Matrix":
        target.values.extend(_square(value).ravel().tolist())
    elif field.message_type is not None:
        target.CopyFrom(_message_of(value, field))
        target.SetInParent()
    elif is_repeated(field):
        target.extend(_list(value, field))
    else:
        setattr(message, field.name, _scalar(value, field))


def _message_of(value: object, field: AnyField) -> Message:
    """The message of a part, or of what it chooses, whichever the field takes."""
    if not isinstance(value, Part):
        raise TypeError(f"must be a {field.message_type.name}; it is a {type(value).__name__}")
    message = value._message
    if message.DESCRIPTOR is field.message_type:
        return message
    chosen = getattr(message, value.kind) if isinstance(value, Choice) and value.kind else None
    if isinstance(chosen, Message) and chosen.DESCRIPTOR is field.message_type:
        return chosen
    raise TypeError(f"must be a {field.message_type.name}; it is {value!r}")


def _square(value: npt.ArrayLike) -> npt.NDArray[np.float64]:
    matrix = np.asarray(value, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"must be a square matrix; it has the shape {list(matrix.shape)}")
    return matrix


def _list(value: Any, field: AnyField) -> list[Any]:
    if field.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE:
        vector = np.asarray(value, dtype=np.float64)
        if vector.ndim != 1:
            raise ValueError(f"must have one axis; it has the shape {list(vector.shape)}")
        return list(vector.tolist())
    return [_scalar(element, field) for element in value]


def _scalar(value: Any, field: AnyField) -> Any:
    if field.enum_type is not None:
        names = [v.name for v in field.enum_type.values if not v.name.endswith("_UNSPECIFIED")]
        if value not in names:
            raise ValueError(f"must be one of {', '.join(names)}; it is {value!r}")
        return field.enum_type.values_by_name[value].number
    if field.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE:
        return float(value)
    if field.cpp_type in _INTEGERS:
        return operator.index(value)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return bool(value)
    if isinstance(value, _Named):
        return value.name
    if not isinstance(value, str):
        raise TypeError(f"must be a text; it is a {type(value).__name__}")
    return value


def fill_mixture(mixture: Any, means: MatrixLike, covariances: npt.ArrayLike | None, weights: VectorLike | None) -> None:
    """Sets the components of a mixture: means [k, d], covariances [k, d, d] or one [d, d] for all, weights [k]."""
    centres = np.asarray(means, dtype=np.float64)
    if centres.ndim != 2 or 0 in centres.shape:
        raise ValueError(f"means must have the shape [components, dimension]; it is {list(centres.shape)}")
    count, dimension = centres.shape
    component = {"mean": centres.tolist()}
    if covariances is not None:
        component["covariance"] = _broadcast("covariances", covariances, (count, dimension, dimension))
    if weights is not None:
        component["weight"] = _broadcast("weights", weights, (count,))
    for i in range(count):
        fill(mixture.components.add(), {name: values[i] for name, values in component.items()})


def _broadcast(name: str, values: npt.ArrayLike, shape: tuple[int, ...]) -> list[Any]:
    array = np.asarray(values, dtype=np.float64)
    if array.shape not in (shape, shape[1:]) or array.ndim == 0:
        raise ValueError(f"{name} must have the shape {list(shape)}; it is {list(array.shape)}")
    return list(np.broadcast_to(array, shape).tolist())


# ---- showing


def _arguments(message: Message, leave_out: str = "") -> Iterator[str]:
    if "components" in message.DESCRIPTOR.fields_by_name:
        yield from _mixture_arguments(message)
        return
    for field, value in message.ListFields():
        if field.name != leave_out:
            yield f"{field.name}={_text(field, value)}"


def _text(field: AnyField, value: Any) -> str:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return repr(dict(value))
    if field.message_type is not None and is_repeated(field):
        return "[" + ", ".join(show(element) for element in value) + "]"
    if field.message_type is not None and field.message_type.name == "Matrix":
        return _matrix_text(value.values)
    if field.message_type is not None:
        return show(value)
    if field.enum_type is not None:
        return repr(field.enum_type.values_by_number[value].name)
    return vector_text(value) if is_repeated(field) else _number_text(value)


def _mixture_arguments(mixture: Any) -> Iterator[str]:
    """What is left out of some components only is shown by its default."""
    components = mixture.components
    dimension = max((len(c.mean) or round(len(c.covariance.values) ** 0.5) for c in components), default=0)
    yield f"means=[{', '.join(vector_text(c.mean or [0.0] * dimension) for c in components)}]"
    if any(c.HasField("covariance") for c in components):
        identity = np.eye(dimension).ravel().tolist()
        yield f"covariances=[{', '.join(_matrix_text(c.covariance.values or identity) for c in components)}]"
    if any(c.HasField("weight") for c in components):
        yield f"weights={vector_text([c.weight if c.HasField('weight') else 1.0 for c in components])}"


def _number_text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else repr(value)


def vector_text(values: Sequence[Any]) -> str:
    if len(values) > _SHOWN:
        return f"[... {len(values)} numbers ...]"
    return "[" + ", ".join(map(_number_text, values)) + "]"


def _matrix_text(values: Sequence[float]) -> str:
    side = round(len(values) ** 0.5)
    if len(values) > _SHOWN:
        return f"[... {side} × {side} numbers ...]"
    return "[" + ", ".join(vector_text(values[i : i + side]) for i in range(0, len(values), side)) + "]"


def show(message: Message) -> str:
    """A message as the code that makes it."""
    name = message.DESCRIPTOR.name
    if name in _PARTS:
        return repr(_PARTS[name]._wrap(message))
    call = _KINDS.get(name, name)
    return f"{call}({', '.join(_arguments(message))})"
