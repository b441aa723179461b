"""Compares the speed of an iteration with that at the last commit, in one interleaved run.

    python .ci/speed.py [--against HEAD] [--rounds 15] [--most 0.15]

The sources of both, each with operators compiled from them, train `dense` in processes that take
turns, so that a machine that drifts affects both alike. The result is the median of the ratios of
neighbouring turns. It ends with 1 where an iteration takes more than 15 % longer; with 2 where the
ratios spread so widely that such a difference could be chance: it needs a quiet machine.

Without changes against the commit it compares with the commit before that.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[1]
SERVER = """
import sys, time
sys.path.insert(0, sys.argv[1])
from gluongan import build, native, recipes
config = recipes.recipe('dense')
updater = build.make_updater(config, build.load_data(config))
def run(count):
    start = time.perf_counter()
    for _ in range(count): updater.update()
    updater.drain()
    updater.take()
    return (time.perf_counter() - start) / count
run(20)
print('ready', native.reason_missing(), flush=True)
for line in sys.stdin: print(run(int(line)), flush=True)
"""
ITERATIONS = 30


class Side:
    """A process that trains with one of the two sources."""

    def __init__(self, source: Path) -> None:
        command = [sys.executable, '-c', SERVER, str(source)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, cwd=source, stdin=pipe, stdout=pipe, text=True)
        self.ready = self.line()

    def line(self) -> str:
        """Return the next line that the process prints."""
        text = _stream(self.process.stdout).readline()
        if not text:
            sys.exit('a side of the comparison has ended; see above')
        return text.strip()

    def seconds(self) -> float:
        """Return how long an iteration takes, the mean of a turn."""
        print(ITERATIONS, file=_stream(self.process.stdin), flush=True)
        return float(self.line())

    def close(self) -> None:
        """End the process."""
        _stream(self.process.stdin).close()
        self.process.wait()


def _stream(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def git(*words: str) -> str:
    """Return what git prints."""
    command = ['git', '-C', str(ROOT), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def check_out(commit: str, folder: Path) -> Path:
    """Return a folder with the sources of a commit and operators compiled from them."""
    archive = subprocess.run(
        ['git', '-C', str(ROOT), 'archive', commit], capture_output=True, check=True
    )
    folder.mkdir()
    subprocess.run(['tar', '-x', '-C', str(folder)], input=archive.stdout, check=True)
    return compile_operators(folder)


def copy_here(folder: Path) -> Path:
    """Return a folder with the sources as they are now, and operators compiled from them."""
    folder.mkdir()
    for name in git('ls-files', '--cached', '--others', '--exclude-standard').splitlines():
        if (ROOT / name).is_file() and name.startswith(('gluongan/', 'cli/', 'setup.py', 'README')):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
    return compile_operators(folder)


def compile_operators(folder: Path) -> Path:
    """Compile the operators of the sources in a folder, beside them."""
    code = 'import setuptools; setuptools.setup = lambda **_: None; import runpy; '
    code += (
        f'runpy.run_path("setup.py")["build_operators"](__import__("pathlib").Path({LIBRARY!r}))'
    )
    subprocess.run([sys.executable, '-c', code], cwd=folder, check=True)
    return folder


LIBRARY = 'gluongan/native/libgluongan.so.1'


def compare(now: Side, before: Side, rounds: int) -> list[float]:
    """Return the ratio of both times in each round; the side that begins changes."""
    ratios = []
    for index in range(rounds):
        sides = (now, before) if index % 2 else (before, now)
        seconds = {side: side.seconds() for side in sides}
        ratios.append(seconds[now] / seconds[before])
    return ratios


def main() -> None:
    """Compare, say the result, and end with its exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('--against', default='HEAD')
    parser.add_argument('--rounds', type=int, default=15)
    parser.add_argument('--most', type=float, default=0.15)
    options = parser.parse_args()
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    changed = git('diff', '--name-only', options.against, '--', 'gluongan', 'setup.py')
    against = options.against if changed else f'{options.against}~1'
    with tempfile.TemporaryDirectory() as folder:
        before = Side(check_out(against, Path(folder, 'before')))
        now = Side(copy_here(Path(folder, 'now')))
        ratios = compare(now, before, options.rounds)
        now.close()
        before.close()
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(
        f'an iteration takes {middle:.3f} times as long as at {against} '
        f'(quartiles {low:.3f} to {high:.3f}, {len(ratios)} rounds; operators: {now.ready})'
    )
    if high - low > options.most:
        print('the rounds differ too much: the machine is busy; nothing is known')
        sys.exit(2)
    sys.exit(1 if middle > 1 + options.most else 0)


if __name__ == '__main__':
    main()
