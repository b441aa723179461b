"""What the page of several runs holds: what `gluongan compare` gives, and their samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import __version__
from ...config import knobs
from ...evaluation import comparison, differences
from ...evaluation.comparison import Group
from ...evaluation.measured import last_iteration
from ...metric_names import metric_stem
from ...runs import reading
from ...runs.folder import describe_data, distinct_names, evaluation_files, read_config
from ..pictures import Picture
from . import samples
from .contents import Notes
from .curves import compared_charts
from .evaluations import Evaluated, chosen_evaluation, read_evaluation

OF_ORIGIN = 'at iteration'  # begins the rows of each origin in the table


@dataclass(frozen=True)
class Member:
    """A run among several: its name, what it is, its newest samples, and how good it is."""

    name: str
    about: str
    seed: int
    newest: Picture | None
    verdict: Evaluated | None


@dataclass(frozen=True)
class Line:
    """A row of the comparison.

    is_origin: whether it says what the rows beneath it are of. is_named: whether its name is that
    of a setting or of a metric, and no word.
    """

    name: str
    cells: tuple[str, ...]
    explanation: str
    is_origin: bool

    @property
    def is_named(self) -> bool:
        return metric_stem(self.name) is not None or self.name in knobs()


def gather(runs: Sequence[Path]) -> dict[str, Any]:
    """Return everything on the page of several runs by the names in its template.

    Raises RunError for fewer than two runs, for one that is named twice, and for a broken file.
    """
    groups = comparison.compare(runs)
    notes = Notes()
    heading, *rows = comparison.table_rows(groups)
    paths = [(group.name, [run.path for run in group.runs]) for group in groups]
    said = differences.sentences(groups)
    return {
        'name': ' and '.join(distinct_names(runs)) if len(runs) == 2 else f'{len(runs)} runs',
        'version': __version__,
        'columns': heading[1:-1],
        'lines': [_line(row) for row in rows],
        'said': [(len(each) - len(each.lstrip()), each.strip()) for each in said],
        'members': [_member(*each, notes) for each in zip(runs, distinct_names(runs))],
        'charts': compared_charts(paths),
        'several_data': len({_data(group) for group in groups}) > 1,
        'faults': notes.faults,
    }


def _data(group: Group) -> str:
    return describe_data(group.config)


def _line(row: Sequence[str]) -> Line:
    return Line(row[0], tuple(row[1:-1]), row[-1], row[0] == OF_ORIGIN)


def _member(run: Path, name: str, notes: Notes) -> Member:
    config = read_config(run)
    facts = notes.attempt(lambda: reading.read_facts(run), None)
    files = reading.sample_files(run, facts) if facts else []
    newest = None
    if facts and files:
        _, newest = notes.attempt(lambda: samples.newest_samples(run, facts, files), (None, None))
    last = last_iteration(run)
    found = [read_evaluation(run, path, last) for path in evaluation_files(run)]
    about = f'{config.recipe} on {describe_data(config)}'
    return Member(name, about, config.seed, newest, chosen_evaluation(found))
