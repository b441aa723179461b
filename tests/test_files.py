"""Files appear whole or not at all, and killed writers leave no litter; text tables."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest

from gluongan import files
from gluongan.files import (
    publish,
    remove_leftovers,
    replacing,
    staging,
    text_table,
    write_array,
    write_bytes,
    write_json,
    write_text,
)

WRITERS = {
    'text': lambda path: write_text(path, 'new'),
    'bytes': lambda path: write_bytes(path, b'new'),
    'json': lambda path: write_json(path, {'new': 1}),
    'array': lambda path: write_array(path, np.arange(3)),
}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# Whole or not at all


@pytest.mark.parametrize('writer', WRITERS)
def test_written_file_is_whole_and_alone(tmp_path, writer):
    path = tmp_path / 'deep' / 'file'
    WRITERS[writer](path)
    assert names(path.parent) == ['file']
    assert path.stat().st_size > 0


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
    assert path.read_text() == 'old'
    assert names(tmp_path) == ['file']


def test_content_is_flushed_to_the_disk_before_it_takes_the_name(tmp_path, monkeypatch):
    calls = []
    for name in ('fsync', 'replace'):
        original = getattr(os, name)

        def recorded(*arguments, name=name, original=original):
            calls.append(name)
            return original(*arguments)

        monkeypatch.setattr(os, name, recorded)
    write_bytes(tmp_path / 'file', b'new')
    assert calls == ['fsync', 'replace']


@pytest.mark.parametrize('failure', [RuntimeError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_a_block_that_raises_leaves_the_old_file_alone(tmp_path, failure):
    path = tmp_path / 'file'
    path.write_text('old')
    with pytest.raises(failure), replacing(path) as temporary:
        temporary.write_text('half')
        raise failure
    assert path.read_text() == 'old'
    assert names(tmp_path) == ['file']


def test_a_block_that_writes_nothing_is_an_error_and_no_empty_file(tmp_path):
    path = tmp_path / 'file'
    path.write_text('old')
    with pytest.raises(FileNotFoundError), replacing(path):
        pass
    assert path.read_text() == 'old'
    assert names(tmp_path) == ['file']


def test_a_disk_that_fills_up_in_the_middle_leaves_the_old_file_alone(tmp_path):
    (tmp_path / 'file').write_text('old')
    code = (
        'import errno, resource, sys; from pathlib import Path; from gluongan import files\n'
        'resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n'
        'try: files.write_bytes(Path(sys.argv[1]), bytes(10**6))\n'
        'except OSError as error: print(error.errno == errno.EFBIG)'
    )
    command = [sys.executable, '-c', code, str(tmp_path / 'file')]
    assert subprocess.check_output(command, text=True) == 'True\n'
    assert (tmp_path / 'file').read_text() == 'old'
    assert names(tmp_path) == ['file']


def test_a_folder_is_never_replaced_by_a_file(tmp_path):
    (tmp_path / 'file').mkdir()
    (tmp_path / 'file' / 'inside').write_text('old')
    with pytest.raises(IsADirectoryError):
        write_bytes(tmp_path / 'file', b'new')
    assert names(tmp_path) == ['file']
    assert (tmp_path / 'file' / 'inside').read_text() == 'old'


@pytest.mark.parametrize('is_dangling', [True, False])
def test_a_link_is_replaced_and_its_target_is_left_alone(tmp_path, is_dangling):
    target, link = tmp_path / 'target', tmp_path / 'link'
    if not is_dangling:
        target.write_text('old')
    link.symlink_to(target)
    write_text(link, 'new')
    assert link.read_text() == 'new'
    assert not link.is_symlink()
    assert target.exists() != is_dangling
    assert is_dangling or target.read_text() == 'old'


@pytest.mark.parametrize('kind', ['file', 'dangling link'])
def test_a_parent_that_is_no_folder_is_an_error(tmp_path, kind):
    parent = tmp_path / 'parent'
    parent.write_text('old') if kind == 'file' else parent.symlink_to(tmp_path / 'missing')
    with pytest.raises(OSError, match='parent'):
        write_bytes(parent / 'file', b'new')
    assert names(tmp_path) == ['parent']


def test_json_reads_back_as_it_was(tmp_path):
    value = {'a': [1, 2.5, None, 'é'], 'b': {'c': True}}
    write_json(tmp_path / 'x.json', value)
    assert json.loads((tmp_path / 'x.json').read_text()) == value


# Several writers

WRITE_OFTEN = """
import sys
from pathlib import Path
from gluongan.files import write_bytes
for _ in range(100):
    write_bytes(Path(sys.argv[1]), sys.argv[2].encode() * 100_000)
