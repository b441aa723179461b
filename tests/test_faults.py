"""Faults are planted where they are said to be, and nothing counts as caught but what is."""

from __future__ import annotations

import ast
import itertools
import subprocess
import threading
import time
from pathlib import Path

import faults
import pytest
import rack.faults
from rack.covering import Covering
from rack.faults import draw, equivalent, faults_of, found_again
from rack.suite import Run, Suite, Verdict, failures, watch

SOURCE = '''
def area(width, height=3):
    """é: bytes and characters are counted apart."""
    if width < 0 or not height:
        raise ValueError(divmod(width, height), max(width, height))
    return width * height
'''
RAISE = 'raise ValueError(divmod(width, height), max(width, height))'
EDITS = {
    ('def area(width, height=3):', 'def area(width, height=4):'),
    ('if width < 0 or not height:', 'if width <= 0 or not height:'),
    ('if width < 0 or not height:', 'if width < 1 or not height:'),
    ('if width < 0 or not height:', 'if width < 0 and (not height):'),
    (RAISE, 'pass'),
    (RAISE, 'raise ValueError(max(width, height), divmod(width, height))'),
    (RAISE, RAISE.replace('divmod(width, height)', 'divmod(height, width)')),
    ('return width * height', 'return width / height'),
}


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A small package, from which faults are drawn instead of from the real one."""
    root = tmp_path / 'root'
    for name in ('gluongan/area.py', 'cli/again.py'):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text(SOURCE, encoding='utf-8')
    (root / 'tests').mkdir()
    monkeypatch.setattr(rack.faults, 'ROOT', root)
    return root


# Drawing


def test_every_fault_of_a_module_changes_one_thing_in_it(source):
    found = list(faults_of('gluongan/area.py'))
    assert {(fault.before, fault.after) for fault in found} == EDITS
    assert len(found) == len(EDITS)
    sound = (source / 'gluongan/area.py').read_bytes()
    for fault in found:
        old = fault.old.encode()
        assert sound[fault.start :].startswith(old)
        changed = sound[: fault.start] + fault.new.encode() + sound[fault.start + len(old) :]
        assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(sound))
        assert fault.after in changed.decode() and fault.names == ('area',)


def test_modules_take_turns_and_a_seed_gives_the_same_faults(source):
    drawn = list(draw(3, ''))
    assert drawn == list(draw(3, '')) and drawn != list(draw(4, ''))
    assert len(drawn) == 2 * len(EDITS) == len(set(drawn))
    for first, second in zip(drawn[::2], drawn[1::2]):
        assert {first.path, second.path} == {'gluongan/area.py', 'cli/again.py'}
    assert {fault.path for fault in draw(3, 'cli/')} == {'cli/again.py'}


def test_faults_are_found_again_where_other_lines_have_changed(source):
    rows = [fault._asdict() for fault in faults_of('gluongan/area.py')]
    path = source / 'gluongan/area.py'
    path.write_text('import os\n' + SOURCE.replace('width * height', 'width + height'))
    again = list(found_again(rows))
    assert {(fault.before, fault.after) for fault in again} == {
        edit for edit in EDITS if edit[0] != 'return width * height'
    }
    path.unlink()
    assert list(found_again(rows)) == []


def test_every_fault_that_is_listed_as_equivalent_is_possible_and_has_a_reason():
    rows = equivalent()
    for path, texts in itertools.groupby(sorted(rows), key=lambda text: text[0]):
        assert set(texts) <= {fault.text for fault in faults_of(path)}
    assert all(len(why.split()) > 4 for why in rows.values())


# What counts as caught


class Scripted(Suite):
    """A suite whose runs are what a table says, with a fault and without."""

    def __init__(self, folder, root, table):
        super().__init__(folder, root=root)
        self.table, self.is_planted, self.known = table, False, self.root / 'gluongan/area.py'
        self.calls = []

    def concerned(self, fault):
        return ['tests/test_a.py', 'tests/test_b.py']

    def run(self, tests, seconds, *words):
        (test,) = tests
        planted = self.known.read_text(encoding='utf-8') != SOURCE
        self.calls.append((test, planted))
        skipped = set(words[2::2])
        failed, took = self.table.get((test, planted), ([], 1.0))
        failed = [each for each in failed if each not in skipped]
        return Run(failed[:1] if '-x' in words else failed, took <= seconds, min(took, seconds))


A, X, Y = 'tests/test_a.py', 'tests/test_a.py::x', 'tests/test_a.py::y'
FAILS, HANGS, SLOW = ([X], 1.0), ([], 1e9), ([], 400.0)
CASES = {
    'nothing fails': ({}, ('survives', None)),
    'a test fails twice': ({(A, True): FAILS, (X, True): FAILS}, ('caught', X)),
    'a test fails once': ({(A, True): FAILS}, ('survives', None)),
    'a test fails without the fault, too': (
        {(A, True): FAILS, (X, True): FAILS, (X, False): FAILS},
        ('survives', None),
    ),
    'another test fails beside it': (
        {(A, True): ([X, Y], 1.0), (X, True): FAILS, (X, False): FAILS, (Y, True): ([Y], 1.0)},
        ('caught', Y),
    ),
    'the file cannot be collected': ({(A, True): ([A], 1.0)}, ('caught', A)),
    'the file can never be collected': (
        {(A, True): ([A], 1.0), (A, False): ([A], 1.0)},
        ('survives', None),
    ),
    'pytest dies': ({(A, True): (['exit code 139'], 1.0)}, ('caught', 'exit code 139')),
    'the file hangs': ({(A, True): HANGS}, ('caught', f'{A} hangs')),
    'the file hangs without the fault, too': (
        {(A, True): HANGS, (A, False): HANGS},
        ('undecided', None),
    ),
    'the file is slow': ({(A, True): SLOW, (A, False): SLOW}, ('survives', None)),
}


@pytest.mark.parametrize('table, expected', CASES.values(), ids=CASES)
def test_a_fault_is_caught_by_what_fails_because_of_it(tmp_path, source, table, expected):
    suite = Scripted(tmp_path, source, table)
    fault = next(faults_of('gluongan/area.py'))
    verdict = suite.judge(fault, 1000)
    assert (verdict.outcome, verdict.test) == expected
    assert suite.known.read_text(encoding='utf-8') == SOURCE
    assert suite.calls[0] == (A, True) and verdict.of == 2


def test_a_fault_whose_time_is_over_is_undecided(tmp_path, source):
    suite = Scripted(tmp_path, source, {(A, True): ([], 60.0)})
    fault = next(faults_of('gluongan/area.py'))
    assert suite.judge(fault, 50) == Verdict('undecided', None, 1, 2)
    assert suite.judge(fault, 70) == Verdict('survives', None, 2, 2)


def test_what_names_the_function_or_its_caller_is_tried_and_the_nearest_first(tmp_path, source):
    texts = {f'test_{number:02}.py': 'other' for number in range(12)}
    texts |= {'test_99.py': 'area(1)', 'test_98.py': 'paint(1)', 'test_97.py': 'unused(1)'}
    for name, text in texts.items():
        (source / 'tests' / name).write_text(text)
    (source / 'cli/paint.py').write_text('def paint(x):\n    return area(x)\n')
    suite = Suite(tmp_path, root=source)
    tests = suite.concerned(next(faults_of('gluongan/area.py')))
    assert tests[:2] == ['tests/test_99.py', 'tests/test_98.py']
    assert len(tests) == 10 and 'tests/test_97.py' not in tests


def test_failures_are_read_from_what_pytest_prints():
    lines = 'FAILED tests/a.py::x[1 2] - assert 0\nERROR tests/b.py\nFAILED tests/a.py::y\n'
    assert failures(lines, 1) == ['tests/a.py::x[1 2]', 'tests/b.py', 'tests/a.py::y']
    assert failures('3 passed', 0) == failures('1 deselected', 5) == []
    assert failures('Segmentation fault', 139) == ['exit code 139']


def test_a_paused_group_stands_still_and_its_time_does_not_count(tmp_path):
    pause, states = tmp_path / 'pause', []
    pause.touch()
    process = subprocess.Popen(['sleep', '30'], start_new_session=True)

    def resume():
        time.sleep(0.15)
        states.append(Path(f'/proc/{process.pid}/stat').read_text().split()[2])
        pause.unlink()

    thread = threading.Thread(target=resume)
    thread.start()
    begin = time.monotonic()
    used, paused = watch(process, 0.1, pause)
    elapsed = time.monotonic() - begin
    process.kill()
    process.wait()
    thread.join()
    assert states == ['T'] and paused
    assert 0.1 <= used <= elapsed - 0.14


def test_the_score_names_equivalent_and_undecided_faults_apart():
    found = ['caught'] * 17 + ['equivalent'] * 2 + ['undecided', 'survives']
    line = faults.score(found)
    assert line.startswith('21 planted: 17 caught, 2 equivalent, 1 undecided, 1 survive;')
    assert line.endswith('caught/planted 81.0%, caught/(planted - equivalent) 89.5%')


# What runs a line


@pytest.fixture
def covering(tmp_path):
    """The record of two tests that run different lines of a small module."""
    coverage = pytest.importorskip('coverage')
    path = str(tmp_path / 'root' / 'gluongan' / 'gan' / 'noise.py')
    data = coverage.CoverageData(str(tmp_path / 'record'))
    runs = {
        '': [2],
        'tests/test_noise.py::positive|run': [3, 5],
        'tests/test_noise.py::negative[-1|2]|run': [3, 4],
        'tests/test_cli.py::everything (call)': [2, 3, 4, 5],
    }
    for context, lines in runs.items():
        data.set_context(context)
        data.add_lines({path: lines})
    data.write()
    return Covering(tmp_path / 'record')


def test_tests_that_run_a_line_are_known_nearest_file_first_and_narrowest_test_first(covering):
    files = ['tests/test_cli.py', 'tests/test_noise.py']
    positive, negative = 'tests/test_noise.py::positive', 'tests/test_noise.py::negative[-1|2]'
    everything = 'tests/test_cli.py::everything'
    assert covering.of('gluongan/gan/noise.py', 3, files) == [everything, negative, positive]
    assert covering.of('gluongan/gan/noise.py', 3, files[::-1]) == [negative, positive, everything]
    assert covering.of('gluongan/gan/noise.py', 5, files) == [everything, positive]
    assert covering.of('gluongan/gan/noise.py', 9, files) == []
    assert covering.of('gluongan/gan/other.py', 3, files) == []
    assert covering.of('gluongan/gan/noise.py', 2, files) == [everything]


def test_tests_that_run_the_line_are_tried_before_files_and_decide_only_where_they_fail(
    tmp_path, source
):
    class Nearest:
        def of(self, path, line, files):
            assert path == 'gluongan/area.py' and files == [A, 'tests/test_b.py']
            return [X, Y]

    class Single(Scripted):
        def run(self, tests, seconds, *words):
            if list(tests) == [X, Y]:
                self.calls.append(('nearest', True))
                return Run(self.together, True, 1.0)
            return super().run(tests, seconds, *words)

    fault = next(faults_of('gluongan/area.py'))
    for together, failing, outcome in (
        ([X], {(X, True): FAILS}, Verdict('caught', X, 0, 2)),
        ([], {}, Verdict('survives', None, 2, 2)),
        ([], {(A, True): FAILS, (X, True): FAILS}, Verdict('caught', X, 1, 2)),
        (['exit code 4'], {}, Verdict('survives', None, 2, 2)),
    ):
        suite = Single(tmp_path / f'{len(list(tmp_path.iterdir()))}', source, failing)
        suite.together, suite.covering = together, Nearest()
        assert suite.judge(fault, 1000) == outcome
        assert suite.calls[0] == ('nearest', True)


def test_faults_that_others_plant_are_skipped_and_numbers_stay():
    assert list(faults.chosen('abcdef', 2, 3)) == [(2, 'c'), (3, 'd'), (4, 'e')]
    assert list(faults.chosen('abc', 2, 3)) == [(2, 'c')]
