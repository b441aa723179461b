"""What `gluongan train` costs beside its bare updates, how soon it starts, and whether its memory grows.

    python benchmarks/overhead.py [--iterations 1000] [--rounds 5] [--memory 50000] [--out benchmarks/results/overhead.json]

Every round runs both sides one after the other, so that a drifting machine hits both alike; the medians of the ratios are
what counts. The whole command includes samples, logs, measurements, snapshots and figures at their default triggers.
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
from pathlib import Path

BARE = """
import json, sys, time
from gluongan import build, launch, recipes
config = recipes.recipe('dense')
updater = build.make_updater(config, build.load_data(config))
for _ in range(50): updater.update()
updater.drain()
begun = time.perf_counter()
for _ in range(int(sys.argv[1])): updater.update()
updater.drain()
print(int(sys.argv[1]) / (time.perf_counter() - begun))
"""

WHOLE = """
import sys, time
from pathlib import Path
from gluongan import build, launch, recipes
config = recipes.recipe('dense').with_settings({'iterations': int(sys.argv[1]) + 50})
trainer = launch.begin(config, Path(sys.argv[2]), [])
for _ in range(50): trainer.updater.update()
trainer.updater.drain()
trainer.updater.take()
begun = time.perf_counter()
trainer.run()
print(int(sys.argv[1]) / (time.perf_counter() - begun))
"""

FIRST = """
import sys
from gluongan import updater
once = updater.GANUpdater.update
def first(self):
    once(self)
    self.drain()
    raise SystemExit(0)
updater.GANUpdater.update = first
from gluongan.cli import main
main(['train', '--out', sys.argv[1]])
"""

MEMORY = """
import re, sys
from pathlib import Path
from gluongan import build, launch, recipes
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


def python(code: str, *arguments: object) -> str:
    """Run `code` in a fresh process and return what it printed."""
    # Elsewhere, so that the installed package is measured: in a checkout, Python would find its folder first.
    done = subprocess.run(
        [sys.executable, '-c', code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tempfile.gettempdir(),
    )
    return done.stdout


def seconds(code: str, *arguments: object) -> float:
    """Time a fresh process from its start to its end."""
    begun = time.perf_counter()
    python(code, *arguments)
    return time.perf_counter() - begun


def told(title: str, values: list[float], unit: str) -> str:
    """Say a list of measurements: median, smallest, largest."""
    return f'{title:<52} {statistics.median(values):7.2f} {unit}  ({min(values):.2f} to {max(values):.2f})'


def overhead(rounds: int, iterations: int, out: Path) -> dict[str, list[float]]:
    """Print the speed of bare updates, of the whole run, and their ratio; return every sample."""
    pairs = [
        (float(python(BARE, iterations)), float(python(WHOLE, iterations, out)))
        for _ in range(rounds)
    ]
    bare, whole = map(list, zip(*pairs))
    print(told('bare updates', bare, 'it/s'))
    print(told('the whole run', whole, 'it/s'))
    print(told('the whole run against bare updates', [w / b for b, w in pairs], 'x'), flush=True)
    return {'bare': bare, 'whole': whole}


def start(rounds: int, out: Path) -> dict[str, list[float]]:
    """Print the time to the first finished iteration beside that of `import mxnet`; return every sample."""
    prelude = 'import numpy, builtins; vars(numpy).setdefault("bool", bool); import mxnet'
    pairs = [(seconds(prelude), seconds(FIRST, out)) for _ in range(rounds)]
    print(told('import mxnet, with the NumPy alias', [a for a, _ in pairs], 's'))
    print(told('gluongan train, to the first finished iteration', [b for _, b in pairs], 's'))
    print(told('first iteration against import', [b / a for a, b in pairs], 'x'), flush=True)
    return {'import': [a for a, _ in pairs], 'first': [b for _, b in pairs]}


def memory(iterations: int, out: Path) -> dict[str, list[tuple[float, ...]]]:
    """Print the resident size after a tenth of the iterations and after all; return (iteration, MB) every 1,000."""
    lines = python(MEMORY, iterations, out).splitlines()
    rows = [tuple(map(float, line.split())) for line in lines if re.match(r'\d+ ', line)]
    early, late = min(rows, key=lambda row: abs(row[0] - iterations / 10)), rows[-1]
    print(
        f'resident size after {early[0]:,.0f} and {late[0]:,.0f} iterations: {early[1]:.0f} and {late[1]:.0f} MB, '
        f'{100 * (late[1] / early[1] - 1):+.1f} %'
    )
    return {'memory': rows}


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--iterations', type=int, default=1_000, help='in each timed run')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument(
        '--memory', type=int, default=0, help='also train this many iterations and watch the memory'
    )
    parser.add_argument('--out', type=Path, help='a .json for every sample')
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        found = {
            'iterations': given.iterations,
            **start(given.rounds, out),
            **overhead(given.rounds, given.iterations, out),
            **(memory(given.memory, out) if given.memory else {}),
        }
    print(json.dumps({'rounds': given.rounds, 'iterations': given.iterations}))
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(found, indent=1) + '\n')


if __name__ == '__main__':
    main()
