"""The torture rack, which takes hours; `tests/test_torture.py` is its short form.


    python tests/torture.py kill --cases 1000
    python tests/torture.py write mutate --only snapshot,export --seconds 600 --seed 3

kill: SIGKILL at random moments of every writing command, then it is resumed or repeated, and the
bits are compared with those of an uninterrupted one. write: writes that fail in every way. mutate:
mutated files of every kind that the package reads. field: inputs that people really have, which
scripts in a folder make, through every command. Each finding has the number of its case, which
`--first NUMBER --cases 1` with the same seed makes again. Exit code 1 where there are findings.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

os.environ['OMP_NUM_THREADS'] = '2'  # before MXNet is imported; --threads can only reduce it

import numpy as np
from rack import commands, field, kill, mutate, watched, write

SCRIPTS = Path(__file__).parents[2] / 'shared' / 'field'
FAULTS = ('different', 'unreadable', 'left', 'failed', 'other')


def prepare_to_fork():
    """Import what a command would, and compute nothing: MXNet's threads do not survive a fork."""
    import gluongan.cli

    import gluongan.evaluation
    import gluongan.exports
    import gluongan.figures.plotting
    import gluongan.launch

    gluongan.figures.plotting.load_matplotlib()


def torture_commands(part, args, until):
    """Kill commands, or let their writes fail; yield a row for each command."""
    prepare_to_fork()
    chosen = {name: each for name, each in commands.commands().items() if wanted(name, args)}
    with tempfile.TemporaryDirectory() as folder:
        trained = commands.Place(Path(folder, 'trained'))
        words = commands.train_words('dense', commands.SMALL['dense'], 1)
        assert trained.run(words) == 0, trained.printed.read_text()
        shutil.copytree(trained.work / commands.RUN, trained.work / 'twin')  # to be compared
        rows, expected = {}, {}
        for number in range(args.first, args.first + args.cases):
            if time.time() > until:
                break
            name = list(chosen)[number % len(chosen)]
            command = chosen[name]
            work = trained.work if command.run else None
            if name not in expected:
                expected[name] = commands.expect(Path(folder, 'expected'), command, work)
            random = np.random.default_rng([args.seed, number])
            place = commands.Place(Path(folder, 'case'), work)
            counts, findings = part.torture(random, name, command, expected[name], place)
            count(rows.setdefault(name, collections.Counter()), number, counts, findings)
    return rows


def wanted(name, args):
    return not args.only or name in args.only


def count(row, number, counts, findings):
    row['cases'] += 1
    row.update(counts)
    for finding in findings:
        known = [fault for fault in FAULTS if f'{fault}: ' in finding]
        row[known[0] if known else 'other'] += 1
        print(f'  case {number}: {finding}', flush=True)


def torture_files(args, until):
    """Mutate files of every kind; return a row for each kind."""
    kinds = {kind: each[2] for kind, each in mutate.KINDS.items() if wanted(kind, args)}
    total, rows = sum(kinds.values()), {}
    with tempfile.TemporaryDirectory() as folder:
        for kind, share in kinds.items():
            cases = max(1, args.cases * share // total)
            subject = mutate.subject(kind, Path(folder, 'seeds'))
            start = time.time()
            end = start + (until - start) * share / sum(list(kinds.values())[len(rows) :])
            result = watched.watch(subject, cases, seed=args.seed, first=args.first, until=end)
            rows[kind] = row_of(result)
    return rows


def torture_inputs(args, until):
    """Put inputs through every command; return a row for each kind of input."""
    from gluongan.exports import verify

    verify.same_bits = lambda *_: None  # a process each time, which other tests start
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        inputs = field.make(args.scripts, Path(folder, 'inputs'))
        names = list(inputs)[args.first : args.first + args.cases]
        chosen = {name: inputs[name] for name in names if wanted(name.partition('/')[0], args)}
        for name, counts, findings in field.torture_all(chosen, Path(folder, 'work')):
            row = rows.setdefault(name.partition('/')[0], collections.Counter())
            count(row, names.index(name) + args.first, counts, findings)
            if time.time() > until:
                break
    return rows


def row_of(result):
    row = collections.Counter(cases=result.cases)
    for verdict, numbers in result.verdicts.items():
        row[verdict if verdict in ('refused', 'loaded') else 'other'] += len(numbers)
        if verdict not in ('refused', 'loaded'):
            print(f'  {len(numbers)} × {verdict}: cases {numbers[:5]}', flush=True)
    row['slowest, s'] = round(result.seconds, 2)
    row['most memory, MB'] = round(result.memory / 2**20)
    return row


PARTS = {
    'kill': lambda args, until: torture_commands(kill, args, until),
    'write': lambda args, until: torture_commands(write, args, until),
    'mutate': torture_files,
    'field': torture_inputs,
}
COLUMNS = {
    'kill': ('kills', 'resumed', 'repeated', *FAULTS),
    'write': ('cases', *write.FAILURES, *FAULTS),
    'mutate': ('cases', 'refused', 'loaded', 'other', 'slowest, s', 'most memory, MB'),
    'field': ('cases', 'commands', 'done', 'refused', *FAULTS),
}


def as_markdown(part, rows):
    """Return the rows of a part as a table, with their sum."""
    columns = COLUMNS[part]
    lines = [f'| {part} | {" | ".join(columns)} |', '|---|' + '---:|' * len(columns)]
    total = collections.Counter()
    for name, row in {**rows, 'all': total}.items():
        lines.append(f'| {name} | {" | ".join(f"{row[column]:,}" for column in columns)} |')
        for column in columns:
            merge = max if column in ('slowest, s', 'most memory, MB') else sum
            total[column] = merge((total[column], row[column]))
    return '\n'.join(lines) + '\n'


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('parts', nargs='*', metavar='PART', help=f'of {", ".join(PARTS)}')
    parser.add_argument('--cases', type=int, default=1000, help='of each part')
    parser.add_argument('--seconds', type=float, default=float('inf'), help='for each part')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--first', type=int, default=0, help='number of the first case')
    parser.add_argument('--only', type=lambda text: text.split(','), help='these commands or kinds')
    parser.add_argument('--scripts', type=Path, default=SCRIPTS, help='folder of those for `field`')
    parser.add_argument('--json', type=Path, help='file for the results')
    parser.add_argument('--markdown', type=Path, help='file for the tables')
    args = parser.parse_args()
    results, tables = {}, []
    for part in args.parts or PARTS:
        if part not in PARTS:
            parser.error(f'{part}: must be one of {", ".join(PARTS)}')
        if part == 'field' and not args.scripts.is_dir():
            print(f'field is left out: there is no folder {args.scripts}; --scripts names one')
            continue
        start = time.time()
        results[part] = PARTS[part](args, start + args.seconds)
        tables.append(as_markdown(part, results[part]))
        print(f'{tables[-1]}\n{time.time() - start:.0f} s', flush=True)
    for file, text in (
        (args.json, json.dumps(results, indent=1)),
        (args.markdown, '\n'.join(tables)),
    ):
        if file:
            file.write_text(text)
    faults = [row[fault] for rows in results.values() for row in rows.values() for fault in FAULTS]
    sys.exit(1 if sum(faults) else 0)


if __name__ == '__main__':
    main()
