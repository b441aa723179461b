"""The page's tables, and what may be said of them."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from gluongan.bench import median, ratio, spread

from .driver import FORMS
from .findings import Findings, axis, ours, peak_share, peers, rest, share, whole

# (case, at least so many times as fast as the best of all peers' forms, what it aims at).
AGAINST = [
    *(
        (f'{recipe}-{batch}', 1.0, 1.25)
        for recipe in ('vanilla', 'dense', 'binarized', 'wgan', 'conditional')
        for batch in (128, 512)
    ),
    ('dcgan-128', 1.2, 1.5),
]
# (case, at least this share of an iteration in products).
SHARES = [('dense-128', 0.55), ('dense-1024', 0.75), ('dcgan-128', 0.5)]
WHOLE, FLAT = 0.95, 0.03
NOISE = 0.05  # a time an image that grows by less has not grown


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown, the first column to the left."""
    lines = ['| ' + ' | '.join(row) + ' |' for row in (heads, *rows)]
    return '\n'.join([lines[0], '|---' + '|---:' * (len(heads) - 1) + '|', *lines[1:]])


def verdicts(findings: Findings) -> str:
    """Return a line for each thing that gluongan wants to reach: what it is, whether it is met, and what stands in the way."""
    lines = [
        *_verdicts_against(findings),
        *_verdicts_limits(findings),
        *_verdicts_growth(findings),
        *_verdicts_command(findings),
    ]
    return '\n'.join(f'- {line}' for line in lines) or 'Nothing has been measured yet.'


def _verdicts_against(findings: Findings) -> list[str]:
    lines = []
    for case, bar, aim in AGAINST:
        if case in findings.compare and (speeds := peers(findings.compare[case])):
            form, speed = next(iter(speeds.items()))
            line = f'`{case}`: {speed.value:.2f} × the best peer, `{form}`; bar {bar}, {_met(speed.value >= bar)}, aim {aim}'
            lines.append(line + ('' if speed.value >= bar else _blame(findings, case)))
    return lines


def _verdicts_limits(findings: Findings) -> list[str]:
    return [
        f'`{case}`: products are {share(limit):.2f} of an iteration; bar {bar}, {_met(share(limit) >= bar)}'
        + ('' if share(limit) >= bar else _blame(findings, case))
        for case, bar in SHARES
        if (limit := findings.limits.get(case))
    ]


def _verdicts_growth(findings: Findings) -> list[str]:
    lines = []
    for recipe, line in axis(findings.growth, 'batch').items():
        points = [(at, seconds) for at, seconds, _ in line if at >= 64]
        grown = [int(b[0]) for a, b in zip(points, points[1:]) if b[1] > a[1] * (1 + NOISE)]
        where = f' (it grows at {", ".join(map(str, grown))})' if grown else ''
        lines.append(
            f'`{recipe}`: time an image never grows from batch 64 to {points[-1][0]:g} by more than '
            f'{NOISE:.0%}: {_met(not grown)}{where}'
        )
    return lines


def _verdicts_command(findings: Findings) -> list[str]:
    found, lines = findings.overhead, []
    if found:
        value = statistics.median(
            whole / bare for bare, whole in zip(found['bare'], found['whole'])
        )
        lines.append(
            f'`gluongan train` with all that it writes runs at {value:.2f} × the speed of bare updates; bar {WHOLE}, '
            f'{_met(value >= WHOLE)}'
        )
    if found.get('memory'):
        early, late, grown = _memory(found)
        lines.append(
            f'memory from iteration {early:,.0f} to {late:,.0f}: {grown:+.1%}; bar {FLAT:.0%}, '
            f'{_met(abs(grown) <= FLAT)}'
        )
    return lines


def _memory(found: dict[str, Any]) -> tuple[float, float, float]:
    rows = found['memory']
    early = min(rows, key=lambda row: abs(row[0] - rows[-1][0] / 10))
    return early[0], rows[-1][0], rows[-1][1] / early[1] - 1


def _met(reached: bool) -> str:
    return 'met' if reached else '**not met**'


