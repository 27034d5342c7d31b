"""The suite's own classifier of digits, over whose features the Fréchet distance is taken: figures that compare with no other's."""

import hashlib
import json
import pathlib

import digits
import numpy as np
from service import Server

# What determines it: the training digits it takes, none of which a flow sees; units of each layer; the training, by Adam.
SETTINGS = {"rows": [2000, 12000], "units": [784, 128, 32, 10], "epochs": 10, "batch": 100, "learningRate": 0.002, "seed": 1}

# The last hidden layer's 32 units: what the classes are a linear function of.
FEATURES = """def features(x, first, first_bias, second, second_bias):
    return torch.relu(torch.relu(x @ first + first_bias) @ second + second_bias)
"""


def outputs(weights: list[np.ndarray], x: np.ndarray) -> list[np.ndarray]:
    """The input and what each layer makes of it, with ReLU units in all but the last. Weights are as of Classifier."""
    found = [x]
    for matrix, bias in zip(weights[::2], weights[1::2]):
        x = found[-1] @ matrix + bias
        found.append(x if matrix is weights[-2] else np.maximum(x, 0))
    return found


def gradients(weights: list[np.ndarray], x: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    """Of the mean cross entropy."""
    found = outputs(weights, x)
    share = np.exp(found[-1] - found[-1].max(axis=1, keepdims=True))
    back = share / share.sum(axis=1, keepdims=True)
    back[np.arange(len(x)), labels] -= 1
    back /= len(x)
    gradient = []
    for matrix, before in zip(weights[-2::-2], found[-2::-1]):
        gradient = [before.T @ back, back.sum(axis=0, keepdims=True), *gradient]
        back = (back @ matrix.T) * (before > 0)
    return gradient


def train(x: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    random = np.random.default_rng(SETTINGS["seed"])
    x, weights = x.astype(np.float32), []
    for inputs, units in zip(SETTINGS["units"], SETTINGS["units"][1:]):
        weights += [(random.standard_normal((inputs, units)) * np.sqrt(2 / inputs)).astype(np.float32), np.zeros((1, units), np.float32)]
    first, second = [[np.zeros_like(weight) for weight in weights] for _ in range(2)]
    count = 0
    for _ in range(SETTINGS["epochs"]):
        order = random.permutation(len(x))
        for start in range(0, len(x), SETTINGS["batch"]):
            rows = order[start:start + SETTINGS["batch"]]
            count += 1
            for weight, m, v, gradient in zip(weights, first, second, gradients(weights, x[rows], labels[rows])):
                m += 0.1 * (gradient - m)
                v += 0.001 * (gradient ** 2 - v)
                weight -= SETTINGS["learningRate"] * (m / (1 - 0.9 ** count)) / (np.sqrt(v / (1 - 0.999 ** count)) + 1e-8)
    return weights


class Classifier:
    """Weights: each layer's matrix, inputs × units, and then its bias as a row."""

    def __init__(self, weights: list[np.ndarray]):
        self.weights = weights

    def accuracy(self, x: np.ndarray, labels: np.ndarray) -> float:
        return float(np.mean(outputs(self.weights, x)[-1].argmax(axis=1) == labels))

    def frechet(self, server: Server, first: str, second: str, samples: int) -> float:
        file = server.folder / "features.py"
        file.write_text(FEATURES)
        options = ["--features", file]
        for at, weight in enumerate(self.weights[:-2]):
            path = server.folder / f"classifier-{at}.npy"
            np.save(path, weight)
            server.upload(path, f"classifier-{at}")
            options += ["--weight", f"datasets/classifier-{at}"]
        return server.distance(first, second, "frechet", samples, *options)


def classifier(folder: pathlib.Path) -> Classifier:
    """The one stored in the folder under these settings, or one trained now and stored there."""
    digest = hashlib.sha256(json.dumps(SETTINGS, sort_keys=True).encode()).hexdigest()[:20]
    path = folder / f"classifier-{digest}.npz"
    if not path.exists():
        rows = SETTINGS["rows"]
        part = path.with_suffix(".part.npz")
        np.savez(part, *train(digits.pixels("train", *rows), digits.labels("train", *rows)))
        part.replace(path)
    with np.load(path) as arrays:
        return Classifier([arrays[f"arr_{at}"] for at in range(len(arrays.files))])
