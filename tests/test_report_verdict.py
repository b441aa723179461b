"""What the page of a run says of how good it is: verdict, metrics, shares of classes, alarm."""

from __future__ import annotations

import json
from pathlib import Path

import pages
import pytest

from gluongan.pages import report
from gluongan.runs import folder


@pytest.fixture
def run(tmp_path):
    return pages.make_run(tmp_path / '00000-dense-synthetic')


def written(run):
    """The page of a run, taken apart; nothing may have been unreadable."""
    path, faults = report.write_report(run)
    assert faults == []
    return pages.parsed(path)


def test_the_verdict_stands_on_top_with_what_it_is_of(run):
    pages.write_evaluation(run)
    page = written(run)
    text = page.text()
    assert text.index('Covers 2 of 3 classes (9 is missing); good sharpness.') < 400
    assert 'Of the last snapshot: 10,000 samples at iteration 600, against synthetic' in text
    assert 'judge lenet of synthetic (cdcdcdcd), gluongan 0.1.0' in text
    assert 'Stale' not in text and 'Not evaluated' not in text


@pytest.mark.parametrize(
    'changes, mark, said',
    [
        ({}, 'weak', '1 fault.'),
        ({'faults': ['blurred', 'alike']}, 'weak', '2 faults.'),
        ({'faults': []}, 'good', 'No fault found.'),
        ({'faults': None}, None, None),  # of an older version
        ({'faults': [], 'iteration': 300}, None, None),
        ({'iteration': 300}, 'weak', '1 fault.'),
    ],
)
def test_the_mark_of_the_verdict_says_whether_it_names_faults(run, tmp_path, changes, mark, said):
    pages.write_evaluation(run, **changes)
    compared = tmp_path / 'compared.html'
    report.write_comparison([run, pages.make_run(tmp_path / 'other')], compared)
    for page, marked in ((written(run), 'verdict'), (pages.parsed(compared), 'marked')):
        (classes,) = page.classes(marked)
        assert classes == [*(['words'] if marked == 'marked' else []), *([mark] if mark else [])]
        marks = [text for _, _, text in page.all('strong', class_='mark')]
        assert marks == ([said] if said else [])


def test_a_run_that_is_not_evaluated_has_no_mark(run):
    assert written(run).classes('verdict') == [[]]


def test_a_verdict_of_an_earlier_snapshot_is_called_stale(run):
    pages.write_evaluation(run, iteration=300)
    text = written(run).text()
    assert 'Stale. Of snapshot 300, stale: the run went on' in text
    assert f'gluongan evaluate {run}' in text


def test_the_last_snapshot_speaks_for_the_run_before_others(run):
    pages.write_evaluation(run, iteration=300, words='of the past')
    pages.write_evaluation(run, name='evaluation-last-500.json', words='of the present')
    page = written(run)
    assert page.text().index('Of the present.') < page.text().index('of the past.')
    summaries = [text for _, _, text in page.all('summary') if 'evaluation' in text]
    assert summaries[0].startswith('evaluation-last-500.json')


def test_without_an_evaluation_the_page_says_how_to_get_one(run):
    text = written(run).text()
    assert 'Not evaluated: the losses cannot say how good the samples are.' in text
    assert f'gluongan evaluate {run} && gluongan report {run}' in text


def test_what_a_judge_measured_while_training_is_said_where_nobody_evaluated(run):
    pages.write_judged(run, [0, 600])
    page = written(run)
    assert 'Not evaluated: the numbers below are from while it trained.' in page.text()
    tiles = [' '.join(text.split()) for _, _, text in page.all('dd')]
    assert tiles[0] == '0.8319 at iteration 600 lenet_fd2k_test'
    pages.write_evaluation(run)
    assert 'from while it trained' not in written(run).text()


def test_the_modes_that_points_reached_while_training_are_said(tmp_path):
    run = pages.make_points(tmp_path / 'run')
    pages.write_rows(run / folder.METRICS, [{'iteration': 200, 'modes/caught': 7, 'modes/good': 1}])
    page = written(run)
    assert 'Not evaluated: the numbers below are from while it trained.' in page.text()
    tiles = [' '.join(text.split()) for _, _, text in page.all('dd')]
    assert tiles[:2] == ['7 at iteration 200 modes/caught', '1.000 at iteration 200 modes/good']


