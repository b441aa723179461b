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
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from glob import glob
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

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


# OpenMP and MXNet load without these. Where OpenMP gives fewer threads than are asked for, oneDNN
# computes wrong numbers; where MXNet cannot read a number, it aborts; a small stack is a crash.
LIMITS = ('OMP_THREAD_LIMIT', 'MXNET_OMP_MAX_THREADS')  # which gluongan keeps to
HIDDEN = (*LIMITS, 'OMP_MAX_ACTIVE_LEVELS', 'OMP_DYNAMIC', 'OMP_STACKSIZE', 'GOMP_STACKSIZE')


class Threads(NamedTuple):
    """The threads that compute in this process.

    source: what decided their count, such as 'OMP_NUM_THREADS'.
    cores: the number of cores that they may use.
    ignored: environment variables about threads without effect, such as 'OMP_DYNAMIC=true'.
    places: the cores to which OpenMP binds the threads; empty where it does not.
    """

    count: int
    source: str
    cores: int
    ignored: tuple[str, ...]
    places: frozenset[int] = frozenset()


def choose_threads(environment: Mapping[str, str], cores: int) -> Threads:
    """Return the threads that the environment variables ask for, at most one per core.

    >>> choose_threads({'OMP_NUM_THREADS': '3', 'OMP_THREAD_LIMIT': '2'}, cores=4)[:2]
    (2, 'OMP_THREAD_LIMIT')
    """
    number = _number(environment.get('OMP_NUM_THREADS', '').partition(',')[0])
    numbers = {'OMP_NUM_THREADS': number, 'one per core': cores}
    numbers.update((name, _number(environment.get(name, ''))) for name in LIMITS)
    if environment.get('OMP_MAX_ACTIVE_LEVELS', '').strip() == '0':  # never two threads
        numbers['OMP_MAX_ACTIVE_LEVELS'] = 1
    given = [name for name, number in numbers.items() if number]
    source = min(given, key=numbers.__getitem__)  # the first of equal ones
    ignored = {'OMP_NUM_THREADS', *HIDDEN}.intersection(environment) - {source}
    variables = tuple(f'{name}={environment[name]}' for name in sorted(ignored))
    return Threads(numbers[source], source, cores, variables)


def _number(text: str) -> int:
    """Return a whole number of at least 1, or 0 where the text is not one."""
    match = re.fullmatch(r'\s*\+?0*([1-9][0-9]{0,99})\s*', text)
    return int(match[1]) if match else 0


def prepare() -> Threads:
    """Prepare this process for MXNet 1.9.1: a missing NumPy alias, and a true number of threads."""
    # Removed in NumPy 1.24; MXNet reads it at import (apache/mxnet issue 21165).
    if 'bool' not in vars(np):
        np.bool = bool  # type: ignore[attr-defined]
    environment = dict(os.environ)
    threads = choose_threads(environment, usable_cores())
    # MXNet's own default is half of the cores, as if each were a hyper-thread.
    os.environ['OMP_NUM_THREADS'] = str(threads.count)
    with _environment({}, hidden=HIDDEN):
        openmp = _load_openmp()
    if openmp:
        places = _places(openmp)
        with unbound(places):
            threads = choose_threads(environment, usable_cores())
        threads = _made_true(threads, openmp)._replace(places=places)
        os.environ['OMP_NUM_THREADS'] = str(threads.count)
    text = environment.get('OMP_NUM_THREADS')
    if text is not None and not 1 <= _number(text) <= threads.cores and sys.stderr:
        allowed = f'must be a whole number from 1 to {threads.cores}, the usable cores'
        complaint = f'OMP_NUM_THREADS={text}: {allowed}; {threads.count} is used'
        print(f'Warning: {complaint}', file=sys.stderr)
    return threads


def _load_openmp() -> ctypes.CDLL | None:
    """Return the OpenMP library that MXNet will use; None where it is none of its own."""
    process = ctypes.CDLL(None)
    if hasattr(process, 'GOMP_parallel_start'):  # loaded for all, such as by LD_PRELOAD
        return process
    try:
        return ctypes.CDLL('libgomp.so.1')
    except OSError:  # as on macOS
        return None


