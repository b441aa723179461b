"""The metrics in one sentence: classes covered, sharpness, variety, copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..metric_names import find_metric, find_metrics
from .metrics import missing_classes

Values = Mapping[str, float]

GOOD_SHARPNESS = (0.8, 1.25)  # relative to the data: the eye notices little within these bounds
CHANCE_COPIES = 0.02  # real test images have less than 1 %
GOOD_VARIETY = 0.9  # of the coverage and of the recall of real images, both of pixels
EASY_TO_TELL = 0.8  # 1-NN accuracy; 0.5 for real images
IDEAL = {'coverage': 0.97, 'recall': 0.94}  # if no real images were measured
FEW_IMAGES = 1_000  # distinct images; the data has 10,000
ALIKE = 0.2  # of the distance between images of the data
ENOUGH = 200  # images of the data; of fewer, each stands for too much
MOST = 0.9  # of the modes of stacked digits, of points near a mode, of samples of a requested class
STACKED_MODES = 1_000


class Clause(NamedTuple):
    """A part of the verdict. is_fault: whether it says that something is wrong with the samples."""

    text: str
    is_fault: bool = False


def summarize(
    values: Values,
    classes: Sequence[str] = (),
    real: Values | None = None,
    modes: int | None = None,
    images: int | None = None,
    shares: Sequence[float] | None = None,
    judge_of: str | None = None,
) -> str:
    """Return what metrics mean, as one sentence; see `clauses`.

    >>> summarize({
    ...     'lenet_share10k_0': 0.6,
    ...     'lenet_share10k_1': 0.0,
    ...     'pixel_sharpness10k': 0.5,
    ...     'pixel_copies1k_train': 0.0,
    ... }, ['cat', 'dog'])
    "covers 1 of 2 classes (dog is missing); blurred (0.50 of the data's sharpness); no copies"
    """
    said = clauses(values, classes, real, modes, images=images, shares=shares, judge_of=judge_of)
    return '; '.join(clause.text for clause in said)


def clauses(
    values: Values,
    classes: Sequence[str] = (),
    real: Values | None = None,
    modes: int | None = None,
    *,
    images: int | None = None,
    shares: Sequence[float] | None = None,
    judge_of: str | None = None,
) -> list[Clause]:
    """Return what metrics mean, and which of it is a fault of the samples.

    classes: the names of the classes, and `shares` their shares in the data, by default equal;
    those with a share of 0 are not expected. judge_of: the data that has these classes, if other.
    real: the same metrics of real images, if they are known. modes: how many the mixture has, for
    points of one. images: how many images samples were compared with; with few, nothing is said of
    variety, unless the samples are alike.

    >>> [clause.text for clause in clauses({'pixel_sharpness10k': 0.5}) if clause.is_fault]
    ["blurred (0.50 of the data's sharpness)"]
    """
    said = [
        _classes(values, classes, shares, judge_of),
        _modes(values, real or {}),
        _points(values, real or {}, modes),
        _sharpness(values),
        _variety(values, real or {}, images),
        _difference(values),
        _copies(values),
        _requested_class(values, real or {}),
    ]
    return [clause for clause in said if clause]


def _classes(
    values: Values,
    classes: Sequence[str],
    expected: Sequence[float] | None,
    judge_of: str | None,
) -> Clause | None:
    shares = find_metrics(values, 'share')
    if not shares:
        return None
    missing = missing_classes(np.array(shares), None if expected is None else np.array(expected))
    total = len(shares) if expected is None else int(np.count_nonzero(expected))
    noun = 'class' if total == 1 else 'classes'
    if judge_of is not None:
        if not total:
            return Clause(f'the judge of {judge_of} sees none of its classes in the data')
        noun += f' that the judge of {judge_of} sees in the data'
    if not missing:
        return Clause(f'covers all {total} {noun}')
    if len(missing) == total:
        return Clause(f'covers none of the {total} {noun}', True)
    names = [classes[i] if i < len(classes) else str(i) for i in missing]
    verb = 'is' if len(names) == 1 else 'are'
    covered = f'covers {total - len(missing)} of {total} {noun}'
    return Clause(f'{covered} ({_list(names)} {verb} missing)', True)


def _list(names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    return f'{", ".join(names[:-1])} and {names[-1]}'


def _modes(values: Values, real: Values) -> Clause | None:
    modes = find_metric(values, 'modes')
    if modes is None:
        return None
    of_real = find_metric(real, 'modes') or STACKED_MODES
    return Clause(f'covers {modes:,.0f} of {STACKED_MODES:,} modes', modes < MOST * of_real)


def _points(values: Values, real: Values, modes: int | None) -> Clause | None:
    caught = find_metric(values, 'caught')
    good = find_metric(values, 'good')
    if caught is None:
        return None
    total = '' if modes is None else f' of {modes}'
    is_fault = caught < (modes or 0) or good < MOST * (find_metric(real, 'good') or 1.0)
    text = f'catches {caught:.0f}{total} modes; {good:.0%} of the points are near a mode'
    return Clause(text, is_fault)


def _sharpness(values: Values) -> Clause | None:
    sharpness = find_metric(values, 'sharpness')
    if sharpness is None:
        return None
    low, high = GOOD_SHARPNESS
    if sharpness < low:
        return Clause(f"blurred ({sharpness:.2f} of the data's sharpness)", True)
    if sharpness > high:
        text = f"too sharp or noisy ({sharpness:.2f} times the data's sharpness)"
        return Clause(text, True)
    return Clause('good sharpness')


def _variety(values: Values, real: Values, images: int | None) -> Clause | None:
    spread = find_metric(values, 'spread')
    if spread is not None and spread < ALIKE:
        return Clause(f"nearly all samples are alike ({spread:.2f} of the data's spread)", True)
    if images is not None and images < ENOUGH:
        return Clause(f'too few real images ({images}) to judge the variety')
    ratios = []
    for stem, ideal in IDEAL.items():
        value = find_metric(values, stem, 'pixel')
        if value is not None:
            ratios.append(value / (find_metric(real, stem, 'pixel') or ideal))
    if not ratios:
        return None
    support = find_metric(values, 'support')
    if support is not None and support < FEW_IMAGES:
        return Clause(f'about {support:,.0f} distinct images', True)
    if min(ratios) < GOOD_VARIETY:
        return Clause(f'covers {min(ratios):.0%} of the variety of real images', True)
    return Clause('good variety')


def _difference(values: Values) -> Clause | None:
    """Return a clause if either half of the nearest-neighbour test is accurate.

    Its accuracy is high on the data if the samples are noise, and on the samples if they are alike.
    """
    halves = [find_metric(values, 'nn_real') or 0.0, find_metric(values, 'nn_fake') or 0.0]
    if max(halves) <= EASY_TO_TELL:
        return None
    text = f'easy to tell from the data (a nearest-neighbour test is {max(halves):.0%} accurate)'
    return Clause(text, True)


def _copies(values: Values) -> Clause | None:
    copies = find_metric(values, 'copies')
    if copies is None:
        return None
    if copies <= CHANCE_COPIES:
        return Clause('no copies')
    return Clause(f'{copies:.0%} of the samples are copies of training images', True)


def _requested_class(values: Values, real: Values) -> Clause | None:
    share = find_metric(values, 'asked')
    if share is None:
        return None
    is_fault = share < MOST * (find_metric(real, 'asked') or 1.0)
    return Clause(f'{share:.1%} of the samples are of the requested class', is_fault)
