"""The page: rows of published and own figures, each with its verdict."""

import dataclasses
import math
import pathlib
import platform
import re
import statistics

EARLIER = "†"  # behind a figure that the page had before this run


def number(value: float) -> str:
    if not math.isfinite(value):
        return str(value)
    return f"{value:.4f}".rstrip("0").rstrip(".") if 0.0005 <= abs(value) < 1000 or value == 0 else f"{value:.2g}"


@dataclasses.dataclass(frozen=True)
class Target:
    """What a mean must be at most or at least; `text` says where the bound is from."""

    bound: float
    at_most: bool = True
    text: str = ""

    def miss(self, value: float) -> float:
        """How far beyond the bound, 0 where it holds; NaN never holds."""
        over = value - self.bound if self.at_most else self.bound - value
        return 0.0 if over <= 0 else (over if over == over else math.inf)

    def __str__(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {number(self.bound)}{f' ({self.text})' if self.text else ''}"


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of a table. `values` holds a figure a seed; none: not run. A row without target is there to be read. `earlier`: the cells
    behind the labels that the page had, for a row that has nothing stored."""

    labels: tuple[str, ...]
    published: str
    values: tuple[float, ...]
    seconds: tuple[float, ...] = ()
    target: Target | None = None
    not_run: str = ""
    earlier: tuple[str, ...] = ()

    @classmethod
    def of(cls, labels: tuple[str, ...], published: str, units: list, figure: str, store, reasons: dict[str, str], target: Target | None = None) -> "Row":
        """A figure of the units' stored results; of those without, the reason."""
        results = [result for unit in units if (result := store.get(unit))]
        why = next((reasons[unit.key] for unit in units if unit.key in reasons), "")
        return cls(labels, published, tuple(result[figure] for result in results), tuple(result["seconds"] for result in results), target, why)

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    @property
    def judged(self) -> bool:
        return self.target is not None and bool(self.values or self.earlier)

    @property
    def met(self) -> bool:
        if self.earlier:
            return self.earlier[-1] in ("", "met")
        return bool(self.values) and (self.target is None or self.target.miss(self.mean) == 0)

    def verdict(self) -> str:
        if self.earlier:
            return self.earlier[-1]
        if not self.values:
            return f"**not run**: {self.not_run or 'left out of this run'}"
        if self.target is None:
            return ""
        miss = self.target.miss(self.mean)
        return "met" if miss == 0 else f"**missed by {number(miss)}**"

    def or_earlier(self, cells: tuple[str, ...] | None) -> "Row":
        """The row as the page had it, where nothing of it is stored and nothing went wrong."""
        return dataclasses.replace(self, earlier=cells) if cells and not self.values and not self.not_run else self

    def cells(self) -> list[str]:
        if self.earlier:
            published, target, ours, *rest = self.earlier
            return [*self.labels, published, target, ours if ours.endswith(EARLIER) else f"{ours} {EARLIER}", *rest]
        ours = ""
        if self.values:
            spread = f" ± {number(statistics.stdev(self.values))}" if len(self.values) > 1 else ""
            ours = f"{number(self.mean)}{spread}"
        seconds = number(round(statistics.fmean(self.seconds), 1)) if self.seconds else ""
        return [*self.labels, self.published, str(self.target or ""), ours, str(len(self.values) or ""), seconds, self.verdict()]


@dataclasses.dataclass
class Section:
    """An experiment on the page. `headings` name the labels of its rows."""

    title: str
    text: str
    headings: tuple[str, ...]
    rows: list[Row]
    pictures: list[tuple[str, str]] = dataclasses.field(default_factory=list)  # (file name, what it shows)

    def markdown(self, pictures: str) -> str:
        heading = [*self.headings, "published", "target", "ours", "seeds", "seconds", "verdict"]
        lines = [f"## {self.title}", "", self.text, "", f"| {' | '.join(heading)} |", f"|{'---|' * len(heading)}"]
        lines += [f"| {' | '.join(row.cells())} |" for row in self.rows]
        for file, caption in self.pictures:
            lines += ["", f"![{caption}]({pictures}/{file})", "", f"*{caption}*"]
        return "\n".join(lines) + "\n"


def rows_of_page(text: str) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Cells behind the labels, by section title and labels, of the rows of a page that were run."""
    found = {}
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title, *lines = section.splitlines()
        for line in lines:
            cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
            if len(cells) > 6 and not line.startswith("|---") and "**not run**" not in line:
                found[title, *cells[:-6]] = tuple(cells[-6:])
    return found


def pictures_of_page(text: str) -> dict[str, list[tuple[str, str]]]:
    """Pictures of a page's sections, by title: file name and what it shows."""
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    return {section.splitlines()[0]: [(pathlib.PurePath(file).name, caption) for caption, file in re.findall(r"^!\[(.*)\]\((.*)\)$", section, re.MULTILINE)]
            for section in sections}


def machine() -> str:
    names = [line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return f"{len(names)} cores of {names[0] if names else platform.machine()}"


def page(sections: list[Section], pictures: str, sources: dict, how: str, version: str) -> str:
    rows = [row for section in sections for row in section.rows]
    judged = [row for row in rows if row.judged]
    met = sum(row.met for row in judged)
    absent = sum(not row.values and not row.earlier for row in rows)
    earlier = sum(bool(row.earlier) for row in rows)
    kept = f"Of {len(rows)} rows {earlier} are of an earlier run, maybe on another machine: {EARLIER}. " if earlier else ""
    head = [
        "# Reproduction of published results", "",
        f"Written by `{how}`; nothing here is typed by hand but the published figures, which are read from "
        "`tests/reproduction/published.json`. Every flow ran on a server, from a job file of `examples/published/`.", "",
        f"sliceflow {version}, on {machine()}. Seconds are of computing, without waiting in a queue; "
        "other work on the same cores makes them longer. "
        f"**{met} of {len(judged)} targets met{f', {absent} rows not run' if absent else ''}.** "
        f"{kept}A figure is the mean ± standard deviation over seeds; a target is judged by the mean.", ""]
    tail = ["## Sources", "", *[f"- {text}." for text in sources.values()], ""]
    return "\n".join(head) + "\n" + "\n".join(section.markdown(pictures) for section in sections) + "\n" + "\n".join(tail)
