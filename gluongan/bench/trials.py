"""Trials: the results of one session as JSON with every sample, and strict reading of that file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, NoReturn

from ..errors import reason
from ..files import read_text, write_text
from .trial import Trial, TrialError

FORMAT = 'gluongan bench 1'


@dataclass(frozen=True)
class Trials:
    """The trials of one session, and its environment: versions, machine, threads, load, command."""

    trials: tuple[Trial, ...]
    environment: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [trial.name for trial in self.trials]
        for name in names:
            if names.count(name) > 1:
                raise TrialError(f'{name}: two trials have this name; must be unique')

    def by_name(self) -> dict[str, Trial]:
        """Return the trials by name, in the order in which they were measured."""
        return {trial.name: trial for trial in self.trials}

    def to_json(self) -> str:
        """Return JSON with one trial per line, which `read` accepts."""
        environment = json.dumps(self.environment, allow_nan=False)
        trials = [json.dumps(asdict(trial), allow_nan=False) for trial in self.trials]
        lines = [
            '{',
            f' "format": {json.dumps(FORMAT)},',
            f' "environment": {environment},',
            ' "trials": [',
            '  ' + ',\n  '.join(trials),
            ' ]',
            '}',
        ]
        return '\n'.join(lines) + '\n'

    def write(self, path: Path) -> None:
        """Write the file whole or not at all."""
        write_text(path, self.to_json())


def read(path: str | Path) -> Trials:
    """Return the trials in a file that `write` made.

    Raises TrialError, which names the file, for anything else.
    """
    try:
        text = read_text(Path(path))
    except (OSError, ValueError) as error:
        raise TrialError(
            f'{path}: cannot be read ({reason(error)}); must be JSON of `gluongan bench`'
        ) from None
    try:
        return _parse_session(json.loads(text, parse_constant=_refuse_constant))
    except TrialError as error:
        raise TrialError(f'{path}: {error}') from None
    except (ValueError, RecursionError) as error:
        raise TrialError(f'{path}: is not JSON ({reason(error)})') from None


def _refuse_constant(constant: str) -> NoReturn:
    raise TrialError(f'holds {constant}; must hold finite numbers')


def _parse_session(content: Any) -> Trials:
    _check_keys(content, 'the file', ('format', 'environment', 'trials'))
    if content['format'] != FORMAT:
        raise TrialError(f'format {content["format"]!r:.40}: must be {FORMAT!r}')
    if not isinstance(content['environment'], dict):
        raise TrialError('environment: must be an object')
    if not isinstance(content['trials'], list) or not content['trials']:
        raise TrialError('trials: must be a list of one or more')
    trials = tuple(_parse_trial(entry) for entry in content['trials'])
    return Trials(trials, content['environment'])


def _parse_trial(entry: Any) -> Trial:
    _check_keys(entry, 'a trial', [f.name for f in fields(Trial)])
    return Trial(**entry)


def _check_keys(entry: Any, what: str, names: Sequence[str]) -> None:
    if not isinstance(entry, dict):
        raise TrialError(f'{what} is no JSON object; must be written by `gluongan bench`')
    for name in names:
        if name not in entry:
            raise TrialError(f'{what} has no {name!r}; must be written by `gluongan bench`')
    unknown = sorted(set(entry) - set(names))
    if unknown:
        allowed = ', '.join(names)
        raise TrialError(f'{what} has an unknown {unknown[0]!r:.40}; must be one of {allowed}')
