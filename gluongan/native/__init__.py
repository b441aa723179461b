"""Operators for MXNet in C++, and the threads that compute them and MXNet's own operators.

`pip install` builds the library where there is a C++ compiler. Without it, with GLUONGAN_NATIVE=0
in the environment, or on a GPU, everything works as with it, only slower.

threads: a pool of threads takes the place of OpenMP's in MXNet, with the same bits (openmp.cc).
updates: of the weights, with MXNet's own bits.
batches: of the data, with MXNet's own bits.
dense, norms: layers that add in another order than MXNet's, but always in the same one: their bits
do not depend on the number of threads, nor on the processor. `dense` has the losses, too, and
`norms` what modulates the channels of each sample.
augment: pictures changed for the discriminator; it adds in another order, too.

Subnormal numbers count as 0 in all of them, see subnormal.h.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from math import copysign, isfinite, prod
from typing import NamedTuple

import numpy as np

from ..devices import builds
from ..errors import InputError
from ..runtime import THREADS, mx
from ..threads import LIBRARY, SWITCH, chosen_parts, library

# The parts whose bits are not those of MXNet's own operators.
ROUND_OTHERWISE = ('norms', 'dense', 'augment')
FLOAT = INT = 4  # bytes
MAX_DIGITS = 19  # behind the point; MXNet ignores the others

# The floats in the widest vectors that DNNL_MAX_CPU_ISA, which oneDNN obeys, allows: 16 by default.
LANES = {'SSE41': 4, 'AVX': 4, 'AVX2': 8}


def is_available(part: str = 'updates') -> bool:
    """Return whether a part of PARTS can be used in this process."""
    return reason_missing() is None and part in chosen_parts()


def parts_in_use() -> list[str]:
    """Return the names of the parts that can be used in this process."""
    usable = {'threads': THREADS.in_pool, 'dense': has_products()}
    return [part for part in chosen_parts() if usable.get(part, is_available(part))]


def rounding_otherwise(parts: object) -> list[str]:
    """Return the parts, out of a list of `parts_in_use`, whose bits are not those of MXNet's own.

    An earlier version wrote True or False into environment.json; its only part had MXNet's bits.
    """
    return [part for part in ROUND_OTHERWISE if isinstance(parts, list) and part in parts]


@lru_cache(maxsize=1)
def reason_missing() -> str | None:
    """Return why the operators cannot be used, None where they can; the first call loads them."""
    if not chosen_parts():
        return f'{SWITCH}=0 turns them off'
    if not LIBRARY.is_file():
        return 'not built: install a C++ compiler (apt-get install g++) and gluongan again'
    # What mx.library.load calls. It would also make all of MXNet's Python functions again: 0.6 s.
    if mx.base._LIB.MXLoadLib(os.fsencode(LIBRARY), ctypes.c_uint(0)) != 0:
        return f'cannot be loaded ({mx.base._LIB.MXGetLastError().decode().splitlines()[0]})'
    return None


def use_threads(count: int) -> None:
    """Compute these operators on this many threads from now on; not MXNet's own."""
    library().gluongan_set_threads(count)


def use_lanes(most: int) -> int:
    """Multiply with vectors of at most this many floats: 16, 8 or 4; return how many there are.

    0: this processor has no instructions for that, and `has_products` is False.
    """
    return library().gluongan_use_lanes(most)


@lru_cache(maxsize=1)
def has_products() -> bool:
    """Return whether the operators that multiply matrices can be used in this process."""
    allowed = LANES.get(os.environ.get('DNNL_MAX_CPU_ISA', ''), 16)
    return is_available('dense') and use_lanes(allowed) > 0


def can_update(weights: Iterable[mx.nd.NDArray]) -> bool:
    """Return whether `update` takes these weights: float32, on the CPU, and at least one.

    Never with an engine that computes later, see `Update`.
    """
    weights = list(weights)
    if not weights or not is_available() or not computes_at_once():
        return False
    kinds = {(weight.ctx.device_type, weight.dtype) for weight in weights}
    return kinds == {('cpu', np.float32)}


@cache
def computes_at_once() -> bool:
    """Return whether MXNet computes in the calling thread, with the engine that runtime.py chooses.

    That is NaiveEngine.
    """
    engine = os.environ.get('MXNET_ENGINE_TYPE')
    if engine is None:
        return not builds.has_gpu()
    return engine == 'NaiveEngine'


