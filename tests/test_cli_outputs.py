"""Where commands write: different commands never into the same file, and nothing without effect."""

from __future__ import annotations

import itertools
from pathlib import Path

import click
import numpy as np
import pytest
import tiny
from full_disk import Disk
from gluongan.cli import main
from gluongan.cli.effects import CONDITIONS, beyond_the_end, without_effect
from gluongan.cli.outputs import safe

from gluongan import figures
from gluongan.config import Config, knobs
from gluongan.exports import verify


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, 'draw_all', lambda run: [])
        out = tmp_path_factory.mktemp('runs')
        return tiny.begun(out, iterations=4, snapshot_every=2, conditional=True).folder


# Names

LONG = ','.join(map(str, range(100)))
TEXTS = ['猫', '犬', '', 'a', 'A', 'a/b', 'a b', 'ab', 'é', 'e\u0301', '..', LONG, LONG + ',100']
TEXTS += ['猫' * 80, '猫' * 81, '../a', 'a\n', 'x' * 300, 'x' * 301]


def test_no_two_texts_are_the_same_part_of_a_name():
    names = [safe(text) for text in TEXTS]
    assert len({name.lower() for name in names}) == len(TEXTS)
    for text, name in zip(TEXTS, names):
        assert '/' not in name and '\n' not in name and len(name.encode()) < 100
        assert safe(text) == name
    assert safe('0-3,7') == '0-3,7' and safe('猫') == '猫'


SAMPLE = [
    [],
    ['--seeds', '0-3'],
    ['--seeds', LONG],
    ['--seeds', LONG + ',100'],
    ['--snapshot', '2'],
    ['--class', '#0'],
    ['--class', '#1'],
    ['--trunc', '0.7'],
    ['--trunc', '0.70000001'],
    ['--cols', '3'],
    ['--scale', '2'],
    ['--scale', '2', '--cols', '3'],
]


def new_files(run, *words):
    before = set(run.parent.rglob('*'))
    result = tiny.gluongan(*words)
    assert result.exit_code == 0, result.stderr
    return set(run.parent.rglob('*')) - before


def test_samples_of_different_options_are_different_files(run):
    made = [new_files(run, 'sample', run, *options) for options in SAMPLE]
    assert [len(files) for files in made] == [2] * len(SAMPLE)


def test_walks_of_different_options_are_different_files(run):
    options = [['--class', '#0'], ['--class', '#1'], ['--seeds', '0,1'], ['--steps', '2']]
    options += [['--snapshot', '2'], ['--trunc', '0.5'], []]
    made = [new_files(run, 'interpolate', run, *words) for words in options]
    assert [len(files) for files in made] == [2] * len(options)


def test_inversions_of_different_options_are_different_folders(run):
    common = ['invert', run, '--steps', 1, '--starts', 1]
    options = [
        ['--test', 1],
        ['--test', 2],
        ['--test', 1, '--seed', 1],
        ['--test', 1, '--prior', 0],
    ]
    made = [new_files(run, *common, *words) for words in options]
    assert all(files for files in made)


def test_outputs_of_different_iterations_are_different_files(run):
    for command in ('sample', 'interpolate', 'invert'):
        words = ['--test', 1, '--steps', 1, '--starts', 1] if command == 'invert' else []
        for which, iteration in (('last', 4), ('2', 2)):
            result = tiny.gluongan(command, run, '--snapshot', which, *words)
            assert result.exit_code == 0, result.stderr
            first = result.stdout.split()[-1]
            assert f'-at-{iteration}' in first, first


