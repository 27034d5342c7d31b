"""Counts the instructions of the hot loops and fails when one has become heavier than what is written down.

  instructions.py PROGRAM             compares with instructions.json
  instructions.py PROGRAM --update    writes it anew

Callgrind counts inside CollectedLoop() of tests/benchmarks/hot_loops.cpp. It runs programs on a processor of its own (AVX2, without
AVX-512), so counts are the same on every machine; they are of one compiler, which the file names: with another one nothing is compared,
and the check says so and is skipped.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

BUDGETS = pathlib.Path(__file__).with_name("instructions.json")
ALLOWED = 0.05  # more than was written down
SKIPPED = 77


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)


def count(program, loop):
    with tempfile.TemporaryDirectory(prefix="sliceflow-callgrind-") as folder:
        file = f"{folder}/callgrind.out"
        output("valgrind", "--tool=callgrind", "--toggle-collect=CollectedLoop", f"--callgrind-out-file={file}", program, "--once", loop)
        totals = re.search(r"^(?:summary|totals): (\d+)", pathlib.Path(file).read_text(encoding="utf-8"), re.MULTILINE)
        return int(totals.group(1))


def compiler(program):
    comment = output("readelf", "-p", ".comment", program).stdout
    return re.search(r"(GCC|clang)[^\n]*?\d+\.\d+\.\d+$", comment, re.MULTILINE).group(0)


def main():
    program, update = sys.argv[1], "--update" in sys.argv
    if shutil.which("valgrind") is None:
        print("skipped: valgrind is not installed (deploy/install-deps)")
        return SKIPPED
    built_by = compiler(program)
    counts = {loop: count(program, loop) for loop in output(program, "--list").stdout.split()}
    if update:
        BUDGETS.write_text(json.dumps({"compiler": built_by, "instructions": counts}, indent=2) + "\n", encoding="utf-8")
        return 0
    written = json.loads(BUDGETS.read_text(encoding="utf-8"))
    if built_by != written["compiler"]:
        print(f"skipped: the program is of {built_by}, the counts of {written['compiler']}")
        return SKIPPED
    heavier = []
    for loop, now in counts.items():
        before = written["instructions"].get(loop)
        change = None if before is None else now / before - 1
        print(f"{loop:50} {now:>12,} {'new' if change is None else format(change, '+.2%')}")
        if change is None or change > ALLOWED:
            heavier.append(loop)
    gone = sorted(set(written["instructions"]) - set(counts))
    for loop in heavier:
        print(f"FAILED: {loop} is heavier than written down by more than {ALLOWED:.0%}, or not written down", file=sys.stderr)
    for loop in gone:
        print(f"FAILED: {loop} is written down and not there", file=sys.stderr)
    return 1 if heavier or gone else 0


if __name__ == "__main__":
    sys.exit(main())
