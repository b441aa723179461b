"""What is read from files of the user: idx folders, pictures, archives, and Fashion-MNIST."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
from urllib.error import URLError

import numpy as np
import pytest
from PIL import Image

from gluongan.data import DataError, NoSplit, fashion, load, locate_datasets


def idx_bytes(array):
    header = bytes((0, 0, 8, array.ndim)) + struct.pack(f'>{array.ndim}I', *array.shape)
    return header + array.tobytes()


@pytest.fixture
def images():
    return np.random.RandomState(0).randint(0, 256, (12, 9, 7)).astype(np.uint8)


@pytest.fixture
def labels():
    return (np.arange(12) % 3).astype(np.uint8)


# Folders of idx files


@pytest.mark.parametrize('joint', '-.')
@pytest.mark.parametrize('end, pack', [('', bytes), ('.gz', gzip.compress), ('.gz', bytes)])
def test_idx_folders_are_read_under_their_usual_names(tmp_path, images, labels, joint, end, pack):
    (tmp_path / f'train-images{joint}idx3-ubyte{end}').write_bytes(pack(idx_bytes(images)))
    (tmp_path / f'train-labels{joint}idx1-ubyte{end}').write_bytes(pack(idx_bytes(labels)))
    data = load(tmp_path)
    assert np.array_equal(data.samples[:, 0], images) and np.array_equal(data.labels, labels)
    assert data.classes == ('0', '1', '2')
    assert data.name == tmp_path.name
    assert data.labels.dtype == np.int64
    with pytest.raises(NoSplit, match='has no t10k-images'):
        load(tmp_path, split='test')


def test_idx_labels_are_optional(tmp_path, images):
    (tmp_path / 't10k-images-idx3-ubyte').write_bytes(idx_bytes(images))
    data = load(str(tmp_path), split='test')
    assert data.labels is None and data.classes == () and len(data) == len(images)


# Folders of pictures


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def test_subfolders_become_classes_and_other_files_are_ignored(tmp_path):
    values = {'dog/b.png': 30, 'dog/a.bmp': 20, 'cat/x.png': 10, '.git/z.png': 99, 'cat/.y.png': 99}
    for name, value in values.items():
        save(tmp_path / name, np.full((40, 50, 3), value, np.uint8))
    for name in ('README.txt', 'dog/Thumbs.db', 'cat/labels.csv', 'notes/todo.txt'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('no picture')
    data = load(tmp_path)
    assert data.shape == (3, 40, 40)
    assert data.classes == ('cat', 'dog')
    assert data.labels.tolist() == [0, 1, 1]
    assert data.samples[:, 0, 0, 0].tolist() == [10, 20, 30]


def test_a_flat_folder_has_no_labels_and_is_cropped_at_the_centre(tmp_path):
    wide = np.zeros((16, 48), np.uint8)
    wide[:, 16:32] = 200
    save(tmp_path / 'a.PNG', wide)
    data = load(tmp_path, image_size=16, channels=1)
    assert data.labels is None and data.shape == (1, 16, 16) and data.samples.min() == 200


def test_a_test_folder_is_a_split_only_beside_train(tmp_path):
    save(tmp_path / 'train/a.png', np.full((8, 8), 1, np.uint8))
    assert load(tmp_path).classes == ()
    with pytest.raises(NoSplit, match='has no test split; must have sub-folders train and test'):
        load(tmp_path, split='test')
    save(tmp_path / 'test/b.png', np.full((8, 8), 2, np.uint8))
    assert load(tmp_path, split='train', channels=1).samples.max() == 1
    assert load(tmp_path, split='test', channels=1).samples.max() == 2


def pictured(tmp_path, image, name='a.png', **options):
    image.save(tmp_path / name, **options)
    return load(tmp_path, image_size=8, channels=3).samples[0, :, 0, 0].tolist()


@pytest.mark.parametrize(
    'image, colour',
    [
        (Image.new('L', (9, 9), 77), [77, 77, 77]),
        (Image.new('1', (9, 9), 1), [255, 255, 255]),
        (Image.new('RGB', (9, 9), (1, 2, 3)), [1, 2, 3]),
        (Image.new('RGBA', (9, 9), (200, 100, 50, 0)), [0, 0, 0]),
        (Image.new('RGBA', (9, 9), (200, 100, 50, 255)), [200, 100, 50]),
        (Image.new('LA', (9, 9), (200, 0)), [0, 0, 0]),
        (Image.new('RGB', (9, 9), (255, 0, 0)).convert('P'), [255, 0, 0]),
        (Image.fromarray(np.full((9, 9), 0x80FF, np.uint16)), [128, 128, 128]),
    ],
)
def test_every_pixel_format_comes_out_as_the_colour_that_is_seen(tmp_path, image, colour):
    assert pictured(tmp_path, image) == colour


def test_cmyk_pictures_and_gifs_are_converted(tmp_path):
    assert pictured(tmp_path, Image.new('CMYK', (9, 9), (0, 0, 0, 0)), 'a.jpg') == [255, 255, 255]
    (tmp_path / 'a.jpg').unlink()
    blue, red = (Image.new('RGB', (9, 9), colour) for colour in ('blue', 'red'))
    colour = pictured(tmp_path, blue, 'a.gif', save_all=True, append_images=[red])
    assert colour == [0, 0, 255]


def test_pictures_are_turned_upright_by_their_exif_orientation(tmp_path):
    array = np.zeros((16, 16), np.uint8)
    array[:8] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(array).save(tmp_path / 'a.png', exif=exif)
    upright = load(tmp_path, image_size=16, channels=1).samples[0, 0]
    assert upright[:8].max() == 0 and upright[8:].min() == 255


# .npz archives


@pytest.mark.parametrize(
    'turn',
    [
        lambda x: x,
        lambda x: x[:, None],
        lambda x: x[..., None],
        lambda x: x / 255,
        lambda x: np.float32(x / 255),
    ],
)
@pytest.mark.parametrize('save', [np.savez, np.savez_compressed])
def test_archives_hold_images_in_any_usual_layout(tmp_path, images, labels, turn, save):
    save(tmp_path / 'set.npz', images=turn(images), labels=labels)
    data = load(tmp_path / 'set.npz')
    assert np.array_equal(data.samples[:, 0], images) and np.array_equal(data.labels, labels)
    assert data.name == 'set' and data.classes == ('0', '1', '2')


def test_colours_in_archives_stand_first_or_last(tmp_path):
    first = np.random.RandomState(0).randint(0, 256, (5, 3, 8, 9)).astype(np.uint8)
    np.savez(tmp_path / 'first.npz', x=first)
    np.savez(tmp_path / 'last.npz', x=first.transpose(0, 2, 3, 1))
    assert np.array_equal(load(tmp_path / 'first.npz').samples, first)
    assert np.array_equal(load(tmp_path / 'last.npz').samples, first)


def test_keras_archives_have_both_splits(tmp_path, images, labels):
    train = {'x_train': images, 'y_train': labels[:, None]}
    np.savez(tmp_path / 'k.npz', **train, x_test=images[:3], y_test=labels[:3])
    assert len(load(tmp_path / 'k.npz')) == 12
    assert len(load(tmp_path / 'k.npz', split='test')) == 3


# Fashion-MNIST


@pytest.fixture
def tiny(tmp_path, monkeypatch, images, labels):
    """The packed files of a Fashion-MNIST of 12 pictures by name; none is on this machine."""
    files = {}
    table = {}
    for name, array in (('train-images', images), ('train-labels', labels)):
        table[name] = fashion.Original(array.shape, hashlib.sha256(idx_bytes(array)).hexdigest())
        files[f'{name}-idx{array.ndim}-ubyte.gz'] = gzip.compress(idx_bytes(array))
    monkeypatch.setattr(fashion, 'FILES', table)
    monkeypatch.setattr(fashion, 'DEBIAN', tmp_path / 'debian')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    return files


@pytest.fixture
def network(monkeypatch):
    """Returns a function of one answer for each mirror: bytes, an error, or a function of the name.

    That function returns the list of requested URLs.
    """
    requests = []

    def answer_with(*answers):
        def urlopen(url, timeout):
            requests.append(url)
            assert timeout == 20
            mirror = next(n for n, start in enumerate(fashion.MIRRORS) if url.startswith(start))
            answer = answers[mirror]
            if callable(answer):
                answer = answer(url.rpartition('/')[2])
            if isinstance(answer, Exception):
                raise answer
            return io.BytesIO(answer)

        monkeypatch.setattr('urllib.request.urlopen', urlopen)
        return requests

    return answer_with


def location(data_dir=None):
    """Where Fashion-MNIST is said to be."""
    return dict(locate_datasets(data_dir))['fashion-mnist']


@pytest.mark.parametrize(
    'folder', ['given', 'given/fashion-mnist', 'debian', 'cache/gluongan/fashion-mnist']
)
def test_local_fashion_is_read_without_the_network(tmp_path, tiny, network, folder):
    requests = network()
    (tmp_path / 'given').mkdir()
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    assert 'not on this machine' in location(tmp_path / 'given')
    assert 'dataset-fashion-mnist' in location()
    for name, data in tiny.items():
        (tmp_path / folder / name).write_bytes(data)
    data = load('fashion-mnist', data_dir=tmp_path / 'given')
    assert len(data) == 12
    assert len(data.classes) == 10 and data.classes[9] == 'Ankle boot'
    assert requests == []
    assert location(tmp_path / 'given') == f'in {tmp_path / folder}'


def test_the_files_of_fashion_are_those_that_its_authors_describe():
    for prefix, count in (('train', 60_000), ('t10k', 10_000)):
        assert fashion.FILES[f'{prefix}-images'].shape == (count, 28, 28)
        assert fashion.FILES[f'{prefix}-labels'].shape == (count,)
    sums = {original.sha256 for original in fashion.FILES.values()}
    assert len(sums) == 4 and all(len(bytes.fromhex(each)) == 32 for each in sums)


def test_a_changed_fashion_file_is_refused_by_name(tmp_path, tiny, images):
    for name in tiny:
        (tmp_path / name).write_bytes(gzip.compress(idx_bytes(images ^ 1)))
    with pytest.raises(DataError, match=r'train-images-idx3-ubyte.gz: has the SHA-256 .*; must be'):
        load('fashion-mnist', data_dir=tmp_path)
    with pytest.raises(DataError, match=r'^data_dir .*nowhere: is not a folder; must be'):
        load('fashion-mnist', data_dir=tmp_path / 'nowhere')
    assert 'nowhere: is not a folder' in location(tmp_path / 'nowhere')


def test_fashion_files_that_inflate_beyond_their_size_are_stopped(tmp_path, tiny, images):
    bomb = gzip.compress(idx_bytes(images) + bytes(50_000_000))
    (tmp_path / 'train-images-idx3-ubyte.gz').write_bytes(bomb)
    with pytest.raises(DataError, match='has more than 756 bytes'):
        load('fashion-mnist', data_dir=tmp_path)


def test_fashion_is_downloaded_once_past_dead_and_wrong_mirrors(tmp_path, tiny, network, images):
    wrong = gzip.compress(idx_bytes(images ^ 1))
    requests = network(TimeoutError('timed out'), wrong, tiny.get)
    assert np.array_equal(load('fashion-mnist').samples[:, 0], images)
    assert len(requests) == 6
    assert sorted(path.name for path in fashion.cache().iterdir()) == sorted(tiny)
    load('fashion-mnist')
    assert len(requests) == 6


def test_when_every_mirror_fails_the_message_names_each_failure_and_the_remedy(
    tmp_path, tiny, network
):
    network(URLError('no route'), b'<html>moved</html>', TimeoutError('timed out'))
    with pytest.raises(DataError) as caught:
        load('fashion-mnist')
    failures = (*fashion.MIRRORS, 'no route', 'timed out', 'gzip')
    for part in (*failures, '; must be on this machine', 'dataset-fashion-mnist', '`data_dir`'):
        assert part in str(caught.value)
    assert list(fashion.cache().iterdir()) == []


def test_a_download_that_cannot_be_kept_is_not_started(tmp_path, tiny, network):
    requests = network()
    (tmp_path / 'cache').write_text('in the way')
    with pytest.raises(DataError, match='cannot be created'):
        load('fashion-mnist')
    assert requests == []
