"""Plant faults in the source, one at a time, and see whether the tests catch them; takes hours.

    python tests/faults.py --count 300 --seed 1 --results faults.jsonl
    python tests/faults.py --seed 1 --skip 300 --count 300 --results faults.jsonl
    python tests/faults.py --only gluongan/gan/ --count 50
    python tests/faults.py --again faults.jsonl
    pytest --cov=gluongan --cov-context=test && python tests/faults.py --covering .coverage

Each fault changes one operator, number, default, order of arguments or statement, in a copy of the
sources. The modules take turns in a random order. Test files run one by one, those that concern a
fault most first, until a test catches it: it fails, it fails again when it is run alone, and passes
alone without the fault. A file that takes 30 s more than four times as long as without the fault
hangs, and so catches it, too. With --covering, single tests that run the line of the fault are
tried before: that takes seconds instead of minutes, and decides nothing where they pass.

A fault survives when every test file passes that names its module, its function or one that calls
it, and at least the ten nearest. It is undecided when its time (--seconds) is over before. Faults
that nobody can observe are listed, with the reason, in `rack/equivalent_faults.jsonl`; they are not
tried. Exit code 1 where faults survive or are undecided. With --results, a run that was stopped is
continued.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import json
import signal
import sys
import tempfile
from pathlib import Path

from rack.covering import Covering
from rack.faults import draw, equivalent, found_again
from rack.suite import Suite, Verdict


def score(outcomes):
    """Say in one line what the outcomes of faults come to."""
    counts = collections.Counter(outcomes)
    planted, caught = len(outcomes), counts['caught']
    observable = planted - counts['equivalent']
    return (
        f'{planted} planted: {caught} caught, {counts["equivalent"]} equivalent, '
        f'{counts["undecided"]} undecided, {counts["survives"]} survive; caught/planted '
        f'{caught / max(planted, 1):.1%}, caught/(planted - equivalent) '
        f'{caught / max(observable, 1):.1%}'
    )


def read(path):
    """Return the rows of earlier results; none where there is no file."""
    if path is None or not path.exists():
        return []
    return list(map(json.loads, path.read_text(encoding='utf-8').splitlines()))


def report(number, fault, verdict):
    """Print a line on a fault."""
    what = verdict.test or f'{verdict.outcome.upper()} ({verdict.files} of {verdict.of} files)'
    edit = f'{fault.old!r:.70} → {fault.new!r:.70}'
    print(number, what, f'{fault.path}:{fault.line}', fault.kind, edit, flush=True)


def outcomes(suite, faults, args):
    """Yield the outcome of each (number, fault); of those in the results as it stands there."""
    known = {} if args.results is None else {row['number']: row for row in read(args.results)}
    same = equivalent()
    for number, fault in faults:
        row = known.get(number, {})
        if (row.get('before'), row.get('after')) == (fault.before, fault.after):
            yield row['outcome']
            continue
        listed = fault.text in same
        verdict = Verdict('equivalent') if listed else suite.judge(fault, args.seconds)
        report(number, fault, verdict)
        if args.results:
            with args.results.open('a', encoding='utf-8') as file:
                row = {'number': number, **fault._asdict(), **verdict._asdict()}
                file.write(json.dumps(row, ensure_ascii=False) + '\n')
        yield verdict.outcome


def chosen(faults, skip, count):
    """Yield (number, fault) of `count` faults behind the first `skip`."""
    return itertools.islice(enumerate(faults), skip, skip + count)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--count', type=int, default=300)
    parser.add_argument('--skip', type=int, default=0, help='faults that others plant')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--only', default='', metavar='PATH', help='modules that begin so')
    parser.add_argument('--seconds', type=float, default=400, help='of tests for a fault')
    parser.add_argument('--results', type=Path, help='file for a line of JSON for each fault')
    parser.add_argument(
        '--again', type=Path, metavar='RESULTS', help='those that earlier results do not catch'
    )
    parser.add_argument(
        '--pause-while', type=Path, metavar='FILE', help='stop the tests while this file exists'
    )
    parser.add_argument(
        '--covering', type=Path, metavar='FILE', help="coverage.py's record of what each test runs"
    )
    args = parser.parse_args()
    covering = None if args.covering is None else Covering(args.covering)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(1))  # the tests have the default, also with &
    faults = draw(args.seed, args.only)
    if args.again:
        faults = found_again(row for row in read(args.again) if row['outcome'] != 'caught')
    with tempfile.TemporaryDirectory() as folder:
        suite = Suite(folder, pause=args.pause_while, covering=covering)
        found = list(outcomes(suite, chosen(faults, args.skip, args.count), args))
    print(score(found))
    sys.exit(1 if {'survives', 'undecided'} & set(found) else 0)


if __name__ == '__main__':
    main()
