"""Trials: the results of one session, as JSON with every sample, and read back strictly."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, NoReturn

from ..files import write_text
from .trial import Trial, TrialError

FORMAT = 'gluongan bench 1'


@dataclass(frozen=True)
class Trials:
    """The trials of one session and where they were taken: versions, machine, threads, load, command."""

    trials: tuple[Trial, ...]
    environment: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [trial.name for trial in self.trials]
        for name in names:
            if names.count(name) > 1:
                raise TrialError(f'{name}: two trials have this name')

    def named(self) -> dict[str, Trial]:
        """Return the trials by their names, in the order in which they were measured."""
        return {trial.name: trial for trial in self.trials}

    def to_json(self) -> str:
        """Return JSON, a line a trial; `read` reads it."""
        lines = ',\n  '.join(json.dumps(asdict(trial), allow_nan=False) for trial in self.trials)
        return (
            f'{{\n "format": {json.dumps(FORMAT)},\n "environment": {json.dumps(self.environment, allow_nan=False)},\n'
            f' "trials": [\n  {lines}\n ]\n}}\n'
        )

    def write(self, path: Path) -> None:
        """Write the file whole or not at all."""
        write_text(path, self.to_json())


def read(path: str | Path) -> Trials:
    """Return the trials in a file that `write` made. Raises TrialError, which names the file, for anything else."""
    try:
        content = json.loads(Path(path).read_text(encoding='utf-8'), parse_constant=_no_number)
        return _trials(content)
    except TrialError as error:
        raise TrialError(f'{path}: {error}') from None
    except OSError as error:
        raise TrialError(f'{path}: cannot be read ({error.strerror})') from None
    except (ValueError, RecursionError) as error:
        raise TrialError(f'{path}: is not JSON ({str(error).splitlines()[0]})') from None


def _no_number(word: str) -> NoReturn:
    raise TrialError(f'holds {word}; must hold numbers')


def _trials(content: Any) -> Trials:
    _check_keys(content, 'the file', ('format', 'environment', 'trials'))
    if content['format'] != FORMAT:
        raise TrialError(f'its format is {content["format"]!r:.40}; must be {FORMAT!r}')
    if not isinstance(content['environment'], dict):
        raise TrialError('its environment must be an object')
    if not isinstance(content['trials'], list) or not content['trials']:
        raise TrialError('its trials must be a list of one or more')
    return Trials(tuple(map(_trial, content['trials'])), content['environment'])


def _trial(row: Any) -> Trial:
    _check_keys(row, 'a trial', tuple(f.name for f in fields(Trial)))
    return Trial(**row)


def _check_keys(row: Any, what: str, names: tuple[str, ...]) -> None:
    if not isinstance(row, dict):
        raise TrialError(f'{what} must be a JSON object')
    for name in names:
        if name not in row:
            raise TrialError(f'{what} has no {name!r}')
    unknown = sorted(set(row) - set(names))
    if unknown:
        raise TrialError(
            f'{what} has an unknown {unknown[0]!r:.40}; allowed are {", ".join(names)}'
        )
