"""The libraries of CUDA that MXNet's CUDA build needs, loaded from the wheels that hold them."""

from __future__ import annotations

import ctypes
import struct
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ..errors import FailureError

# Which of NVIDIA's wheels has which library, and in which folder of the package `nvidia`. Each one
# comes behind those that it needs itself.
WHEELS = {
    'libcudart.so.11.0': ('cuda-runtime', 'cuda_runtime'),
    'libnvToolsExt.so.1': ('nvtx', 'nvtx'),
    'libnvrtc.so.11.2': ('cuda-nvrtc', 'cuda_nvrtc'),
    'libcublasLt.so.11': ('cublas', 'cublas'),
    'libcublas.so.11': ('cublas', 'cublas'),
    'libcufft.so.10': ('cufft', 'cufft'),
    'libcurand.so.10': ('curand', 'curand'),
    'libcusparse.so.11': ('cusparse', 'cusparse'),
    'libcusolver.so.11': ('cusolver', 'cusolver'),
    'libnccl.so.2': ('nccl', 'nccl'),
    'libcudnn.so.8': ('cudnn', 'cudnn'),
}
DRIVER = 'libcuda.so.1'

PT_LOAD, PT_DYNAMIC = 1, 2
DT_NEEDED, DT_STRTAB = 1, 5
MOST_ENTRIES = 1000  # of a table in a library


class LibraryError(FailureError):
    """Libraries that MXNet's CUDA build needs are not here."""


def load_libraries(mxnet: Path | None) -> None:
    """Load what libmxnet.so needs of CUDA, where it is a CUDA build. MXNet is not imported yet.

    So nobody has to set LD_LIBRARY_PATH: a library that is loaded already is not looked for. Where
    there is no wheel, the system's loader looks, as for a whole CUDA 11. Raises LibraryError, which
    names all that is missing.
    """
    names = needed(mxnet) if mxnet else []
    if DRIVER not in names:
        return
    if not _load(DRIVER):
        raise LibraryError(
            f"MXNet's CUDA build is installed, and NVIDIA's driver is not (no {DRIVER}); "
            "must have the driver, or MXNet's CPU build: docs/gpu.md says how to change builds"
        )
    missing = []
    for name, (wheel, folder) in WHEELS.items():
        is_there = any(_load(str(place)) for place in _places(folder, name)) or _load(name)
        if name in names and not is_there:
            missing.append(f'{name} (nvidia-{wheel}-cu11)')
    if missing:
        raise LibraryError(
            f"MXNet's CUDA build needs {', '.join(missing)}; must be installed, "
            "as by `pip install ./cuda '.[cuda]'` in the checkout: docs/gpu.md"
        )


def _load(name: str) -> bool:
    try:
        ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return False
    return True


def _places(folder: str, name: str) -> list[Path]:
    """Return where NVIDIA's wheels may have put a library."""
    spec = find_spec('nvidia')
    roots = (spec and spec.submodule_search_locations) or ()
    return [path for root in roots if (path := Path(root, folder, 'lib', name)).is_file()]


def needed(library: Path) -> list[str]:
    """Return the names of the libraries that one needs (DT_NEEDED), [] where it cannot be read.

    A 64-bit little-endian ELF file, of which a few kB are read.

    >>> needed(Path('/etc/hostname'))
    []
    """
    try:
        with library.open('rb') as file:
            return _needed(file)
    except (OSError, struct.error, ValueError):
        return []


class _Segment(NamedTuple):
    kind: int
    offset: int
    address: int
    length: int


def _needed(file: BinaryIO) -> list[str]:
    header = file.read(64)
    if header[:6] != b'\x7fELF\x02\x01':
        return []
    segments = _segments(file, header)
    entries = []
    for segment in segments:
        if segment.kind == PT_DYNAMIC:
            length = min(segment.length, 16 * MOST_ENTRIES)
            entries += struct.iter_unpack('<qQ', _read(file, segment.offset, length))
    for tag, address in entries:
        if tag == DT_STRTAB:
            names = _offset(segments, address)
            return [_text(file, names + at) for tag, at in entries if tag == DT_NEEDED]
    return []


def _segments(file: BinaryIO, header: bytes) -> list[_Segment]:
    (start,) = struct.unpack_from('<Q', header, 32)
    size, count = struct.unpack_from('<HH', header, 54)
    segments = []
    for index in range(min(count, MOST_ENTRIES)):
        entry = _read(file, start + index * size, 40)
        kind, _, offset, address, _, length = struct.unpack('<IIQQQQ', entry)
        segments.append(_Segment(kind, offset, address, length))
    return segments


def _offset(segments: list[_Segment], address: int) -> int:
    """Return where in the file what is loaded at an address stands."""
    for segment in segments:
        at = address - segment.address
        if segment.kind == PT_LOAD and 0 <= at < segment.length:
            return segment.offset + at
    raise ValueError(address)


def _read(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count)


def _text(file: BinaryIO, at: int) -> str:
    return _read(file, at, 256).partition(b'\0')[0].decode()
