"""`use_threads`: fewer threads from now on, never more."""

from __future__ import annotations

import json

import pytest

from gluongan import runtime
from gluongan.errors import InputError
from gluongan.threads import usable_cores

FEWER = """
import ctypes, json, os
from concurrent.futures import ThreadPoolExecutor
import numpy as np
import gluongan as gg
from gluongan import runtime, threads
from gluongan.runtime import mx

def most_threads():
    # Of the library that MXNet asks.
    if not runtime.THREADS.in_pool:
        return ctypes.CDLL('libgomp.so.1').omp_get_max_threads()
    find = threads.library().gluongan_openmp_function
    find.restype = ctypes.c_void_p
    return ctypes.CFUNCTYPE(ctypes.c_int)(find(b'omp_get_max_threads'))()

def counts():
    with ThreadPoolExecutor(1) as executor:
        elsewhere = executor.submit(most_threads).result()
    return [runtime.threads(), int(os.environ['OMP_NUM_THREADS']), most_threads(), elsewhere]

draw = np.random.RandomState(0)
x, w = draw.randn(70, 300), draw.randn(200, 300)
image, kernel = draw.randn(6, 16, 12, 12), draw.randn(24, 16, 3, 3)
patches = np.lib.stride_tricks.sliding_window_view(image, (3, 3), axis=(2, 3))
centred = image - image.mean(axis=(0, 2, 3), keepdims=True)
expected = [
    x @ w.T,
    np.einsum('nchwij,ocij->nohw', patches, kernel),
    image.reshape(6, 16, 6, 2, 6, 2).max(axis=(3, 5)),
    centred / np.sqrt((centred**2).mean(axis=(0, 2, 3), keepdims=True) + 1e-3),
]
x, w, image, kernel = (mx.nd.array(array) for array in (x, w, image, kernel))
zeros, ones = mx.nd.zeros(16), mx.nd.ones(16)

def largest_error():
    nd = mx.nd
    with mx.autograd.train_mode():
        computed = [
            nd.FullyConnected(x, w, no_bias=True, num_hidden=200),
            nd.Convolution(image, kernel, no_bias=True, num_filter=24, kernel=(3, 3)),
            nd.Pooling(image, kernel=(2, 2), stride=(2, 2), pool_type='max'),
            nd.BatchNorm(image, ones, zeros, zeros.copy(), ones.copy()),
        ]
    return max(np.abs(y.asnumpy() - right).max() for y, right in zip(computed, expected))

in_pool = runtime.THREADS.in_pool
before, error = counts(), largest_error()
gg.use_threads(1)
after, error = counts(), max(error, largest_error())
try:
    gg.use_threads(2)
except gg.GluonganError as refusal:
    print(json.dumps([in_pool, before, after, counts(), float(error), str(refusal)]))
print(runtime.describe()['threads_from'])
"""


@pytest.mark.skipif(usable_cores() == 1, reason='one core has one thread')
@pytest.mark.parametrize('parts', ['threads', '0'])
def test_fewer_threads_compute_the_same_and_there_is_no_way_back(python, parts):
    facts, source = python(FEWER, OMP_NUM_THREADS='2', GLUONGAN_NATIVE=parts).splitlines()
    in_pool, before, after, refused, error, refusal = json.loads(facts)
    assert before == [2, 2, 2, 2]
    # OpenMP keeps one number for each thread of the process; the pool has one for all.
    assert after == refused == ([1, 1, 1, 1] if in_pool else [1, 1, 1, 2])
    assert error < 1e-3
    assert refusal == (
        'threads 2: must be a whole number from 1 to 1, the number that computes now; '
        'for more, set OMP_NUM_THREADS before MXNet is loaded'
    )
    assert source == 'use_threads'


@pytest.mark.parametrize('count', [0, -1, 10**6, 1.0, '1', True, None])
def test_what_is_no_number_of_threads_is_refused_and_nothing_changes(count):
    before = runtime.THREADS
    with pytest.raises(InputError, match='must be a whole number from 1 to '):
        runtime.use_threads(count)
    assert before == runtime.THREADS
