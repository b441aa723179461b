"""gluongan data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .faults import refusals, with_flags
from .knobs import PATH, picture_flags, typed
from .notes import hidden
from .outputs import output
from .printing import echo, echo_json
from .shell import complete_data

if TYPE_CHECKING:
    from gluongan.data import Dataset

SHOWN = 12  # classes, and sizes


@click.command(short_help='Show what is understood of a folder, an archive or a file of pictures.')
@click.argument('path', shell_complete=complete_data)
@picture_flags
@click.option(
    '--sheet',
    type=PATH,
    help='Write a sheet of pictures to this .png file, with a row for each class.',
)
@click.option('--json', 'as_json', is_flag=True, help='Print everything as JSON.')
def data(path: str, sheet: Path | None, as_json: bool, **flags: Any) -> None:
    """Show what is understood of PATH before an hour is spent on it.

    PATH is all that `gluongan train` takes for --data. Shown are the classes with their counts, the
    sizes of the pictures, the range of their values, what was left out, copies, the test split, and
    everything that is hardly meant. Nearly alike pictures are looked for among up to 5,000.

    \b
    gluongan data pets.zip
    gluongan data pets --image-size 32 --fit pad --sheet pets.png
    gluongan data pets --json
    """
    target = output(sheet, Path('sheet.png'), '.png', option='--sheet') if sheet else None
    with refusals(), hidden():
        from gluongan.data import NoSplit, count_shared, inspect, load

        dataset = load(path, **typed(flags))
        facts = inspect(dataset)
        try:
            test = load(path, split='test', **typed(flags))
            facts['test'] = {'summary': inspect(test)['summary'], 'count': len(test)}
            facts['test']['shared'] = count_shared(dataset, test)
        except NoSplit:
            facts['test'] = None
        if target is not None:
            _draw(dataset, target)
    if as_json:
        echo_json(facts)
    else:
        for line in _lines(facts):
            echo(with_flags(line))


def _draw(dataset: Dataset, target: Path) -> None:
    from gluongan.data import DataError
    from gluongan.figures.sheets import data_sheet

    if not dataset.is_image:
        raise DataError(f'{dataset.name}: is made of points; must be pictures for a sheet')
    data_sheet(dataset.samples, dataset.labels, dataset.classes, target, title=dataset.name)


def _lines(facts: Mapping[str, Any]) -> Iterator[str]:
    yield facts['summary']
    if facts['classes']:
        yield _line('classes', _counts(facts['classes']))
    if facts['sizes']:
        yield _line('sizes', _counts(facts['sizes']))
    values = facts['values']
    yield _line(
        'values', f'{values["lowest"]:g} to {values["highest"]:g}, mean {values["mean"]:.3f}'
    )
    yield _line('left out', _left_out(facts['left_out']))
    if facts['copies'] is not None:
        yield _line('copies', _copies(facts))
    yield _line('test split', _test(facts['test']))
    for problem in facts['problems']:
        yield _line('problem', problem)
    if not facts['problems']:
        yield 'no problems found'


def _line(title: str, text: str) -> str:
    return f'{title:<10} {text}'


def _counts(counts: Mapping[str, int]) -> str:
    texts = [f'{name}: {count:,}' for name, count in list(counts.items())[:SHOWN]]
    more = len(counts) - len(texts)
    return ', '.join([*texts, f'and {more:,} more'] if more else texts)


def _left_out(left_out: Mapping[str, Any]) -> str:
    texts = []
    if 'files' in left_out:
        texts.append(f'files ({_counts(left_out["files"])})')
    for kind in ('folders', 'arrays'):
        if kind in left_out:
            names = left_out[kind]
            more = f', and {len(names) - SHOWN:,} more' if len(names) > SHOWN else ''
            texts.append(f'{kind} {", ".join(names[:SHOWN])}{more}')
    return '; '.join(texts) or 'nothing'


def _copies(facts: Mapping[str, Any]) -> str:
    alike = facts['nearly_alike']
    text = 'not looked for' if alike is None else f'{alike:,}'
    return f'{facts["copies"]:,} exact, {text} nearly alike'


def _test(test: Mapping[str, Any] | None) -> str:
    if test is None:
        return 'none'
    return f'{test["count"]:,} pictures, of which {test["shared"]:,} are training pictures too'