def test_metrics_stand_beside_the_sets_whose_faults_are_known(run):
    pages.write_evaluation(run)
    table = written(run).table('evaluation')
    assert table[0] == ['metric', 'this run 95 % interval', 'real', 'one missing']
    rows = {row[0]: row[1:] for row in table[1:]}
    name = 'Fréchet distance of features lenet_fd10k_test low is good'
    assert rows[name] == ['4.812 4.500 to 5.100', '0.4630', '5.580']
    name = 'share of the data near samples pixel_recall5k_k5_test high is good'
    assert rows[name] == ['0.6600', '0.6600', '-']
    assert len(rows) == 3  # shares have a table of their own


def test_known_sets_are_no_aim_where_they_are_training_images(run):
    values = {'pixel_copies1k_train': 0.0, 'pixel_nearest1k_train': 4.9, 'pixel_mean1k': 0.1}
    pages.write_evaluation(run, metrics=values, known={'real': values}, intervals={})
    copies, nearest, mean = [row[0] for row in written(run).table('evaluation')[1:]]
    assert 'low is good; the known sets are training images' in copies
    assert 'good: as images that G was not trained on; the known sets are training' in nearest
    assert mean.endswith('good: as the data')


def test_shares_of_the_classes_stand_beside_those_of_the_data(run):
    pages.write_evaluation(run)
    table = written(run).table('evaluation', 1)
    assert table[0] == ['class', 'this run', 'real images']
    assert table[1:4] == [['a', '75%', '34%'], ['b', '25%', '25%'], ['c', '0%', '0%']]


def test_shares_of_which_the_judge_is_not_sure_have_a_row_so_that_columns_add_up(run):
    shares = {0: (0.0, 0.0, 0.0), 300: (0.02, 0.03, 0.0), 600: (0.3, 0.3, 0.4)}
    pages.write_judged(run, shares, shares.get)
    pages.write_evaluation(run, metrics={**pages.VALUES, 'lenet_share10k_0': 0.25})
    page = written(run)
    assert page.table('shares')[-1] == ['not sure', '100%', '95%', '0%']
    assert page.table('evaluation', 1)[-1] == ['not sure', '50%', '41%']
    for part in ('shares', 'evaluation'):
        assert 'less than 90% sure, a sample counts for no class' in page.text(part)


def test_hopping_from_class_to_class_is_seen(run):
    hop = {0: (1.0, 0.0, 0.0), 300: (0.0, 1.0, 0.0), 600: (0.004, 0.0, 0.996)}
    pages.write_judged(run, hop, hop.get)
    page = written(run)
    table = page.table('shares')
    assert table[0] == ['class', '0', '300', '600']
    assert table[1] == ['a', '100%', '0%', '0.4%'] and table[3] == ['c', '0%', '0%', '100%']
    shades = [a['class'] for _, a, _ in page.all('td') if a.get('class', '').startswith('shade')]
    assert ''.join(shade[-1] for shade in shades) == '901090009'


def test_samples_that_are_alike_are_an_alarm_with_a_remedy(run):
    rows = [{'iteration': step, 'samples/spread': 0.01} for step in range(0, 601, 100)]
    pages.write_rows(run / folder.METRICS, rows)
    text = written(run).text()
    assert 'Alarm: samples are 1% as far apart as the data' in text
    settings = '--data synthetic --image-size 8 --pack 2 --ema 0.0 --iterations 600'
    assert f'gluongan train {settings}' in text


def test_a_judge_is_advised_at_iterations_that_the_run_has():
    from gluongan.pages.report.advice import next_steps
    from gluongan.recipes import recipe

    for iterations, every in ((2, 1), (300, 100), (1_500, 500), (15_000, 1_000)):
        config = recipe('dense').with_settings({'iterations': iterations})
        steps = next_steps(
            Path('r'), config, last=2, state='complete', is_evaluated=True, has_classes=True
        )
        (command,) = [step.command for step in steps if '--judge-every' in step.command]
        assert command.split()[command.split().index('--judge-every') + 1] == str(every)


def test_the_page_calls_settings_and_facts_by_words(run):
    facts = {'threads': '2', 'threads_of': 'OpenMP', 'threads_ignored': [], 'native': ['norms']}
    (run / folder.ENVIRONMENT).write_text(json.dumps(facts))
    page = written(run)
    environment = page.text('environment')
    assert 'threads, made by OpenMP' in environment and 'native operators norms' in environment
    assert '_' not in environment and 'ignored' not in environment and 'none' not in environment
    assert 'gen_output default' in page.text('settings')