"""


def test_two_processes_that_write_one_file_leave_one_whole_version(tmp_path):
    path = tmp_path / 'file'
    writers = [
        subprocess.Popen([sys.executable, '-c', WRITE_OFTEN, str(path), letter]) for letter in 'ab'
    ]
    versions = set()
    while any(writer.poll() is None for writer in writers):
        if path.exists():
            versions.add(path.read_bytes())
    versions.add(path.read_bytes())
    assert [writer.returncode for writer in writers] == [0, 0]
    assert versions <= {b'a' * 100_000, b'b' * 100_000}
    assert names(tmp_path) == ['file']


def test_threads_that_write_one_file_do_not_disturb_each_other(tmp_path):
    path = tmp_path / 'file'
    contents = [bytes([letter]) * 10_000 for letter in b'abcdefgh']
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: write_bytes(path, content), contents * 10))
    assert path.read_bytes() in contents
    assert names(tmp_path) == ['file']


# What killed processes leave

HOLD = """
import sys, time
from pathlib import Path
from gluongan.files import replacing, staging
target = Path(sys.argv[2])
if sys.argv[1] == 'file':
    with replacing(target) as temporary:
        temporary.write_text('half')
        print('ready', flush=True)
        time.sleep(60)
with staging(target) as folder:
    (folder / 'deep').mkdir()
    (folder / 'deep' / 'file').write_text('half')
    print('ready', flush=True)
    time.sleep(60)
