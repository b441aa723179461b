"""The ranks of the real horovodrun, where Horovod is built (docs/scaling.md): pytest -m horovod."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tiny

from gluongan import snapshot
from gluongan.recipes import RECIPES
from gluongan.runs.snapshots import list_snapshots

MISSING = shutil.which('horovodrun') is None or importlib.util.find_spec('horovod') is None
pytestmark = [
    pytest.mark.horovod,
    pytest.mark.skipif(MISSING, reason='Horovod is not installed'),
]

COMMAND = 'from gluongan.cli import main; main(prog_name="gluongan")'
LONGEST = 300  # seconds, on a busy machine
SMALL = tiny.flags(iterations=40, snapshot_every=10, log_every=1, batch=32)


def start(place, *words):
    """Begin a training on two ranks, its runs in `place`."""
    place.mkdir(exist_ok=True)
    run = [sys.executable, '-c', COMMAND, 'train', *map(str, words)]
    return subprocess.Popen(
        ['horovodrun', '--gloo', '-np', '2', *run],
        cwd=place,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path), 'OMP_NUM_THREADS': '1'},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def train(place, *words):
    process = start(place, *words)
    said, _ = process.communicate(timeout=LONGEST)
    assert process.returncode == 0, said
    return said


def newest(place):
    (run,) = (place / 'runs').glob('0*')
    arrays, meta = snapshot.read(list_snapshots(run)[-1][1])
    return run, arrays, meta


def assert_same(one, other):
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[name], other[name]) for name in one)


@pytest.fixture(scope='module')
def straight(tmp_path_factory):
    """A run of 40 iterations without a break, and what was said."""
    place = tmp_path_factory.mktemp('straight')
    return place, train(place, *SMALL)


def test_two_ranks_make_one_run_and_the_first_speaks(straight):
    place, said = straight
    run, _, meta = newest(place)
    assert meta['iteration'] == 40
    assert json.loads((run / 'environment.json').read_text())['ranks'] == 2
    assert len(re.findall('iterations 0 to 40 in', said)) == 1
    assert os.listdir(place) == ['runs']


def test_the_same_ranks_make_the_same_bits(straight, tmp_path):
    train(tmp_path, *SMALL)
    assert_same(newest(straight[0])[1], newest(tmp_path)[1])


def wait_until_trained(process, place, iteration):
    end = time.monotonic() + LONGEST
    while not any(
        float(line.split(',')[0]) >= iteration
        for path in (place / 'runs').glob('0*/log.csv')
        for line in path.read_text().splitlines()[1:]
    ):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.05)


LONG = tiny.flags(iterations=100_000, snapshot_every=10, log_every=1, batch=32)


def ranks_of(place):
    """The processes that train in a folder."""
    found = []
    for process in filter(str.isdecimal, os.listdir('/proc')):
        try:
            with open(f'/proc/{process}/cmdline', 'rb') as file:
                words = file.read().split(b'\0')
            is_rank = COMMAND.encode() in words and words[0] == sys.executable.encode()
            if is_rank and os.path.samefile(f'/proc/{process}/cwd', place):
                found.append(int(process))
        except OSError:
            continue
    return found


def test_killed_rank_ends_all_within_ten_seconds_and_the_run_goes_on(straight, tmp_path):
    process = start(tmp_path, *LONG)
    wait_until_trained(process, tmp_path, 15)
    ranks = ranks_of(tmp_path)
    assert len(ranks) == 2
    begin = time.monotonic()
    os.kill(max(ranks), signal.SIGKILL)
    process.communicate(timeout=LONGEST)
    assert time.monotonic() - begin < 10
    assert process.returncode != 0 and not ranks_of(tmp_path)
    run, _, meta = newest(tmp_path)
    goal = meta['iteration'] + 5
    train(tmp_path, '--resume', run, '--iterations', goal)
    assert newest(tmp_path)[2]['iteration'] == goal


def test_stopped_run_goes_on_to_the_same_bits(straight, tmp_path):
    process = start(tmp_path, *LONG)
    wait_until_trained(process, tmp_path, 3)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=LONGEST)
    run, _, meta = newest(tmp_path)
    assert 3 <= meta['iteration'] < 100_000 and not ranks_of(tmp_path)
    if meta['iteration'] < 40:
        said = train(tmp_path, '--resume', run, '--iterations', 40)
        assert 'bits' not in said
        assert_same(newest(straight[0])[1], newest(tmp_path)[1])


def test_one_process_goes_on_with_the_run_of_two_ranks(straight, tmp_path):
    shutil.copytree(straight[0] / 'runs', tmp_path / 'runs')
    run, _, _ = newest(tmp_path)
    result = tiny.gluongan('train', '--resume', run, '--iterations', 42)
    assert result.exit_code == 0, result.stderr
    assert 'ranks 2, now 1' in result.stderr
    assert newest(tmp_path)[2]['iteration'] == 42


@pytest.mark.parametrize('name', RECIPES)
def test_every_recipe_trains_on_two_ranks(name, tmp_path):
    flags = ['--recipe', name, '--batch', '8', '--iterations', '2', '--samples', '4']
    train(tmp_path, *flags)
    assert newest(tmp_path)[2]['iteration'] == 2
