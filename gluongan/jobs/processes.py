"""Processes side by side: started, listened to, told to stop; none outlives this one."""

from __future__ import annotations

import ctypes
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..errors import InputError
from ..threads import share, usable_cores

# Two processes that OpenMP binds both begin with the first core: each gets half of it.
BINDING = ('OMP_PROC_BIND', 'OMP_PLACES', 'GOMP_CPU_AFFINITY', 'KMP_AFFINITY')
TICK = 0.1  # seconds between two looks at whether to stop
READ = 1 << 16  # bytes
USAGE = 2  # the exit code of what was asked for and is impossible
PR_SET_PDEATHSIG = 1  # of Linux: the signal that a process gets when the one that began it dies

# A new interpreter finds the modules that this one has found, wherever it starts.
CODE = (
    'import sys; sys.path[:] = {path!r}; sys.argv[0] = "gluongan"; '
    'from gluongan.cli import main; main(prog_name="gluongan")'
)


class Job(NamedTuple):
    """A command of gluongan, and what it is called here, such as `seed 3`."""

    name: str
    words: Sequence[str]


class Ended(NamedTuple):
    """A job that has ended. code: its exit code. problem: why it failed, '' where it did not."""

    job: Job
    code: int
    problem: str = ''


Said = Callable[[Job, str], None]


def check_jobs(at_once: int, count: int) -> int:
    """Return how many threads each of `at_once` jobs has. count: of all jobs.

    Raises InputError where so many cannot run at once.
    """
    cores = usable_cores()
    most, reason = min((count, 'the number of seeds'), (cores, 'the usable cores'))
    if not 1 <= at_once <= most:
        allowed = f'must be a whole number from 1 to {most}, {reason}'
        raise InputError(allowed, setting='jobs', value=at_once)
    return share(at_once)


def environment_of(threads: int) -> dict[str, str]:
    """Return the environment of a job that computes with so many threads."""
    inherited = {name: value for name, value in os.environ.items() if name not in BINDING}
    # NumPy's own threads go by it too.
    return {**inherited, 'OMP_NUM_THREADS': str(threads)}


class SideBySide:
    """Runs jobs, some at a time, in the order in which they are given.

    threads: of each job. said: is called with each line that a job writes to stderr, except that
    behind `Error: ` at its end, which is its problem. ended: is called with each that has ended.
    """

    def __init__(
        self, at_once: int, threads: int, said: Said, ended: Callable[[Ended], None]
    ) -> None:
        self._at_once = at_once
        self._threads = threads
        self._said = said
        self._ended = ended
        self._running: list[_Process] = []
        self._selector = selectors.DefaultSelector()

    def run(self, jobs: Sequence[Job], stop: Callable[[], bool]) -> list[Ended]:
        """Run the jobs; where `stop()` is true, let those that run write a snapshot and end.

        One that fails does not stop the others. But what was asked for in vain, as exit code 2
        says, is not asked for again.
        """
        waiting, results = list(jobs), []
        try:
            while self._running or waiting:
                if stop():
                    waiting.clear()
                    self._stop()
                while waiting and len(self._running) < self._at_once:
                    self._start(waiting.pop(0))
                self._listen()
                for result in self._collect():
                    results.append(result)
                    if result.code == USAGE:
                        waiting.clear()
        finally:
            for process in self._running:
                process.kill()
            self._selector.close()
        return results

    def _start(self, job: Job) -> None:
        process = _Process(job, self._threads)
        self._running.append(process)
        self._selector.register(process.stream, selectors.EVENT_READ, process)

    def _stop(self) -> None:
        for process in self._running:
            process.stop()

    def _listen(self) -> None:
        for key, _ in self._selector.select(TICK):
            process = key.data
            for line in process.read():
                self._said(process.job, line)
            if process.is_silent:
                self._selector.unregister(process.stream)

    def _collect(self) -> list[Ended]:
        results = [process.result() for process in self._running if process.is_silent]
        self._running = [process for process in self._running if not process.is_silent]
        for result in results:
            self._ended(result)
        return results


class _Process:
    """A job that runs. is_silent: whether it has closed its stderr, as it does at its end."""

    def __init__(self, job: Job, threads: int) -> None:
        self.job = job
        self.is_silent = False
        self._begun = b''  # of a line
        self._problem = ''
        self._told = False
        self._process = subprocess.Popen(
            [sys.executable, '-c', CODE.format(path=sys.path), *job.words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment_of(threads),
            start_new_session=True,  # a Ctrl-C reaches it once, from here
            preexec_fn=_end_with_this_process(),
        )
        self.stream = self._process.stderr

    def read(self) -> list[str]:
        """Return the lines that have come, without the problem."""
        content = os.read(self.stream.fileno(), READ)
        self.is_silent = not content
        *lines, self._begun = (self._begun + content).split(b'\n')
        if self.is_silent and self._begun:
            lines.append(self._begun)
        texts = [line.decode(errors='backslashreplace') for line in lines]
        for text in texts:
            if text.startswith('Error: '):
                self._problem = text[len('Error: ') :]
        return [text for text in texts if not text.startswith('Error: ')]

    def stop(self) -> None:
        if not self._told:
            self._told = True
            self._process.terminate()  # SIGINT would be a traceback while modules are imported

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self.stream.close()

    def result(self) -> Ended:
        code = self._process.wait()
        self.stream.close()
        if code == 0 or self._told:
            return Ended(self.job, code)
        return Ended(self.job, code, self._problem or _in_words(code))


def _in_words(code: int) -> str:
    number = -code if code < 0 else code - 128
    if number in set(signal.Signals):
        how = 'was killed by' if code < 0 else 'was stopped by'
        return f'{how} {signal.Signals(number).name}'
    return f'ended with exit code {code}'


def _end_with_this_process() -> Callable[[], object] | None:
    """Return what a new process calls, so that it stops with a snapshot if this one is killed."""
    if not sys.platform.startswith('linux'):
        return None  # it stops when nobody reads its next line
    prctl = ctypes.CDLL(None).prctl  # looked up before the fork
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
