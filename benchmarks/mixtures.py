"""Mode coverage on ring8 and grid25 by PacGAN's protocol: the recipe `mixture` beside the same GAN without its cure.

    python benchmarks/mixtures.py --seeds 0-4                # trains what is not there yet; 20 runs, some 25 minutes on 2 cores
    python benchmarks/mixtures.py --seeds 0 --iterations 500 --runs /tmp/try --out /tmp/try

It writes OUT/mixtures.md, the table, and OUT/mixtures.png, the clouds of the first seed. Every run is a `gluongan train` with
one OpenMP thread (the networks are too small to gain from more), two at a time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import numpy as np
from gluongan.cli.options import parse_seeds

from gluongan.data import toys
from gluongan.figures import clouds, curves, save
from gluongan.files import write_text
from gluongan.runs.folder import read_config

FORMS = {'plain': ['--instance-noise', '0'], 'mixture': []}
HEAD = """# Mode coverage on mixtures of Gaussians

The protocol is PacGAN's (Lin et al. 2018, arXiv 1712.04086): 100,000 points of a ring of 8 modes (radius 1, standard deviation
0.01) and of a grid of 25 (step 2, standard deviation 0.05); 2,500 generated points are judged; a point is good within 3
standard deviations of a mode, a mode is caught that has a good point. `plain` is the same GAN without its cure:
`gluongan train --recipe mixture --instance-noise 0`. Written by `python benchmarks/mixtures.py --seeds {seeds}`;
{iterations:,} iterations each.

| data | GAN | seed | modes caught | good points | reverse KL |
|---|---|---|---|---|---|
"""
TAIL = """
The mixture itself has every mode, 98.9 % good points and a reverse KL of 0.0014 (ring) and 0.0048 (grid). Table 1 of the PacGAN
paper, with other networks and 400,000 iterations: GAN 6.3 of 8 and 98.2 %, 17.3 of 25 and 94.8 %; PacGAN with 4 samples 7.8 of
8 and 95.9 %, 24.8 of 25 and 93.6 %.

![The data, the plain GAN and the recipe, seed {seed}](mixtures.png)
"""


@click.command()
@click.option('--seeds', default='0-4', show_default=True)
@click.option('--iterations', type=int, help='Fewer than the recipe has, for a try.')
@click.option(
    '--runs', type=click.Path(path_type=Path), default=Path('runs/mixtures'), show_default=True
)
@click.option('--out', type=click.Path(path_type=Path), default=Path('docs'), show_default=True)
def main(seeds: str, iterations: int | None, runs: Path, out: Path) -> None:
    """Train what is not in --runs yet, then write the table and the figure."""
    numbers = parse_seeds(seeds)
    places = {
        (data, form, seed): runs / f'{data}-{form}-{seed}'
        for data in toys.MIXTURES
        for form in FORMS
        for seed in numbers
    }
    with ThreadPoolExecutor(2) as pool:
        found = dict(
            zip(places, pool.map(lambda key: trained(*key, places[key], iterations), places))
        )
    rows = [row(*key, folder) for key, folder in found.items()]
    length = read_config(next(iter(found.values()))).iterations
    write_text(
        out / 'mixtures.md',
        HEAD.format(seeds=seeds, iterations=length) + ''.join(rows) + TAIL.format(seed=numbers[0]),
    )
    picture(found, numbers[0], out / 'mixtures.png')


def trained(data: str, form: str, seed: int, place: Path, iterations: int | None) -> Path:
    """Return the run of this form on `data`, trained now if it is not there."""
    if not list(place.glob('*/accuracy.csv')):
        words = [
            '--recipe',
            'mixture',
            '--data',
            data,
            '--seed',
            seed,
            '--out',
            place,
            *FORMS[form],
            *(['--iterations', iterations] if iterations else []),
        ]
        subprocess.run(
            [Path(sys.executable).with_name('gluongan'), 'train', *map(str, words)],
            check=True,
            capture_output=True,
            env={**os.environ, 'OMP_NUM_THREADS': '1'},
        )
    return max(path.parent for path in place.glob('*/accuracy.csv'))


def row(data: str, form: str, seed: int, folder: Path) -> str:
    """Return one line of the table."""
    last = json.loads((folder / 'metrics.jsonl').read_text().splitlines()[-1])
    modes = len(toys.modes(data)[0])
    return (
        f'| {data} | {form} | {seed} | {last["modes/caught"]} of {modes} | {last["modes/good"]:.1%} | '
        f'{last["modes/kl"]:.4f} |\n'
    )


def picture(found: dict[tuple[str, str, int], Path], seed: int, path: Path) -> None:
    """Draw the data, the plain GAN and the recipe of one seed, a row a mixture."""
    figure, panels = curves.page(
        f'Mixtures of Gaussians, seed {seed}: 2,500 points each', rows=2, cols=3, height=6.2
    )
    for data, axes in zip(toys.MIXTURES, (panels[:3], panels[3:])):
        folders = [found[data, form, seed] for form in FORMS]
        reals = np.load(folders[0] / 'reals.npy', allow_pickle=False)
        view = clouds.window(reals)
        clouds.panel(axes[0], reals, curves.REAL, data, view)
        for form, folder, place in zip(FORMS, folders, axes[1:]):
            newest = max((folder / 'samples').glob('*.npy'))
            last = json.loads((folder / 'metrics.jsonl').read_text().splitlines()[-1])
            label = f'{form}: {last["modes/caught"]}/{len(toys.modes(data)[0])}, {last["modes/good"]:.0%} good'
            clouds.panel(place, np.load(newest, allow_pickle=False), curves.FAKE, label, view)
    save(figure, path)


if __name__ == '__main__':
    main()
