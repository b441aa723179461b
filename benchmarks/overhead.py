"""The cost of `gluongan train` beyond its bare updates, how soon it starts, and its memory.

    python benchmarks/overhead.py [--iterations 1000] [--rounds 5] [--memory 50000]
        [--out benchmarks/results/overhead.json]

Every round runs both sides one after the other, so that a machine whose speed drifts affects both
alike; the results are the medians of the ratios. The whole command includes samples, logs,
measurements, snapshots and figures at their default triggers.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

BARE = """
import sys, time
from gluongan import build, recipes
config = recipes.recipe('dense')
updater = build.make_updater(config, build.load_data(config))
for _ in range(50): updater.update()
updater.drain()
start = time.perf_counter()
for _ in range(int(sys.argv[1])): updater.update()
updater.drain()
print(int(sys.argv[1]) / (time.perf_counter() - start))
"""

WHOLE = """
import sys, time
from pathlib import Path
from gluongan import launch, recipes
config = recipes.recipe('dense').with_settings({'iterations': int(sys.argv[1]) + 50})
trainer = launch.begin(config, Path(sys.argv[2]), [])
for _ in range(50): trainer.updater.update()
trainer.updater.drain()
trainer.updater.take()
start = time.perf_counter()
trainer.run()
print(int(sys.argv[1]) / (time.perf_counter() - start))
"""

FIRST = """
import sys
from gluongan.gan import updater
update = updater.GANUpdater.update
def update_once(self):
    update(self)
    self.drain()
    raise SystemExit(0)
updater.GANUpdater.update = update_once
from gluongan.cli import main
main(['train', '--out', sys.argv[1]])
"""

MEMORY = """
import re, sys
from pathlib import Path
from gluongan import launch, recipes
from gluongan.trainer import Extension
class Resident(Extension):
    trigger = (1_000, 'iteration')
    def __call__(self, trainer):
        kilobytes = re.search(r'VmRSS:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]
        print(trainer.updater.iteration, int(kilobytes) / 1024, flush=True)
config = recipes.recipe('dense').with_settings({'iterations': int(sys.argv[1])})
trainer = launch.begin(config, Path(sys.argv[2]), [])
trainer.extend(Resident())
trainer.run()
"""

ENVIRONMENT = """
import json, sys
from gluongan.bench.subjects import environment
print(json.dumps(environment(sys.argv[1:])))
"""

IMPORT = 'import numpy, builtins; vars(numpy).setdefault("bool", bool); import mxnet'


def python(code: str, *arguments: object) -> str:
    """Run `code` in a fresh process and return what it printed."""
    process = subprocess.run(
        [sys.executable, '-c', code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        # Not in a checkout, whose folder Python would find before the installed package.
        cwd=tempfile.gettempdir(),
    )
    return process.stdout


def time_process(code: str, *arguments: object) -> float:
    """Return the seconds that a fresh process takes from its start to its end."""
    start = time.perf_counter()
    python(code, *arguments)
    return time.perf_counter() - start


def print_summary(title: str, values: Sequence[float], unit: str) -> None:
    """Print the median, the smallest and the largest of some measurements."""
    middle, low, high = statistics.median(values), min(values), max(values)
    print(f'{title:<52} {middle:7.2f} {unit}  ({low:.2f} to {high:.2f})', flush=True)


def overhead(rounds: int, iterations: int, out: Path) -> dict[str, list[float]]:
    """Print the speed of bare updates and of the whole run, and their ratio; return all samples."""
    bare, whole = [], []
    for _ in range(rounds):
        bare.append(float(python(BARE, iterations)))
        whole.append(float(python(WHOLE, iterations, out)))
    print_summary('bare updates', bare, 'it/s')
    print_summary('the whole run', whole, 'it/s')
    ratios = [b / a for a, b in zip(bare, whole)]
    print_summary('the whole run relative to bare updates', ratios, 'x')
    return {'bare': bare, 'whole': whole}


def start(rounds: int, out: Path) -> dict[str, list[float]]:
    """Print the time to the first finished iteration and of `import mxnet`; return all samples."""
    imports, firsts = [], []
    for _ in range(rounds):
        imports.append(time_process(IMPORT))
        firsts.append(time_process(FIRST, out))
    print_summary('import mxnet, with the NumPy alias', imports, 's')
    print_summary('gluongan train, to the first finished iteration', firsts, 's')
    ratios = [b / a for a, b in zip(imports, firsts)]
    print_summary('first iteration relative to import', ratios, 'x')
    return {'import': imports, 'first': firsts}


def memory(iterations: int, out: Path) -> dict[str, list[tuple[float, ...]]]:
    """Print the resident size after a tenth of the iterations and after all.

    Returns (iteration, MB) every 1,000 iterations.
    """
    rows = []
    for line in python(MEMORY, iterations, out).splitlines():
        if re.match(r'\d+ ', line):
            rows.append(tuple(map(float, line.split())))
    first, first_size = min(rows, key=lambda row: abs(row[0] - iterations / 10))
    last, last_size = rows[-1]
    growth = 100 * (last_size / first_size - 1)
    print(
        f'resident size after {first:,.0f} and {last:,.0f} iterations: '
        f'{first_size:.0f} and {last_size:.0f} MB, {growth:+.1f} %'
    )
    return {'memory': rows}


def main() -> None:
    """Measure start and overhead, and memory if it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--iterations', type=int, default=1_000, help='in each timed run')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument(
        '--memory',
        type=int,
        default=0,
        help='also train this many iterations and measure the memory',
    )
    parser.add_argument('--out', type=Path, help='a .json for every sample')
    args = parser.parse_args()
    facts = json.loads(python(ENVIRONMENT, 'python', 'benchmarks/overhead.py', *sys.argv[1:]))
    results: dict[str, Any] = {'iterations': args.iterations, 'environment': facts}
    with tempfile.TemporaryDirectory() as folder:
        results |= start(args.rounds, Path(folder))
        results |= overhead(args.rounds, args.iterations, Path(folder))
        if args.memory:
            results |= memory(args.memory, Path(folder))
    print(json.dumps({'rounds': args.rounds, 'iterations': args.iterations}))
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(results, indent=1) + '\n')


if __name__ == '__main__':
    main()
