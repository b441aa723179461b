"""The command line: its help, which setting wins, and what a run leaves behind."""

from __future__ import annotations

import errno
import json
import os
import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import tiny
from gluongan.cli.faults import flag, with_flags
from PIL import Image

from gluongan import figures, snapshot
from gluongan.config import Config, defaults, knobs
from gluongan.errors import as_typed
from gluongan.recipes import RECIPES, recipe
from gluongan.runs import snapshots
from gluongan.runs.folder import read_config


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Every command runs in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)


# Help


@pytest.mark.parametrize(
    'command, options',
    [
        ('train', ['--recipe', '--config', '--resume', '--out', '--seeds', '--dry-run']),
        ('plot', ['RUN']),
        ('doctor', []),
        ('sample', ['--seeds', '--snapshot', '--out', '--cols', '--scale', '--device']),
        ('summary', ['RECIPE|RUN']),
        ('recipes', ['NAME', '--json']),
        ('evaluate', ['--judge', '--calibration', '--samples', '--json', '--figure']),
        ('compare', ['RUN RUN ...', '--out']),
        ('judge', ['train', 'calibrate', 'list']),
    ],
)
def test_help_names_every_option(command, options):
    result = tiny.gluongan(command, '--help')
    assert result.exit_code == 0
    assert all(option in result.stdout for option in options)
    assert command in tiny.gluongan('--help').stdout
    assert tiny.gluongan(command, '-h').stdout == result.stdout


def help_of(name, text):
    """The entry of one knob in the help of `train`, and what follows it."""
    # What follows the flag distinguishes its entry from a mention of it in another one.
    after = (
        ' ?/ ?--no-'
        if knobs()[name].kind == 'bool'
        else r' ([A-Z]+|\[\S+\]|N,N,\.\.\.|NAME,\.\.\.) '
    )
    entry = text[re.search(f' {flag(name)}{after}', text).start() :]
    return entry[: re.search('[Dd]efault: ', entry).end() + 80]


def test_help_of_train_has_every_knob_with_its_default_and_range():
    text = re.sub(r'\s+', ' ', tiny.gluongan('train', '--help').stdout)
    for name, knob in knobs().items():
        if name == 'recipe':
            continue
        entry = help_of(name, text)
        _, explained, default = with_flags(knob.help).partition('Default: ')
        if not explained:
            default = as_typed(defaults()[name])
        assert re.search(rf'[Dd]efault: {re.escape(default)}', entry), entry
        assert all(str(choice) in entry for choice in knob.choices), entry
        assert knob.unit in entry


@pytest.mark.parametrize(
    'words', [['--help'], ['train', '--help'], ['recipes'], ['--version']], ids=str
)
def test_help_needs_neither_mxnet_nor_numpy(python, words):
    code = (
        'import sys; from gluongan.cli import main; main(%r, standalone_mode=False); '
        'print([m for m in ("mxnet", "numpy", "matplotlib") if m in sys.modules])'
    )
    assert python(code % words).splitlines()[-1] == '[]'


# Which setting wins


@pytest.mark.parametrize(
    'words, expected',
    [
        ([], defaults()['lr']),
        (['--recipe', 'vanilla'], 1e-3),
        (['--config', 'f.json'], 0.25),
        (['--lr', '0.5'], 0.5),
        (['--recipe', 'vanilla', '--config', 'f.json'], 0.25),
        (['--recipe', 'vanilla', '--lr', '0.5'], 0.5),
        (['--config', 'f.json', '--lr', '0.5'], 0.5),
        (['--lr', '0.5', '--config', 'f.json', '--recipe', 'vanilla'], 0.5),
        (['--config', 'r.json'], 1e-3),
        (['--config', 'r.json', '--recipe', 'binarized', '--lr', '0.5'], 0.5),
    ],
)
def test_flag_wins_over_file_over_recipe_over_default(words, expected):
    Path('f.json').write_text('{"lr": 0.25}')
    Path('r.json').write_text('{"recipe": "vanilla"}')
    result = tiny.gluongan('train', '--dry-run', *words, '--data', 'synthetic', '--batch', 20)
    assert result.exit_code == 0 and json.loads(result.stdout)['lr'] == expected


