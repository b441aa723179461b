"""Files that are damaged or forged: each is a DataError of one sentence that names the file."""

from __future__ import annotations

import gzip
import io
import os
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from refusals import refused

from gluongan.data import DataError, Dataset, NoSplit, idx, load
from gluongan.files import read_at_most

MAGIC = bytes((0, 0, 8, 3))
GOOD = MAGIC + struct.pack('>3I', 4, 5, 6) + bytes(range(120))
IMAGES = 'train-images-idx3-ubyte'
LABELS = 'train-labels-idx1-ubyte'


def header(*sizes):
    return MAGIC + struct.pack('>3I', *sizes)


IDX = {
    'empty': (b'', 'ends inside its header'),
    'half a header': (GOOD[:9], 'ends inside its header'),
    'wrong magic': (b'\x89PNG' + GOOD[4:], '0x89504e47'),
    'float type': (bytes((0, 0, 13, 3)) + GOOD[4:], '0x00000d03'),
    'labels in the place of images': (bytes((0, 0, 8, 1)) + GOOD[4:], '0x00000803'),
    'truncated values': (GOOD[:-1], 'has 135 bytes; must be 136'),
    'trailing bytes': (GOOD + b'\0', 'has 137 bytes; must be 136'),
    'no images': (header(0, 28, 28), 'N >= 1'),
    'no height': (header(9, 0, 28), 'from 1 to 4096'),
    'huge width': (header(1, 1, 4097) + bytes(4097), 'from 1 to 4096'),
    'size that overflows': (header(2**32 - 1, 4096, 4096) + bytes(99), 'has 115 bytes;'),
}
PACKED = {
    'truncated values': (gzip.compress(GOOD[:-1]), 'has 119 bytes of values; must be 120'),
    'trailing bytes': (gzip.compress(GOOD + b'\0'), 'has more than 120 bytes of values'),
    'second member': (gzip.compress(GOOD) + gzip.compress(bytes(10**7)), 'has more than 120 bytes'),
    'bomb': (gzip.compress(GOOD + bytes(10**8)), 'has more than 120 bytes of values'),
    'size that overflows': (
        gzip.compress(header(2**32 - 1, 4096, 4096)),
        'must be at most 2147483648',
    ),
    'header of 2 GB': (gzip.compress(header(2**17, 128, 128)), 'has 0 bytes of values'),
    'truncated gzip': (gzip.compress(GOOD)[:-12], 'gzip'),
    'bad checksum': (gzip.compress(GOOD)[:-8] + bytes(8), 'gzip'),
    'bad deflate': (gzip.compress(GOOD)[:10] + b'\xff' * 50, 'gzip'),
    'garbage behind': (gzip.compress(GOOD) + b'garbage', 'gzip'),
    'gzip of gzip': (gzip.compress(gzip.compress(GOOD)), 'idx magic number'),
}


@pytest.mark.parametrize('data, part', IDX.values(), ids=IDX)
def test_bad_idx_files_are_refused(tmp_path, data, part):
    (tmp_path / IMAGES).write_bytes(data)
    refused(tmp_path, IMAGES, part)


@pytest.mark.parametrize('data, part', PACKED.values(), ids=PACKED)
def test_bad_packed_idx_files_are_refused(tmp_path, data, part):
    (tmp_path / f'{IMAGES}.gz').write_bytes(data)
    refused(tmp_path, f'{IMAGES}.gz', part)


def test_labels_must_be_as_many_as_images(tmp_path):
    (tmp_path / IMAGES).write_bytes(GOOD)
    (tmp_path / LABELS).write_bytes(bytes((0, 0, 8, 1)) + struct.pack('>I', 5) + bytes(5))
    refused(tmp_path, LABELS, 'has 5 labels for 4 images')


def test_only_a_folder_without_test_images_has_no_test_split(tmp_path):
    (tmp_path / IMAGES).write_bytes(GOOD)
    error = refused(tmp_path, 'has no t10k-images', split='test')
    assert isinstance(error, NoSplit)
    (tmp_path / 't10k-images-idx3-ubyte').write_bytes(GOOD[:-1])
    assert not isinstance(refused(tmp_path, 't10k-images', split='test'), NoSplit)


def test_a_directory_or_a_pipe_in_the_place_of_a_file_is_refused(tmp_path):
    (tmp_path / 'a' / IMAGES).mkdir(parents=True)
    refused(tmp_path / 'a', IMAGES, 'not a regular file')
    for name in (IMAGES, 'x.png'):
        folder = tmp_path / name.replace('.', '-')
        folder.mkdir()
        os.mkfifo(folder / name)
        refused(folder, name, 'not a regular file')


@pytest.mark.parametrize('name', [IMAGES, 'a.png', 'a.npz'])
def test_permission_denied_is_refused_by_name(tmp_path, monkeypatch, name):
    def denied(path, *args, **options):
        raise PermissionError(13, 'Permission denied', str(path))

    (tmp_path / name).write_bytes(GOOD)
    # Not by chmod, because root may read everything.
    for function in ('builtins.open', 'io.open', 'PIL.Image.open'):
        monkeypatch.setattr(function, denied)
    path = tmp_path / name if name == 'a.npz' else tmp_path
    refused(path, name, 'Permission denied')


@pytest.mark.skipif(
    not hasattr(os, 'geteuid') or os.geteuid() == 0, reason='root may enter every folder'
)
def test_a_folder_that_may_not_be_entered_is_refused(tmp_path):
    (tmp_path / 'closed').mkdir(mode=0)
    refused(tmp_path / 'closed', 'Permission denied')
    (tmp_path / 'closed').chmod(0o700)


