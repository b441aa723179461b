"""The only module that imports MXNet: it prepares the process first.

Every other module writes `from .runtime import mx`, never `import mxnet`, so that no import of it
comes before the preparation.
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
    """A device that this machine, or this build of MXNet, does not have."""


def usable_cores(quota: Path = Path('/sys/fs/cgroup/cpu.max')) -> int:
    """Return the number of cores that this process may use.

    It is the smaller of its affinity mask and of its cgroup's quota, such as a container's.
    """
    affinity = getattr(os, 'sched_getaffinity', None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        limit, period = quota.read_text().split()
        cores = min(cores, max(1, int(limit) // int(period)))
    except (OSError, ValueError):  # no cgroup v2, or its limit is the word 'max'
        pass
    return cores


def prepare() -> None:
    """Prepare this process for MXNet 1.9.1: a missing NumPy alias, and a thread for every core."""
    # Removed in NumPy 1.24; MXNet reads it at import (apache/mxnet issue 21165).
    if 'bool' not in vars(np):
        np.bool = bool  # type: ignore[attr-defined]
    # MXNet's own default is half of the cores, as if each were a hyper-thread.
    os.environ.setdefault('OMP_NUM_THREADS', str(usable_cores()))


AMX = 'AVX512_CORE_AMX'  # oneDNN's name for a processor with matrix units
# The system call that asks for them: Linux 5.16 and later.
ARCH_PRCTL, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA = 158, 0x1023, 18


def ask_for_amx(cpuinfo: Path = Path('/proc/cpuinfo')) -> bool:
    """Ask Linux for permission to use the processor's matrix units (AMX); return its answer.

    False on a processor without them, and where the user restricts oneDNN to other instructions.

    With the units enabled, oneDNN 2.4 crashes at its first product in bfloat16 unless the process
    has this permission. Without the units, a product in bfloat16 takes several times as long as in
    float32. Results in float32 are the same bit for bit either way.
    """
    if platform.machine() != 'x86_64' or os.environ.get('DNNL_MAX_CPU_ISA', AMX) != AMX:
        return False
    if ' amx_bf16 ' not in _text_or_nothing(cpuinfo):
        return False
    return ctypes.CDLL(None).syscall(ARCH_PRCTL, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0


def _text_or_nothing(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ''


HAS_AMX = ask_for_amx()


def _import_mxnet() -> ModuleType:
    if sys.version_info >= (3, 13) or sys.version_info < (3, 9):
        raise ImportError(
            f'gluongan runs on Python 3.9 to 3.12; this is {platform.python_version()}'
        )
    prepare()
    isa = {'DNNL_MAX_CPU_ISA': AMX} if HAS_AMX else {}
    with (
        warnings.catch_warnings(),
        _choose_engine(),
        _default_environment(isa),
        _without_package('sklearn'),
    ):
        warnings.simplefilter('ignore')  # MXNet's own deprecations, which a user cannot fix
        import mxnet

        # A product, so that the engine starts and oneDNN reads the variables while they are set.
        one = mxnet.nd.ones((1, 1))
        mxnet.nd.FullyConnected(one, one, no_bias=True, num_hidden=1).wait_to_read()
    return mxnet


@contextmanager
def _choose_engine(gpus: str = '/dev/nvidia[0-9]*') -> Iterator[None]:
    """Without a GPU, make MXNet compute in the calling thread, unless the user chose an engine.

    MXNet's default engine computes in a thread of its own while the calling thread continues in
    Python. On a CPU these two and OpenMP's threads compete for the cores. In the calling thread,
    training is 1.1 (dcgan) to 1.5 times (vanilla) as fast on 2 cores, with the same results bit for
    bit, and an operator's error is raised where the operator is called.
    """
    if 'MXNET_ENGINE_TYPE' in os.environ or glob(gpus):
        yield
        return
    naive = {'MXNET_ENGINE_TYPE': 'NaiveEngine'}
    with _default_environment(naive), _without_line(b'MXNet start using engine'):
        yield


@contextmanager
def _default_environment(variables: dict[str, str]) -> Iterator[None]:
    """Set those environment variables that the user has not set, for the block alone.

    So processes that are started later do not inherit them.
    """
    unset = {name: value for name, value in variables.items() if name not in os.environ}
    os.environ.update(unset)
    try:
        yield
    finally:
        for name in unset:
            del os.environ[name]


@contextmanager
def _without_package(name: str) -> Iterator[None]:
    """Make a package look absent. MXNet imports scikit-learn, 0.7 s, for a class of no use here."""
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
    """Suppress one line on stderr, which MXNet logs from C++, and pass every other one through."""
    try:
        real = os.dup(2)
    except OSError:  # a process without stderr
        yield
        return
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(real, 2)
            os.close(real)
            captured.seek(0)
            for line in captured:
                if unwanted not in line:
                    os.write(2, line)


mx = _import_mxnet()


def import_gluoncv(name: str) -> ModuleType:
    """Import and return a module of gluoncv, such as `utils`. It takes a while."""
    from PIL import ImageFile

    strict = ImageFile.LOAD_TRUNCATED_IMAGES
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        module = import_module(f'gluoncv.{name}')
    # gluoncv makes Pillow accept truncated pictures, in the whole process.
    ImageFile.LOAD_TRUNCATED_IMAGES = strict
    return module


def threads() -> int:
    """Return how many threads OpenMP computes with."""
    count = os.environ['OMP_NUM_THREADS']
    if count.isdecimal() and int(count):
        return int(count)
    return usable_cores()


def gpu_count() -> int:
    """Return how many GPUs MXNet sees; 0 where its build has no CUDA or the driver is missing."""
    try:
        return mx.context.num_gpus()
    except mx.MXNetError:  # a CUDA build on a machine without a driver
        return 0


def device(name: str | mx.Context = 'auto') -> mx.Context:
    """Return the MXNet context for `auto`, `cpu`, `gpu` or `gpu(i)`.

    `auto` is the first GPU, or the CPU where there is none. A context is returned as it is. Raises
    DeviceError for another name, and for a GPU that this machine does not have.

    >>> device('cpu'), device(mx.cpu())
    (cpu(0), cpu(0))
    >>> device('tpu')
    Traceback (most recent call last):
    gluongan.runtime.DeviceError: device tpu: must be auto, cpu, gpu or gpu(i)
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
        build = 'with' if has_feature('CUDA') else 'without'
        number = '1 GPU' if gpus == 1 else f'{gpus} GPUs'
        raise DeviceError(
            f'is not here (MXNet, built {build} CUDA, sees {number}); must be cpu or auto',
            setting='device',
            value=name,
        )
    return mx.gpu(index)


