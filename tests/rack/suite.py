"""The tests of a copy of the sources, run while a fault is planted there: `tests/faults.py`."""

from __future__ import annotations

import ast
import collections
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from rack.faults import ROOT

EVERY = ('test_docstrings.py', 'test_defaults.py', 'test_architecture.py')  # concern every module
NEXT = 4  # files that are tried before those
FIRST = 10  # files that are tried whether or not they name what has the fault
SECONDS = 300  # for a file, until it is known how long it takes without a fault
AT_MOST = 900  # for a file without a fault


class Run(NamedTuple):
    """What a run of pytest came to. ended: False where it was stopped when its time was over."""

    failed: list[str]
    ended: bool
    seconds: float

    @property
    def passed(self):
        return self.ended and not self.failed


class Verdict(NamedTuple):
    """'caught', 'undecided' or 'survives'. files: how many were run; of: how many concern it."""

    outcome: str
    test: str | None = None
    files: int = 0
    of: int = 0


def failures(output, code):
    """Return the tests that failed; a file where it cannot be collected, or else the exit code."""
    failed = re.findall(r'^(?:FAILED|ERROR) (.+?)(?: - .*)?$', output, flags=re.M)
    return failed or ([] if code in (0, 5) else [f'exit code {code}'])


def watch(process, seconds, pause):
    """Wait for a process that leads a group; return (seconds that it ran, whether it was paused).

    The group is stopped while the file `pause` exists. That time does not count, nor does time in
    which this process was stopped itself.
    """
    used, paused, now = 0.0, False, time.monotonic()
    while process.poll() is None and used < seconds:
        if pause is not None and pause.exists():
            paused = True
            os.killpg(process.pid, signal.SIGSTOP)
            while pause.exists():
                time.sleep(0.2)
            os.killpg(process.pid, signal.SIGCONT)
            now = time.monotonic()
        time.sleep(0.05)
        before, now = now, time.monotonic()
        used += min(now - before, 1.0)
    return used, paused


