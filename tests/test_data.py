"""The data sets that need no files of the user; Dataset itself; the options of `load`."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import struct
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from gluongan.data import NAMES, DataError, Dataset, bundled, load, locate_datasets, toys
from gluongan.errors import as_typed


def idx_bytes(array):
    header = bytes((0, 0, 8, array.ndim)) + struct.pack(f'>{array.ndim}I', *array.shape)
    return header + array.tobytes()


@pytest.fixture
def images():
    return np.random.RandomState(0).randint(0, 256, (12, 9, 7)).astype(np.uint8)


# The bundled digits


@pytest.mark.parametrize('name', bundled.FILES)
def test_bundled_digits_are_the_canonical_files_bit_for_bit(name):
    content = idx_bytes(bundled.decode(name))
    assert hashlib.sha256(content).hexdigest() == bundled.FILES[name].original


def test_bundled_digits_fit_their_budget_and_carry_their_licence():
    assert sum(path.stat().st_size for path in bundled.HOME.glob('*.xz')) <= 9.25e6
    licence = (bundled.HOME / 'LICENSE-MNIST.md').read_text(encoding='utf-8')
    digests = [file.original for file in bundled.FILES.values()]
    for text in ('LeCun', 'Cortes', 'Burges', 'CC BY-SA 3.0', *digests):
        assert text in licence


@pytest.mark.parametrize('split, count', [('train', 60_000), ('test', 10_000)])
def test_mnist_has_its_shape_and_classes(split, count):
    data = load('mnist', split=split)
    assert (len(data), data.shape, data.split) == (count, (1, 28, 28), split)
    assert data.classes == tuple('0123456789') and set(data.labels) == set(range(10))


def test_mnist_has_its_published_moments():
    mean, deviation = load('mnist').moments()
    assert abs(mean - 0.1307) < 5e-5 and abs(deviation - 0.3081) < 5e-5


def test_mnist_is_decoded_once_and_cannot_be_written_to():
    first, second = load('mnist', split='test'), load('mnist', split='test')
    assert np.shares_memory(first.samples, second.samples)
    with pytest.raises(ValueError):
        first.samples[0] = 0


def test_prefetch_and_load_decode_the_training_images_only_once(monkeypatch):
    calls = []
    original = bundled.read_verified

    def counted(name):
        calls.append(name)
        return original(name)

    monkeypatch.setattr(bundled, 'read_verified', counted)
    bundled._decode_once.cache_clear()
    bundled.prefetch()
    load('mnist')
    bundled.decode('train-images')
    assert calls.count('train-images') == 1


def test_a_changed_bundled_file_is_refused_before_it_is_decoded(tmp_path, monkeypatch, capfd):
    data = bytearray((bundled.HOME / 't10k-labels.xz').read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / 't10k-labels.xz').write_bytes(data)
    monkeypatch.setattr(bundled, 'HOME', tmp_path)
    with pytest.raises(DataError, match=r't10k-labels.xz: is damaged .*; must be .* reinstall'):
        bundled.read_verified('t10k-labels')
    with pytest.raises(DataError, match=r'train-images.xz: .*No such file'):
        bundled.read_verified('train-images')
    assert 'train-images.xz' in dict(locate_datasets())['mnist']


def test_packing_gives_back_the_same_values(tmp_path, monkeypatch, images):
    (tmp_path / 'train-images-idx3-ubyte.gz').write_bytes(gzip.compress(idx_bytes(images)))
    original = hashlib.sha256(idx_bytes(images)).hexdigest()
    entry = bundled.Packed(images.shape, original, '')
    monkeypatch.setattr(bundled, 'FILES', {'train-images': entry})
    bundled.pack(tmp_path, tmp_path)
    packed = hashlib.sha256((tmp_path / 'train-images.xz').read_bytes()).hexdigest()
    monkeypatch.setattr(bundled, 'FILES', {'train-images': entry._replace(packed=packed)})
    monkeypatch.setattr(bundled, 'HOME', tmp_path)
    assert np.array_equal(bundled._decode_once.__wrapped__('train-images'), images)


# Dataset


def test_floats_are_in_unit_range_and_exact_at_both_ends():
    samples = np.arange(256, dtype=np.uint8).reshape(4, 1, 8, 8)
    data = Dataset('ramp', samples)
    assert data.floats().dtype == np.float32 and data.floats().shape == samples.shape
    assert (data.floats().min(), data.floats().max()) == (0, 1)
    assert np.array_equal(data.floats([3, 1]), samples[[3, 1]].astype(np.float32) / np.float32(255))
    assert data.floats(0).shape == (1, 8, 8)


def test_floats_of_points_are_a_copy_of_the_points():
    data = load('ring8')
    part = data.floats(slice(5))
    assert part.dtype == np.float32 and np.array_equal(part, data.samples[:5])
    part[:] = 9
    assert data.samples.max() < 2


@pytest.mark.parametrize('name', ['synthetic', 'grid25'])
def test_moments_are_those_of_all_values(name):
    data = load(name)
    values = data.floats().astype(np.float64)
    assert np.allclose(data.moments(), (values.mean(), values.std()), rtol=1e-6)


def test_binarized_pixels_are_on_above_one_half_and_off_at_or_below():
    samples = np.array([0, 1, 127, 128, 254, 255], np.uint8).reshape(1, 1, 2, 3)
    assert Dataset('edge', samples).binarized().samples.ravel().tolist() == [0, 0, 0, 255, 255, 255]
    assert samples.ravel().tolist() == [0, 1, 127, 128, 254, 255]
    assert set(np.unique(load('synthetic', binarize=True).samples)) == {0, 255}


@pytest.mark.parametrize(
    'samples, labels, classes',
    [
        (np.zeros((2, 1, 4, 4), np.float32), None, ()),
        (np.zeros((2, 4, 4), np.uint8), None, ()),
        (np.zeros((0, 1, 4, 4), np.uint8), None, ()),
        (np.zeros((3, 3), np.float32), None, ()),
        (np.zeros((2, 2), np.float32), np.zeros(3, np.int64), ('a',)),
        (np.zeros((2, 2), np.float32), np.zeros(2, np.int32), ('a',)),
        (np.zeros((2, 2), np.float32), np.array([0, 1]), ('a',)),
        (np.zeros((2, 2), np.float32), np.array([-1, 0]), ('a',)),
    ],
)
def test_a_dataset_refuses_arrays_of_another_kind(samples, labels, classes):
    with pytest.raises(DataError, match=r'^odd: has .*; must be'):
        Dataset('odd', samples, labels, classes)


def test_a_dataset_hands_its_arguments_to_batches(monkeypatch):
    module = types.SimpleNamespace(Batches=lambda *args, **options: (args, options))
    monkeypatch.setitem(sys.modules, 'gluongan.data.batches', module)
    data = load('synthetic')
    options = {'seed': 3, 'device': 'gpu', 'mirror': True, 'part': (1, 2)}
    assert data.batches(16, **options) == ((data, 16), options)


def test_data_is_read_without_mxnet_and_imported_without_pillow_or_network_code():
    code = (
        'import sys, gluongan.data as data\n'
        'assert not {"PIL", "urllib.request"} & set(sys.modules)\n'
        'for name in ("mnist", "ring8", "synthetic"): data.load(name)\n'
        'assert "mxnet" not in sys.modules'
    )
    subprocess.run([sys.executable, '-c', code], check=True, cwd=Path(__file__).parent)


# Mixtures and shapes


@pytest.mark.parametrize(
    'name, count, nearest, deviation',
    [('ring8', 8, 2 * np.sin(np.pi / 8), 0.01), ('grid25', 25, 2.0, 0.05)],
)
def test_mixtures_have_distinct_modes_and_the_right_spread(name, count, nearest, deviation):
    centres, stated = toys.modes(name)
    gaps = np.linalg.norm(centres[:, None] - centres[None], axis=-1) + 99 * np.eye(count)
    assert centres.shape == (count, 2) and stated == deviation and abs(gaps.min() - nearest) < 1e-9
    data = load(name)
    assert data.samples.shape == (100_000, 2) and data.samples.dtype == np.float32
    off = data.samples - centres[data.labels]
    assert abs(off.mean()) < deviation / 100 and abs(off.std() / deviation - 1) < 0.01
    share = np.bincount(data.labels, minlength=count) * count / len(data)
    assert len(share) == count and share.min() > 0.9 and share.max() < 1.1


def test_modes_lie_where_the_papers_put_them():
    ring, _ = toys.modes('ring8')
    assert np.allclose(np.linalg.norm(ring, axis=1), 1) and np.allclose(ring.mean(0), 0)
    grid, _ = toys.modes('grid25')
    steps = (-4, -2, 0, 2, 4)
    assert {tuple(centre) for centre in grid} == set(itertools.product(steps, steps))
    with pytest.raises(DataError, match=r'^name mnist: must be ring8 or grid25$'):
        toys.modes('mnist')


@pytest.mark.parametrize('name', ['ring8', 'grid25', 'synthetic'])
def test_generated_data_is_the_same_each_time_and_differs_between_splits(name):
    assert np.array_equal(load(name).samples, load(name).samples)
    assert not np.array_equal(load(name).samples, load(name, split='test').samples)


def spread(profile):
    """The standard deviation of the positions, weighted by each row of `profile`."""
    position = np.arange(profile.shape[1])
    mean = (profile @ position / profile.sum(axis=1))[:, None]
    return np.sqrt((profile * (position - mean) ** 2).sum(axis=1) / profile.sum(axis=1))


@pytest.mark.parametrize('size, channels', [(8, 1), (28, 1), (32, 3), (97, 3)])
def test_synthetic_shapes_come_in_any_size_and_differ_in_their_outline(size, channels):
    data = load('synthetic', image_size=size, channels=channels)
    assert data.samples.shape == (512, channels, size, size)
    assert np.bincount(data.labels).tolist() == [128] * 4
    light = data.floats().max(axis=1)
    tall, wide = spread(light.sum(axis=2)), spread(light.sum(axis=1))
    assert (tall > 1.3 * wide)[data.labels == 0].all()
    assert (wide > 1.3 * tall)[data.labels == 1].all()
    tolerance = 0.1 if size >= 28 else 0.25
    assert (abs(tall - wide) < tolerance * tall)[data.labels >= 2].all()
    on = light > 0.35
    assert data.binarized().samples.max(axis=(1, 2, 3)).min() == 255
    fill = on.sum(axis=(1, 2)) / on.any(axis=2).sum(axis=1) / on.any(axis=1).sum(axis=1)
    if size >= 28:  # a square fills its box, a disc about pi/4 of it
        assert fill[data.labels == 2].min() > 0.99
        assert fill[data.labels == 3].min() > 0.65 and fill[data.labels == 3].max() < 0.92


# Names and options


@pytest.mark.parametrize('name', ['cifar', 'no/such/folder', 'no-such.npz', ''])
def test_unknown_names_are_refused_with_those_that_are_known(name):
    with pytest.raises(DataError) as caught:
        load(name)
    message = str(caught.value)
    assert message.startswith(f'data {as_typed(name)}: is neither a ')
    assert all(known in message for known in NAMES)


def test_a_typing_error_is_recognised():
    with pytest.raises(DataError, match='did you mean fashion-mnist'):
        load('fashon-mnist')


@pytest.mark.parametrize(
    'name, options, message',
    [
        ('mnist', {'image_size': 32}, 'image_size 32: does not apply to mnist; must be left out'),
        ('mnist', {'channels': 1}, 'channels 1: does not apply to mnist; must be left out'),
        ('mnist', {'data_dir': '.'}, 'data_dir .: does not apply to mnist; must be left out'),
        (
            'fashion-mnist',
            {'channels': 3},
            'channels 3: does not apply to fashion-mnist; must be left out',
        ),
        ('ring8', {'binarize': True}, 'binarize: does not apply to ring8; must be left out'),
        ('grid25', {'image_size': 8}, 'image_size 8: does not apply to grid25; must be left out'),
        (
            'synthetic',
            {'data_dir': 'a'},
            'data_dir a: does not apply to synthetic; must be left out',
        ),
        ('synthetic', {'image_size': 7}, 'image_size 7: must be a whole number from 8 to 1024'),
        (
            'synthetic',
            {'image_size': 28.0},
            'image_size 28.0: must be a whole number from 8 to 1024',
        ),
        ('synthetic', {'channels': 2}, 'channels 2: must be 1 or 3'),
        ('synthetic', {'channels': True}, 'channels true: must be 1 or 3'),
        ('mnist', {'split': 'validation'}, 'split validation: must be train or test'),
    ],
)
def test_options_that_do_not_apply_are_refused_by_name(name, options, message):
    with pytest.raises(DataError) as caught:
        load(name, **options)
    assert str(caught.value) == message


def test_points_cannot_be_binarized():
    with pytest.raises(
        DataError, match=r'^binarize: does not apply to ring8, .*; must be left out'
    ):
        load('ring8').binarized()


@pytest.mark.parametrize('name', [3, None, ['mnist'], 1.5])
def test_a_name_that_is_no_text_and_no_path_is_refused(name):
    with pytest.raises(DataError, match=r'^data.*: must be mnist, .*, or a path'):
        load(name)
