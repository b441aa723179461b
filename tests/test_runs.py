"""The run folder: its number, its name, and that what is written into it is written whole or not at all."""

from __future__ import annotations

import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tiny import tiny

from gluongan.files import next_folder, next_number, write_json
from gluongan.runs import folder as runs
from gluongan.runs.folder import RunError, read_config, run_name

# Numbers and names


@pytest.mark.parametrize(
    'there, expected',
    [
        ([], 0),
        (['00000-a'], 1),
        (['00000-a', '00001-b'], 2),
        (['00003-a', '00000-b'], 4),
        (['99999-a'], 100_000),
        (['100000-a'], 100_001),
        (['1-a', 'x00007-a', '0007-a', 'notes', '00008'], 0),
        (['00004-file.txt'], 5),
    ],
)
def test_number_is_one_above_the_highest_run(tmp_path, there, expected):
    for name in there:
        (tmp_path / name).write_text('') if '.' in name else (tmp_path / name).mkdir()
    assert next_number(tmp_path) == expected
    folder = next_folder(tmp_path, 'a')
    assert folder == tmp_path / f'{expected:05d}-a' and folder.is_dir()


def test_folder_is_made_with_its_parents(tmp_path):
    assert next_folder(tmp_path / 'deep' / 'down', 'a').is_dir()
    assert next_number(tmp_path / 'missing') == 0 and not (tmp_path / 'missing').exists()


def test_concurrent_runs_never_share_a_folder(tmp_path):
    with ThreadPoolExecutor(16) as pool:
        folders = list(pool.map(lambda _: next_folder(tmp_path / 'runs', 'same'), range(64)))
    assert len(set(folders)) == 64 == len(list((tmp_path / 'runs').iterdir()))


@pytest.mark.parametrize('kind', ['file', 'dangling link'])
def test_impossible_place_for_runs_is_an_error_and_no_endless_loop(tmp_path, monkeypatch, kind):
    out, calls = tmp_path / 'runs', []
    out.write_text('') if kind == 'file' else out.symlink_to(tmp_path / 'missing')
    number = runs.next_number

    def counted(folder):
        calls.append(folder)
        assert len(calls) < 10, 'it goes round for ever'
        return number(folder)

    monkeypatch.setattr(runs, 'next_number', counted)
    with pytest.raises((OSError, RunError), match='runs'):
        next_folder(out, 'a')


@pytest.mark.parametrize(
    'data, name',
    [
        ('mnist', 'dense-mnist'),
        ('fashion-mnist', 'dense-fashion-mnist'),
        ('/some/where/My Cats!', 'dense-my-cats'),
        ('points.npz', 'dense-points'),
        ('..', 'dense-data'),
        ('/', 'dense-data'),
        ('été', 'dense-t'),
        ('写真', 'dense-data'),
    ],
)
def test_run_is_named_after_recipe_and_data_in_plain_letters(data, name):
    assert run_name(tiny(data=data)) == name


# Whole or not at all

WRITERS = {
    'text': lambda path: runs.write_text(path, 'new'),
    'bytes': lambda path: runs.write_bytes(path, b'new'),
    'json': lambda path: write_json(path, {'new': 1}),
    'array': lambda path: runs.write_array(path, np.arange(3)),
}


@pytest.mark.parametrize('writer', WRITERS)
def test_written_file_is_whole_and_alone(tmp_path, writer):
    path = tmp_path / 'deep' / 'file'
    WRITERS[writer](path)
    assert list(path.parent.iterdir()) == [path] and path.stat().st_size > 0


@pytest.mark.parametrize('call', ['fsync', 'replace'])
@pytest.mark.parametrize('writer', WRITERS)
def test_failed_write_leaves_the_old_content_and_no_temporary_file(
    tmp_path, monkeypatch, writer, call
):
    path = tmp_path / 'file'
    path.write_text('old')

    def full(*_):
        assert path.read_text() == 'old'  # nothing touches the file before its successor is flushed
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, full)
    with pytest.raises(OSError, match='No space left'):
        WRITERS[writer](path)
    assert path.read_text() == 'old' and list(tmp_path.iterdir()) == [path]


def test_content_is_flushed_to_the_disk_before_it_takes_the_name(tmp_path, monkeypatch):
    order, real = [], {name: getattr(os, name) for name in ('fsync', 'replace')}
    for name in real:
        monkeypatch.setattr(
            os, name, lambda *given, name=name: (order.append(name), real[name](*given))[1]
        )
    runs.write_bytes(tmp_path / 'file', b'new')
    assert order[:2] == ['fsync', 'replace']


def test_json_reads_back_as_it_was(tmp_path):
    value = {'a': [1, 2.5, None, 'é'], 'b': {'c': True}}
    write_json(tmp_path / 'x.json', value)
    assert json.loads((tmp_path / 'x.json').read_text()) == value


# config.json


def test_config_reads_back_exactly(tmp_path):
    config = tiny(gen_hidden=(), lr=1.23456789012345e-5, clip=0.01, seed=2**31 - 1, binarize=True)
    write_json(tmp_path / 'config.json', config.to_dict())
    assert read_config(tmp_path) == config


@pytest.mark.parametrize(
    'content, words',
    [
        (b'', 'not JSON'),
        (b'{"lr": ', 'not JSON'),
        (b'[1, 2]', 'JSON object'),
        (b'\xff\xfe\x00', ''),
        (b'{"speed": 3}', 'speed'),
        (b'{"lr": "fast"}', '--lr'),
        (b'{"gen_hidden": "16"}', '--gen-hidden'),
        (b'{"batch": 1e99}', '--batch'),
        (b'{"lr": NaN}', '--lr nan'),
        (b'{"seed": null}', '--seed'),
        (b'[' * 100_000, 'not JSON'),
        (b'{"channels": [3]}', '--channels'),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_broken_config_is_a_run_error_that_names_file_and_fault(tmp_path, content, words):
    (tmp_path / 'config.json').write_bytes(content)
    with pytest.raises(RunError) as caught:
        read_config(tmp_path)
    message = str(caught.value)
    assert str(tmp_path / 'config.json') in message and words in message and '\n' not in message, (
        message
    )


@pytest.mark.parametrize(
    'make',
    [
        lambda path: None,
        lambda path: path.mkdir(),
        lambda path: path.write_text('x'),
        lambda path: (path / 'config.json').mkdir(parents=True),
    ],
    ids=['missing', 'empty', 'file', 'folder config.json'],
)
def test_folder_that_is_no_run_is_named(tmp_path, make):
    make(tmp_path / 'x')
    with pytest.raises(RunError, match='no run folder') as caught:
        read_config(tmp_path / 'x')
    assert str(tmp_path / 'x') in str(caught.value)
