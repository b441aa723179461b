"""Decoded pictures in a file: the same data, made once, checked, and removed by one command."""

from __future__ import annotations

import json
import logging
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import tiny
from PIL import Image

from gluongan.data import DataError, cache, fingerprint, load, progress
from gluongan.data.description import digests, oddities
from gluongan.data.mapped import blocks, is_mapped, release


@pytest.fixture
def pictures(tmp_path):
    """A folder of 30 different pictures in two classes, one of them in grey."""
    random = np.random.RandomState(0)
    folder = tmp_path / 'pictures'
    for number in range(30):
        pixels = random.randint(0, 256, (9, 12, 3)).astype(np.uint8)
        path = folder / 'ab'[number % 2] / f'{number:02}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return folder


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """The folder of the cache, into which all pictures go."""
    monkeypatch.setenv('GLUONGAN_CACHE', str(tmp_path / 'cache'))
    monkeypatch.setattr(cache, 'FROM', 1)
    return tmp_path / 'cache'


def in_memory(folder, monkeypatch, **options):
    with monkeypatch.context() as patch:
        patch.setattr(cache, 'FROM', 2**62)
        return load(folder, **options)


def assert_equal(dataset, expected):
    np.testing.assert_array_equal(dataset.samples, expected.samples)
    np.testing.assert_array_equal(dataset.labels, expected.labels)
    np.testing.assert_array_equal(dataset.origin.sizes, expected.origin.sizes)
    assert dataset.origin.made_grey == expected.origin.made_grey
    assert dataset.classes == expected.classes and fingerprint(dataset) == fingerprint(expected)
    assert oddities(dataset) == oddities(expected) and dataset.moments() == expected.moments()


@pytest.mark.parametrize(
    'options', [{}, {'channels': 1}, {'fit': 'pad', 'image_size': 16}], ids=str
)
def test_kept_pictures_are_those_in_memory(pictures, kept, monkeypatch, options):
    expected = in_memory(pictures, monkeypatch, **options)
    assert not is_mapped(expected.samples) and not kept.exists()
    for _ in range(2):
        dataset = load(pictures, **options)
        assert is_mapped(dataset.samples)
        assert_equal(dataset, expected)
    assert len(cache.entries()) == 1


def test_batches_of_kept_pictures_are_those_in_memory(pictures, kept, monkeypatch):
    expected = in_memory(pictures, monkeypatch).batches(8, seed=3)
    batches = load(pictures).batches(8, seed=3)
    assert batches.resident is None
    for _ in range(2 * len(batches)):
        np.testing.assert_array_equal(batches.draw().asnumpy(), expected.draw().asnumpy())
        np.testing.assert_array_equal(batches.labels().asnumpy(), expected.labels().asnumpy())


@pytest.mark.parametrize('format', ['zip', 'gztar'])
def test_pictures_of_an_archive_are_kept_too(pictures, kept, monkeypatch, tmp_path, format):
    archive = shutil.make_archive(str(tmp_path / 'packed'), format, pictures)
    expected = in_memory(archive, monkeypatch)
    assert_equal(load(archive), expected)
    paths = count_reads(monkeypatch)
    assert_equal(load(archive), expected)
    assert not paths
    os.utime(archive, ns=(1, 1))
    load(archive)
    assert len(paths) == 30


def test_few_pictures_are_held_in_memory(pictures, monkeypatch, tmp_path):
    monkeypatch.setenv('GLUONGAN_CACHE', str(tmp_path / 'cache'))
    assert not is_mapped(load(pictures).samples)
    assert not (tmp_path / 'cache').exists()


def count_reads(monkeypatch):
    """A list that grows by each picture that is decoded."""
    from gluongan.data import folder

    read, paths = folder.read, []
    monkeypatch.setattr(folder, 'read', lambda path, *rest: paths.append(path) or read(path, *rest))
    return paths


def test_pictures_are_read_once(pictures, kept, monkeypatch):
    paths = count_reads(monkeypatch)
    load(pictures)
    assert len(paths) == 30
    load(pictures)
    assert len(paths) == 30


@pytest.mark.parametrize('change', ['content', 'name', 'new', 'gone', 'options'])
def test_changed_data_is_read_again(pictures, kept, monkeypatch, change):
    load(pictures)
    paths = count_reads(monkeypatch)
    first = pictures / 'a' / '00.png'
    options = {'image_size': 16} if change == 'options' else {}
    if change == 'content':
        Image.new('RGB', (9, 9)).save(first)
    elif change == 'name':
        first.rename(first.with_name('99.png'))
    elif change == 'new':
        Image.new('RGB', (9, 9)).save(first.with_name('99.png'))
    elif change == 'gone':
        first.unlink()
    dataset = load(pictures, **options)
    assert len(paths) == len(dataset)
    assert_equal(dataset, in_memory(pictures, monkeypatch, **options))