def seed(*numbers: int) -> None:
    """Seed MXNet's global generator (initialisers, dropout) from whole numbers >= 0. Takes 1 ms.

    numbers: such as (seed, iteration); each of them counts.

    >>> draws = []
    >>> for iteration in (1, 2, 1):
    ...     seed(0, iteration)
    ...     draws.append(mx.nd.random.uniform(shape=1).asscalar())
    >>> draws[0] == draws[2], draws[0] == draws[1]
    (True, False)
    """
    mx.random.seed(int(np.random.SeedSequence(numbers).generate_state(1)[0] >> 1))


def has_feature(name: str) -> bool:
    """Return whether MXNet was built with a feature, such as 'CUDA' or 'MKLDNN'."""
    return mx.runtime.Features().is_enabled(name)


def describe() -> dict[str, Any]:
    """Return what the results of this process depend on: versions, machine, threads, devices."""
    import PIL

    features = mx.runtime.Features().items()
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
        'features': [name for name, feature in features if feature.enabled],
    }


def processor(cpuinfo: Path = Path('/proc/cpuinfo')) -> str:
    """Return the processor's name, from the kernel where it has one."""
    try:
        return re.search(r'model name\s*:\s*(.+)', cpuinfo.read_text())[1]
    except (OSError, TypeError):
        return platform.processor() or platform.machine()