# Options that name an output: the words of the command, where RUN is a run; whether the output is
# a folder; and the ending that it must have.
DATA = ['--data', 'synthetic', '--image-size', 12]
TARGETS = {
    'train --out': (['train', *tiny.flags(iterations=1)], True, ''),
    'sample --out': (['sample', 'RUN'], False, '.png'),
    'sample --to': (['sample', 'RUN'], True, ''),
    'interpolate --out': (['interpolate', 'RUN'], False, '.png'),
    'evaluate --json': (['evaluate', 'RUN'], False, ''),
    'evaluate --figure': (['evaluate', 'RUN'], False, '.png'),
    'compare --out': (['compare', 'RUN', 'RUN'], True, ''),
    'report --out': (['report', 'RUN'], False, '.html'),
    'judge train --out': (['judge', 'train', *DATA], False, ''),
    'judge calibrate --out': (['judge', 'calibrate', *DATA], False, ''),
    'export --out': (['export', 'RUN'], True, ''),
    'invert --out': (['invert', 'RUN'], True, ''),
    'directions --out': (['directions', 'RUN'], True, ''),
    'play --out': (['play', 'RUN'], False, '.html'),
    'summary --graph': (['summary', 'RUN'], False, '.svg'),
    'bench --out': (['bench'], True, ''),
    'data --sheet': (['data', 'synthetic'], False, '.png'),
}
INPUTS = ['train --config', 'train --resume', 'evaluate --judge', 'evaluate --calibration']
INPUTS += ['train --init-from', 'judge calibrate --judge', 'invert --images']
INPUTS += ['invert --mask', 'directions --judge', 'play --dis']
FILES = ['config.json', 'run.json', 'log.csv', 'reals.png', 'samples/000004.png', 'figures/new.png']
FILES += ['snapshots/000004.snapshot', 'figures/x.svg', 'figures/deep/x.png', 'batches.csv']
FOLDERS = ['.', 'samples', 'figures/new', 'snapshots', 'samples/../figures']
# Names that a command gives, and which one.
OTHERS = {'seeds-0-3.png': 'sample', 'walk-x.png': 'interpolate', 'inversion-1/x.png': 'invert'}
OTHERS |= {'inversion': 'invert', 'evaluation.json': 'evaluate', 'walk': 'interpolate'}
OTHERS |= {'directions-1/x.png': 'directions', 'play-1.html': 'play'}


def option_names(command, name=''):
    """(the words that name an option, the option) of every command."""
    for each in getattr(command, 'commands', {}).values():
        yield from option_names(each, f'{name} {each.name}')
    for option in command.params:
        if isinstance(option, click.Option):
            yield f'{name} {max(option.opts, key=len)}'.strip(), option


def test_every_option_that_names_a_file_is_an_output_or_an_input():
    found = [name for name, option in option_names(main) if isinstance(option.type, click.Path)]
    assert sorted(found) == sorted([*TARGETS, *INPUTS])


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()}


@pytest.mark.parametrize('name', TARGETS)
def test_what_a_run_or_another_command_made_in_it_is_no_output(run, here, name):
    words, is_folder, ending = TARGETS[name]
    words, option = [run if word == 'RUN' else word for word in words], name.split()[-1]
    (here / 'link').symlink_to(run / 'samples')
    before = contents(run)
    names = FOLDERS if is_folder else [each for each in FILES if each.endswith(ending)]
    for target in [*(run / each for each in names), 'link' if is_folder else f'link/new{ending}']:
        message = tiny.refused(*words, option, target)
        assert message.startswith(f'{option} {target}: is ') and 'itself writes' in message
        assert '; must be another' in message
    for target, maker in OTHERS.items():
        if maker != words[0] and target.endswith(ending):
            message = tiny.refused(*words, option, run / target)
            assert f'is a name for files of `gluongan {maker}` in {run.name}; must be' in message
    assert contents(run) == before


def test_output_replaces_no_file_that_the_command_reads_and_no_other_output(here, run):
    np.savez('d.npz', images=np.zeros((9, 8, 8), 'u1'))
    Path('pictures').mkdir()
    figures.save(figures.grid(np.zeros((1, 1, 8, 8), 'u1'), 1), 'pictures/a.png')
    before = contents(here)
    also = {
        '--json d.npz: is also given as the argument': ['evaluate', 'd.npz', '--data', 'x'],
        '--json d.npz: is also given as --data': ['evaluate', 'x.npz', '--data', './d.npz'],
        '--json x.png: is also given as --figure': ['evaluate', run, '--figure', 'x.png'],
        '--out d.npz: is also given as --data': ['judge', 'train', '--data', here / 'd.npz'],
        '--out j.judge: is also given as --judge': ['judge', 'calibrate', '--judge', 'j.judge'],
        '--figure pictures/a.png: is a file in pictures': ['evaluate', 'pictures', '--data', 'x'],
        '--out pictures/a.png: is a file in pictures': ['judge', 'train', '--data', 'pictures'],
    }
    for start, words in also.items():
        option, target = start.split(':')[0].split()
        message = tiny.refused(*words, option, target)
        assert message.startswith(start) and message.endswith('; must be another name')
    assert contents(here) == before


def test_files_of_an_export_are_no_output(here, run, monkeypatch):
    monkeypatch.setattr(verify, 'same_bits', lambda *_: None)  # a new process
    assert tiny.gluongan('export', run, '--out', 'export').exit_code == 0
    for name in ('manifest.json', 'generator-symbol.json', 'generator-0000.params'):
        for words in (['judge', 'train', *DATA, '--out'], ['evaluate', run, '--json']):
            message = tiny.refused(*words, f'export/{name}')
            assert 'is a file of the export export; must be another name' in message
    for _ in range(2):
        result = tiny.gluongan('sample', 'export', '--out', 'export/mine.png', '--seeds', '0')
        assert result.exit_code == 0, result.stderr


