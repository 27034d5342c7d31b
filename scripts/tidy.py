"""Runs clang-tidy over every translation unit of the tree, as many at a time as there are cores.

Usage: tidy.py BUILD_FOLDER [PATH...]     only units whose path begins with one of these

A unit that passed is not read again until it, a header of ours that it includes, .clang-tidy or the tool changes: stamps are in
BUILD_FOLDER/tidy. Units are those of compile_commands.json, so the build comes first.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def headers_of(build: pathlib.Path) -> dict[str, list[str]]:
    """The files each object was made from, as ninja recorded them."""
    listing = subprocess.run(["ninja", "-C", str(build), "-t", "deps"], capture_output=True, text=True, check=True).stdout
    found, current = {}, []
    for line in listing.splitlines():
        if line.startswith("    "):
            current.append(line.strip())
        elif ": #deps" in line:
            current = found.setdefault(line.split(":")[0], [])
    return found


def without_precompiled_header(arguments: list[str]) -> list[str]:
    """clang-tidy cannot read g++'s precompiled headers; every source includes what it uses, so it does without."""
    kept, index = [], 0
    while index < len(arguments):
        if arguments[index] == "-include" and "cmake_pch" in arguments[index + 1]:
            index += 2
            continue
        if arguments[index] not in ("-Winvalid-pch", "-fpch-preprocess"):
            kept.append(arguments[index])
        index += 1
    return kept


def digest(paths: list[pathlib.Path], salt: str) -> str:
    state = hashlib.sha256(salt.encode())
    for path in sorted(set(paths)):
        state.update(str(path).encode() + b"\0" + path.read_bytes())
    return state.hexdigest()


class Unit:
    def __init__(self, entry: dict, build: pathlib.Path, headers: dict[str, list[str]], salt: str):
        self.source = pathlib.Path(entry["file"])
        self.name = str(self.source.relative_to(ROOT))
        self.arguments = without_precompiled_header(shlex.split(entry["command"]))
        output = self.arguments[self.arguments.index("-o") + 1]
        included = [(build / header).resolve() for header in headers.get(output, [])]
        ours = [path for path in included if path.is_relative_to(ROOT) and ".venv" not in path.parts and path.is_file()]
        ours = [path for path in ours if path.suffix in (".h", ".cpp")]
        self.stamp = build / "tidy" / digest([*ours, self.source], salt + entry["command"])

    def check(self, folder: pathlib.Path) -> str:
        """Empty when the unit is in order, else what is wrong. `folder` holds the compilation database."""
        command = ["clang-tidy", "--quiet", "-p", str(folder), "--extra-arg=-Wno-unknown-warning-option", str(self.source)]
        result = subprocess.run(command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if result.returncode == 0:
            self.stamp.touch()
            return ""
        return result.stdout + ("" if "error:" in result.stdout else result.stderr)


def main() -> None:
    build = (ROOT / sys.argv[1]).resolve()
    version = subprocess.run(["clang-tidy", "--version"], capture_output=True, text=True, check=True).stdout
    salt = version + (ROOT / ".clang-tidy").read_text()
    (build / "tidy").mkdir(exist_ok=True)
    headers = headers_of(build)
    entries = json.loads((build / "compile_commands.json").read_text())
    entries = [e for e in entries if not pathlib.Path(e["file"]).is_relative_to(build)]
    units = {unit.name: unit for unit in (Unit(e, build, headers, salt) for e in entries)}
    wanted = tuple(sys.argv[2:]) or ("",)
    if not units:
        sys.exit("tidy: nothing to check; is the tree built?")
    database = [{"file": str(unit.source), "directory": str(build), "arguments": unit.arguments} for unit in units.values()]
    (build / "tidy/compile_commands.json").write_text(json.dumps(database))
    stale = [unit for unit in units.values() if unit.name.startswith(wanted) and not unit.stamp.exists()]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for unit, findings in zip(stale, pool.map(lambda unit: unit.check(build / "tidy"), stale)):
            if findings:
                failed += 1
                print(f"{unit.name}:\n{findings}", file=sys.stderr)
    keep = {unit.stamp.name for unit in units.values()} | {"compile_commands.json"}
    for path in (build / "tidy").iterdir():
        if path.name not in keep:
            path.unlink()
    print(f"tidy: {len(units)} units, {len(stale)} read, {failed} with findings")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
