"""The numbers in one sentence: what is covered, how sharp it is, whether it is copied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..metric_names import every, find
from .metrics import absent

Values = Mapping[str, float]

SHARP = (0.8, 1.25)  # of the data's sharpness: within these bounds the eye sees little
FEW_COPIES = 0.02  # copies that chance makes: real test images have under 1 %
VARIED = 0.9  # of the coverage and of the recall that real pictures reach
TOLD = 0.8  # 1-NN accuracy; of real pictures it is 0.5
IDEAL = {'coverage': 0.97, 'recall': 0.94}  # where what real pictures reach is not known
FEW = 1_000  # different pictures, where the data has 10,000


def sentence(values: Values, classes: Sequence[str] = (), real: Values | None = None) -> str:
    """Return what the metrics mean, such as `covers 9 of 10 classes; 4 is missing; sharpness good; copies nothing`.

    real: the same metrics of real pictures, where they are known.
    """
    real = real or {}
    parts = [
        _classes(values, classes),
        _modes(values),
        _points(values),
        _sharpness(values),
        _variety(values, real),
        _told(values),
        _copies(values),
        _asked(values),
    ]
    return '; '.join(part for part in parts if part)


def _classes(values: Values, classes: Sequence[str]) -> str:
    shares = every(values, 'share')
    if not shares:
        return ''
    missing = [classes[i] if i < len(classes) else str(i) for i in absent(np.array(shares))]
    if not missing:
        return f'covers all {len(shares)} classes'
    if len(missing) == len(shares):
        return f'covers none of {len(shares)} classes'
    head = f'covers {len(shares) - len(missing)} of {len(shares)} classes'
    return f'{head}; {_list(missing)} {"is" if len(missing) == 1 else "are"} missing'


def _list(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f'{", ".join(words[:-1])} and {words[-1]}'


def _modes(values: Values) -> str:
    modes = find(values, 'modes')
    return '' if modes is None else f'covers {modes:,.0f} of 1,000 modes'


def _points(values: Values) -> str:
    caught, good = find(values, 'caught'), find(values, 'good')
    return (
        ''
        if caught is None
        else f'catches {caught:.0f} modes; {good:.0%} of its points lie near one'
    )


def _sharpness(values: Values) -> str:
    value = find(values, 'sharpness')
    if value is None:
        return ''
    low, high = SHARP
    return (
        'sharpness good'
        if low <= value <= high
        else f"blurred ({value:.2f} of the data's sharpness)"
        if value < low
        else f"too hard or noisy ({value:.2f} of the data's sharpness)"
    )


def _variety(values: Values, real: Values) -> str:
    reached = [
        find(values, name) / (find(real, name) or ideal)
        for name, ideal in IDEAL.items()
        if find(values, name) is not None
    ]
    if not reached:
        return ''
    if find(values, 'support') < FEW:
        return f'as if it knew {find(values, "support"):,.0f} pictures'
    return (
        'variety good'
        if min(reached) >= VARIED
        else f'reaches {min(reached):.0%} of what real pictures reach'
    )


def _told(values: Values) -> str:
    """Say so where either half of 1-NN gives them away: the data's is high beside noise, the samples' where they are alike."""
    told = max(find(values, half) or 0.0 for half in ('nn_real', 'nn_fake'))
    return (
        f'easily told from the data (1-NN is right {told:.0%} of the time)' if told > TOLD else ''
    )


def _copies(values: Values) -> str:
    copies = find(values, 'copies')
    if copies is None:
        return ''
    return (
        'copies nothing'
        if copies <= FEW_COPIES
        else f'copies training images ({copies:.0%} of its samples)'
    )


def _asked(values: Values) -> str:
    asked = find(values, 'asked')
    return '' if asked is None else f'{asked:.1%} are of the class asked for'
