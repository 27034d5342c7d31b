"""What the documentation says, done."""

import pathlib
import re
import subprocess
import sys

import pytest
from daemon import binary
from pages import ROOT, RUN, SHOWN, all_pages, blocks_of, inline_code
from reader import Reader

PAGES = all_pages()
WITH_BLOCKS = [page for page in PAGES if any(block.language in RUN and not block.not_run for block in blocks_of(page))]


def named(page: pathlib.Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.filterwarnings("default")  # an animation that is not shown warns where it is dropped
@pytest.mark.parametrize("page", WITH_BLOCKS, ids=named)
def test_a_page_does_what_it_says(page, monkeypatch, tmp_path):
    blocks = [block for block in blocks_of(page) if not block.not_run]
    reader = Reader(tmp_path, blocks)
    for name in ("SLICEFLOW_TOKEN", "SLICEFLOW_TOKEN_FILE", "SLICEFLOW_TLS_CA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SLICEFLOW_SERVER", reader.grpc)
    monkeypatch.chdir(reader.page)
    commands = "\n".join(block.text for block in blocks if block.language != "yaml")
    doing = "its first block"
    try:
        for block in blocks:
            doing = block.name
            reader.follow(block)
        for block in blocks:
            doing = block.name
            if block.language == "yaml":
                reader.check_yaml(block, commands)
    except Exception as error:
        error.add_note(f"at {doing}")
        raise
    finally:
        reader.leave()


def test_every_block_has_a_language_that_says_whether_it_is_run():
    strange = [block.name for page in PAGES for block in blocks_of(page) if block.language not in (*RUN, *SHOWN)]
    assert strange == [], f"a fence names one of {', '.join((*RUN, *SHOWN))}"


def test_what_is_shown_only_holds_no_command():
    shown = [block for page in PAGES for block in blocks_of(page) if block.language in SHOWN]
    assert [block.name for block in shown if re.search(r"^\s*\$ ", block.text, re.MULTILINE)] == []


def test_what_is_not_run_names_its_proof():
    left_out = [block for page in PAGES for block in blocks_of(page) if block.not_run]
    wrong = [block.name for block in left_out if not re.match(r"[^:]+: .{8,}", block.not_run) or not (ROOT / block.not_run.split(":")[0]).exists()]
    assert wrong == [], "`not run: PATH: why`, and PATH is there"


def helped(program: str, *command: str) -> str:
    return subprocess.run([binary(program), *command, "--help"], capture_output=True, text=True, timeout=60, check=True).stdout


def test_commands_in_the_text_are_those_of_the_programs():
    """`sliceflow sub --flag` between backticks: sub and flag are there."""
    subcommands = {name: set(re.findall(r"^  ([a-z-]+)  ", helped(name), re.MULTILINE)) for name in ("sliceflow", "sliceflowd")}
    wrong = []
    for page in PAGES:
        for code in inline_code(page):
            match = re.match(r"(?:build/bin/)?(sliceflowd?) ([a-z][a-z-]*)\b", code)
            if not match:
                continue
            program, command = match[1], match[2]
            if command not in subcommands[program]:
                wrong.append(f"{named(page)}: `{code}`: {program} has no {command}")
                continue
            wrong += [f"{named(page)}: `{code}`: no {flag}" for flag in re.findall(r" (--[a-z-]+)", code) if not knows(program, command, flag)]
    assert wrong == []


def knows(program: str, command: str, flag: str) -> bool:
    if re.search(rf"(^|[ ,]){flag}\b", helped(program, command), re.MULTILINE) or re.search(rf"(^|[ ,]){flag}\b", helped(program), re.MULTILINE):
        return True
    groups = re.findall(r"^  ([a-z-]+)  ", helped(program, command).partition("Subcommands:")[2], re.MULTILINE)
    return any(re.search(rf"(^|[ ,]){flag}\b", helped(program, command, group), re.MULTILINE) for group in groups)


def test_the_page_of_commands_is_what_the_programs_say():
    checked = subprocess.run([sys.executable, ROOT / "scripts" / "commands_page.py", "--check"], capture_output=True, text=True, timeout=120, check=False)
    assert checked.returncode == 0, checked.stderr


def test_scripts_and_targets_in_the_text_are_there():
    targets = set(re.findall(r"^([a-z_]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    wrong = []
    for page in PAGES:
        for code in inline_code(page):
            script, target = re.match(r"(scripts|deploy)/[\w.-]+", code), re.match(r"(?:[A-Z_]+=\S+ )*make ([a-z_]+)", code)
            if script and not (ROOT / script[0]).exists():
                wrong.append(f"{named(page)}: `{code}`: no such script")
            if target and target[1] not in targets:
                wrong.append(f"{named(page)}: `{code}`: make has no {target[1]}")
    assert wrong == []
