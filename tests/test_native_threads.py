"""MXNet's own operators compute on a pool of threads in place of OpenMP, with the same bits."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import threading

import numpy as np
import pytest

from gluongan import runtime, threads
from gluongan.runtime import mx

needs_pool = pytest.mark.skipif(not runtime.THREADS.in_pool, reason='MXNet computes on OpenMP')
needs_two_cores = pytest.mark.skipif(threads.usable_cores() < 2, reason='one core')

RUN = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
LONG = ctypes.c_long


def openmp(name, returned=ctypes.c_int, *arguments):
    find = threads.library().gluongan_openmp_function
    find.restype = ctypes.c_void_p
    return ctypes.CFUNCTYPE(returned, *arguments)(find(name.encode()))


def run_parallel(parts, function):
    """Run `function` as OpenMP does, once in each of `parts` parts."""
    run = RUN(lambda _: function())
    start = openmp('GOMP_parallel_start', None, RUN, ctypes.c_void_p, ctypes.c_uint)
    start(run, None, parts)
    run(None)
    openmp('GOMP_parallel_end', None)()


def loop_indices(kind, start, end, step, chunk):
    """Return the numbers of a shared loop that the calling part gets."""
    pointers = [ctypes.POINTER(LONG)] * 2
    begin = openmp(f'GOMP_loop_{kind}_start', ctypes.c_bool, *[LONG] * 4, *pointers)
    proceed = openmp(f'GOMP_loop_{kind}_next', ctypes.c_bool, *pointers)
    first, last = LONG(), LONG()
    bounds = ctypes.byref(first), ctypes.byref(last)
    indices = []
    more = begin(start, end, step, chunk, *bounds)
    while more:
        indices += range(first.value, last.value, step)
        more = proceed(*bounds)
    openmp('GOMP_loop_end_nowait', None)()
    return indices


@needs_pool
@pytest.mark.parametrize('parts', [1, 2, 5])
def test_each_part_is_run_once_and_knows_its_number(parts):
    seen = []
    number, count = openmp('omp_get_thread_num'), openmp('omp_get_num_threads')
    inside = openmp('omp_in_parallel')
    run_parallel(parts, lambda: seen.append((number(), count(), inside())))
    assert sorted(seen) == [(part, parts, parts > 1) for part in range(parts)]
    assert (number(), count(), inside()) == (0, 1, 0)


@needs_pool
@pytest.mark.parametrize('kind', ['static', 'dynamic'])
@pytest.mark.parametrize('parts', [1, 2, 3])
@pytest.mark.parametrize(
    'loop',
    [(0, 10, 1, 1), (3, 50, 7, 2), (9, -1, -1, 4), (5, 5, 1, 1), (0, 2, 1, 8), (7, 0, -3, 1)],
)
def test_a_shared_loop_gives_each_number_to_one_part(kind, parts, loop):
    first_loop, second_loop = [], []

    def run():
        first_loop.extend(loop_indices(kind, *loop))
        second_loop.extend(loop_indices(kind, *loop))

    run_parallel(parts, run)
    expected = sorted(range(*loop[:3]))
    assert sorted(first_loop) == expected
    assert sorted(second_loop) == expected


@needs_pool
@pytest.mark.parametrize('length', [0, 1, 2, 7, 12])
def test_a_static_loop_without_a_chunk_is_cut_as_even_as_can_be(length):
    sizes = []
    run_parallel(3, lambda: sizes.append(len(loop_indices('static', 0, length, 1, 0))))
    assert sum(sizes) == length
    assert max(sizes) - min(sizes) <= 1


@needs_pool
def test_parts_wait_for_each_other_at_a_barrier():
    events = []
    wait = openmp('GOMP_barrier', None)

    def run():
        for name in ('before', 'after'):
            events.append(name)
            wait()

    run_parallel(3, run)
    assert events == ['before'] * 3 + ['after'] * 3


@needs_pool
def test_a_job_inside_of_a_job_has_one_part_and_leaves_the_loop_around_it_alone():
    number, count = openmp('omp_get_thread_num'), openmp('omp_get_num_threads')
    inner, outer = [], []

    def run():
        part = number()
        run_parallel(
            4, lambda: inner.append((number(), count(), loop_indices('static', 0, 3, 1, 0)))
        )
        outer.append((part, number(), count()))

    run_parallel(2, run)
    assert inner == [(0, 1, [0, 1, 2])] * 2
    assert sorted(outer) == [(0, 0, 2), (1, 1, 2)]


@needs_pool
def test_threads_of_python_may_compute_at_the_same_time():
    x = mx.nd.random.normal(shape=(64, 300))
    weight = mx.nd.random.normal(shape=(200, 300))
    expected = mx.nd.FullyConnected(x, weight, no_bias=True, num_hidden=200).asnumpy()
    results = []

    def compute():
        for _ in range(50):
            y = mx.nd.FullyConnected(x, weight, no_bias=True, num_hidden=200)
            results.append(y.asnumpy())

    callers = [threading.Thread(target=compute) for _ in range(3)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join()
    assert len(results) == 150
    for result in results:
        np.testing.assert_array_equal(result, expected)


FORK = """
import os
from gluongan.runtime import mx
x = mx.nd.random.normal(shape=(64, 300))
before = mx.nd.dot(x, x.T).asnumpy()
child = os.fork()
same = bool((mx.nd.dot(x, x.T).asnumpy() == before).all())
if child == 0:
    os._exit(0 if same else 1)
