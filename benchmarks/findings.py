"""All measurements so far, read from benchmarks/results. What has not been measured is empty."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any, NamedTuple

from gluongan.bench import Ratio, Trial, Trials, ratio, read

from .compare import OURS

PRODUCTS = ('FullyConnected', 'Convolution', 'Deconvolution')


class Findings(NamedTuple):
    """All results. compare, limits: by case; precision: pairs, float32 first.

    limits, growth, overhead and equivalence are as their programs wrote them.
    """

    compare: dict[str, Trials]
    limits: dict[str, dict[str, Any]]
    growth: list[dict[str, Any]]
    overhead: dict[str, Any]
    equivalence: list[dict[str, Any]]
    precision: list[Trial]


def read_findings(folder: Path) -> Findings:
    """Return the results in a folder."""
    precision = folder / 'precision.json'
    return Findings(
        {_case(path): read(path) for path in _sorted_paths(folder, 'compare')},
        {_case(path): _read_json(path) for path in _sorted_paths(folder, 'limits')},
        _read_json(folder / 'growth.json').get('rows', []),
        _read_json(folder / 'overhead.json'),
        _read_json(folder / 'equivalence.json').get('rows', []),
        list(read(precision).trials) if precision.is_file() else [],
    )


def _sorted_paths(folder: Path, kind: str) -> list[Path]:
    """Return the results of one kind, sorted by recipe and batch size."""

    def key(path: Path) -> tuple[str, int]:
        recipe, _, batch = _case(path).rpartition('-')
        return recipe, int(batch)

    return sorted(folder.glob(f'{kind}-*-*.json'), key=key)


def _case(path: Path) -> str:
    return path.stem.partition('-')[2]


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
