"""Which tests run a line of the sources, as coverage.py has recorded it."""

from __future__ import annotations

import collections
import re
from pathlib import Path

SUBPROCESS = re.compile(r' \((?:setup|call|teardown)\)$')
MOST = 40  # tests that are tried
OF_A_FILE = 4  # of them


def test_of(context):
    """Return the test that a context of coverage.py names, None where it names none.

    >>> test_of('tests/test_noise.py::test_it|run')
    'tests/test_noise.py::test_it'
    """
    name = SUBPROCESS.sub('', context.rpartition('|')[0] or context)
    return name if '::' in name else None


class Covering:
    """The tests that run each line, of a file that `pytest --cov --cov-context=test` leaves."""

    def __init__(self, path):
        from coverage import CoverageData

        data = CoverageData(str(path))
        data.read()
        self._tests = {}
        self._lines = collections.Counter()  # that a test runs
        for file in data.measured_files():
            for line, contexts in data.contexts_by_lineno(file).items():
                tests = {test_of(context) for context in contexts} - {None}
                self._tests[_within(file), line] = tests
                self._lines.update(tests)

    def of(self, path, line, files):
        """Return tests that run a line: of each file in turn those that run the fewest lines."""
        by_file = collections.defaultdict(list)
        for test in self._tests.get((path, line), ()):
            by_file[test.partition('::')[0]].append(test)
        ranked = sorted(
            by_file, key=lambda file: files.index(file) if file in files else len(files)
        )
        chosen = []
        for file in ranked:
            tests = sorted(by_file[file], key=lambda test: (self._lines[test], test))
            chosen += tests[:OF_A_FILE]
        return chosen[:MOST]


def _within(file):
    """Return the path of a source within the checkout that it was recorded in."""
    parts = Path(file).parts
    start = max(number for number, part in enumerate(parts) if part in ('gluongan', 'cli'))
    return '/'.join(parts[start:])
