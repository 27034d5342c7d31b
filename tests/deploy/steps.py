"""What a deployment consists of, step by step: each step does one thing for real and fails where that does not work."""

import dataclasses
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
JOB = ROOT / "examples" / "langevin.yaml"  # a second of work
DEADLINE = 120.0  # seconds; only a hang reaches it


class Failure(Exception):
    """A step that did not do what it should."""


def require(truth: object, otherwise: str) -> None:
    if not truth:
        raise Failure(otherwise)


def run(*command: object, deadline: float = DEADLINE, expect: int | None = 0, stderr: int = subprocess.STDOUT, **options: object) -> str:
    """Runs a command to its end and answers what it printed. `expect`: its exit code; None takes any but 0."""
    words = [str(word) for word in command]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, text=True, timeout=deadline, **options)
    as_expected = done.returncode != 0 if expect is None else done.returncode == expect
    require(as_expected, f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


class Bench:
    """What the steps of one group share: a folder, what one step leaves for the next, and what is to be ended afterwards."""

    def __init__(self, stack: ExitStack):
        self.stack = stack
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sliceflow-deploy.")))
        self.made: dict[str, object] = {}


@dataclasses.dataclass
class Step:
    what: str  # the step of a deployment
    proof: str  # how it is shown to work
    do: Callable[[Bench], str]  # answers what was seen, in a few words


@dataclasses.dataclass
class Result:
    step: Step
    seen: str
    seconds: float
    passed: bool


def run_group(steps: list[Step]) -> list[Result]:
    """Runs the steps in order up to the first that fails, on one bench."""
    results: list[Result] = []
    with ExitStack() as stack:
        bench = Bench(stack)
        for step in steps:
            print(f"{step.what}: {step.proof} ...", file=sys.stderr, flush=True)
            start = time.monotonic()
            try:
                seen, passed = step.do(bench), True
            except Exception as error:
                seen, passed = str(error) or repr(error), False
            results.append(Result(step, seen, time.monotonic() - start, passed))
            print(f"  {'ok' if passed else 'FAILED'} ({results[-1].seconds:.1f} s): {seen}", file=sys.stderr, flush=True)
            if not passed:
                break
    return results