@pytest.mark.parametrize(
    'content, words, said, name',
    [
        (
            Config().to_dict(),
            ['dcgan'],
            'dcgan: recipe dense, network dense, ',
            '00000-dense-mnist',
        ),
        ({'lr': 0.25}, ['vanilla'], 'vanilla: lr 0.25', '00000-vanilla-mnist'),
        ({'lr': 0.25}, ['vanilla', '--lr', '0.5'], 'vanilla: lr 0.25', '00000-vanilla-mnist'),
        (recipe('wgan').to_dict(), ['wgan'], None, '00000-wgan-mnist'),
        ({'dis_batchnorm': True}, ['dcgan'], None, '00000-dcgan-mnist'),
    ],
)
def test_what_a_file_overrides_of_the_recipe_is_said_in_one_line(content, words, said, name):
    Path('f.json').write_text(json.dumps(content))
    result = tiny.gluongan('train', '--dry-run', '--config', 'f.json', '--recipe', *words)
    assert result.exit_code == 0
    *lines, plan = result.stderr.splitlines()
    warnings = [line for line in lines if line.startswith('Warning: ')]
    assert plan.endswith(name)
    if said is None:
        assert warnings == []
    else:
        (line,) = warnings
        assert line.startswith(f'Warning: --config f.json overrides --recipe {said}')


def test_a_recipe_in_a_file_overrides_the_recipe_that_was_asked_for():
    Path('f.json').write_text('{"recipe": "wgan"}')
    result = tiny.gluongan('train', '--dry-run', '--config', 'f.json', '--recipe', 'dcgan')
    assert Config().with_settings(json.loads(result.stdout)) == recipe('wgan')


def test_dry_run_prints_what_a_run_then_stores_and_leaves_nothing(undrawn):
    settings = {'dis_dropout': 0.1, 'clip': 0.5, 'gen_batchnorm': False, 'gen_hidden': ()}
    words = ['train', *tiny.flags(**settings), '--out', 'runs']
    with tiny.no_new_files():
        dry = tiny.gluongan(*words, '--dry-run')
    assert dry.exit_code == 0 and '00000-dense-synthetic' in dry.stderr
    assert tiny.gluongan(*words).exit_code == 0
    stored = Path('runs/00000-dense-synthetic/config.json').read_text()
    assert json.loads(dry.stdout) == json.loads(stored)
    assert '00001-dense-synthetic' in tiny.gluongan(*words, '-n').stderr


@pytest.mark.parametrize('name', RECIPES)
def test_recipe_as_json_makes_the_same_settings(name):
    Path('f.json').write_text(tiny.gluongan('recipes', name, '--json').stdout)
    dry = tiny.gluongan('train', '--config', 'f.json', '--dry-run')
    assert dry.exit_code == 0 and Config().with_settings(json.loads(dry.stdout)) == recipe(name)


def test_recipes_are_listed():
    heading, *rows = tiny.gluongan('recipes').stdout.splitlines()
    assert heading.startswith('recipe ') and heading.endswith(' iterations')
    assert [row.split()[0] for row in rows] == list(RECIPES)


@pytest.mark.parametrize('name', RECIPES)
def test_recipe_is_described_with_its_source_deviations_and_settings(name):
    text = tiny.gluongan('recipes', name).stdout
    for part in (name, 'Source:', 'Deviations:', '--lr', '--gen-hidden', '--keep'):
        assert part in text


def test_unknown_recipe_is_refused_with_the_known_ones():
    message = tiny.refused('recipes', 'nothing')
    assert all(name in message for name in ('nothing', *RECIPES))


# A whole run


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """A finished run with all its figures, and what the command printed."""
    out = tmp_path_factory.mktemp('finished') / 'runs'
    settings = tiny.flags(iterations=40, snapshot_every=20, log_every=10, samples=36)
    result = tiny.gluongan('train', *settings, '--out', out)
    assert result.exit_code == 0, result.stderr
    return out / '00000-dense-synthetic', result


