"""How commands end: a result or one sentence with its exit code, also where nobody foresaw it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
import tiny
from gluongan.cli import COMMANDS, doctor, exits, main, plot

from gluongan import figures
from gluongan.runs import folder

GLUONGAN = [sys.executable, '-c', 'from gluongan.cli import main; main()']
UNDRAWN = [
    sys.executable,
    '-c',
    'from gluongan import cli, figures; figures.draw_all = lambda run: []; cli.main()',
]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


# Errors of click have the form of ours

FAULTS = {
    'foo': 'foo: is not a command; must be one of bench, ',
    '--foo': '--foo: is not an option of `gluongan`; must be one that `gluongan --help` lists',
    'train --ite 5': '--ite: is not an option of `gluongan train`; must be one that ',
    'train --seed': '--seed: is given without its value; must be followed by a value',
    'bench --compare a': '--compare: is given without its value; must be followed by 2 values',
    'train --seed a': '--seed a: must be a whole number from 0 to 2,147,483,647',
    'sample': 'RUN|EXPORT: is missing; must be given, as `gluongan sample --help` says',
    'export run': '--out: is missing; must be given, as `gluongan export --help` says',
    'plot a b c': 'b c: is too much; must be left out, as `gluongan plot --help` says',
    'interpolate run --steps 0': '--steps 0: must be a whole number from 1 to 1,000',
    'interpolate run --steps x': '--steps x: must be a whole number from 1 to 1,000',
    'invert run --prior x': '--prior x: must be a number from 0 to 100',
    'export run --out x --network z': '--network z: must be gen or dis',
    'judge foo': 'foo: is not a command; must be one of calibrate, list, train',
    'judge train --net x': '--net x: must be lenet, resnet20 or autoencoder',
}


@pytest.mark.parametrize('words, message', FAULTS.items(), ids=FAULTS)
def test_error_of_click_is_one_line_of_what_was_given_and_what_is_allowed(words, message):
    result = tiny.gluongan(*words.split())
    assert result.exit_code == 2 and not result.stdout
    (line,) = result.stderr.splitlines()
    assert line.startswith(f'Error: {message}') and not line.endswith('.')


def test_no_command_is_help_and_help_is_success():
    assert tiny.gluongan().exit_code in (0, 2)  # by the version of click
    for words in (['--help'], ['train', '-h'], ['--version']):
        assert tiny.gluongan(*words).exit_code == 0


# The unexpected


def fail(*_, **__):
    raise KeyError('nobody\nforesaw')


def traceback_in(message):
    return Path(message.partition('the traceback is in ')[2].partition(';')[0])


def make_run(path):
    path.mkdir(parents=True)
    (path / folder.CONFIG).write_text('{}')
    (path / folder.FACTS).write_text('{}')
    return path


def test_unexpected_error_is_one_sentence_and_a_file_beside_the_run(here, monkeypatch):
    run = make_run(here / 'runs' / '00000-x')
    monkeypatch.setattr(figures, 'draw_all', fail)
    for number in ('', '-2'):  # a second one does not replace the first
        result = tiny.gluongan('plot', run)
        (line,) = result.stderr.splitlines()
        assert result.exit_code == 1 and line.startswith("Error: a fault of gluongan (KeyError: '")
        assert 'please report it' in line
        file = traceback_in(line)
        assert file == here / 'runs' / f'00000-x-gluongan-traceback{number}.txt'
        text = file.read_text()
        assert 'command: gluongan' in text and 'in fail' in text and 'Traceback' in text


def test_without_a_run_the_file_is_in_the_current_folder_or_else_with_temporary_files(
    here, monkeypatch
):
    monkeypatch.setattr(doctor, 'callback', fail)
    assert traceback_in(tiny.gluongan('doctor').stderr).resolve().parent == here
    (here / 'temporary').mkdir()
    monkeypatch.setattr(exits.tempfile, 'gettempdir', lambda: str(here / 'temporary'))

    def write(path, text):
        if not path.is_absolute():
            raise PermissionError(13, 'no', str(path))
        path.write_text(text)

    monkeypatch.setattr(exits, 'write_text', write)
    assert traceback_in(tiny.gluongan('doctor').stderr).parent == here / 'temporary'
    (here / 'temporary').rename(here / 'gone')
    assert 'its traceback could not be written' in tiny.gluongan('doctor').stderr


def test_no_memory_in_mxnet_is_said_so(here, monkeypatch):
    def fail(run):
        raise RuntimeError('std::bad_alloc')

    monkeypatch.setattr(figures, 'draw_all', fail)
    message = tiny.refused('plot', make_run(here / 'run'), code=1)
    assert message == 'out of memory (RuntimeError: std::bad_alloc)'


def test_errors_of_the_package_keep_their_own_sentence_wherever_they_arise(monkeypatch):
    monkeypatch.setattr(plot, 'callback', lambda run: (_ for _ in ()).throw(OSError(5, 'no', 'f')))
    assert tiny.refused('plot', 'run', code=1) == 'f: no'


# Ctrl-C


@pytest.mark.parametrize('command', COMMANDS, ids=lambda command: command.name)
def test_ctrl_c_ends_every_command_with_130(command, monkeypatch):
    def interrupted(context):
        raise KeyboardInterrupt

    monkeypatch.setattr(click.Command, 'invoke', lambda self, context: interrupted(context))
    if isinstance(command, click.Group):
        words = [command.name, next(iter(command.commands))]
    else:
        words = [command.name, *['x' for p in command.params if isinstance(p, click.Argument)]]
    words += ['--out', 'x'] if command.name == 'export' else []
    result = tiny.gluongan(*words)
    assert result.exit_code == 130 and result.stderr.strip() == 'Stopped'


WRITE = (
    'import time; from pathlib import Path; from gluongan.cli import main, plot\n'
    'from gluongan.files import replacing\n'
    'def write(run):\n'
    '    with replacing(run / "x.png") as temporary:\n'
    '        temporary.write_text("half"); print("ready", flush=True); time.sleep(60)\n'
    'plot.callback = write; main()'
)


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_command_that_is_asked_to_end_leaves_no_half_of_a_file(here, number):
    command = [sys.executable, '-c', WRITE, 'plot', here]
    pipes = {'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as process:
        process.stdout.readline()
        assert len(list(here.iterdir())) == 1
        process.send_signal(number)
        assert process.wait(30) == 128 + number
        assert process.stderr.read().strip() == b'Stopped'
    assert not list(here.iterdir())


def test_command_under_nohup_goes_on_when_the_terminal_closes(here):
    code = 'import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); ' + WAIT
    with subprocess.Popen([sys.executable, '-c', code, 'plot', 'x'], stdout=-1) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.kill()


WAIT = (
    'import time; from gluongan.cli import main, plot\n'
    'def wait(run):\n'
    '    while True:\n'
    '        try: print("ready", flush=True); time.sleep(60)\n'
    '        except KeyboardInterrupt:\n'
    '            if run.name == "deaf": continue\n'
    '            raise\n'
    'plot.callback = wait; main()'
)


@pytest.mark.parametrize('name, code', [('run', 130), ('deaf', -signal.SIGINT)])
def test_second_ctrl_c_kills_where_the_first_was_swallowed(name, code):
    command = [sys.executable, '-c', WAIT, 'plot', name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        if name == 'deaf':
            time.sleep(0.3)
            process.send_signal(signal.SIGINT)
        assert process.wait(30) == code
        assert b'Traceback' not in process.stderr.read()


SWALLOW = (
    'import os, signal, time; from gluongan.cli import main, plot\n'
    'class Deaf:\n'
    '    def __init__(self, sends): self.sends = sends\n'
    '    def __del__(self):\n'
    '        if self.sends: os.kill(os.getpid(), NUMBER)\n'
    '        time.sleep(0.1)\n'
    'def swallow(run):\n'
    '    for sends in (True, False, False): Deaf(sends)\n'
    '    time.sleep(30)\n'
    'plot.callback = swallow; main()'
)


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGHUP])
def test_signal_that_a_destructor_swallows_comes_again(number):
    code = SWALLOW.replace('NUMBER', str(int(number)))
    result = subprocess.run([sys.executable, '-c', code, 'plot', 'x'], capture_output=True)
    assert result.returncode == 128 + number
    assert result.stderr.strip() == b'Stopped'


# Pipes that nobody reads


DRY_RUN = ['train', '--dry-run', '--data', 'synthetic']


@pytest.mark.parametrize('words', [['recipes'], ['train', '--help'], DRY_RUN])
def test_broken_pipe_is_silent(words):
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.run([*GLUONGAN, *words], stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert process.returncode == 128 + signal.SIGPIPE
    assert b'Error' not in process.stderr and b'Traceback' not in process.stderr


@pytest.mark.parametrize('closed', ['2>&-', '>&- 2>&-', '<&- >&- 2>&-'])
def test_a_run_is_trained_where_streams_are_closed(here, closed):
    words = [*tiny.flags(iterations=2), '--out', 'runs']
    command = f'exec "$0" "$@" {closed}'
    command_line = GLUONGAN if closed.startswith('<') else UNDRAWN  # figures take a second
    process = subprocess.run(['sh', '-c', command, *command_line, 'train', *map(str, words)])
    assert process.returncode == 0
    assert (here / 'runs' / '00000-dense-synthetic' / 'log.jsonl').is_file()
    assert not list(here.rglob(f'*{folder.TRACEBACK}*'))


def test_a_reader_who_goes_while_a_command_prints_is_no_problem_of_the_machine():
    """`gluongan doctor | head -1`: exit code 1 would say that training does not work."""
    reading, writing = os.pipe()
    with subprocess.Popen([*GLUONGAN, 'doctor'], stdout=writing, stderr=subprocess.PIPE) as process:
        os.close(writing)
        os.read(reading, 5)
        os.close(reading)
        assert process.stderr.read() == b''
    assert process.returncode == 128 + signal.SIGPIPE


def test_main_is_that_group():
    assert isinstance(main, exits.CommandLine)


def test_a_click_without_the_newest_error_answers_a_wrong_command_in_one_sentence(here):
    """The last click for Python 3.9 is older than 8.2, which brought `NoArgsIsHelpError`."""
    code = (
        'import click; del click.exceptions.NoArgsIsHelpError\n'
        'from gluongan.cli import main; main(["nope"], prog_name="gluongan")'
    )
    run = subprocess.run([sys.executable, '-c', code], cwd=here, capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (2, '')
    assert run.stderr.startswith('Error: nope: is not a command') and run.stderr.count('\n') == 1
