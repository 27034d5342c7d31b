"""Runs a Python program that imports torch where CUDA's libraries are not installed, which is how the build has it (deploy/requirements-no-deps.txt).

Usage: torch_without_cuda.py PROGRAM [argument...]

The loader wants the libraries that torch was linked with, though nothing on the processor calls them. It is given empty ones of their names, and
one that has the symbols they lack.
"""

import importlib.util
import os
import pathlib
import re
import subprocess
import sys
import tempfile

PREFIXES = ("cudnn", "cublas", "cufft", "cuFile", "curand", "cusparse", "nccl", "nvshmem")
NAMES = ("libtorch_python.so", "libtorch_cuda.so", "libtorch_cuda_linalg.so", "libtorch_nvshmem.so")


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=100).stdout


def link(folder, name, source):
    path = folder / "source.s"
    path.write_text(source)
    output("cc", "-shared", "-nostdlib", f"-Wl,-soname,{name}", "-o", folder / name, path)


def main():
    libraries = pathlib.Path(importlib.util.find_spec("torch").origin).parent / "lib"
    torch = [libraries / name for name in NAMES if (libraries / name).exists()]
    missing = {name for path in torch for name in re.findall(r"(\S+) => not found", output("ldd", path))}
    with tempfile.TemporaryDirectory(prefix="sliceflow-torch-") as holder:
        folder = pathlib.Path(holder)
        environment = dict(os.environ)
        if missing:
            lines = [line.split()[-1].split("@")[0] for path in torch for line in output("nm", "-D", "--undefined-only", path).splitlines()]
            symbols = sorted({name for name in lines if name.startswith(PREFIXES) or "nvshmem" in name})
            for name in missing:
                link(folder, name, "")
            # Of a name that no library of theirs has: the loader asks that one for versions.
            labels = "".join(f".globl {name}\n.type {name},@function\n{name}:\n" for name in symbols)
            link(folder, "libcuda_symbols.so", f".text\n{labels}ud2\n")
            environment |= {"LD_LIBRARY_PATH": str(folder), "LD_PRELOAD": str(folder / "libcuda_symbols.so")}
        sys.exit(subprocess.run([sys.executable, "-B", *sys.argv[1:]], env=environment, check=False).returncode)


if __name__ == "__main__":
    main()
