"""What the environment asks for."""

import dataclasses
import os
import sys


@dataclasses.dataclass(frozen=True)
class Options:
    """SEEDS: seeds of each random experiment. QUICK=1: a small part, for continuous integration. ONLY: experiments by name. THREADS: the server's."""

    seeds: int
    quick: bool
    only: tuple[str, ...]
    threads: int


def whole(name: str, default: int) -> int:
    text = os.environ.get(name, "") or str(default)
    if not text.isdecimal() or int(text) < 1:
        sys.exit(f"{name} must be a whole number from 1; it is {text!r}")
    return int(text)


def read_options(experiments: list[str]) -> Options:
    only = tuple(name for name in os.environ.get("ONLY", "").split(",") if name)
    if unknown := [name for name in only if name not in experiments]:
        sys.exit(f"ONLY: there is no {', '.join(unknown)}; there are {', '.join(experiments)}")
    quick = os.environ.get("QUICK", "")
    if quick not in ("", "0", "1"):
        sys.exit(f"QUICK must be 1 or left out; it is {quick!r}")
    return Options(whole("SEEDS", 5), quick == "1", only, whole("THREADS", os.cpu_count() or 1))
