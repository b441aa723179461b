"""Runs the commands of a trial: `gluongan train` and `gluongan evaluate`, each in its process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from gluongan.config import knobs
from gluongan.errors import FailureError, GluonganError, InputError

# As the installed `gluongan`: the working folder, which may be a checkout, is no place for modules.
INSTALLED = 'import sys; sys.path[:] = filter(None, sys.path); '
COMMAND = 'from gluongan.cli import main; main(prog_name="gluongan")'
# Linux then stops a command too when the search is killed (1 is PR_SET_PDEATHSIG).
WITH_PARENT = (
    'import ctypes, os, signal, sys; ctypes.CDLL(None).prctl(1, signal.SIGTERM); '
    'os.getppid() == {parent} or sys.exit("the search was killed"); '
)
STOP = signal.SIGTERM  # not SIGINT, which what a shell starts in the background ignores
POLL = 0.2  # seconds
TOLD_EVERY = 10.0  # seconds: as much may be forgotten of a search that is killed
MOST_OUTPUT = 4_000  # bytes, at the end of what a command prints
PLACES = ('data', 'data_dir', 'judge', 'device')  # settings that are wrong for every trial
NOT_FINITE = re.compile(r' (is (nan|-?inf)|hold NaN or infinity) at iteration \d', re.IGNORECASE)


class Outcome(NamedTuple):
    """How a command ended. sentence: what it said last. stopped: before its end, by the search."""

    code: int
    sentence: str
    stopped: bool


@dataclass
class Runner:
    """Runs commands one after the other, and stops them as Ctrl-C would.

    stop: says whether the search has been asked to stop. keep: files that a command holds open as
    long as it runs, such as the lock of the search.
    """

    stop: Callable[[], bool]
    keep: Sequence[int] = ()

    def __call__(
        self,
        words: Sequence[str],
        output: Path,
        *,
        seconds: float,
        on_time: Callable[[float], None] = lambda elapsed: None,
    ) -> Outcome:
        """Run `gluongan` with these words, for at most `seconds`.

        output: the file to which it adds what it prints. on_time(elapsed) is called every
        TOLD_EVERY seconds, and at the end.
        """
        started = time.monotonic()
        with open(output, 'ab') as file:
            before = file.tell()
            process = self._start(words, file.fileno())
            try:
                stopped = self._wait(process, seconds, on_time)
            finally:
                _end(process)
        on_time(time.monotonic() - started)
        has_ended = process.returncode == 0  # it may have, while it was being stopped
        return Outcome(process.returncode, _last_words(output, before), stopped and not has_ended)

    def _start(self, words: Sequence[str], output: int) -> subprocess.Popen[bytes]:
        """Start a command that the terminal's Ctrl-C does not reach: the search passes it on."""
        code = WITH_PARENT.format(parent=os.getpid()) if sys.platform == 'linux' else ''
        return subprocess.Popen(
            [sys.executable, '-c', INSTALLED + code + COMMAND, *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=tuple(self.keep),
        )

    def _wait(
        self, process: subprocess.Popen[bytes], seconds: float, on_time: Callable[[float], None]
    ) -> bool:
        """Wait until a command ends, and return whether it was stopped."""
        started = told = time.monotonic()
        stopped = False
        while True:
            try:
                process.wait(POLL)
                return stopped
            except subprocess.TimeoutExpired:
                now = time.monotonic()
            if now - told >= TOLD_EVERY:
                on_time(now - started)
                told = now
            if not stopped and (self.stop() or now - started >= seconds):
                process.send_signal(STOP)
                stopped = True


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command that runs on after an error of the search."""
    if process.poll() is None:
        process.send_signal(STOP)
        process.wait()


def _last_words(output: Path, start: int) -> str:
    """Return the error in what a command printed, without `Error: `, or its last line."""
    with open(output, 'rb') as file:
        file.seek(max(start, output.stat().st_size - MOST_OUTPUT))
        lines = file.read().decode('utf-8', 'replace').splitlines()
    lines = [line.strip() for line in lines if line.strip()] or ['it said nothing']
    errors = [line[len('Error: ') :] for line in lines if line.startswith('Error: ')]
    return (errors or lines)[-1]


def is_of_settings(sentence: str, file: Path) -> bool:
    """Return whether a command failed by the settings in a file, and would not with others.

    >>> file = Path('settings.json')
    >>> is_of_settings('--config settings.json: conv_depth 9: must be at most 2', file)
    True
    >>> is_of_settings('--config settings.json: data x.npz: does not exist', file)
    False
    >>> is_of_settings('gen/loss is nan at iteration 7: lower the learning rate', file)
    True
    >>> is_of_settings('runs: No space left on device', file)
    False
    """
    if NOT_FINITE.search(sentence):
        return True
    start = f'--config {file}: '
    if not sentence.startswith(start):
        return False
    name = re.split('[ :]', sentence[len(start) :])[0]
    return name in knobs() and name not in PLACES


def failure(words: Sequence[str], outcome: Outcome, output: Path | None) -> GluonganError:
    """Return the error of a command that failed by something else than its settings."""
    where = f'; all that it said is in {output}' if output else ''
    message = f'`gluongan {words[0]}` failed: {outcome.sentence}{where}'
    return (InputError if outcome.code == 2 else FailureError)(message)
