"""The fenced blocks of README.md, CONTRIBUTING.md and docs/, with what comments above them say to the test.

    <!-- file: first.yaml -->            the block is a file of that name; all of a page's files are there before its first command
    <!-- before: COMMAND -->             what the test does before the block and a reader has done already, in a shell
    <!-- ends: 4 -->                     the exit code of the block's last command, where it is not 0
    <!-- not run: PATH: why -->          the block is not run here: PATH, a file or folder of this tree, proves it instead
"""

import dataclasses
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHELL = ("sh", "bash", "console")
RUN = (*SHELL, "python", "yaml")
SHOWN = ("text", "json", "html", "diff", "toml", "ini", "mermaid")  # nothing to run
FENCE = re.compile(r"^(?P<indent> *)(?P<marks>```+)(?P<language>[^\n`]*)\n(?P<text>.*?)^(?P=indent)(?P=marks)[ ]*$", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"<!-- *(file|before|ends|not run): ((?:(?!-->).)*?) *-->\s*\Z", re.DOTALL)


@dataclasses.dataclass
class Block:
    page: str  # path below the tree's root
    line: int
    language: str
    text: str
    file: str = ""
    before: list[str] = dataclasses.field(default_factory=list)
    ends: int = 0
    not_run: str = ""

    @property
    def name(self) -> str:
        return f"{self.page}:{self.line}"


def all_pages() -> list[pathlib.Path]:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("**/*.md"))]
    return [page for page in pages if page.name != "reference.md"]  # made of the contract's comments; it has no blocks of its own


def blocks_of(page: pathlib.Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        indent = match["indent"]
        body = "".join(line.removeprefix(indent) for line in match["text"].splitlines(keepends=True))
        block = Block(str(page.relative_to(ROOT)), text[: match.start("text")].count("\n") + 1, match["language"].strip(), with_snippets(body))
        add_comments(block, text[: match.start()])
        found.append(block)
    return found


def add_comments(block: Block, above: str) -> None:
    """The run of comments that ends where the block begins."""
    while match := COMMENT.search(above):
        kind, value = match[1], " ".join(match[2].split())
        if kind == "file":
            block.file = value
        elif kind == "before":
            block.before.insert(0, value)
        elif kind == "ends":
            block.ends = int(value)
        else:
            block.not_run = value
        above = above[: match.start()]


def with_snippets(body: str) -> str:
    """A line `--8<-- "PATH"` stands for a file of the tree, on the site and here."""
    return re.sub(r'^--8<-- "(.*?)"$', lambda match: (ROOT / match[1]).read_text(encoding="utf-8").rstrip("\n"), body, flags=re.MULTILINE)


def inline_code(page: pathlib.Path) -> list[str]:
    """What stands between single backticks, outside of blocks."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return [" ".join(code.split()) for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", text)]
