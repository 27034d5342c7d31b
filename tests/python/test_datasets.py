"""Data sets from arrays, data frames and files; uploads that break off and go on."""

import asyncio
import contextlib
import gzip
import hashlib
import threading
import time

import grpc
import numpy as np
import pandas as pd
import pytest
import sliceflow as sf
from conftest import PATIENCE, small
from proxy import Proxy
from sliceflow import errors
from sliceflow.v1 import dataset_pb2, dataset_service_pb2


def rows_of(client, dataset):
    """Rows as the server holds them: particles that start from the data set, at step 0."""
    spec = sf.FlowSpec(
        dataset.columns,
        sf.Potential.quadratic(),
        sf.Schedule(0.1, num_steps=1),
        initial=sf.Distribution.dataset(dataset),
        solver=sf.Solver.euler_maruyama(inner_iterations=1),
        model=sf.Model.particles(count=dataset.rows),
        output=sf.Output(samples_per_step=dataset.rows),
    )
    return client.submit(spec).result(timeout=PATIENCE).samples[0]


def test_an_array_is_kept_as_it_is(client):
    array = np.random.default_rng(0).normal(size=(40, 3))
    dataset = client.upload(array, "an-array", display_name="forty rows")
    assert (dataset.name, dataset.display_name) == ("datasets/an-array", "forty rows")
    assert (dataset.rows, dataset.columns, dataset.row_shape, dataset.size_bytes) == (40, 3, (3,), 480)
    assert client.dataset("an-array") == dataset
    assert dataset in list(client.datasets())
    # Particles begin at rows drawn from it.
    rows = {tuple(row) for row in array.astype(np.float32).tolist()}
    assert {tuple(row) for row in rows_of(client, dataset).tolist()} <= rows


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "bool", "float16", ">f8"])
def test_arrays_of_all_kinds_of_numbers_are_taken(client, dtype):
    array = np.array([[0, 1], [1, 0], [1, 1]]).astype(dtype)
    assert (client.upload(array).rows, client.upload(np.asfortranarray(array)).columns) == (3, 2)


def test_images_become_rows(client):
    dataset = client.upload(np.arange(2 * 4 * 4, dtype=np.uint8).reshape(2, 4, 4), scale=1 / 255)
    assert (dataset.columns, dataset.row_shape) == (16, (4, 4))


@pytest.mark.parametrize("data", [np.array(["a"]), 3.0, np.array([1j]), [[1, 2], [3, "x"]]])
def test_what_is_no_table_of_numbers_is_refused(client, data):
    with pytest.raises(TypeError, match="a table of numbers"):
        client.upload(data)


def test_a_data_frame_is_its_numbers(client):
    frame = pd.DataFrame({"a": [1.5, 2.5], "b": [3, 4], "label": [True, False]})
    dataset = client.upload(frame)
    assert (dataset.rows, dataset.columns, dataset.label_values) == (2, 3, (0, 1))
    with pytest.raises(TypeError, match="these columns are not: name"):
        client.upload(frame.assign(name=["x", "y"]))


FILES = {
    "table.csv": b"x,y\n1,2\n3,4\n",
    "table.tsv": b"1\t2\n3\t4\n",
    "table.csv.gz": gzip.compress(b"1,2\n3,4\n"),
    "table.idx": bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4]),
    "t10k-images-idx2-ubyte.gz": gzip.compress(bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4])),
}


@pytest.mark.parametrize("name", FILES)
def test_files_are_told_by_their_names(client, tmp_path, name):
    content = FILES[name]
    (tmp_path / name).write_bytes(content)
    dataset = client.upload(tmp_path / name)
    assert (dataset.rows, dataset.columns) == (2, 2)
    assert dataset.sha256 == hashlib.sha256(content).hexdigest()


def test_files_of_other_names_need_their_format(client, tmp_path):
    (tmp_path / "table.dat").write_text("1 2\n3 4\n")
    with pytest.raises(ValueError, match="its name does not tell its format"):
        client.upload(tmp_path / "table.dat")
    assert client.upload(tmp_path / "table.dat", file_format="csv", max_rows=1).rows == 1
    (tmp_path / "empty.csv").touch()
    with pytest.raises(ValueError, match="empty.csv: is empty"):
        client.upload(tmp_path / "empty.csv")
    with pytest.raises(FileNotFoundError):
        client.upload(tmp_path / "missing.csv")


def test_a_malformed_table_tells_line_and_column(client, tmp_path):
    (tmp_path / "bad.csv").write_text("1,2\n3,x\n")
    with pytest.raises(errors.MalformedTableError, match="line 2"):
        client.upload(tmp_path / "bad.csv")


def test_an_id_stands_for_one_content(client):
    client.upload([[1.0, 2.0]], "taken")
    assert client.upload([[1.0, 2.0]], "taken").name == "datasets/taken"
    with pytest.raises(errors.DatasetExistsError):
        client.upload([[3.0, 4.0]], "taken")


