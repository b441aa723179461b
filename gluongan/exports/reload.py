"""A pair of exported files in a process of its own, loaded as any consumer of MXNet loads them.

python -m gluongan.exports.again NAME-symbol.json NAME-0000.params FOLDER DEVICE    # FOLDER/x.npy -> FOLDER/y.npy
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np

from ..runtime import device as context
from ..runtime import mx


def main(symbol: str, params: str, folder: str, device: str) -> None:
    """Compute FOLDER/y.npy from FOLDER/x.npy."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            'ignore', 'Cannot decide type'
        )  # printed by every import of MXNet 1.9.1, harmless
        net = mx.gluon.SymbolBlock.imports(symbol, ['data'], params, ctx=context(device))
    x = np.load(Path(folder, 'x.npy'), allow_pickle=False)
    np.save(Path(folder, 'y.npy'), net(mx.nd.array(x, ctx=context(device))).asnumpy())


if __name__ == '__main__':
    main(*sys.argv[1:])