@lru_cache(maxsize=1024)
def as_mxnet_reads(number: float) -> float:
    """Return the float32 that MXNet's own operators make of an attribute such as `lr`.

    It arrives there as text, and MXNet's parser rounds several times in float32, so that a small
    number may be a bit or two off. The operators here take the same one.

    >>> as_mxnet_reads(0.5), as_mxnet_reads(1e-8)
    (0.5, 9.99999993922529e-09)
    """
    if not isfinite(number):
        return number
    mantissa, _, exponent = str(abs(number)).partition('e')
    whole, _, fraction = mantissa.partition('.')
    fraction = fraction[:MAX_DIGITS]
    value = _float32(int(whole))
    if fraction:
        value = _float32(value + _float32(int(fraction) / 10 ** len(fraction)))
    if exponent:
        scale = _power_of_ten(abs(int(exponent)))
        value = _float32(value / scale if exponent.startswith('-') else value * scale)
    return copysign(value, number)


def _float32(number: float) -> float:
    """Return the float32 next to a number; faster than NumPy's."""
    return ctypes.c_float(number).value


@cache
def _power_of_ten(exponent: int) -> float:
    eights, ones = divmod(exponent, 8)
    scale = 1.0
    for _ in range(eights):
        scale = _float32(scale * 1e8)
    for _ in range(ones):
        scale = _float32(scale * 10)
    return scale


def _address(array: mx.nd.NDArray) -> int:
    """Return where the numbers of an array lie, in plain order."""
    address = ctypes.c_void_p()
    mx.base.check_call(mx.base._LIB.MXNDArrayGetData(array.handle, ctypes.byref(address)))
    return address.value


def can_gather(samples: mx.nd.NDArray) -> bool:
    """Return whether a `Gatherer` takes these samples: bytes or float32, on the CPU."""
    if not is_available('batches') or not computes_at_once():
        return False
    if samples.ctx.device_type != 'cpu' or samples.size == 0:
        return False
    return samples.dtype in (np.uint8, np.float32)


class Gatherer:
    """Cuts batches out of samples (N, *shape), see `can_gather`, as MXNet's `take` does.

    labels: int32 (N,), the samples' labels from 0 to classes - 1, on the CPU.

    >>> samples = mx.nd.array([[0, 1], [2, 3], [4, 5]])
    >>> gatherer = Gatherer(samples, 0.5, labels=mx.nd.array([0, 2, 1], dtype='int32'), classes=3)
    >>> order = mx.nd.array([1, 2, 0], dtype='int32')
    >>> gatherer(order, start=1, count=2).asnumpy().tolist()
    [[2.0, 2.5], [0.0, 0.5]]
    >>> gatherer.one_hot(order, start=1, count=2).asnumpy().tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    >>> gatherer.with_labels(order, start=1, count=2).asnumpy().tolist()
    [[2.0, 2.5, 0.0, 1.0, 0.0], [0.0, 0.5, 1.0, 0.0, 0.0]]
    """

    def __init__(
        self,
        samples: mx.nd.NDArray,
        scale: float,
        labels: mx.nd.NDArray | None = None,
        classes: int = 0,
    ) -> None:
        self._samples = samples
        self._labels = labels
        self._count, *shape = samples.shape
        self._shape = tuple(shape)
        self._size = prod(shape)
        self._classes = classes
        self._scale = scale
        name = 'gluongan_gather_bytes' if samples.dtype == np.uint8 else 'gluongan_gather_floats'
        pointers, long = [ctypes.c_void_p] * 3, ctypes.c_long
        self._gather = library()[name]
        self._gather.argtypes = [*pointers, long, long, long, long, ctypes.c_float]
        self._one_hot = library()['gluongan_one_hot']
        self._one_hot.argtypes = [*pointers, long, long, long, long]

    @staticmethod
    def takes(index: mx.nd.NDArray) -> bool:
        """Return whether these indices can be taken: int32 (batch,), at least one, on the CPU."""
        shape = index.shape
        is_plain = len(shape) == 1 and shape[0] > 0 and index.dtype == np.int32
        return is_plain and index.ctx.device_type == 'cpu'

    def __call__(self, order: mx.nd.NDArray, start: int, count: int) -> mx.nd.NDArray:
        """Return float32 (count, *shape): scale · samples[order[start : start + count]].

        order: indices that `takes` accepts, at least start + count.
        """
        x = self._empty(count, *self._shape)
        self._write_samples(_address(order) + start * INT, count, _address(x), self._size)
        return x

    def one_hot(self, order: mx.nd.NDArray, start: int, count: int) -> mx.nd.NDArray:
        """Return float32 (count, classes): a 1 at each label of the same samples."""
        labels = self._empty(count, self._classes)
        indices = _address(order) + start * INT
        self._write_labels(indices, count, _address(labels), self._classes)
        return labels

    def with_labels(self, order: mx.nd.NDArray, start: int, count: int) -> mx.nd.NDArray:
        """Return float32 (count, size + classes): flat samples, each with its `one_hot` label."""
        stride = self._size + self._classes
        x = self._empty(count, stride)
        indices, to = _address(order) + start * INT, _address(x)
        self._write_samples(indices, count, to, stride)
        self._write_labels(indices, count, to + self._size * FLOAT, stride)
        return x

    def _empty(self, *shape: int) -> mx.nd.NDArray:
        return mx.nd.empty(shape, ctx=self._samples.ctx)

    def _write_samples(self, indices: int, count: int, to: int, stride: int) -> None:
        samples = _address(self._samples)
        self._gather(samples, indices, to, self._count, count, self._size, stride, self._scale)

    def _write_labels(self, indices: int, count: int, to: int, stride: int) -> None:
        labels = _address(self._labels)
        self._one_hot(labels, indices, to, self._count, count, self._classes, stride)


