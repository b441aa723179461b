"""The operator for augmentation: when it is used, and what MXNet may ask of it."""

from __future__ import annotations

import numpy as np
import pytest

from gluongan import native, runtime
from gluongan.gan.augmentation import AUGMENTATIONS, Augmentation
from gluongan.runtime import mx

pytestmark = pytest.mark.skipif(
    not native.is_available('augment'), reason=f'no operators: {native.reason_missing()}'
)

SHAPE = (3, 13, 10)


def samples(count=5, shape=SHAPE, seed=0):
    return mx.nd.array(np.random.default_rng(seed).random((count, *shape)))


def block_and_numbers(count=5, names=AUGMENTATIONS, shape=SHAPE):
    augmentation = Augmentation(names, shape, probability=0.7, seed=4)
    return augmentation.block, augmentation.draw(count)


def uses_operator(block):
    return block._operator is not None


def test_it_is_used_on_the_cpu_by_hybridized_blocks_alone(monkeypatch):
    block, numbers = block_and_numbers()
    block(samples(), numbers)
    assert uses_operator(block)
    eager, numbers = block_and_numbers()
    eager.hybridize(False)
    eager(samples(), numbers)
    assert not uses_operator(eager)
    monkeypatch.setattr(native, 'is_available', lambda part: part != 'augment')
    without, numbers = block_and_numbers()
    without(samples(), numbers)
    assert not uses_operator(without)


def test_it_gives_what_products_of_matrices_give():
    block, numbers = block_and_numbers(count=40)
    x = samples(40)
    expected = block(x, mx.nd.array(block.prepared(numbers))).asnumpy()
    np.testing.assert_allclose(block(x, numbers).asnumpy(), expected, rtol=0, atol=2e-6)
    assert uses_operator(block)


def test_what_is_only_moved_or_cut_keeps_its_bits():
    block, numbers = block_and_numbers(names=('shift', 'cutout', 'mirror'))
    x = samples()
    values = np.append(x.asnumpy(), np.float32(0.5))
    assert np.isin(block(x, numbers).asnumpy(), values).all()


@pytest.mark.parametrize('names', [AUGMENTATIONS, ('color',), ('shift',), ('cutout',)])
def test_bits_do_not_depend_on_the_number_of_threads(names):
    block, numbers = block_and_numbers(count=9, names=names)
    results = []
    try:
        for threads in (1, 2, 5):
            native.use_threads(threads)
            x = samples(9)
            x.attach_grad()
            with mx.autograd.record():
                y = block(x, numbers)
            y.backward(samples(9, seed=1))
            results.append(y.asnumpy().tobytes() + x.grad.asnumpy().tobytes())
    finally:
        native.use_threads(runtime.threads())
    assert len(set(results)) == 1


def test_a_picture_does_not_depend_on_those_beside_it():
    block, numbers = block_and_numbers(count=6)
    x = samples(6)
    together = block(x, numbers).asnumpy()
    alone = [block(x[i : i + 1], numbers[i : i + 1]).asnumpy()[0] for i in range(6)]
    np.testing.assert_array_equal(together, np.stack(alone))


def test_gradients_of_pictures_that_are_used_twice_are_added():
    """MXNet does not tell an operator of a library to add; nothing may be lost by that."""
    block, numbers = block_and_numbers()
    weight = samples(seed=1)
    single = samples()
    single.attach_grad()
    with mx.autograd.record():
        y = block(single, numbers)
    y.backward(weight)
    twice = samples()
    twice.attach_grad()
    with mx.autograd.record():
        z = twice * 1
        loss = (block(z, numbers) * weight + block(z, numbers) * weight + 3 * z).sum()
    loss.backward()
    expected = 2 * single.grad.asnumpy() + 3
    np.testing.assert_allclose(twice.grad.asnumpy(), expected, rtol=1e-6, atol=1e-6)


def test_numbers_have_no_gradient():
    block, numbers = block_and_numbers()
    block(samples(), numbers)
    given = mx.nd.array(numbers)
    given.attach_grad()
    given.grad[:] = 7
    with mx.autograd.record():
        y = block._operator(samples(), given)
    y.backward()
    assert (given.grad.asnumpy() == 0).all()


@pytest.mark.parametrize(
    ('x', 'numbers', 'message'),
    [
        ((2, 3, 4), (2, 10), 'hold a picture'),
        ((2, 390), (2, 9), 'must have 10 numbers for each of 2 samples'),
        ((2, 390), (3, 10), 'must have 10 numbers for each of 2 samples'),
    ],
)
def test_what_does_not_fit_is_refused(x, numbers, message):
    block, drawn = block_and_numbers(2)
    block(samples(2), drawn)
    assert drawn.shape == (2, 10)
    with pytest.raises(mx.base.MXNetError, match=message):
        block._operator(mx.nd.zeros(x), mx.nd.zeros(numbers)).wait_to_read()
