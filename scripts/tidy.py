"""Runs clang-tidy over every translation unit of the tree, as many at a time as there are cores.

Usage: tidy.py BUILD_FOLDER [PATH...]     only units whose path begins with one of these

A unit that passed is not read again until it, a header of ours that it includes, a .clang-tidy or the tool changes: stamps are in
BUILD_FOLDER/tidy. Units are those of compile_commands.json, so the build comes first.

Most of a unit's time goes into headers of other projects, so units are read many at a time, joined in one source, with those that seem to
define the same names kept apart. A joined source with any finding, also that two of its units do use one name, is halved until the finding
is a unit's own, by the .clang-tidy of its folder.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CLANG_TIDY = str(pathlib.Path(sys.executable).parent / "clang-tidy")
JOINED = 24
# What a line that begins a declaration at file scope may name, by the tree's format; such lines are not indented.
DECLARED = re.compile(r"(?<![:\w])([A-Za-z_]\w*)\s*(?:\(|=|\{|;|\[| final| : )")
OF_MEMBER = re.compile(r"[A-Z]\w*::~?\w+\(")
TEST = re.compile(r"TEST\w*\((\w+, *\w+)")
# The units are includes of the joined source, which is neither suspicious nor a reason to leave out what is found in them.
JOINED_OPTIONS = ("--checks=-bugprone-suspicious-include", "--header-filter=/(client|common|server|tests)/")


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

    def flags(self) -> tuple[str, ...]:
        """What a unit is compiled with, but for its own names: units with the same, and the same rules, may be joined."""
        own = self.arguments.index("-o")
        flags = [
            a
            for i, a in enumerate(self.arguments)
            if i not in (own, own + 1) and not a.startswith("-M") and a != str(self.source) and not a.endswith((".o", ".d"))
        ]
        return (self.rules(), *flags)

    def rules(self) -> str:
        """The folder whose .clang-tidy holds for the unit."""
        return "tests" if self.name.startswith("tests/") else "."

    def declared(self) -> set[str]:
        """Names that the unit seems to give at file scope. A name too many or too few costs time, never a finding."""
        names = set()
        for line in self.source.read_text().splitlines():
            test = TEST.match(line)
            name = test or DECLARED.search(line)
            if name and line[0].isalpha() and not line.startswith(("using", "namespace", "INSTANTIATE")) and not OF_MEMBER.search(line):
                names.add(name.group(1))
        return names


def read(source: pathlib.Path, folder: pathlib.Path, *options: str) -> str:
    """Empty when clang-tidy finds nothing, else what it says. `folder` holds the compilation database."""
    always = ["--quiet", "-p", str(folder), "--extra-arg=-Wno-unknown-warning-option"]
    command = [CLANG_TIDY, *always, *options, str(source)]
    result = subprocess.run(command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if result.returncode == 0:
        return ""
    return (result.stdout if "error:" in result.stdout else result.stdout + result.stderr) or "failed"


class Group:
    """Units that are read together."""

    def __init__(self, units: list[Unit], folder: pathlib.Path):
        self.units = units
        self.folder = folder
        self.source = units[0].source
        if len(units) > 1:
            joined = "".join(f'#include "{unit.source}"\n' for unit in units)
            self.source = folder / units[0].rules() / f"joined_{hashlib.sha256(joined.encode()).hexdigest()[:16]}.cpp"
            self.source.write_text(joined)

    def entry(self, build: pathlib.Path) -> dict:
        first = self.units[0]
        arguments = [str(self.source) if a == str(first.source) else a for a in first.arguments]
        return {"file": str(self.source), "directory": str(build), "arguments": arguments}

    def halves(self) -> list["Group"]:
        if len(self.units) == 1:
            return []
        middle = len(self.units) // 2
        return [Group(self.units[:middle], self.folder), Group(self.units[middle:], self.folder)]

    def with_parts(self) -> list["Group"]:
        """The group and all that it may be halved to."""
        return [self, *(part for half in self.halves() for part in half.with_parts())]

    def check(self) -> list[tuple[Unit, str]]:
        """What is wrong with which unit. Stamps those that are in order."""
        said = read(self.source, self.folder, *(JOINED_OPTIONS if len(self.units) > 1 else ()))
        if not said:
            for unit in self.units:
                unit.stamp.touch()
            return []
        if len(self.units) == 1:
            return [(self.units[0], said)]
        return [finding for half in self.halves() for finding in half.check()]


def grouped(units: list[Unit], folder: pathlib.Path) -> list[Group]:
    """At most JOINED units with the same flags and without common names, each in the first group that can take it; the largest first."""
    parts: dict[tuple[str, ...], list[tuple[list[Unit], set[str]]]] = {}
    for unit in units:
        runs = parts.setdefault(unit.flags(), [])
        names = unit.declared()
        run = next((run for run in runs if len(run[0]) < JOINED and not run[1] & names), None)
        if run is None:
            run = ([], set())
            runs.append(run)
        run[0].append(unit)
        run[1].update(names)
    found = [Group(members, folder) for runs in parts.values() for members, _ in runs]
    return sorted(found, key=lambda group: -len(group.units))


def main() -> None:
    build = (ROOT / sys.argv[1]).resolve()
    version = subprocess.run([CLANG_TIDY, "--version"], capture_output=True, text=True, check=True).stdout
    salt = version + (ROOT / ".clang-tidy").read_text() + (ROOT / "tests" / ".clang-tidy").read_text()
    folder = build / "tidy"
    shutil.rmtree(folder / "tests", ignore_errors=True)
    (folder / "tests").mkdir(parents=True)
    (folder / "tests" / ".clang-tidy").write_text((ROOT / "tests" / ".clang-tidy").read_text())
    headers = headers_of(build)
    entries = json.loads((build / "compile_commands.json").read_text())
    entries = [e for e in entries if not pathlib.Path(e["file"]).is_relative_to(build)]
    units = {unit.name: unit for unit in (Unit(e, build, headers, salt) for e in entries)}
    wanted = tuple(sys.argv[2:]) or ("",)
    if not units:
        sys.exit("tidy: nothing to check; is the tree built?")
    stale = [unit for unit in units.values() if unit.name.startswith(wanted) and not unit.stamp.exists()]
    groups = grouped(stale, folder)
    database = [part.entry(build) for group in groups for part in group.with_parts()]
    (folder / "compile_commands.json").write_text(json.dumps(database))
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for findings in pool.map(Group.check, groups):
            for unit, said in findings:
                failed += 1
                print(f"{unit.name}:\n{said}", file=sys.stderr)
    keep = {unit.stamp.name for unit in units.values()} | {"compile_commands.json"}
    for path in folder.iterdir():
        if path.is_file() and path.name not in keep:
            path.unlink()
    print(f"tidy: {len(units)} units, {len(stale)} read, {failed} with findings")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
