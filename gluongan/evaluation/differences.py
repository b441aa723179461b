"""Which differences between runs are more than noise, in words.

Two single runs are compared by the intervals of their metrics, which cover the drawing of samples;
runs of several seeds by the spread of the seeds. Needs the files of the runs alone, not MXNet.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from math import hypot, isfinite
from statistics import mean
from typing import NamedTuple

from ..metric_names import metric_meaning
from .comparison import Group, metrics_by_origin
from .measured import Origin
from .report import Interval

WORDS = ('better', 'worse', 'higher', 'lower', 'within noise')  # in the order of lines
LEVEL = 0.05  # of a test: so many differences that are noise are taken for more
SAMPLES = 'by the 95% intervals of the samples; one seed each says nothing about the recipe'
NO_INTERVALS = 'not judged, without an interval'
NO_SPREAD = 'not judged, since no seed differs from another'


class Difference(NamedTuple):
    """A metric of two groups, and whether they differ by more than noise.

    first, other: the means over the runs that have it. is_real: None where nobody can say.
    by: what that was judged by, or why it cannot be.
    """

    name: str
    first: float
    other: float
    is_real: bool | None
    by: str

    @property
    def word(self) -> str:
        """How the other group differs from the first, `within noise`, or why nobody can say."""
        if not self.is_real:
            return self.by if self.is_real is None else 'within noise'
        is_higher = self.other > self.first
        better = metric_meaning(self.name).better
        if better == 'data':
            return 'higher' if is_higher else 'lower'
        return 'better' if is_higher == (better == 'high') else 'worse'


def differ(a: float, of_a: Interval, b: float, of_b: Interval) -> bool:
    """Return whether two numbers of independent draws differ by more than their intervals allow.

    The distances of both numbers from those ends that face each other are added as errors are
    (Zou and Donner 2008, Statistics in Medicine 27, as Newcombe 1998 for shares). Intervals that
    overlap a little may therefore differ.

    >>> differ(1.0, Interval(0.8, 1.2), 1.35, Interval(1.15, 1.55))
    True
    >>> differ(1.0, Interval(0.8, 1.2), 1.25, Interval(1.05, 1.45))
    False
    """
    if a > b:
        return differ(b, of_b, a, of_a)
    return b - a > hypot(of_a.high - a, b - of_b.low)


def seeds_differ(a: Sequence[float], b: Sequence[float]) -> bool | None:
    """Return whether numbers of several seeds differ, by a t test; None where none has a spread.

    It is Welch's, which lets both have their own spread. A single number has none, so that the
    spread of the others is taken for both.

    >>> seeds_differ([2.0, 2.2, 2.1], [3.0, 3.3, 3.1])
    True
    >>> seeds_differ([2.0, 2.2, 2.1], [2.15])
    False
    """
    from scipy.stats import ttest_ind  # here, because the import takes a second

    if len(set(a)) == len(set(b)) == 1:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', RuntimeWarning)  # numbers that hardly differ
        found = ttest_ind(a, b, equal_var=min(len(a), len(b)) == 1)
    return bool(found.pvalue < LEVEL)


def difference(name: str, origin: Origin, first: Group, other: Group) -> Difference | None:
    """Return how a metric of one origin differs between two groups; None where one has none."""
    a, b = first.values(name, origin), other.values(name, origin)
    if not a or not b:
        return None
    means = mean(a), mean(b)
    if not all(map(isfinite, (*a, *b))):
        return Difference(name, *means, None, 'not judged, since a number is not finite')
    if len(a) == len(b) == 1:
        ends = [group.interval(name, origin) for group in (first, other)]
        if None in ends:
            return Difference(name, *means, None, NO_INTERVALS)
        return Difference(name, *means, differ(means[0], ends[0], means[1], ends[1]), SAMPLES)
    is_real = seeds_differ(a, b)
    return Difference(name, *means, is_real, NO_SPREAD if is_real is None else _by_seeds(a, b))


def _by_seeds(a: Sequence[float], b: Sequence[float]) -> str:
    if min(len(a), len(b)) == 1:
        return f'by the spread over {max(len(a), len(b))} seeds, beside one seed (t test, p < 0.05)'
    return f"by the spread over {len(a)} and {len(b)} seeds (Welch's t test, p < 0.05)"


def sentences(groups: Sequence[Group]) -> list[str]:
    """Return lines that say which metrics of each later group differ from those of the first.

    Only metrics of the same name and origin are compared.
    """
    lines = []
    for other in groups[1:]:
        for origin, names in metrics_by_origin(groups).items():
            found = [difference(name, origin, groups[0], other) for name in names]
            judged = [each for each in found if each is not None]
            if any(each.is_real is not None for each in judged):
                lines.append(f'{other.name}, compared with {groups[0].name} ({origin}):')
                lines += _lines(judged)
    if lines:
        lines.append('By chance alone, about one number in 20 differs by more than noise.')
    return lines


def _lines(judged: Sequence[Difference]) -> list[str]:
    """Return a line for each way in which metrics differ, by what it was judged by."""
    names: dict[tuple[str, str], list[str]] = {}
    for each in judged:
        by = '' if each.is_real is None else each.by
        names.setdefault((by, each.word), []).append(each.name)
    lines = []
    for said in dict.fromkeys(by for by, _ in names):
        if said:
            lines.append(f'  {said}:')
        words = [word for by, word in names if by == said]
        for word in sorted(words, key=lambda word: WORDS.index(word) if word in WORDS else 9):
            lines.append(f'    {word}: {", ".join(names[said, word])}')
    return lines