def _blame(findings: Findings, case: str) -> str:
    """Say which operator, beside the products, takes most of a case, and what passes between operators if that is more."""
    limit = findings.limits.get(case)
    if not limit or not rest(limit):
        return ''
    name, _, seconds = rest(limit)[0]
    between = whole(limit) - sum(seconds for *_, seconds in limit['operators'])
    said = f'`{name}` takes most, {1e3 * seconds:.1f} of {1e3 * whole(limit):.1f} ms'
    return f'; beside the products {said}' + (
        f', and {1e3 * between:.1f} pass between operators' if between > seconds else ''
    )


def machine(findings: Findings) -> str:
    """Return a table of the machines and versions that the results are of."""
    rows = []
    for case, trials in findings.compare.items():
        found = trials.environment
        versions = {
            name: version
            for trial in trials.trials
            for name, version in trial.facts['versions'].items()
            if name != 'numpy'
        }
        rows.append(
            (
                f'compare {case}',
                found,
                ', '.join(f'{name} {version}' for name, version in versions.items()),
            )
        )
    rows += [
        (f'limits {case}', limit['environment'], f'mxnet {limit["environment"]["mxnet"]}')
        for case, limit in findings.limits.items()
    ]
    lines: dict[tuple[str, ...], list[str]] = {}
    for what, found, versions in rows:
        key = tuple(
            str(found[name]) for name in ('processor', 'cores', 'threads', 'platform', 'python')
        )
        lines.setdefault((*key, versions), []).append(what)
    if not lines:
        return 'None yet.'
    cells = [
        (*key, ', '.join(names) if len(names) < 4 else f'{names[0]} and {len(names) - 1} more')
        for key, names in lines.items()
    ]
    loads = [found['load'][0] for _, found, _ in rows]
    return (
        table(('processor', 'cores', 'threads', 'system', 'Python', 'versions', 'results'), cells)
        + f'\n\nLoad of the machine just before each: {min(loads):.1f} to {max(loads):.1f}.'
    )


def against(findings: Findings) -> str:
    """Return iterations/s of all forms by case, and the ratio to the best of the peers."""
    forms = _ordered(
        trial.facts['form'] for trials in findings.compare.values() for trial in trials.trials
    )
    rows = []
    for case, trials in findings.compare.items():
        speeds = {
            trial.facts['form']: f'{1 / median(trial):.1f} ±{50 * spread(trial):.0f} %'
            for trial in trials.trials
        }
        best = next(iter(peers(trials).items()), None)
        said = (
            f'**{best[1].value:.2f}** ({best[1].low:.2f} to {best[1].high:.2f}), {best[0]}'
            if best
            else ''
        )
        rounds = len(ours(trials).seconds)
        rows.append((f'`{case}`', *(speeds.get(form, '') for form in forms), said, str(rounds)))
    return (
        'Iterations/s, median and half the distance of the quartiles; last, gluongan : the best peer by the median of the '
        f'ratios (quartiles).\n\n{table(("case", *forms, "gluongan : best peer", "rounds"), rows)}'
    )


def _ordered(forms: Iterable[str]) -> list[str]:
    there = set(forms)
    return [form for form in FORMS if form in there]


def alike(findings: Findings) -> str:
    """Return the worst difference of each form by recipe."""
    forms = _ordered(row['form'] for row in findings.equivalence)
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in findings.equivalence:
        groups.setdefault((row['case'].rpartition('-')[0], row['way']), []).append(row)
    cells = []
    for (recipe, way), rows in groups.items():
        worst = {
            form: max((row['value'] for row in rows if row['form'] == form), default=None)
            for form in forms
        }
        cells.append(
            (
                f'`{recipe}`',
                way,
                *('' if worst[form] is None else f'{worst[form]:.1e}' for form in forms),
                f'{rows[0]["tolerance"]:.0e}',
            )
        )
    return (
        'The same initial weights, noise and batches in, 3 iterations: ‖ours − theirs‖ / ‖ours − initial‖ of the worst '
        'tensor at the worst batch size; weights, running statistics and averages. `smooth`: with tanh in the place of '
        '(Leaky)ReLU, on the first feed. `own`: with its own activations, on the first of sixteen feeds that agrees, '
        'because rounding gives a sample another slope where the input of a ReLU is 0 to the last bit.\n\n'
        + table(('recipe', 'activations', *forms, 'tolerance'), cells)
    )


