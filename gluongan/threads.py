"""The threads that compute: how many, and whose they are. It prepares them before MXNet is loaded.

OpenMP's library, which MXNet uses, believes the environment, and MXNet believes OpenMP; where they
are wrong, MXNet computes wrong numbers, or ends the process. And it waits for threads that the
operating system has taken off their cores. So the number is made true here, and where gluongan's
library was built, a pool of its own takes the place of OpenMP's threads: native/pool.cc.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

from .errors import InputError, as_printable, did_you_mean

# The library that native/ describes. Not *.so, which Python would take for a module.
LIBRARY = Path(__file__).with_name('native') / 'libgluongan.so.1'
SWITCH = 'GLUONGAN_NATIVE'  # 0 turns all of it off; the names of some parts choose those
PARTS = ('threads', 'updates', 'batches', 'norms', 'dense', 'augment')


@cache
def chosen_parts() -> tuple[str, ...]:
    """Return the parts of the library that the environment chooses: all, none, or some."""
    return choose_parts(os.environ.get(SWITCH, ''))


def choose_parts(text: str) -> tuple[str, ...]:
    """Return the parts that a value of GLUONGAN_NATIVE chooses; warn of one that makes no sense.

    >>> choose_parts(''), choose_parts('0'), choose_parts('updates, dense')
    (('threads', 'updates', 'batches', 'norms', 'dense', 'augment'), (), ('updates', 'dense'))
    """
    if text.strip() in ('', '1'):
        return PARTS
    if text.strip() == '0':
        return ()
    named = {name.strip() for name in text.split(',')}
    if not named.issubset(PARTS):
        near = did_you_mean(sorted(named), PARTS)
        allowed = f'must be 0, 1, or some of {",".join(PARTS)}{near}'
        print(as_printable(f'Warning: {SWITCH}={text}: {allowed}; all are used'), file=sys.stderr)
        return PARTS
    return tuple(part for part in PARTS if part in named)


@cache
def library() -> ctypes.CDLL | None:
    """Return gluongan's own library; None where it is missing, or damaged."""
    try:
        return ctypes.CDLL(str(LIBRARY))
    except OSError:
        return None


def take_openmp(mxnet: Path, threads: Threads) -> Threads:
    """Make MXNet's own operators compute in the pool, if the library is there and chosen.

    mxnet: the folder of the package. An MXNet that asks more of OpenMP than the pool knows stays
    as it is.
    """
    if not chosen_parts() or library() is None:
        return threads
    with unbound(threads.places):
        library().gluongan_set_threads(threads.count)
    if 'threads' not in chosen_parts():
        return threads
    library().gluongan_take_openmp(os.fsencode(mxnet / 'libopenblas.so.0'))
    took = library().gluongan_take_openmp(os.fsencode(mxnet / 'libmxnet.so'))
    return threads._replace(in_pool=bool(took))


