"""What has been measured so far, read from benchmarks/results: what is missing is empty."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any, NamedTuple

from gluongan.bench import Ratio, Trial, Trials, ratio, read

from .compare import OURS


class Findings(NamedTuple):
    """All results. compare: by case; limits: by case, as limits.py wrote them; precision: pairs, float32 first.

    The rest is as their programs wrote it.
    """

    compare: dict[str, Trials]
    limits: dict[str, dict[str, Any]]
    growth: list[dict[str, Any]]
    overhead: dict[str, Any]
    equivalence: list[dict[str, Any]]
    precision: list[Trial]


def found(folder: Path) -> Findings:
    """Return what is in a folder of results."""
    precision = folder / 'precision.json'
    return Findings(
        {_case(path): read(path) for path in _ordered(folder, 'compare')},
        {
            _case(path): json.loads(path.read_text(encoding='utf-8'))
            for path in _ordered(folder, 'limits')
        },
        _json(folder / 'growth.json').get('rows', []),
        _json(folder / 'overhead.json'),
        _json(folder / 'equivalence.json').get('rows', []),
        list(read(precision).trials) if precision.is_file() else [],
    )


def _ordered(folder: Path, kind: str) -> list[Path]:
    def key(path: Path) -> tuple[str, int]:
        recipe, _, batch = _case(path).rpartition('-')
        return recipe, int(batch)

    return sorted(folder.glob(f'{kind}-*-*.json'), key=key)


def _case(path: Path) -> str:
    return path.stem.partition('-')[2]


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding='utf-8')) if path.is_file() else {}


def ours(trials: Trials) -> Trial:
    """Return gluongan's trial of a case."""
    return next(trial for trial in trials.trials if trial.facts['form'] == OURS)


def peers(trials: Trials) -> dict[str, Ratio]:
    """Return by form how many times as fast gluongan is, the hardest to beat first."""
    others = (trial for trial in trials.trials if trial.facts['form'] != OURS)
    speeds = {trial.facts['form']: ratio(ours(trials), trial) for trial in others}
    return dict(sorted(speeds.items(), key=lambda item: item[1].value))


def whole(limit: dict[str, Any]) -> float:
    """Return the median seconds of an iteration beside which the limits of a case were measured."""
    return statistics.median(limit['iteration'])


def share(limit: dict[str, Any]) -> float:
    """Return the share of an iteration that its products alone would take, each at the best speed of its own shape."""
    return limit['products'] / whole(limit)


def peak_share(limit: dict[str, Any]) -> float:
    """Return the share that they would take at the speed of a large square product."""
    return limit['flops'] / limit['peak'] / whole(limit)


def rest(limit: dict[str, Any]) -> list[tuple[str, float, float]]:
    """Return MXNet's operators as (name, calls, seconds an iteration), those with products left out, the longest first."""
    return [
        (name, calls, seconds)
        for name, calls, seconds in limit['operators']
        if not any(word in name for word in ('FullyConnected', 'Convolution', 'Deconvolution'))
    ]


def axis(growth: list[dict[str, Any]], name: str) -> dict[str, list[tuple[float, float, float]]]:
    """Return by recipe the points (at, seconds an image, MB) of an axis; seconds are the median over the rounds."""
    lines: dict[str, list[tuple[float, float, float]]] = {}
    for row in growth:
        if row['axis'] == name:
            images = 1 if name == 'sampling' else row['batch']
            lines.setdefault(row['recipe'], []).append(
                (
                    row['at'],
                    statistics.median(row['seconds']) / images,
                    statistics.median(row['megabytes']),
                )
            )
    return {recipe: sorted(line) for recipe, line in lines.items()}
