"""Writes docs/commands.md from what `--help` of every command of the programs says.

Usage: commands_page.py [--check]    --check: writes nothing, fails when the page is not up to date
Needs the programs of build/bin, or of the folder that SLICEFLOW_BIN names.
"""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = pathlib.Path(os.environ.get("SLICEFLOW_BIN") or ROOT / "build" / "bin")
PAGE = ROOT / "docs" / "commands.md"
HEAD = """# Commands and options

What `sliceflow --help`, `sliceflowd --help` and `sliceflow-worker --help` say of every command, written by `scripts/commands_page.py`.
What the commands mean together is told in [the command line](cli.md), the settings of `sliceflowd` in
[operating a server](operations.md#configuration), workers that people start in [deploy a server](howto/deploy.md#workers-on-other-machines).
"""
# The same below every command of sliceflow.
TAIL = re.compile(r"\n+Data go to standard output, messages to standard error\.\nExit codes:.*", re.DOTALL)


def say(program: str, *command: str) -> str:
    answer = subprocess.run([f"./{program}", *command, "--help"], cwd=BIN, capture_output=True, text=True, check=True, timeout=60).stdout
    return answer.replace(f"Usage: ./{program}", f"Usage: {program}").strip()


def section(program: str, *command: str) -> str:
    text = say(program, *command)
    if command:
        text = TAIL.sub("", text)
    else:
        # Settings have a table of their own.
        text = re.sub(r"^Options:\n(?=.*--data-dir).*?\n\n", "", text, flags=re.DOTALL | re.MULTILINE)
    heading = "#" * (2 if not command else 3)
    return f"\n{heading} {' '.join((program, *command))}\n\n```text\n{text}\n```\n"


def subcommands(text: str) -> list[str]:
    return re.findall(r"^  ([a-z-]+)  ", text.partition("Subcommands:")[2], re.MULTILINE)


def page() -> str:
    text = HEAD
    for program in ("sliceflow", "sliceflowd", "sliceflow-worker"):
        text += section(program)
        for name in subcommands(say(program)):
            text += section(program, name)
            for inner in subcommands(say(program, name)):
                text += section(program, name, inner)
    return text


def main() -> None:
    if sys.argv[1:] != ["--check"]:
        PAGE.write_text(page(), encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page():
        sys.exit("docs/commands.md: not what the programs say; run scripts/commands_page.py")


if __name__ == "__main__":
    main()
