"""Runs a network over many rows in passes of one size: a row gives the same bits in any company."""

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
    Padded passes of 48 rows give a row the same bits at every place and beside any other rows, on
    the CPU, with the same number of threads. Passes of another size may differ in the last bits.
    An output may have one row for each pack of rows, if `rows` and N are multiples of the pack.
    Dropout and recording are off.
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
