"""A generator as a symbol graph, reloaded and compared before it is handed over."""
from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from .layers import Chain
from .runtime import mx
from .sampling import device_of


class ExportError(RuntimeError):
    """An export that did not compute what the live network computes; its files have been deleted."""


def export(net: Chain, path: str | Path) -> tuple[Path, Path]:
    """Write PATH-symbol.json and PATH-0000.params, the pair that MXNet's SymbolBlock, Module and other languages load.

    Input `data` is (N, *net.shape_in), output what the network gives. Raises ExportError where the reloaded graph differs
    from the live network in a single bit.
    """
    z = mx.nd.array(np.random.default_rng(0).standard_normal((64, *net.shape_in), dtype=np.float32), ctx=device_of(net))
    with mx.autograd.pause():
        live = net(z).asnumpy()    # hybridize() and one pass are what Gluon's export wants before it
    files = Path(f'{path}-symbol.json'), Path(f'{path}-0000.params')
    files[0].parent.mkdir(parents=True, exist_ok=True)
    net.export(str(path))
    try:
        _compare(files, z, live)
    except Exception:
        for file in files:
            file.unlink(missing_ok=True)
        raise
    return files


def _compare(files: tuple[Path, Path], z: mx.nd.NDArray, live: np.ndarray) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', 'Cannot decide type')    # printed by every import of MXNet 1.9.1, harmless
        again = mx.gluon.SymbolBlock.imports(str(files[0]), ['data'], str(files[1]), ctx=z.ctx)(z).asnumpy()
    if not np.array_equal(live, again):
        raise ExportError(f'{files[0]}: the reloaded graph differs by up to {np.abs(live - again).max()}; nothing was kept')
