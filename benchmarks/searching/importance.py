"""How much each setting of a search matters, by Optuna."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import optuna

from .spec import Spec
from .trials import Row, distribution

ENOUGH = 10  # trials; of fewer, chance alone decides


class Importance(NamedTuple):
    """The share of each setting in the variance of the metric, the largest first.

    iterations: the last rung that ENOUGH trials reached. trials: how many reached it.
    """

    iterations: int
    trials: int
    shares: dict[str, float]


def importance(spec: Spec, rows: Sequence[Row]) -> Importance | None:
    """Return how much each setting matters; None with too few trials, or where all are alike.

    The shares are those of fANOVA (Hutter, Hoos and Leyton-Brown 2014), interactions counted with
    each of their settings.
    """
    for iterations in reversed(spec.rungs):
        reached = [row for row in rows if iterations in row.values]
        if len(reached) >= ENOUGH:
            shares = _shares(spec, reached, iterations)
            return Importance(iterations, len(reached), shares) if shares else None
    return None


def _shares(spec: Spec, rows: Sequence[Row], iterations: int) -> dict[str, float]:
    distributions = {name: distribution(each) for name, each in spec.search.items()}
    study = optuna.create_study()
    for row in sorted(rows, key=lambda row: row.number):
        study.add_trial(
            optuna.create_trial(
                params=row.parameters,
                distributions=distributions,
                value=row.values[iterations],
            )
        )
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    try:
        return optuna.importance.get_param_importances(study, evaluator=evaluator)
    except RuntimeError:  # no variance
        return {}