"""


@contextmanager
def writer(kind, target):
    """A process that is in the middle of writing."""
    command = [sys.executable, '-c', HOLD, kind, str(target)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == 'ready\n'
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize('kind', ['file', 'folder'])
def test_what_a_killed_process_left_is_removed_by_the_next_write(tmp_path, kind):
    with writer(kind, tmp_path / 'target') as process:
        os.kill(process.pid, signal.SIGKILL)
    (leftover,) = names(tmp_path)
    assert leftover.startswith('.target.') and leftover.endswith(f'.{process.pid}.tmp')
    write_bytes(tmp_path / 'other', b'new')
    assert names(tmp_path) == ['other']


@pytest.mark.parametrize('kind', ['file', 'folder'])
def test_what_a_living_process_is_writing_stays(tmp_path, kind):
    with writer(kind, tmp_path / 'target'):
        before = names(tmp_path)
        write_bytes(tmp_path / 'target', b'new')
        with staging(tmp_path / 'target') as folder:
            assert folder.name not in before
        assert names(tmp_path) == [*before, 'target']


@pytest.mark.parametrize('kind', ['file', 'folder'])
def test_what_a_process_of_the_same_number_left_is_removed(tmp_path, kind):
    leftover = tmp_path / f'.target.{os.getpid()}.tmp'
    leftover.write_text('half') if kind == 'file' else leftover.mkdir()
    with staging(tmp_path / 'target') as folder:
        assert names(tmp_path) == [folder.name]
    assert names(tmp_path) == []


def test_a_temporary_file_in_use_by_this_process_stays(tmp_path):
    with replacing(tmp_path / 'a') as temporary, staging(tmp_path / 'b') as folder:
        temporary.write_text('half')
        write_bytes(tmp_path / 'c', b'new')
        assert names(tmp_path) == sorted([temporary.name, folder.name, 'c'])
    assert names(tmp_path) == ['a', 'c']


@pytest.mark.parametrize(
    'name', ['notes.99999999.tmp', '.notes.tmp', '.notes.x1.tmp', '.99999999.tmp', '.a.1.tmp.gz']
)
def test_files_of_other_programs_stay(tmp_path, name):
    (tmp_path / name).write_text('mine')
    remove_leftovers(tmp_path)
    assert names(tmp_path) == [name]


def test_a_link_among_the_leftovers_is_removed_and_not_followed(tmp_path):
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine' / 'file').write_text('mine')
    (tmp_path / '.a.99999999.tmp').symlink_to(tmp_path / 'mine')
    remove_leftovers(tmp_path)
    assert names(tmp_path) == ['mine'] and names(tmp_path / 'mine') == ['file']


def test_a_leftover_that_may_not_be_removed_does_not_stop_a_write(tmp_path, monkeypatch):
    leftover = tmp_path / '.a.99999999.tmp'
    leftover.write_text('of another user')
    unlink = type(leftover).unlink

    def denied(path, **options):
        if path == leftover:
            raise PermissionError(errno.EPERM, 'Operation not permitted', str(path))
        unlink(path, **options)

    monkeypatch.setattr(type(leftover), 'unlink', denied)
    write_bytes(tmp_path / 'file', b'new')
    assert names(tmp_path) == [leftover.name, 'file']


def test_leftovers_are_looked_for_quickly_among_ten_thousand_samples(tmp_path):
    for number in range(10_000):
        (tmp_path / f'{number:06d}.npy').touch()
    (tmp_path / '.a.99999999.tmp').touch()
    start = time.process_time()
    for _ in range(10):
        remove_leftovers(tmp_path)
    assert (time.process_time() - start) / 10 < 0.05  # it takes about 5 ms
    assert len(names(tmp_path)) == 10_000


# Staged folders


def test_a_staged_folder_takes_its_name_whole(tmp_path):
    with staging(tmp_path / 'new' / 'export') as folder:
        (folder / 'a').write_text('a')
        publish(folder, tmp_path / 'new' / 'export')
    assert names(tmp_path / 'new') == ['export'] and names(tmp_path / 'new' / 'export') == ['a']


def test_a_staged_file_replaces_one_of_its_name(tmp_path):
    (tmp_path / 'a').write_text('old')
    with staging(tmp_path / 'a') as folder:
        (folder / 'a').write_text('new')
        publish(folder / 'a', tmp_path / 'a')
    assert names(tmp_path) == ['a'] and (tmp_path / 'a').read_text() == 'new'


def test_a_staged_folder_never_replaces_one_that_holds_something(tmp_path):
    (tmp_path / 'export').mkdir()
    (tmp_path / 'export' / 'mine').write_text('old')
    with pytest.raises(OSError), staging(tmp_path / 'export') as folder:
        (folder / 'a').write_text('new')
        publish(folder, tmp_path / 'export')
    assert names(tmp_path) == ['export'] and names(tmp_path / 'export') == ['mine']


@pytest.mark.parametrize('failure', [RuntimeError, KeyboardInterrupt])
def test_a_staged_folder_is_gone_when_its_block_raises(tmp_path, failure):
    with pytest.raises(failure), staging(tmp_path / 'export') as folder:
        (folder / 'a').write_text('half')
        raise failure
    assert names(tmp_path) == []


def test_every_staged_file_is_flushed_before_the_folder_takes_its_name(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr(files, '_flush_to_disk', lambda path: flushed.append(path.name))
    with staging(tmp_path / 'export') as folder:
        (folder / 'deep').mkdir()
        (folder / 'a').write_text('a')
        (folder / 'deep' / 'b').write_text('b')
        publish(folder, tmp_path / 'export')
    assert sorted(flushed) == ['a', 'b']


# Tables


HEADING = ('case', 'ms', 'verdict')
ROW = ('sync', '12.5', 'same')


def test_a_table_pads_its_columns_and_aligns_all_but_the_first_to_the_right():
    assert text_table([HEADING, ROW]) == 'case    ms  verdict\nsync  12.5     same'


def test_a_table_aligns_to_the_left_what_it_is_told_to():
    assert text_table([HEADING, ROW], left=(0, 2)) == 'case    ms  verdict\nsync  12.5  same'


@pytest.mark.parametrize('left', [(), (0, 1, 2)])
def test_no_line_of_a_table_ends_in_blanks(left):
    lines = text_table([HEADING, ('sync', '', '')], left=left).splitlines()

    assert [line.rstrip() for line in lines] == lines


def test_a_table_of_its_heading_alone_is_one_line():
    assert text_table([HEADING]) == 'case  ms  verdict'


def test_a_temporary_file_of_another_host_goes_after_a_day(tmp_path):
    path = tmp_path / '.a.0.h00000000.99999999.tmp'
    for age, is_left in ((3600, True), (90_000, False)):
        path.touch()
        os.utime(path, (time.time() - age,) * 2)
        remove_leftovers(tmp_path)
        assert path.exists() == is_left
