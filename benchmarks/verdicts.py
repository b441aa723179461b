"""The verdicts of the page: which goals are met, and what takes the time where one is missed."""

from __future__ import annotations

import statistics

from .findings import (
    Findings,
    axis,
    iteration_seconds,
    memory_growth,
    other_operators,
    peers,
    share,
    speed_ratios,
)

# Cases, the least ratio to the fastest form of all peers, and the ratio that we aim at.
AGAINST = [
    ('vanilla-128', 1.0, 1.25),
    ('vanilla-512', 1.0, 1.25),
    ('dense-128', 1.0, 1.25),
    ('dense-512', 1.0, 1.25),
    ('binarized-128', 1.0, 1.25),
    ('binarized-512', 1.0, 1.25),
    ('wgan-128', 1.0, 1.25),
    ('wgan-512', 1.0, 1.25),
    ('conditional-128', 1.0, 1.25),
    ('conditional-512', 1.0, 1.25),
    ('dcgan-128', 1.0, 1.2),
]
# Cases, and the least share of an iteration that products should take.
SHARES = [('dense-128', 0.6), ('dense-1024', 0.8), ('dcgan-128', 0.5)]
WHOLE = 0.95  # the least speed of the whole command, relative to bare updates
FLAT = 0.03  # the most that memory may grow
NOISE = 0.05  # a time per image that grows by less has not grown
NEGLIGIBLE = 0.01  # of an iteration


def verdicts(findings: Findings) -> str:
    """Return a line for each goal: the value, whether the goal is met, and what takes the time."""
    lines = [
        *_verdicts_against(findings),
        *_verdicts_limits(findings),
        *_verdicts_growth(findings),
        *_verdicts_command(findings),
    ]
    if not lines:
        return 'Nothing has been measured yet.'
    return '\n'.join(f'- {line}' for line in lines)


def _verdicts_against(findings: Findings) -> list[str]:
    lines = []
    for case, bar, aim in AGAINST:
        speeds = peers(findings.compare[case]) if case in findings.compare else {}
        if not speeds:
            continue
        form, speed = next(iter(speeds.items()))
        line = (
            f'`{case}`: {speed.value:.2f} × the best peer, `{form}`; '
            f'bar {bar}, {_met(speed.value >= bar)}; aim {aim}'
        )
        if speed.value < bar:
            line += _blame(findings, case)
        else:
            line += f', {"met" if speed.value >= aim else "missed"}'
        lines.append(line)
    return lines


def _verdicts_limits(findings: Findings) -> list[str]:
    lines = []
    for case, bar in SHARES:
        if case not in findings.limits:
            continue
        value = share(findings.limits[case])
        line = (
            f'`{case}`: products take {value:.2f} of an iteration; bar {bar}, {_met(value >= bar)}'
        )
        if value < bar:
            line += _blame(findings, case)
        lines.append(line)
    return lines


def _verdicts_growth(findings: Findings) -> list[str]:
    lines = []
    for recipe, line in axis(findings.growth, 'batch').items():
        points = [(at, seconds) for at, seconds, _ in line if at >= 64]
        slower = []
        for (_, before), (at, seconds) in zip(points, points[1:]):
            if seconds > before * (1 + NOISE):
                slower.append(f'{at:g}')
        where = f' (it grows at {", ".join(slower)})' if slower else ''
        lines.append(
            f'`{recipe}`: from batch 64 to {points[-1][0]:g} the time per image never grows by '
            f'more than {NOISE:.0%}: {_met(not slower)}{where}'
        )
    return lines


def _verdicts_command(findings: Findings) -> list[str]:
    overhead = findings.overhead
    lines = []
    if overhead:
        value = statistics.median(speed_ratios(overhead))
        lines.append(
            f'`gluongan train`, with everything it writes, runs at {value:.2f} × the speed of bare '
            f'updates; bar {WHOLE}, {_met(value >= WHOLE)}'
        )
    if overhead.get('memory'):
        early, late, growth = memory_growth(overhead['memory'])
        lines.append(
            f'memory from iteration {early:,.0f} to {late:,.0f}: {growth:+.1%}; bar {FLAT:.0%}, '
            f'{_met(abs(growth) <= FLAT)}'
        )
    return lines


def _met(reached: bool) -> str:
    return 'met' if reached else '**missed**'


def _blame(findings: Findings, case: str) -> str:
    """Return which operator takes the most time, apart from products.

    Also says how much time passes outside of MXNet's operators, if that is more: in Python, in
    noise, in batches and in the updates of the weights.
    """
    limit = findings.limits.get(case)
    if not limit or not other_operators(limit):
        return ''
    total = iteration_seconds(limit)
    name, _, seconds = other_operators(limit)[0]
    outside = total - sum(seconds for *_, seconds in limit['operators'])
    elsewhere = "MXNet's operators (updates, noise, Python)"
    if seconds < NEGLIGIBLE * total:
        return f'; {1e3 * outside:.1f} of {1e3 * total:.1f} ms pass outside of {elsewhere}'
    text = (
        f'; apart from products `{name}` takes the most time, '
        f'{1e3 * seconds:.1f} of {1e3 * total:.1f} ms'
    )
    if outside > seconds:
        text += f', and {1e3 * outside:.1f} pass outside of {elsewhere}'
    return text
