"""Augmentation changes pictures as said, exactly and differentiably, and says how likely."""

from __future__ import annotations

import json
from itertools import combinations

import numpy as np
import pytest

from gluongan import native
from gluongan.errors import InputError
from gluongan.gan.augmentation import AUGMENTATIONS, Augmentation
from gluongan.gan.losses import LOSSES
from gluongan.gan.objectives import GenObjective
from gluongan.nn.layers import Chain, Dense, frozen
from gluongan.runtime import mx

SHAPES = [(1, 8, 8), (3, 5, 9), (3, 16, 4), (1, 1, 1), (2, 3, 2)]
SUBSETS = [names for count in range(1, 5) for names in combinations(AUGMENTATIONS, count)]


def pictures(shape, count=6, seed=0):
    return np.random.default_rng(seed).random((count, *shape)).astype(np.float32)


def augmented_by_hand(x, numbers, names):
    """The same function in float64, picture by picture and pixel by pixel: the oracle."""
    x, numbers = x.astype(np.float64), numbers.astype(np.float64)
    results = []
    for picture, row in zip(x, numbers):
        channels, height, width = picture.shape
        row = iter(row)
        if 'color' in names:
            brightness, saturation, contrast = next(row), next(row), next(row)
            picture = picture + brightness
            if channels > 1:
                grey = picture.mean(axis=0)
                picture = grey + saturation * (picture - grey)
            picture = picture.mean() + contrast * (picture - picture.mean())
        if 'shift' in names or 'mirror' in names:
            down, right, is_mirrored = int(next(row)), int(next(row)), next(row)
            moved = np.full(picture.shape, 0.5)
            for i, j in np.ndindex(height, width):
                if 0 <= i + down < height and 0 <= j + right < width:
                    moved[:, i + down, j + right] = picture[:, i, j]
            picture = moved[:, :, ::-1] if is_mirrored else moved
        if 'cutout' in names:
            top, bottom, left, right = (int(next(row)) for _ in range(4))
            picture = picture.copy()
            picture[:, top:bottom, left:right] = 0.5
        assert next(row, None) is None
        results.append(picture)
    return np.stack(results)


@pytest.fixture(params=['operator', 'products'])
def changed(request):
    """`block(x, numbers)`, by gluongan's own operator or by products of matrices."""
    if request.param == 'products':
        return lambda block, x, numbers: block(x, mx.nd.array(block.prepared(numbers)))
    if not native.is_available('augment'):
        pytest.skip(f'no operators: {native.reason_missing()}')
    return lambda block, x, numbers: block(x, numbers)


@pytest.mark.parametrize('names', SUBSETS, ids='-'.join)
@pytest.mark.parametrize('shape', SHAPES, ids=str)
def test_pictures_are_changed_as_by_hand_and_so_are_gradients(shape, names, changed):
    """The function is linear up to a constant, so that differences are exact in float64."""
    augmentation = Augmentation(names, shape, probability=0.8)
    x, numbers = pictures(shape, 4), augmentation.draw(4)
    weight = np.random.default_rng(1).normal(size=x.shape)
    given = mx.nd.array(x)
    given.attach_grad()
    with mx.autograd.record():
        y = changed(augmentation.block, given, numbers)
    y.backward(mx.nd.array(weight))
    expected = augmented_by_hand(x, numbers, names)
    np.testing.assert_allclose(y.asnumpy(), expected, rtol=0, atol=1e-6)
    gradient = np.zeros(x.shape)
    for place in np.ndindex(shape):
        moved = x.astype(np.float64)
        moved[(slice(None), *place)] += 1
        difference = augmented_by_hand(moved, numbers, names) - expected
        gradient[(slice(None), *place)] = (difference * weight).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(given.grad.asnumpy(), gradient, rtol=0, atol=2e-5)


@pytest.mark.parametrize('flat', [True, False], ids=['flat', 'planes'])
def test_labels_stay_as_they_are_and_pass_their_gradient_on(flat):
    shape, names = (3, 4, 6), AUGMENTATIONS
    x = pictures(shape, 5)
    labels = np.eye(7, dtype=np.float32)[[0, 3, 6, 1, 1]]
    if flat:
        joined = np.concatenate([x.reshape(5, -1), labels], axis=1)
    else:
        planes = np.broadcast_to(labels[:, :, None, None], (5, 7, 4, 6))
        joined = np.concatenate([x, planes], axis=1)
    alone = Augmentation(names, shape, seed=2)
    beside = Augmentation(names, shape, seed=2, classes=7, flat_labels=flat)
    given = mx.nd.array(joined)
    given.attach_grad()
    with mx.autograd.record():
        y = beside(given)
    weight = np.random.default_rng(1).normal(size=joined.shape).astype(np.float32)
    y.backward(mx.nd.array(weight))
    size = x[0].size if flat else 3
    changed = alone(mx.nd.array(x)).asnumpy()
    assert y.shape == joined.shape
    np.testing.assert_array_equal(y.asnumpy()[:, :size].reshape(x.shape), changed)
    np.testing.assert_array_equal(y.asnumpy()[:, size:], joined[:, size:])
    np.testing.assert_array_equal(given.grad.asnumpy()[:, size:], weight[:, size:])


