"""Errors: one class a reason, everything that is wrong at once, and servers that are not there."""

import copy
import pathlib
import pickle
import re
import subprocess
import time

import pytest
import sliceflow as sf
from conftest import PATIENCE, small
from daemon import free_port
from sliceflow import errors

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Between daemon and worker, of the daemon's own start, of browsers' calls alone, or of how jobs end (which JobFailedError carries by its reason).
NOT_OF_CALLS = {
    "BLOBS_GONE",
    "CHECKPOINT_MISSING",
    "CHECKPOINT_REFUSED",
    "CLIENT_CERTIFICATE_MISSING",
    "DATABASE_GONE",
    "DATABASE_MISSING",
    "DATABASE_UNREACHABLE",
    "DEADLINE_EXCEEDED",
    "ENGINE_FAILED",
    "ENGINE_REFUSED",
    "FORK_ORIGIN_LOST",
    "GPU_OUT_OF_MEMORY",
    "JOB_NOT_QUEUED",
    "MALFORMED_MESSAGE",
    "ORIGIN_NOT_ALLOWED",
    "OUT_OF_MEMORY",
    "STALE_ASSIGNMENT",
    "STEP_OUT_OF_ORDER",
    "TOO_MANY_RACES",
    "VERSION_MISMATCH",
}


def all_classes(kind=errors.SliceflowError):
    for child in kind.__subclasses__():
        yield child
        yield from all_classes(child)


def test_every_reason_of_the_server_has_a_class_and_every_class_a_reason():
    sources = [path.read_text() for room in ("server", "common") for path in ROOT.glob(f"{room}/**/*.[ch]*")]
    used = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', "".join(sources)))
    ours = {kind.REASON for kind in all_classes() if kind.REASON}
    assert ours - {"DIVERGED"} <= used  # which is one word only
    words = {"CUDA_DEVICE_ORDER", "CUDA_MODULE_LOADING", "CUDA_VISIBLE_DEVICES", "PCI_BUS_ID", "SLICEFLOW_CUDA_PLUGIN"}
    words |= {"DATA_LOSS", "OMP_WAIT_POLICY", "SERVICE_HOST", "SERVICE_PORT", "SLICEFLOWD_CONFIG", "SLICEFLOW_FAILPOINTS", "XDG_RUNTIME_DIR"}
    assert used - ours - NOT_OF_CALLS - words == set()


def test_field_violations_are_listed_all_at_once(client):
    spec = sf.FlowSpec(
        2,
        sf.Potential.quadratic(center=[1, 0, 0]) + -1 * sf.Entropy(),
        sf.Schedule(-0.1, num_steps=0),
        model=sf.Model.real_nvp(couplings=1000),
    )
    with pytest.raises(errors.InvalidFieldError) as caught:
        client.submit(spec)
    error = caught.value
    assert {violation.field for violation in error.violations} == {
        "spec.functional.terms[0].potential.quadratic.center",
        "spec.functional.terms[1].weight",
        "spec.schedule.stepSize",
        "spec.schedule.numSteps",
        "spec.model.realNvp.couplings",
    }
    assert error.reason == "INVALID_FIELD" and error.code.name == "INVALID_ARGUMENT"
    assert str(error).splitlines()[0] == "5 fields are wrong:"
    assert all(f"  {violation.field}: {violation.description}" in str(error) for violation in error.violations)
    assert isinstance(error, ValueError) and isinstance(error, errors.InvalidArgumentError)


def test_a_limit_names_its_field(client):
    with pytest.raises(errors.BeyondLimitError) as caught:
        client.submit(small(schedule=sf.Schedule(0.1, num_steps=2_000_000_000)))
    assert [violation.field for violation in caught.value.violations] == ["spec.schedule.numSteps"]


def test_what_does_not_exist_is_not_found(client):
    with pytest.raises(errors.ResourceNotFoundError) as caught:
        client.job("jobs/nothing")
    assert caught.value.details.resource == "jobs/nothing" and isinstance(caught.value, LookupError)
    with pytest.raises(errors.ResourceNotFoundError):
        client.dataset("nothing")


def test_preconditions_have_classes_of_their_own(client, done):
    with pytest.raises(errors.JobEndedError):
        done.cancel()
    with pytest.raises(errors.JobNotDeletedError):
        done.undelete()
    with pytest.raises(errors.EtagMismatchError):
        done.delete(etag="another")
    with pytest.raises(errors.CheckpointNotKeptError):
        sparse = client.submit(small(output=sf.Output(checkpoint_every=3)))
        sparse.result(timeout=PATIENCE)
        sparse.sample(3, step=1)
    request_id = "once only"
    client.submit(small(), request_id=request_id)
    with pytest.raises(errors.RequestIdReusedError):
        client.submit(small(seed=8), request_id=request_id)


def test_errors_survive_copies_and_pickles(client):
    with pytest.raises(errors.InvalidFieldError) as caught:
        client.submit(small(schedule=sf.Schedule(-1, num_steps=1)))
    for same in (pickle.loads(pickle.dumps(caught.value)), copy.copy(caught.value)):
        assert type(same) is errors.InvalidFieldError
        assert (str(same), same.violations, same.code) == (str(caught.value), caught.value.violations, caught.value.code)


def test_a_server_that_is_not_there_is_tried_for_a_while():
    address = f"127.0.0.1:{free_port()}"
    with sf.Client(address, retry=sf.RetryPolicy(refused_patience=0.5)) as client:
        begin = time.monotonic()
        with pytest.raises(errors.ConnectionFailedError, match=f"{address}: connection refused, nothing listens there") as caught:
            client.server_info()
    assert time.monotonic() - begin >= 0.25  # half, at least, of the patience: pauses are random
    assert isinstance(caught.value, ConnectionError) and caught.value.reason == ""


def test_a_server_that_comes_back_is_found(own_daemon):
    own_daemon.kill()
    with sf.Client(own_daemon.address, retry=sf.RetryPolicy(refused_patience=PATIENCE)) as client:
        own_daemon.start()
        assert client.server_info().version


def test_a_server_that_does_not_answer_ends_in_a_timeout(tmp_path):
    """A listener that takes the connection and says nothing."""
    listener = subprocess.Popen(
        [
            "python3",
            "-c",
            "import socket, sys\ns = socket.create_server(('127.0.0.1', 0))\nprint(s.getsockname()[1], flush=True)\nsys.stdin.read()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        with (
            sf.Client(f"127.0.0.1:{listener.stdout.readline().strip()}", timeout=1.0) as client,
            pytest.raises((TimeoutError, ConnectionError)),
        ):
            client.server_info()
    finally:
        listener.communicate(timeout=PATIENCE)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"timeout": 0}, "timeout must be above 0"),
        ({"server": "example.org:1", "token": "sft_x"}, "would go to example.org:1 in the clear"),
        ({"token": "two words"}, "printable characters without white space"),
        ({"tls_cert": "client.pem"}, "needs its key"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(no_settings, settings, words):
    with pytest.raises(ValueError, match=words):
        sf.Client(**settings)


def test_a_retry_policy_is_checked():
    with pytest.raises(ValueError, match="max_attempts"):
        sf.RetryPolicy(max_attempts=0)
    with pytest.raises(ValueError, match="first_pause"):
        sf.RetryPolicy(first_pause=3, longest_pause=2)
