"""Passes of one size: a row's bits depend neither on its place nor on the rows beside it."""

from __future__ import annotations

import ctypes
import os

import numpy as np
import pytest

from gluongan.evaluation import from_updater
from gluongan.evaluation.from_updater import discriminator_logits
from gluongan.nn.passes import ROWS, in_passes
from gluongan.runtime import mx, threads


@pytest.mark.parametrize('count', [1, 5, 6, 7, 18])
@pytest.mark.parametrize('pad', [True, False])
def test_outputs_are_those_of_the_rows_and_passes_have_one_size_if_padded(count, pad):
    sizes = []

    def run(x, y):
        sizes.append(len(x))
        assert not mx.autograd.is_recording() and not mx.autograd.is_training()
        return mx.nd.array(x + y), mx.nd.array(y)

    x = np.arange(2 * count, dtype=np.float32).reshape(count, 2)
    with mx.autograd.record():
        total, same = in_passes(run, x, -2 * x, rows=6, pad=pad)
    np.testing.assert_array_equal(total, -x)
    np.testing.assert_array_equal(same, -2 * x)
    last = 6 if pad else (count - 1) % 6 + 1
    assert len(sizes) == -(-count // 6) and sizes[-1] == last and set(sizes[:-1]) <= {6}


def test_packs_have_one_output_each():
    x = np.arange(21, dtype=np.float32)
    (sums,) = in_passes(lambda part: [mx.nd.array(part.reshape(-1, 3).sum(axis=1))], x, rows=6)
    np.testing.assert_array_equal(sums, x.reshape(-1, 3).sum(axis=1))


def test_threads_are_those_of_openmp():
    assert threads() == ctypes.CDLL('libgomp.so.1').omp_get_max_threads()


CHECK = """
import sys
sys.path.insert(0, FOLDER)
from test_passes import check_networks
check_networks(COUNT)
"""


def check_networks(count):
    """Hold that a row of each network gives the same bits at the places where rounding differs."""
    from gluongan import build, runtime
    from gluongan.data import load
    from gluongan.evaluation.classifier import judge, networks
    from gluongan.evaluation.from_updater import discriminator_logits
    from gluongan.gan.sampling import generate
    from gluongan.recipes import recipe

    # More than there are cores, which OMP_NUM_THREADS cannot give.
    ctypes.CDLL('libgomp.so.1').omp_set_num_threads(count)
    runtime.THREADS = runtime.THREADS._replace(count=count)
    runtime.seed(0)
    for name in ('conditional', 'binarized', 'dcgan', 'mixture'):
        config = recipe(name)
        data = load(config.data, split='test')  # read sooner than the training data
        updater = build.make_updater(config, data)
        z = updater.fixed_inputs(100)
        x = generate(updater.gen, z)
        assert_same_bits(lambda z, gen=updater.gen: [generate(gen, z)], z)
        labels = np.arange(100) % updater.classes if updater.classes else np.zeros(100, int)

        def score(x, y, updater=updater):
            return [discriminator_logits(updater, x, y)]

        assert_same_bits(score, x, labels)
    for net, shape, classes in (('lenet', (1, 28, 28), 10), ('resnet20', (3, 16, 16), 4)):
        about = judge.About(net, 'x', shape, tuple('abcdefghij'[:classes]))
        made = judge.Judge(about, networks.initialised(net, shape, classes))
        assert_same_bits(
            made, load('synthetic', image_size=shape[1], channels=shape[0]).floats(slice(300))
        )


def assert_same_bits(computed, *arrays):
    """In whatever order and company, each row of the outputs is the same."""
    together = computed(*arrays)
    count = len(arrays[0])
    order = np.random.RandomState(1).permutation(count)
    for chosen in (order, np.roll(np.arange(count), 1), slice(7), slice(30, 32), slice(-1, None)):
        for mine, other in zip(computed(*(array[chosen] for array in arrays)), together):
            np.testing.assert_array_equal(mine, other[chosen])


@pytest.mark.same_bits
@pytest.mark.parametrize('count', [1, 2, 5])
def test_networks_give_a_row_the_same_bits_on_avx2_with_any_number_of_threads(python, count):
    code = CHECK.replace('FOLDER', repr(os.path.dirname(__file__))).replace('COUNT', str(count))
    environment = {'DNNL_MAX_CPU_ISA': 'AVX2', 'OMP_WAIT_POLICY': 'passive'}
    python(code, **environment)


def test_a_pass_has_shares_for_the_six_rows_that_the_kernel_takes_at_a_time():
    assert ROWS % 6 == 0 and ROWS % 16 == 0


@pytest.mark.parametrize('pack', [2, 4])
def test_only_complete_packs_are_scored(tiny_updater, pack):
    updater = tiny_updater(dis={'pack': pack})
    x = np.random.RandomState(0).uniform(0, 1, (4 * pack + 1, 1, 4, 4)).astype(np.float32)
    scores = discriminator_logits(updater, x)
    assert scores.shape == (4,)
    np.testing.assert_array_equal(scores, discriminator_logits(updater, x[: 4 * pack]))
    assert len(np.unique(scores)) == 4
    assert discriminator_logits(updater, x[: pack - 1]).shape == (0,)


@pytest.mark.parametrize(
    'pack, most, rows', [(1, 8, [8, 8, 4]), (2, 9, [8, 8, 4]), (4, 3, 5 * [4])]
)
def test_a_discriminator_that_compares_samples_gets_as_many_as_are_stated(
    tiny_updater, monkeypatch, pack, most, rows
):
    updater = tiny_updater(dis={'pack': pack, 'stddev': True})
    seen, look = [], updater.as_seen_by_dis

    def count(x, *others, **settings):
        seen.append(len(x))
        return look(x, *others, **settings)

    monkeypatch.setattr(updater, 'as_seen_by_dis', count)
    monkeypatch.setattr(from_updater, 'MIXED', most)
    x = np.random.RandomState(0).uniform(0, 1, (20, 1, 4, 4)).astype(np.float32)
    assert discriminator_logits(updater, x).shape == (20 // pack,)
    assert seen == rows
