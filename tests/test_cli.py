"""The command line: what it refuses, in which order settings win, and what a run leaves behind."""

from __future__ import annotations

import errno
import json
import os
import re

import numpy as np
import pytest
import tiny
from gluongan.cli.faults import flag
from PIL import Image

from gluongan import figures
from gluongan.config import Config, defaults, knobs
from gluongan.errors import as_typed
from gluongan.recipes import RECIPES, recipe
from gluongan.runs import folder as runs
from gluongan.runs.folder import read_config


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Every command runs in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def undrawn(monkeypatch):
    """Runs draw nothing, which takes a second."""
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])


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
    assert result.exit_code == 0 and all(option in result.stdout for option in options)
    assert (
        command in tiny.gluongan('--help').stdout
        and tiny.gluongan(command, '-h').stdout == result.stdout
    )


def test_help_of_train_has_every_knob_with_its_default_and_range():
    text = re.sub(r'\s+', ' ', tiny.gluongan('train', '--help').stdout)
    for name, knob in knobs().items():
        if name != 'recipe':
            after = (
                r' ?/ ?--no-' if knob.kind == 'bool' else r' ([A-Z]+|\[\S+\]|N,N,\.\.\.) '
            )  # not another mention
            own = text[re.search(f' {flag(name)}{after}', text).start() :]
            own = own[: own.index('default: ') + 80]
            default = defaults()[name]
            assert f'default: {"none" if default is None else as_typed(default)}]' in own, own
            assert not knob.choices or all(str(choice) in own for choice in knob.choices), own
            assert knob.unit in own


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
    tiny.Path('f.json').write_text('{"lr": 0.25}')
    tiny.Path('r.json').write_text('{"recipe": "vanilla"}')
    result = tiny.gluongan('train', '--dry-run', *words, '--data', 'synthetic', '--batch', 20)
    assert result.exit_code == 0 and json.loads(result.stdout)['lr'] == expected


def test_dry_run_prints_what_a_run_then_stores_and_leaves_nothing(undrawn):
    words = [
        'train',
        *tiny.flags(dis_dropout=0.1, clip=0.5, gen_batchnorm=False, gen_hidden=()),
        '--out',
        'runs',
    ]
    with tiny.no_new_files():
        dry = tiny.gluongan(*words, '--dry-run')
    assert dry.exit_code == 0 and '00000-dense-synthetic' in dry.stderr
    assert tiny.gluongan(*words).exit_code == 0
    assert json.loads(dry.stdout) == json.loads(
        tiny.Path('runs/00000-dense-synthetic/config.json').read_text()
    )
    assert '00001-dense-synthetic' in tiny.gluongan(*words, '-n').stderr


@pytest.mark.parametrize('name', RECIPES)
def test_recipe_as_json_makes_the_same_settings(name):
    tiny.Path('f.json').write_text(tiny.gluongan('recipes', name, '--json').stdout)
    dry = tiny.gluongan('train', '--config', 'f.json', '--dry-run')
    assert dry.exit_code == 0 and Config().with_settings(json.loads(dry.stdout)) == recipe(name)


def test_recipes_are_listed_and_told_in_full():
    table = tiny.gluongan('recipes').stdout
    for name in RECIPES:
        whole = tiny.gluongan('recipes', name).stdout
        words = ('Source:', 'Deviations:', '--lr', '--gen-hidden', '--keep')
        assert name in table and all(word in whole for word in words), name
    assert all(name in tiny.refused('recipes', 'nothing') for name in ('nothing', *RECIPES))


# A whole run


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """A finished run with all its figures, and what the command printed."""
    out = tmp_path_factory.mktemp('whole') / 'runs'
    result = tiny.gluongan(
        'train',
        *tiny.flags(iterations=40, snapshot_every=20, log_every=10, samples=36),
        '--out',
        out,
    )
    assert result.exit_code == 0, result.stderr
    return out / '00000-dense-synthetic', result


def test_run_folder_explains_itself(run):
    folder, _ = run
    for name in (
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
        *(f'figures/{name}.png' for name in figures.FIGURES if name not in ('training', 'modes')),
    ):
        assert (folder / name).stat().st_size > 0, name
    assert not [path for path in folder.rglob('*') if path.name.startswith('.')]
    facts = json.loads((folder / 'environment.json').read_text())
    assert {'mxnet', 'numpy', 'python', 'processor', 'threads', 'command'} <= set(facts)
    with Image.open(folder / 'training.gif') as clip:
        assert clip.n_frames >= 3


def test_last_four_lines_name_what_is_there_and_what_to_type(run):
    folder, result = run
    lines = result.stdout.splitlines()
    assert len(lines) == 4 and all(str(folder) in line for line in lines)
    assert all(
        tiny.Path(word).exists()
        for line in lines
        for word in line.split()
        if word.startswith(str(folder))
    )
    assert (
        'gluongan sample' in lines[1]
        and 'gluongan evaluate' in lines[2]
        and 'gluongan train --resume' in lines[3]
    )


def content(path):
    with Image.open(path) as picture:
        return picture.size, np.asarray(picture).tobytes()


