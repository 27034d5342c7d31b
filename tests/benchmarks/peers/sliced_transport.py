"""POT's sliced-Wasserstein distance, value and gradient, on one thread: a process that is asked for one timing at a time.

Each line of standard input is `COUNT DIMENSION DIRECTIONS`; the answer is the milliseconds of one evaluation on standard output. So the
caller takes turns between this and other contenders.
"""

import sys
import time

import ot
import torch


class Problem:
    def __init__(self, count, dimension, directions):
        random = torch.Generator().manual_seed(1)
        self.x = torch.randn(count, dimension, generator=random, requires_grad=True)
        self.y = torch.randn(count, dimension, generator=random)
        drawn = torch.randn(dimension, directions, generator=random)
        self.directions = drawn / drawn.norm(dim=0, keepdim=True)

    def milliseconds(self):
        self.x.grad = None
        start = time.perf_counter()
        distance = ot.sliced_wasserstein_distance(self.x, self.y, projections=self.directions)
        (distance**2).backward()
        return 1000 * (time.perf_counter() - start)


def main():
    torch.set_num_threads(1)
    problem, shape = None, None
    for line in sys.stdin:
        asked = tuple(int(word) for word in line.split())
        if asked != shape:
            problem, shape = Problem(*asked), asked
        print(problem.milliseconds(), flush=True)


if __name__ == "__main__":
    main()
