"""The short form of the torture rack (`python tests/torture.py`), and that it notices faults."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rack import commands, field, mutate, watched, write
from rack.commands import Expected, Place

from gluongan import figures
from gluongan.errors import InputError
from gluongan.exports import verify

HERE = Path(__file__).parent
FAST = ('idx', 'npz', 'pictures', 'config', 'calibration', 'records', 'snapshot', 'judge')


@pytest.mark.parametrize('kind', FAST)
def test_mutated_files_are_refused_in_one_sentence_or_read(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])
    subject = mutate.subject(kind, tmp_path / 'seeds')
    verdicts = []
    for number in range(40):
        verdict, _, _ = watched.judge_one(subject, number, 0, tmp_path / 'case', 2**62)
        verdicts.append(verdict)
    assert set(verdicts) <= {'refused', 'loaded'}, verdicts
    assert verdicts.count('refused') > 10


@pytest.mark.parametrize(
    'part, only, cases',
    [('kill', 'sample,judge train', 6), ('write', 'sample,interpolate', 8)],
)
def test_commands_survive(part, only, cases):
    words = [sys.executable, str(HERE / 'torture.py'), part, '--only', only, '--cases', str(cases)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, cwd=HERE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f'| {part} |' in done.stdout and '| sample |' in done.stdout


# That it notices


def judged(judge, tmp_path):
    subject = watched.Subject([{'a': b'x'}], lambda random, seeds: seeds[0], judge)
    return watched.judge_one(subject, 0, 0, tmp_path / 'case', watched._memory('VmRSS'))[0]


def test_other_errors_time_and_memory_are_findings(tmp_path, monkeypatch):
    def fails(files, folder):
        raise KeyError('x')

    def computes(files, folder):
        return str(sum(range(3 * 10**6)))

    def fills(files, folder):
        return str(np.ones(2**24).sum())

    assert judged(fails, tmp_path) == "KeyError: 'x'"
    monkeypatch.setattr(watched, 'MEMORY', 2**26)
    assert judged(fills, tmp_path).startswith('took 0.1 GB')
    monkeypatch.setattr(watched, 'SECONDS', 0.001)
    assert judged(computes, tmp_path).startswith('took 0 s')
    assert watched.refusal(ValueError('two\nlines')).startswith('not one sentence')
    assert watched.refusal(InputError('one')) == 'refused'


def test_process_that_dies_is_a_finding():
    subject = watched.Subject([{'a': b'x'}], first_seed, die_at_the_third)
    result = watched.watch(subject, 5)
    assert result.verdicts == {'loaded': [0, 1, 3, 4], 'crash 3': [2]}


def first_seed(random, seeds):
    return {'number': str(random.integers(1000)).encode(), **seeds[0]}


def die_at_the_third(files, folder):
    third = str(np.random.default_rng([0, 2]).integers(1000)).encode()
    if files['number'] == third:
        os._exit(3)
    return 'loaded'


def test_what_differs_is_missing_is_left_or_is_broken_is_found(tmp_path):
    place = Place(tmp_path / 'place')
    for name, text in [('a.csv', 'x'), ('b.json', '{'), ('more.txt', ''), ('c.png', 'x')]:
        (place.work / name).write_text(text)
    (place.temporary / 'x.tmp').write_text('')
    files = {'a.csv': b'y', 'b.json': b'{', 'c.png': None, 'gone': b''}
    expected = Expected(files, 1.0, 1, set())
    assert commands.differences(files, place) == ['a.csv', 'no gone']
    assert commands.left_behind(expected, place) == ['more.txt', 'TMPDIR/x.tmp']
    assert [text.partition(' ')[0] for text in commands.unreadable(place)] == ['b.json', 'c.png']


@pytest.mark.parametrize(
    'code, line, part',
    [
        (0, 'done', 'silent'),
        (120, 'KeyError: 3', 'badly said'),
        (1, 'Error: a fault of gluongan (x); the traceback is in y.txt', 'badly said'),
        (1, 'Error: cannot be written', 'names no file'),
        (1, 'Error: .x.npy.0.1.tmp: cannot be written', 'names no file'),
    ],
)
def test_ends_that_are_not_one_sentence_with_a_file_are_found(code, line, part):
    assert write.said(None, code, line=line)[0].startswith(part)
    assert write.said(None, 1, line='Error: x.npy: cannot be written (full)') == []
    assert write.said(None, 0, allowed=(0,), line='') == []


# Inputs that people have


def few_inputs(folder):
    """Three inputs and what they hold, as in `field_facts.py`."""
    x = np.random.RandomState(0).randint(0, 256, (64, 12, 12)).astype(np.uint8)
    y = np.arange(64) % 2
    folder.mkdir()
    np.savez(folder / 'whole.npz', x_train=x, y_train=y, x_test=255 - x[:40], y_test=y[:40])
    np.savez(folder / 'wide.npz', images=x.astype(np.int64))
    (folder / 'twice.json').write_text('{"lr": 0.1, "lr": 0.2}')
    size = '12 × 12 grey; mean 0.'
    return {
        'whole.npz': (
            f'64 pictures, 2 classes (0, 1), {size}',
            f'40 pictures, 2 classes (0, 1), {size}',
        ),
        'wide.npz': (
            '64 pictures, no classes, 12 × 12 grey; read as whole numbers in [0, 255]; mean 0.',
        ),
        'twice.json': ('Error: --config PATH: is not JSON (',),
    }


def test_inputs_are_read_as_what_they_are_or_refused_by_every_command(tmp_path, monkeypatch):
    for name in ('draw_all', 'compared_curves', 'compared_samples'):
        monkeypatch.setattr(figures, name, lambda *_: None)
    monkeypatch.setattr(verify, 'same_bits', lambda *_: None)
    facts = few_inputs(tmp_path / 'in')
    monkeypatch.setattr(field, 'FACTS', facts)
    inputs = {name: tmp_path / 'in' / name for name in facts}
    results = list(field.torture_all(inputs, tmp_path / 'work'))
    assert [findings for _, _, findings in results] == [[], [], []]
    done = {name: counts['done'] for name, counts, _ in results}
    assert done['whole.npz'] > 20 and done['wide.npz'] > 5 and done['twice.json'] == 0


@pytest.mark.parametrize(
    'code, stdout, stderr, new, part',
    [
        (1, '', 'Error: a fault of gluongan (x)', [], 'failed'),
        (1, '', 'KeyError: 3', [], 'failed'),
        (3, '', 'Error: x', [], 'failed'),
        (2, 'half a result', 'Error: x', [], 'not one sentence'),
        (2, '', 'Error: ' + 'x' * 2000, [], 'not one sentence'),
        (2, '', 'Error: x', ['runs/0'], 'left'),
        (0, '', '', ['x.npy.0.1.tmp'], 'left'),
        (0, 'pixel_nn  nan  0.5', '', [], 'no number'),
        (0, '', 'a.py:3: RuntimeWarning: invalid value', [], 'a warning of Python'),
    ],
)
def test_ends_that_are_neither_a_result_nor_one_sentence_are_found(code, stdout, stderr, new, part):
    (finding,) = field.faults(field.Outcome(code, stdout, stderr, new))[:1]
    assert finding.startswith(part)
    assert field.faults(field.Outcome(2, '', 'mine: 3 pictures, \nError: x', [])) == []


def test_what_is_said_of_an_input_and_is_not_so_is_found():
    path, facts = Path('a/mine.npz'), ('3 pictures', 'all black')
    said = 'mine: 3 pictures, no classes\nWarning: mine: all black'
    outcome = field.Outcome(0, '', said, [])
    assert field.untrue(outcome, path, facts) == []
    for other in (('4 pictures', 'all black'), facts[:1], (*facts, 'x'), ('Error: x',)):
        (finding,) = field.untrue(outcome, path, other)
        assert finding.startswith('different: ')
    refused = field.Outcome(2, '', 'Error: a/mine.npz: is empty', [])
    assert field.untrue(refused, path, ('Error: PATH: is empty',)) == []
    assert field.inconsistent('sample', outcome, refused) == ['different: is not refused']
    other = field.Outcome(0, '', said.replace('3', '4'), [])
    assert field.inconsistent('evaluate', other, outcome)
    assert field.inconsistent('invert --images', other, outcome) == []
