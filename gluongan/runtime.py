"""The only module that imports MXNet: it prepares the process first.

Every other module writes `from .runtime import mx`, never `import mxnet`, so that no import of it
comes before the preparation.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import platform
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from .devices import builds, driver
from .devices.libraries import load_libraries
from .errors import InputError, as_printable
from .threads import HIDDEN, Threads, environment, library, prepare, take_openmp


class DeviceError(InputError):
    """A device that this machine, or this build of MXNet, does not have."""


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

ENGINES = ('NaiveEngine', 'ThreadedEngine', 'ThreadedEnginePerDevice')
# MXNet's variables that hold neither a number nor true or false.
_TEXTS = re.compile(
    'MXNET_(.*_(PATH|BACKEND|TYPE|REPO|LIBS|OPTIONS)|USE_OPERATOR_TUNING|HOME|DUMP.*|C_API)'
)
_WHOLE = re.compile('-1|[0-9]{1,9}')
_DECIMAL = re.compile(r'[0-9]{1,9}(\.[0-9]{0,9})?')
_DECIMALS = re.compile('.*(_SCALE|_PENALTY)')
_WORDS = {'true': '1', 'false': '0'}  # which only some take
_SWITCHES = re.compile(
    'MXNET_(EXEC_BULK_EXEC_(TRAIN|INFERENCE)|MKLDNN_(DEBUG|ENABLED|FORCE_FC_AB_FORMAT)'
    '|KVSTORE_LOGTREE|OUTPUT_TUNING_DATA|VERBOSE_TUNING_INFO|USE_NUM_CORES_OPERATOR_TUNING)'
)
# Where -1 is an amount, MXNet takes it for 2**64 - 1.
_AMOUNT = re.compile('.*(NTHREADS|_THREADS|_SIZE|_COPY)')


def drop_unreadable_variables() -> None:
    """Remove variables of MXNet that it could not read from the environment; warn of each.

    One that is not what MXNet expects ends the process or raises, at once or in the first update.
    An empty one is as good as none.
    """
    for name, value in sorted(os.environ.items()):
        allowed = _why_unreadable(name, value)
        if allowed is None:
            continue
        del os.environ[name]
        if value.lower() in _WORDS and not _TEXTS.fullmatch(name):
            os.environ[name] = _WORDS[value.lower()]
        elif value.strip() and sys.stderr:
            complaint = f'Warning: {name}={value:.80}: must be {allowed}; it is ignored'
            print(as_printable(complaint), file=sys.stderr)


def _why_unreadable(name: str, value: str) -> str | None:
    """Return what a variable of MXNet must be, None where its value is that.

    >>> _why_unreadable('MXNET_ENGINE_TYPE', 'Naive')
    'NaiveEngine, ThreadedEngine or ThreadedEnginePerDevice'
    >>> _why_unreadable('MXNET_CPU_WORKER_NTHREADS', '2') is None
    True
    """
    if name == 'MXNET_ENGINE_TYPE':
        return None if value in ENGINES else f'{", ".join(ENGINES[:-1])} or {ENGINES[-1]}'
    if not name.startswith('MXNET_') or name in HIDDEN or _TEXTS.fullmatch(name):
        return None
    if _DECIMALS.fullmatch(name):
        return None if _DECIMAL.fullmatch(value) else 'a number of at most 9 digits'
    if _SWITCHES.fullmatch(name):
        return None if value in ('0', '1') else '0 or 1'
    if not _WHOLE.fullmatch(value):
        return 'a whole number of at most 9 digits, true or false'
    if value.strip() == '-1' and _AMOUNT.fullmatch(name):
        return 'at least 0'
    return None


def _import_mxnet() -> tuple[ModuleType, Threads]:
    if sys.version_info >= (3, 13) or sys.version_info < (3, 9):
        raise ImportError(
            f'gluongan runs on Python 3.9 to 3.12; this is {platform.python_version()}'
        )
    # Removed in NumPy 1.24; MXNet reads it at import (apache/mxnet issue 21165).
    if 'bool' not in vars(np):
        np.bool = bool  # type: ignore[attr-defined]
    drop_unreadable_variables()
    load_libraries(builds.mxnet_library())
    threads = prepare()
    isa = {'DNNL_MAX_CPU_ISA': AMX} if HAS_AMX else {}
    with (
        warnings.catch_warnings(),
        _choose_engine(),
        environment(isa, hidden=(*HIDDEN, 'DMLC_ROLE')),  # of MXNet's training on many machines
        _without_packages('sklearn', 'scipy.stats'),
    ):
        warnings.simplefilter('ignore')  # MXNet's own deprecations, which a user cannot fix
        import mxnet

        threads = take_openmp(Path(mxnet.__file__).parent, threads)
        # A product, so that the engine starts and oneDNN reads the variables while they are set.
        ones = mxnet.nd.ones((128, 128))
        product = mxnet.nd.FullyConnected(ones, ones, no_bias=True, num_hidden=128).asnumpy()
    if (product != 128).any():
        raise DeviceError('OMP_DYNAMIC, OMP_THREAD_LIMIT: products are wrong; must be unset')
    return mxnet, threads


@contextmanager
def _choose_engine() -> Iterator[None]:
    """Without a GPU, make MXNet compute in the calling thread, unless the user chose an engine.

    MXNet's default engine computes in a thread of its own while the calling thread continues in
    Python. On a CPU these two and OpenMP's threads compete for the cores. In the calling thread,
    training is 1.1 (dcgan) to 1.5 times (vanilla) as fast on 2 cores, with the same results bit for
    bit, and an operator's error is raised where the operator is called.
    """
    if 'MXNET_ENGINE_TYPE' in os.environ or builds.has_gpu():
        yield
        return
    if builds.is_cuda_build():
        atexit.register(_silence)
    naive = {'MXNET_ENGINE_TYPE': 'NaiveEngine'}
    with environment(naive), _without_line(b'MXNet start using engine'):
        yield


def _silence() -> None:
    """Close stderr. After Python has ended, this engine in a CUDA build says there that it ends."""
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


@contextmanager
def _without_packages(*names: str) -> Iterator[None]:
    """Make packages look absent that are not loaded yet.

    MXNet imports scikit-learn, 0.7 s, and SciPy's statistics, 0.6 s, for its `FeedForward`, its
    quantization by entropy and its own tests, which are of no use here.
    """
    absent = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in absent:
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


if TYPE_CHECKING:
    from . import _mxnet

    mx = _mxnet

    THREADS: Threads
else:
    mx, THREADS = _import_mxnet()


def import_mxnet(name: str) -> ModuleType:
    """Import and return a module of MXNet that `import mxnet` leaves out, such as `contrib.amp`."""
    return import_module(f'mxnet.{name}')


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


def use_threads(count: int, source: str = 'use_threads') -> None:
    """Compute with fewer threads from now on, in this process and in those that it starts.

    There is no way back: operators that have computed with fewer threads have too little memory
    for more. Raises InputError for more threads than compute now. Where MXNet computes in OpenMP's
    threads (`describe`), other threads of Python go on with the number that they had.
    """
    global THREADS
    is_whole = isinstance(count, int) and not isinstance(count, bool)
    if not is_whole or not 1 <= count <= THREADS.count:
        raise InputError(
            f'must be a whole number from 1 to {THREADS.count}, the number that computes now; '
            'for more, set OMP_NUM_THREADS before MXNet is loaded',
            setting='threads',
            value=count,
        )
    mx.base.check_call(mx.base._LIB.MXSetNumOMPThreads(ctypes.c_int(count)))
    if library() is not None:
        library().gluongan_set_threads(count)
    os.environ['OMP_NUM_THREADS'] = str(count)
    THREADS = THREADS._replace(count=count, source=source)


def gpu_count() -> int:
    """Return how many GPUs MXNet sees; 0 where its build has no CUDA or the driver is missing."""
    try:
        return mx.context.num_gpus()
    except mx.MXNetError:  # a CUDA build on a machine without a driver
        return 0


def device(name: str | mx.Context = 'auto') -> mx.Context:
    """Return the MXNet context for `auto`, `cpu`, `gpu` or `gpu(i)`.

    `auto` is the first GPU that MXNet can use, the CPU where there is none. A context is returned
    as it is. Raises DeviceError for another name, and for a GPU that MXNet cannot use.

    >>> device('cpu'), device(mx.cpu())
    (cpu(0), cpu(0))
    >>> device('tpu')
    Traceback (most recent call last):
    gluongan.runtime.DeviceError: device tpu: must be auto, cpu, gpu or gpu(i) (did you mean gpu?)
    """
    if isinstance(name, mx.Context):
        return name
    match = re.fullmatch(r'auto|cpu|gpu(?:\((\d+)\))?', name)
    if not match:
        allowed = 'must be auto, cpu, gpu or gpu(i)'
        raise DeviceError(allowed, setting='device', value=name, names=('auto', 'cpu', 'gpu'))
    if name == 'cpu':
        return mx.cpu()
    if name == 'auto':
        usable = usable_gpus()
        return mx.gpu(usable[0]) if usable else mx.cpu()
    index = int(match[1] or 0)
    fault = why_no_gpu(index)
    if fault:
        raise DeviceError(f'{fault}; must be cpu or auto here', setting='device', value=name)
    return mx.gpu(index)


def usable_gpus() -> list[int]:
    """Return the numbers of the GPUs that MXNet can compute on."""
    return [index for index in range(gpu_count()) if driver.ask().fault(index) is None]


def why_no_gpu(index: int = 0) -> str | None:
    """Return why MXNet cannot compute on GPU number `index`, None where it can."""
    if index < gpu_count():
        return driver.ask().fault(index)
    number = '1 GPU' if gpu_count() == 1 else f'{gpu_count()} GPUs'
    return builds.why_no_gpu(index) or f'MXNet sees {number}'


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
        'threads_of': 'gluongan' if THREADS.in_pool else 'OpenMP',
        'threads_ignored': list(THREADS.ignored),
        'gpus': gpu_count(),
        'cards': [str(card) for card in driver.ask().cards] if gpu_count() else [],
        'features': [name for name, feature in features if feature.enabled],
    }


def processor(cpuinfo: Path = Path('/proc/cpuinfo')) -> str:
    """Return the processor's name, from the kernel where it has one."""
    match = re.search(r'model name\s*:\s*(.+)', _text_or_nothing(cpuinfo))
    return match[1] if match else platform.processor() or platform.machine()
