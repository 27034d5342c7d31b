"""The contract at run time: its messages and methods, by name.

The descriptors are read into a pool of this package's own. In the pool that all packages share, another package's edition of Google's error
details would clash with ours; and code that protoc generates asks for a protobuf at least as new as itself.
"""

import importlib.resources
from collections.abc import MutableMapping
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

# Stubs keep the descriptors of protobuf's two implementations apart, of which one is there at run time.
AnyDescriptor = Any
AnyField = Any


def _read_pool() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    data = importlib.resources.files("sliceflow.v1").joinpath("contract.binpb").read_bytes()
    # protoc writes every file behind those that it imports.
    for file in descriptor_pb2.FileDescriptorSet.FromString(data).file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


POOL: Final = _read_pool()


def message_class(descriptor: AnyDescriptor) -> type[Message]:
    """The class of a message of the contract."""
    return message_factory.GetMessageClass(descriptor)


def message_type(full_name: str) -> Any:
    """The class of the message with this full name, such as `google.rpc.ErrorInfo`."""
    return message_class(POOL.FindMessageTypeByName(full_name))


def method(service: str, name: str) -> AnyDescriptor:
    """A method such as `("JobService", "CreateJob")`."""
    return POOL.FindServiceByName(f"sliceflow.v1.{service}").methods_by_name[name]


def is_repeated(field: AnyField) -> bool:
    """Whether a field is a list. Releases of protobuf before 6.31 know this by the field's label, of which later ones warn."""
    return bool(field.is_repeated) if hasattr(field, "is_repeated") else field.label == FieldDescriptor.LABEL_REPEATED


def define(file: str, namespace: MutableMapping[str, Any]) -> None:
    """Puts the messages and enums of a file of the contract into a module, as protoc's modules have them."""
    descriptor = POOL.FindFileByName(file)
    namespace["DESCRIPTOR"] = descriptor
    for name, message in descriptor.message_types_by_name.items():
        namespace[name] = message_class(message)
    for name, enum in descriptor.enum_types_by_name.items():
        namespace[name] = EnumTypeWrapper(enum)
        namespace.update({value.name: value.number for value in enum.values})