def test_own_names_in_a_run_folder_are_free_and_commands_replace_what_they_made(run):
    for _ in range(2):
        for name in ('mine.png', 'mine/walk.png', 'seeds-mine.png'):
            result = tiny.gluongan('sample', run, '--seeds', '0', '--out', run / name)
            assert result.exit_code == 0, result.stderr


def test_inversion_overwrites_no_walk_of_another_command(here, run):
    walk = ['interpolate', run, '--steps', 1, '--class', '#0', '--out', 'mine/walk.png']
    assert tiny.gluongan(*walk).exit_code == 0
    words = ['invert', run, '--steps', 1, '--starts', 1, '--test', 2]
    message = tiny.refused(*words, '--out', 'mine')
    assert message.startswith('--out mine: would overwrite mine/walk.png, which another command')
    for _ in range(2):
        assert tiny.gluongan(*words, '--out', 'new').exit_code == 0


def test_comparisons_of_different_runs_are_different_folders(tmp_path, undrawn, unrendered):
    runs = [tiny.begun(tmp_path / 'runs', iterations=2, seed=seed).folder for seed in range(3)]
    runs.append(tiny.begun(tmp_path / 'others', iterations=2, seed=5).folder)
    for one, two in itertools.combinations(runs, 2):
        assert new_files(one, 'compare', one, two)
    assert (tmp_path / 'runs' / 'compared-00000-00001').is_dir()


def test_file_beside_the_output_that_another_command_made_is_not_overwritten(here, run):
    (here / 'x.npy').write_text('mine')
    message = tiny.refused('sample', run, '--out', 'x.png')
    assert message.startswith(
        '--out x.png: would overwrite x.npy, which another command made; must'
    )
    (here / 'y.gif').write_text('mine')
    assert 'y.gif' in tiny.refused('interpolate', run, '--out', 'y.png')
    for _ in range(2):  # what was asked for is replaced
        assert tiny.gluongan('sample', run, '--out', 'z.png').exit_code == 0


@pytest.mark.parametrize('words', [['sample'], ['interpolate', '--seeds', '0,1']])
@pytest.mark.parametrize('failing_write', [1, 2])
def test_command_that_fails_between_its_files_can_be_repeated(
    run, here, monkeypatch, words, failing_write
):
    words = [words[0], run, *words[1:], '--out', 'x.png']
    with monkeypatch.context() as patch:
        Disk(patch.setattr, 3 * failing_write)  # a file is opened, flushed and renamed
        assert tiny.gluongan(*words).exit_code == 1
    assert tiny.gluongan(*words).exit_code == 0


@pytest.mark.parametrize('command, name', [('train', '.judge'), ('calibrate', '.calibration.json')])
def test_judge_that_nobody_named_is_not_overwritten(here, command, name):
    (here / f'synthetic{name}').write_text('mine')
    message = tiny.refused('judge', command, '--data', 'synthetic')
    assert message.startswith(f'synthetic{name}: exists already')
    assert (here / f'synthetic{name}').read_text() == 'mine'


def test_out_beside_resume_is_refused(run):
    message = tiny.refused('train', '--resume', run, '--out', 'elsewhere')
    assert (
        message.startswith('--out elsewhere: has no effect with --resume') and 'must be' in message
    )


# Settings without effect


def test_setting_without_effect_is_said_in_one_line(here):
    result = tiny.gluongan(
        *['train', '--dry-run', *tiny.flags(conv_depth=2, penalty_weight=5, schedule_iterations=50)]
    )
    assert result.exit_code == 0
    lines = [line for line in result.stderr.splitlines() if line.startswith('Warning: ')]
    assert lines == [
        'Warning: --conv-depth has no effect without --network conv',
        'Warning: --penalty-weight has no effect without --penalty',
        'Warning: --schedule-iterations has no effect without --schedule linear or cosine',
    ]


