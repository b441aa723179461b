"""A run reads the data that it was trained on, wherever it is, and no other unless told to."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import tiny
from PIL import Image

from gluongan import launch, loading
from gluongan.data import Dataset, fingerprint, load
from gluongan.errors import InputError
from gluongan.runs.folder import RunError, read_config
from gluongan.runs.reading import read_facts

pytestmark = pytest.mark.usefixtures('undrawn')

X = np.random.RandomState(0).randint(0, 256, (200, 8, 8)).astype(np.uint8)
Y = np.arange(200) % 4


def write(path, images=X, labels=Y):
    np.savez(path, images=images, labels=labels, x_test=255 - images, y_test=labels)
    return path


def swapped():
    """The labels with 0 and 1 exchanged: as many of each, other classes."""
    return np.where(Y < 2, 1 - Y, Y)


CHANGES = {
    'labels': (X, swapped(), 'other values or labels'),
    'pixels': (255 - X, Y, 'other values or labels'),
    'order': (X[::-1], Y[::-1], 'other values or labels'),
    'count': (X[:150], Y[:150], '150 samples, not 200'),
    'shape': (X[:, :7], Y, r'samples of shape \(1, 7, 8\), not \(1, 8, 8\)'),
    'classes': (X, Y + 1, 'classes 1, 2, 3, 4, not 0, 1, 2, 3'),
}


@pytest.fixture
def run(tmp_path, undrawn):
    """A run of 4 iterations on an archive."""
    data = write(tmp_path / 'data.npz')
    changes = {'data': str(data), 'image_size': None, 'iterations': 4, 'batch': 16}
    return tiny.begun(tmp_path / 'runs', **changes).folder


@pytest.mark.parametrize('change', CHANGES)
def test_a_run_on_data_that_changed_is_not_resumed_and_not_evaluated(run, tmp_path, change):
    images, labels, text = CHANGES[change]
    write(tmp_path / 'data.npz', images, labels)
    with pytest.raises(RunError, match=f'its data has changed since it began .{text}'):
        tiny.resumed(run, iterations=8)
    arguments = ('evaluate', run, '--samples', 100)
    message = tiny.gluongan(*arguments).stderr.splitlines()[-1]
    assert 'has changed' in message and '--changed-data' in message


def test_changed_data_is_refused_where_nothing_is_said_of_it(run, tmp_path):
    assert loading.check_data(run, load(tmp_path / 'data.npz')) is False
    other = load(write(tmp_path / 'other.npz', 255 - X))
    with pytest.raises(RunError, match='has changed'):
        loading.check_data(run, other)
    assert loading.check_data(run, other, changed_data=True) is True


@pytest.mark.parametrize('change', ['labels', 'pixels', 'count', 'classes'])
def test_changed_data_is_used_where_that_is_asked_for(run, tmp_path, change):
    images, labels, _ = CHANGES[change]
    write(tmp_path / 'data.npz', images, labels)
    more = ('train', '--resume', run, '--iterations', 30, '--changed-data')
    assert tiny.gluongan(*more).exit_code == 0
    new = load(tmp_path / 'data.npz')
    facts = read_facts(run)
    assert (facts.count, facts.classes, facts.fingerprint) == (
        len(new),
        new.classes,
        fingerprint(new),
    )
    tiny.resumed(run, iterations=34)  # it is the run's data from now on


def test_data_that_moved_is_found_where_it_is_said_to_be(run, tmp_path):
    whole = tiny.begun(
        tmp_path / 'whole', data=str(tmp_path / 'data.npz'), image_size=None, iterations=8, batch=16
    )
    moved = tmp_path / 'elsewhere' / 'renamed.npz'
    moved.parent.mkdir()
    shutil.move(tmp_path / 'data.npz', moved)
    for command in (['train', '--resume', run], ['evaluate', run], ['invert', run]):
        message = tiny.refused(*command)
        assert f'no longer at {tmp_path / "data.npz"}' in message and '--data' in message
    result = tiny.gluongan('train', '--resume', run, '--iterations', 8, '--data', moved)
    assert result.exit_code == 0, result.stderr
    assert read_config(run).data == str(moved)
    state = whole.updater.state()[0]
    resumed = loading.load_updater(run, load(moved)).state()[0]
    for name in state:
        if name.startswith(('gen/', 'dis/')):
            np.testing.assert_array_equal(state[name], resumed[name])


@pytest.mark.parametrize('command', ['evaluate', 'invert', 'density'])
def test_every_command_that_reads_the_data_of_a_run_finds_it_and_checks_it(run, tmp_path, command):
    moved = tmp_path / 'moved.npz'
    shutil.move(tmp_path / 'data.npz', moved)
    options = {'evaluate': ['--samples', 100], 'invert': ['--test', 1, '--steps', 1]}
    arguments = [command, run, *options.get(command, []), '--data', moved]
    result = tiny.gluongan(*arguments)
    if command == 'density':
        assert 'must be at least 60,000' in result.stderr  # it has read the data
    else:
        assert result.exit_code == 0, result.stderr
    write(moved, 255 - X)
    result = tiny.gluongan(*arguments)
    assert result.exit_code == 2 and 'has changed' in result.stderr.splitlines()[-1]
    if command != 'density':
        assert tiny.gluongan(*arguments, '--changed-data').exit_code == 0


def test_other_data_is_not_taken_for_the_data_of_a_run(run, tmp_path):
    other = write(tmp_path / 'other.npz', 255 - X)
    assert 'has changed' in tiny.refused('train', '--resume', run, '--data', other)
    assert 'has changed' in tiny.refused('train', '--resume', run, '--data', other, '--dry-run')
    assert 'is built in' in tiny.refused('train', '--resume', run, '--data', 'synthetic')
    assert '--data is synthetic, not' in tiny.refused(
        'train',
        '--resume',
        tiny.begun(tmp_path / 'b', iterations=2).folder,
        *('--data', other),
    )
    assert '--resume' in tiny.refused('train', '--changed-data', '--data', other)


READERS = {
    'resume': ['train', '--resume', 'RUN', '--iterations', 9],
    'evaluate': ['evaluate', 'RUN'],
    'invert': ['invert', 'RUN'],
    'density': ['density', 'RUN'],
}


@pytest.mark.parametrize('words', READERS.values(), ids=READERS)
def test_a_place_that_cannot_hold_the_data_of_a_run_is_refused_by_its_name(run, tmp_path, words):
    words = [run if word == 'RUN' else word for word in words]
    allowed = f'must be where the data of {run} is now, which was {tmp_path / "data.npz"}'
    for place, problem in {'nowhere': 'does not exist', 'mnist': 'is built in'}.items():
        assert tiny.refused(*words, '--data', place) == f'--data {place}: {problem}; {allowed}'
    of_pictures = pictures(tmp_path / 'pictures', 16)
    changes = {'data': str(of_pictures), 'image_size': None, 'iterations': 2, 'batch': 16}
    words = [
        tiny.begun(tmp_path / 'b', **changes).folder if word == run else word for word in words
    ]
    message = tiny.refused(*words, '--data', tmp_path / 'data.npz')
    assert message.startswith(f'--data {tmp_path / "data.npz"}: is no folder of pictures; must be')
    assert 'has changed' in tiny.refused(*words, '--data', save(tmp_path / 'other', 255 - X[:40]))


def test_pictures_in_a_run_are_compared_with_the_data_that_it_began_with(run, tmp_path):
    save(run / 'mine', X[:100])
    arguments = ('evaluate', run / 'mine', '--samples', 100)
    assert tiny.gluongan(*arguments).exit_code == 0
    write(tmp_path / 'data.npz', 255 - X)
    message = tiny.refused(*arguments, code=2)
    assert 'its data has changed' in message and '--changed-data' in message
    assert tiny.gluongan(*arguments, '--changed-data').exit_code == 0
    assert tiny.gluongan(*arguments, '--data', tmp_path / 'data.npz').exit_code == 0
    (tmp_path / 'data.npz').unlink()
    assert 'no longer at' in tiny.refused(*arguments)
    outside = save(tmp_path / 'outside', X[:100])
    assert 'is no run' in tiny.refused('evaluate', outside, '--changed-data')


def test_a_run_finds_its_files_from_every_working_folder(tmp_path, monkeypatch):
    write(tmp_path / 'data.npz')
    monkeypatch.chdir(tmp_path)
    names = {'data': 'data.npz', 'judge': 'x/../mine.judge', 'data_dir': 'fashion'}
    kept = launch.settings_to_keep(tiny.tiny(image_size=None, **names), (1, 8, 8))
    assert kept['data'] == str(tmp_path / 'data.npz')
    assert kept['judge'] == str(tmp_path / 'mine.judge')
    assert kept['data_dir'] == str(tmp_path / 'fashion')
    kept = launch.settings_to_keep(tiny.tiny(), (1, 8, 8))
    assert (kept['data'], kept['judge'], kept['data_dir']) == ('synthetic', None, None)


def test_a_run_of_an_earlier_version_is_checked_by_what_it_kept(run, tmp_path):
    facts = json.loads((run / 'run.json').read_text())
    del facts['fingerprint']
    (run / 'run.json').write_text(json.dumps(facts))
    tiny.resumed(run, iterations=6)
    write(tmp_path / 'data.npz', X // 2)
    with pytest.raises(RunError, match='other values or labels'):
        tiny.resumed(run, iterations=8)


def pictures(folder, side):
    return save(folder, np.kron(X[:40], np.ones((1, side // 8, side // 8), np.uint8)))


def save(folder, images):
    folder.mkdir()
    for i, x in enumerate(images):
        Image.fromarray(x).save(folder / f'{i}.png')
    return folder


def test_the_size_that_was_chosen_stays_that_of_the_run(tmp_path):
    folder = pictures(tmp_path / 'pictures', 16)
    changes = {'data': str(folder), 'image_size': None, 'iterations': 2, 'batch': 16}
    run = tiny.begun(tmp_path / 'runs', **changes).folder
    config = read_config(run)
    assert (config.image_size, config.channels) == (16, 1)
    launch.resume(run, tiny.tiny(**changes))  # the settings as they were given
    settings = json.loads((run / 'config.json').read_text())
    settings.update(image_size=None, channels=None)  # as earlier versions wrote them
    (run / 'config.json').write_text(json.dumps(settings))
    for i in range(200, 300):
        Image.fromarray(np.zeros((64, 64), np.uint8)).save(folder / f'{i}.png')
    assert loading.settle(run).image_size == 16
    with pytest.raises(InputError, match='140 samples, not 40'):
        tiny.resumed(run)


def test_a_fingerprint_depends_on_samples_and_labels_alone():
    data = Dataset('a', X[:, None], Y, ('a', 'b', 'c', 'd'))
    same = Dataset('b', X[:, None].copy(), Y, ('e', 'f', 'g', 'h'), 'test')
    others = [
        Dataset('a', X[:, None]),
        Dataset('a', X[:, None], swapped(), data.classes),
        Dataset('a', X[::-1, None], Y, data.classes),
        Dataset('a', X.reshape(200, 1, 4, 16), Y, data.classes),
        data.binarized(),
    ]
    digests = {fingerprint(each) for each in (data, same, *others)}
    assert fingerprint(data) == fingerprint(same) and len(digests) == 6
