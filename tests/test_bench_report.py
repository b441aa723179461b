"""The numbers in the tables of a timing session are those that its trials and parts say."""

from __future__ import annotations

import re

import pytest
from test_bench_trial import trial

from gluongan.bench import Trials, report
from gluongan.bench.split import Operator


def cells(text):
    """The rows of a table, whose columns are two spaces or more apart."""
    return [re.split(r' {2,}', line.strip()) for line in text.splitlines()]


def test_a_case_has_its_rates_times_spread_and_samples():
    one = trial(0.004, 0.005, 0.006, images=64, iterations=7)
    slow = trial(1.0, 1.5, 2.0, name='slow', images=2)
    _, first, second = cells(report.table([one, slow]))
    assert first[1:] == ['200', '12,800', '5.000', '4.000', '20.0 %', '3 × 7']
    assert second == ['slow', '0.6667', '1.333', '1,500', '1,000', '33.3 %', '3 × 1']


def test_the_parts_of_an_iteration_have_their_share_and_their_sum():
    text = report.parts(trial(0.008, 0.010, 0.012), {'data': 0.003, 'updates': 0.009})
    title, *table, note = text.splitlines()
    assert title == 'parts of dense 128 cpu static'
    assert cells('\n'.join(table)) == [
        ['part', 'ms', 'share'],
        ['data', '3.000', '25.0 %'],
        ['updates', '9.000', '75.0 %'],
        ['total', '12.000'],
    ]
    assert note.endswith('without fences an iteration takes 10.000 ms.')


@pytest.mark.parametrize('count, shown', [(2, 2), (15, 15), (16, 15), (40, 15)])
def test_fifteen_operators_are_shown_and_the_others_are_summed(count, shown):
    table = [Operator(f'op{number}_update', 2.0, 0.001) for number in range(count)]
    title, _, *rows = report.operators(trial(0.01, 0.01), table).splitlines()
    assert title == "MXNet's operators in dense 128 cpu static, per iteration"
    rows = cells('\n'.join(rows))
    share = f'{100 / count:.1f} %'
    assert rows[:shown] == [[f'op{n}_update', '2.0', '1.000', share] for n in range(shown)]
    others = count - shown
    summed = [f'{others} more', f'{others:.3f}', f'{100 * others / count:.1f} %']
    assert rows[shown:] == ([summed] if others else [])


def test_operators_without_the_updates_of_the_weights_say_so():
    text = report.operators(trial(0.01, 0.01), [Operator('dot', 1.0, 0.0)])
    assert text.splitlines()[0].endswith('(the updates of the weights are not among them)')
    assert cells(text)[-1] == ['dot', '1.0', '0.000', '0.0 %']


@pytest.mark.parametrize(
    'facts, parts',
    [
        ({'threads': 1, 'cores': 2, 'gpus': 0}, ['1 thread on 2 cores, no GPU, MXNet 1.9.1']),
        ({'threads': '4', 'cores': 1, 'gpus': 1}, ['4 threads on 1 core, 1 GPU,']),
        ({'gpus': 3, 'load': [0.51234, 9.0]}, ['3 GPUs', 'load before: 0.512']),
        ({}, ['None threads', 'load before: unknown']),
    ],
)
def test_the_machine_is_said_in_one_line(facts, parts):
    line = report.machine({'processor': 'a chip', 'mxnet': '1.9.1', **facts})
    assert line.startswith('a chip, ') and all(part in line for part in parts), line


def test_each_thing_that_differs_between_sessions_is_said_once():
    environment = {name: 'same' for name in report.MACHINE}
    old = Trials((trial(0.1), trial(0.1, name='a')), environment)
    for name in report.MACHINE:
        other = Trials(old.trials, {**environment, name: 'x'})
        assert report.differences(old, other) == [f'{name} differs: same and x']
    new = Trials((trial(0.1), trial(0.1, name='b')), {**environment, 'load': 'x'})
    assert report.differences(old, new) == [
        'a: is only in the old result',
        'b: is only in the new result',
    ]