WITH_EFFECT = {
    'data_dir': {'data': 'fashion-mnist'},
    'clusters': {'conditional': True},
    'conv_width': {'network': 'conv'},
    'conv_depth': {'network': 'conv'},
    'conv_extra': {'network': 'conv'},
    'dis_beside': {'network': 'conv'},
    'gen_modulated': {'network': 'conv'},
    'penalty_weight': {'penalty': 'gp'},
    'penalty_every': {'penalty': 'gp'},
    'class_weight': {'conditional': True, 'dis_projection': True},
    'noise_until': {'instance_noise': 0.1},
    'augment_probability': {'augment': ('shift',)},
    'augment_target': {'augment': ('shift',)},
    'augment_span': {'augment': ('shift',), 'augment_target': 0.0},
    'lr': {'gen_lr': 0.1},
    'decay': {'optimizer': 'rmsprop'},
    'momentum': {'optimizer': 'sgd'},
    'schedule_iterations': {'schedule': 'cosine'},
    'judge': {'judge_every': 5},
    'judge_samples': {'judge_every': 5},
}
WITHOUT_EFFECT = {
    'gen_hidden': {'network': 'conv'},
    'dis_hidden': {'network': 'conv'},
    'batchnorm_momentum': {'gen_batchnorm': False},
    'leaky_slope': {'gen_activation': 'relu', 'dis_activation': 'relu'},
    'lr': {'gen_lr': 0.1, 'dis_lr': 0.2},
    'beta1': {'optimizer': 'sgd'},
    'beta2': {'optimizer': 'rmsprop'},
    'image_size': {'data': 'ring8'},
    'channels': {'data': 'ring8'},
    'samples': {'data': 'ring8'},
}


@pytest.mark.parametrize('name', CONDITIONS)
def test_every_setting_is_said_to_have_no_effect_only_where_it_has_none(name):
    assert name in knobs()
    plain = {} if name in WITH_EFFECT and name != 'lr' else WITHOUT_EFFECT[name]
    (sentence,) = without_effect(Config(**plain), [name])
    assert sentence.startswith(f'`{name}` has no effect ')
    assert without_effect(Config(**WITH_EFFECT.get(name, {})), [name]) == []


EVERY = ('log_every', 'sample_every', 'eval_every', 'judge_every', 'snapshot_every')


def test_settings_that_a_run_ends_too_soon_for_are_said_in_one_line_each(here):
    settings = {'iterations': 300, 'sample_every': 301, 'judge_every': 1_000, 'eval_every': 300}
    result = tiny.gluongan('train', '--dry-run', '--data', 'mnist', *tiny.typed(settings))
    assert result.exit_code == 0, result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith('Warning: ')]
    assert sorted(lines) == [
        'Warning: --judge-every 1000 is beyond --iterations 300: '
        'samples are judged only at start and end',
        'Warning: --sample-every 301 is beyond --iterations 300: '
        'samples are written only at start and end, and at ends of epochs',
    ]


@pytest.mark.parametrize('name', EVERY)
def test_an_interval_is_beyond_the_end_only_where_it_is_longer_than_the_run(name):
    assert beyond_the_end(Config(iterations=40, **{name: 40}), [name]) == []
    (sentence,) = beyond_the_end(Config(iterations=40, **{name: 41}), [name])
    assert sentence.startswith(f'`{name}` 41 is beyond `iterations` 40: ')
    assert beyond_the_end(Config(iterations=40, **{name: 41}), ['iterations']) == []


def test_every_interval_of_a_run_is_among_those_that_may_be_beyond_its_end():
    intervals = {name for name in knobs() if name.endswith('_every')}
    assert intervals == {*EVERY, 'penalty_every'}


def test_what_is_beyond_the_end_happens_as_often_as_is_said(here):
    longer = dict.fromkeys(('log_every', 'sample_every', 'eval_every', 'snapshot_every'), 5)
    run = tiny.begun(here / 'runs', iterations=4, **longer).folder
    assert [row['iteration'] for row in tiny.rows(run / 'log.jsonl')] == [4]
    assert [row['iteration'] for row in tiny.rows(run / 'metrics.jsonl')] == [0, 4]
    assert [path.stem for path in (run / 'snapshots').glob('*.snapshot')] == ['000004']
    assert {int(path.stem) for path in (run / 'samples').glob('*.png')} >= {0, 4}


def test_patience_and_penalties_are_compared_with_what_the_run_has_of_them():
    config = Config(iterations=40, eval_every=10, patience=4, snapshot_every=50)
    assert beyond_the_end(config, ['patience', 'snapshot_every']) == []  # each score is saved
    (sentence,) = beyond_the_end(config.with_settings({'patience': 5}), ['patience'])
    assert sentence == (
        '`patience` 5 is beyond the 4 measurements of `best` in `iterations` 40: it stops no run'
    )
    config = Config(iterations=40, dis_steps=2, penalty='gp', penalty_every=80)
    assert beyond_the_end(config, ['penalty_every']) == []
    (sentence,) = beyond_the_end(config.with_settings({'penalty_every': 81}), ['penalty_every'])
    assert sentence.startswith('`penalty_every` 81 is beyond the 80 updates of D: ')
    assert beyond_the_end(Config(iterations=40, penalty_every=81), ['penalty_every']) == []


def test_setting_that_was_not_given_is_not_mentioned():
    assert without_effect(Config(), []) == []
    assert without_effect(Config(), ['latent', 'batch', 'lr']) == []
