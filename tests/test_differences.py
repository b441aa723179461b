"""`compare` says which differences are more than noise, and what that was judged by."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import tiny
from scipy import stats

from gluongan import figures
from gluongan.config import Config
from gluongan.evaluation import comparison, metrics
from gluongan.evaluation.comparison import Run, group_runs
from gluongan.evaluation.differences import differ, difference, seeds_differ, sentences
from gluongan.evaluation.measured import Measured, Origin
from gluongan.evaluation.report import Interval

ORIGIN = Origin('gluongan evaluate', 'the last snapshot', 'mnist', '0.1.0')
FD, RECALL, MEAN = 'lenet_fd10k_test', 'pixel_recall5k_k5_test', 'pixel_mean10k'


def run(folder, values, intervals=None, origin=ORIGIN, **settings):
    measured = (Measured(origin, 400, values, intervals or {}),)
    return Run(Path(folder), Config(**settings), {}, measured)


def pair(first, other, width=0.1, name=FD):
    """Two single runs of different settings, whose intervals have this half width."""
    values = {'a': first, 'b': other}
    return group_runs(
        run(folder, {name: value}, {name: Interval(value - width, value + width)}, lr=lr)
        for (folder, value), lr in zip(values.items(), (1e-3, 2e-3))
    )


def seeds(*groups, name=FD):
    """Groups of runs that differ in their seeds, by the values of each group."""
    runs = []
    for number, values in enumerate(groups, 1):
        for seed, value in enumerate(values):
            runs.append(run(f'{number}-{seed}', {name: value}, lr=number * 1e-3, seed=seed))
    return group_runs(runs)


def said(groups):
    return '\n'.join(sentences(groups))


# Single runs


def test_single_runs_differ_beyond_both_intervals_together_and_within_them_are_noise():
    assert differ(1.0, Interval(0.9, 1.1), 1.15, Interval(1.05, 1.25))
    assert not differ(1.0, Interval(0.9, 1.1), 1.13, Interval(1.03, 1.23))
    assert not differ(1.0, Interval(0.9, 1.1), 1.0, Interval(1.0, 1.0))


def test_the_ends_that_face_each_other_count_in_either_order():
    low, high = (0.0, Interval(0.0, 0.004)), (0.02, Interval(0.013, 0.03))
    assert differ(*low, *high) and differ(*high, *low)
    assert not differ(0.0, Interval(-9, 1), 0.5, Interval(0.4, 99))
    assert differ(0.0, Interval(-99, 0.1), 0.5, Interval(0.4, 99))


def test_single_runs_of_one_generator_are_told_apart_by_chance_once_in_twenty():
    random = np.random.RandomState(0)
    told = 0
    for _ in range(400):
        shares = random.random_sample((2, 200)) < 0.3
        a, b = ((x.mean(), metrics.share_interval(x)) for x in shares)
        told += differ(*a, *b)
    assert 0.02 < told / 400 < 0.09


@pytest.mark.parametrize(
    'name, other, word',
    [(FD, 4.0, 'better'), (FD, 6.0, 'worse'), (RECALL, 6.0, 'better'), (MEAN, 4.0, 'lower')],
)
def test_a_difference_is_called_by_what_is_good_for_the_metric(name, other, word):
    text = said(pair(5.0, other, name=name))
    assert f'{word}: {name}' in text
    assert 'within noise' not in text


def test_a_difference_within_noise_is_called_nothing_else():
    text = said(pair(5.0, 5.1))
    assert f'within noise: {FD}' in text
    assert not any(word in text for word in ('better:', 'worse:', 'higher:', 'lower:'))


def test_what_differs_stands_before_what_does_not():
    names = {MEAN: (5.0, 5.0), RECALL: (0.5, 0.2), FD: (5.0, 1.0)}
    runs = []
    for number, folder in enumerate('ab'):
        values = {name: pair[number] for name, pair in names.items()}
        ends = {name: Interval(value - 0.1, value + 0.1) for name, value in values.items()}
        runs.append(run(folder, values, ends, lr=(number + 1) * 1e-3))
    lines = [line.strip() for line in sentences(group_runs(runs))]
    assert lines[2:5] == [f'better: {FD}', f'worse: {RECALL}', f'within noise: {MEAN}']


def test_of_single_runs_it_says_that_a_seed_says_nothing_about_the_recipe():
    text = said(pair(5.0, 9.0))
    assert (
        'by the 95% intervals of the samples; one seed each says nothing about the recipe' in text
    )
    assert text.startswith('b, compared with a (gluongan evaluate, the last snapshot, on mnist')


def test_reports_without_intervals_are_not_judged():
    groups = group_runs([run('a', {FD: 1.0}, lr=1e-3), run('b', {FD: 99.0}, lr=2e-3)])
    assert sentences(groups) == []
    assert difference(FD, ORIGIN, *groups).is_real is None


def test_one_report_of_an_older_version_is_not_judged_beside_a_new_one():
    both = {FD: Interval(0.9, 1.1), RECALL: Interval(0.8, 0.9)}
    first = run('a', {FD: 1.0, RECALL: 0.85}, both, lr=1e-3)
    other = run('b', {FD: 9.0, RECALL: 0.2}, {FD: Interval(8, 10)}, lr=2e-3)
    text = said(group_runs([first, other]))
    assert f'worse: {FD}' in text
    assert f'not judged, without an interval: {RECALL}' in text


# Several seeds


@pytest.mark.parametrize('other', [[5.0, 5.4, 5.9], [3.0, 3.1, 2.9, 3.05], [4.0, 9.0]])
def test_seeds_are_compared_by_welchs_test(other):
    first = [5.1, 5.3, 4.9]
    expected = stats.ttest_ind(first, other, equal_var=False).pvalue < 0.05
    assert seeds_differ(first, other) == expected
    text = said(seeds(first, other))
    assert f"by the spread over 3 and {len(other)} seeds (Welch's t test, p < 0.05)" in text
    assert (f'within noise: {FD}' in text) != expected


def test_each_group_of_seeds_has_a_spread_of_its_own():
    near, far = [5.0, 5.01], [5.1, 6.9, 5.2, 6.8, 5.3, 6.7]
    assert stats.ttest_ind(near, far).pvalue > 0.05  # of one spread
    assert seeds_differ(near, far)


def test_seeds_count_and_not_the_intervals_of_their_samples():
    runs = []
    for number, values in enumerate(([5.0, 7.0, 9.0], [4.0, 6.0, 8.0])):
        for seed, value in enumerate(values):
            ends = {FD: Interval(value, value)}
            folder = f'{number}-{seed}'
            runs.append(run(folder, {FD: value}, ends, lr=(number + 1) * 1e-3, seed=seed))
    groups = group_runs(runs)
    assert f'within noise: {FD}' in said(groups)
    rows = {row[0]: row for row in comparison.table_rows(groups)}
    assert rows[FD][1:3] == ('7 ± 2', '6 ± 2')


def test_a_single_seed_is_judged_by_the_spread_of_the_others():
    many = [5.0, 5.1, 4.9, 5.05]
    assert seeds_differ(many, [9.0]) and seeds_differ([9.0], many)
    assert not seeds_differ(many, [5.12])
    assert 'by the spread over 4 seeds, beside one seed (t test' in said(seeds(many, [9.0]))


def test_seeds_without_any_spread_are_not_judged():
    assert seeds_differ([10, 10, 10], [9, 9, 9]) is None
    assert seeds_differ([10, 10, 10], [9]) is None
    assert sentences(seeds([10, 10, 10], [9, 9, 9])) == []


def test_numbers_that_are_not_finite_are_not_judged_and_warn_nobody():
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        groups = seeds([5.0, float('nan'), 6.0], [4.0, 5.0])
        assert difference(FD, ORIGIN, *groups).is_real is None
        assert seeds_differ([1.0, 1.0 + 1e-16], [1.0, 1.0 + 3e-16]) in (None, True, False)


# What is compared


def test_only_metrics_of_one_name_and_origin_are_compared():
    interval = {FD: Interval(0.9, 1.1), 'lenet_fd2k_test': Interval(8, 10)}
    another = Origin('gluongan evaluate', 'the last snapshot', 'mnist', '0.2.0')
    first = run('a', {FD: 1.0}, interval, lr=1e-3)
    others = [
        run('b', {'lenet_fd2k_test': 9.0}, interval, lr=2e-3),
        run('c', {FD: 9.0}, interval, another, lr=2e-3),
    ]
    for other in others:
        assert sentences(group_runs([first, other])) == []


def test_every_later_column_is_compared_with_the_first():
    ends = {FD: Interval(0.9, 1.1)}
    runs = [run(name, {FD: 1.0}, ends, lr=lr) for name, lr in zip('abc', (1e-3, 2e-3, 3e-3))]
    lines = sentences(group_runs(runs))
    assert [line.split(' (')[0] for line in lines if 'compared' in line] == [
        'b, compared with a',
        'c, compared with a',
    ]
    assert lines[-1] == 'By chance alone, about one number in 20 differs by more than noise.'


def test_a_number_of_a_single_run_stands_before_its_interval():
    rows = {row[0]: row for row in comparison.table_rows(pair(5.0, 6.0))}
    assert rows[FD][1:3] == ('5.000 (95 %: 4.900 to 5.100)', '6.000 (95 %: 5.900 to 6.100)')
    several = {row[0]: row for row in comparison.table_rows(seeds([5.0, 7.0], [1.0]))}
    assert several[FD][1:3] == ('6 ± 1.4', '1.000')


def test_the_command_says_what_reports_in_runs_say(tmp_path, monkeypatch):
    for name in ('compared_curves', 'compared_samples'):
        monkeypatch.setattr(figures, name, lambda groups, path: None)
    for name, value in (('a', 5.0), ('b', 9.0)):
        folder = tmp_path / name
        folder.mkdir()
        settings = Config(lr=value * 1e-4).to_dict()
        (folder / 'config.json').write_text(json.dumps(settings))
        report = {'metrics': {FD: value}, 'intervals': {FD: [value - 1, value + 1]}}
        (folder / 'evaluation.json').write_text(json.dumps(report))
    result = tiny.gluongan('compare', tmp_path / 'a', tmp_path / 'b', '--out', tmp_path / 'x')
    assert result.exit_code == 0, result.stderr
    assert '5.000 (95 %: 4.000 to 6.000)' in result.stdout
    assert f'worse: {FD}' in result.stdout.splitlines()[-2]
