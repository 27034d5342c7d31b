"""One scalar of a job file as a value of a protobuf field, as the JSON mapping of protobuf and the command line read it."""

from __future__ import annotations

import math
import re
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from sliceflow._contract import AnyField

_WORDS: Final = {
    **dict.fromkeys((".nan", ".NaN", "NaN"), math.nan),
    **dict.fromkeys((".inf", "+.inf", "Infinity"), math.inf),
    **dict.fromkeys(("-.inf", "-Infinity"), -math.inf),
}
_DECIMAL: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_RANGES: Final = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
_SHOWN: Final = 40


class ScalarError(ValueError):
    """What is wrong with a scalar."""


def set_scalar(text: str, field: AnyField, message: Message) -> None:
    """Sets a field from a scalar. ScalarError saying what would be right."""
    setattr(message, field.name, _value(text, field))


def add_scalar(text: str, field: AnyField, message: Message) -> None:
    """Appends a scalar to a repeated field, as `set_scalar`."""
    values: Any = getattr(message, field.name)
    values.append(_value(text, field))


def _value(text: str, field: AnyField) -> object:
    if field.enum_type is not None:
        return _enum(text, field)
    if field.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE:
        return _number(text)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        if text not in ("true", "false"):
            raise ScalarError(f"must be true or false; it is {_quoted(text)}")
        return text == "true"
    if field.cpp_type in _RANGES:
        return _integer(text, *_RANGES[field.cpp_type])
    return text


def _number(text: str) -> float:
    if text in _WORDS:
        return _WORDS[text]
    if not _DECIMAL.fullmatch(text):
        raise ScalarError(f"must be a number; it is {_quoted(text)}")
    return float(text)


def _integer(text: str, low: int, high: int) -> int:
    """Whole numbers, also as 1e3 or 2.0."""
    if re.fullmatch(r"[+-]?\d+", text):
        value = int(text)
    else:
        try:
            number = _number(text)
        except ScalarError:
            raise ScalarError(f"must be a whole number; it is {_quoted(text)}") from None
        # Above 2^53 a double no longer tells whole numbers apart.
        if not math.isfinite(number) or number != int(number) or abs(number) > 2**53:
            raise ScalarError(f"must be a whole number between {low} and {high}; it is {text}")
        value = int(number)
    if not low <= value <= high:
        raise ScalarError(f"must be a whole number between {low} and {high}; it is {text}")
    return value


def _enum(text: str, field: AnyField) -> int:
    if text in field.enum_type.values_by_name:
        return int(field.enum_type.values_by_name[text].number)
    if text.isdecimal() and int(text) in field.enum_type.values_by_number:
        return int(text)
    names = ", ".join(v.name for v in field.enum_type.values if not v.name.endswith("_UNSPECIFIED"))
    raise ScalarError(f"must be one of {names}; it is {_quoted(text)}")


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