FILES = [
    'config.json',
    'environment.json',
    'run.json',
    'log.jsonl',
    'log.csv',
    'batches.csv',
    'metrics.jsonl',
    'accuracy.csv',
    'reals.png',
    'training.gif',
    'samples/000000.png',
    'samples/000040.png',
    'snapshots/scores.json',
    'snapshots/000020.snapshot',
    'snapshots/000040.snapshot',
]


def test_run_folder_explains_itself(run):
    folder, _ = run
    drawn = set(figures.FIGURES) - {'training', 'modes', 'augmentation'}  # no .png, other runs
    for name in [*FILES, *(f'figures/{name}.png' for name in drawn)]:
        assert (folder / name).stat().st_size > 0, name
    assert not [path for path in folder.rglob('*') if path.name.startswith('.')]
    facts = json.loads((folder / 'environment.json').read_text())
    assert {'mxnet', 'numpy', 'python', 'processor', 'threads', 'command'} <= set(facts)
    with Image.open(folder / 'training.gif') as animation:
        assert animation.n_frames >= 3


def test_last_five_lines_name_what_the_run_made_and_what_to_type_next(run):
    folder, result = run
    lines = result.stdout.splitlines()
    assert len(lines) == 5 and all(str(folder) in line for line in lines)
    paths = [word for word in result.stdout.split() if word.startswith(str(folder))]
    assert all(Path(path).exists() for path in paths)
    assert lines[1].endswith('report.html')
    assert 'gluongan sample' in lines[2]
    assert 'gluongan evaluate' in lines[3]
    assert 'gluongan train --resume' in lines[4]


def content(path):
    with Image.open(path) as picture:
        return picture.size, np.asarray(picture).tobytes()


def test_plot_redraws_the_same_figures_without_mxnet(run, python):
    folder, _ = run
    drawn = [*(folder / 'figures').iterdir(), folder / 'training.gif']
    before = {path: content(path) for path in drawn}
    for path in drawn:
        path.unlink()
    code = (
        'import sys; from gluongan.cli import main; main(["plot", %r], standalone_mode=False); '
        'print("mxnet" in sys.modules)'
    )
    *paths, imported = python(code % str(folder)).splitlines()
    assert imported == 'False' and {Path(path) for path in paths} == set(drawn)
    assert {path: content(path) for path in drawn} == before


def test_doctor_finds_no_problems():
    result = tiny.gluongan('doctor')
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == 'no problems found'
    assert not re.search('^problem ', result.stdout, re.MULTILINE)
    lines = dict(line.split(maxsplit=1) for line in result.stdout.splitlines() if line[:1] != ' ')
    for name in ('processor', 'threads', 'operators', 'features', 'bfloat16', 'devices'):
        assert lines[name].strip()
    assert '1.9.1' in lines['mxnet'] and 'numpy' in result.stdout and 'bundled' in result.stdout


def test_doctor_says_how_to_fix_each_problem_and_fails(monkeypatch):
    module = import_module('gluongan.cli.doctor')
    monkeypatch.setattr(module, 'PACKAGES', ('numpy', 'no-such-package'))
    result = tiny.gluongan('doctor')
    assert result.exit_code == 1
    assert 'problem       no-such-package is not installed: pip install' in result.stdout
    assert re.search('^no-such-package +missing$', result.stdout, re.MULTILINE)
    assert result.stdout.splitlines()[-1] == 'problems found: 1'


def test_summary_prints_the_parameter_counts_of_the_write_up(run):
    text = tiny.gluongan('summary', 'dense').stdout
    assert '1,493,520' in text and '533,505' in text


def test_summary_of_a_run_counts_its_own_parameters(run):
    folder, _ = run
    result = tiny.gluongan('summary', folder)
    assert result.exit_code == 0
    # 5-16-64 with BatchNorm, and 64-16-1.
    assert '1,248' in result.stdout and '1,057' in result.stdout
    assert 'dense' in tiny.refused('summary', 'nothing')


