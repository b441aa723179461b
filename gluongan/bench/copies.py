"""What is copied to a device: the data once, and noise and the like in every iteration."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from ..gan.noise import DRAWS_PER_BLOCK
from ..gan.updater import GANUpdater
from ..runtime import mx

MOST = 2**26  # bytes of the data that are copied once more: it may fill the device


class Copies(NamedTuple):
    """Bytes and seconds: of the data (its first 64 MB), and of an iteration, the mean of several.

    Between fences nothing runs beside a copy, which in training may overlap with computation.
    """

    data_bytes: int
    data_seconds: float
    iteration_bytes: float
    iteration_seconds: float


def copies(updater: GANUpdater, iterations: int = DRAWS_PER_BLOCK) -> Copies:
    """Return what is copied to the updater's device; it runs `iterations` iterations for that.

    iterations: by default so many that the noise, which is copied for many of them at once, counts
    fully.
    """
    samples = updater.real.dataset.samples
    count = max(1, min(len(samples), MOST * len(samples) // max(1, samples.nbytes)))
    with _watched() as once:
        mx.nd.array(samples[:count], ctx=updater.real.device, dtype=samples.dtype)
    with _watched() as each:
        for _ in range(iterations):
            updater.update()
        updater.drain()
    return Copies(*once, *(value / iterations for value in each))


@contextmanager
def _watched() -> Iterator[list[Any]]:
    """Add up bytes and seconds of every copy in this scope; all are made by `mx.nd.array`."""
    spent: list[Any] = [0, 0.0]
    original = mx.nd.array

    def copy(*arguments: Any, **settings: Any) -> mx.nd.NDArray:
        mx.nd.waitall()
        start = time.perf_counter()
        made = original(*arguments, **settings)
        made.wait_to_read()
        spent[0] += made.size * made.dtype().itemsize
        spent[1] += time.perf_counter() - start
        return made

    mx.nd.array = copy
    try:
        yield spent
    finally:
        mx.nd.array = original