def test_any_other_file_is_refused(tmp_path):
    (tmp_path / 'digits.txt').write_text('1,2,3')
    refused(tmp_path / 'digits.txt', 'digits.txt', 'is neither a folder nor a kind of file')


# Pictures


def png(width, height):
    """A PNG that claims these sizes and holds next to nothing."""

    def chunk(kind, data):
        checksum = zlib.crc32(kind + data)
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', checksum)

    head = chunk(b'IHDR', struct.pack('>2I5B', width, height, 8, 0, 0, 0, 0))
    body = chunk(b'IDAT', zlib.compress(b''))
    return b'\x89PNG\r\n\x1a\n' + head + body + chunk(b'IEND', b'')


def encoded(kind):
    buffer = io.BytesIO()
    pixels = np.random.RandomState(0).randint(0, 256, (40, 40, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


PICTURES = {
    'text': ('a.png', b'hello', 'not a readable picture (its format is unknown)'),
    'nothing': ('a.jpg', b'', 'not a readable picture'),
    'half a png': ('a.png', encoded('PNG')[:2000], 'not a readable picture (it is truncated)'),
    'half a jpeg': ('a.jpeg', encoded('JPEG')[:1000], 'not a readable picture (it is truncated)'),
    'half a webp': ('a.webp', encoded('WEBP')[:500], 'not a readable picture'),
    'half a gif': ('a.gif', encoded('GIF')[:900], 'not a readable picture'),
    'half a bmp': ('a.bmp', encoded('BMP')[:900], 'not a readable picture (it is truncated)'),
    'a good picture of another format': (
        'a.png',
        b'P5 9 9 255\n' + bytes(81),
        'not a readable picture',
    ),
    'over the limit': ('a.png', png(8193, 8193), '8193 x 8193'),
    "over Pillow's warning": ('a.png', png(10_000, 10_000), '10000 x 10000'),
    "over Pillow's limit": ('a.png', png(60_000, 60_000), 'it has more than 67108864 pixels'),
    'no width': ('a.png', png(0, 5), 'not a readable picture'),
}


@pytest.mark.parametrize('name, data, part', PICTURES.values(), ids=PICTURES)
def test_one_bad_picture_is_refused_by_name_among_good_ones(tmp_path, name, data, part):
    (tmp_path / '0.png').write_bytes(encoded('PNG'))
    (tmp_path / name).write_bytes(data)
    refused(tmp_path, name, part)


def test_a_dangling_link_is_refused(tmp_path):
    (tmp_path / 'a.png').symlink_to(tmp_path / 'gone.png')
    refused(tmp_path, 'a.png', 'not a regular file')


def test_folders_without_pictures_are_refused(tmp_path):
    refused(tmp_path, tmp_path, 'has no pictures', '.png')
    (tmp_path / 'README.txt').write_text('nothing here')
    refused(tmp_path, tmp_path, 'has no pictures')


def test_pictures_on_two_levels_are_refused(tmp_path):
    (tmp_path / 'cat').mkdir()
    for name in ('a.png', 'cat/b.png'):
        (tmp_path / name).write_bytes(encoded('PNG'))
    refused(tmp_path, 'has pictures in itself and in cat')


def test_pictures_that_do_not_fit_in_memory_are_refused(tmp_path, monkeypatch):
    def full(*args):
        raise MemoryError

    (tmp_path / 'a.png').write_bytes(encoded('PNG'))
    monkeypatch.setattr('gluongan.data.folder.np.empty', full)
    refused(tmp_path, tmp_path, 'its pictures (1) do not fit in memory', '`image_size` below 40')


# Anything at all


@settings(max_examples=300, deadline=None, database=None)
@given(st.data())
def test_a_mutated_idx_file_gives_a_dataset_or_a_data_error(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp() / 'mutated'
    folder.mkdir(exist_ok=True)
    mutated = bytearray(GOOD if data.draw(st.booleans()) else gzip.compress(GOOD))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(mutated)))
        mutated[start : start + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    if data.draw(st.booleans()):
        mutated = gzip.compress(mutated)
    (folder / f'{IMAGES}.gz').write_bytes(mutated)
    try:
        assert isinstance(load(folder), Dataset)
    except DataError as error:
        assert IMAGES in str(error)


@settings(max_examples=100, deadline=None, database=None)
@given(st.binary(max_size=300), st.integers(0, 300))
def test_bounded_reading_gives_at_most_one_byte_too_many(data, limit):
    assert read_at_most(io.BytesIO(data), limit) == data[: limit + 1]


def test_the_file_that_all_these_were_made_from_is_good(tmp_path):
    (tmp_path / IMAGES).write_bytes(GOOD)
    assert np.array_equal(idx.read(tmp_path / IMAGES, rank=3).ravel(), np.arange(120))


def test_long_words_of_another_library_are_cut(tmp_path):
    """zipfile puts what it finds in place of a name into its message, whatever its length."""
    np.savez(tmp_path / 'a.npz', images=np.zeros((9, 8, 8), np.uint8))
    content = bytearray((tmp_path / 'a.npz').read_bytes())
    content[26:28] = struct.pack('<H', 600)  # the length of the first name
    (tmp_path / 'a.npz').write_bytes(content)
    error = refused(tmp_path / 'a.npz', 'is not a readable .npz archive', '…')
    assert len(str(error).replace(str(tmp_path), '')) < 400
