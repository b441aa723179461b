"""`--threads auto|N`: what it changes, what it refuses, and what `doctor` and a resume say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
import tiny
from gluongan.cli import main

from gluongan import figures, launch, runtime
from gluongan.errors import as_typed
from gluongan.threads import usable_cores

CORES = usable_cores()
OWNER = "in gluongan's pool" if runtime.THREADS.in_pool else "OpenMP's"
NEED_NO_THREADS = {'cache', 'compare', 'completion', 'data', 'list', 'plot', 'recipes', 'runs'}
NEED_NO_THREADS |= {'report', 'summary', 'watch'}

# Drawing takes a second.
WITHOUT_FIGURES = """
from gluongan import figures
from gluongan.cli import main
figures.draw_all = lambda run: []
main()
"""


def run(*words, **environment):
    """Run a command in a new process, with these variables alone about threads."""
    clean = {name: text for name, text in os.environ.items() if not name.startswith('OMP_')}
    process = subprocess.run(
        [sys.executable, '-c', WITHOUT_FIGURES, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**clean, **environment},
        cwd=Path(__file__).parent,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return process


def commands(group=main):
    """Every command, those of groups too."""
    for command in group.commands.values():
        if isinstance(command, click.Group):
            yield from commands(command)
        else:
            yield command


@pytest.mark.parametrize('command', list(commands()), ids=lambda command: command.name)
def test_every_command_that_computes_has_the_flag(command):
    flags = {flag for parameter in command.params for flag in parameter.opts}
    assert ('--threads' in flags) == (command.name not in NEED_NO_THREADS)


# What it changes


@pytest.mark.parametrize(
    ('words', 'environment', 'threads', 'source'),
    [
        (['--threads', '1'], {}, 1, '--threads'),
        (['--threads', str(CORES)], {'OMP_NUM_THREADS': '1'}, CORES, '--threads'),
        (['--threads', 'auto'], {'OMP_NUM_THREADS': '1'}, 1, 'OMP_NUM_THREADS'),
        ([], {}, CORES, 'one per core'),
    ],
    ids=str,
)
def test_a_run_has_the_threads_that_were_asked_for(tmp_path, words, environment, threads, source):
    small = tiny.flags(iterations=1)
    run('train', *small, '--out', tmp_path, *words, **environment)
    (folder,) = tmp_path.iterdir()
    facts = json.loads((folder / 'environment.json').read_text())
    assert (facts['threads'], facts['threads_from']) == (str(threads), source)
    assert 'threads' not in json.loads((folder / 'config.json').read_text())


IN_A_PROGRAM = """
import sys
from gluongan import runtime
from gluongan.cli import main
try:
    main(['doctor', '--threads', '1'])
except SystemExit:
    print(runtime.threads(), runtime.THREADS.source)
    main(['doctor', '--threads', '2'])
"""


@pytest.mark.skipif(CORES == 1, reason='one core')
def test_where_mxnet_is_loaded_fewer_threads_are_used_and_more_are_refused():
    process = subprocess.run(
        [sys.executable, '-c', IN_A_PROGRAM],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, 'OMP_NUM_THREADS': '2'},
        cwd=Path(__file__).parent,
        check=False,
    )
    assert process.stdout.splitlines()[-1] == '1 --threads'
    assert process.returncode == 2
    assert process.stderr == (
        'Error: --threads 2: must be a whole number from 1 to 1, the number that computes now; '
        'for more, set OMP_NUM_THREADS before MXNet is loaded\n'
    )


# What it refuses


@pytest.mark.parametrize('text', ['0', '-1', '1.0', 'two', '', '²', str(CORES + 1), '9' * 50])
def test_what_is_no_number_of_usable_cores_is_refused(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr('gluongan.threads._request', None)
    message = tiny.refused('train', '--threads', text)
    allowed = f'must be auto, or a whole number from 1 to {CORES} (the usable cores)'
    assert message == f'--threads {as_typed(text)}: {allowed}'
    assert not list(tmp_path.iterdir())


def test_more_than_a_limit_in_the_environment_is_refused_with_its_name(monkeypatch):
    monkeypatch.setattr('gluongan.threads.usable_cores', lambda: 4)
    monkeypatch.setenv('OMP_THREAD_LIMIT', '3')
    message = tiny.refused('doctor', '--threads', '4')
    allowed = 'must be auto, or a whole number from 1 to 3 (OMP_THREAD_LIMIT)'
    assert message == f'--threads 4: {allowed}'


def test_bench_refuses_it_where_nothing_is_timed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr('gluongan.threads._request', None)
    message = tiny.refused('bench', '--compare', 'old.json', 'new.json', '--threads', '1')
    assert message == '--threads: has no effect with --compare; must be used without it'


# What is said


def test_doctor_names_the_threads_their_source_and_what_has_no_effect():
    process = run('doctor', OMP_THREAD_LIMIT='1', OMP_DYNAMIC='TRUE', OMP_NUM_THREADS='1')
    lines = process.stdout.splitlines()
    place = lines.index(f'threads       1 (OMP_NUM_THREADS), {OWNER}')
    assert lines[place + 1 : place + 3] == [
        '              without effect on threads: OMP_DYNAMIC=TRUE',
        '              without effect on threads: OMP_THREAD_LIMIT=1',
    ]


def test_doctor_names_the_flag():
    lines = run('doctor', '--threads', '1', OMP_NUM_THREADS='2').stdout.splitlines()
    place = lines.index(f'threads       1 (--threads), {OWNER}')
    assert lines[place + 1] == '              without effect on threads: OMP_NUM_THREADS=2'


@pytest.mark.skipif(CORES == 1, reason='one core')
def test_threads_that_openmp_does_not_give_are_said():
    first = min(os.sched_getaffinity(0))
    process = run('doctor', '--threads', '2', OMP_PLACES=f'{{{first}}}')
    assert f'threads       1 (one per core), {OWNER}' in process.stdout.splitlines()
    assert process.stderr == 'Warning: --threads 2: 1 is used (one per core)\n'


@pytest.fixture
def environment_of_run(tmp_path, monkeypatch):
    """The environment.json of a run that was stopped after iteration 2."""
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])  # takes a second
    return tiny.begun(tmp_path, until=2).folder / 'environment.json'


@pytest.mark.parametrize(
    ('changes', 'said'),
    [
        ({'threads': '7'}, 'threads 7, now {threads}'),
        ({'mxnet': '1.8.0', 'threads': '7'}, 'mxnet 1.8.0, now {mxnet}; threads 7, now {threads}'),
    ],
    ids=str,
)
def test_a_resume_with_other_threads_warns_in_one_line(environment_of_run, changes, said):
    facts = json.loads(environment_of_run.read_text())
    environment_of_run.write_text(json.dumps({**facts, **changes}))
    warnings = []
    tiny.resumed(environment_of_run.parent, until=3, warn=warnings.append)
    now = launch.describe_environment()
    (warning,) = warnings
    assert warning == (
        f'{environment_of_run.parent} was begun with {said.format_map(now)}: the bits of what '
        'follows may not be those of a run without a break'
    )


def test_a_resume_in_the_same_environment_and_from_an_unreadable_one_warns_of_nothing(
    environment_of_run,
):
    tiny.resumed(environment_of_run.parent, until=3)  # a warning is a failure
    environment_of_run.write_text('{')
    tiny.resumed(environment_of_run.parent, until=4)