@pytest.mark.parametrize('command', ['plot', 'sample', 'summary'])
def test_folder_that_is_no_run_is_refused(command):
    Path('empty').mkdir()
    assert 'empty' in tiny.refused(command, 'empty')
    assert 'missing' in tiny.refused(command, 'missing')


# Failure in the middle


def test_run_that_diverges_says_where_and_keeps_only_good_snapshots(undrawn):
    settings = tiny.flags(
        loss='wasserstein',
        optimizer='sgd',
        lr=10.0,
        gen_batchnorm=False,
        iterations=500,
        keep=99,
        snapshot_every=5,
        eval_every=5,
        sample_every=5,
    )
    result = tiny.gluongan('train', *settings, '--out', 'runs')
    last_line = result.stderr.splitlines()[-1]
    assert result.exit_code == 1 and not result.stdout
    assert re.search(r'loss is .*(nan|inf) at iteration \d+', last_line), result.stderr
    folder = Path('runs/00000-dense-synthetic')
    paths = [path for _, path in snapshots.list_snapshots(folder)]
    assert str(paths[-1]) in last_line and 'damaged' not in result.stderr
    for path in paths:
        arrays, _ = snapshot.read(path)
        assert all(np.isfinite(array).all() for array in arrays.values())
    for name in ('metrics.jsonl', 'log.jsonl', 'snapshots/scores.json'):
        assert not re.search('NaN|Infinity', (folder / name).read_text()), name


def test_full_disk_ends_the_run_with_one_line_and_earlier_snapshots_stay(undrawn, monkeypatch):
    replace = os.replace

    def replace_until_full(source, target):
        if str(target).endswith('000020.snapshot'):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
        replace(source, target)

    words = ['train', *tiny.flags(iterations=40, snapshot_every=10), '--out', 'runs']
    with monkeypatch.context() as disk:
        disk.setattr(os, 'replace', replace_until_full)
        result = tiny.gluongan(*words)
    last_line = result.stderr.splitlines()[-1]
    assert result.exit_code == 1 and last_line.startswith('Error: ')
    assert 'No space left' in last_line and 'snapshot' in last_line
    folder = Path('runs/00000-dense-synthetic')
    assert [iteration for iteration, _ in snapshots.list_snapshots(folder)] == [10]
    _, (_, meta) = snapshots.read_newest(folder)
    assert meta['iteration'] == 10
    assert not list(folder.rglob('*.tmp'))
    assert len(tiny.rows(folder / 'batches.csv')) == 20


# Other data


def test_points_of_the_plane_run_end_to_end(undrawn, no_accuracy):
    folder = Path('runs/00000-dense-ring8')
    assert tiny.gluongan('train', *tiny.flags(data='ring8', image_size=None)).exit_code == 0
    assert np.load(folder / 'samples' / '000020.npy').shape == (2500, 2)
    assert np.load(folder / 'reals.npy').shape == (2500, 2)
    result = tiny.gluongan('sample', folder, '--seeds', '0-4')
    picture, array = map(Path, result.stdout.split())
    assert np.load(array).shape == (5, 2) and picture.stat().st_size > 1000
    assert read_config(folder).gen_output is None


def check_trained(shape, **settings):
    """Train on some data and sample from it: the shape of a sample must be that of the data."""
    folder = tiny.trained(Path('runs'), **settings)
    assert json.loads((folder / 'run.json').read_text())['shape'] == list(shape)
    result = tiny.gluongan('sample', folder, '--seeds', '0-4')
    assert np.load(result.stdout.splitlines()[-1]).shape == (5, *shape)


def test_arrays_run_end_to_end(undrawn):
    images = np.random.RandomState(0).randint(0, 256, (40, 12, 12), dtype=np.uint8)
    np.savez('my set.npz', x=images)
    check_trained((1, 12, 12), data='my set.npz', image_size=None)


def test_colour_images_run_end_to_end(undrawn):
    draw = np.random.RandomState(0)
    for i in range(40):
        path = Path('pictures', 'ab'[i % 2], f'{i}.png')
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.randint(0, 256, (20, 16, 3), dtype=np.uint8)).save(path)
    check_trained((3, 8, 8), data='pictures', channels=3)
