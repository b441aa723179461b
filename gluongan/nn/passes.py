"""A network run over many rows in passes of one size, so that a row's bits do not depend on the rows beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..runtime import mx

# oneDNN's matrix product for AVX2 takes 6 rows at a time. It rounds differently in the last 1 or 2 rows of what one
# thread computes, but not in the last 4. Of 48 rows, 1 to 64 threads get shares where every row is rounded alike.
ROWS = 48

Pass = Callable[..., Sequence[mx.nd.NDArray]]


def in_passes(
    run: Pass, *arrays: np.ndarray, rows: int = ROWS, pad: bool = True
) -> list[np.ndarray]:
    """Return what `run(*parts)` returns for arrays (N, ...), computed `rows` rows at a time: each output (N, ...).

    The last pass is filled with zeros and cut back; without `pad` it is shorter. A row then gives the same bits at
    every place and beside any other rows, for multiples of 48 and the same number of threads. An output may have one
    row for each whole pack of rows, if `rows` is a multiple of the pack. Dropout and recording are off.
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
