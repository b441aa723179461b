"""The operators in C++ give MXNet's own bits, with any number of threads, and can be turned off."""

from __future__ import annotations

import numpy as np
import pytest

from gluongan import native, runtime
from gluongan.data import Dataset, load
from gluongan.data.batches import Gather
from gluongan.errors import InputError
from gluongan.nn import models
from gluongan.nn.ema import MovingAverage
from gluongan.nn.layers import weights
from gluongan.nn.optimizer import Optimizer
from gluongan.runtime import mx

SHAPES = [(1,), (7,), (3, 5, 2, 2), (257, 129), (16384,), (16385,), (40_000,)]

needs_native = pytest.mark.skipif(
    not native.is_available(), reason=f'no operators: {native.reason_missing()}'
)


def make_groups(arrays, seed=0):
    """For each shape a weight, its gradient and positive moments."""
    random = np.random.RandomState(seed)
    groups = []
    for shape in SHAPES:
        group = [0.05 * random.randn(*shape), 0.01 * random.randn(*shape)]
        group += [np.abs(1e-3 * random.randn(*shape)) for _ in range(arrays - 2)]
        groups.append([mx.nd.array(values) for values in group])
    return groups


def bits(groups):
    return [array.asnumpy().view(np.int32) for group in groups for array in group]


def assert_same_bits(groups, others):
    for one, other in zip(bits(groups), bits(others)):
        np.testing.assert_array_equal(one, other)


def adam(groups, rate, decay, bound):
    for weight, gradient, mean, variance in groups:
        mx.nd.adam_update(
            weight, gradient, mean, variance, out=weight, lr=rate, beta1=0.5, beta2=decay, wd=0
        )
        clip(weight, bound)


def rmsprop(groups, rate, decay, bound):
    clip_weights = bound if np.isfinite(bound) else -1
    for weight, gradient, square in groups:
        mx.nd.rmsprop_update(
            weight, gradient, square, out=weight, lr=rate, gamma1=decay, clip_weights=clip_weights
        )


def momentum(groups, rate, decay, bound):
    for weight, gradient, velocity in groups:
        mx.nd.sgd_mom_update(weight, gradient, velocity, out=weight, lr=rate, momentum=decay)
        clip(weight, bound)


def clip(weight, bound):
    if np.isfinite(bound):
        mx.nd.clip(weight, -bound, bound, out=weight)


RULES = {
    'adam': (adam, 4, lambda decay: {'beta1': 0.5, 'beta2': decay, 'epsilon': 1e-8}),
    'rmsprop': (rmsprop, 3, lambda decay: {'decay': decay, 'epsilon': 1e-8}),
    'momentum': (momentum, 3, lambda decay: {'momentum': decay}),
}


@needs_native
@pytest.mark.same_bits
@pytest.mark.parametrize('bound', [np.inf, 0.03])
@pytest.mark.parametrize('seed', range(4))
@pytest.mark.parametrize('rule', RULES)
def test_a_rule_has_the_bits_of_mxnets_own_operator(rule, seed, bound):
    ours, arrays, attributes = RULES[rule]
    random = np.random.RandomState(seed)
    rate, decay = float(10 ** random.uniform(-5, -1)), float(random.uniform(0.5, 0.9999))
    expected, updated = make_groups(arrays, seed), make_groups(arrays, seed)
    for _ in range(3):
        ours(expected, rate, decay, bound)
        native.Update(rule, updated)({'rate': rate, 'bound': bound, **attributes(decay)})
    assert_same_bits(expected, updated)


@needs_native
@pytest.mark.parametrize('rule', RULES)
def test_a_rule_is_its_formula(rule):
    """In float64, from arrays that hold float32."""
    rate, decay, epsilon = 0.01, 0.9, 1e-8
    _, arrays, attributes = RULES[rule]
    groups = make_groups(arrays)
    before = [[array.asnumpy().astype(np.float64) for array in group] for group in groups]
    native.Update(rule, groups)({'rate': rate, 'bound': np.inf, **attributes(decay)})
    for group, (weight, gradient, *moments) in zip(groups, before):
        if rule == 'adam':
            mean = 0.5 * moments[0] + 0.5 * gradient
            variance = decay * moments[1] + (1 - decay) * gradient**2
            change = rate * mean / (np.sqrt(variance) + epsilon)
        elif rule == 'rmsprop':
            square = decay * moments[0] + (1 - decay) * gradient**2
            change = rate * gradient / np.sqrt(square + epsilon)
        else:
            change = rate * gradient - decay * moments[0]
        np.testing.assert_allclose(group[0].asnumpy(), weight - change, rtol=2e-5, atol=2e-7)
        np.testing.assert_array_equal(group[1].asnumpy(), gradient.astype(np.float32))


