"""The generators that ship with the package: complete, small, sampled by name."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tiny

from gluongan.evaluation import classifier
from gluongan.exports import ExportError, find_shipped, load_export, load_sampler, shipped


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize('name', shipped.GENERATORS)
def test_a_shipped_generator_is_complete_small_and_makes_the_class_that_is_asked_for(name, here):
    folder = find_shipped(name)
    loaded = load_export(folder)
    assert loaded.manifest.data == name
    assert sum(path.stat().st_size for path in folder.iterdir()) < 8 * 2**20
    sampler = load_sampler(folder)
    judge = classifier.load_shipped(name)
    asked = range(0, 10, 3)
    right = []
    for label in asked:
        x, _ = sampler.sample_grid(list(range(12)), sampler.classes[label])
        right.append(judge.accuracy(x, np.full(len(x), label)))
    assert np.mean(right) > 0.7


@pytest.mark.parametrize('name', shipped.GENERATORS)
def test_the_card_has_the_command_of_each_generator(name):
    card = (Path(__file__).parents[1] / 'docs' / 'generators.md').read_text(encoding='utf-8')
    assert f'`{shipped.GENERATORS[name].command}`' in card


def test_a_sheet_of_a_shipped_generator_goes_to_the_current_folder_and_leaves_the_package_alone(
    here,
):
    before = names_in(shipped.HOME / 'mnist')
    result = tiny.gluongan('sample', 'mnist', '--seeds', '0-1', '--class', '3')
    assert result.exit_code == 0, result.output
    assert 'mnist: the generator that ships with gluongan' in result.stderr
    assert names_in(here) == ['mnist-seeds-0-1-class-3.npy', 'mnist-seeds-0-1-class-3.png']
    assert names_in(shipped.HOME / 'mnist') == before
    walk = tiny.gluongan('interpolate', 'mnist', '--seeds', '0,1', '--steps', '2')
    assert walk.exit_code == 0, walk.output
    assert 'mnist-walk-0,1-steps-2.png' in names_in(here)
    data = tiny.gluongan('sample', 'mnist', '--to', 'digits.npz', '--count', '20')
    assert data.exit_code == 0, data.output
    with np.load(here / 'digits.npz', allow_pickle=False) as arrays:
        assert max(map(len, arrays.values())) == 20


def test_a_folder_of_ones_own_with_that_name_comes_first(here):
    (here / 'mnist').mkdir()
    assert find_shipped('mnist') is None
    result = tiny.gluongan('sample', 'mnist')
    assert result.exit_code == 2
    assert 'ships' not in result.stderr
    shutil.copytree(shipped.HOME / 'fashion-mnist', here / 'mnist', dirs_exist_ok=True)
    assert tiny.gluongan('sample', 'mnist', '--seeds', '0').exit_code == 0
    assert (here / 'mnist' / 'seeds-0.png').is_file()


@pytest.mark.parametrize(
    'words',
    [
        ['play', 'mnist', '--snapshot', 'best'],
        ['sample', 'mnist', '--seeds', '0', '--snapshot', '5'],
        ['sample', 'mnist', '--to', 'x.npz', '--count', '5', '--snapshot', 'best'],
        ['sample', 'mnist', '--to', 'x.npz', '--count', '5', '--data', 'synthetic'],
        ['interpolate', 'mnist', '--seeds', '0,1', '--snapshot', 'best'],
        ['directions', 'mnist', '--snapshot', 'best'],
        ['directions', 'mnist', '--invert', '5'],
        ['directions', 'mnist', '--class', 'x'],
    ],
    ids=' '.join,
)
def test_a_refusal_names_a_generator_that_ships_as_it_was_typed(words, here):
    message = tiny.refused(*words)
    assert str(shipped.HOME) not in message and 'generators' not in message
    assert 'snapshot' not in words[-2] or 'mnist is an export' in message


def test_no_other_name_is_a_shipped_generator(here):
    for name in ('cifar', 'MNIST', 'mnist.npz', '../generators/mnist'):
        assert tiny.gluongan('sample', name).exit_code == 2, name


def test_a_changed_or_missing_file_is_refused(tmp_path, monkeypatch):
    original = shipped.HOME
    monkeypatch.setattr(shipped, 'HOME', tmp_path)
    with pytest.raises(ExportError, match='is missing or was changed; must be the file that ships'):
        find_shipped('mnist')
    shutil.copytree(original / 'mnist', tmp_path / 'mnist')
    assert find_shipped('mnist') == tmp_path / 'mnist'
    manifest = tmp_path / 'mnist' / shipped.FILE
    manifest.write_bytes(manifest.read_bytes() + b' ')
    with pytest.raises(ExportError, match='is missing or was changed; must be the file that ships'):
        find_shipped('mnist')
