"""CollapseAlarm: when it warns, what it says, and what it suggests."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tiny

from gluongan import figures, launch
from gluongan.evaluation import collapse, metrics
from gluongan.evaluation.collapse import verdict
from gluongan.extensions import CollapseAlarm
from gluongan.gan.updater import GANUpdater
from gluongan.terminal import is_progress

HEALTHY = {
    'spread': [0.9, 0.8, 0.9],
    'support': [7, 15, 900],
    'classes': [2, 6, 9],
    'caught': [0, 5, 8],
}


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    """Drawing takes a second, and is tested in test_figures."""
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])


class FakeUpdater:
    def __init__(self, iteration):
        self.iteration = iteration


class FakeTrainer:
    """As much of a Trainer as CollapseAlarm uses."""

    def __init__(self, folder, iteration=400, total=10_000):
        self.folder = folder
        self.total = total
        self.report = {}
        self.updater = FakeUpdater(iteration)


def write_spread(folder, values):
    lines = []
    for count, value in enumerate(values):
        lines.append(json.dumps({'iteration': 10 * count, 'samples/spread': value}) + '\n')
    (folder / 'metrics.jsonl').write_text(''.join(lines))


# The verdict


@pytest.mark.parametrize(
    'changes, late, expected',
    [
        ({}, False, ''),
        ({}, True, ''),
        ({'spread': [0.9, 0.01, 0.02]}, False, 'samples are 2% as far apart as the data'),
        ({'spread': [0.9, 0.9, 0.02]}, False, ''),
        # a slow recipe's first blot
        ({'spread': [0.1, 0.11, 0.12], 'support': [1, 1, 1]}, False, ''),
        ({'spread': [0.1, 0.11, 0.12]}, True, 'samples are 12% as far apart as the data'),
        ({'support': [1.2, 2, 1.1]}, True, 'samples are about 1 distinct image'),
        ({'support': [1.2, 1.1, 2]}, True, 'samples are about 2 distinct images'),
        ({'support': [90, 8, 7]}, True, ''),
        ({'support': [900, 80, 70]}, False, 'about 70 distinct images, down from 900'),
        ({'classes': [9, 5, 4]}, False, '4 classes covered, down from 9'),
        ({'classes': [5, 2, 1]}, False, ''),
        ({'caught': [8, 4, 4]}, False, '4 modes caught, down from 8'),
    ],
    ids=str,
)
def test_collapse_is_distinct_from_a_slow_start(changes, late, expected):
    text = verdict({**HEALTHY, **changes}, late=late)
    assert expected in text
    assert bool(expected) == bool(text)


@pytest.mark.parametrize('measured', [{}, {'spread': [0.0]}], ids=str)
def test_too_few_measurements_are_no_collapse(measured):
    assert verdict(measured, late=True) == ''


# The warning


def test_it_warns_once_with_what_to_try_and_is_on_while_the_collapse_lasts(tmp_path):
    warnings, is_on = [], []
    alarm = CollapseAlarm(['`pack` 2', '`dis_kernels` 16'], warn=warnings.append)
    values = [1.0, 0.01, 0.01, 0.01, 0.8, 0.01, 0.01]
    for count in range(1, len(values) + 1):
        write_spread(tmp_path, values[:count])
        trainer = FakeTrainer(tmp_path)
        alarm(trainer)
        is_on.append('alarm' in trainer.report)
    assert is_on == [False, False, True, True, False, False, True]
    assert len(warnings) == 2
    assert warnings[0] == (
        'at iteration 400, samples are 1% as far apart as the data: this looks like mode collapse; '
        'try `pack` 2 or `dis_kernels` 16'
    )


def test_without_remedies_and_without_warn_it_prints_the_warning(tmp_path, capsys):
    write_spread(tmp_path, [1.0, 0.01, 0.01])
    CollapseAlarm()(FakeTrainer(tmp_path))
    text = capsys.readouterr().err
    assert text.startswith('Warning: at iteration 400, ')
    assert text.endswith('this looks like mode collapse\n')


@pytest.mark.parametrize(
    'iteration, total, is_on',
    [
        (1_999, 5_000, False),
        (2_000, 5_000, True),
        (3_999, 20_000, False),
        (4_000, 20_000, True),
    ],
)
def test_the_start_is_over_after_2000_iterations_and_a_fifth_of_the_run(
    tmp_path, iteration, total, is_on
):
    write_spread(tmp_path, [1, 0.2, 0.2])
    trainer = FakeTrainer(tmp_path, iteration, total)
    CollapseAlarm(warn=lambda text: None)(trainer)
    assert ('alarm' in trainer.report) == is_on


@pytest.fixture
def collapsed(monkeypatch):
    """Every generator makes the same grey image, and the alarm watches from iteration 20 on."""
    monkeypatch.setattr(collapse, 'FIRST', 20)

    def grey(self, z):
        return np.full((len(z), 1, 8, 8), 0.5, np.float32)

    monkeypatch.setattr(GANUpdater, 'samples', grey)


SETTINGS = {'iterations': 30, 'eval_every': 10, 'log_every': 10, 'penalty': 'gp'}


def test_collapsed_run_warns_with_settings_that_it_would_accept(tmp_path, collapsed, capsys):
    warnings = []
    run = launch.begin(tiny.tiny(**SETTINGS), tmp_path, [], warnings.append)
    run.run()
    (warning,) = warnings
    assert warning.startswith('at iteration 20, samples are 0% as far apart as the data')
    assert warning.endswith('try `pack` 2 or `instance_noise` 0.1')
    progress = list(filter(is_progress, capsys.readouterr().err.splitlines()))
    assert '! samples are 0% as far apart as the data' in progress[-1]


def test_the_command_line_warns_with_flags(tmp_path, collapsed):
    result = tiny.gluongan('train', *tiny.flags(**SETTINGS), '--out', tmp_path)
    assert result.exit_code == 0, result.stderr
    warnings = [line for line in result.stderr.splitlines() if line.startswith('Warning: ')]
    (warning,) = warnings
    assert warning.endswith('try --pack 2 or --instance-noise 0.1')


@pytest.mark.parametrize(
    'settings, expected',
    [
        ({}, ['`pack` 2', '`dis_kernels` 16']),
        ({'penalty': 'gp'}, ['`pack` 2', '`instance_noise` 0.1']),
        ({'pack': 2, 'dis_kernels': 3}, ['`instance_noise` 0.1', '`gen_lr` 5e-05']),
        ({'batch': 1, 'gen_batchnorm': False}, ['`dis_kernels` 16', '`instance_noise` 0.1']),
        ({'pack': 2, 'dis_kernels': 3, 'instance_noise': 0.5, 'gen_lr': 0.1}, []),
    ],
    ids=str,
)
def test_remedies_are_unset_and_legal(settings, expected):
    config = tiny.tiny(**settings)
    assert launch.remedies(config) == expected


# What it watches


def test_spread_and_support_are_in_every_row_of_images(tmp_path):
    run = tiny.begun(tmp_path, iterations=4, eval_every=2)
    x = run.updater.samples(run.updater.fixed_inputs(512, seed=1))
    expected = metrics.diversity(x, metrics.pairs(run.updater.real.dataset.floats()))
    row = tiny.rows(run.folder / 'metrics.jsonl')[-1]
    assert row['samples/spread'] == pytest.approx(expected.spread, rel=1e-4)
    assert row['samples/support'] == pytest.approx(expected.support, rel=1e-4)


def test_spread_and_support_are_in_no_row_of_points(tmp_path):
    run = tiny.begun(tmp_path, iterations=2, data='ring8', image_size=None, loss='hinge')
    row = tiny.rows(run.folder / 'metrics.jsonl')[-1]
    assert 'modes/caught' in row and not {'samples/spread', 'samples/support'} & row.keys()


def test_the_documentation_says_from_where_on_there_is_a_warning():
    text = (Path(__file__).parents[1] / 'docs' / 'training.md').read_text(encoding='utf-8')
    text = ' '.join(text.partition('## Collapse and instability')[2].partition('\n## ')[0].split())
    for words in (
        f'from iteration {collapse.FIRST} on',
        f'after {collapse.START:,} iterations and {collapse.START_SHARE:.0%}'.replace('%', ' %'),
        f'below {100 * collapse.DEAD:.0f} % | below {100 * collapse.ALIKE:.0f} %',
        f'if that was {collapse.MANY} or more | the same, or below {collapse.FEW}',
        f'below {100 * collapse.LOST:.0f} % of the most, if that was {collapse.SOME} or more',
    ):
        assert words in text, words
    assert collapse.SUNK == 10 and 'below a tenth of its highest value' in text
    small = {'support': [4, 7, 5], 'spread': [0.5, 0.6, 0.6]}
    assert verdict(small, late=False) == '' and 'support` is 4 to 7' in text
