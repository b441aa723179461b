"""Runs a network over many rows in passes of one size.

A row then gives the same bits whatever other rows it is computed with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..runtime import mx

# oneDNN's matrix product for AVX2 takes 6 rows at a time. Where 1 or 2 rows of a thread's share are
# left over, it rounds them differently; where 4 are left, it does not. Of 48 rows, 1 to 64 threads
# take shares that are rounded alike.
ROWS = 48

Pass = Callable[..., Sequence[mx.nd.NDArray]]


def in_passes(
    run: Pass, *arrays: np.ndarray, rows: int = ROWS, pad: bool = True
) -> list[np.ndarray]:
    """Return the outputs (N, ...) of `run(*parts)` for arrays (N, ...), `rows` rows at a time.

    The last pass is filled with zeros and its outputs are cut back; without `pad` it is shorter.
    In padded passes of 48 rows, on a CPU and with the same number of threads, a row gives the same
    bits at every position and beside any other rows. Passes of another size may differ in the last
    bits.
    An output may have one row for each pack of rows, if `rows` and N are multiples of the pack.
    Dropout and recording are off.

    >>> x = np.arange(3.0)
    >>> in_passes(lambda part: [mx.nd.array(part) * 2, mx.nd.array(part) + 1], x, rows=2)
    [array([0., 2., 4.], dtype=float32), array([1., 2., 3.], dtype=float32)]
    """
    count = len(arrays[0])
    passes = []
    for start in range(0, count, rows):
        parts = [array[start : start + rows] for array in arrays]
        size = len(parts[0])
        if pad:
            parts = [_padded(part, rows) for part in parts]
        with mx.autograd.pause():  # whatever scope the caller is in
            outputs = [output.asnumpy() for output in run(*parts)]
        passes.append([output[: len(output) * size // len(parts[0])] for output in outputs])
    return [np.concatenate(parts) for parts in zip(*passes)]


def _padded(part: np.ndarray, rows: int) -> np.ndarray:
    missing = rows - len(part)
    if not missing:
        return part
    return np.concatenate([part, np.zeros((missing, *part.shape[1:]), dtype=part.dtype)])
