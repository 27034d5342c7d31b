"""Builds what the package knows of the contract from `proto/`: its descriptors in one file, and types for each of its files.

In a checkout the contract lies two folders up; a source distribution carries a copy, which is what is built from there.
"""

import importlib.util
import pathlib
import tempfile
from typing import Any

import grpc_tools
from grpc_tools import protoc
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = pathlib.PurePath("sliceflow", "v1")
MODULE = '''"""Messages of {file}."""

from sliceflow._contract import define

define("{file}", globals())
'''


class ContractHook(BuildHookInterface):
    """Adds the generated files to a wheel, and the contract to a source distribution."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        proto = _proto_folder(pathlib.Path(self.root))
        if self.target_name == "sdist":
            build_data["force_include"].update(
                {str(file): f"proto/{file.relative_to(proto)}" for file in sorted((proto / PACKAGE).glob("*.proto"))}
            )
            return
        if version == "editable":
            generate(proto, pathlib.Path(self.root, "src"))
            return
        self._folder = tempfile.TemporaryDirectory(prefix="sliceflow-build-")
        out = pathlib.Path(self._folder.name)
        generate(proto, out)
        build_data["force_include"].update({str(file): str(file.relative_to(out)) for file in out.rglob("*") if file.is_file()})

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if hasattr(self, "_folder"):
            self._folder.cleanup()


def _proto_folder(root: pathlib.Path) -> pathlib.Path:
    for folder in (root / "proto", root.parent.parent / "proto"):
        if (folder / PACKAGE).is_dir():
            return folder
    raise FileNotFoundError(
        f"no contract in {root / 'proto'} nor in {root.parent.parent / 'proto'}: build from a checkout or from a source distribution"
    )


def _import_folders(proto: pathlib.Path) -> list[pathlib.Path]:
    """The contract, Google's annotations, and protobuf's own types."""
    rpc = importlib.util.find_spec("google.rpc")
    assert rpc is not None and rpc.submodule_search_locations is not None, "googleapis-common-protos is a requirement of the build"
    google = pathlib.Path(next(iter(rpc.submodule_search_locations))).parent.parent
    return [proto, google, pathlib.Path(grpc_tools.__file__).parent / "_proto"]


def generate(proto: pathlib.Path, out: pathlib.Path) -> None:
    """Writes `contract.binpb`, and a module with its types for each file of the contract, below `out`/sliceflow/v1."""
    folder = out / PACKAGE
    folder.mkdir(parents=True, exist_ok=True)
    files = sorted(str(file.relative_to(proto)) for file in (proto / PACKAGE).glob("*.proto"))
    arguments = ["protoc", *(f"-I{path}" for path in _import_folders(proto))]
    # Details of errors travel in Any, so that nothing in the contract imports them.
    described = [*files, "google/rpc/error_details.proto"]
    _run([*arguments, "--include_imports", f"--descriptor_set_out={folder / 'contract.binpb'}", *described])
    _run([*arguments, f"--pyi_out={out}", *files])
    for file in files:
        (out / file).with_name(pathlib.PurePath(file).stem + "_pb2.py").write_text(MODULE.format(file=file))


def _run(arguments: list[str]) -> None:
    if protoc.main(arguments) != 0:
        raise RuntimeError("protoc failed; its words are above")