def test_flat_pictures_are_changed_as_others_are():
    x = pictures((1, 8, 8))
    one, other = (Augmentation(AUGMENTATIONS, (1, 8, 8), seed=3) for _ in range(2))
    flat = one(mx.nd.array(x.reshape(6, 64)))
    assert flat.shape == (6, 64)
    np.testing.assert_array_equal(flat.asnumpy().reshape(x.shape), other(mx.nd.array(x)).asnumpy())


def test_the_generators_gradient_goes_through_the_augmentation():
    shape = (3, 6, 6)
    dis = Chain(Dense(1, in_units=108), shape_in=shape)
    dis.initialize(mx.init.Normal(1))
    objective = GenObjective(frozen(dis), LOSSES['wasserstein'])
    augmentation = Augmentation(AUGMENTATIONS, shape, seed=1)
    x = pictures(shape, 3)
    for _ in range(3):  # the first passes trace the graphs
        state = augmentation.state()
        given = mx.nd.array(x)
        given.attach_grad()
        with mx.autograd.record():
            value = objective(augmentation(given))
        value.backward()
    augmentation.restore(state)
    numbers = augmentation.draw(3)
    weight = dis[0].weight.data().asnumpy().astype(np.float64).reshape(shape)
    still = augmented_by_hand(x, numbers, AUGMENTATIONS)
    gradient = np.zeros(x.shape)
    for place in np.ndindex(shape):
        moved = x.astype(np.float64)
        moved[(slice(None), *place)] += 1
        difference = augmented_by_hand(moved, numbers, AUGMENTATIONS) - still
        gradient[(slice(None), *place)] = -(difference * weight).sum(axis=(1, 2, 3)) / 3
    np.testing.assert_allclose(given.grad.asnumpy(), gradient, rtol=0, atol=1e-5)


# What is drawn


MANY = 4000


def drawn(name, shape, probability=1.0, seed=0):
    return Augmentation([name], shape, probability=probability, seed=seed).draw(MANY)


def test_colours_are_drawn_from_the_whole_of_their_ranges():
    numbers = drawn('color', (3, 8, 8))
    for column, low, high in zip(numbers.T, (-0.25, 0, 0.5), (0.25, 2, 1.5)):
        assert low <= column.min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < column.max() <= high
        assert abs(column.mean() - (low + high) / 2) < 5 * (high - low) / np.sqrt(12 * MANY)


@pytest.mark.parametrize('side, farthest', [(1, 0), (3, 0), (4, 1), (8, 1), (28, 4), (64, 8)])
def test_shifts_go_an_eighth_of_the_side_to_both_sides_equally_often(side, farthest):
    down, right, is_mirrored = drawn('shift', (1, side, 2 * side)).T
    assert not is_mirrored.any()
    for shifts, farthest_here in ((down, farthest), (right, int(2 * side / 8 + 0.5))):
        values, counts = np.unique(shifts, return_counts=True)
        assert values.tolist() == list(range(-farthest_here, farthest_here + 1))
        expected = MANY / len(values)
        assert abs(counts - expected).max() < 5 * np.sqrt(expected)


@pytest.mark.parametrize('side', [1, 2, 3, 7, 8, 28])
def test_holes_are_half_of_each_side_wide_and_lie_anywhere(side):
    top, bottom, left, right = drawn('cutout', (1, side, side)).T
    longest = int(side / 2 + 0.5)
    for first, last in ((top, bottom), (left, right)):
        widths = last - first
        assert first.min() == 0 and last.max() == side
        assert widths.min() >= 1 and widths.max() == longest
        # Cut off only at an edge.
        assert ((widths == longest) | (first == 0) | (last == side)).all()
        places = np.arange(side)
        covered = (first[:, None] <= places) & (places < last[:, None])
        assert covered.mean(axis=0).min() > 0
        assert side == 1 or covered.mean(axis=0).max() < 1


@pytest.mark.parametrize('probability', [0, 0.25, 0.6, 1])
@pytest.mark.parametrize('name', AUGMENTATIONS)
def test_each_augmentation_changes_the_share_of_pictures_that_is_asked_for(name, probability):
    shape = (3, 64, 64)
    numbers = drawn(name, shape, probability)
    unchanged = Augmentation([name], shape, probability=0).draw(1)
    share = (numbers != unchanged).any(axis=1).mean()
    # A shift by 0 and 0 changes nothing, and a mirrored picture is seen half of the time.
    seen = {'shift': 1 - 1 / 17**2, 'mirror': 0.5}.get(name, 1.0)
    expected = probability * seen
    assert abs(share - expected) <= 4.5 * np.sqrt(expected * (1 - expected) / MANY)


