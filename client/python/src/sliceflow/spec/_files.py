"""Job files: YAML or JSON as a protobuf message and back, with everything that is wrong beside its line."""

from __future__ import annotations

import difflib
import pathlib
from typing import Any, Final, TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message

from sliceflow import _contract
from sliceflow._contract import AnyDescriptor, AnyField, is_repeated
from sliceflow._optional import require
from sliceflow._status import json_path
from sliceflow.spec._scalar import ScalarError, add_scalar, set_scalar

_MOST_BYTES: Final = 1 << 20
_MOST_LEVELS: Final = 64
_MOST_VALUES: Final = 1_000_000
_MOST_PROBLEMS: Final = 100
_NULL: Final = "tag:yaml.org,2002:null"

Node = Any  # of YAML; its kinds are told apart by their id
M = TypeVar("M", bound=Message)


class JobFileError(ValueError):
    """A job file that is none. `problems` lists everything that is wrong, each as `FILE:LINE:COLUMN: field: what is wrong`."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def read(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise JobFileError([f"{path}: is larger than 1 MiB, the limit of such a file"])
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise JobFileError([f"{path}: the file is not UTF-8 text"]) from None


def text_of(message: Message) -> str:
    """A message as YAML, in the JSON form of protobuf."""
    fields = _without_quotes(json_format.MessageToDict(message, descriptor_pool=_contract.POOL))
    text = require("yaml").safe_dump(fields, sort_keys=False, allow_unicode=True, width=140, default_flow_style=None)
    return str(text)


def _without_quotes(value: Any) -> Any:
    """Large integers are text in the JSON form; in YAML they need no quotes, nor does a text of digits, which is read as one all the same."""
    if isinstance(value, dict):
        return {key: _without_quotes(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_quotes(each) for each in value]
    is_whole = isinstance(value, str) and value.removeprefix("-").isdecimal() and str(int(value)) == value
    return int(value) if is_whole else value


def parse(text: str, name: str, message: M) -> M:
    """Fills `message` from a text. JobFileError with everything that is wrong, where anything is."""
    yaml = require("yaml")
    reader = _Reader(name)
    try:
        documents = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
        if len(documents) > 1:
            reader.complain(documents[1], "", "the file holds more than one document; one job a file")
        elif not documents or documents[0].tag == _NULL:
            reader.problems.append((1, 1, f"{name}:1:1: the file is empty"))
        else:
            reader.read_message(documents[0], "", 0, message)
    except yaml.MarkedYAMLError as error:
        line, column = (error.problem_mark.line + 1, error.problem_mark.column + 1) if error.problem_mark else (1, 1)
        reader.problems.append((line, column, f"{name}:{line}:{column}: this is not YAML: {error.problem}"))
    except yaml.YAMLError as error:  # of a character that YAML has not
        reader.problems.append((1, 1, f"{name}:1:1: this is not YAML: {error}"))
    except RecursionError:
        reader.problems.append((1, 1, f"{name}: is nested too deeply; job files have at most {_MOST_LEVELS} levels"))
    if reader.problems:
        raise JobFileError([words for _, _, words in sorted(reader.problems, key=lambda problem: problem[:2])])
    return message


def _find_field(kind: AnyDescriptor, name: str) -> AnyField:
    return next((f for f in kind.fields if name in (f.name, f.json_name)), None)


def _is_output_only(field: AnyField) -> bool:
    behavior: Any = _contract.POOL.FindExtensionByName("google.api.field_behavior")
    options = _contract.message_type("google.protobuf.FieldOptions").FromString(field.GetOptions().SerializeToString())
    return behavior.enum_type.values_by_name["OUTPUT_ONLY"].number in options.Extensions[behavior]


def _field_names(kind: AnyDescriptor) -> str:
    return ", ".join(f.json_name for f in kind.fields if not _is_output_only(f)) or "no fields: {}"


def _unknown(name: str, kind: AnyDescriptor) -> str:
    near = difflib.get_close_matches(name, [f.json_name for f in kind.fields], n=1)
    return f"there is no such field; did you mean {near[0]}?" if near else f"there is no such field; here can be {_field_names(kind)}"


class _Reader:
    def __init__(self, name: str) -> None:
        self._name = name
        self._values = 0
        self._exhausted = False
        self.problems: list[tuple[int, int, str]] = []

    def complain(self, node: Node, path: str, words: str) -> None:
        if len(self.problems) < _MOST_PROBLEMS:
            line, column = node.start_mark.line + 1, node.start_mark.column + 1
            field = f"{json_path(path)}: " if path else ""
            self.problems.append((line, column, f"{self._name}:{line}:{column}: {field}{words}"))

    def _enter(self, node: Node, path: str, depth: int) -> bool:
        """Bounds the work that aliases can cause."""
        if self._exhausted:
            return False
        if depth > _MOST_LEVELS:
            self.complain(node, path, "is nested too deeply")
            return False
        self._values += 1
        self._exhausted = self._values > _MOST_VALUES
        if self._exhausted:
            self.complain(node, path, f"the file holds more than {_MOST_VALUES} values once its aliases are followed")
        return not self._exhausted

    def read_message(self, node: Node, path: str, depth: int, message: Message) -> None:
        if not self._enter(node, path, depth):
            return
        if node.id != "mapping":
            self.complain(node, path, f"must be a mapping of {_field_names(message.DESCRIPTOR)}")
            return
        message.SetInParent()
        seen: dict[AnyField, str] = {}
        for key, value in node.value:
            self._read_entry(key, value, path, depth, message, seen)

    def _read_entry(self, key: Node, value: Node, path: str, depth: int, message: Message, seen: dict[AnyField, str]) -> None:
        prefix = f"{path}." if path else ""
        if key.id != "scalar":
            self.complain(key, path, "has a name that is no text")
            return
        field = _find_field(message.DESCRIPTOR, key.value)
        if field is None:
            self.complain(key, prefix + key.value, _unknown(key.value, message.DESCRIPTOR))
            return
        name = prefix + field.name
        wrong = self._conflict(field, seen)
        seen[field] = field.json_name
        if wrong:
            self.complain(key, name, wrong)
        elif _is_output_only(field):
            return
        elif value.tag == _NULL:
            hint = ", or write {}" if field.message_type is not None and not is_repeated(field) else ""
            self.complain(key, name, f"has no value; leave it out{hint}")
        else:
            self._read_field(value, field, name, depth, message)

    @staticmethod
    def _conflict(field: AnyField, seen: dict[AnyField, str]) -> str:
        if field in seen:
            return "is given twice"
        others = [name for other, name in seen.items() if field.containing_oneof and other.containing_oneof is field.containing_oneof]
        return f"cannot stand beside {others[0]}: only one of them can be given" if others else ""

    def _read_field(self, node: Node, field: AnyField, path: str, depth: int, message: Message) -> None:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            self._read_map(node, field, path, depth, message)
        elif is_repeated(field):
            self._read_list(node, field, path, depth, message)
        elif field.message_type is not None:
            self.read_message(node, path, depth + 1, getattr(message, field.name))
        elif self._enter(node, path, depth):
            self._read_scalar(node, field, path, message)

    def _read_scalar(self, node: Node, field: AnyField, path: str, message: Message) -> None:
        put = add_scalar if is_repeated(field) else set_scalar
        if node.id != "scalar" or node.tag == _NULL:
            self.complain(node, path, "has no value" if node.tag == _NULL else "must be a single value")
            return
        try:
            put(node.value, field, message)
        except ScalarError as error:
            self.complain(node, path, str(error))

    def _read_list(self, node: Node, field: AnyField, path: str, depth: int, message: Message) -> None:
        if not self._enter(node, path, depth):
            return
        if node.id != "sequence":
            self.complain(node, path, "must be a list: [...]")
            return
        for index, element in enumerate(node.value):
            place = f"{path}[{index}]"
            if field.message_type is not None:
                self.read_message(element, place, depth + 1, getattr(message, field.name).add())
            elif self._enter(element, place, depth):
                self._read_scalar(element, field, place, message)

    def _read_map(self, node: Node, field: AnyField, path: str, depth: int, message: Message) -> None:
        if not self._enter(node, path, depth):
            return
        if node.id != "mapping":
            self.complain(node, path, "must be a mapping")
            return
        target: Any = getattr(message, field.name)
        for key, value in node.value:
            place = f"{path}.{key.value}"
            if key.id != "scalar" or value.id != "scalar" or value.tag == _NULL:
                self.complain(key, path, "must map single values to single values")
            elif key.value in target:
                self.complain(key, place, "is given twice")
            elif self._enter(value, place, depth):
                target[key.value] = value.value
