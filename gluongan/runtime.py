"""The one door through which MXNet comes in: it readies the process first, then hands on `mx`.

Every other module writes `from .runtime import mx`, never `import mxnet`, so that no import can come before the preparation.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from glob import glob
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from .errors import InputError


class DeviceError(InputError):
    """A device that this machine or this build of MXNet does not have."""


def usable_cores(quota: Path = Path('/sys/fs/cgroup/cpu.max')) -> int:
    """Return the number of cores that this process may really use: its affinity mask, cut by the cgroup's quota."""
    affinity = getattr(os, 'sched_getaffinity', None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        limit, period = quota.read_text().split()
        cores = min(cores, max(1, int(limit) // int(period)))
    except (OSError, ValueError):  # no cgroup v2, or its limit is the word 'max'
        pass
    return cores


def prepare() -> None:
    """Ready this process for MXNet 1.9.1: the one NumPy alias that it misses, and every core for OpenMP."""
    if 'bool' not in vars(
        np
    ):  # removed in NumPy 1.24; MXNet reads it at import (apache/mxnet issue 21165)
        np.bool = bool  # type: ignore[attr-defined]
    # MXNet's own default is half of the cores, as if each were a hyper-thread. What the user has set stays.
    os.environ.setdefault('OMP_NUM_THREADS', str(usable_cores()))


AMX = 'AVX512_CORE_AMX'  # as oneDNN calls a processor with matrix units


def ask_for_amx(cpuinfo: Path = Path('/proc/cpuinfo')) -> bool:
    """Ask Linux for the registers of the matrix units; False where there are none to be had, or the user wants others used.

    Without them, oneDNN 2.4 dies of an illegal instruction at its first product in bfloat16, once it has been told of the
    units; untold, it takes several times as long as in float32. What is computed in float32 stays the same, bit for bit.
    """
    if platform.machine() != 'x86_64' or os.environ.get('DNNL_MAX_CPU_ISA', AMX) != AMX:
        return False
    arch_prctl, request, tile_data = (
        158,
        0x1023,
        18,
    )  # ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA: Linux 5.16 and later
    return (
        ' amx_bf16 ' in _text(cpuinfo)
        and ctypes.CDLL(None).syscall(arch_prctl, request, tile_data) == 0
    )


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ''


HAS_AMX = ask_for_amx()


def _enter() -> ModuleType:
    if sys.version_info >= (3, 13) or sys.version_info < (3, 9):
        raise ImportError(
            f'gluongan runs on Python 3.9 to 3.12; this is {platform.python_version()}'
        )
    prepare()
    isa = {'DNNL_MAX_CPU_ISA': AMX} if HAS_AMX else {}
    with warnings.catch_warnings(), _engine(), _told(isa), _hidden('sklearn'):
        warnings.simplefilter('ignore')  # MXNet's own deprecations: nothing that a user could mend
        import mxnet

        one = mxnet.nd.ones(
            (1, 1)
        )  # a product: the engine begins, and oneDNN takes in what it was told
        mxnet.nd.FullyConnected(one, one, no_bias=True, num_hidden=1).wait_to_read()
    return mxnet


@contextmanager
def _engine(gpus: str = '/dev/nvidia[0-9]*') -> Iterator[None]:
    """Where there is no GPU, have MXNet compute in the calling thread; what the user has set stays.

    Its usual engine computes in a thread of its own, while the calling one goes on in Python: on a CPU the two and OpenMP's
    threads stand in each other's way. Without it training is 1.1 (dcgan) to 1.5 times (vanilla) as fast on 2 cores, bit for
    bit the same, and an operator's error comes up where it was called.
    """
    if 'MXNET_ENGINE_TYPE' in os.environ or glob(gpus):
        yield
        return
    with _told({'MXNET_ENGINE_TYPE': 'NaiveEngine'}), _without_line(b'MXNet start using engine'):
        yield


@contextmanager
def _told(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables for a while, those that the user has not set: what this process starts is not told."""
    own = {name: value for name, value in variables.items() if name not in os.environ}
    os.environ.update(own)
    try:
        yield
    finally:
        for name in own:
            del os.environ[name]


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    """Let a package seem absent: where scikit-learn is installed MXNet imports it, 0.7 s, for a class that nobody uses."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]


@contextmanager
def _without_line(unwanted: bytes) -> Iterator[None]:
    """Keep one line that MXNet logs from stderr, and pass on every other."""
    try:
        real = os.dup(2)
    except OSError:  # a process without stderr
        yield
        return
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(real, 2)
            os.close(real)
            said.seek(0)
            for line in said:
                if unwanted not in line:
                    os.write(2, line)


mx = _enter()


def gluoncv(name: str) -> ModuleType:
    """Return a module of gluoncv, such as `utils`: imported only where something needs it, for it takes a while."""
    from PIL import ImageFile

    strict = ImageFile.LOAD_TRUNCATED_IMAGES
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        module = import_module(f'gluoncv.{name}')
    ImageFile.LOAD_TRUNCATED_IMAGES = (
        strict  # gluoncv lets broken pictures pass, for the whole process
    )
    return module


def threads() -> int:
    """Return how many threads OpenMP computes with."""
    count = os.environ['OMP_NUM_THREADS']
    if count.isdecimal() and int(count):
        return int(count)
    return usable_cores()


def gpu_count() -> int:
    """Return how many GPUs MXNet sees; 0 where its build or the driver is without CUDA."""
    try:
        return mx.context.num_gpus()
    except mx.MXNetError:  # a CUDA build on a machine without a driver
        return 0


def device(name: str | mx.Context = 'auto') -> mx.Context:
    """Return the MXNet context for `auto`, `cpu`, `gpu` or `gpu(i)`; `auto` is the first GPU, else the CPU.

    A context is returned as it is. Raises DeviceError where there is no such GPU, and says what there is.
    """
    if isinstance(name, mx.Context):
        return name
    match = re.fullmatch(r'auto|cpu|gpu(?:\((\d+)\))?', name)
    if not match:
        raise DeviceError('must be auto, cpu, gpu or gpu(i)', setting='device', value=name)
    gpus, index = gpu_count(), int(match[1] or 0)
    if name == 'cpu' or (name == 'auto' and not gpus):
        return mx.cpu()
    if index >= gpus:
        there = 'there is 1 GPU' if gpus == 1 else f'there are {gpus} GPUs'
        cuda = (
            'MXNet was built with CUDA'
            if has_feature('CUDA')
            else 'this build of MXNet has no CUDA'
        )
        raise DeviceError(f'{there} here ({cuda}); must be cpu or auto', setting='device', value=name)
    return mx.gpu(index)


def seed(*words: int) -> None:
    """Seed MXNet's own generator (initialisers, dropout) from whole numbers >= 0, such as (seed, iteration); 1 ms."""
    mx.random.seed(int(np.random.SeedSequence(words).generate_state(1)[0] >> 1))


def has_feature(name: str) -> bool:
    """Return whether MXNet was built with a feature, such as 'CUDA' or 'MKLDNN'."""
    return mx.runtime.Features().is_enabled(name)


def facts() -> dict[str, Any]:
    """Return what a number from this process depends on: versions, machine, threads, devices."""
    import PIL

    on = [name for name, feature in mx.runtime.Features().items() if feature.enabled]
    return {
        'python': platform.python_version(),
        'mxnet': mx.__version__,
        'numpy': np.__version__,
        'pillow': PIL.__version__,
        'platform': platform.platform(),
        'processor': processor(),
        'cores': usable_cores(),
        'threads': os.environ['OMP_NUM_THREADS'],
        'gpus': gpu_count(),
        'features': on,
    }


def processor(cpuinfo: Path = Path('/proc/cpuinfo')) -> str:
    """Return the processor's name as the kernel tells it."""
    try:
        return re.search(r'model name\s*:\s*(.+)', cpuinfo.read_text())[1]
    except (OSError, TypeError):
        return platform.processor() or platform.machine()
