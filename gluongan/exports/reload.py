"""Loads a pair of exported files in a new process, as any program with MXNet loads them.

python -m gluongan.exports.reload NAME-symbol.json NAME-0000.params FOLDER DEVICE

computes FOLDER/y.npy from FOLDER/x.npy.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np

from ..runtime import device as context
from ..runtime import mx


def main(symbol: str, params: str, folder: str, device: str) -> None:
    """Compute FOLDER/y.npy from FOLDER/x.npy with the network in the two files."""
    with warnings.catch_warnings():
        # MXNet 1.9.1 warns at every import of a symbol; harmless.
        warnings.filterwarnings('ignore', 'Cannot decide type')
        net = mx.gluon.SymbolBlock.imports(symbol, ['data'], params, ctx=context(device))
    x = np.load(Path(folder, 'x.npy'), allow_pickle=False)
    y = net(mx.nd.array(x, ctx=context(device)))
    np.save(Path(folder, 'y.npy'), y.asnumpy())


if __name__ == '__main__':
    main(*sys.argv[1:])
