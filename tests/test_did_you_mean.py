"""A name that is nearly right is answered with the right one, wherever names are refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
import pytest
import tiny
from gluongan.cli import main

import gluongan as gg
from gluongan.config import knobs
from gluongan.data import DataError, toys
from gluongan.data.decoding import rgb
from gluongan.errors import GluonganError, did_you_mean
from gluongan.evaluation import classifier
from gluongan.exports import load_sampler
from gluongan.gan.augmentation import check_augmentation
from gluongan.gan.losses import make_loss
from gluongan.recipes import RECIPES
from gluongan.trainer import as_trigger

ROOT = Path(__file__).resolve().parents[1]


def commands(group=main, path=()):
    """Every command with the words that start it."""
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


COMMANDS = dict(commands())


def choices(kind):
    """The names that an option takes, of whatever type it is; () for other types."""
    if isinstance(kind, click.Choice):
        return kind.choices
    known = getattr(getattr(kind, '_knob', None), 'choices', getattr(kind, '_allowed', ()))
    return [name for name in known if isinstance(name, str)]


def options_with_names():
    for path, command in COMMANDS.items():
        for option in command.params:
            if isinstance(option, click.Option) and choices(option.type):
                yield path, option


def misspelt(name):
    return name + name[-1]


@pytest.mark.parametrize(
    'path, option',
    [
        pytest.param(*each, id=f'{" ".join(each[0])} {each[1].name}')
        for each in options_with_names()
    ],
)
def test_every_option_that_takes_names_suggests_the_nearest(path, option):
    names = choices(option.type)
    for name in {names[0], names[-1]}:
        message = tiny.refused(*path, option.opts[0], misspelt(name))
        assert message.startswith(f'{option.opts[0]} {misspelt(name)}: must be ')
        assert message.endswith(f' (did you mean {name}?)')


def test_the_options_above_are_the_known_ones():
    found = {option.name for _, option in options_with_names()}
    named = {
        name for name, knob in knobs().items() if any(isinstance(x, str) for x in knob.choices)
    }
    assert found >= named - {'recipe'} | {'network', 'format', 'net', 'devices', 'modes'}


@pytest.mark.parametrize('path', COMMANDS, ids=' '.join)
def test_every_command_is_suggested_and_so_are_its_options(path):
    typed = (*path[:-1], misspelt(path[-1]))
    assert tiny.refused(*typed).endswith(f' (did you mean {path[-1]}?)')
    if isinstance(COMMANDS[path], click.Group):
        return
    options = [each for each in COMMANDS[path].params if isinstance(each, click.Option)]
    for name in {max(each.opts, key=len) for each in (*options[:1], *options[-1:])}:
        assert tiny.refused(*path, misspelt(name)).endswith(f' (did you mean {name}?)')


@pytest.mark.parametrize(
    'words, meant',
    [
        (['train', '--recipe', 'dens'], 'dense'),
        (['train', '--recipe', 'WGAN-GP'], 'wgan_gp'),
        (['train', '--loss', 'minmax'], 'minimax'),
        (['train', '--data', 'mnits'], 'mnist'),
        (['train', '--augment', 'mirror,shfit'], 'shift'),
        (['train', '--data', 'ring8', '--best', 'modes/caugth'], 'modes/caught'),
        (['train', '--gen_hidden', '8'], '--gen-hidden'),
        (['bench', '--recipe', 'dense,dcgn'], 'dcgan'),
        (['recipes', 'wgam'], 'wgan'),
        (['summary', 'dens'], 'dense'),
        (['judge', 'trian'], 'train'),
    ],
)
def test_the_command_line_suggests_what_was_meant(words, meant):
    assert tiny.refused(*words).endswith(f'(did you mean {meant}?)')


@pytest.fixture
def things(tmp_path, monkeypatch):
    """Runs, an export and a judge's file, each of which is only its name."""
    monkeypatch.chdir(tmp_path)
    for name in ('00000-dense-mnist', '00001-mixture-ring8', '00002-mixture-grid25'):
        (tmp_path / 'runs' / name / 'snapshots').mkdir(parents=True)
        (tmp_path / 'runs' / name / 'config.json').write_text('{}')
        (tmp_path / 'runs' / name / 'run.json').write_text('{}')
    (tmp_path / 'generator').mkdir()
    (tmp_path / 'generator' / 'manifest.json').write_text('{}')
    (tmp_path / 'my.judge').touch()
    (tmp_path / 'runs' / 'model').mkdir()  # of something else


