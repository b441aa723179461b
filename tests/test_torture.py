"""The short form of the torture rack (`python tests/torture.py`), and that it notices faults."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rack import commands, mutate, watched, write
from rack.commands import Expected, Place

from gluongan import figures
from gluongan.errors import InputError

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
    assert watched.refusal(InputError('two\nlines')).startswith('not one sentence')
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
