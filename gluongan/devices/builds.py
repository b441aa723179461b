"""Which build of MXNet is installed: for the CPU, or for CUDA; and whether it is whole."""

from __future__ import annotations

import re
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from . import driver
from .libraries import DRIVER, needed

LIBRARY = 'mxnet/libmxnet.so'
CHANGE = 'docs/gpu.md says how to change builds'


@cache
def mxnet_library() -> Path | None:
    """Return the path of libmxnet.so, None where MXNet is not installed; it is not imported."""
    spec = find_spec('mxnet')
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder, 'libmxnet.so')
        if path.is_file():
            return path
    return None


@cache
def is_cuda_build() -> bool:
    """Return whether the MXNet that would be imported is a CUDA build."""
    path = mxnet_library()
    return path is not None and DRIVER in needed(path)


def why_no_gpu(index: int = 0) -> str | None:
    """Return why MXNet cannot compute on GPU number `index`, None where it can.

    A fault of the card is named first: no build of MXNet would help.
    """
    fault = driver.ask().fault(index)
    if fault is None and not is_cuda_build():
        return f"MXNet's CPU build is installed, and the GPU needs the CUDA build; {CHANGE}"
    return fault


@cache
def has_gpu() -> bool:
    """Return whether MXNet can compute on any GPU; only a CUDA build asks the driver."""
    if not is_cuda_build():
        return False
    return any(why_no_gpu(index) is None for index in range(len(driver.ask().cards)))


def fault() -> str | None:
    """Return what is wrong with the builds of MXNet that pip has installed, None where nothing is.

    All of them own the folder `mxnet`: the one that came last has overwritten the others, and
    removing one breaks the other.
    """
    found = {}
    for distribution in metadata.distributions():
        name = distribution.metadata['Name'] or ''
        if re.fullmatch(r'mxnet(-cu[0-9]+)?', name):
            found[name] = distribution
    owners = [name for name, each in found.items() if _size(each) is not None]
    if len(owners) > 1:
        names = ' and '.join(sorted(owners))
        return f'{names} are both installed and own the same files: {_remedy(found)}'
    if not owners:
        if not found or mxnet_library() is not None:
            return None
        return f"MXNet's files are not there: {_remedy(found)}"
    size, path = _size(found[owners[0]]), mxnet_library()
    if path is None or path.stat().st_size != size:
        return f'{LIBRARY} is not the file of {owners[0]}: {_remedy(found)}'
    if 'mxnet' not in found:
        return (
            f'{owners[0]} is installed without the package that stands for it, so that pip would '
            f'install the CPU build over it: {CHANGE}'
        )
    return None


def _size(distribution: metadata.Distribution) -> int | None:
    """Return the size of its libmxnet.so by pip's record, None where it has none."""
    for file in distribution.files or ():
        if str(file) == LIBRARY:
            return file.size
    return None


def _remedy(found: dict[str, metadata.Distribution]) -> str:
    names = ' '.join(sorted(found))
    return f'pip uninstall -y {names}, then pip install mxnet==1.9.1, or the CUDA build: {CHANGE}'
