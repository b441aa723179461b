"""The tables of the page, and its verdicts."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from gluongan.bench import Trials, median, ratio, spread

from .driver import FORMS
from .findings import (
    Findings,
    axis,
    iteration_seconds,
    other_operators,
    ours,
    peak_share,
    peers,
    share,
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
    ('dcgan-128', 1.2, 1.5),
]
# Cases, and the least share of an iteration that products should take.
SHARES = [('dense-128', 0.55), ('dense-1024', 0.75), ('dcgan-128', 0.5)]
WHOLE = 0.95  # the least speed of the whole command, relative to bare updates
FLAT = 0.03  # the most that memory may grow
NOISE = 0.05  # a time per image that grows by less has not grown


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown, with the first column aligned to the left."""
    rule = '|---' + '|---:' * (len(heading) - 1) + '|'
    return '\n'.join([_line(heading), rule, *map(_line, rows)])


def _line(cells: Sequence[str]) -> str:
    return '| ' + ' | '.join(cells) + ' |'


# Verdicts


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
            f'bar {bar}, {_met(speed.value >= bar)}, aim {aim}'
        )
        if speed.value < bar:
            line += _blame(findings, case)
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
        value = statistics.median(_speed_ratios(overhead))
        lines.append(
            f'`gluongan train`, with everything it writes, runs at {value:.2f} × the speed of bare '
            f'updates; bar {WHOLE}, {_met(value >= WHOLE)}'
        )
    if overhead.get('memory'):
        early, late, growth = _memory_growth(overhead['memory'])
        lines.append(
            f'memory from iteration {early:,.0f} to {late:,.0f}: {growth:+.1%}; bar {FLAT:.0%}, '
            f'{_met(abs(growth) <= FLAT)}'
        )
    return lines


def _speed_ratios(overhead: dict[str, Any]) -> list[float]:
    return [whole / bare for bare, whole in zip(overhead['bare'], overhead['whole'])]


def _memory_growth(rows: list[tuple[float, float]]) -> tuple[float, float, float]:
    """Return the iteration after a tenth of the run, the last one, and how much memory grew."""
    last, last_size = rows[-1]
    first, first_size = min(rows, key=lambda row: abs(row[0] - last / 10))
    return first, last, last_size / first_size - 1


def _met(reached: bool) -> str:
    return 'met' if reached else '**not met**'


def _blame(findings: Findings, case: str) -> str:
    """Return which operator takes the most time, apart from products.

    Also says how much time passes between operators, if that is more.
    """
    limit = findings.limits.get(case)
    if not limit or not other_operators(limit):
        return ''
    total = iteration_seconds(limit)
    name, _, seconds = other_operators(limit)[0]
    text = (
        f'; apart from products `{name}` takes the most time, '
        f'{1e3 * seconds:.1f} of {1e3 * total:.1f} ms'
    )
    between = total - sum(seconds for *_, seconds in limit['operators'])
    if between > seconds:
        text += f', and {1e3 * between:.1f} pass between operators'
    return text


# Tables

MACHINE = ('processor', 'cores', 'threads', 'platform', 'python')


def machine(findings: Findings) -> str:
    """Return a table of the machines and versions behind the results."""
    results = []  # (name, environment, versions)
    for case, trials in findings.compare.items():
        results.append((f'compare {case}', trials.environment, _peer_versions(trials)))
    for case, limit in findings.limits.items():
        environment = limit['environment']
        results.append((f'limits {case}', environment, f'mxnet {environment["mxnet"]}'))
    if not results:
        return 'None yet.'
    names_by_machine: dict[tuple[str, ...], list[str]] = {}
    for name, environment, versions in results:
        facts = [str(environment[fact]) for fact in MACHINE]
        names_by_machine.setdefault((*facts, versions), []).append(name)
    rows = [(*facts, _some(names)) for facts, names in names_by_machine.items()]
    loads = [environment['load'][0] for _, environment, _ in results]
    heading = ('processor', 'cores', 'threads', 'system', 'Python', 'versions', 'results')
    return (
        f'{table(heading, rows)}\n\n'
        f'Load of the machine just before each: {min(loads):.1f} to {max(loads):.1f}.'
    )