class Rule(NamedTuple):
    """A rule in updates.cc: how many arrays belong to a weight, and its numbers in its order."""

    arrays: int
    numbers: tuple[str, ...]


RULES = {
    'adam': Rule(4, ('rate', 'beta1', 'beta2', 'epsilon', 'bound')),
    'rmsprop': Rule(3, ('rate', 'decay', 'epsilon', 'bound')),
    'momentum': Rule(3, ('rate', 'momentum', 'bound')),
    'average': Rule(2, ('missing', 'added')),
}


class Update:
    """One of the rules in updates.cc, for all weights of a network in one call.

    name: a key of RULES. groups: for each weight its arrays, in the order that the rule wants: the
    weight, its gradient, the moments.

    Raises InputError for too many or too few arrays, and for arrays that are not float32 on the
    CPU, or not of their weight's shape.
    """

    def __init__(self, name: str, groups: Sequence[Sequence[mx.nd.NDArray]]) -> None:
        for group in groups:
            _check_group(group, RULES[name].arrays)
        self._function = getattr(library(), f'gluongan_{name}')
        self._names = RULES[name].numbers
        self._numbers = (ctypes.c_float * len(self._names))()
        self._arrays = [array for group in groups for array in group]  # which the handles belong to
        pointers = ctypes.c_void_p * len(self._arrays)
        self._handles = pointers(*(array.handle.value for array in self._arrays))
        self._addresses = pointers()
        self._sizes = (ctypes.c_long * len(groups))(*(group[0].size for group in groups))

    def __call__(self, numbers: Mapping[str, float]) -> None:
        """Update all weights in place."""
        self._find_arrays()
        self._numbers[:] = [as_mxnet_reads(numbers[name]) for name in self._names]
        count = ctypes.c_long(len(self._sizes))
        self._function(self._numbers, self._addresses, self._sizes, count)

    def _find_arrays(self) -> None:
        """Ask MXNet where the arrays lie.

        When a network predicts, oneDNN leaves its weights in an order of its own. This puts them
        back into plain order, in another place. An engine that computes later could change that
        again before the update.
        """
        find = ctypes.cast(mx.base._LIB.MXNDArrayGetData, ctypes.c_void_p)
        count = ctypes.c_long(len(self._handles))
        failure = library().gluongan_find(find, self._handles, self._addresses, count)
        mx.base.check_call(failure)


def _check_group(group: Sequence[mx.nd.NDArray], count: int) -> None:
    if len(group) != count:
        raise InputError(f'must have {count} arrays', setting='groups', value=len(group))
    shape = group[0].shape
    for array in group:
        if array.dtype != np.float32 or array.ctx.device_type != 'cpu':
            raise InputError('must be float32 on the CPU', setting='groups', value=array.dtype)
        if array.shape != shape:
            allowed = f'must have the shape of their weight, {shape}'
            raise InputError(allowed, setting='groups', value=array.shape)
