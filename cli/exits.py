"""How a command ends: with a result, or with one sentence and an exit code; never with a traceback.

What the package and this command line refuse comes here as a ClickException. Everything else is
turned into one: the errors of click itself, Ctrl-C, and the unexpected.
"""

from __future__ import annotations

import itertools
import os
import platform
import re
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click

from gluongan import __version__
from gluongan.errors import as_printable, as_typed, did_you_mean, shell_word
from gluongan.files import write_text
from gluongan.knob import Knob
from gluongan.runs.folder import TRACEBACK, is_run, traceback_path

from .faults import parameter_name, refusals
from .printing import echo

RUN = f'{__name__}.run'  # the key of `remember_run`
# What click raises for a group without arguments; before 8.2 it prints the help instead.
NO_ARGUMENTS: Any = getattr(click.exceptions, 'NoArgsIsHelpError', ())
AGAIN = 0.02  # seconds until a swallowed signal is raised again


class NobodyReads(Exception):
    """The reader of a stream has gone, as in `gluongan doctor | head`.

    Of a BrokenPipeError click itself would make exit code 1.
    """


class CommandLine(click.Group):
    """The group of all commands: each of them ends as this module says."""

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        if not standalone_mode:
            return super().main(*args, standalone_mode=False, **extra)
        open_closed_streams()
        print_any_letters()
        try:
            with kill_at_second_interrupt():
                code = super().main(*args, standalone_mode=False, **extra)
        except NO_ARGUMENTS as error:
            error.show()
            sys.exit(error.exit_code)
        except click.ClickException as error:
            say(f'Error: {as_sentence(error)}')
            sys.exit(error.exit_code)
        except (click.Abort, Stop) as abort:
            say('Stopped')
            stop = abort if isinstance(abort, Stop) else abort.__cause__
            sys.exit(128 + getattr(stop, 'number', signal.SIGINT))
        except NobodyReads:
            drop_broken_streams()
            sys.exit(128 + signal.SIGPIPE)
        drop_broken_streams()
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with refusals():
                return super().invoke(ctx)
        except BrokenPipeError as error:
            raise NobodyReads from error
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            raise _unexpected(error, ctx.meta.get(RUN)) from error


def remember_run(run: Path) -> None:
    """Let the traceback of something unexpected be written beside this run."""
    context = click.get_current_context(silent=True)
    if context is not None:
        context.meta[RUN] = run


# Ctrl-C, and streams that nobody reads any more


class Stop(KeyboardInterrupt):
    """A signal that asks the program to end."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class kill_at_second_interrupt:
    """Within it the first Ctrl-C, SIGTERM or SIGHUP is a Stop, and a second one ends the process.

    So temporary files are removed, as after any other exception. A Stop inside a destructor, of
    which MXNet has many, would be swallowed: it comes again. SIGHUP may come twice from one
    terminal, so a second one does nothing. A signal that is ignored, as by nohup, stays so.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __enter__(self) -> None:
        self._before: dict[int, Any] = {}
        self._hook = sys.unraisablehook
        if threading.current_thread() is not threading.main_thread():
            return
        for number in self.SIGNALS:
            if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
                self._before[number] = signal.signal(number, self._handle)
        sys.unraisablehook = self._raise_again

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        sys.unraisablehook = self._hook

    def _handle(self, number: int, frame: FrameType | None) -> NoReturn:
        for each in self._before:
            signal.signal(each, signal.SIG_IGN if each == signal.SIGHUP else signal.SIG_DFL)
        raise Stop(number)

    def _raise_again(self, unraisable: Any) -> None:
        """Called by Python with what it swallows."""
        stop = unraisable.exc_value
        if not isinstance(stop, Stop):
            self._hook(unraisable)
            return
        signal.signal(stop.number, self._handle)
        again = threading.Timer(AGAIN, os.kill, (os.getpid(), stop.number))
        again.daemon = True
        again.start()


def open_closed_streams() -> None:
    """Let what is written to a stream vanish that was closed before the program began (`2>&-`).

    The next file that is opened would take its number, and get what a library writes to stderr.
    """
    number = os.open(os.devnull, os.O_RDWR)
    while number <= 2:
        number = os.dup(number)
    os.close(number)
    for name in ('stdout', 'stderr'):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, 'w'))  # noqa: SIM115 - open until the end


def print_any_letters() -> None:
    """Let stdout take letters that its encoding does not have, as stderr does already."""
    if getattr(sys.stdout, 'errors', None) == 'strict':
        sys.stdout.reconfigure(errors='backslashreplace')