@needs_native
@pytest.mark.same_bits
@pytest.mark.parametrize('decay', [0.0, 0.25, 0.999])
def test_the_average_has_the_bits_of_mxnets_own_operator(decay):
    expected, updated = make_groups(2), make_groups(2)
    for average, weight in expected:
        rule = {'lr': 1.0, 'wd': 1 - decay, 'rescale_grad': decay - 1}
        mx.nd.sgd_update(average, weight, out=average, **rule)
    native.Update('average', updated)({'missing': 1 - decay, 'added': decay - 1})
    assert_same_bits(expected, updated)


@needs_native
def test_nan_and_infinity_reach_the_weights():
    """They must not be clipped away: a run with NaN has to stop."""
    weight, gradient = mx.nd.zeros(3), mx.nd.array([np.nan, np.inf, 1])
    groups = [[weight, gradient, mx.nd.zeros(3), mx.nd.zeros(3)]]
    attributes = {'beta1': 0.5, 'beta2': 0.9, 'epsilon': 1e-8}
    native.Update('adam', groups)({'rate': 0.1, 'bound': 1.0, **attributes})
    assert list(np.isfinite(weight.asnumpy())) == [False, False, True]


@needs_native
@pytest.mark.parametrize(
    'groups',
    [
        [[mx.nd.zeros(3), mx.nd.zeros(4)]],
        [[mx.nd.zeros((2, 3)), mx.nd.zeros((3, 2))]],
        [[mx.nd.zeros(3, dtype='float64'), mx.nd.zeros(3, dtype='float64')]],
        [[mx.nd.zeros(3), mx.nd.zeros(3, dtype='float16')]],
        [[mx.nd.zeros(3), mx.nd.zeros(3), mx.nd.zeros(3)]],
        [[mx.nd.zeros(3)]],
    ],
    ids=['sizes', 'shapes', 'float64', 'float16', 'too many', 'too few'],
)
def test_arrays_that_do_not_go_together_are_refused_and_left_alone(groups):
    before = [array.asnumpy() for group in groups for array in group]
    with pytest.raises(InputError, match=r'^groups .* must '):
        native.Update('average', groups)({'missing': 0.5, 'added': -0.5})
    for array, values in zip([array for group in groups for array in group], before):
        np.testing.assert_array_equal(array.asnumpy(), values)


def read_by_mxnet(number):
    """What its own operator makes of an attribute: 0 - number · -1."""
    weight = mx.nd.zeros(1)
    mx.nd.sgd_update(weight, mx.nd.full(1, -1), out=weight, lr=number, wd=0)
    return weight.asscalar()


@pytest.mark.parametrize('seed', range(5))
def test_numbers_are_read_as_mxnet_reads_them(seed):
    random = np.random.RandomState(seed)
    numbers = [*(10 ** random.uniform(-9, 3, size=300)), 0.0, 1.0, 12345.678, 1e-5, 1e-8, 3e-10]
    for number in map(float, numbers):
        assert np.float32(native.as_mxnet_reads(number)) == read_by_mxnet(number), number
        assert native.as_mxnet_reads(-number) == -native.as_mxnet_reads(number)


# Batches


