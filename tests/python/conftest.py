"""The Python client against a real daemon. scripts/test_python runs all of it; SLICEFLOW_BIN names the folder of the programs.

test_builders    specifications, YAML, the contract's words    test_errors     one class a reason, violations, lost servers
test_watch       steps once and in order, whatever breaks      test_security   tokens and TLS
test_jobs        results, steering, forks, lists, Ctrl-C       test_results    draws, densities, distances, tables, pictures
test_datasets    arrays, frames, files, uploads that break     test_async      the same in an event loop
test_export      exported models as files                      test_howto      docs/howto/python.md, block by block
test_mirrors     TensorBoard and Weights & Biases              test_package    what is built, and what it brings along
test_notebooks   docs/notebooks, from beginning to end
"""

import pytest
import sliceflow as sf
from daemon import Daemon

PATIENCE = 300  # seconds; only a hang reaches it


@pytest.fixture(scope="session")
def daemon(tmp_path_factory):
    """One for all tests that do it no harm."""
    running = Daemon(tmp_path_factory.mktemp("daemon"))
    yield running
    running.stop()


@pytest.fixture
def own_daemon(tmp_path):
    """One to be killed."""
    running = Daemon(tmp_path)
    yield running
    running.stop()


@pytest.fixture
def client(daemon):
    with sf.Client(daemon.address) as connected:
        yield connected


@pytest.fixture
def no_settings(monkeypatch):
    """An environment that says nothing of servers and tokens."""
    for name in ("SLICEFLOW_SERVER", "SLICEFLOW_TOKEN", "SLICEFLOW_TOKEN_FILE", "SLICEFLOW_TLS_CA"):
        monkeypatch.delenv(name, raising=False)


def small(**changes) -> sf.FlowSpec:
    """Three steps of a small RealNVP with a density, done in a moment."""
    spec = {
        "dimension": 2,
        "functional": sf.Potential.quadratic(center=[1, 0]) + sf.Entropy(),
        "schedule": sf.Schedule(0.1, num_steps=3),
        "solver": sf.Solver.sw_jko(inner_iterations=10, num_projections=20, batch_size=64, max_attempts=1),
        "model": sf.Model.real_nvp(couplings=2, hidden_width=16),
        "output": sf.Output(samples_per_step=50),
        "seed": 7,
    }
    return sf.FlowSpec(**{**spec, **changes})


def slow(num_steps: int = 1000) -> sf.FlowSpec:
    """Steps of about a tenth of a second, more of them than any test waits for."""
    return small(
        solver=sf.Solver.sw_jko(inner_iterations=300, num_projections=50, batch_size=256, max_attempts=1),
        schedule=sf.Schedule(0.1, num_steps=num_steps),
    )


def diverging() -> sf.FlowSpec:
    """Explicit steps a thousand times too long for the quartic sides of a double well."""
    return sf.FlowSpec(
        2,
        sf.Potential.double_well(),
        sf.Schedule(1000, num_steps=3),
        solver=sf.Solver.euler_maruyama(inner_iterations=10),
        model=sf.Model.particles(count=20),
        output=sf.Output(samples_per_step=20),
    )


@pytest.fixture(scope="session")
def done(daemon):
    """A job that has succeeded."""
    with sf.Client(daemon.address) as connected:
        job = connected.submit(sf.JobSpec(small(), display_name="small <b>", labels={"kind": "test"}))
        job.result(timeout=PATIENCE)
        yield job
