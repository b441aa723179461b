"""Whatever the environment says about threads, a run computes what one thread computes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from gluongan.runtime import choose_threads, usable_cores

CORES = usable_cores()
ALL = {f'OMP_NUM_THREADS={CORES}', 'one per core'}  # what decides where nothing limits
FIRST = min(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else 0
ABOUT_THREADS = ('OMP_', 'GOMP_', 'KMP_', 'MKL_', 'MXNET_')


def run(code, **environment):
    """Run code in a new process whose environment says about threads only what is given."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(ABOUT_THREADS)
    }
    return subprocess.run(
        [sys.executable, '-c', code],
        capture_output=True,
        text=True,
        timeout=60,
        env={**clean, **environment},
        check=False,
    )


# The choice


@pytest.mark.parametrize(
    ('text', 'count', 'source'),
    [
        ('1', 1, 'OMP_NUM_THREADS'),
        ('3', 3, 'OMP_NUM_THREADS'),
        ('4', 4, 'OMP_NUM_THREADS'),
        (' 2 ', 2, 'OMP_NUM_THREADS'),
        ('+2', 2, 'OMP_NUM_THREADS'),
        ('02', 2, 'OMP_NUM_THREADS'),
        ('2,1', 2, 'OMP_NUM_THREADS'),
        ('1,4', 1, 'OMP_NUM_THREADS'),
        (' 3 , 2', 3, 'OMP_NUM_THREADS'),
        ('5', 4, 'one per core'),
        ('64', 4, 'one per core'),
        ('99999999999999999999', 4, 'one per core'),
        ('9' * 5000, 4, 'one per core'),
        ('1e9', 4, 'one per core'),
        ('2.0', 4, 'one per core'),
        ('0', 4, 'one per core'),
        ('-1', 4, 'one per core'),
        ('abc', 4, 'one per core'),
        (',2', 4, 'one per core'),
        ('', 4, 'one per core'),
    ],
)
def test_number_of_threads_is_the_first_number_given_and_at_most_one_per_core(text, count, source):
    threads = choose_threads({'OMP_NUM_THREADS': text}, 4)
    assert threads[:3] == (count, source, 4)
    assert threads.ignored == (() if source == 'OMP_NUM_THREADS' else (f'OMP_NUM_THREADS={text}',))


@pytest.mark.parametrize(
    ('name', 'text', 'count'),
    [
        ('OMP_THREAD_LIMIT', '1', 1),
        ('OMP_THREAD_LIMIT', '2', 2),
        ('OMP_THREAD_LIMIT', '9', 3),
        ('OMP_THREAD_LIMIT', '0', 3),
        ('OMP_THREAD_LIMIT', 'abc', 3),
        ('MXNET_OMP_MAX_THREADS', '2', 2),
        ('MXNET_OMP_MAX_THREADS', 'abc', 3),
        ('OMP_MAX_ACTIVE_LEVELS', '0', 1),
        ('OMP_MAX_ACTIVE_LEVELS', '1', 3),
        ('OMP_DYNAMIC', 'true', 3),
        ('OMP_STACKSIZE', '1', 3),
    ],
)
def test_limits_are_kept_and_everything_else_is_named_as_ignored(name, text, count):
    threads = choose_threads({name: text, 'OMP_NUM_THREADS': '3', 'MKL_NUM_THREADS': '1'}, 4)
    limits = count < 3
    assert threads.count == count
    assert threads.source == (name if limits else 'OMP_NUM_THREADS')
    assert threads.ignored == (('OMP_NUM_THREADS=3',) if limits else (f'{name}={text}',))


@pytest.mark.parametrize(
    ('quota', 'count'), [('200000 100000', 2), ('50000 100000', 1), ('max 100000', 8)]
)
def test_quota_of_a_container_limits_the_threads(tmp_path, monkeypatch, quota, count):
    monkeypatch.setattr(os, 'sched_getaffinity', lambda pid: set(range(8)), raising=False)
    (tmp_path / 'cpu.max').write_text(quota)
    cores = usable_cores(tmp_path / 'cpu.max')
    assert choose_threads({'OMP_NUM_THREADS': '64'}, cores).count == count
    assert choose_threads({}, cores)[:3] == (count, 'one per core', count)


# New processes

TRAIN = """
import ctypes, dataclasses, json, os
BEFORE
from gluongan import build, runtime
from gluongan.recipes import recipe
config = dataclasses.replace(recipe('dense'), data='synthetic', gen_hidden=(64, 128), dis_hidden=(128,))
updater = build.make_updater(config, build.load_data(config))
for _ in range(3):
    updater.update()
updater.drain()
losses = [[float(value) for value in observation[1:3]] for observation in updater.take()]
facts = {'threads': runtime.threads(), 'losses': losses, **runtime.describe()}
print(json.dumps(facts))
"""
PRELOAD = "ctypes.CDLL('libgomp.so.1').omp_get_max_threads()"


def train(before='', **environment):
    """Return the facts and losses of three iterations in a new process, and its stderr."""
    process = run(TRAIN.replace('BEFORE', before), **environment)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout), process.stderr


@pytest.fixture(scope='module')
def one_thread():
    facts, stderr = train(OMP_NUM_THREADS='1')
    assert facts['threads'] == '1' and not stderr
    return facts['losses']