def _peer_versions(trials: Trials) -> str:
    versions: dict[str, str] = {}
    for trial in trials.trials:
        versions.update(trial.facts['versions'])
    versions.pop('numpy', None)
    return ', '.join(f'{name} {version}' for name, version in versions.items())


def _some(names: list[str]) -> str:
    if len(names) < 4:
        return ', '.join(names)
    return f'{names[0]} and {len(names) - 1} more'


def against(findings: Findings) -> str:
    """Return iterations/s of all forms by case, and the ratio to the best of the peers."""
    forms = _forms(findings.compare.values())
    rows = [_against_row(case, trials, forms) for case, trials in findings.compare.items()]
    return (
        'Iterations/s, median and half the distance between the quartiles. The second last column '
        'is the speed of gluongan relative to the best peer: the median of the ratios '
        '(quartiles).\n\n' + table(('case', *forms, 'gluongan : best peer', 'rounds'), rows)
    )


def _forms(sessions: Iterable[Trials]) -> list[str]:
    measured = {trial.facts['form'] for trials in sessions for trial in trials.trials}
    return [form for form in FORMS if form in measured]


def _against_row(case: str, trials: Trials, forms: Sequence[str]) -> tuple[str, ...]:
    speeds = {}
    for trial in trials.trials:
        speeds[trial.facts['form']] = f'{1 / median(trial):.1f} ±{50 * spread(trial):.0f} %'
    best = ''
    for form, speed in list(peers(trials).items())[:1]:
        best = f'**{speed.value:.2f}** ({speed.low:.2f} to {speed.high:.2f}), {form}'
    cells = [speeds.get(form, '') for form in forms]
    return (f'`{case}`', *cells, best, str(len(ours(trials).seconds)))


def equivalence(findings: Findings) -> str:
    """Return the worst difference of each form by recipe."""
    measured = {row['form'] for row in findings.equivalence}
    forms = [form for form in FORMS if form in measured]
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in findings.equivalence:
        recipe = row['case'].rpartition('-')[0]
        groups.setdefault((recipe, row['way']), []).append(row)
    rows = []
    for (recipe, way), group in groups.items():
        cells = [_worst(group, form) for form in forms]
        rows.append((f'`{recipe}`', way, *cells, f'{group[0]["tolerance"]:.0e}'))
    return (
        'All forms start from the same weights and are given the same noise and batches. After 3 '
        'iterations: ‖ours − theirs‖ / ‖ours − initial‖ of the worst tensor (weights, running '
        'statistics, averages) at the worst batch size. `smooth`: with tanh instead of '
        '(Leaky)ReLU, on the first feed. `own`: with its own activations, on the first of sixteen '
        'feeds that agrees, because rounding changes the slope of a sample where the input of a '
        'ReLU is 0 to the last bit.\n\n'
        + table(('recipe', 'activations', *forms, 'tolerance'), rows)
    )


def _worst(rows: Iterable[dict[str, Any]], form: str) -> str:
    values = [row['value'] for row in rows if row['form'] == form]
    return f'{max(values):.1e}' if values else ''


LIMITS = (
    'case',
    'iteration, ms',
    'products alone, ms',
    'share',
    'GFLOP',
    'peak, GFLOP/s',
    'share at the peak',
)


def limits(findings: Findings) -> str:
    """Return the times of an iteration and of its products, and the shares, by case."""
    rows = [_limits_row(case, limit) for case, limit in findings.limits.items()]
    return (
        'Products alone: each matrix product and convolution of an iteration, timed by itself at '
        'its own shape; the best of all repeats, summed. At the peak: their FLOPs at the speed of '
        'a 2048³ product.\n\n' + table(LIMITS, rows)
    )


