"""Plant faults in the source, one at a time, and see whether the tests catch them; takes hours.

    python tests/faults.py --count 300 --seed 1
    python tests/faults.py --only gluongan/gan/ --count 50 --results faults.jsonl

Each fault changes one operator, number, default, order of arguments or statement, in a copy of the
sources. The modules take turns in a random order. The test files that concern a fault most run
first. A test that fails without the fault, too, catches nothing. Exit code 1 where faults survive.
"""

from __future__ import annotations

import argparse
import ast
import collections
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from rack.faults import ROOT, draw

EVERY = ('test_docstrings.py', 'test_defaults.py', 'test_architecture.py')  # concern every module
BATCHES = ((4, 90), (8, 180))  # (test files, seconds that they may take)
HANG = 40  # seconds for one test


class Suite:
    """A copy of the sources, whose tests run while a fault is planted there."""

    def __init__(self, folder):
        self.root = Path(folder, 'copy')
        shutil.copytree(ROOT, self.root, ignore=shutil.ignore_patterns('.*', '__pycache__'))
        (self.root / 'gluongan' / 'cli').symlink_to('../cli')  # found before an installed one
        self.tests, self.functions = {}, collections.defaultdict(set)
        for path in sorted((self.root / 'tests').glob('test_*.py')):
            self.tests[path.name] = collections.Counter(re.findall(r'\w+', path.read_text()))
        for path in [*self.root.glob('gluongan/**/*.py'), *self.root.glob('cli/**/*.py')]:
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef):
                    self.functions[node.name] |= set(re.findall(r'\w+', ast.unparse(node)))
        self.sound, self.unsound = set(), set()

    def concerned(self, fault):
        """Return the test files, those first that name its module, its function or its callers."""
        *rooms, stem = Path(fault.path).with_suffix('').parts
        score = collections.Counter()
        for test, words in self.tests.items():
            parts = {part.rstrip('s') for part in test[5:-3].split('_')}
            score[test] += 6 * (stem.rstrip('s') in parts) + 2 * (rooms[-1].rstrip('s') in parts)
            score[test] += 3 * (stem in words and rooms[-1] in words)
        names, seen, weight = set(fault.names or [stem]), set(), 14
        for _ in range(4):
            for name in names:
                users = [test for test, words in self.tests.items() if name in words]
                for test in users:
                    often = 1 + min(self.tests[test][name], 8) / 8
                    score[test] += weight * often / (len(users) * len(names)) ** 0.5
            seen |= names
            names = {name for name, words in self.functions.items() if words & names} - seen
            weight *= 0.45
        ranked = sorted(score.keys() - set(EVERY), key=lambda test: (-score[test], test))
        ranked[BATCHES[0][0] : BATCHES[0][0]] = EVERY
        return [f'tests/{test}' for test in ranked]

    @contextlib.contextmanager
    def planted(self, fault):
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

    def run(self, tests, seconds):
        """Return the first test that fails, 'a test hangs', or None."""
        words = ['-x', '-rfE', '--tb=no', '-o', f'faulthandler_timeout={HANG}', *tests]
        words += [word for test in self.unsound for word in ('--deselect', test)]
        with tempfile.TemporaryFile('w+') as output, tempfile.TemporaryDirectory() as folder:
            process = subprocess.Popen(
                [sys.executable, '-m', 'pytest', '--basetemp', f'{folder}/pytest', *words],
                **dict(stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self.root),
                start_new_session=True,
                env={'OMP_NUM_THREADS': '1', **os.environ, 'PYTHONPATH': str(self.root)},
            )
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
            code = process.poll()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            output.seek(0)
            text = output.read()
        failed = re.search(r'^(?:FAILED|ERROR) (.+?)(?: - .*)?$', text, flags=re.M)
        if code is None and not failed:
            return 'a test hangs' if 'Timeout (' in text else None
        return None if code in (0, 5) else failed[1] if failed else f'exit code {code}'

    def catches(self, fault):
        """Return the test that catches a fault, None where it survives."""
        tests = self.concerned(fault)
        for count, seconds in BATCHES:
            batch, tests = tests[:count], tests[count:]
            failed = ''
            while failed is not None:
                with self.planted(fault):
                    failed = self.run(batch, seconds)
                if (failed and '::' not in failed) or failed in self.sound:
                    return failed
                if failed:
                    known = self.unsound if self.run([failed], seconds) else self.sound
                    known.add(failed)
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--count', type=int, default=300)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--first', type=int, default=0, help='number of the first fault')
    parser.add_argument('--only', default='', metavar='PATH', help='modules that begin so')
    parser.add_argument('--results', type=Path, help='file for a line of JSON for each fault')
    args = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # also in the background, for tests of signals
    caught = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        suite = Suite(folder)
        for number, fault in zip(range(args.count), draw(args.seed, args.only)):
            if number >= args.first:
                test = suite.catches(fault)
                caught[test is not None] += 1
                place, edit = f'{fault.path}:{fault.line}', f'{fault.old!r:.70} → {fault.new!r:.70}'
                print(number, test or 'SURVIVES', place, fault.kind, edit, flush=True)
                if args.results:
                    with args.results.open('a') as file:
                        row = {'number': number, **fault._asdict(), 'test': test}
                        file.write(json.dumps(row) + '\n')
    print(f'{sum(caught.values())} planted, {caught[True]} caught, {caught[False]} survive')
    sys.exit(1 if caught[False] else 0)


if __name__ == '__main__':
    main()
