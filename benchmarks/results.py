"""Trains every recipe on every data set with several seeds within a fixed budget, evaluates each, and writes docs/results.md.

    python benchmarks/results.py [--recipes dense,dcgan] [--data mnist] [--seeds 0-2] [--minutes 30] [--runs results]

What is there already is not done again, so it may be stopped and started at will; `--page` writes the page from what there is.
A run that has not finished when its minutes are over is stopped as Ctrl-C stops it, with a snapshot, and evaluated as it is.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from gluongan.cli.options import parse_seeds

from gluongan import evaluation
from gluongan.evaluation import classifier as judge
from gluongan.evaluation import comparison
from gluongan.recipes import RECIPES
from gluongan.runtime import processor, usable_cores

GLUONGAN = (sys.executable, '-c', 'from gluongan.cli import main; main(prog_name="gluongan")')
HOME = Path(__file__).resolve().parents[1]
DATA = ('mnist', 'fashion-mnist')
PICTURED = tuple(name for name in RECIPES if RECIPES[name]().data in DATA)  # the others make points
ABREAST = 4  # pictures in a row
COLUMNS = {
    'fd': 'FD',
    'score': 'score',
    'classes': 'classes',
    'precision': 'precision',
    'recall': 'recall',
    'coverage': 'coverage',
    'ndb': 'NDB',
    'nn_real': '1-NN real',
    'nn_fake': '1-NN fake',
    'sharpness': 'sharpness',
}

# Fréchet distances of Inception features (FID), mean ± standard deviation: Lucic et al. 2018, arXiv 1711.10337, Table 2.
PUBLISHED = {
    'mnist': (
        ('MM GAN', '9.8 ± 0.9'),
        ('NS GAN', '6.8 ± 0.5'),
        ('LSGAN', '7.8 ± 0.6'),
        ('WGAN', '6.7 ± 0.4'),
        ('WGAN-GP', '20.3 ± 5.0'),
        ('DRAGAN', '7.6 ± 0.4'),
        ('BEGAN', '13.1 ± 1.0'),
    ),
    'fashion-mnist': (
        ('MM GAN', '29.6 ± 1.6'),
        ('NS GAN', '26.5 ± 1.6'),
        ('LSGAN', '30.7 ± 2.2'),
        ('WGAN', '21.5 ± 1.6'),
        ('WGAN-GP', '24.5 ± 2.1'),
        ('DRAGAN', '27.7 ± 1.2'),
        ('BEGAN', '22.9 ± 0.9'),
    ),
}
NOTE = (
    'The best of 100 settings each, 20 epochs, 10,000 samples against the test images, by the features of an Inception '
    'network that was trained on photographs. **The protocol is not ours**: our distance is by the features of a small '
    'classifier of the data itself. The two may not be compared, only the order of methods within each.'
)


def folder(runs: Path, recipe: str, data: str, seed: int) -> Path | None:
    """Return the run of these settings, None where there is none yet."""
    for path in sorted(runs.glob(f'*-{recipe.replace("_", "-")}-{data}')):
        settings = json.loads((path / 'config.json').read_text())
        if (settings['recipe'], settings['data'], settings['seed']) == (recipe, data, seed) and (
            path / 'done'
        ).is_file():
            return path
    return None


def train(runs: Path, recipe: str, data: str, seed: int, minutes: float, more: list[str]) -> Path:
    """Train one run, for so many minutes at most, and return its folder."""
    words = [
        'train',
        '--recipe',
        recipe,
        '--data',
        data,
        '--seed',
        str(seed),
        '--out',
        str(runs),
        *more,
    ]
    before = set(runs.glob('*')) if runs.is_dir() else set()
    process = subprocess.Popen([*GLUONGAN, *words])
    try:
        process.wait(timeout=60 * minutes)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        process.wait()
    made = set(runs.glob('*')) - before
    if process.returncode not in (0, 128 + signal.SIGINT) or len(made) != 1:
        raise SystemExit(f'gluongan {" ".join(words)} failed with exit code {process.returncode}')
    run = made.pop()
    (run / 'done').write_text('trained within its budget\n')
    return run


def evaluate(run: Path) -> None:
    """Evaluate a run, where that has not been done."""
    if not (run / 'evaluation.json').is_file():
        subprocess.run([*GLUONGAN, 'evaluate', str(run)], check=True)


def page(runs: list[Path], target: Path, command: str) -> str:
    """Return the page of results, and copy the pictures that it shows beside it."""
    groups = comparison.group_runs(map(comparison.read_run, runs))
    parts = [
        '# Results',
        f'Written by `{command}` on {processor()}, {usable_cores()} cores; not edited by hand. Each number '
        'is a mean ± standard deviation over seeds, of 10,000 samples (see the README, "Is it any good?"); `real` are '
        'training images, the best there is. No run had more minutes than another; what a recipe reaches in its own '
        'time is in the README.',
    ]
    for data in dict.fromkeys(group.config.data for group in groups):
        own = [group for group in groups if group.config.data == data]
        parts += [f'## {data}', table(own, data), *pictures(own, target), *published(data)]
    return '\n\n'.join(parts) + '\n'


def table(groups: list[comparison.Group], data: str) -> str:
    """Return the metrics of one data set as a Markdown table, a row a recipe."""
    names = {
        evaluation.metric_stem(name): name
        for name in evaluation.read_metrics(groups[0].runs[0].path / 'evaluation.json')
    }
    shown = {title: names[stem] for stem, title in COLUMNS.items() if stem in names}
    lines = [
        '| recipe | seeds | iterations | minutes | ' + ' | '.join(shown) + ' |',
        '|---' * (4 + len(shown)) + '|',
    ]
    for group in groups:
        cells = [cell(group, name) for name in shown.values()]
        minutes = group.mean_and_deviation('seconds of training')
        lines.append(
            f'| `{group.config.recipe}` | {len(group.runs)} | {cell(group, "iterations")} | '
            f'{minutes[0] / 60 if minutes else 0:.1f} | {" | ".join(cells)} |'
        )
    path = judge.calibration_file(data)
    if path.is_file():
        known = evaluation.read_calibration(path)
        row = [known.sets['real'].get(name) for name in shown.values()]
        lines.append(
            '| real | | | | '
            + ' | '.join('' if pair is None else said(*pair) for pair in row)
            + ' |'
        )
    return (
        '\n'.join(lines)
        + '\n\nThe metrics: '
        + ', '.join(f'{title} is `{name}`' for title, name in shown.items())
        + '.'
    )


def cell(group: comparison.Group, name: str) -> str:
    """Return mean ± deviation of one metric."""
    found = group.mean_and_deviation(name)
    return '' if found is None else said(*found)


def said(mean: float, deviation: float | None) -> str:
    """Return a number with its deviation, where that is known and not nothing."""
    number = comparison.format_number(mean, 3)
    return f'{number} ± {comparison.format_number(deviation, 1)}' if deviation else number


def pictures(groups: list[comparison.Group], target: Path) -> list[str]:
    """Copy the newest samples of the first run of each group beside the page; return the table that shows them."""
    shown = {}
    for group in groups:
        run = group.runs[0].path
        newest = max((run / 'samples').glob('*.png'), key=lambda path: int(path.stem), default=None)
        if newest:
            copy = target.parent / 'results' / f'{group.config.recipe}-{group.config.data}.png'
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(newest, copy)
            shown[f'`{group.config.recipe}`, seed {group.runs[0].config.seed}'] = (
                f'![]({copy.relative_to(target.parent)})'
            )
    return [abreast(shown)] if shown else []


def abreast(shown: dict[str, str]) -> str:
    """Return titles, each above what it names, as a Markdown table of ABREAST columns."""
    lines = []
    for start in range(0, len(shown), ABREAST):
        lines += [row[start : start + ABREAST] for row in (list(shown), list(shown.values()))]
    lines.insert(1, ['---'] * ABREAST)
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


def published(data: str) -> list[str]:
    """Return what others have published on a data set, and whether it may be compared."""
    if data not in PUBLISHED:
        return []
    rows = '\n'.join(f'| {model} | {value} |' for model, value in PUBLISHED[data])
    return [
        f'Published on {data}: FID, Lucic et al. 2018 (arXiv 1711.10337, Table 2). {NOTE}',
        f'| model | FID |\n|---|---|\n{rows}',
    ]


def main() -> None:
    """Do what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--recipes',
        default=','.join(PICTURED),
        help='with commas between (default: all that make pictures)',
    )
    parser.add_argument('--data', default=','.join(DATA))
    parser.add_argument('--seeds', default='0-2')
    parser.add_argument(
        '--minutes', type=float, default=30, help='of training, for each run (default: 30)'
    )
    parser.add_argument('--iterations', help='for each run, instead of what its recipe says')
    parser.add_argument(
        '--runs', type=Path, default=Path('results'), help='where the runs are (default: results)'
    )
    parser.add_argument('--target', type=Path, default=HOME / 'docs' / 'results.md')
    parser.add_argument(
        '--page',
        action='store_true',
        help='train nothing, write the page from the runs that are there',
    )
    given = parser.parse_args()
    wanted = [
        (recipe, data, seed)
        for seed in parse_seeds(given.seeds)
        for data in given.data.split(',')
        for recipe in given.recipes.split(',')
    ]
    more = ['--iterations', given.iterations] if given.iterations else []
    made = []
    for each in wanted:
        run = folder(given.runs, *each) or (
            None if given.page else train(given.runs, *each, given.minutes, more)
        )
        if run:
            evaluate(run)
            made.append(run)
            text = page(
                made, given.target, f'python benchmarks/results.py {" ".join(sys.argv[1:])}'.strip()
            )
            given.target.parent.mkdir(parents=True, exist_ok=True)
            given.target.write_text(text, encoding='utf-8')
    print(given.target if made else 'nothing to write: there is no run yet')


if __name__ == '__main__':
    main()
