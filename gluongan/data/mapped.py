"""Arrays that are mapped from files: what is read of them stays in memory until it is released."""

from __future__ import annotations

import mmap
from collections.abc import Iterator

import numpy as np

BLOCK = 2**26  # bytes that are in memory at a time


def is_mapped(samples: np.ndarray) -> bool:
    """Return whether an array is mapped from a file."""
    return isinstance(samples, np.memmap)


def release(samples: np.ndarray) -> None:
    """Let the system take back the memory of a mapped array; it is read again when it is used."""
    base = samples
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, 'MADV_DONTNEED'):
        base.madvise(mmap.MADV_DONTNEED)


def blocks(samples: np.ndarray, size: int = BLOCK) -> Iterator[np.ndarray]:
    """Yield all samples, about `size` bytes at a time, and no more than those are in memory.

    >>> [len(block) for block in blocks(np.zeros((5, 2), np.uint8), size=4)]
    [2, 2, 1]
    """
    step = max(1, size // max(1, samples[:1].nbytes))
    for start in range(0, len(samples), step):
        yield samples[start : start + step]
        if is_mapped(samples):
            release(samples)
