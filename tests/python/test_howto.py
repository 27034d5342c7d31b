"""docs/howto/python.md: its blocks, one after another, against a real daemon."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOWTO = ROOT / "docs" / "howto" / "python.md"


@pytest.mark.filterwarnings("default")  # an animation that is not shown warns where it is dropped
def test_every_block_runs(daemon, monkeypatch, tmp_path):
    monkeypatch.setenv("SLICEFLOW_SERVER", daemon.address)
    monkeypatch.chdir(tmp_path)
    text = HOWTO.read_text()
    names: dict[str, object] = {}
    blocks = list(re.finditer(r"```python\n(.*?)```", text, re.DOTALL))
    assert len(blocks) > 8
    for block in blocks:
        lines_before = text[: block.start(1)].count("\n")
        exec(compile("\n" * lines_before + block[1], HOWTO, "exec"), names)