def test_plot_draws_the_same_figures_again_without_mxnet(run, python):
    folder, _ = run
    drawn = [*(folder / 'figures').iterdir(), folder / 'training.gif']
    before = {path: content(path) for path in drawn}
    for path in drawn:
        path.unlink()
    code = (
        'import sys; from gluongan.cli import main; main(["plot", %r], standalone_mode=False); '
        'print("mxnet" in sys.modules)'
    )
    lines = python(code % str(folder)).splitlines()
    assert lines.pop() == 'False' and {tiny.Path(line) for line in lines} == set(drawn)
    assert {path: content(path) for path in drawn} == before


def test_doctor_finds_all_well():
    result = tiny.gluongan('doctor')
    assert result.exit_code == 0 and 'all is well' in result.stdout and 'wrong' not in result.stdout
    assert all(
        word in result.stdout
        for word in ('mxnet', '1.9.1', 'threads', 'devices', 'bundled', 'numpy')
    )


def test_summary_prints_the_write_ups_totals(run):
    text = tiny.gluongan('summary', 'dense').stdout
    assert '1,493,520' in text and '533,505' in text
    own = tiny.gluongan('summary', run[0])
    assert (
        own.exit_code == 0 and '1,248' in own.stdout and '1,057' in own.stdout
    )  # 5-16-64 with BatchNorm, 64-16-1
    assert 'dense' in tiny.refused('summary', 'nothing')


@pytest.mark.parametrize('command', ['plot', 'sample', 'summary'])
def test_folder_that_is_no_run_is_refused(command):
    tiny.Path('empty').mkdir()
    assert 'empty' in tiny.refused(command, 'empty')
    assert 'missing' in tiny.refused(command, 'missing')


# Failure in the middle


def test_run_that_diverges_says_where_and_keeps_only_good_snapshots(undrawn):
    wild = {
        'loss': 'wasserstein',
        'optimizer': 'sgd',
        'lr': 10.0,
        'gen_batchnorm': False,
        'iterations': 500,
        'keep': 99,
    }
    result = tiny.gluongan(
        'train',
        *tiny.flags(**wild, snapshot_every=5, eval_every=5, sample_every=5),
        '--out',
        'runs',
    )
    last = result.stderr.splitlines()[-1]
    assert result.exit_code == 1 and re.search(r'loss is .*(nan|inf) at iteration \d+', last), (
        result.stderr
    )
    from gluongan import snapshot
    from gluongan.runs import snapshots

    kept = snapshots.list_snapshots(tiny.Path('runs/00000-dense-synthetic'))
    assert (
        kept and str(kept[-1][1]) in last and 'damaged' not in result.stderr and not result.stdout
    )
    for _, path in kept:
        assert all(np.isfinite(array).all() for array in snapshot.read(path)[0].values())
    for name in ('metrics.jsonl', 'log.jsonl', 'snapshots/scores.json'):
        assert not re.search(
            'NaN|Infinity', tiny.Path('runs/00000-dense-synthetic', name).read_text()
        ), name


def test_full_disk_ends_the_run_with_one_line_and_earlier_snapshots_stay(undrawn, monkeypatch):
    replace = os.replace

    def full(source, target):
        if str(target).endswith('000020.snapshot'):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
        replace(source, target)

    with monkeypatch.context() as disk:
        disk.setattr(runs.os, 'replace', full)
        result = tiny.gluongan(
            'train', *tiny.flags(iterations=40, snapshot_every=10), '--out', 'runs'
        )
    last, folder = result.stderr.splitlines()[-1], tiny.Path('runs/00000-dense-synthetic')
    assert (
        result.exit_code == 1
        and last.startswith('Error: ')
        and 'No space left' in last
        and 'snapshot' in last
    )
    from gluongan.runs import snapshots

    assert [i for i, _ in snapshots.list_snapshots(folder)] == [10] and snapshots.read_newest(
        folder
    )[1][1]['iteration'] == 10
    assert not list(folder.rglob('*.tmp')) and len(tiny.rows(folder / 'batches.csv')) == 20


# Other data


def test_points_of_the_plane_run_end_to_end(undrawn):
    settings = tiny.flags(data='ring8', image_size=None)
    folder = tiny.Path('runs/00000-dense-ring8')
    assert tiny.gluongan('train', *settings).exit_code == 0
    assert (
        np.load(folder / 'samples' / '000020.npy').shape
        == (2500, 2)
        == np.load(folder / 'reals.npy').shape
    )
    result = tiny.gluongan('sample', folder, '--seeds', '0-4')
    picture, array = map(tiny.Path, result.stdout.split())
    assert np.load(array).shape == (5, 2) and picture.stat().st_size > 1000
    assert read_config(folder).gen_output is None


def test_arrays_and_colour_pictures_run_end_to_end(undrawn):
    draw = np.random.RandomState(0)
    np.savez('my set.npz', x=draw.randint(0, 256, (40, 12, 12), dtype=np.uint8))
    for i in range(40):
        path = tiny.Path('pictures', 'ab'[i % 2], f'{i}.png')
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.randint(0, 256, (20, 16, 3), dtype=np.uint8)).save(path)
    for data, more, shape in (
        ('my set.npz', {'image_size': None}, [1, 12, 12]),
        ('pictures', {'channels': 3}, [3, 8, 8]),
    ):
        folder = tiny.trained(tiny.Path('runs'), data=data, **more)
        assert json.loads((folder / 'run.json').read_text())['shape'] == shape
        result = tiny.gluongan('sample', folder, '--seeds', '0-4')
        assert np.load(result.stdout.splitlines()[-1]).shape == (
            5,
            *shape,
        ) and folder.name.startswith('0000')
