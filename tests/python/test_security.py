"""Tokens and TLS, against daemons that ask for them."""

import asyncio
import subprocess

import pytest
import sliceflow as sf
from conftest import PATIENCE, small
from daemon import Daemon
from sliceflow import errors


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    daemon = Daemon(tmp_path_factory.mktemp("guarded"), "--authentication", "tokens")
    yield daemon
    daemon.stop()


@pytest.fixture(scope="module")
def token(guarded):
    return guarded.token("--owner", "ada")


def test_a_token_says_who_asks(guarded, token):
    with sf.Client(guarded.address, token=token) as client:
        info = client.server_info()
        assert (info.owner, info.role) == ("ada", "USER")
        job = client.submit(small())
        assert job.result(timeout=PATIENCE).info.owner == "ada"
    other = guarded.token("--owner", "bob")
    with sf.Client(guarded.address, token=other) as client, pytest.raises(errors.ResourceNotFoundError):
        client.job(job.name)


def test_a_token_comes_from_the_environment_and_from_a_file(guarded, token, tmp_path, monkeypatch, no_settings):
    monkeypatch.setenv("SLICEFLOW_SERVER", guarded.address)
    monkeypatch.setenv("SLICEFLOW_TOKEN", token)
    with sf.Client() as client:
        assert client.server == guarded.address and client.server_info().owner == "ada"
    (tmp_path / "token").write_text(f"  {token}\n")
    monkeypatch.delenv("SLICEFLOW_TOKEN")
    monkeypatch.setenv("SLICEFLOW_TOKEN_FILE", str(tmp_path / "token"))
    with sf.Client() as client:
        assert client.server_info().owner == "ada"


def test_wrong_and_missing_tokens_have_classes_of_their_own(guarded, no_settings):
    with sf.Client(guarded.address, token="sft_wrong") as client, pytest.raises(errors.TokenInvalidError) as caught:
        client.server_info()
    assert caught.value.reason == "TOKEN_INVALID" and isinstance(caught.value, errors.UnauthenticatedError)
    with sf.Client(guarded.address) as client, pytest.raises(errors.TokenMissingError):
        next(client.jobs())


def test_a_viewer_may_look_and_not_touch(guarded):
    viewer = guarded.token("--owner", "ada", "--role", "viewer")
    with sf.Client(guarded.address, token=viewer) as client:
        list(client.jobs())
        with pytest.raises(errors.RoleTooLowError):
            client.submit(small())


def test_a_link_shows_one_job_until_it_is_ended(guarded, token):
    with sf.Client(guarded.address, token=token) as client:
        job, other = client.submit(small()), client.submit(small())
        job.result(timeout=PATIENCE)
        link = job.share(lasts=600)
        with sf.Client(guarded.address, token=link) as guest:
            assert guest.job(job.name).result(timeout=PATIENCE).info.name == job.name
            with pytest.raises(errors.ResourceNotFoundError):
                guest.job(other.name)
            with pytest.raises(errors.RoleTooLowError, match="link"):
                guest.job(job.name).cancel()
        with pytest.raises(errors.InvalidFieldError, match="ttl"):
            job.share(lasts=0.5)
        assert job.unshare() == 1


def test_a_link_is_made_and_ended_without_blocking(guarded, token):
    async def share_and_end():
        async with sf.AsyncClient(guarded.address, token=token) as client:
            job = await client.submit(small())
            assert (await job.share()).startswith("sft_")
            assert await job.unshare() == 1

    asyncio.run(share_and_end())


def test_where_no_tokens_are_asked_for_there_are_no_links(client):
    with pytest.raises(errors.NoTokensAskedError):
        client.submit(small()).share()


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=PATIENCE)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """An authority, and certificates of a server and of a client that it signed."""
    folder = tmp_path_factory.mktemp("certificates")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for name in ("authority", "stranger"):
        openssl("req", "-x509", *key, "-days", 2, "-subj", f"/CN={name}", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem")
    for name in ("server", "client"):
        openssl(
            "req",
            "-new",
            *key,
            "-subj",
            f"/CN={name}",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            folder / f"{name}.key",
            "-out",
            folder / f"{name}.csr",
        )
        openssl(
            "x509",
            "-req",
            "-days",
            2,
            "-copy_extensions",
            "copy",
            "-CAcreateserial",
            "-in",
            folder / f"{name}.csr",
            "-CA",
            folder / "authority.pem",
            "-CAkey",
            folder / "authority.key",
            "-out",
            folder / f"{name}.pem",
        )
    return folder


@pytest.fixture(scope="module")
def encrypted(certificates, tmp_path_factory):
    """A daemon that asks its clients for certificates too."""
    daemon = Daemon(
        tmp_path_factory.mktemp("encrypted"),
        "--tls-cert",
        str(certificates / "server.pem"),
        "--tls-key",
        str(certificates / "server.key"),
        "--tls-client-ca",
        str(certificates / "authority.pem"),
    )
    yield daemon
    daemon.stop()


def test_both_sides_know_each_other_by_certificates(encrypted, certificates):
    own = {"tls_cert": certificates / "client.pem", "tls_key": certificates / "client.key"}
    with sf.Client(encrypted.address, tls_ca=certificates / "authority.pem", **own) as client:
        steps = list(client.submit(small()).watch(timeout=PATIENCE))
        assert [step.step for step in steps] == [0, 1, 2, 3]


def test_a_server_that_nobody_vouches_for_is_not_spoken_to(encrypted, certificates):
    own = {"tls_cert": certificates / "client.pem", "tls_key": certificates / "client.key"}
    with sf.Client(encrypted.address, tls_ca=certificates / "stranger.pem", **own) as client:
        with pytest.raises(errors.HandshakeError, match="not trusted here"):
            client.server_info()


def test_tls_where_none_is_spoken_is_told(daemon, certificates):
    with (
        sf.Client(daemon.address, tls_ca=certificates / "authority.pem") as client,
        pytest.raises(errors.HandshakeError, match="does not speak TLS"),
    ):
        client.server_info()


def test_files_that_hold_no_certificate_are_refused(tmp_path, certificates):
    (tmp_path / "empty.pem").write_text("nothing")
    with pytest.raises(ValueError, match="empty.pem: holds nothing in PEM"):
        sf.Client(tls_ca=tmp_path / "empty.pem")
    with pytest.raises(FileNotFoundError):
        sf.Client(tls_ca=tmp_path / "missing.pem")
