"""The metrics in one sentence: classes covered, sharpness, variety, copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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


def summarize(
    values: Values,
    classes: Sequence[str] = (),
    real: Values | None = None,
    modes: int | None = None,
    images: int | None = None,
    shares: Sequence[float] | None = None,
    judge_of: str | None = None,
) -> str:
    """Return what metrics mean, as one sentence.

    classes: the names of the classes, and `shares` their shares in the data, by default equal;
    those with a share of 0 are not expected. judge_of: the data that has these classes, if other.
    real: the same metrics of real images, if they are known. modes: how many the mixture has, for
    points of one. images: how many images samples were compared with; with few, nothing is said of
    variety, unless the samples are alike.

    >>> summarize({
    ...     'lenet_share10k_0': 0.6,
    ...     'lenet_share10k_1': 0.0,
    ...     'pixel_sharpness10k': 0.5,
    ...     'pixel_copies1k_train': 0.0,
    ... }, ['cat', 'dog'])
    "covers 1 of 2 classes (dog is missing); blurred (0.50 of the data's sharpness); no copies"
    """
    clauses = [
        _classes(values, classes, shares, judge_of),
        _modes(values),
        _points(values, modes),
        _sharpness(values),
        _variety(values, real or {}, images),
        _difference(values),
        _copies(values),
        _requested_class(values),
    ]
    return '; '.join(clause for clause in clauses if clause)


def _classes(
    values: Values,
    classes: Sequence[str],
    expected: Sequence[float] | None,
    judge_of: str | None,
) -> str:
    shares = find_metrics(values, 'share')
    if not shares:
        return ''
    missing = missing_classes(np.array(shares), None if expected is None else np.array(expected))
    total = len(shares) if expected is None else int(np.count_nonzero(expected))
    noun = 'class' if total == 1 else 'classes'
    if judge_of is not None:
        if not total:
            return f'the judge of {judge_of} sees none of its classes in the data'
        noun += f' that the judge of {judge_of} sees in the data'
    if not missing:
        return f'covers all {total} {noun}'
    if len(missing) == total:
        return f'covers none of the {total} {noun}'
    names = [classes[i] if i < len(classes) else str(i) for i in missing]
    verb = 'is' if len(names) == 1 else 'are'
    return f'covers {total - len(missing)} of {total} {noun} ({_list(names)} {verb} missing)'


def _list(names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    return f'{", ".join(names[:-1])} and {names[-1]}'


def _modes(values: Values) -> str:
    modes = find_metric(values, 'modes')
    return '' if modes is None else f'covers {modes:,.0f} of 1,000 modes'


def _points(values: Values, modes: int | None) -> str:
    caught = find_metric(values, 'caught')
    good = find_metric(values, 'good')
    if caught is None:
        return ''
    total = '' if modes is None else f' of {modes}'
    return f'catches {caught:.0f}{total} modes; {good:.0%} of the points are near a mode'


def _sharpness(values: Values) -> str:
    sharpness = find_metric(values, 'sharpness')
    if sharpness is None:
        return ''
    low, high = GOOD_SHARPNESS
    if sharpness < low:
        return f"blurred ({sharpness:.2f} of the data's sharpness)"
    if sharpness > high:
        return f"too sharp or noisy ({sharpness:.2f} times the data's sharpness)"
    return 'good sharpness'


def _variety(values: Values, real: Values, images: int | None) -> str:
    spread = find_metric(values, 'spread')
    if spread is not None and spread < ALIKE:
        return f"nearly all samples are alike ({spread:.2f} of the data's spread)"
    if images is not None and images < ENOUGH:
        return f'too few real images ({images}) to judge the variety'
    ratios = []
    for stem, ideal in IDEAL.items():
        value = find_metric(values, stem, 'pixel')
        if value is not None:
            ratios.append(value / (find_metric(real, stem, 'pixel') or ideal))
    if not ratios:
        return ''
    support = find_metric(values, 'support')
    if support is not None and support < FEW_IMAGES:
        return f'about {support:,.0f} distinct images'
    if min(ratios) < GOOD_VARIETY:
        return f'covers {min(ratios):.0%} of the variety of real images'
    return 'good variety'


def _difference(values: Values) -> str:
    """Return a clause if either half of the nearest-neighbour test is accurate.

    Its accuracy is high on the data if the samples are noise, and on the samples if they are alike.
    """
    halves = [find_metric(values, 'nn_real') or 0.0, find_metric(values, 'nn_fake') or 0.0]
    if max(halves) <= EASY_TO_TELL:
        return ''
    return f'easy to tell from the data (a nearest-neighbour test is {max(halves):.0%} accurate)'


def _copies(values: Values) -> str:
    copies = find_metric(values, 'copies')
    if copies is None:
        return ''
    if copies <= CHANCE_COPIES:
        return 'no copies'
    return f'{copies:.0%} of the samples are copies of training images'


def _requested_class(values: Values) -> str:
    share = find_metric(values, 'asked')
    return '' if share is None else f'{share:.1%} of the samples are of the requested class'
