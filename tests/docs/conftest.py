"""Every command, program and job file in README.md, CONTRIBUTING.md and docs/, done for real (scripts/test_python tests/docs).

pages       the blocks, and what comments above them say    reader    who does what a page says    test_docs    every page, and what it names
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "python"))

from pages import all_pages, blocks_of  # noqa: E402


def pytest_terminal_summary(terminalreporter):
    left_out = [block for page in all_pages() for block in blocks_of(page) if block.not_run]
    terminalreporter.section(f"{len(left_out)} blocks are proven elsewhere")
    for block in left_out:
        terminalreporter.line(f"{block.name}: {block.not_run}")
