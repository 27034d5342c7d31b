"""Exported models as files; what is in them tests/e2e/export_test.py tries with torch."""

import asyncio
import json
import struct
import zipfile

import pytest
import sliceflow as sf
from conftest import PATIENCE, small
from sliceflow import errors


@pytest.fixture(scope="module")
def job(daemon):
    with sf.Client(daemon.address) as client:
        made = client.submit(small())
        made.result(timeout=PATIENCE)
        yield made


def header(path):
    data = path.read_bytes()
    return json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])


def test_both_formats_are_files_of_their_kind(job, tmp_path):
    assert job.export(tmp_path / "model.pt") == tmp_path / "model.pt"
    with zipfile.ZipFile(tmp_path / "model.pt") as archive:
        described = next(name for name in archive.namelist() if name.endswith("extra/sliceflow.json"))
        assert json.loads(archive.read(described))["step"] == 3
    found = header(job.export(tmp_path / "model.safetensors", format="safetensors", step=1))
    description = json.loads(found["__metadata__"]["sliceflow"])
    assert description["job"] == job.name and description["step"] == 1
    assert found["layer_0.weight_1"]["shape"] == [16, 1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.pt", "model.safetensors"]


def test_the_asynchronous_client_writes_the_same(daemon, job, tmp_path):
    async def export():
        async with sf.AsyncClient(daemon.address) as client:
            return await (await client.job(job.name)).export(tmp_path / "there", format="safetensors")

    here = job.export(tmp_path / "here", format="safetensors")
    assert asyncio.run(export()).read_bytes() == here.read_bytes()


def test_its_bytes_are_shown_as_they_come(job, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sliceflow._progress._DELAY", 0)  # no model here takes two seconds
    size = job.export(tmp_path / "model.pt", progress=True).stat().st_size
    shown = capsys.readouterr().err.split("\r")[-1]
    assert shown.startswith(f"export model.pt: {size / 1000:.3g}".rstrip("0").rstrip(".")) and "B/s" in shown
    job.export(tmp_path / "model.pt", overwrite=True, progress=False)
    assert capsys.readouterr().err == ""


def test_a_file_that_is_there_stays_unless_told(job, tmp_path):
    path = tmp_path / "model.pt"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        job.export(path)
    assert path.read_text() == "mine"
    assert job.export(path, overwrite=True).stat().st_size > 1000


def test_what_cannot_be_is_refused_and_leaves_no_file(job, tmp_path):
    with pytest.raises(ValueError, match="'torchscript', 'safetensors'"):
        job.export(tmp_path / "model", format="onnx")
    with pytest.raises(FileNotFoundError):
        job.export(tmp_path / "no" / "model")
    with pytest.raises(errors.SliceflowError):
        job.export(tmp_path / "model", step=40)
    assert not list(tmp_path.iterdir())
