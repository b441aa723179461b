"""Where a result cannot be written: said before the long work, in one sentence with its target."""

from __future__ import annotations

import errno
import os

import pytest
import tiny

from gluongan import figures
from gluongan.errors import InputError
from gluongan.files import check_writable, next_folder, publish, staging, write_text
from gluongan.runs.records import Records


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, 'draw_all', lambda run: [])
        return tiny.begun(tmp_path_factory.mktemp('runs'), iterations=2).folder


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'file').write_text('mine')
    (tmp_path / 'folder.png').mkdir()
    return tmp_path


DATA = ['--data', 'synthetic', '--image-size', '8']
# Each command without its run, the flag, and whether that names a folder.
COMMANDS = {
    'train': (['train', *tiny.flags()], '--out', True),
    'train --seeds': (['train', *tiny.flags(), '--seeds', '0-1'], '--out', True),
    'bench': (['bench', '--recipe', 'dense'], '--out', True),
    'compare': (['compare', 'RUN', 'RUN'], '--out', True),
    'invert': (['invert', 'RUN'], '--out', True),
    'export': (['export', 'RUN'], '--out', True),
    'sample': (['sample', 'RUN'], '--out', False),
    'interpolate': (['interpolate', 'RUN', '--seeds', '0,1'], '--out', False),
    'evaluate --json': (['evaluate', 'RUN'], '--json', False),
    'evaluate --figure': (['evaluate', 'RUN'], '--figure', False),
    'judge train': (['judge', 'train', *DATA], '--out', False),
    'judge calibrate': (['judge', 'calibrate', *DATA], '--out', False),
}


@pytest.mark.parametrize('words, flag, is_folder', COMMANDS.values(), ids=COMMANDS)
def test_target_that_cannot_be_written_is_refused_before_the_work(run, words, flag, is_folder):
    words = [run if word == 'RUN' else word for word in words]
    target = 'file' if is_folder else 'folder.png'
    message = tiny.refused(*words, flag, target)
    assert message.startswith(f'{flag} {target}: ') and '; must be ' in message
    message = tiny.refused(*words, flag, 'file/x.png')
    assert message.startswith(f'{flag} file/x.png: ') and 'file is not a folder' in message


def forbid_writing(folder, monkeypatch):
    """Have `os.access` say that a folder is read-only; root could write to a real one."""
    access = os.access

    def allowed(path, mode):
        return access(path, mode) and not (mode & os.W_OK and str(path) == str(folder))

    monkeypatch.setattr(os, 'access', allowed)


@pytest.mark.parametrize('words, flag, is_folder', COMMANDS.values(), ids=COMMANDS)
def test_folder_without_permission_is_refused(run, here, words, flag, is_folder, monkeypatch):
    forbid_writing(here, monkeypatch)
    words = [run if word == 'RUN' else word for word in words]
    message = tiny.refused(*words, flag, 'new/x.png')
    assert message.startswith(f'{flag} new/x.png: ') and 'is not writable' in message


DEFAULTS = {
    'train': (['train', *tiny.flags()], 'runs'),
    'train --dry-run': (['train', *tiny.flags(), '--dry-run'], 'runs'),
    'bench': (['bench'], 'bench'),
    'judge train': (['judge', 'train', *DATA], 'synthetic.judge'),
    'judge calibrate': (['judge', 'calibrate', *DATA], 'synthetic.calibration.json'),
}


@pytest.mark.parametrize('words, target', DEFAULTS.values(), ids=DEFAULTS)
def test_working_folder_without_permission_is_said_before_the_work(
    here, words, target, monkeypatch
):
    access = os.access

    def allowed(path, mode):
        return access(path, mode) and not (mode & os.W_OK and os.path.realpath(path) == str(here))

    monkeypatch.setattr(os, 'access', allowed)
    message = tiny.refused(*words)
    assert target in message.partition(': ')[0] and 'is not writable' in message


def test_run_without_permission_is_not_resumed(run, monkeypatch):
    forbid_writing(run, monkeypatch)
    assert f'--resume {run}: ' in tiny.refused('train', '--resume', run, '--iterations', 9)


def test_default_target_is_named_by_its_path(run, monkeypatch):
    forbid_writing(run, monkeypatch)
    assert tiny.refused('evaluate', run).startswith(f'{run}/evaluation.json: ')


def test_check_accepts_what_can_be_written(here):
    check_writable('file')
    check_writable('new')
    check_writable('new/deep/file.png')
    check_writable(here, folder=True)
    check_writable('new/deep', folder=True)
    assert sorted(os.listdir()) == ['file', 'folder.png']


def test_link_to_nowhere_is_no_folder(here):
    (here / 'link').symlink_to('nowhere')
    with pytest.raises(InputError, match='is not a folder'):
        check_writable('link', folder=True)


def failing(monkeypatch, name, number):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number), '.internal.0.1.tmp')

    monkeypatch.setattr(os, name, fail)


@pytest.mark.parametrize('number', [errno.EACCES, errno.ENOSPC, errno.EISDIR, errno.ENOTDIR])
def test_failed_write_names_its_target_and_no_temporary_file(here, monkeypatch, number):
    failing(monkeypatch, 'replace', number)
    with pytest.raises(OSError) as caught:
        write_text(here / 'target', 'text')
    assert caught.value.errno == number and caught.value.filename == str(here / 'target')
    assert caught.value.strerror == f'cannot be written ({os.strerror(number)})'
    with pytest.raises(OSError) as caught, staging(here / 'export') as folder:
        publish(folder, here / 'export')
    assert '.tmp' not in str(caught.value) and caught.value.filename == str(here / 'export')


def test_failed_folder_and_failed_row_name_their_target(here, monkeypatch):
    with pytest.raises(OSError, match=r'cannot be written \(Is a directory\)') as caught:
        Records(here / 'folder.png').append(['1'])
    assert caught.value.filename == str(here / 'folder.png')
    failing(monkeypatch, 'mkdir', errno.EACCES)
    with pytest.raises(OSError) as caught:
        next_folder(here / 'runs', 'run')
    assert caught.value.filename == str(here / 'runs')


def test_command_that_fails_to_write_ends_with_one_sentence(run, here, monkeypatch):
    failing(monkeypatch, 'replace', errno.ENOSPC)
    message = tiny.refused('sample', run, '--out', 'x.png', code=1)
    assert message == 'x.png: cannot be written (No space left on device)'