@needs_native
@pytest.mark.same_bits
@pytest.mark.parametrize('shape', [(1,), (5, 3), (100, 1, 28, 28), (40, 3, 7, 5)], ids=str)
@pytest.mark.parametrize('dtype', ['uint8', 'float32'])
def test_a_batch_has_the_bits_of_mxnets_own_operators(dtype, shape, monkeypatch):
    random = np.random.RandomState(0)
    samples = mx.nd.array(random.uniform(0, 255, shape), dtype=dtype)
    block = Gather(is_image=dtype == 'uint8')
    for count in (1, 16, 33):
        # As with MXNet's take, one that is too small or too large means the first or last sample.
        index = random.randint(-1, len(samples) + 1, count)
        index = mx.nd.array(index, dtype='int32')
        monkeypatch.setattr(native, 'can_gather', lambda samples: False)
        monkeypatch.setattr(native, 'Gatherer', lambda *args: pytest.fail('not to be called'))
        expected = Gather(is_image=dtype == 'uint8')(samples, index)
        monkeypatch.undo()
        found = block(samples, index)
        assert found.shape == expected.shape and found.dtype == np.float32
        np.testing.assert_array_equal(found.asnumpy(), expected.asnumpy())


@needs_native
@pytest.mark.same_bits
@pytest.mark.parametrize('data', ['synthetic', 'ring8'])
def test_labels_behind_the_samples_are_those_of_mxnets_own_operators(data, monkeypatch):
    drawn = []
    for is_native in (True, False):
        if not is_native:
            monkeypatch.setattr(native, 'can_gather', lambda samples: False)
        whole = load(data)
        few = Dataset(data, whole.samples[:500], whole.labels[:500], whole.classes)
        batches = few.batches(33, seed=4)
        assert bool(batches.gather.gatherer(batches.resident)) == is_native
        drawn.append([])
        for _ in range(2 * len(batches)):
            x = batches.draw_with_labels().asnumpy()
            drawn[-1].append((x, batches.labels().asnumpy()))
    for (x, labels), (expected, expected_labels) in zip(*drawn):
        np.testing.assert_array_equal(x, expected)
        np.testing.assert_array_equal(labels, expected_labels)
        np.testing.assert_array_equal(x[:, -labels.shape[1] :], labels)
        assert (labels.sum(axis=1) == 1).all()


@needs_native
def test_only_bytes_and_float32_are_gathered_by_int32():
    index = mx.nd.zeros(3, dtype='int32')
    for name in ('uint8', 'float32', 'float64', 'int32', 'float16'):
        samples = mx.nd.zeros((4, 2), dtype=name)
        assert native.can_gather(samples) == (name in ('uint8', 'float32'))
    assert native.Gatherer.takes(index)
    for other in (index.astype('int64'), index.astype('float32'), index.reshape((3, 1))):
        assert not native.Gatherer.takes(other)
    gathered = Gather(is_image=False)(mx.nd.arange(4), mx.nd.array([2.0, 0.0]))
    assert gathered.asnumpy().tolist() == [2, 0]


# The optimiser and the average


def train(name, steps, **settings):
    """The weights and moments after some steps on made-up gradients."""
    runtime.seed(3)
    net = models.dense_generator([6, 33, 20])
    optimizer = Optimizer(net, name, **settings)
    average = MovingAverage(net, 0.9)
    random = np.random.RandomState(1)
    for _ in range(steps):
        for parameter in optimizer.parameters:
            parameter.grad()[:] = mx.nd.array(random.randn(*parameter.shape))
        optimizer.step()
        average.update(optimizer.steps)
    arrays = {**weights(net), **optimizer.state()}
    arrays.update({f'average {name}': value for name, value in average.state().items()})
    return {name: value.asnumpy() for name, value in arrays.items()}


OPTIMIZERS = [
    ('adam', {}),
    ('adam', {'beta1': 0.9, 'schedule': 'cosine', 'schedule_steps': 9}),
    ('adam', {'clip': 0.01}),
    ('rmsprop', {}),
    ('rmsprop', {'clip': 0.01}),
    ('sgd', {'lr': 0.1}),
    ('sgd', {'lr': 0.1, 'momentum': 0.0}),
    ('sgd', {'lr': 0.1, 'clip': 0.01, 'schedule': 'linear', 'schedule_steps': 20}),
]


@needs_native
@pytest.mark.same_bits
@pytest.mark.parametrize(('name', 'settings'), OPTIMIZERS)
def test_an_optimiser_takes_the_same_steps_with_and_without(name, settings, monkeypatch):
    fast = train(name, 7, **settings)
    monkeypatch.setattr(native, 'can_update', lambda weights: False)
    slow = train(name, 7, **settings)
    assert fast.keys() == slow.keys()
    for key, value in fast.items():
        np.testing.assert_array_equal(value, slow[key], err_msg=key)