class Suite:
    """A copy of the sources, and what is known of its tests without a fault."""

    def __init__(self, folder, *, root=ROOT, pause=None, covering=None):
        self.root, self.pause, self.covering = Path(folder, 'copy'), pause, covering
        shutil.copytree(root, self.root, ignore=shutil.ignore_patterns('.*', '__pycache__'))
        (self.root / 'gluongan' / 'cli').symlink_to('../cli')  # found before an installed one
        self.tests, self.functions = {}, collections.defaultdict(set)
        for path in sorted((self.root / 'tests').glob('test_*.py')):
            self.tests[path.name] = collections.Counter(re.findall(r'\w+', path.read_text()))
        for path in [*self.root.glob('gluongan/**/*.py'), *self.root.glob('cli/**/*.py')]:
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef):
                    self.functions[node.name] |= set(re.findall(r'\w+', ast.unparse(node)))
        self._sound = {}

    def concerned(self, fault):
        """Return the test files that name its module, its function or a caller, nearest first.

        The FIRST nearest are among them in any case, and so are those that concern every module.
        """
        *rooms, stem = Path(fault.path).with_suffix('').parts
        names = {name for name in fault.names if not name.startswith('__')} or {stem}
        score, seen, weight = collections.Counter(), set(), 14
        for test, words in self.tests.items():
            parts = {part.rstrip('s') for part in test[5:-3].split('_')}
            score[test] += 6 * (stem.rstrip('s') in parts) + 2 * (rooms[-1].rstrip('s') in parts)
            score[test] += 3 * (stem in words and rooms[-1] in words)
        named = {test for test, words in self.tests.items() if {stem, rooms[-1]} <= words.keys()}
        for depth in range(4):
            for name in names:
                users = [test for test, words in self.tests.items() if name in words]
                named |= set(users) if depth < 2 else set()
                for test in users:
                    often = 1 + min(self.tests[test][name], 8) / 8
                    score[test] += weight * often / (len(users) * len(names)) ** 0.5
            seen |= names
            names = {name for name, words in self.functions.items() if words & names} - seen
            weight *= 0.45
        ranked = sorted(score.keys() - set(EVERY), key=lambda test: (-score[test], test))
        ranked = [test for place, test in enumerate(ranked) if place < FIRST or test in named]
        ranked[NEXT:NEXT] = [test for test in EVERY if test in self.tests]
        return [f'tests/{test}' for test in ranked]

    @contextlib.contextmanager
    def planted(self, fault):
        """Plant a fault in the copy while the block runs."""
        path = self.root / fault.path
        sound, status = path.read_bytes(), path.stat()
        old, end = fault.old.encode(), fault.start + len(fault.old.encode())
        assert sound[fault.start : end] == old
        try:
            path.write_bytes(sound[: fault.start] + fault.new.encode() + sound[end:])
            yield
        finally:
            path.write_bytes(sound)
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # of its bytecode, too

    def run(self, tests, seconds, *words):
        """Run tests; once more where they failed and were paused, since their clocks went on."""
        while True:
            run, paused = self._run(tests, seconds, words)
            if run.passed or not paused:
                return run

    def _run(self, tests, seconds, words):
        with tempfile.TemporaryFile('w+') as output, tempfile.TemporaryDirectory() as folder:
            words = ['--tb=no', '-rfE', '--basetemp', f'{folder}/pytest', *words, *tests]
            process = subprocess.Popen(
                [sys.executable, '-m', 'pytest', *words],
                **dict(stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self.root),
                start_new_session=True,
                env={'OMP_NUM_THREADS': '1', **os.environ, 'PYTHONPATH': str(self.root)},
            )
            try:
                used, paused = watch(process, seconds, self.pause)
            finally:
                code = process.poll()
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            output.seek(0)
            failed = [] if code is None else failures(output.read(), code)
            return Run(failed, code is not None, used), paused

    def sound(self, test):
        """Return the run of a test or of a file of tests without a fault; it is run once."""
        if test not in self._sound:
            self._sound[test] = self.run([test], AT_MOST)
        return self._sound[test]

    def limit(self, test):
        """Return the seconds that a test file may take with a fault."""
        known = self._sound.get(test)
        return SECONDS if known is None else 30 + 4 * known.seconds

    def says(self, fault, *tests):
        """Return what a test file or some single tests say of a fault, and the seconds they took.

        That is 'passes', 'undecided', or the test that fails with the fault, also when it is run
        alone, and then not without.
        """
        test, several = tests[0], len(tests) > 1
        skipped, used = set(), 0.0
        while True:
            limit = self.limit(test)
            words = [word for each in skipped for word in ('--deselect', each)]
            with self.planted(fault):
                run = self.run(list(tests), limit, '-x', *words)
            used += run.seconds
            if run.passed:
                return 'passes', used
            if several and not (run.ended and '::' in run.failed[0]):
                return 'undecided', used
            if not run.ended:
                ended = self.sound(test).ended
                if ended and limit < self.limit(test):
                    continue
                return f'{test} hangs' if ended else 'undecided', used
            failed = run.failed[0]
            if failed in skipped:
                return 'undecided', used
            alone = failed if '::' in failed else test
            with self.planted(fault):
                again = self.run([alone], limit)
            used += again.seconds
            if not again.passed and self.sound(alone).passed:
                return failed, used
            skipped.add(failed)

    def judge(self, fault, seconds):
        """Run the test files that concern a fault until one catches it or its time is over.

        The tests that are known to run its line are tried before.
        """
        tests, used, undecided = self.concerned(fault), 0.0, False
        if self.covering is not None:
            nearest = self.covering.of(fault.path, fault.line, tests)
            said, used = self.says(fault, *nearest) if nearest else ('passes', 0.0)
            if said not in ('passes', 'undecided'):
                return Verdict('caught', said, 0, len(tests))
        for number, test in enumerate(tests):
            if used > seconds:
                return Verdict('undecided', None, number, len(tests))
            said, took = self.says(fault, test)
            used += took
            if said not in ('passes', 'undecided'):
                return Verdict('caught', said, number + 1, len(tests))
            undecided |= said == 'undecided'
        outcome = 'undecided' if undecided else 'survives'
        return Verdict(outcome, None, len(tests), len(tests))
