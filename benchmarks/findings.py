"""All measurements so far, read from benchmarks/results. What has not been measured is empty."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any, NamedTuple

from gluongan.bench import Ratio, Trial, Trials, ratio, read

from .equivalence import OURS

# The results that have one file each.
SINGLE = ('growth', 'overhead', 'equivalence', 'precision')
PRODUCTS = ('FullyConnected', 'Convolution', 'Deconvolution', 'gluongan_dense')


class Findings(NamedTuple):
    """All results. compare, one_thread, native, busy, limits: by case.

    limits, growth, overhead and equivalence are as their programs wrote them. precision: pairs,
    float32 first. environments: of the last four, by name; empty where none was recorded.
    """

    compare: dict[str, Trials]
    one_thread: dict[str, Trials]
    native: dict[str, Trials]
    busy: dict[str, Trials]
    limits: dict[str, dict[str, Any]]
    growth: list[dict[str, Any]]
    overhead: dict[str, Any]
    equivalence: list[dict[str, Any]]
    precision: list[Trial]
    environments: dict[str, dict[str, Any]]


def read_findings(folder: Path) -> Findings:
    """Return the results in a folder."""
    precision = folder / 'precision.json'
    files = {name: _read_json(folder / f'{name}.json') for name in SINGLE}
    return Findings(
        compare=_read_trials(folder, 'compare'),
        one_thread=_read_trials(folder, 'one-thread'),
        native=_read_trials(folder, 'native'),
        busy=_read_trials(folder, 'busy'),
        limits={case: _read_json(path) for case, path in _paths(folder, 'limits').items()},
        growth=files['growth'].get('rows', []),
        overhead=files['overhead'],
        equivalence=files['equivalence'].get('rows', []),
        precision=list(read(precision).trials) if precision.is_file() else [],
        environments={name: content.get('environment', {}) for name, content in files.items()},
    )


def _read_trials(folder: Path, kind: str) -> dict[str, Trials]:
    return {case: read(path) for case, path in _paths(folder, kind).items()}


def _paths(folder: Path, kind: str) -> dict[str, Path]:
    """Return the results of one kind by case, sorted by recipe and batch size."""

    def key(case: str) -> tuple[str, int]:
        recipe, _, batch = case.rpartition('-')
        return recipe, int(batch)

    paths = {path.stem[len(kind) + 1 :]: path for path in folder.glob(f'{kind}-*-*.json')}
    return {case: paths[case] for case in sorted(paths, key=key)}


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    return json.loads(path.read_text(encoding='utf-8'))


def ours(trials: Trials) -> Trial:
    """Return gluongan's trial of a case."""
    return next(trial for trial in trials.trials if trial.facts['form'] == OURS)


def peers(trials: Trials) -> dict[str, Ratio]:
    """Return by form how many times as fast gluongan is, the fastest form first."""
    speeds = {}
    for trial in trials.trials:
        if trial.facts['form'] != OURS:
            speeds[trial.facts['form']] = ratio(ours(trials), trial)
    return dict(sorted(speeds.items(), key=lambda item: item[1].value))


def iteration_seconds(limit: dict[str, Any]) -> float:
    """Return the median seconds of an iteration, measured together with the limits of a case."""
    return statistics.median(limit['iteration'])


def share(limit: dict[str, Any]) -> float:
    """Return the share of an iteration that its products take, each timed at its own shape."""
    return limit['products'] / iteration_seconds(limit)


def peak_share(limit: dict[str, Any]) -> float:
    """Return the share that the products would take at the speed of a large square product."""
    return limit['flops'] / limit['peak'] / iteration_seconds(limit)


def other_operators(limit: dict[str, Any]) -> list[tuple[str, float, float]]:
    """Return MXNet's operators without products as (name, calls, seconds), the longest first.

    Calls and seconds are per iteration.
    """
    others = []
    for name, calls, seconds in limit['operators']:
        if not any(product in name for product in PRODUCTS):
            others.append((name, calls, seconds))
    return others


def axis(growth: list[dict[str, Any]], name: str) -> dict[str, list[tuple[float, float, float]]]:
    """Return by recipe the points (at, seconds per image, MB) of an axis, medians over rounds."""
    lines: dict[str, list[tuple[float, float, float]]] = {}
    for row in growth:
        if row['axis'] != name:
            continue
        images = 1 if name == 'sampling' else row['batch']
        seconds = statistics.median(row['seconds']) / images
        point = (row['at'], seconds, statistics.median(row['megabytes']))
        lines.setdefault(row['recipe'], []).append(point)
    return {recipe: sorted(line) for recipe, line in lines.items()}


def speed_ratios(overhead: dict[str, Any]) -> list[float]:
    """Return the speed of the whole command relative to bare updates, by round."""
    return [whole / bare for bare, whole in zip(overhead['bare'], overhead['whole'])]


def memory_growth(rows: list[tuple[float, float]]) -> tuple[float, float, float]:
    """Return the iteration after a tenth of the run, the last one, and how much memory grew."""
    last, last_size = rows[-1]
    first, first_size = min(rows, key=lambda row: abs(row[0] - last / 10))
    return first, last, last_size / first_size - 1