@pytest.mark.parametrize('damage', ['pixel', 'short', 'about', 'json', 'gone'])
def test_a_damaged_entry_is_made_again_and_said(pictures, kept, monkeypatch, caplog, damage):
    expected = in_memory(pictures, monkeypatch)
    load(pictures)
    (entry,) = cache.entries()
    samples = entry.path / cache.SAMPLES
    content = samples.read_bytes()
    if damage == 'pixel':
        samples.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == 'short':
        samples.write_bytes(content[:-9])
    elif damage == 'gone':
        samples.unlink()
    else:
        (entry.path / cache.ABOUT).write_text('{}' if damage == 'about' else 'x')
    assert_equal(load(pictures), expected)
    assert 'was changed since it was made; is made again' in caplog.text
    caplog.clear()
    assert_equal(load(pictures), expected)
    assert 'made again' not in caplog.text


def test_an_unreadable_picture_leaves_no_entry(pictures, kept):
    (pictures / 'b' / '29.png').write_bytes(b'no picture')
    with pytest.raises(DataError, match='is not a readable picture'):
        load(pictures)
    assert not any(kept.iterdir())


def test_a_cache_that_cannot_be_written_is_refused_in_a_sentence(pictures, kept, monkeypatch):
    kept.write_text('a file')
    with pytest.raises(DataError, match='is not a folder; must be one, or GLUONGAN_CACHE must'):
        load(pictures)


@pytest.mark.parametrize(
    'variables, expected',
    [
        ({'GLUONGAN_CACHE': '/x', 'XDG_CACHE_HOME': '/y'}, '/x'),
        ({'XDG_CACHE_HOME': '/y'}, '/y/gluongan'),
        ({'GLUONGAN_CACHE': '', 'HOME': '/h'}, '/h/.cache/gluongan'),
    ],
)
def test_place_of_the_cache(variables, expected, monkeypatch):
    for name in ('GLUONGAN_CACHE', 'XDG_CACHE_HOME'):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert str(cache.place()) == expected


def test_the_command_lists_and_removes(pictures, kept):
    assert 'is empty' in tiny.gluongan('cache').stdout
    load(pictures)
    text = tiny.gluongan('cache').stdout
    assert str(pictures) in text and ' 30 ' in text
    (kept / 'other').mkdir()
    assert 'removed 1 from' in tiny.gluongan('cache', '--remove').stdout
    assert [path.name for path in kept.iterdir()] == ['other']
    assert 'is empty' in tiny.gluongan('cache').stdout


def test_blocks_are_all_samples_and_leave_memory():
    samples = np.arange(20, dtype=np.uint8).reshape(10, 2)
    for size in (1, 4, 7, 99):
        np.testing.assert_array_equal(np.concatenate(list(blocks(samples, size))), samples)
    assert len(digests(np.repeat(samples, 2, axis=0))) == 10


def resident_of(path):
    """Kilobytes of a mapped file that are in this process's memory."""
    lines = Path('/proc/self/smaps').read_text().split('\n')
    start = next(number for number, line in enumerate(lines) if line.endswith(str(path)))
    return next(int(line.split()[1]) for line in lines[start:] if line.startswith('Rss:'))


@pytest.mark.skipif(not os.path.exists('/proc/self/smaps'), reason='no /proc/self/smaps')
def test_released_samples_are_not_in_memory_and_can_be_read_again(tmp_path):
    array = np.arange(2**20, dtype=np.uint8).reshape(-1, 256)
    np.save(tmp_path / 'x.npy', array)
    mapped = np.load(tmp_path / 'x.npy', mmap_mode='r', allow_pickle=False)
    assert mapped.sum() == array.sum() and resident_of(tmp_path / 'x.npy') > 900
    release(mapped)
    assert resident_of(tmp_path / 'x.npy') == 0
    np.testing.assert_array_equal(mapped, array)
    release(array)  # nothing to do


def test_progress_ends_at_the_total_and_is_silent_for_few(caplog):
    caplog.set_level(logging.INFO)
    assert list(progress.watched(range(10), 'few')) == list(range(10))
    assert not caplog.records
    assert sum(progress.watched(range(2_345), 'many')) == sum(range(2_345))
    assert [caplog.records[-1].done, caplog.records[-1].total] == [2_345, 2_345]
    assert len(caplog.records) <= progress.STEPS + 20


def test_facts_of_an_entry_are_plain(pictures, kept):
    load(pictures)
    (entry,) = cache.entries()
    about = json.loads((entry.path / cache.ABOUT).read_text())
    assert about['pictures'] == entry.pictures == 30 and about['source'] == str(pictures)
    assert entry.size > 30 * 3 * 8 * 8