def usable_cores(quota: Path = Path('/sys/fs/cgroup/cpu.max')) -> int:
    """Return the number of cores that this process may use.

    It is the smaller of its affinity mask and of its cgroup's quota, such as a container's. The
    ranks that horovodrun has started on one machine share its cores.
    """
    affinity = getattr(os, 'sched_getaffinity', None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        limit, period = quota.read_text().split()
        cores = min(cores, max(1, int(limit) // int(period)))
    except (OSError, ValueError):  # no cgroup v2, or its limit is the word 'max'
        pass
    return max(1, cores // environment_number('HOROVOD_LOCAL_SIZE', 1))


def environment_number(name: str, default: int) -> int:
    """Return a whole number of at least 1 in the environment, or 0 if `default` is 0.

    >>> environment_number('NO_SUCH_VARIABLE', 1)
    1
    """
    return _number(os.environ.get(name, '')) or default


# OpenMP and MXNet load without these. Where OpenMP gives fewer threads than are asked for, oneDNN
# computes wrong numbers; where MXNet cannot read a number, it aborts; a small stack is a crash.
LIMITS = ('OMP_THREAD_LIMIT', 'MXNET_OMP_MAX_THREADS')  # which gluongan keeps to
HIDDEN = (*LIMITS, 'OMP_MAX_ACTIVE_LEVELS', 'OMP_DYNAMIC', 'OMP_STACKSIZE', 'GOMP_STACKSIZE')


class Request(NamedTuple):
    """A number of threads that was asked for, and where, such as '--threads'."""

    count: int
    source: str


class Threads(NamedTuple):
    """The threads that compute in this process.

    source: what decided their count, such as 'OMP_NUM_THREADS' or '--threads'.
    cores: the number of cores that they may use.
    ignored: environment variables about threads without effect, such as 'OMP_DYNAMIC=true'.
    places: the cores to which OpenMP binds the threads; empty where it does not.
    in_pool: whether MXNet's own operators compute in gluongan's pool, not in OpenMP's threads.
    """

    count: int
    source: str
    cores: int
    ignored: tuple[str, ...]
    places: frozenset[int] = frozenset()
    in_pool: bool = False


def choose_threads(
    environment: Mapping[str, str], cores: int, request: Request | None = None
) -> Threads:
    """Return the threads that a request or else the environment asks for, at most one per core.

    >>> choose_threads({'OMP_NUM_THREADS': '3', 'OMP_THREAD_LIMIT': '2'}, cores=4)[:2]
    (2, 'OMP_THREAD_LIMIT')
    >>> choose_threads({'OMP_NUM_THREADS': '3'}, cores=4, request=Request(1, '--threads'))[:2]
    (1, '--threads')
    """
    # An empty variable is as good as none.
    environment = {name: value for name, value in environment.items() if value.strip()}
    number = _number(environment.get('OMP_NUM_THREADS', '').partition(',')[0])
    asked = request or Request(number, 'OMP_NUM_THREADS')
    numbers = {asked.source: asked.count, 'one per core': cores}
    numbers.update((name, _number(environment.get(name, ''))) for name in LIMITS)
    if environment.get('OMP_MAX_ACTIVE_LEVELS', '').strip() == '0':  # never two threads
        numbers['OMP_MAX_ACTIVE_LEVELS'] = 1
    given = [name for name, number in numbers.items() if number]
    source = min(given, key=numbers.__getitem__)  # the first of equal ones
    ignored = {'OMP_NUM_THREADS', *HIDDEN}.intersection(environment) - {source}
    variables = tuple(f'{name}={environment[name]}' for name in sorted(ignored))
    return Threads(numbers[source], source, cores, variables)


_request: Request | None = None  # for when MXNet is loaded


def request_threads(count: int, source: str) -> None:
    """Ask for this many threads, whatever OMP_NUM_THREADS says.

    It has an effect if MXNet is loaded later; `runtime.use_threads` is for afterwards. Raises
    InputError for more than the usable cores, or than a limit in the environment.

    source: who asks, for `Threads.source`.
    """
    global _request
    limits = {name: value for name, value in os.environ.items() if name != 'OMP_NUM_THREADS'}
    most = choose_threads(limits, usable_cores())
    if not isinstance(count, int) or not 1 <= count <= most.count:
        reason = 'the usable cores' if most.source == 'one per core' else most.source
        allowed = f'must be auto, or a whole number from 1 to {most.count} ({reason})'
        raise InputError(allowed, setting='threads', value=count)
    _request = Request(count, source)


def share(processes: int) -> int:
    """Return how many threads each of several processes side by side computes with.

    It is each one's share of the usable cores, and at most as many as OMP_NUM_THREADS or a limit
    allows. A number that was asked for is of each process. Raises InputError where all of them
    together would have more threads than cores.
    """
    cores = usable_cores()
    count = choose_threads(os.environ, cores, _request).count
    if _request is None:
        return max(1, min(count, cores // processes))
    if count * processes > cores:
        allowed = f'must be auto, or a whole number from 1 to {cores // processes}'
        reason = f'{processes} processes share {cores} usable cores'
        raise InputError(f'{allowed} ({reason})', setting='threads', value=count)
    return count


def _number(text: str) -> int:
    """Return a whole number of at least 1, or 0 where the text is not one."""
    match = re.fullmatch(r'\s*\+?0*([1-9][0-9]{0,99})\s*', text)
    return int(match[1]) if match else 0


def prepare() -> Threads:
    """Make the number of threads true, before MXNet is loaded; return it."""
    given = dict(os.environ)
    threads = choose_threads(given, usable_cores(), _request)
    # MXNet's own default is half of the cores, as if each were a hyper-thread.
    os.environ['OMP_NUM_THREADS'] = str(threads.count)
    with environment({}, hidden=HIDDEN):
        openmp = _load_openmp()
    if openmp:
        places = _places(openmp)
        with unbound(places):
            threads = choose_threads(given, usable_cores(), _request)
        threads = _made_true(threads, openmp)._replace(places=places)
        os.environ['OMP_NUM_THREADS'] = str(threads.count)
    complaint = _complaint(threads, given.get('OMP_NUM_THREADS', ''))
    if complaint and sys.stderr:
        print(as_printable(f'Warning: {complaint}'), file=sys.stderr)
    return threads


def _complaint(threads: Threads, text: str) -> str | None:
    """Return what is wrong with the request, or else with OMP_NUM_THREADS; None where nothing."""
    if _request:
        if threads.count == _request.count:
            return None
        # Only OpenMP itself knows the cores to which it binds, and limits from when it was loaded.
        return f'{_request.source} {_request.count}: {threads.count} is used ({threads.source})'
    if not text.strip() or 1 <= _number(text) <= threads.cores:
        return None
    allowed = f'must be a whole number from 1 to {threads.cores}, the usable cores'
    return f'OMP_NUM_THREADS={text}: {allowed}; {threads.count} is used'


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


@contextmanager
def environment(defaults: Mapping[str, str], hidden: Collection[str] = ()) -> Iterator[None]:
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
