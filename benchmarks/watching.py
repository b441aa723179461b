"""What `gluongan train --watch` costs the training, and how soon its page is there.

    python benchmarks/watching.py [--iterations 1000] [--pairs 6] [--starts 5]
        [--out benchmarks/results/watching.json]

Each pair trains `dense` alone and with a live view that one client asks every two seconds, one
after the other; the next pair has the other order. Its ratio is that of their iterations a second,
and that of the seconds of processor that an iteration of the training took, which other programs on
the machine change less. A start is the time from the command to an answer with a page: any page,
and that of the run.
"""

from __future__ import annotations

import argparse
import csv
import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from gluongan.pages.live import listen
from gluongan.runs.folder import LOG_TABLE

GLUONGAN = (sys.executable, '-c', 'from gluongan.cli import main; main(prog_name="gluongan")')
EVERY = 2.0  # seconds between two questions of a client
OF_A_RUN = b'id="live-words"'  # what a page of a run has, and the page before it has not
PATIENCE = 600  # seconds


class Trained(NamedTuple):
    """A training: iterations per second, and milliseconds of processor that each of them took.

    view: the share of a core that the process of the view took; 0 without one.
    """

    rate: float
    processor: float
    view: float


def free_port() -> int:
    """Return a port that nobody listens on."""
    with listen() as bound:
        return int(bound.getsockname()[1])


def ask(port: int, path: str, timeout: float = PATIENCE) -> tuple[int, bytes]:
    """Return status and content of an answer. Raises OSError or HTTPException where none comes."""
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=timeout)
    try:
        connection.request('GET', path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def command(out: Path, *words: object) -> list[str]:
    """Return the command that trains into a folder."""
    return [*GLUONGAN, 'train', '--out', str(out), *map(str, words)]


def seconds_of(stat: str) -> float:
    """Return the seconds of processor that a process has taken, by its /proc/PID/stat.

    >>> seconds_of('7 (a b) S 1 7 7 0 -1 0 0 0 0 0 150 50 0 0') * os.sysconf('SC_CLK_TCK')
    200.0
    """
    fields = stat.rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def children_seconds(process: int) -> float:
    """Return the seconds of processor of the children of a process that goes on."""
    total = 0.0
    with suppress(OSError):
        for child in Path(f'/proc/{process}/task/{process}/children').read_text().split():
            total += seconds_of(Path(f'/proc/{child}/stat').read_text())
    return total


def train(iterations: int, folder: Path, port: int | None = None) -> Trained:
    """Train, with a view at a port if one is given, and a client that asks it."""
    words = ['--iterations', iterations]
    words += [] if port is None else ['--watch', '--port', port]
    started = time.perf_counter()
    process = subprocess.Popen(
        command(folder, *words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder
    )
    of_view, ended = [0.0], threading.Event()
    client = threading.Thread(target=_look, args=(process.pid, port, of_view, ended))
    if port is not None:
        client.start()
    _, code, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(code)
    seconds = time.perf_counter() - started
    ended.set()
    if port is not None:
        client.join()
    if process.returncode:
        raise SystemExit(f'the training ended with exit code {process.returncode}')
    (run,) = folder.glob('0*')
    rate, _ = speed_of(run)
    processor = 1e3 * (used.ru_utime + used.ru_stime) / iterations
    return Trained(rate, processor, of_view[0] / seconds)


def _look(process: int, port: int, of_view: list[float], ended: threading.Event) -> None:
    """Ask for the state as an open page does, until the training has ended."""
    mark = ''
    while not ended.wait(EVERY):
        of_view[0] = children_seconds(process) or of_view[0]
        with suppress(OSError, http.client.HTTPException, ValueError):
            status, content = ask(port, f'/state.json?have={mark}', timeout=20)
            if status == 200:
                mark = json.loads(content)['is']


def speed_of(run: Path) -> tuple[float, int]:
    """Return iterations a second between the first and last row of a log, and their number."""
    with (run / LOG_TABLE).open(encoding='utf-8') as lines:
        rows = list(csv.DictReader(lines))
    first, last = rows[0], rows[-1]
    count = int(last['iteration']) - int(first['iteration'])
    return count / (float(last['elapsed']) - float(first['elapsed'])), count


def compare(pairs: int, iterations: int) -> dict[str, list[Trained]]:
    """Train in pairs, the order by turns, and print how they compare; return all samples."""
    made: dict[str, list[Trained]] = {'alone': [], 'watched': []}
    for number in range(pairs):
        order = ['alone', 'watched'] if number % 2 == 0 else ['watched', 'alone']
        for name in order:
            with tempfile.TemporaryDirectory() as folder:
                port = free_port() if name == 'watched' else None
                made[name].append(train(iterations, Path(folder), port))
                print(f'pair {number + 1}, {name}: {made[name][-1]}', flush=True)
    both = list(zip(made['alone'], made['watched']))
    print_summary('train alone', [each.rate for each in made['alone']], 'it/s')
    print_summary('train --watch, one client', [each.rate for each in made['watched']], 'it/s')
    print_summary('--watch relative to alone', [b.rate / a.rate for a, b in both], 'x')
    ratios = [b.processor / a.processor for a, b in both]
    print_summary('processor of an iteration, relative to alone', ratios, 'x')
    print_summary('processor of the view', [100 * b.view for _, b in both], '% of a core')
    return made


def start() -> tuple[float, float]:
    """Return the seconds from the command to the first page, and to the first page of the run."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        process = subprocess.Popen(
            command(Path(folder), '--watch', '--port', port),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
        )
        found: list[float] = []
        while len(found) < 2 and time.perf_counter() - began < PATIENCE:
            with suppress(OSError, http.client.HTTPException):
                status, content = ask(port, '/')
                if status == 200 and not found:
                    found.append(time.perf_counter() - began)
                if status == 200 and OF_A_RUN in content:
                    found.append(time.perf_counter() - began)
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        process.wait()
    first, of_run = found
    return first, of_run


def print_summary(title: str, values: Sequence[float], unit: str) -> None:
    """Print the median, the smallest and the largest of some measurements."""
    middle, low, high = statistics.median(values), min(values), max(values)
    print(f'{title:<46} {middle:7.3f} {unit}  ({low:.3f} to {high:.3f})', flush=True)


def main() -> None:
    """Measure starts, and pairs of trainings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--iterations', type=int, default=1_000, help='of each training')
    parser.add_argument('--pairs', type=int, default=6)
    parser.add_argument('--starts', type=int, default=5)
    parser.add_argument('--out', type=Path, help='a .json for every sample')
    args = parser.parse_args()
    before = os.getloadavg()
    results: dict[str, Any] = {'iterations': args.iterations}
    if args.starts:
        results['starts'] = [start() for _ in range(args.starts)]
        print_summary('first page', [first for first, _ in results['starts']], 's')
        print_summary('first page of the run', [each for _, each in results['starts']], 's')
    if args.pairs:
        made = compare(args.pairs, args.iterations)
        results |= {name: [each._asdict() for each in made[name]] for name in made}
    results['load'] = [before, os.getloadavg()]
    print(f'load of the machine: {before[0]:.1f} before, {os.getloadavg()[0]:.1f} after')
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(results, indent=1) + '\n')


if __name__ == '__main__':
    main()
