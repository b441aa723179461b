"""benchmarks.search: rungs, combinations, failures, budgets, and what a kill leaves."""

from __future__ import annotations

import json

import pytest

pytest.importorskip('optuna', reason="needs pip install 'gluongan[search]'")

import searches
from searches import FD, SPEC, Killed, Play, go, rows, states, without_minutes

from benchmarks.searching import page, trials
from benchmarks.searching.spec import make_spec
from gluongan.errors import FailureError
from gluongan.runs.snapshots import list_snapshots


@pytest.fixture(autouse=True)
def play(monkeypatch):
    return searches.new_play(monkeypatch)


# Rungs


def test_rungs_grow_by_the_factor_up_to_the_last(tmp_path):
    assert make_spec(SPEC).rungs == (10, 30, 90)
    rungs = {'first': 10, 'factor': 4, 'iterations': 50}
    assert make_spec({**SPEC, 'rungs': rungs}).rungs == (10, 40, 50)


def test_after_each_rung_the_best_third_of_those_so_far_goes_on(tmp_path):
    found = rows(go(tmp_path))
    seen = {10: [], 30: []}
    for number in range(9):
        for rung, following in ((10, 30), (30, 90)):
            text = found[number][f'samples/swd@{rung}']
            if not text:
                break
            seen[rung].append(float(text))
            place = sorted(seen[rung]).index(float(text))
            goes_on = place < max(1, len(seen[rung]) // 3)
            assert bool(found[number][f'samples/swd@{following}']) == goes_on, (number, rung)
        reached = sum(bool(found[number][f'samples/swd@{rung}']) for rung in (10, 30, 90))
        assert found[number]['state'] == ('finished' if reached == 3 else 'pruned')
    assert len(seen[10]) == 9 and 0 < len(seen[30]) < 9


def test_without_rungs_every_trial_is_trained_to_its_end(tmp_path):
    folder = go(tmp_path, rungs=None, settings={**SPEC['settings'], 'iterations': 50}, most=4)
    assert states(folder) == {'finished': 4}
    assert {row['iterations'] for row in rows(folder).values()} == {'50'}


def test_a_trial_is_one_run_that_is_resumed_at_each_rung(tmp_path):
    folder = go(tmp_path, most=1)
    (run,) = folder.glob('trials/00000/0*')
    first, *others = Play.words
    assert first[:2] == ['train', '--config']
    assert others == [['train', '--resume', str(run), '--iterations', str(n)] for n in (30, 90)]
    settings = json.loads((folder / 'trials/00000/settings.json').read_text())
    assert settings['data'] == 'synthetic' and settings['iterations'] == 10
    assert f'{settings["lr"]}' == rows(folder)[0]['lr']
    assert rows(folder)[0]['minutes'] == '9.00'  # one for each ten iterations


def test_where_training_does_not_measure_the_metric_each_rung_is_evaluated(tmp_path):
    folder = go(tmp_path, metric=FD, samples=2000, most=1)
    evaluations = [words for words in Play.words if words[0] == 'evaluate']
    probe, *others = evaluations
    assert [words[3] for words in others] == ['10', '30', '90']
    assert all(words[-2:] == ['--samples', '2000'] for words in evaluations)
    assert rows(folder)[0][f'{FD}@90'] and str(folder) not in ' '.join(probe)


def test_of_a_metric_that_should_be_high_the_highest_is_best(tmp_path, monkeypatch):
    monkeypatch.setattr(searches, 'FD', 'lenet_score2k')
    folder = go(tmp_path, metric='lenet_score2k')
    best, *others = rows(folder).values()
    assert best['state'] == 'finished'
    ends = [float(row['lenet_score2k@90']) for row in others if row['state'] == 'finished']
    assert ends == sorted(ends, reverse=True)
    assert all(end <= float(best['lenet_score2k@90']) for end in ends)
    highest = 0.0
    for number in range(9):
        row = rows(folder)[number]
        if float(row['lenet_score2k@10']) > highest:
            highest = float(row['lenet_score2k@10'])
            assert row['lenet_score2k@30']


# Combinations


@pytest.mark.parametrize('sampler', ['random', 'tpe'])
def test_a_search_in_several_calls_draws_what_it_would_in_one(tmp_path, sampler):
    one = go(tmp_path, out='one', most=14, sampler=sampler)
    for most in (1, 5, 12, 14):
        several = go(tmp_path, out='several', most=most, sampler=sampler)
    assert without_minutes(several) == without_minutes(one)
    assert len({row['lr'] for row in rows(one).values()}) == 14


def test_another_seed_draws_others(tmp_path):
    first, second = (rows(go(tmp_path, out=f'{seed}', seed=seed, most=1)) for seed in (0, 1))
    assert first[0]['lr'] != second[0]['lr']


def test_numbers_stay_in_their_range_and_on_their_steps(tmp_path):
    found = rows(go(tmp_path, most=12)).values()
    assert all(1e-4 <= float(row['lr']) <= 1e-1 for row in found)
    assert all(len(row['beta1']) == 3 for row in found)  # 0.3, not 0.30000000000000004
    assert {row['gen_hidden'] for row in found} == {'16', '32,16', 'none'}


def test_no_combination_is_tried_twice_and_the_search_ends_with_the_last(tmp_path, capsys):
    folder = go(tmp_path, search={'batch': [32, 64], 'ema': [0.0, 0.5]}, most=None)
    found = [(row['batch'], row['ema']) for row in rows(folder).values()]
    assert sorted(found) == [('32', '0.0'), ('32', '0.5'), ('64', '0.0'), ('64', '0.5')]
    assert 'had been tried' in capsys.readouterr().out


def test_a_combination_that_config_refuses_is_a_failed_trial_and_the_search_goes_on(tmp_path):
    folder = go(tmp_path, search={'batch': [1, 8], 'gen_batchnorm': [True]}, most=None)
    by_batch = {row['batch']: row for row in rows(folder).values()}
    assert by_batch['8']['state'] == 'finished'
    assert by_batch['1']['state'] == 'failed' and 'BatchNorm' in by_batch['1']['reason']
    assert 'failed: batch 1:' in (folder / page.PAGE).read_text()
    assert len(list(folder.glob('trials/*'))) == 1


# Failures


def test_a_run_that_fails_by_its_settings_is_a_failed_trial(tmp_path, play):
    play.said = {
        1: 'gen/loss is nan at iteration 7: lower the learning rate, or try another loss',
        2: f'--config {tmp_path}/out/trials/00002/settings.json: conv_depth 9: must be at most 2',
    }
    folder = go(tmp_path, most=4)
    found = rows(folder)
    assert [found[n]['state'] for n in (1, 2)] == ['failed', 'failed']
    assert found[1]['reason'].startswith('gen/loss is nan')
    assert found[2]['reason'] == 'conv_depth 9: must be at most 2'
    assert len(found) == 4


@pytest.mark.parametrize(
    'sentence', ['runs: No space left on device', '--config {}: data x.npz: does not exist']
)
def test_a_command_that_fails_for_another_reason_stops_the_search(tmp_path, play, sentence):
    sentence = sentence.format(tmp_path / 'out/trials/00001/settings.json')
    play.said = {1: sentence}
    with pytest.raises(FailureError, match='failed: ') as error:
        go(tmp_path, most=4)
    assert sentence in str(error.value) and 'trials/00001/output.txt' in str(error.value)
    play.said = {}
    assert len(rows(go(tmp_path, most=4))) == 4


def test_a_value_that_is_no_number_is_a_failed_trial(tmp_path, monkeypatch):
    monkeypatch.setattr(searches, 'swd', lambda config, iterations: float('nan'))
    folder = go(tmp_path, metric=FD, most=2)
    assert states(folder) == {'failed': 2}
    assert f'{FD} is nan at iteration 10' in rows(folder)[0]['reason']


# Budgets


def test_nothing_is_begun_when_the_minutes_are_over(tmp_path):
    folder = go(tmp_path, minutes=12, most=None)
    spent = sum(float(row['minutes']) for row in rows(folder).values())
    assert spent == pytest.approx(12)
    assert states(folder)['unfinished'] <= 1
    assert 'its minutes are over' in (folder / page.PAGE).read_text()
    before = without_minutes(folder)
    Play.words.clear()
    go(tmp_path, minutes=12, most=None)
    assert Play.words == [] and without_minutes(folder) == before


def test_a_rung_that_the_budget_cut_off_goes_on_in_the_next_call(tmp_path):
    one = go(tmp_path, out='one', most=3)
    for minutes in (0.5, 2, 3.5, 1e3):  # the first trial takes 1, 2 and 6 minutes
        several = go(tmp_path, out='several', minutes=minutes, most=3)
        unfinished = states(several)['unfinished']
        assert unfinished == (minutes < 1e3)
        assert bool(rows(several)[0]['samples/swd@10']) == (minutes >= 2)
    assert without_minutes(several) == without_minutes(one)


def test_trials_are_counted_over_all_calls(tmp_path):
    go(tmp_path, most=2)
    assert sorted(rows(go(tmp_path, most=3))) == [0, 1, 2]
    assert sorted(rows(go(tmp_path, most=3))) == [0, 1, 2]


def test_a_stop_leaves_the_trial_for_the_next_call(tmp_path):
    folder = go(tmp_path, stop=lambda: len(Play.words) >= 1)
    assert states(folder) == {'unfinished': 1} and len(Play.words) == 1
    assert 'it was stopped' in (folder / page.PAGE).read_text()
    assert without_minutes(go(tmp_path)) == without_minutes(go(tmp_path, out='other'))


# Kills


# With 9 trials, one that counted twice at a rung would let another go on.
@pytest.mark.parametrize(
    ('sampler', 'metric', 'most'), [('random', 'samples/swd', 9), ('tpe', FD, 3)]
)
def test_a_search_that_was_killed_after_any_command_ends_as_without(
    tmp_path, sampler, metric, most, play
):
    spec = {'sampler': sampler, 'metric': metric, 'most': most}
    one = go(tmp_path, out='one', **spec)
    seen = list(play.words)
    count = len(seen)
    play.words.clear()
    play.kills = list(range(1, 2 * count))
    for _ in range(2 * count):
        try:
            several = go(tmp_path, out='several', **spec)
            break
        except Killed:
            continue
    of_trials = [words for words in play.words if '/several/trials/' in ' '.join(words)]
    # No command that had ended is run again.
    assert len(of_trials) == sum('/one/trials/' in ' '.join(words) for words in seen) > 7
    assert without_minutes(several) == without_minutes(one)
    assert rows(several)[0]['minutes'] == rows(one)[0]['minutes']


@pytest.mark.parametrize('start', range(3))
def test_a_search_that_was_killed_between_any_two_records_ends_as_without(
    tmp_path, monkeypatch, start
):
    one = go(tmp_path, out='one', most=3)
    append = trials.JournalFileBackend.append_logs
    left = [0]

    def append_or_die(self, logs):
        append(self, logs)
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    monkeypatch.setattr(trials.JournalFileBackend, 'append_logs', append_or_die)
    kills = 0
    # First amid a trial, then while it begins again, then a little longer each time.
    for lived in (12, 3 + start, *range(3 + start, 400, 3)):
        left[0] = lived
        try:
            several = go(tmp_path, out='several', most=3)
            break
        except Killed:
            kills += 1
    assert kills > 3
    assert without_minutes(several) == without_minutes(one)


def test_a_record_that_a_kill_cut_in_two_is_dropped(tmp_path):
    folder = go(tmp_path, most=2)
    before = without_minutes(folder)
    with open(folder / trials.JOURNAL, 'a') as file:
        file.write('{"op_code":9,"tri')
    assert without_minutes(go(tmp_path, most=2)) == before
    assert len(rows(go(tmp_path, most=3))) == 3


def test_a_damaged_journal_is_named(tmp_path):
    folder = go(tmp_path, most=2)
    text = (folder / trials.JOURNAL).read_text()
    (folder / trials.JOURNAL).write_text(text.replace('{', '', 1))
    with pytest.raises(FailureError, match=r'trials\.jsonl: cannot be read'):
        go(tmp_path, most=2)


def test_a_run_without_a_snapshot_begins_anew(tmp_path, play):
    play.kills = [1]
    with pytest.raises(Killed):
        go(tmp_path)
    (run,) = (tmp_path / 'out/trials/00000').glob('0*')
    (_, snapshot), *_ = list_snapshots(run)
    snapshot.unlink()
    assert without_minutes(go(tmp_path)) == without_minutes(go(tmp_path, out='other'))