def limits(findings: Findings) -> str:
    """Return time, products and their shares by case."""
    rows = [
        (
            f'`{case}`',
            f'{1e3 * whole(limit):.2f}',
            f'{1e3 * limit["products"]:.2f}',
            f'**{share(limit):.2f}**',
            f'{limit["flops"] / 1e9:.1f}',
            f'{limit["peak"] / 1e9:.0f}',
            f'{peak_share(limit):.2f}',
        )
        for case, limit in findings.limits.items()
    ]
    heads = (
        'case',
        'iteration, ms',
        'products alone, ms',
        'share',
        'GFLOP',
        'peak, GFLOP/s',
        'share at the peak',
    )
    return (
        'Products alone: each matrix product and convolution of an iteration timed by itself at its own shape, best of all '
        f'repeats, summed. At the peak: their FLOPs at the speed of a 2048³ product.\n\n{table(heads, rows)}'
    )


def operators(findings: Findings, most: int = 6) -> str:
    """Return MXNet's longest operators of each recipe at batch 128."""
    rows = []
    for case, limit in findings.limits.items():
        if case.endswith('-128'):
            for name, calls, seconds in limit['operators'][:most]:
                rows.append(
                    (
                        f'`{case}`',
                        f'`{name}`',
                        f'{calls:.0f}',
                        f'{1e3 * seconds:.2f}',
                        f'{seconds / whole(limit):.2f}',
                    )
                )
    return (
        "By MXNet's profiler, which slows an iteration by some 15 % and counts operators that run side by side twice: "
        f'shares may add up to more than 1.\n\n{table(("case", "operator", "calls", "ms an iteration", "share"), rows)}'
    )


def growth(findings: Findings) -> str:
    """Return time an image and memory along each axis."""
    rows = [
        (name, f'`{recipe}`', f'{at:g}', f'{1e6 * seconds:.1f}', f'{megabytes:.0f}')
        for name in ('batch', 'width', 'side')
        for recipe, line in axis(findings.growth, name).items()
        for at, seconds, megabytes in line
    ]
    return table(('axis', 'recipe', 'at', 'µs an image', 'largest memory, MB'), rows)


def precision(findings: Findings) -> str:
    """Return how many times as fast products in bfloat16 make an iteration, by hidden layers and batch."""
    rows = []
    for fine, coarse in zip(findings.precision[::2], findings.precision[1::2]):
        hidden, gain = [fine.facts['gen_hidden'], fine.facts['dis_hidden']], ratio(coarse, fine)
        rows.append(
            (
                *(', '.join(map(str, sizes)) for sizes in hidden),
                str(fine.facts['batch']),
                f'{1 / median(fine):.1f}',
                f'{1 / median(coarse):.1f}',
                f'**{gain.value:.2f}** ({gain.low:.2f} to {gain.high:.2f})',
            )
        )
    heads = (
        "G's hidden layers",
        "D's",
        'batch',
        'float32, it/s',
        'bfloat16, it/s',
        'bfloat16 : float32',
    )
    return f'`dense`, the same run with `--precision bfloat16`, in turn.\n\n{table(heads, rows)}'


def sampling(findings: Findings) -> str:
    """Return images/s when samples are drawn."""
    rows = [
        (f'`{recipe}`', f'{1 / seconds:,.0f}')
        for recipe, line in axis(findings.growth, 'sampling').items()
        for _, seconds, _ in line
    ]
    return table(('recipe', 'images/s'), rows)


def command(findings: Findings) -> str:
    """Return the start-up, and the whole command against bare updates."""
    found = findings.overhead
    ratios = [whole / bare for bare, whole in zip(found['bare'], found['whole'])]
    said = [
        ('import mxnet, s', found['import']),
        ('`gluongan train` to its first finished iteration, s', found['first']),
        ('bare updates, it/s', found['bare']),
        ('the whole run, it/s', found['whole']),
        ('whole : bare', ratios),
    ]
    rows = [
        (name, f'{statistics.median(values):.2f}', f'{min(values):.2f}', f'{max(values):.2f}')
        for name, values in said
    ]
    return table(('what', 'median', 'smallest', 'largest'), rows)
