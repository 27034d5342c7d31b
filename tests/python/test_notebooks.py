"""The notebooks of docs/notebooks, run from beginning to end; what they assert is in them."""

import os
import pathlib

import nbformat
import pytest
from conftest import PATIENCE
from nbclient import NotebookClient

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
OUT = ROOT / "build" / "notebooks"


def test_there_are_notebooks():
    assert {path.stem for path in NOTEBOOKS} == {"bayesian_posterior", "fokker_planck"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_outputs(path):
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert cells and all(cell.outputs == [] and cell.execution_count is None for cell in cells)


@pytest.mark.filterwarnings("default")  # of the kernel's own libraries
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_its_checks_hold(path, daemon, monkeypatch):
    """What it showed is kept in build/notebooks."""
    monkeypatch.setitem(os.environ, "SLICEFLOW_SERVER", daemon.address)
    notebook = nbformat.read(path, as_version=4)
    OUT.mkdir(parents=True, exist_ok=True)
    try:
        NotebookClient(notebook, timeout=2 * PATIENCE, kernel_name="python3", resources={"metadata": {"path": str(OUT)}}).execute()
    finally:
        nbformat.write(notebook, OUT / path.name)
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
