"""Is the export the live network? Asked of a new process, so that nothing of this one can help it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from ..runtime import mx
from .errors import ExportError

SECONDS = 600


def same_bits(files: list[Path], x: np.ndarray, y: np.ndarray, device: mx.Context) -> None:
    """Raise ExportError where a new process does not compute y, to the last bit, from the pair of `files` and x."""
    found = computed(files, x, device)
    if found.shape != y.shape or not np.array_equal(found, y):
        apart = (
            f'by up to {np.abs(found - y).max()}'
            if found.shape == y.shape
            else f'in shape, {found.shape} and {y.shape}'
        )
        raise ExportError(
            f'{files[0]}: what a new process loads differs from the live network {apart}; nothing was kept'
        )


def computed(files: list[Path], x: np.ndarray, device: mx.Context) -> np.ndarray:
    """Return what a new process computes from the pair of `files` for x (N, ...). Raises ExportError where it cannot."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder, 'x.npy'), x)
        _run(files, folder, device)
        return np.load(Path(folder, 'y.npy'), allow_pickle=False)


def _run(files: list[Path], folder: str, device: mx.Context) -> None:
    # It finds the modules that this process finds, wherever that was started, and stands in a folder with none.
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    place = 'cpu' if device.device_type == 'cpu' else str(device)
    words = [
        sys.executable,
        '-m',
        f'{__package__}.again',
        *(str(file.resolve()) for file in files),
        folder,
        place,
    ]
    try:
        process = subprocess.run(
            words,
            cwd=folder,
            env={**os.environ, 'PYTHONPATH': paths},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ExportError(
            f'{files[0]}: a new process had not computed it after {SECONDS} s; nothing was kept'
        ) from None
    if process.returncode:
        last = (process.stderr.strip().splitlines() or [f'it ended with {process.returncode}'])[-1]
        raise ExportError(
            f'{files[0]}: cannot be loaded in a new process ({last[:200]}); nothing was kept'
        )
