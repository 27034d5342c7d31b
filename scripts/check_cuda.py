"""Checks the GPU plugin without a GPU: what its kernels take against server/engine/kernels/cuda/budgets.tsv, which architectures it has code
for, and that nothing of it is seen but its face.

Usage: check_cuda.py [--write]     --write: puts the table of what each kernel takes into docs/performance.md, which is checked otherwise
"""

import fnmatch
import pathlib
import re
import subprocess
import sys
import sysconfig

ROOT = pathlib.Path(__file__).resolve().parent.parent
PLUGIN = str(ROOT / "build/bin/libsliceflow_cuda.so")
PAGE = ROOT / "docs/performance.md"
MARKS = ("<!-- kernels: scripts/check_cuda.py --write -->\n", "<!-- /kernels -->")
BUDGETS = ROOT / "server/engine/kernels/cuda/budgets.tsv"
CUOBJDUMP = pathlib.Path(sysconfig.get_path("purelib")) / "nvidia/cu13/bin/cuobjdump"
ARCHITECTURES = ["sm_80", "sm_90", "sm_120"]
COLUMNS = ["registers", "shared", "stack", "local"]
FACE = "SliceflowCudaPlugin"


def output_of(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def budgets() -> dict[str, dict[str, int]]:
    rows = [line.split("\t") for line in BUDGETS.read_text().splitlines() if line and not line.startswith("#")]
    return {kernel: dict(zip(COLUMNS, map(int, numbers), strict=True)) for kernel, *numbers in rows}


def taken(plugin: str) -> dict[str, dict[str, dict[str, int]]]:
    """By architecture and by kernel. cuobjdump writes an architecture, then for each function its name and what it takes."""
    found, kernels, name = {}, {}, ""
    listing = output_of(str(CUOBJDUMP), "--dump-resource-usage", plugin)
    listing = subprocess.run(["c++filt"], input=listing, capture_output=True, text=True, check=True).stdout
    for line in listing.splitlines():
        if match := re.match(r"arch = (\w+)", line):
            kernels = found.setdefault(match[1], {})
        elif match := re.match(r"\s*Function (.*):$", line):
            name = match[1]
        elif match := re.match(r"\s*REG:(\d+) STACK:(\d+) SHARED:(\d+) LOCAL:(\d+)", line):
            registers, stack, shared, local = map(int, match.groups())
            kernels[name] = {"registers": registers, "shared": shared, "stack": stack, "local": local}
    return {architecture: kernels for architecture, kernels in found.items() if kernels}


def check_kernels(found: dict[str, dict[str, dict[str, int]]]) -> list[str]:
    problems = []
    if sorted(found) != sorted(ARCHITECTURES):
        problems.append(f"there is code for {', '.join(sorted(found)) or 'nothing'}; want {', '.join(ARCHITECTURES)}")
    allowed = budgets()
    for architecture, kernels in found.items():
        met = set()
        for kernel, figures in kernels.items():
            rows = [row for row in allowed if fnmatch.fnmatchcase(kernel, row)]
            if len(rows) != 1:
                problems.append(f"{architecture}: {kernel} has {len(rows)} budgets; want one line of {BUDGETS.name}")
                continue
            met.update(rows)
            for column in COLUMNS:
                if figures[column] > allowed[rows[0]][column]:
                    problems.append(f"{architecture}: {rows[0]} takes {column} {figures[column]}; its budget is {allowed[rows[0]][column]}")
        problems += [f"{architecture}: no kernel is {row}" for row in allowed if row not in met]
    return problems


def check_face(plugin: str) -> list[str]:
    symbols = [line.split()[-1] for line in output_of("nm", "-D", "--defined-only", plugin).splitlines()]
    problems = [] if symbols == [FACE] else [f"the plugin shows {', '.join(symbols) or 'nothing'}; want {FACE} alone"]
    needed = re.findall(r"NEEDED.*\[(.*)\]", output_of("readelf", "--dynamic", "--wide", plugin))
    # A driver or a runtime that is linked would keep the plugin from saying what is missing.
    return problems + [f"the plugin links {library}" for library in needed if re.search("cuda|nvidia|torch", library)]


def short(kernel: str) -> str:
    """A name for people: without namespaces, arguments and what does not tell instances apart."""
    name = re.sub(r"\([^()]*\)::", "", kernel)
    match = re.search(r"(\w+Kernel)(<.*?>)?\(", name) or re.search(r"(\w+Kernel)(<.*)", name)
    if match is None:
        return kernel
    if "RadixSort" in match[1]:
        return f"{match[1]}, {'shorter' if ', true, ' in name else 'longer'} pass"
    parameters = re.sub(r"\w+::", "", (match[2] or "").replace("(anonymous namespace)::", ""))
    return match[1] + parameters


def table(found: dict[str, dict[str, dict[str, int]]]) -> str:
    lines = ["| kernel | " + " | ".join(f"{a}: registers, shared bytes, stack" for a in ARCHITECTURES) + " |", "|---" * (1 + len(found)) + "|"]
    for kernel in sorted(found[ARCHITECTURES[0]], key=short):
        cells = []
        for architecture in ARCHITECTURES:
            same = [figures for name, figures in found[architecture].items() if short(name) == short(kernel)]
            cells.append(", ".join(str(same[0][column]) for column in COLUMNS[:3]))
        lines.append(f"| `{short(kernel)}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def check_page(kernels: str, write: bool) -> list[str]:
    before, rest = PAGE.read_text().split(MARKS[0])
    told, after = rest.split(MARKS[1])
    wanted = f"\n{kernels}\n\n"
    if told == wanted:
        return []
    if not write:
        return [f"the table of {PAGE.name} is not that of the kernels: scripts/check_cuda.py --write"]
    PAGE.write_text(before + MARKS[0] + wanted + MARKS[1] + after)
    return []


def main() -> int:
    found = taken(PLUGIN)
    problems = check_kernels(found) + check_face(PLUGIN)
    if not problems:
        kernels = table(found)
        print(kernels)
        problems = check_page(kernels, "--write" in sys.argv[1:])
    for problem in problems:
        print(f"check_cuda: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
