"""Does the export compute the same bits as the live network?

A new process answers, so that nothing in this process can help it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from ..files import staging
from ..runtime import THREADS, mx
from ..threads import unbound
from .manifest import ExportError

TIMEOUT = 600  # seconds


def same_bits(files: list[Path], x: np.ndarray, y: np.ndarray, device: mx.Context) -> None:
    """Raise ExportError unless a new process computes y from x to the last bit.

    files: NAME-symbol.json and NAME-0000.params. x: (N, ...). y: what the live network gives.
    """
    computed = compute(files, x, device)
    if computed.shape != y.shape:
        difference = f'in shape: {computed.shape}, the live network gives {y.shape}'
    elif not np.array_equal(computed, y):
        difference = f'by up to {np.abs(computed - y).max()}'
    else:
        return
    raise ExportError(
        f'{files[0].name}: in a new process it differs from the live network {difference}; '
        'nothing was kept'
    )


def compute(files: list[Path], x: np.ndarray, device: mx.Context) -> np.ndarray:
    """Return what a new process computes from x (N, ...). Raises ExportError where it fails."""
    # Unlike a TemporaryDirectory, it is removed by the next export where this process is killed.
    with staging(Path(tempfile.gettempdir(), 'gluongan-verify')) as folder:
        np.save(folder / 'x.npy', x)
        _run(files, folder, device)
        return np.load(folder / 'y.npy', allow_pickle=False)


def _run(files: list[Path], folder: Path, device: mx.Context) -> None:
    try:
        with unbound(THREADS.places):  # so that it has as many threads
            process = subprocess.run(
                _command(files, folder, device),
                cwd=files[0].parent,
                env={**os.environ, 'PYTHONPATH': _module_path()},
                capture_output=True,
                text=True,
                timeout=TIMEOUT,
                check=False,
            )
    except subprocess.TimeoutExpired:
        raise ExportError(
            f'{files[0].name}: a new process did not finish within {TIMEOUT} s; nothing was kept'
        ) from None
    if process.returncode:
        lines = process.stderr.strip().splitlines() or [f'exit code {process.returncode}']
        raise ExportError(
            f'{files[0].name}: cannot be loaded in a new process ({lines[-1][:200]}); '
            'nothing was kept'
        )


def _command(files: list[Path], folder: Path, device: mx.Context) -> list[str]:
    device_name = 'cpu' if device.device_type == 'cpu' else str(device)
    # Names alone: MXNet opens no path that is not UTF-8.
    names = [file.name for file in files]
    return [sys.executable, '-m', f'{__package__}.reload', *names, str(folder), device_name]


def _module_path() -> str:
    """Return a PYTHONPATH with which a process that starts elsewhere finds the same modules."""
    return os.pathsep.join(path or os.getcwd() for path in sys.path)