def test_augmentations_change_pictures_independently():
    augmentation = Augmentation(['color', 'cutout'], (3, 8, 8), probability=0.5)
    numbers = augmentation.draw(MANY)
    coloured, cut = numbers[:, 0] != 0, numbers[:, 3:].any(axis=1)
    assert abs((coloured & cut).mean() - 0.25) < 4.5 * np.sqrt(0.25 * 0.75 / MANY)


def test_with_probability_0_pictures_stay_as_they_are():
    x = pictures((3, 8, 8))
    augmentation = Augmentation(AUGMENTATIONS, (3, 8, 8), probability=0)
    np.testing.assert_allclose(augmentation(mx.nd.array(x)).asnumpy(), x, rtol=0, atol=2e-7)


@pytest.mark.parametrize('names', SUBSETS, ids='-'.join)
def test_the_stream_does_not_depend_on_the_probability(names):
    rare, sure = (Augmentation(names, (3, 8, 8), probability=p, seed=5) for p in (0.1, 1))
    for _ in range(3):
        rare.draw(7)
        sure.draw(7)
    assert rare.state() == sure.state()


# Not a leak: what the discriminator sees tells which pictures there are


def transitions(names, shape, states, probability):
    """How often each state becomes each thing that can be seen, (states, seen)."""
    augmentation = Augmentation(names, shape, probability=probability, seed=1)
    seen, counts = {}, []
    for state in states:
        batch = mx.nd.array(np.tile(state, (MANY, 1, 1, 1)))
        images = np.round(augmentation(batch).asnumpy(), 4)
        row = {}
        for image in images:
            key = seen.setdefault(image.tobytes(), len(seen))
            row[key] = row.get(key, 0) + 1
        counts.append(row)
    return np.array([[row.get(key, 0) / MANY for key in range(len(seen))] for row in counts])


def states_of(shape):
    """Pictures with one white pixel on grey: shifts and mirrors make one of them another."""
    _, height, width = shape
    states = np.full((height * width, *shape), 0.5, np.float32)
    for index in range(height * width):
        states[index, :, index // width, index % width] = 1
    return states


@pytest.mark.parametrize(
    'names, probability',
    [(['shift'], 0.8), (['mirror'], 0.8), (['cutout'], 1.0), (['shift', 'mirror', 'cutout'], 0.6)],
    ids=str,
)
def test_below_certainty_what_is_seen_determines_the_distribution_of_the_pictures(
    names, probability
):
    """The matrix has full rank: different mixtures of pictures are seen as different ones."""
    shape = (1, 4, 4)
    matrix = transitions(names, shape, states_of(shape), probability)
    singular = np.linalg.svd(matrix, compute_uv=False)
    assert len(singular) == 16 and singular.min() > 0.02


def test_a_mirror_that_is_always_on_hides_which_one_was_the_picture():
    shape = (1, 4, 4)
    singular = np.linalg.svd(transitions(['mirror'], shape, states_of(shape), 1.0))[1]
    noise = 4 / np.sqrt(MANY)
    assert (singular < noise).sum() == 8


# State and refusals


def test_a_restored_state_draws_the_same():
    first, second = (Augmentation(AUGMENTATIONS, (3, 8, 8), seed=seed) for seed in (1, 2))
    first.draw(5)
    second.restore(json.loads(json.dumps(first.state())))
    np.testing.assert_array_equal(first.draw(5), second.draw(5))
    assert first.state() == second.state()


def test_seeds_draw_different_numbers():
    one, other = (Augmentation(['color'], (3, 8, 8), seed=seed).draw(4) for seed in (1, 2))
    assert (one != other).all()


@pytest.mark.parametrize(
    'names, shape, probability, message',
    [
        (['blur'], (1, 8, 8), 1, 'augment .*: must be one or more of color, shift, cutout, mirror'),
        (['shift', 'shift'], (1, 8, 8), 1, 'augment .*each once'),
        ([], (1, 8, 8), 1, 'augment none: must be'),
        ('shift', (1, 8, 8), 1, 'augment shift: must be'),
        (['shift'], (2,), 1, r'augment: samples of shape \(2,\) are not pictures'),
        (['shift'], (1, 8, 8), 1.5, 'augment_probability 1.5: must be a number from 0 to 1'),
        (['shift'], (1, 8, 8), float('nan'), 'augment_probability nan: must be'),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(names, shape, probability, message):
    with pytest.raises(InputError, match=message):
        Augmentation(names, shape, probability=probability)