def _made_true(threads: Threads, openmp: ctypes.CDLL) -> Threads:
    """Start the threads once; return how many OpenMP gives. A limit when it was loaded counts."""
    openmp.omp_set_dynamic(0)
    harmless = ctypes.cast(openmp.omp_get_num_threads, ctypes.c_void_p)  # what each thread calls
    openmp.GOMP_parallel_start(harmless, None, threads.count)
    count = openmp.omp_get_num_threads()
    openmp.GOMP_parallel_end()
    openmp.omp_set_num_threads(count)
    if count < threads.count:
        threads = threads._replace(count=count, source='a limit from when OpenMP was loaded')
    return threads


def _places(openmp: ctypes.CDLL) -> frozenset[int]:
    """Return the cores to which OpenMP binds threads (OMP_PROC_BIND, OMP_PLACES), if it does."""
    places: set[int] = set()
    if hasattr(openmp, 'omp_get_num_places') and openmp.omp_get_proc_bind():
        for place in range(openmp.omp_get_num_places()):
            cores = (ctypes.c_int * openmp.omp_get_place_num_procs(place))()
            openmp.omp_get_place_proc_ids(place, cores)
            places.update(cores)
    return frozenset(places)


@contextmanager
def unbound(places: Collection[int]) -> Iterator[None]:
    """Let this thread, and processes that it starts, use all of the places for the block alone.

    OpenMP binds the thread that loads it to the first place. No places: nothing is done.
    """
    if not places:
        yield
        return
    mask = os.sched_getaffinity(0)
    os.sched_setaffinity(0, places)
    try:
        yield
    finally:
        os.sched_setaffinity(0, mask)


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


def _import_mxnet() -> tuple[ModuleType, Threads]:
    if sys.version_info >= (3, 13) or sys.version_info < (3, 9):
        raise ImportError(
            f'gluongan runs on Python 3.9 to 3.12; this is {platform.python_version()}'
        )
    threads = prepare()
    isa = {'DNNL_MAX_CPU_ISA': AMX} if HAS_AMX else {}
    with (
        warnings.catch_warnings(),
        _choose_engine(),
        _environment(isa, hidden=HIDDEN),
        _without_package('sklearn'),
    ):
        warnings.simplefilter('ignore')  # MXNet's own deprecations, which a user cannot fix
        import mxnet

        # A product, so that the engine starts and oneDNN reads the variables while they are set.
        ones = mxnet.nd.ones((128, 128))
        product = mxnet.nd.FullyConnected(ones, ones, no_bias=True, num_hidden=128).asnumpy()
    if (product != 128).any():
        raise DeviceError('OMP_DYNAMIC, OMP_THREAD_LIMIT: products are wrong; must be unset')
    return mxnet, threads


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
    with _environment(naive), _without_line(b'MXNet start using engine'):
        yield


@contextmanager
def _environment(defaults: Mapping[str, str], hidden: Collection[str] = ()) -> Iterator[None]:
    """Hide environment variables, and set those that the user has not set, for the block alone.

    So processes that are started later do not notice.
    """
    removed = {name: os.environ.pop(name) for name in hidden if name in os.environ}
    unset = {name: value for name, value in defaults.items() if name not in os.environ}
    os.environ.update(unset)
    try:
        yield
    finally:
        for name in unset:
            del os.environ[name]
        os.environ.update(removed)


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


mx, THREADS = _import_mxnet()


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
    """Return how many threads compute."""
    return THREADS.count


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
        'cores': THREADS.cores,
        'threads': str(THREADS.count),
        'threads_from': THREADS.source,
        'threads_ignored': list(THREADS.ignored),
        'gpus': gpu_count(),
        'features': [name for name, feature in features if feature.enabled],
    }


def processor(cpuinfo: Path = Path('/proc/cpuinfo')) -> str:
    """Return the processor's name, from the kernel where it has one."""
    match = re.search(r'model name\s*:\s*(.+)', _text_or_nothing(cpuinfo))
    return match[1] if match else platform.processor() or platform.machine()
