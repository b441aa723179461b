"""Each epoch goes through the data once in its own order, which can be resumed anywhere."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gluongan.data import DataError, Dataset
from gluongan.data.batches import Batches
from gluongan.runtime import mx


def numbered(count):
    """Images of 2×2 equal pixels: the value of each is its index in the data set."""
    values = np.repeat(np.arange(count, dtype=np.uint8), 4)
    return Dataset('numbered', values.reshape(count, 1, 2, 2))


def indices(batch):
    """Which images are in a batch."""
    return np.rint(batch.asnumpy()[:, 0, 0, 0] * 255).astype(int).tolist()


def epoch(batches):
    return [index for batch in batches for index in indices(batch)]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.data(), st.integers(0, 2**31 - 1))
def test_an_epoch_draws_every_sample_at_most_once_and_drops_only_what_is_left_over(
    count, draw, seed
):
    batch = draw.draw(st.integers(1, count))
    batches = numbered(count).batches(batch, seed=seed)
    assert len(batches) == batches.per_epoch == count // batch
    for _ in range(3):
        drawn = epoch(batches)
        assert len(drawn) == len(set(drawn)) == count // batch * batch
        assert set(drawn) <= set(range(count))


def test_orders_differ_between_epochs_and_between_seeds():
    batches = numbered(40).batches(10, seed=5)
    orders = [epoch(batches) for _ in range(3)]
    orders.append(epoch(numbered(40).batches(10, seed=6)))
    orders.append(list(range(40)))
    assert len({tuple(order) for order in orders}) == len(orders)


def test_the_same_seed_draws_the_same():
    first, second = (numbered(40).batches(7, seed=5) for _ in range(2))
    assert [epoch(first) for _ in range(3)] == [epoch(second) for _ in range(3)]


def test_another_order_leaves_out_others():
    batches = numbered(10).batches(6)
    left_out = {frozenset(range(10)) - set(epoch(batches)) for _ in range(20)}
    assert set.union(*map(set, left_out)) == set(range(10))


def test_drawing_goes_on_from_epoch_to_epoch_as_iterating_does():
    first, second = (numbered(20).batches(6, seed=1) for _ in range(2))
    drawn = [indices(first.draw()) for _ in range(9)]
    assert drawn == [indices(batch) for _ in range(3) for batch in second]


@pytest.mark.parametrize('drawn', range(10))
def test_restored_batches_continue_as_the_original_from_anywhere(drawn):
    original = numbered(30).batches(7, seed=3)  # 4 batches an epoch
    for _ in range(drawn):
        original.draw()
    state = json.loads(json.dumps(original.state()))
    restored = numbered(30).batches(7, seed=99)
    restored.draw()
    restored.restore(state)
    assert restored.state() == original.state()
    for _ in range(9):
        assert indices(restored.draw()) == indices(original.draw())


def test_reading_the_state_changes_nothing():
    first, second = (numbered(30).batches(7, seed=3) for _ in range(2))
    for _ in range(9):
        first.state()
        assert indices(first.draw()) == indices(second.draw())


def test_a_state_does_not_change_when_drawing_goes_on():
    batches = numbered(30).batches(7)
    state = batches.state()
    before = json.dumps(state)
    for _ in range(9):
        batches.draw()
    assert json.dumps(state) == before != json.dumps(batches.state())


def test_images_are_float32_in_the_unit_interval_for_every_byte():
    samples = np.arange(256, dtype=np.uint8).reshape(4, 1, 8, 8)
    batch = Dataset('bytes', samples).batches(4).draw()
    assert batch.dtype == np.float32 and batch.shape == (4, 1, 8, 8) and batch.context == mx.cpu()
    values = np.sort(batch.asnumpy().ravel())
    assert (values[0], values[-1]) == (0, 1)
    np.testing.assert_allclose(values, np.arange(256) / 255, rtol=2e-7)


def test_colour_keeps_its_planes():
    samples = np.random.RandomState(0).randint(0, 256, (5, 3, 4, 6)).astype(np.uint8)
    batch = Dataset('colour', samples).batches(5).draw().asnumpy()
    drawn = {np.rint(image * 255).astype(np.uint8).tobytes() for image in batch}
    assert drawn == {image.tobytes() for image in samples}


def test_points_come_as_they_are():
    points = np.random.RandomState(0).standard_normal((9, 2)).astype(np.float32) * 50
    batch = Dataset('points', points).batches(9).draw()
    assert batch.dtype == np.float32 and batch.shape == (9, 2)
    assert {tuple(point) for point in batch.asnumpy()} == {tuple(point) for point in points}


def test_batches_are_copies_that_one_may_write_into():
    for dataset in (numbered(3), Dataset('points', np.ones((3, 2), np.float32))):
        batches = dataset.batches(3)
        batches.draw()[:] = 7
        assert batches.draw().asnumpy().max() <= 1


@pytest.mark.parametrize('batch', [0, -1, 13, 10**9])
def test_a_batch_that_the_data_cannot_fill_is_refused_with_the_number_that_it_can(batch):
    with pytest.raises(DataError) as caught:
        numbered(12).batches(batch)
    limit = 'must be from 1 to 12, the number of samples in numbered'
    assert str(caught.value) == f'batch {batch}: {limit}'
    assert len(numbered(12).batches(12)) == 1


def test_the_data_lives_on_the_device_as_bytes_and_can_be_shared():
    first, second = (Batches(numbered(12), 3, seed=seed) for seed in range(2))
    assert first.resident.dtype == np.uint8
    expected = [indices(batch) for batch in Batches(numbered(12), 3, seed=1)]
    second.resident = first.resident
    assert [indices(batch) for batch in second] == expected


def test_the_state_of_more_data_than_there_is_now_goes_on_with_the_next_epoch():
    more = numbered(40).batches(4)
    for _ in range(7):
        more.draw()
    batches = numbered(9).batches(4)
    batches.restore(more.state())
    assert batches.draw().shape == (4, 1, 2, 2)
    assert batches.state()['drawn'] == 1


# Mirrored


def two_halves(count):
    """Images of 2×2 pixels whose left half is the index, and whose right half is 200."""
    samples = np.full((count, 1, 2, 2), 200, np.uint8)
    samples[..., 0] = np.arange(count, dtype=np.uint8).reshape(count, 1, 1)
    return Dataset('halves', samples, np.arange(count) % 3, ('a', 'b', 'c'))


def plain_and_mirrored(batch):
    """Return the indices of the images in a batch, and which of them are mirrored."""
    images = np.rint(batch.asnumpy()[:, 0] * 255).astype(int)
    assert (images[:, 0] == images[:, 1]).all()
    mirrored = images[:, 0, 0] == 200
    assert (images[:, 0].max(axis=1) == 200).all()
    return images[:, 0].min(axis=1), mirrored


def test_half_of_the_pictures_are_mirrored_and_none_is_changed_otherwise():
    batches = two_halves(120).batches(60, mirror=True)
    shares, flags = [], []
    for _ in range(20):
        drawn, mirrored = map(np.concatenate, zip(*map(plain_and_mirrored, batches)))
        assert sorted(drawn) == list(range(120))
        shares.append(mirrored.mean())
        flags.append(mirrored[np.argsort(drawn)])
    assert abs(np.mean(shares) - 0.5) < 4 * 0.5 / np.sqrt(2400)
    # Each picture is seen both ways.
    assert np.mean(flags, axis=0).min() > 0 and np.mean(flags, axis=0).max() < 1


def test_labels_belong_to_mirrored_pictures_in_both_layouts():
    flat, apart = (two_halves(90).batches(30, mirror=True, seed=4) for _ in range(2))
    for _ in range(4):
        joined = flat.draw_with_labels().asnumpy()
        images, labels = apart.draw(), apart.labels().asnumpy()
        np.testing.assert_array_equal(joined[:, :4], images.asnumpy().reshape(30, 4))
        np.testing.assert_array_equal(joined[:, 4:], labels)
        drawn, _ = plain_and_mirrored(images)
        np.testing.assert_array_equal(labels.argmax(axis=1), drawn % 3)


@pytest.mark.parametrize('drawn', [0, 1, 4, 5])
def test_restored_batches_mirror_the_same_pictures(drawn):
    original = two_halves(30).batches(7, seed=3, mirror=True)
    for _ in range(drawn):
        original.draw()
    restored = two_halves(30).batches(7, seed=99, mirror=True)
    restored.restore(json.loads(json.dumps(original.state())))
    for _ in range(9):
        np.testing.assert_array_equal(restored.draw().asnumpy(), original.draw().asnumpy())


def test_without_mirroring_no_picture_is_mirrored():
    batches = two_halves(60).batches(20)
    assert not any(plain_and_mirrored(batches.draw())[1].any() for _ in range(9))


def test_points_have_no_mirror():
    dataset = Dataset('points', np.ones((3, 2), np.float32))
    with pytest.raises(DataError, match='mirror: points is made of points, not images; must be'):
        dataset.batches(3, mirror=True)
