"""Where commands write: different commands never into the same file, and nothing without effect."""

from __future__ import annotations

import itertools

import pytest
import tiny
from full_disk import Disk
from gluongan.cli.effects import CONDITIONS, without_effect
from gluongan.cli.outputs import safe

from gluongan import figures
from gluongan.config import Config, knobs


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


# Output options that name a file or a folder, and what the command needs besides them.
TARGETS = {
    ('sample', '--out'): [],
    ('interpolate', '--out'): [],
    ('invert', '--out'): ['--test', 1],
    ('compare', '--out'): [],
    ('evaluate', '--json'): [],
    ('evaluate', '--figure'): [],
}
OWN = ['config.json', 'run.json', 'log.csv', 'reals.png', 'training.gif', 'samples/000004.png']
OWN += ['figures/losses.png', 'snapshots/000004.snapshot', 'figures/new.png', 'batches.csv']


@pytest.mark.parametrize('command, option', TARGETS)
def test_what_a_run_made_is_not_replaced_by_an_output(run, command, option):
    before = {path: path.read_bytes() for path in run.rglob('*') if path.is_file()}
    names = OWN if option != '--out' or command in ('sample', 'interpolate') else ['.', 'samples']
    for name in names:
        message = tiny.refused(command, run, *TARGETS[command, option], option, run / name)
        fits = name.endswith('.png') or command in ('invert', 'compare') or option == '--json'
        if fits:
            assert 'which the run itself writes; must be another name' in message, message
    after = {path: path.read_bytes() for path in run.rglob('*') if path.is_file()}
    assert after == before


def test_own_names_in_a_run_folder_are_free(run):
    result = tiny.gluongan('sample', run, '--out', run / 'mine.png')
    assert result.exit_code == 0, result.stderr


def test_judge_and_benchmark_are_not_written_over_a_run(run):
    words = ['judge', 'train', '--data', 'synthetic', '--out', run / 'config.json']
    assert 'which the run itself writes' in tiny.refused(*words)
    words = ['bench', '--recipe', 'dense', '--out', run / 'figures']
    assert 'which the run itself writes' in tiny.refused(*words)


def test_comparisons_of_different_runs_are_different_folders(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])
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
    'conv_width': {'network': 'conv'},
    'conv_depth': {'network': 'conv'},
    'penalty_weight': {'penalty': 'gp'},
    'noise_until': {'instance_noise': 0.1},
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


def test_setting_that_was_not_given_is_not_mentioned():
    assert without_effect(Config(), []) == []
    assert without_effect(Config(), ['latent', 'batch', 'lr']) == []