def _limits_row(case: str, limit: dict[str, Any]) -> tuple[str, ...]:
    return (
        f'`{case}`',
        f'{1e3 * iteration_seconds(limit):.2f}',
        f'{1e3 * limit["products"]:.2f}',
        f'**{share(limit):.2f}**',
        f'{limit["flops"] / 1e9:.1f}',
        f'{limit["peak"] / 1e9:.0f}',
        f'{peak_share(limit):.2f}',
    )


def operators(findings: Findings, most: int = 6) -> str:
    """Return MXNet's longest operators of each recipe at batch 128."""
    rows = []
    for case, limit in findings.limits.items():
        if not case.endswith('-128'):
            continue
        for name, calls, seconds in limit['operators'][:most]:
            part = seconds / iteration_seconds(limit)
            cells = (f'{calls:.0f}', f'{1e3 * seconds:.2f}', f'{part:.2f}')
            rows.append((f'`{case}`', f'`{name}`', *cells))
    return (
        "Measured by MXNet's profiler, which makes an iteration about 15 % slower and counts "
        'operators that run in parallel twice: shares may add up to more than 1.\n\n'
        + table(('case', 'operator', 'calls', 'ms per iteration', 'share'), rows)
    )


def growth(findings: Findings) -> str:
    """Return the time per image and the memory along each axis."""
    rows = []
    for name in ('batch', 'width', 'side'):
        for recipe, line in axis(findings.growth, name).items():
            for at, seconds, megabytes in line:
                cells = (f'{at:g}', f'{1e6 * seconds:.1f}', f'{megabytes:.0f}')
                rows.append((name, f'`{recipe}`', *cells))
    return table(('axis', 'recipe', 'at', 'µs per image', 'largest memory, MB'), rows)


PRECISION = (
    "G's hidden layers",
    "D's",
    'batch',
    'float32, it/s',
    'bfloat16, it/s',
    'bfloat16 : float32',
)


def precision(findings: Findings) -> str:
    """Return how many times as fast bfloat16 makes an iteration, by hidden layers and batch."""
    rows = []
    for float32, bfloat16 in zip(findings.precision[::2], findings.precision[1::2]):
        facts = float32.facts
        gain = ratio(bfloat16, float32)
        rows.append(
            (
                ', '.join(map(str, facts['gen_hidden'])),
                ', '.join(map(str, facts['dis_hidden'])),
                str(facts['batch']),
                f'{1 / median(float32):.1f}',
                f'{1 / median(bfloat16):.1f}',
                f'**{gain.value:.2f}** ({gain.low:.2f} to {gain.high:.2f})',
            )
        )
    return '`dense`, and the same run with `--precision bfloat16`, in turn.\n\n' + table(
        PRECISION, rows
    )


def sampling(findings: Findings) -> str:
    """Return how many images are generated per second."""
    rows = []
    for recipe, line in axis(findings.growth, 'sampling').items():
        for _, seconds, _ in line:
            rows.append((f'`{recipe}`', f'{1 / seconds:,.0f}'))
    return table(('recipe', 'images/s'), rows)


def command(findings: Findings) -> str:
    """Return the time to start, and the speed of the whole command relative to bare updates."""
    overhead = findings.overhead
    measurements = {
        'import mxnet, s': overhead['import'],
        '`gluongan train` to its first finished iteration, s': overhead['first'],
        'bare updates, it/s': overhead['bare'],
        'the whole run, it/s': overhead['whole'],
        'whole : bare': _speed_ratios(overhead),
    }
    rows = []
    for name, values in measurements.items():
        summary = (statistics.median(values), min(values), max(values))
        rows.append((name, *(f'{value:.2f}' for value in summary)))
    return table(('what', 'median', 'smallest', 'largest'), rows)
