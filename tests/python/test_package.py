"""What is built, and what it brings along."""

import email
import pathlib
import re
import subprocess
import sys
import tarfile
import venv
import zipfile

import pytest
from conftest import PATIENCE

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "client" / "python"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A source distribution, and the wheel that is built from it alone."""
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", out, PACKAGE], check=True, capture_output=True, timeout=PATIENCE
    )
    return next(out.glob("*.tar.gz")), next(out.glob("*.whl"))


def test_a_wheel_has_the_contract_and_its_types(built):
    names = set(zipfile.ZipFile(built[1]).namelist())
    protos = {path.stem for path in (ROOT / "proto" / "sliceflow" / "v1").glob("*.proto")}
    assert protos and {f"sliceflow/v1/{stem}_pb2.py{kind}" for stem in protos for kind in ("", "i")} <= names
    assert {"sliceflow/py.typed", "sliceflow/v1/contract.binpb"} <= names
    assert all(name.startswith(("sliceflow/", "sliceflow-")) for name in names)


def test_a_wheel_from_the_checkout_is_that_from_the_source_distribution(built, tmp_path):
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", tmp_path, PACKAGE],
        check=True,
        capture_output=True,
        timeout=PATIENCE,
    )
    ours, other = (zipfile.ZipFile(path) for path in (built[1], next(tmp_path.glob("*.whl"))))
    assert {name: ours.read(name) for name in ours.namelist()} == {name: other.read(name) for name in other.namelist()}


def test_a_source_distribution_carries_the_contract(built):
    names = {name.partition("/")[2] for name in tarfile.open(built[0]).getnames()}
    assert {"proto/sliceflow/v1/job.proto", "hatch_build.py", "src/sliceflow/__init__.py"} <= names
    assert not any(name.endswith((".binpb", "_pb2.py")) for name in names)


def metadata(wheel):
    archive = zipfile.ZipFile(wheel)
    return email.message_from_bytes(archive.read(next(name for name in archive.namelist() if name.endswith("METADATA"))))


def test_it_brings_four_libraries_and_has_the_projects_version(built):
    about = metadata(built[1])
    needed = {re.match(r"[A-Za-z]+", line)[0] for line in about.get_all("Requires-Dist") if "extra ==" not in line}
    assert needed == {"grpcio", "protobuf", "numpy", "tqdm"}
    assert about["Version"] == re.search(r"project\(sliceflow VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]
    assert {"plot", "xarray", "arviz", "yaml", "pandas", "tensorboard", "wandb"} <= set(about.get_all("Provides-Extra"))


def test_types_are_seen_by_those_who_use_it(tmp_path):
    (tmp_path / "user.py").write_text("""
from typing import assert_type
import numpy as np
import numpy.typing as npt
import sliceflow as sf

def use(client: sf.Client) -> None:
    functional = sf.Potential.mixture([[4, 0], [-4, 0]]) + 0.1 * sf.Entropy()
    assert_type(functional, sf.Functional)
    job = client.submit(sf.FlowSpec(2, functional, sf.Schedule(0.1, num_steps=3), model=sf.Model.real_nvp(couplings=4)))
    for step in job.watch():
        assert_type(step, sf.Step)
        assert_type(step.samples, npt.NDArray[np.float32] | None)
    assert_type(job.result().metrics, dict[str, npt.NDArray[np.float64]])
    assert_type(job.sample(3), npt.NDArray[np.float32])
    assert_type(client.distance(job, job.at(0)).value, float)

async def use_async(client: sf.AsyncClient) -> None:
    job = await client.submit("job.yaml")
    async for step in job.watch():
        assert_type(step, sf.Step)
    sf.Solver.sw_jko(variant="BEST")  # type: ignore[arg-type]
""")
    answer = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", "user.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert answer.stdout.startswith("Success: no issues found"), answer.stdout


def test_it_works_with_nothing_but_what_it_brings(built, daemon, tmp_path):
    """In an environment of its own, where nothing else was installed."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", built[1]], check=True, timeout=PATIENCE)
    installed = subprocess.run(
        [python, "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True, check=True, timeout=PATIENCE
    ).stdout
    assert {line.partition("==")[0] for line in installed.split()} <= {
        "pip",
        "setuptools",
        "sliceflow",
        "grpcio",
        "protobuf",
        "numpy",
        "tqdm",
        "typing_extensions",
    }
    program = """
import sys
import sliceflow as sf
with sf.Client(sys.argv[1]) as client:
    solver = sf.Solver.paired_jko(inner_iterations=5)
    job = client.submit(sf.FlowSpec(2, sf.Potential.quadratic() + sf.Entropy(), sf.Schedule(0.1, num_steps=1), solver=solver))
    result = job.result(timeout=200)
    print(result.samples.shape, job.sample(3).shape, job.log_density([[0, 0]]).shape, client.upload([[1.0, 2.0]]).rows)
    try:
        result.to_pandas()
    except ImportError as error:
        print(error)
"""
    answer = subprocess.run([python, "-c", program, daemon.address], capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert answer.stdout == "(2, 1000, 2) (3, 2) (1,) 1\nthis needs pandas: pip install 'sliceflow[pandas]'\n"