def train_after_predicting(steps):
    """Weights of a convolutional pair, updated after both have predicted.

    Then oneDNN has left weights in an order of its own.
    """
    runtime.seed(3)
    gen = models.conv_generator(6, (3, 16, 16), width=16)
    dis = models.conv_discriminator((3, 16, 16), width=16)
    random = np.random.RandomState(1)
    arrays = {}
    for name, net, shape in (('gen', gen, (8, 6)), ('dis', dis, (8, 3, 16, 16))):
        optimizer, average = Optimizer(net), MovingAverage(net, 0.9)
        x = mx.nd.array(random.randn(*shape))
        for _ in range(steps):
            net(x).wait_to_read()
            average.net(x).wait_to_read()
            for parameter in optimizer.parameters:
                parameter.grad()[:] = mx.nd.array(random.randn(*parameter.shape))
            optimizer.step()
            average.update(optimizer.steps)
        states = {**weights(net), **optimizer.state()}
        arrays.update({f'{name} {key}': value.asnumpy() for key, value in states.items()})
        for key, value in average.state().items():
            arrays[f'{name} average {key}'] = value.asnumpy()
    return arrays


@needs_native
@pytest.mark.same_bits
def test_weights_that_onednn_has_put_in_another_order_are_updated_too(monkeypatch):
    fast = train_after_predicting(3)
    monkeypatch.setattr(native, 'can_update', lambda weights: False)
    slow = train_after_predicting(3)
    for key, value in fast.items():
        np.testing.assert_array_equal(value, slow[key], err_msg=key)


def test_an_engine_that_computes_later_keeps_mxnets_own_operators(python):
    code = (
        'from gluongan import native; from gluongan.runtime import mx\n'
        'print(native.can_update([mx.nd.zeros(2)]))'
    )
    assert python(code, MXNET_ENGINE_TYPE='ThreadedEngine') == 'False'
    assert python(code, MXNET_ENGINE_TYPE='NaiveEngine') == str(native.is_available())


def test_what_is_not_float32_on_the_cpu_is_left_to_mxnet():
    assert not native.can_update([])
    assert not native.can_update([mx.nd.zeros(2, dtype='float64')])
    assert not native.can_update([mx.nd.zeros(2), mx.nd.zeros(2, dtype='float16')])
    assert native.can_update([mx.nd.zeros(2)]) == native.is_available()


# In processes of their own

DIGEST = """
import hashlib, sys
sys.path.insert(0, {tests!r})
import test_native
from gluongan import native
digest = hashlib.sha256()
for name, settings in test_native.OPTIMIZERS:
    for value in test_native.train(name, 3, **settings).values():
        digest.update(value.tobytes())
print(native.is_available(), digest.hexdigest())
"""


@needs_native
@pytest.mark.same_bits
def test_neither_threads_nor_the_switch_change_a_bit(python):
    from pathlib import Path

    code = DIGEST.format(tests=str(Path(__file__).parent))
    on = set()
    for threads in ('1', '2'):
        on.add(python(code, OMP_NUM_THREADS=threads, GLUONGAN_NATIVE='1'))
    off = python(code, OMP_NUM_THREADS='1', GLUONGAN_NATIVE='0')
    assert len(on) == 1
    assert on.pop().replace('True', 'False') == off and off.startswith('False')


def test_a_missing_or_broken_library_is_a_reason_and_no_error(python, tmp_path):
    broken = tmp_path / 'libgluongan.so.1'
    code = (
        'import sys\nfrom pathlib import Path\nfrom gluongan import native\n'
        f'native.LIBRARY = Path({str(broken)!r})\nprint(native.reason_missing())'
    )
    assert python(code, GLUONGAN_NATIVE='1').startswith('not built')
    broken.write_bytes(b'no library')
    assert python(code, GLUONGAN_NATIVE='1').startswith('cannot be loaded')
    assert python(code, GLUONGAN_NATIVE='0') == 'GLUONGAN_NATIVE=0 turns them off'