def drop_broken_streams() -> None:
    """Let what stdout and stderr still hold vanish where nobody reads it.

    Python would flush them at its end, and exit with code 120.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            with suppress(OSError, ValueError, AttributeError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)


def say(*lines: str) -> None:
    """Print lines to stderr, if there is anybody to read them."""
    with suppress(OSError, ValueError):
        echo(*lines, err=True)
    drop_broken_streams()


# The errors of click


def as_sentence(error: click.ClickException) -> str:
    """Return an error as one sentence: what was given, what is wrong, what is allowed."""
    command = _command(error)
    if isinstance(error, click.NoSuchOption):
        near = did_you_mean(error.option_name, _options(error.ctx))
        allowed = f'must be one that `{command} --help` lists{near}'
        return f'{error.option_name}: is not an option of `{command}`; {allowed}'
    if isinstance(error, click.MissingParameter):
        return (
            f'{parameter_name(error.param)}: is missing; must be given, as `{command} --help` says'
        )
    if isinstance(error, click.BadOptionUsage):
        match = re.search(r'requires (\d+) arguments', error.message)
        given = f'{match[1]} values' if match else 'a value'
        return f'{error.option_name}: is given without its value; must be followed by {given}'
    if isinstance(error, click.BadParameter):
        return _of_value(error)
    return _of_words(error.format_message(), error)


def _options(context: click.Context | None) -> list[str]:
    """Return the long options of a command, also those that turn something off."""
    parameters = context.command.get_params(context) if context else []
    names = (name for each in parameters for name in (*each.opts, *each.secondary_opts))
    return [name for name in names if name.startswith('--')]


def _command(error: click.ClickException) -> str:
    """Return the command at fault as a user types it, whatever started this program."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    names: list[str] = []
    while context is not None and context.parent is not None:
        names.insert(0, str(context.info_name))
        context = context.parent
    return ' '.join(['gluongan', *names])


def _of_value(error: click.BadParameter) -> str:
    message = error.message
    match = re.match(r"'([^']*)' is not |(\S+) is not in ", message)
    if error.param is None or match is None:
        return _without_stop(error.format_message())
    value = match[1] if match[2] is None else match[2]
    allowed = _allowed(error.param.type)
    if allowed is None:
        return f'{parameter_name(error.param)} {value}: {_without_stop(message)}'
    near = did_you_mean(value, getattr(error.param.type, 'choices', ()))
    return f'{parameter_name(error.param)} {as_typed(value)}: must be {allowed}{near}'


def _allowed(kind: click.ParamType) -> str | None:
    """Return what a type of click allows, in the words of the settings; None for other types."""
    if isinstance(kind, click.Choice):
        return Knob('str', '', choices=tuple(kind.choices)).allowed()
    if isinstance(kind, click.IntRange):
        return Knob('int', '', low=kind.min, high=kind.max).allowed()
    return None


def _of_words(message: str, error: click.ClickException) -> str:
    """Return what click says of a command that is none, or of an argument too many."""
    if match := re.match(r"No such command '(.*)'\.", message):
        context = getattr(error, 'ctx', None)
        names = context.command.list_commands(context) if context else []
        near = did_you_mean(match[1], names)
        return f'{match[1]}: is not a command; must be one of {", ".join(names)}{near}'
    if match := re.match(r'Got unexpected extra arguments? \((.*)\)', message):
        return f'{match[1]}: is too much; must be left out, as `{_command(error)} --help` says'
    return message


def _without_stop(text: str) -> str:
    return text.rstrip('.').replace('\n', ' ')


# The unexpected


def _unexpected(error: Exception, run: Path | None) -> click.ClickException:
    """Write the traceback to a file, and return a sentence that says where it is."""
    what = as_printable(f'{type(error).__name__}: {error}'.partition('\n')[0].rstrip(':. '))
    if 'bad_alloc' in str(error) or 'Failed to allocate' in str(error):  # MXNet's words
        return click.ClickException(f'out of memory ({what:.200})')
    file = _write_traceback(error, run)
    where = f'the traceback is in {file}' if file else 'its traceback could not be written'
    return click.ClickException(
        f'a fault of gluongan ({what:.200}); {where}; please report it to the authors with that '
        'file, which holds the command and the versions'
    )


def _write_traceback(error: Exception, run: Path | None) -> Path | None:
    trace = ''.join(traceback.format_exception(type(error), error, error.__traceback__))
    lines = [
        f'gluongan {__version__}, Python {platform.python_version()}, {platform.platform()}',
        f'command: {" ".join(map(shell_word, ["gluongan", *sys.argv[1:]]))}',
        f'time: {datetime.now().astimezone().isoformat(timespec="seconds")}',
        '',
        *trace.split('\n'),
    ]
    for path in _places(run):
        with suppress(OSError):
            file = _free(path)
            write_text(file, '\n'.join(map(as_printable, lines)))
            return file
    return None


def _places(run: Path | None) -> Iterator[Path]:
    if run is not None and is_run(run):
        yield traceback_path(run)
    yield Path(TRACEBACK)
    yield Path(tempfile.gettempdir(), TRACEBACK)


def _free(path: Path) -> Path:
    """Return `path`, or with the next free number before its ending where it exists."""
    free = path
    for number in itertools.count(2):
        if not os.path.lexists(free):
            break
        free = path.with_name(f'{path.stem}-{number}{path.suffix}')
    return free
