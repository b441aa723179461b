"""The bar of commands that take a while: what is done, the time left, what goes on."""

from __future__ import annotations

import io
import logging
import re
import sys
from importlib import import_module

import numpy as np
import pytest
import tiny

import gluongan as gg
from gluongan.data import progress
from gluongan.evaluation import classifier
from gluongan.evaluation.sources import evaluate_source
from gluongan.evaluation.stages import COSTS, Stages
from gluongan.gan.inversion import Inverter
from gluongan.terminal import Bar, Pace, is_terminal

notes = import_module('gluongan.cli.notes')


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """A stream that takes the place of stderr, once it is called."""
    stream = Terminal()
    stream.watch = lambda: monkeypatch.setattr(sys, 'stderr', stream)
    return stream


@pytest.fixture
def seen():
    """The (title, done, total, text) of each record of progress."""
    found = []

    class Keep(logging.Handler):
        def emit(self, record):
            found.append((record.title, record.done, record.total, record.text))

    handler, level = Keep(), progress.log.level
    progress.log.addHandler(handler)
    progress.log.setLevel(logging.INFO)
    yield found
    progress.log.removeHandler(handler)
    progress.log.setLevel(level)


def drawn(stream):
    """What was drawn, one text for each time that the bar was."""
    text = re.sub(r'\x1b\[[?0-9;]*[A-Za-z]', '', stream.getvalue())
    return [line.strip() for line in re.split(r'[\r\n]', text) if line.strip()]


def test_progress_is_a_bar_with_the_time_left_on_a_terminal(terminal, monkeypatch):
    monkeypatch.setenv('COLUMNS', '120')
    terminal.watch()
    with notes.shown():
        for done in (1, 2, 3, 4):
            notes.print_progress('judge', done, 4, f'loss {done}', line='a line')
    lines = drawn(terminal)
    assert re.fullmatch(r'judge +\[#{18}-{6}\] +75% +0:00:\d\d left +loss 3', lines[-2])
    assert re.fullmatch(r'judge +\[#{24}\] +100% +0:00:00 left +loss 4', lines[-1])
    assert [line.rpartition(' loss ')[2] for line in lines[-4:]] == ['1', '2', '3', '4']
    assert 'a line' not in terminal.getvalue() and terminal.getvalue().count('\n') == 1


def test_progress_is_plain_lines_or_nothing_elsewhere(capsys):
    with notes.shown():
        notes.print_progress('judge', 1, 4, 'loss 1', line='a line')
        notes.print_progress('judge', 2, 4, 'loss 2')
        progress.report('evaluation', 1, 4, 'bins')
    output = capsys.readouterr()
    assert (output.out, output.err) == ('', 'a line\n')


def test_a_bar_that_is_not_full_ends_with_its_command_and_with_the_next_bar(terminal):
    terminal.watch()
    with pytest.raises(KeyError), notes.shown():
        notes.print_progress('images', 1, 4, '')
        notes.print_progress('noise', 1, 4, '')
        raise KeyError
    text = terminal.getvalue()
    assert text.count('\n') == text.count('\x1b[?25h') == 2  # the cursor is shown again


def test_no_text_beside_a_bar_acts_or_wraps(terminal, monkeypatch):
    monkeypatch.setenv('COLUMNS', '80')
    bar = Bar(4, title='a\nb', stream=terminal)
    bar.show(1, 'c\x1b[2J' + 'x' * 500)
    bar.close()
    assert '\x1b[2J' not in terminal.getvalue() and 'a\\nb' in terminal.getvalue()
    assert max(map(len, drawn(terminal))) <= 80


@pytest.mark.parametrize('columns', [60, 70, 80, 81, 94, 100, 200])
def test_parts_of_a_line_are_shown_whole_or_not_at_all(terminal, monkeypatch, columns):
    monkeypatch.setenv('COLUMNS', str(columns))
    parts = ['  80.0 it/s', '0:00:12 left', 'D loss 0.693', 'G loss 0.694', 'D(x) 0.500', 'at 0:']
    bar = Bar(100, stream=terminal)
    bar.show(50, '  '.join([*parts, 'spread 0.90', 'support 1,000']))
    bar.close()
    line = drawn(terminal)[-1]
    assert len(line) <= columns
    shown = [part for part in re.split('  +', line.partition('%')[2]) if part]
    whole = [part.strip() for part in [*parts, 'spread 0.90', 'support 1,000']]
    assert shown == whole[: len(shown)] and shown[-1] != 'at 0:'
    assert 'G loss 0.694' in shown or columns < 80


def test_the_time_left_is_by_the_pace_since_the_beginning(monkeypatch):
    clock = iter([100.0, 110.0, 110.0])
    monkeypatch.setattr('gluongan.terminal.time.perf_counter', lambda: next(clock))
    pace = Pace(200, done=50)
    assert pace.rate(100) == 5 and pace.left(100) == '0:00:20 left'


@pytest.mark.parametrize('stream', [io.StringIO(), None])
def test_what_is_no_terminal_is_none(stream, monkeypatch):
    monkeypatch.setattr(sys, 'stderr', stream)
    assert not is_terminal(stream) and is_terminal(Terminal())


def test_an_evaluation_reports_every_measurement_and_ends_full(tmp_path, seen):
    np.savez(tmp_path / 'x.npz', x=np.random.default_rng(0).integers(0, 256, (60, 8, 8), np.uint8))
    steps = []
    evaluate_source(
        tmp_path / 'x.npz',
        config=tiny.tiny(),
        on_step=lambda name, seconds: steps.append(name),
    )
    made = [name for name in steps if name in COSTS]
    told = [each for each in seen if each[0] == 'evaluation']
    assert [text for *_, text in told[: len(made)]] == made
    done = [each[1] for each in told]
    assert done[0] == 0 and done == sorted(done) and done[-1] == told[-1][2]
    assert all(total == told[0][2] for _, _, total, _ in told)
    assert done[len(made)] == sum(COSTS[name] for name in made)


def test_an_evaluation_that_measures_more_than_was_expected_stays_full(seen):
    stages = Stages(lambda name, seconds: None)
    stages.expect(['bins'])
    stages('bins', 1.0)
    stages.advance('pixels', 1.0)
    assert [each[1:3] for each in seen] == [(0, 10), (10, 10), (10, 10)]


def test_an_inversion_reports_its_steps(seen):
    net = gg.dense_generator([5, 8, 64], init='glorot', shape=(1, 8, 8))
    inverter = Inverter(net, 5, 'normal', starts=100, steps=50)
    inverter.invert(np.zeros((4, 1, 8, 8), np.float32), title='noise')
    assert seen == [('noise', done, 100, '') for done in (20, 40, 50, 70, 90, 100)]


def test_training_a_judge_shows_its_loss(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(classifier.training, 'REPORT_EVERY', 2)
    shown = []
    monkeypatch.setattr(
        import_module('gluongan.cli.judge'),
        'print_progress',
        lambda *each, line='': shown.append((*each, line)),
    )
    monkeypatch.chdir(tmp_path)
    words = ['--data', 'synthetic', '--image-size', 16, '--net', 'lenet', '--epochs', 1]
    assert tiny.gluongan('judge', 'train', *words).exit_code == 0
    titles, done, totals, texts, lines = zip(*shown)
    assert set(titles) == {'judge'} and done[-1] == totals[-1] and list(done) == sorted(done)
    assert all(re.fullmatch(r'loss \d+\.\d{4}', text) for text in texts)
    assert lines[-1] == f'{done[-1]:>7,}/{totals[-1]:,}  {texts[-1]}'
