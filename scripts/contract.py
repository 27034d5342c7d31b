"""The contract as Python objects: descriptors of proto/ with their comments, read by protoc."""

import pathlib
import re
import subprocess
import sysconfig
import tempfile

from google.api import field_behavior_pb2
from google.protobuf import descriptor_pb2

ROOT = pathlib.Path(__file__).resolve().parent.parent
FieldProto = descriptor_pb2.FieldDescriptorProto

# Numbers of FileDescriptorProto's and DescriptorProto's fields, of which the paths of comments are made.
FILE_MESSAGE, FILE_ENUM, FILE_SERVICE = 4, 5, 6
MESSAGE_FIELD, MESSAGE_NESTED, MESSAGE_ENUM, MESSAGE_ONEOF = 2, 3, 4, 8
ENUM_VALUE, SERVICE_METHOD = 2, 2


class Commented:
    """A descriptor with its comment as one paragraph a block of lines."""

    def __init__(self, proto, comment: str):
        self.proto = proto
        self.name = proto.name
        paragraphs = re.split(r"\n\s*\n", comment.strip())
        self.comment = "\n\n".join(" ".join(line.strip() for line in paragraph.splitlines()) for paragraph in paragraphs)


class Field(Commented):
    @property
    def json_name(self) -> str:
        return self.proto.json_name

    @property
    def repeated(self) -> bool:
        return self.proto.label == FieldProto.LABEL_REPEATED

    @property
    def type_name(self) -> str:
        """The full name of its message or enum, without the leading dot; empty for scalars."""
        return self.proto.type_name.lstrip(".")

    @property
    def scalar(self) -> str:
        return FieldProto.Type.Name(self.proto.type).removeprefix("TYPE_").lower()

    def has_behavior(self, name: str) -> bool:
        return field_behavior_pb2.FieldBehavior.Value(name) in self.proto.options.Extensions[field_behavior_pb2.field_behavior]

    @property
    def default(self) -> str | None:
        """The literal of `Default: ...` in its comment, where that is a number, a boolean or a name in capitals."""
        found = re.search(r"Default: (-?\d+(?:\.\d+)?(?:e-?\d+)?|true|false|[A-Z_]{2,})(?=\.(?:\s|$)|$)", self.comment)
        return found.group(1) if found else None


class Oneof(Commented):
    def __init__(self, proto, comment: str, fields: list[Field]):
        super().__init__(proto, comment)
        self.fields = fields


class Enum(Commented):
    def __init__(self, proto, comment: str, full_name: str, values: list[Commented]):
        super().__init__(proto, comment)
        self.full_name = full_name
        self.values = values


class Message(Commented):
    def __init__(self, proto, comment: str, full_name: str):
        super().__init__(proto, comment)
        self.full_name = full_name
        self.fields: list[Field] = []
        self.oneofs: list[Oneof] = []
        self.is_map_entry = proto.options.map_entry


class Service(Commented):
    def __init__(self, proto, comment: str, full_name: str, methods: list[Commented]):
        super().__init__(proto, comment)
        self.full_name = full_name
        self.methods = methods


class Contract:
    """Everything of one package, in the order of its files; `messages` and `enums` also find nested ones, by full name."""

    def __init__(self, package: str):
        self.messages: dict[str, Message] = {}
        self.enums: dict[str, Enum] = {}
        self.services: list[Service] = []
        self.files: list[tuple[str, list[str]]] = []
        for file in _read(package).file:
            if file.package == package:
                self._add_file(file)

    def _add_file(self, file) -> None:
        comments = {tuple(place.path): place.leading_comments or place.trailing_comments for place in file.source_code_info.location}
        before = len(self.messages) + len(self.enums)
        for index, service in enumerate(file.service):
            path = (FILE_SERVICE, index)
            methods = [Commented(m, comments.get((*path, SERVICE_METHOD, i), "")) for i, m in enumerate(service.method)]
            self.services.append(Service(service, comments.get(path, ""), f"{file.package}.{service.name}", methods))
        names: list[str] = []
        for index, message in enumerate(file.message_type):
            names += self._add_message(message, f"{file.package}.{message.name}", (FILE_MESSAGE, index), comments)
        for index, enum in enumerate(file.enum_type):
            names.append(self._add_enum(enum, f"{file.package}.{enum.name}", (FILE_ENUM, index), comments))
        assert len(self.messages) + len(self.enums) == before + len(names)
        self.files.append((file.name, names))

    def _add_message(self, proto, full_name: str, path: tuple, comments: dict) -> list[str]:
        message = Message(proto, comments.get(path, ""), full_name)
        self.messages[full_name] = message
        names = [full_name]
        for index, field in enumerate(proto.field):
            message.fields.append(Field(field, comments.get((*path, MESSAGE_FIELD, index), "")))
        for index, oneof in enumerate(proto.oneof_decl):
            members = [f for f in message.fields if f.proto.HasField("oneof_index") and f.proto.oneof_index == index]
            if not any(f.proto.proto3_optional for f in members):
                message.oneofs.append(Oneof(oneof, comments.get((*path, MESSAGE_ONEOF, index), ""), members))
        for index, nested in enumerate(proto.nested_type):
            names += self._add_message(nested, f"{full_name}.{nested.name}", (*path, MESSAGE_NESTED, index), comments)
        for index, enum in enumerate(proto.enum_type):
            names.append(self._add_enum(enum, f"{full_name}.{enum.name}", (*path, MESSAGE_ENUM, index), comments))
        return names

    def _add_enum(self, proto, full_name: str, path: tuple, comments: dict) -> str:
        values = [Commented(v, comments.get((*path, ENUM_VALUE, i), "")) for i, v in enumerate(proto.value)]
        self.enums[full_name] = Enum(proto, comments.get(path, ""), full_name, values)
        return full_name


def _read(package: str) -> descriptor_pb2.FileDescriptorSet:
    folder = ROOT / "proto"
    files = sorted(str(path.relative_to(folder)) for path in (folder / package.replace(".", "/")).glob("*.proto"))
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(
            ["protoc", f"-I{folder}", f"-I{sysconfig.get_path('purelib')}", "--include_source_info", f"--descriptor_set_out={out.name}", *files],
            check=True)
        return descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(out.name).read_bytes())