print(same, os.waitpid(child, 0)[1])
"""


@needs_pool
@needs_two_cores
def test_a_forked_child_computes_too(python):
    assert python(FORK, OMP_NUM_THREADS='2') == 'True 0'


COMPUTE = """
import hashlib
from gluongan import runtime
from gluongan.runtime import mx
digest = hashlib.sha256()

def add(*arrays):
    for array in arrays:
        digest.update(array.asnumpy().tobytes())

def differentiate(function, *arrays):
    for array in arrays:
        array.attach_grad()
    with mx.autograd.record():
        y = function(*arrays)
    y.backward(mx.nd.random.normal(shape=y.shape))
    add(y, *[array.grad for array in arrays])

nd, normal = mx.nd, mx.nd.random.normal
mx.random.seed(3)
x, image = normal(shape=(61, 200)), normal(shape=(33, 16, 14, 14))

def convolve(operator, x, weight):
    filters = 24 if operator is nd.Convolution else 8
    return operator(
        x, weight, kernel=(4, 4), stride=(2, 2), pad=(1, 1), num_filter=filters, no_bias=True
    )

def normalise(x, gamma, beta):
    channels = x.shape[1]
    return nd.BatchNorm(x, gamma, beta, nd.zeros(channels), nd.ones(channels), fix_gamma=False)

dense = normal(shape=(300, 200)), normal(shape=(300,))
differentiate(lambda x, w, b: nd.FullyConnected(x, w, b, num_hidden=300), x, *dense)
differentiate(lambda x, w: convolve(nd.Convolution, x, w), image, normal(shape=(24, 16, 4, 4)))
differentiate(lambda x, w: convolve(nd.Deconvolution, x, w), image, normal(shape=(16, 8, 4, 4)))
differentiate(lambda x: nd.Pooling(x, kernel=(2, 2), stride=(2, 2), pool_type='max'), image)
differentiate(lambda x: nd.LeakyReLU(x, slope=0.2), image)
differentiate(lambda x: nd.Activation(x, act_type='tanh'), image)
differentiate(normalise, image, normal(shape=(16,)), normal(shape=(16,)))
differentiate(normalise, x, normal(shape=(200,)), normal(shape=(200,)))
differentiate(nd.dot, x, normal(shape=(200, 90)))
differentiate(nd.batch_dot, normal(shape=(9, 30, 40)), normal(shape=(9, 40, 50)))
differentiate(lambda x: nd.softmax(x).log(), x)
differentiate(lambda x: nd.take(x, nd.arange(40)), x)
add(nd.argsort(x), nd.topk(x, k=5, ret_typ='both')[0], nd.random.gamma(shape=(300, 50)))
add(nd.sum(image, axis=(0, 2)), nd.norm(x), nd.linalg.gemm2(x, x, transpose_b=True))
print(runtime.THREADS.in_pool, runtime.threads(), digest.hexdigest())
"""


@needs_pool
@needs_two_cores
@pytest.mark.same_bits
def test_operators_have_the_bits_of_openmp(python):
    with_pool = python(COMPUTE, OMP_NUM_THREADS='2', GLUONGAN_NATIVE='threads')
    with_openmp = python(COMPUTE, OMP_NUM_THREADS='2', GLUONGAN_NATIVE='0')
    assert with_pool.startswith('True 2 ')
    assert with_openmp.startswith('False 2 ')
    assert with_pool.split()[2] == with_openmp.split()[2]


BESIDE_A_LOOP = """
import time
from gluongan.runtime import mx
x, weight = mx.nd.ones((128, 784)), mx.nd.ones((512, 784))

def products_per_second(seconds):
    count, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        mx.nd.FullyConnected(x, weight, no_bias=True, num_hidden=512).asnumpy()
        count += 1
    return count / seconds

products_per_second(0.2)
print(products_per_second(1))
"""


@needs_pool
@needs_two_cores
def test_beside_an_endless_loop_it_is_faster_than_openmp(python):
    loop = subprocess.Popen([sys.executable, '-c', 'while True: pass'])
    try:
        speeds = {}
        for parts in ('0', 'threads'):
            speeds[parts] = float(python(BESIDE_A_LOOP, OMP_NUM_THREADS='2', GLUONGAN_NATIVE=parts))
    finally:
        loop.kill()
        loop.wait()
    assert speeds['threads'] > speeds['0']


def test_parts_can_be_chosen_and_a_misspelt_one_is_said(capsys):
    assert threads.choose_parts('1') == threads.PARTS
    assert threads.choose_parts(' dense,threads ') == ('threads', 'dense')
    assert not capsys.readouterr().err
    assert threads.choose_parts('danse') == threads.PARTS
    allowed = 'must be 0, 1, or some of ' + ','.join(threads.PARTS)
    allowed += ' (did you mean dense?)'
    assert capsys.readouterr().err == f'Warning: GLUONGAN_NATIVE=danse: {allowed}; all are used\n'