RUN_COMMANDS = {
    'watch': ['watch', 'X'],
    'report': ['report', 'X'],
    'plot': ['plot', 'X'],
    'export': ['export', 'X', '--out', 'new'],
    'resume': ['train', '--resume', 'X'],
    'compare': ['compare', 'X', 'runs/00000-dense-mnist'],
    'invert': ['invert', 'X'],
    'density': ['density', 'X'],
    'directions': ['directions', 'X'],
    'sample': ['sample', 'X', '--seeds', '0'],
    'interpolate': ['interpolate', 'X', '--seeds', '0,1'],
    'play': ['play', 'X'],
    'evaluate': ['evaluate', 'X'],
    'summary': ['summary', 'X'],
    'init-from': ['train', '--data', 'synthetic', '--init-from', 'X'],
}


@pytest.mark.parametrize('words', RUN_COMMANDS.values(), ids=RUN_COMMANDS)
def test_every_command_that_takes_a_run_suggests_the_nearest(words, things):
    for typed, meant in MISTYPED_RUNS.items():
        message = tiny.refused(*(typed if word == 'X' else word for word in words))
        assert message.endswith(f' (did you mean {meant}?)'), message
    message = tiny.refused(*('vae/x' if word == 'X' else word for word in words))
    assert 'does not exist; must be' in message or words[0] == 'summary'
    assert 'did you mean' not in message


MISTYPED_RUNS = {
    'runs/0000-dense-mnist': 'runs/00000-dense-mnist',
    'runs/00000-dens-mnist': 'runs/00000-dense-mnist',
    'runs/00000': 'runs/00000-dense-mnist',  # the whole beginning, of one run alone
    'runs/00000-dense-mnist/015000.snapshot': 'runs/00000-dense-mnist',
    '00002-mixture-grid25': 'runs/00002-mixture-grid25',  # without its folder
    'rusn/00002-mixture-grid25': 'runs/00002-mixture-grid25',
}


@pytest.mark.parametrize(
    'words, meant',
    [
        (['play', 'mnits'], 'mnist'),
        (['sample', 'fashion_mnist', '--seeds', '0'], 'fashion-mnist'),
        (['interpolate', 'mnits', '--seeds', '0,1'], 'mnist'),
        (['directions', 'mnits'], 'mnist'),
        (['play', 'generatr'], 'generator'),
        (['play', 'mnist', '--dis', 'generatr'], 'generator'),
        (['summary', 'generatr'], 'generator'),
        (['evaluate', 'generatr'], 'generator'),
    ],
)
def test_generators_are_suggested_where_they_are_taken(words, meant, things):
    assert tiny.gluongan(*words).stderr.endswith(f'(did you mean {meant}?)\n')


def test_a_refusal_says_that_generators_ship_where_they_are_taken(things):
    allowed = 'must be a run folder or an export, or one of mnist, fashion-mnist'
    assert tiny.refused('play', 'vae') == f'vae: does not exist; {allowed}'
    assert 'fashion' not in tiny.refused('watch', 'vae')
    with pytest.raises(GluonganError, match=r'^vae: does not exist; must be a run folder or an e'):
        load_sampler('vae')


def test_a_judge_that_is_not_there_is_suggested_or_said_to_ship(things):
    with pytest.raises(GluonganError, match=r'does not exist.*\(did you mean my.judge\?\)$'):
        classifier.read_given(Path('my.judg'))
    for name in ('fashon-mnist', 'fashion-mnist'):
        with pytest.raises(GluonganError, match='that of fashion-mnist ships with gluongan'):
            classifier.read_given(Path(name))


def test_a_settings_file_with_a_misspelt_setting_is_told_the_right_one(tmp_path):
    (tmp_path / 'f.json').write_text(json.dumps({'bach': 64}))
    message = tiny.refused('train', '--config', tmp_path / 'f.json')
    assert message.endswith(
        "'bach' is not a setting; see `gluongan train --help` for all of them (did you mean batch?)"
    )


