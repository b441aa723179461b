"""Mode coverage on ring8 and grid25 by PacGAN's protocol: `mixture`, and without instance noise.

    python benchmarks/mixtures.py --seeds 0-4
    python benchmarks/mixtures.py --seeds 0 --iterations 500 --runs /tmp/try --out /tmp/try

The first command trains 20 runs, unless they exist; this takes about 25 minutes on 2 cores. It
writes OUT/mixtures.md, the table, and OUT/mixtures.png, the points of the first seed. Every run is
a `gluongan train` with one OpenMP thread (the networks are too small for more), two at a time.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click
from gluongan.cli.options import parse_seeds

from gluongan.data import toys
from gluongan.figures import clouds, curves, save
from gluongan.files import write_text
from gluongan.runs import reading
from gluongan.runs.folder import ACCURACY, read_config

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMS = {'plain': ['--instance-noise', '0'], 'mixture': []}
HEAD = """# Mode coverage on mixtures of Gaussians

The protocol is PacGAN's (Lin et al. 2018, arXiv 1712.04086): 100,000 points of a ring of 8 modes
(radius 1, standard deviation 0.01) and of a grid of 25 modes (step 2, standard deviation 0.05);
2,500 generated points are evaluated. A point is good if it lies within 3 standard deviations of a
mode; a mode is caught if it has a good point. `plain` is the same GAN without instance noise:
`gluongan train --recipe mixture --instance-noise 0`. Written by `python benchmarks/mixtures.py
--seeds {seeds}`; {iterations:,} iterations each.

| data | GAN | seed | modes caught | good points | reverse KL |
|---|---|---|---|---|---|
"""
TAIL = """
Points of the mixture itself reach every mode, with 98.9 % good points and a reverse KL of 0.0014
(ring) and 0.0048 (grid). Table 1 of the PacGAN paper, with other networks and 400,000 iterations:
GAN 6.3 of 8 and 98.2 %, 17.3 of 25 and 94.8 %; PacGAN with 4 samples 7.8 of 8 and 95.9 %, 24.8 of
25 and 93.6 %.

![The data, the plain GAN and the recipe, seed {seed}](mixtures.png)
"""


class Run(NamedTuple):
    """The settings of one run."""

    data: str
    form: str
    seed: int


@click.command()
@click.option('--seeds', default='0-4', show_default=True)
@click.option('--iterations', type=int, help='For a try: fewer than the recipe has.')
@click.option(
    '--runs', type=click.Path(path_type=Path), default=Path('runs/mixtures'), show_default=True
)
@click.option('--out', type=click.Path(path_type=Path), default=Path('docs'), show_default=True)
def main(seeds: str, iterations: int | None, runs: Path, out: Path) -> None:
    """Train the runs that --runs does not hold yet, then write the table and the figure."""
    numbers = parse_seeds(seeds)
    chosen = []
    for data in toys.MIXTURES:
        for form in FORMS:
            chosen += [Run(data, form, seed) for seed in numbers]
    with ThreadPoolExecutor(2) as pool:
        folders = list(pool.map(lambda run: train(run, runs, iterations), chosen))
    rows = ''.join(map(table_row, chosen, folders))
    head = HEAD.format(seeds=seeds, iterations=read_config(folders[0]).iterations)
    write_text(out / 'mixtures.md', head + rows + TAIL.format(seed=numbers[0]))
    draw(dict(zip(chosen, folders)), numbers[0], out / 'mixtures.png')


def train(run: Run, runs: Path, iterations: int | None) -> Path:
    """Return the folder of a run, which is trained now unless it exists."""
    out = runs / f'{run.data}-{run.form}-{run.seed}'
    if not list(out.glob(f'*/{ACCURACY}')):
        words = ['train', '--recipe', 'mixture', '--data', run.data, '--seed', str(run.seed)]
        words += ['--out', str(out), *FORMS[run.form]]
        if iterations:
            words += ['--iterations', str(iterations)]
        subprocess.run(
            [Path(sys.executable).with_name('gluongan'), *words],
            check=True,
            capture_output=True,
            env={**os.environ, 'OMP_NUM_THREADS': '1'},
        )
    return max(path.parent for path in out.glob(f'*/{ACCURACY}'))


def table_row(run: Run, folder: Path) -> str:
    """Return one line of the table."""
    metrics = reading.newest(folder)
    modes = len(toys.modes(run.data)[0])
    return (
        f'| {run.data} | {run.form} | {run.seed} | {metrics["modes/caught"]} of {modes} | '
        f'{metrics["modes/good"]:.1%} | {metrics["modes/kl"]:.4f} |\n'
    )


def draw(folders: dict[Run, Path], seed: int, path: Path) -> None:
    """Draw the data, the plain GAN and the recipe for one seed, with one row per mixture."""
    title = f'Mixtures of Gaussians, seed {seed}: 2,500 points each'
    figure, panels = curves.page(title, rows=2, cols=3, height=6.2)
    for data, row in zip(toys.MIXTURES, (panels[:3], panels[3:])):
        of_data = {form: folders[Run(data, form, seed)] for form in FORMS}
        _draw_row(row, data, of_data)
    save(figure, path)


def _draw_row(row: list[Axes], data: str, folders: dict[str, Path]) -> None:
    first = next(iter(folders.values()))
    facts = reading.read_facts(first)
    reals = clouds.load(reading.reals_file(first, facts))
    window = clouds.window(reals)
    clouds.panel(row[0], reals, curves.REAL, data, window)
    for (form, folder), axes in zip(folders.items(), row[1:]):
        _, newest = reading.sample_files(folder, facts)[-1]
        points = clouds.load(newest)
        metrics = reading.newest(folder)
        caught = f'{metrics["modes/caught"]}/{len(toys.modes(data)[0])}'
        label = f'{form}: {caught}, {metrics["modes/good"]:.0%} good'
        clouds.panel(axes, points, curves.FAKE, label, window)


if __name__ == '__main__':
    main()
