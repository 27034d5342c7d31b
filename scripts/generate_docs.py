"""Generates from the contract, and from examples/, what is read outside them:

  docs/job.schema.json   JSON Schema of job files, for completion and checks in editors
  docs/reference.md      every service, message and field with its comment
  docs/gallery.md        every job file of examples/ beside its picture

Usage: generate_docs.py [--check]    --check: writes nothing, fails when a file is not up to date
"""

import json
import pathlib
import sys

import gallery_page
from contract import ROOT, Contract, Enum, Field, Message

PACKAGE = "sliceflow.v1"
INTEGERS = {"int32": (-(2**31), 2**31 - 1), "uint32": (0, 2**32 - 1), "sint32": (-(2**31), 2**31 - 1)}
LONG_INTEGERS = {"int64": r"^-?[0-9]{1,19}$", "uint64": "^[0-9]{1,20}$"}


class Schema:
    """Draft 7, which editors know best. Names are those of proto3's JSON form; ranges that only comments state stay with the server."""

    def __init__(self, contract: Contract):
        self.contract = contract
        self.definitions: dict[str, dict] = {}

    def document(self) -> dict:
        root = self.object_of(self.contract.messages[f"{PACKAGE}.Job"])
        root["description"] = "A job file of sliceflow: what `sliceflow submit` and `sliceflow validate` take."
        return {"$schema": "http://json-schema.org/draft-07/schema#", "title": "sliceflow job", **root, "definitions": dict(sorted(self.definitions.items()))}

    def object_of(self, message: Message) -> dict:
        fields = [f for f in message.fields if not f.has_behavior("OUTPUT_ONLY")]
        result: dict = {"description": message.comment, "type": "object", "additionalProperties": False}
        result["properties"] = {f.json_name: {"description": f.comment, **self.field_type(f)} for f in fields}
        required = [f.json_name for f in fields if f.has_behavior("REQUIRED")]
        if required:
            result["required"] = required
        choices = [self.choice(oneof) for oneof in message.oneofs]
        if choices:
            result["allOf"] = choices
        return result

    @staticmethod
    def choice(oneof) -> dict:
        """Exactly one member where the comment says so and names no default, at most one otherwise."""
        members = [{"required": [f.json_name]} for f in oneof.fields]
        exactly = oneof.comment.startswith("Exactly one") or "Exactly one is required" in oneof.comment
        if exactly and "Default" not in oneof.comment:
            return {"oneOf": members}
        return {"oneOf": [*members, {"not": {"anyOf": members}}]}

    def field_type(self, field: Field) -> dict:
        entry = self.contract.messages.get(field.type_name)
        if entry and entry.is_map_entry:
            return {"type": "object", "additionalProperties": self.single_type(entry.fields[1])}
        single = self.single_type(field)
        if field.repeated:
            return {"type": "array", "items": single}
        if field.default is not None:
            literal = field.default
            single["default"] = literal if literal.isupper() else json.loads(literal)
        return single

    def single_type(self, field: Field) -> dict:
        if field.type_name in self.contract.enums:
            return self.enum_type(self.contract.enums[field.type_name])
        if field.type_name:
            return {"allOf": [{"$ref": f"#/definitions/{self.define(field.type_name)}"}]}
        if field.scalar in INTEGERS:
            low, high = INTEGERS[field.scalar]
            return {"type": "integer", "minimum": low, "maximum": high}
        if field.scalar in LONG_INTEGERS:
            return {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": LONG_INTEGERS[field.scalar]}]}
        return {"type": {"double": "number", "float": "number", "bool": "boolean", "string": "string", "bytes": "string"}[field.scalar]}

    @staticmethod
    def enum_type(enum: Enum) -> dict:
        values = [v for v in enum.values if not v.name.endswith("_UNSPECIFIED")]
        return {"type": "string", "enum": [v.name for v in values], "enumDescriptions": [v.comment for v in values]}

    def define(self, full_name: str) -> str:
        short = full_name.removeprefix(PACKAGE + ".")
        if short not in self.definitions:
            self.definitions[short] = {}  # stands while the message is read, should it refer to itself
            self.definitions[short] = self.object_of(self.contract.messages[full_name])
        return short


class Reference:
    """One Markdown page, in the order of the contract's files."""

    def __init__(self, contract: Contract):
        self.contract = contract
        self.lines = [
            "# Reference", "",
            "Every service, message and field of the contract, generated from `proto/sliceflow/v1` by `scripts/generate_docs.py`.",
            "Where the name in JSON and YAML differs, it stands below the field's name. *Required*, *output only* and *immutable* are meant as in",
            "[AIP-203](https://google.aip.dev/203).", "",
        ]

    def document(self) -> str:
        self.lines += ["Job files are described by [Job](#job) and, below it, [FlowSpec](#flowspec).", "", "## Services", ""]
        for service in self.contract.services:
            self.add_service(service)
        for name, members in self.contract.files:
            shown = [m for m in members if m in self.contract.enums or not self.contract.messages[m].is_map_entry]
            if not shown:
                continue
            self.lines += [f"## {pathlib.PurePath(name).name}", ""]
            for member in shown:
                if member in self.contract.enums:
                    self.add_enum(self.contract.enums[member])
                else:
                    self.add_message(self.contract.messages[member])
        return "\n".join(self.lines).rstrip() + "\n"

    def add_service(self, service) -> None:
        self.lines += [f"### {service.name}", "", service.comment, "", "| method | takes | answers | |", "|---|---|---|---|"]
        for method in service.methods:
            takes = ("stream of " if method.proto.client_streaming else "") + self.link(method.proto.input_type.lstrip("."))
            answers = ("stream of " if method.proto.server_streaming else "") + self.link(method.proto.output_type.lstrip("."))
            self.lines.append(f"| `{method.name}` | {takes} | {answers} | {self.cell(method.comment)} |")
        self.lines.append("")

    def add_message(self, message: Message) -> None:
        self.lines += [f"### {self.short(message.full_name)}", "", message.comment, ""]
        if not message.fields:
            self.lines += ["No fields.", ""]
            return
        self.lines += ["| field | type | |", "|---|---|---|"]
        for field in message.fields:
            names = f"`{field.name}`" + ("" if field.name == field.json_name else f"<br>`{field.json_name}`")
            self.lines.append(f"| {names} | {self.type_of(field)} | {self.cell(self.flags(message, field) + field.comment)} |")
        self.lines.append("")

    def add_enum(self, enum: Enum) -> None:
        self.lines += [f"### {self.short(enum.full_name)}", "", enum.comment, "", "| value | |", "|---|---|"]
        self.lines += [f"| `{value.name}` | {self.cell(value.comment)} |" for value in enum.values]
        self.lines.append("")

    @staticmethod
    def flags(message: Message, field: Field) -> str:
        words = [label for label, name in [("Required", "REQUIRED"), ("Output only", "OUTPUT_ONLY"), ("Immutable", "IMMUTABLE")] if field.has_behavior(name)]
        words += [f"One of `{oneof.name}`" for oneof in message.oneofs if field in oneof.fields]
        return "".join(f"*{word}.* " for word in words)

    def type_of(self, field: Field) -> str:
        entry = self.contract.messages.get(field.type_name)
        if entry and entry.is_map_entry:
            return f"map of {self.type_of(entry.fields[0])} to {self.type_of(entry.fields[1])}"
        single = self.link(field.type_name) if field.type_name else f"`{field.scalar}`"
        return f"list of {single}" if field.repeated else single

    def link(self, full_name: str) -> str:
        if not full_name.startswith(PACKAGE + "."):
            return f"`{full_name}`"
        short = self.short(full_name)
        return f"[{short}](#{short.lower().replace('.', '')})"

    @staticmethod
    def short(full_name: str) -> str:
        return full_name.removeprefix(PACKAGE + ".")

    @staticmethod
    def cell(text: str) -> str:
        return text.replace("|", "\\|").replace("\n\n", "<br>")


def main() -> None:
    contract = Contract(PACKAGE)
    generated = {
        ROOT / "docs/job.schema.json": json.dumps(Schema(contract).document(), indent=2, ensure_ascii=False) + "\n",
        ROOT / "docs/reference.md": Reference(contract).document(),
        ROOT / "docs/gallery.md": gallery_page.page(ROOT),
    }
    if sys.argv[1:] == ["--check"]:
        stale = [str(path.relative_to(ROOT)) for path, text in generated.items() if not path.exists() or path.read_text() != text]
        if stale:
            sys.exit(f"{', '.join(stale)}: not what it is generated from; run scripts/generate_docs.py")
        return
    for path, text in generated.items():
        path.write_text(text)


if __name__ == "__main__":
    main()