LIBRARY = {
    'minimax': lambda: make_loss('minmax'),
    'dense': lambda: gg.recipe('dens'),
    'hinge': lambda: gg.Config(loss='hing'),
    'cutout': lambda: gg.Config(augment=('shift', 'cutuot')),
    'shift': lambda: check_augmentation(['shfit'], (1, 8, 8)),
    'batch': lambda: gg.Config().with_settings({'bach': 3}),
    'fashion-mnist': lambda: gg.data.load('fashion_mnst'),
    'test': lambda: gg.data.load('synthetic', split='tset'),
    'stretch': lambda: gg.data.load('synthetic', fit='strech'),
    'grid25': lambda: toys.modes('grid52'),
    'white': lambda: rgb('whit'),
    'relu': lambda: gg.Activation('rleu'),
    'glorot': lambda: gg.dense_generator([5, 8, 16], init='glorto'),
    'softmax': lambda: gg.dense_discriminator([16, 8, 2], head='sofmax'),
    'adam': lambda: gg.Optimizer(gg.dense_generator([5, 8, 16], init='glorot'), 'Adm'),
    'truncated': lambda: gg.Noise(5, 'truncatd'),
    'dragan': lambda: gg.GradientPenalty(None, None, 'dragn'),
    'auto': lambda: gg.runtime.device('atuo'),
    'epoch': lambda: as_trigger((1, 'epochs')),
    'onnx': lambda: gg.export(gg.dense_generator([5, 8, 16], init='glorot'), 'x', format='onx'),
    'mnist': lambda: gg.judge.load_shipped('mnits'),
}


@pytest.mark.parametrize('meant', LIBRARY)
def test_the_library_suggests_what_was_meant(meant):
    with pytest.raises(GluonganError) as caught:
        LIBRARY[meant]()
    assert str(caught.value).endswith(f' (did you mean {meant}?)')


def test_a_class_and_a_snapshot_are_suggested(tmp_path):
    from gluongan.runs.folder import RunError
    from gluongan.runs.snapshots import find_snapshot, snapshot_path

    snapshot_path(tmp_path, 5).parent.mkdir()
    snapshot_path(tmp_path, 5).touch()
    with pytest.raises(RunError, match=r'snapshot bset: .*\(did you mean best\?\)$'):
        find_snapshot(tmp_path, 'bset')


@pytest.mark.parametrize('given', ['vae', '', 'x' * 5000, None, 3, ('vae',), [3], object()])
def test_nothing_is_suggested_where_nothing_is_alike(given):
    assert did_you_mean(given, RECIPES) == ''


def test_a_name_that_is_right_suggests_none():
    assert did_you_mean('dense', RECIPES) == did_you_mean(('dense', 'wgan'), RECIPES) == ''
    with pytest.raises(DataError) as caught:  # the name of a file that is there
        gg.data.load(__file__)
    assert 'did you mean' not in str(caught.value)


def test_every_refusal_that_lists_names_suggests_one():
    """It has `names=`, or asks did_you_mean itself, near the words `must be ... join(NAMES)`."""
    without = set()
    for path in [*(ROOT / 'gluongan').rglob('*.py'), *(ROOT / 'cli').rglob('*.py')]:
        text = path.read_text(encoding='utf-8')
        for match in re.finditer(r'must be [^\n]*\{"[^"]+"\.join\(([A-Z_]+|names|choices)\)', text):
            after = text[match.start() : match.end() + 400].partition('\n\n')[0]
            before = text[match.start() - 120 : match.start()]
            if not re.search(r'names=|did_you_mean\(', before + after):
                without.add(f'{path.relative_to(ROOT).as_posix()}: {match[1]}')
    assert without == NOT_NAMES_THAT_WERE_GIVEN


NOT_NAMES_THAT_WERE_GIVEN = {
    'gluongan/config/__init__.py: ADAPTIVE',  # a known loss, which another setting excludes
    'gluongan/data/decoding.py: FORMATS',  # of a file
    'gluongan/data/listing.py: EXTENSIONS',  # of files
    'gluongan/data/sources.py: NAMES',  # of another type
    'gluongan/exports/manifest.py: MAX_BYTES',  # endings of files
    'gluongan/evaluation/classifier/training.py: WITHOUT_LABELS',  # a known network
    'gluongan/gan/arguments.py: LOSSES',  # of another type
    'gluongan/gan/losses.py: SMOOTHABLE',  # a known loss
}
