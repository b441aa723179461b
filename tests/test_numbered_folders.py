"""Numbered folders: each caller gets the next free number, or an error, never an endless loop."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from gluongan import files
from gluongan.errors import InputError
from gluongan.files import next_folder, next_number


@pytest.mark.parametrize(
    'existing, expected',
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
def test_number_is_one_above_the_highest_folder(tmp_path, existing, expected):
    for name in existing:
        path = tmp_path / name
        path.touch() if path.suffix else path.mkdir()
    assert next_number(tmp_path) == expected
    folder = next_folder(tmp_path, 'a')
    assert folder == tmp_path / f'{expected:05d}-a'
    assert folder.is_dir()


def test_folder_is_made_with_its_parents(tmp_path):
    assert next_folder(tmp_path / 'deep' / 'down', 'a').is_dir()
    assert next_number(tmp_path / 'missing') == 0
    assert not (tmp_path / 'missing').exists()


def test_concurrent_callers_never_share_a_folder(tmp_path):
    with ThreadPoolExecutor(16) as pool:
        folders = list(pool.map(lambda _: next_folder(tmp_path / 'runs', 'same'), range(64)))
    assert len(set(folders)) == 64 == len(list((tmp_path / 'runs').iterdir()))


@pytest.fixture
def no_endless_loop(monkeypatch):
    """Fails where the next number is looked for again and again."""
    calls = []
    original = files.next_number

    def counted(folder):
        calls.append(folder)
        assert len(calls) < 10, 'it loops for ever'
        return original(folder)

    monkeypatch.setattr(files, 'next_number', counted)


@pytest.mark.parametrize('kind', ['file', 'dangling link'])
@pytest.mark.parametrize('below', [False, True])
def test_folder_that_cannot_be_made_is_an_error(tmp_path, no_endless_loop, kind, below):
    out = tmp_path / 'runs'
    out.write_text('') if kind == 'file' else out.symlink_to(tmp_path / 'missing')
    with pytest.raises(InputError, match='runs'):
        next_folder(out / 'below' if below else out, 'a')
    assert [path.name for path in tmp_path.iterdir()] == ['runs']
