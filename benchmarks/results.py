"""Trains every recipe on every data set with several seeds, evaluates them, writes docs/results.md.

    python benchmarks/results.py [--recipes dense,dcgan] [--data mnist] [--seeds 0-2] [--minutes 30]
        [--runs results]

Each run has the same budget of time. Runs that exist are not repeated, so the program may be
stopped and started again; `--page` only writes the page from the runs that exist. A run that has
not finished when its minutes are over is stopped as Ctrl-C stops it, with a snapshot, and
evaluated as it is.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from gluongan.cli.options import parse_seeds

from gluongan import evaluation
from gluongan.evaluation import classifier as judge
from gluongan.evaluation import comparison
from gluongan.metric_names import find_metric_name
from gluongan.recipes import RECIPES
from gluongan.runs import reading
from gluongan.runs.folder import EVALUATION, read_config
from gluongan.runtime import processor
from gluongan.threads import usable_cores

GLUONGAN = (sys.executable, '-c', 'from gluongan.cli import main; main(prog_name="gluongan")')
HOME = Path(__file__).resolve().parents[1]
DATA = ('mnist', 'fashion-mnist')
# The recipes that generate images; the others generate points.
PICTURED = tuple(name for name in RECIPES if RECIPES[name]().data in DATA)
ABREAST = 4  # images per row
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

# Fréchet distances of Inception features (FID), mean ± standard deviation: Lucic et al. 2018,
# arXiv 1711.10337, Table 2.
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
    'The best of 100 settings each, 20 epochs, 10,000 samples against the test images, with the '
    'features of an Inception network that was trained on photographs. **The protocol is not '
    'ours**: our distance uses the features of a small classifier of the data itself. The '
    'numbers of the two must not be compared; only the order of the methods within each may be.'
)


def folder(runs: Path, recipe: str, data: str, seed: int) -> Path | None:
    """Return the finished run of these settings, or None if there is none."""
    for path in sorted(runs.glob(f'*-{recipe.replace("_", "-")}-{data}')):
        config = read_config(path)
        same = (config.recipe, config.data, config.seed) == (recipe, data, seed)
        if same and (path / 'done').is_file():
            return path
    return None


def train(
    runs: Path, recipe: str, data: str, seed: int, minutes: float, more: Sequence[str]
) -> Path:
    """Train one run for at most some minutes, and return its folder."""
    words = ['train', '--recipe', recipe, '--data', data, '--seed', str(seed)]
    words += ['--out', str(runs), *more]
    before = _entries(runs)
    process = subprocess.Popen([*GLUONGAN, *words])
    try:
        process.wait(timeout=60 * minutes)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)  # what a shell starts in the background ignores SIGINT
        process.wait()
    new = _entries(runs) - before
    if process.returncode not in (0, 128 + signal.SIGTERM) or len(new) != 1:
        raise SystemExit(f'gluongan {" ".join(words)} failed with exit code {process.returncode}')
    run = new.pop()
    (run / 'done').write_text('trained within its budget\n')
    return run


def _entries(path: Path) -> set[Path]:
    return set(path.glob('*')) if path.is_dir() else set()


def evaluate(run: Path) -> None:
    """Evaluate a run, unless it has been evaluated."""
    if not (run / EVALUATION).is_file():
        subprocess.run([*GLUONGAN, 'evaluate', str(run)], check=True)


def page(runs: Sequence[Path], target: Path, command: str) -> str:
    """Return the page of results, and copy the images that it shows beside it."""
    # The end of the budget interrupts all of them.
    groups = comparison.group_runs(map(comparison.read_run, runs), interrupted_apart=False)
    parts = [
        '# Results',
        f'Written by `{command}` on {processor()}, {usable_cores()} cores; do not edit. Each '
        'number is a mean ± standard deviation over seeds, of 10,000 samples (see '
        '[evaluation](evaluation.md)); `real` are training images, which no generator can beat. '
        'Every run had the same budget of time; [recipes](recipes.md) shows what a recipe '
        'reaches in its own number of iterations.',
    ]
    for data in dict.fromkeys(group.config.data for group in groups):
        of_data = [group for group in groups if group.config.data == data]
        parts += [f'## {data}', table(of_data, data), *pictures(of_data, target), *published(data)]
    return '\n\n'.join(parts) + '\n'


def table(groups: Sequence[comparison.Group], data: str) -> str:
    """Return the metrics of one data set as a Markdown table with one row per recipe."""
    metrics = columns(groups[0].runs[0].path)
    heading = ['recipe', 'seeds', 'iterations', 'minutes', *metrics]
    lines = [_line(heading), '|---' * len(heading) + '|']
    for group in groups:
        cells = [cell(group, name) for name in metrics.values()]
        facts = [
            f'`{group.config.recipe}`',
            str(len(group.runs)),
            cell(group, 'iterations trained'),
        ]
        lines.append(_line([*facts, f'{minutes(group):.1f}', *cells]))
    lines += real_line(data, list(metrics.values()))
    names = ', '.join(f'{title} is `{name}`' for title, name in metrics.items())
    return '\n'.join(lines) + f'\n\nThe metrics: {names}.'


def columns(run: Path) -> dict[str, str]:
    """Return {title: metric} of the columns that an evaluated run has."""
    names = list(evaluation.read_metrics(run / EVALUATION))
    found = {}
    for stem, title in COLUMNS.items():
        name = find_metric_name(names, stem, 'pixel') or find_metric_name(names, stem)
        if name is not None:
            found[title] = name
    return found


def real_line(data: str, names: Sequence[str]) -> list[str]:
    """Return the line of real images, where they have been calibrated."""
    path = judge.calibration_file(data)
    if not path.is_file():
        return []
    real = evaluation.read_calibration(path).sets['real']
    cells = [with_deviation(*real[name]) if name in real else '' for name in names]
    return ['| real | | | | ' + ' | '.join(cells) + ' |']


def _line(cells: Sequence[str]) -> str:
    return '| ' + ' | '.join(cells) + ' |'


def minutes(group: comparison.Group) -> float:
    """Return the mean minutes of training."""
    seconds = group.mean_and_deviation('seconds of training')
    return 0.0 if seconds is None else seconds[0] / 60


def cell(group: comparison.Group, name: str) -> str:
    """Return mean ± standard deviation of one metric."""
    value = group.mean_and_deviation(name)
    return '' if value is None else with_deviation(*value)


def with_deviation(mean: float, deviation: float | None) -> str:
    """Return a number with its standard deviation, unless that is unknown or 0."""
    text = comparison.format_number(mean, 3)
    if not deviation:
        return text
    return f'{text} ± {comparison.format_number(deviation, 1)}'


def pictures(groups: Sequence[comparison.Group], target: Path) -> list[str]:
    """Copy the newest samples of the first run of each group beside the page.

    Returns the table that shows them, if there are any.
    """
    shown = {}
    for group in groups:
        first = group.runs[0]
        facts = reading.read_facts(first.path)
        files = reading.sample_files(first.path, facts) if facts else []
        if not files:
            continue
        _, newest = files[-1]
        copy = target.parent / 'results' / f'{group.config.recipe}-{group.config.data}.png'
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(newest, copy)
        title = f'`{group.config.recipe}`, seed {first.config.seed}'
        shown[title] = f'![]({copy.relative_to(target.parent)})'
    return [abreast(shown)] if shown else []


def abreast(shown: dict[str, str]) -> str:
    """Return titles, each above its image, as a Markdown table of ABREAST columns."""
    titles, images = list(shown), list(shown.values())
    lines = []
    for start in range(0, len(shown), ABREAST):
        lines.append(_line(titles[start : start + ABREAST]))
        lines.append(_line(images[start : start + ABREAST]))
    lines.insert(1, _line(['---'] * ABREAST))
    return '\n'.join(lines)


def published(data: str) -> list[str]:
    """Return the published results on a data set, and whether they may be compared."""
    if data not in PUBLISHED:
        return []
    rows = '\n'.join(f'| {model} | {value} |' for model, value in PUBLISHED[data])
    return [
        f'Published on {data}: FID, Lucic et al. 2018 (arXiv 1711.10337, Table 2). {NOTE}',
        f'| model | FID |\n|---|---|\n{rows}',
    ]


def parse_arguments() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--recipes',
        default=','.join(PICTURED),
        help='separated by commas (default: all that generate images)',
    )
    parser.add_argument('--data', default=','.join(DATA))
    parser.add_argument('--seeds', default='0-2')
    parser.add_argument(
        '--minutes', type=float, default=30, help='of training per run (default: 30)'
    )
    parser.add_argument('--iterations', help='of each run, instead of those of its recipe')
    parser.add_argument(
        '--runs', type=Path, default=Path('results'), help='where the runs are (default: results)'
    )
    parser.add_argument('--target', type=Path, default=HOME / 'docs' / 'results.md')
    parser.add_argument(
        '--page',
        action='store_true',
        help='train nothing; write the page from the runs that exist',
    )
    return parser.parse_args()


def main() -> None:
    """Train and evaluate the chosen runs, and write the page after each."""
    args = parse_arguments()
    more = ['--iterations', args.iterations] if args.iterations else []
    command = f'python benchmarks/results.py {" ".join(sys.argv[1:])}'.strip()
    runs = []
    chosen = product(parse_seeds(args.seeds), args.data.split(','), args.recipes.split(','))
    for seed, data, recipe in chosen:
        run = folder(args.runs, recipe, data, seed)
        if run is None and not args.page:
            run = train(args.runs, recipe, data, seed, args.minutes, more)
        if run is None:
            continue
        evaluate(run)
        runs.append(run)
        text = page(runs, args.target, command)
        args.target.parent.mkdir(parents=True, exist_ok=True)
        args.target.write_text(text, encoding='utf-8')
    print(args.target if runs else 'nothing to write: there is no run yet')


if __name__ == '__main__':
    main()
