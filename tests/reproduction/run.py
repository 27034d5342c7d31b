"""Runs the reproduction suite and writes its page. scripts/reproduce says how it is called.

Exit code 0 when every figure of the experiments asked for is there and within its target, 1 otherwise, 130 on Ctrl-C.
"""

import dataclasses
import json
import pathlib
import shutil
import signal
import sys
import tempfile

from closed_forms import ClosedForms
from high_dimension import HighDimension
from images import Images
from logistic_regression import LogisticRegression
from mixture import Mixture
from options import Options, read_options
from ornstein_uhlenbeck import OrnsteinUhlenbeck
from report import Section, page, pictures_of_page, rows_of_page
from ring import Ring
from schemes import SchemesCompared
from service import ROOT, Server
from settings import Settings
from units import Store, Unit, run_unit

EXPERIMENTS = [OrnsteinUhlenbeck, Mixture, LogisticRegression, Ring, ClosedForms, Images, HighDimension, SchemesCompared,
               Settings]


def interrupt(_signal, _frame) -> None:
    raise KeyboardInterrupt


def run_all(units: list[Unit], server: Server, store: Store) -> dict[str, str]:
    """Runs what is not stored yet; answers the reasons of units that have no result, by key."""
    # Experiments may share units.
    units = list({unit.key: unit for unit in units}.values())
    missing = [unit for unit in units if store.get(unit) is None]
    left = sum(unit.seconds for unit in missing)
    print(f"{len(missing)} of {len(units)} units to run, about {left / 60:.0f} minutes", file=sys.stderr, flush=True)
    reasons = {}
    for at, unit in enumerate(missing, 1):
        reason = run_unit(unit, server, store, f"{at}/{len(missing)}, {left / 60:.0f} min left")
        left -= unit.seconds
        if reason:
            reasons[unit.key] = reason
    return reasons


class EarlierPage:
    """What the page said before this run, for what is not stored; nothing where that is not `kept`."""

    def __init__(self, path: pathlib.Path, *, kept: bool):
        text = path.read_text() if kept and path.exists() else ""
        self.rows, self.pictures = rows_of_page(text), pictures_of_page(text)

    def complete(self, section: Section, drawn: pathlib.Path, pictures: pathlib.Path) -> Section:
        """The section with rows that have nothing stored as they were. Pictures are then left as they were too: new ones would miss those rows."""
        rows = [row.or_earlier(self.rows.get((section.title, *row.labels))) for row in section.rows]
        if any(row.earlier for row in rows):
            return dataclasses.replace(section, rows=rows, pictures=self.pictures.get(section.title, []))
        for file, _ in section.pictures:
            shutil.copyfile(drawn / file, pictures / file)
        return section


def write_page(experiments: list, store: Store, reasons: dict[str, str], options: Options, published: dict, version: str) -> list:
    """The page of all experiments, from what is stored; answers its sections."""
    page_path = ROOT / ("build/reproduction/quick/reproduction.md" if options.quick else "docs/reproduction.md")
    pictures = page_path.parent / "images/reproduction"
    pictures.mkdir(parents=True, exist_ok=True)
    earlier = EarlierPage(page_path, kept=not options.quick)
    with tempfile.TemporaryDirectory() as folder:
        drawn = pathlib.Path(folder)
        sections = [earlier.complete(experiment.section(store, reasons, drawn), drawn, pictures) for experiment in experiments if experiment.units()]
    how = "QUICK=1 make reproduce" if options.quick else f"SEEDS={options.seeds} THREADS={options.threads} make reproduce"
    page_path.write_text(page(sections, "images/reproduction", published["sources"], how, version))
    print(page_path.relative_to(ROOT))
    return sections


def complain(sections: list, chosen: list) -> int:
    """Says what is not as it should be of the experiments that were asked for; answers how much."""
    titles = {experiment.title for experiment in chosen}
    bad = [(section.title, row) for section in sections if section.title in titles for row in section.rows if not row.met]
    for title, row in bad:
        print(f"{title}: {' '.join(filter(None, row.labels))}: {row.verdict().replace('**', '')}", file=sys.stderr)
    return len(bad)


def main() -> int:
    options = read_options([experiment.name for experiment in EXPERIMENTS])
    published = json.loads((pathlib.Path(__file__).parent / "published.json").read_text())
    experiments = [experiment(options, published) for experiment in EXPERIMENTS]
    chosen = [experiment for experiment in experiments if not options.only or experiment.name in options.only]
    folder = ROOT / "build/reproduction" / ("quick" if options.quick else "full")
    store = Store(folder / "units")
    signal.signal(signal.SIGTERM, interrupt)
    server = Server(folder / "server", options.threads)
    try:
        reasons = run_all([unit for experiment in chosen for unit in experiment.units()], server, store)
        sections = write_page(experiments, store, reasons, options, published, server.info["version"])
    except KeyboardInterrupt:
        print("\nstopped; finished units are kept, and running it again goes on from there", file=sys.stderr)
        return 130
    finally:
        server.stop()
    return 1 if complain(sections, chosen) else 0


if __name__ == "__main__":
    sys.exit(main())