def test_an_upload_that_breaks_off_goes_on_in_the_same_call(daemon, tmp_path):
    """A connection that is cut after 3 MiB, twice: what the server has is not sent again."""
    path = tmp_path / "rows.npy"
    np.save(path, np.random.default_rng(1).normal(size=(1_000_000, 1)))  # 8 MB
    lookup = dataset_service_pb2.GetUploadRequest(sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    stored = []

    def until_the_server_has_two_mib_more():
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            with contextlib.suppress(grpc.RpcError):  # of what has not arrived yet
                offset = channel.unary_unary(
                    "/sliceflow.v1.DatasetService/GetUpload",
                    request_serializer=dataset_service_pb2.GetUploadRequest.SerializeToString,
                    response_deserializer=dataset_service_pb2.Upload.FromString,
                )(lookup, timeout=PATIENCE).offset
                if offset >= (stored[-1] if stored else 0) + (2 << 20):
                    stored.append(offset)
                    return

    with grpc.insecure_channel(daemon.address) as channel:
        with (
            Proxy(daemon.address, cut_after=3 << 20, cuts=2, before_cut=until_the_server_has_two_mib_more) as proxy,
            sf.Client(proxy.address) as client,
        ):
            assert client.upload(path).rows == 1_000_000
    assert len(stored) == 2 and proxy.connections >= 3
    # Twice goes what was under way when the connection broke, up to a MiB each time, and what is sent before the server, which still sees the
    # old stream, asks to come again. From the beginning each time it would be 14 MB and more.
    assert proxy.sent < 12_500_000


def test_an_upload_that_breaks_off_goes_on_in_another_program(daemon, client, tmp_path):
    path = tmp_path / "rows.npy"
    np.save(path, np.random.default_rng(2).normal(size=(500_000, 1)))
    content = path.read_bytes()

    def half():
        header = dataset_service_pb2.UploadHeader(size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        header.format.CopyFrom(dataset_pb2.DatasetFormat(kind="NPY"))
        yield dataset_service_pb2.UploadDatasetRequest(header=header)
        for offset in range(0, len(content) // 2, 1 << 19):
            yield dataset_service_pb2.UploadDatasetRequest(data=content[offset : offset + (1 << 19)])
        raise InterruptedError  # as if the program ended here

    with grpc.insecure_channel(daemon.address) as channel:
        upload = channel.stream_unary(
            "/sliceflow.v1.DatasetService/UploadDataset",
            request_serializer=dataset_service_pb2.UploadDatasetRequest.SerializeToString,
            response_deserializer=dataset_pb2.Dataset.FromString,
        )
        with pytest.raises(grpc.RpcError):
            upload(half(), timeout=PATIENCE)
    with Proxy(daemon.address) as proxy, sf.Client(proxy.address) as other:
        assert other.upload(path).rows == 500_000
        assert proxy.sent < len(content)


def test_rows_are_evenly_spread_in_the_order_of_the_table(daemon, client):
    array = np.random.default_rng(4).normal(size=(700, 2000)).astype(np.float32)  # six chunks
    dataset = client.upload(array, "spread")
    np.testing.assert_array_equal(client.dataset_rows(dataset), array)
    np.testing.assert_array_equal(client.dataset_rows("spread", 300), array[np.arange(300) * 700 // 300])

    async def rows():
        async with sf.AsyncClient(daemon.address) as other:
            return await other.dataset_rows("datasets/spread", 1)

    np.testing.assert_array_equal(asyncio.run(rows()), array[:1])
    with pytest.raises(errors.InvalidArgumentError, match="count: must be at least 1, is 0"):
        client.dataset_rows(dataset, 0)
    with pytest.raises(errors.ResourceNotFoundError):
        client.dataset_rows("absent")


def test_a_data_set_in_use_stays(client):
    dataset = client.upload(np.random.default_rng(3).normal(size=(64, 2)), "in-use")
    job = client.submit(small(functional=sf.SlicedWasserstein(dataset)))
    job.result(timeout=PATIENCE)
    with pytest.raises(errors.DatasetInUseError):
        client.delete_dataset(dataset)
    job.delete(purge=True)
    client.delete_dataset(dataset)
    with pytest.raises(errors.ResourceNotFoundError):
        client.dataset("in-use")


def test_an_upload_over_a_network_that_stalls_shows_its_progress(daemon, capsys):
    stall = threading.Event()  # which nobody ends
    with Proxy(daemon.address, cut_after=1 << 20, cuts=1, before_cut=lambda: stall.wait(2.5)) as proxy, sf.Client(proxy.address) as client:
        client.upload(np.random.default_rng(5).normal(size=(500_000, 1)), progress=True)
    last = capsys.readouterr().err.split("\r")[-1]
    assert last.startswith("upload array: 100%") and "4.00M" in last
