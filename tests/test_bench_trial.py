"""The statistics of a trial, against NumPy; its JSON, and what is refused as one."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluongan.bench import (
    Trial,
    TrialError,
    Trials,
    judge,
    median,
    minimum,
    quartiles,
    ratio,
    read,
    spread,
)

FACTS = {'recipe': 'dense', 'batch': 128}
durations = st.floats(1e-6, 1e3)
samples = st.lists(durations, min_size=2, max_size=30).map(tuple)


def trial(*seconds, name='dense 128 cpu static', facts=FACTS, images=128, iterations=1):
    return Trial(name, facts, seconds, images, iterations)


@given(samples)
def test_statistics_are_those_of_numpy(seconds):
    low, middle, high = np.quantile(seconds, [0.25, 0.5, 0.75])
    one = trial(*seconds)
    assert quartiles(one) == pytest.approx((low, high), rel=1e-12)
    assert median(one) == pytest.approx(middle, rel=1e-12) and minimum(one) == np.min(seconds)
    assert spread(one) == pytest.approx((high - low) / middle, rel=1e-9, abs=1e-12)


def test_the_spread_of_a_single_sample_is_unknown():
    assert quartiles(trial(2.0)) == (2.0, 2.0) and spread(trial(2.0)) == math.inf


@given(samples, samples)
def test_ratio_is_the_median_of_the_rounds_that_both_took_part_in(a, b):
    rounds = np.array(b[: len(a)]) / np.array(a[: len(b)])
    speed = ratio(trial(*a), trial(*b))
    low, middle, high = np.quantile(rounds, [0.25, 0.5, 0.75])
    assert (speed.value, speed.low, speed.high) == pytest.approx((middle, low, high), rel=1e-9)
    assert speed.medians == pytest.approx(np.median(b) / np.median(a), rel=1e-9)


def test_ratio_is_how_many_times_as_fast_the_first_is():
    assert ratio(trial(1.0, 1.0), trial(3.0, 3.0)) == (3.0, 3.0, 3.0, 3.0)
    assert ratio(trial(3.0), trial(1.0)).value == pytest.approx(1 / 3)


def test_a_drift_that_affects_both_does_not_change_their_ratio():
    drift = np.linspace(1, 4, 9)
    speed = ratio(trial(*drift), trial(*(2 * drift)))
    assert (speed.low, speed.value, speed.high) == pytest.approx((2, 2, 2))


@pytest.mark.parametrize(
    'time, verdict',
    [
        (1.06, 'regression'),
        (1.04, 'no change'),
        (1.0, 'no change'),
        (0.96, 'no change'),
        (0.94, 'improvement'),
        (3.0, 'regression'),
    ],
)
def test_verdict_is_by_the_minima_at_five_per_cent(time, verdict):
    old, new = trial(9.0, 1.0, 5.0), trial(time, 700.0)  # all but the minima say otherwise
    assert judge(old, new) == (verdict, pytest.approx(1 / time))
    wide = 'no change' if time < 2.9 else 'regression'
    assert judge(old, new, tolerance=1.9).verdict == wide


@given(samples, samples, st.floats(0, 2))
def test_a_regression_is_an_improvement_when_the_arguments_are_swapped(a, b, tolerance):
    swapped = {'regression': 'improvement', 'improvement': 'regression', 'no change': 'no change'}
    forth = judge(trial(*a), trial(*b), tolerance=tolerance)
    back = judge(trial(*b), trial(*a), tolerance=tolerance)
    distances = [abs(each.ratio - 1 - tolerance) for each in (forth, back)]
    assert min(distances) < 1e-9 or back.verdict == swapped[forth.verdict]


@given(
    st.lists(samples, min_size=1, max_size=5),
    st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5)),
)
def test_json_gives_back_the_very_samples(tmp_path_factory, lists, facts):
    trials = []
    for i, seconds in enumerate(lists):
        trials.append(trial(*seconds, name=f'case {i}', facts=facts, iterations=i + 1))
    session = Trials(tuple(trials), {'threads': '2'})
    path = tmp_path_factory.mktemp('trials') / 'new' / 'trials.json'
    session.write(path)
    assert read(path) == session
    assert list(session.by_name()) == [f'case {i}' for i in range(len(lists))]


def good():
    """The content of a file that is read, as a dict."""
    trials = (trial(0.1, 0.2), trial(0.3, name='other'))
    return json.loads(Trials(trials, {'threads': '2'}).to_json())


def written(tmp_path, content):
    path = tmp_path / 'hostile.json'
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refused(path):
    with pytest.raises(TrialError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f'{path}: ') and len(message) < 400
    assert '\n' not in message and not message.endswith('.')
    return message


def test_the_good_file_is_read(tmp_path):
    assert len(read(written(tmp_path, json.dumps(good()))).trials) == 2


@pytest.mark.parametrize(
    'text, part',
    [
        ('', 'JSON'),
        ('{"format": ', 'JSON'),
        (b'\xff\xfe{}', 'JSON'),
        ('[' * 100_000, 'JSON'),
        ('[]', 'object'),
        ('null', 'object'),
        ('{}', 'format'),
        ('{"format": 1e999}', 'environment'),
        ('9' * 5000, ''),
        ('NaN', 'NaN'),
        ('{"format": -Infinity}', '-Infinity'),
    ],
    ids=lambda text: str(text[:20]),
)
def test_a_file_that_is_no_result_is_refused_by_name(tmp_path, text, part):
    assert part in refused(written(tmp_path, text))


@pytest.mark.parametrize(
    'key, value, parts',
    [
        ('format', 'gluongan bench 99', ['bench 99', 'gluongan bench 1']),
        ('format', None, ['None']),
        ('environment', [], ['environment']),
        ('trials', [], ['one or more']),
        ('trials', {}, ['list']),
        ('trials', [1], ['trial', 'object']),
        ('speed', 1, ['speed']),
    ],
)
def test_file_of_another_kind_is_refused(tmp_path, key, value, parts):
    message = refused(written(tmp_path, json.dumps({**good(), key: value})))
    assert all(part in message for part in parts)


@pytest.mark.parametrize(
    'key, value',
    [
        ('name', ''),
        ('name', 5),
        ('name', 'two\nlines'),
        ('name', 'x' * 201),
        ('name', None),
        ('facts', []),
        ('facts', None),
        ('seconds', []),
        ('seconds', 3),
        ('seconds', 'fast'),
        ('seconds', {'0': 1.0}),
        ('seconds', [0]),
        ('seconds', [-1.0]),
        ('seconds', ['1']),
        ('seconds', [True]),
        ('seconds', [None]),
        ('seconds', [[1.0]]),
        ('seconds', [0.1, 1e7]),
        ('seconds', [10**400]),
        ('images', 0),
        ('images', 1.0),
        ('images', True),
        ('images', '8'),
        ('iterations', -1),
        ('iterations', None),
        ('lucky', 1),
    ],
)
def test_trial_with_a_wrong_value_is_refused(tmp_path, key, value):
    content = good()
    content['trials'][0][key] = value
    assert key in refused(written(tmp_path, json.dumps(content)))


@pytest.mark.parametrize('seconds', ['NaN', 'Infinity', '1e999', '-0.0'])
def test_sample_that_is_not_a_finite_positive_number_is_refused(tmp_path, seconds):
    text = json.dumps(good()).replace('[0.1, 0.2]', f'[0.1, {seconds}]')
    assert seconds in text
    refused(written(tmp_path, text))


@pytest.mark.parametrize('key', ['name', 'facts', 'seconds', 'images', 'iterations'])
def test_trial_without_a_value_is_refused(tmp_path, key):
    content = good()
    del content['trials'][1][key]
    assert repr(key) in refused(written(tmp_path, json.dumps(content)))


def test_two_trials_of_one_name_are_refused(tmp_path):
    content = good()
    content['trials'][1]['name'] = content['trials'][0]['name']
    assert content['trials'][0]['name'] in refused(written(tmp_path, json.dumps(content)))


def test_missing_file_and_folder_are_refused(tmp_path):
    assert 'cannot be read' in refused(tmp_path / 'nowhere.json')
    assert 'cannot be read' in refused(tmp_path)


def test_result_that_json_cannot_hold_is_not_written(tmp_path):
    session = Trials((trial(0.1),), {'load': math.nan})
    with pytest.raises(ValueError, match='JSON'):
        session.write(tmp_path / 'trials.json')
    assert list(tmp_path.iterdir()) == []
