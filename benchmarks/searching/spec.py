"""Spec: which settings a search tries, and by what it judges them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Union

from gluongan.config import MIXTURES, QUICK_METRICS, Config, ConfigError, knobs
from gluongan.errors import InputError, as_typed, check_count, reason
from gluongan.files import read_text
from gluongan.metric_names import MetricName, metric_meaning
from gluongan.recipes import recipe
from gluongan.runs.folder import parse_json

SAMPLERS = ('random', 'tpe')
NEEDED = ('recipe', 'search', 'metric')
PARTS = ('recipe', 'settings', 'search', 'metric', 'samples', 'rungs', 'sampler', 'seed')
DEFAULTS = {'settings': {}, 'sampler': 'random', 'seed': 0}
OF_RUNGS = ('first', 'factor', 'iterations')
OF_RANGE = ('low', 'high', 'log', 'step')
LEAST_SAMPLES, MOST_SAMPLES = 100, 100_000  # of `gluongan evaluate`


class SpecError(InputError):
    """A search that is impossible: one sentence that names its part, its value and what may be."""


@dataclass(frozen=True)
class Choices:
    """Some values of a setting. Optuna is given their texts, as it takes no lists.

    >>> choices = Choices(((256, 512), ()))
    >>> choices.texts, choices.value('none'), choices.position((256, 512))
    (['256,512', 'none'], (), 1.0)
    """

    values: tuple[Any, ...]

    @property
    def texts(self) -> list[str]:
        """The values as they are typed."""
        return [as_typed(value) for value in self.values]

    def value(self, text: str) -> Any:
        """Return the value that a text stands for."""
        return self.values[self.texts.index(text)]

    def position(self, value: Any) -> float:
        """Return the place of a value on an axis, from 0 to 1; the first choice is at the top."""
        last = len(self.values) - 1
        return 1 - self.values.index(value) / last if last else 0.5


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included. log: each factor is as likely as the next.

    >>> Range(0.25, 4.0, log=True).position(1.0)
    0.5
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None

    def value(self, number: float) -> float:
        """Return the value that a number of Optuna stands for: 0.3 for 0.30000000000000004."""
        return number if self.step is None else type(number)(f'{number:.12g}')

    def position(self, value: float) -> float:
        """Return the place of a value on an axis, from 0 to 1."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return (value - low) / (high - low)


Searched = Union[Choices, Range]


@dataclass(frozen=True)
class Spec:
    """A search. It is made by `make_spec`, which checks it.

    settings: the same in every trial, beside those of the recipe. search: what is tried.
    rungs: the iterations at which a trial is evaluated; before each but the first, only the best
    1/`factor` of the trials go on. samples: of an evaluation, None for what `gluongan evaluate`
    draws. given: the JSON object that it was made of, with DEFAULTS.
    """

    recipe: str
    search: Mapping[str, Searched]
    metric: str
    rungs: tuple[int, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    factor: int = 3
    sampler: str = 'random'
    seed: int = 0
    samples: int | None = None
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_quick(self) -> bool:
        """Whether training itself measures the metric."""
        return self.metric in QUICK_METRICS

    @property
    def higher_is_better(self) -> bool:
        """Whether a trial with a higher metric is better."""
        return metric_meaning(self.metric).better == 'high'

    @property
    def data(self) -> str:
        """The data of every trial, or of the recipe where the data is searched."""
        return self.settings.get('data', recipe(self.recipe).data)

    def chosen(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the searched settings that Optuna's parameters stand for."""
        return {name: self.search[name].value(parameters[name]) for name in self.search}

    def config(self, chosen: Mapping[str, Any]) -> Config:
        """Return the settings of a trial. Raises ConfigError for a combination that is refused."""
        settings = {**self.settings, **chosen, 'iterations': self.rungs[-1]}
        return recipe(self.recipe).with_settings(settings)


def read_spec(path: Path) -> Spec:
    """Return the search in a JSON file. Raises SpecError, which names the file."""
    content = read_content(path)
    try:
        return make_spec(content)
    except InputError as error:
        raise SpecError(f'{path}: {error}') from None


def read_content(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file. Raises SpecError, which names the file."""
    try:
        return parse_json(read_text(path), str(path))
    except ConfigError as error:  # it names the file
        raise SpecError(str(error)) from None
    except (OSError, ValueError) as error:
        raise SpecError(
            f'{path}: cannot be read ({reason(error)}); must be a JSON file of a search'
        ) from None


def make_spec(content: Mapping[str, Any]) -> Spec:
    """Return the search that a JSON object describes. Raises SpecError or ConfigError.

    >>> spec = make_spec({'recipe': 'dense', 'metric': 'samples/swd',
    ...     'search': {'lr': {'low': 1e-4, 'high': 1e-2, 'log': True}, 'batch': [64, 128]},
    ...     'rungs': {'first': 500, 'factor': 3, 'iterations': 6000}})
    >>> spec.rungs, spec.search['batch'].values
    ((500, 1500, 4500, 6000), (64, 128))
    """
    _check_parts(content)
    given = {**DEFAULTS, **content}
    given = {part: given[part] for part in PARTS if part in given}
    start = recipe(_text(given, 'recipe'))
    settings = _check_settings(given)
    search = _check_search(given, settings)
    rungs, factor = _rungs(given, settings.get('iterations', start.iterations))
    spec = Spec(
        recipe=start.recipe,
        search=search,
        metric=_text(given, 'metric'),
        rungs=rungs,
        settings=settings,
        factor=factor,
        sampler=_text(given, 'sampler'),
        seed=given['seed'],
        samples=given.get('samples'),
        given=given,
    )
    if spec.sampler not in SAMPLERS:
        raise SpecError(f'must be {" or ".join(SAMPLERS)}', setting='sampler', value=spec.sampler)
    check_count('seed', spec.seed, 0)
    _check_samples(spec)
    _check_metric(spec, {**start.to_dict(), **settings})
    return spec


def _check_parts(content: Mapping[str, Any]) -> None:
    for name in NEEDED:
        if name not in content:
            raise SpecError(f'{name}: is missing; must be given')
    for name in content:
        if name not in PARTS:
            raise SpecError(f'{name!r} is no part of a search; must be one of {", ".join(PARTS)}')
    for name in ('settings', 'search', 'rungs'):
        if not isinstance(content.get(name, {}), dict):
            raise SpecError(f'{name}: must be a JSON object')


def _text(given: Mapping[str, Any], part: str) -> str:
    if not isinstance(given[part], str):
        raise SpecError('must be text', setting=part, value=given[part])
    return given[part]


def _check_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    settings = {name: checked(name, value) for name, value in given['settings'].items()}
    if 'recipe' in settings:
        raise SpecError('recipe: is a part of its own; must not be among `settings`')
    if 'rungs' in given and 'iterations' in settings:
        raise SpecError('iterations: are given by `rungs`; must be left out of `settings`')
    if settings.get('patience') is not None:
        raise SpecError(
            'a trial ends where the search says so; must be left out',
            setting='patience',
            value=settings['patience'],
        )
    return settings


def _check_search(given: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Searched]:
    search = {name: _searched(name, values) for name, values in given['search'].items()}
    if not search:
        raise SpecError('search: is empty; must name at least one setting')
    for name in ('recipe', 'iterations', 'patience'):
        if name in search:
            raise SpecError(f'{name}: must be the same for all trials, and not searched')
    for name in search:
        if name in settings:
            raise SpecError(f'{name}: is both in `settings` and in `search`; must be in one')
    return search


def checked(name: str, value: Any) -> Any:
    """Return the value of a setting, a list as a tuple. Raises ConfigError where it is none."""
    if name not in knobs():
        raise ConfigError(f'{name!r} is not a setting; see `gluongan train --help` for all of them')
    value = tuple(value) if isinstance(value, list) else value
    knob = knobs()[name]
    if not knob.accepts(value):
        given = repr(value) if knob.is_misplaced_text(value) else as_typed(value)
        raise ConfigError(f'must be {knob.allowed()}', setting=name, value=given)
    return value


def _searched(name: str, values: Any) -> Searched:
    if isinstance(values, list):
        return _choices(name, [checked(name, value) for value in values])
    if isinstance(values, dict):
        return _range(name, values)
    raise SpecError(
        'must be a list of choices, or a range such as {"low": 0.1, "high": 0.9}',
        setting=name,
        value=values,
    )


def _choices(name: str, values: Sequence[Any]) -> Choices:
    if not values:
        raise SpecError(f'{name}: has no choices; must have at least one')
    twice = [value for value in values if values.count(value) > 1]
    if twice:
        raise SpecError('is a choice twice; must be one once', setting=name, value=twice[0])
    return Choices(tuple(values))


def _range(name: str, bounds: Mapping[str, Any]) -> Range:
    for part in bounds:
        if part not in OF_RANGE:
            raise SpecError(
                f'{name}: {part!r} is no part of a range; must be one of {", ".join(OF_RANGE)}'
            )
    for part in ('low', 'high'):
        if bounds.get(part) is None:
            raise SpecError(f'{name}: a range needs `low` and `high`; must have {part}')
    low, high = checked(name, bounds['low']), checked(name, bounds['high'])
    knob = knobs()[name]
    if knob.kind not in ('int', 'float') or knob.choices:
        raise SpecError(f'{name}: has no range; must be a list of choices')
    log, step = bounds.get('log', False), bounds.get('step')
    if not low < high:
        raise SpecError(f'must be below `high` {high}', setting=f'{name}: low', value=low)
    if not isinstance(log, bool):
        raise SpecError('must be true or false', setting=f'{name}: log', value=log)
    if log and (low <= 0 or step is not None):
        problem = 'a `step`' if low > 0 else f'`low` {low}'
        raise SpecError(f'{name}: log goes with no `step` and a `low` above 0, not with {problem}')
    if step is not None:
        _check_step(name, low, high, step)
    return Range(low, high, log, step)


def _check_step(name: str, low: float, high: float, step: Any) -> None:
    is_whole = type(step) is int or (type(step) is float and knobs()[name].kind == 'float')
    if is_whole and 0 < step <= high - low:
        steps = (high - low) / step
        if abs(steps - round(steps)) < 1e-6:
            return
    raise SpecError(
        f'must lead from `low` {low} to `high` {high} in whole steps',
        setting=f'{name}: step',
        value=step,
    )


def _rungs(given: Mapping[str, Any], iterations: int) -> tuple[tuple[int, ...], int]:
    """Return the iterations of each rung, and the factor between two of them."""
    if 'rungs' not in given:
        return (iterations,), 3
    rungs = {'factor': 3, **given['rungs']}
    for part in rungs:
        if part not in OF_RUNGS:
            raise SpecError(
                f'rungs: {part!r} is no part of them; must be one of {", ".join(OF_RUNGS)}'
            )
    for part, least in (('first', 1), ('factor', 2), ('iterations', 1)):
        check_count(f'rungs: {part}', rungs.get(part), least)
    first, last = rungs['first'], checked('iterations', rungs['iterations'])
    if first >= last:
        raise SpecError(f'must be below `iterations` {last}', setting='rungs: first', value=first)
    steps = [first]
    while steps[-1] * rungs['factor'] < last:
        steps.append(steps[-1] * rungs['factor'])
    return (*steps, last), rungs['factor']


def _check_samples(spec: Spec) -> None:
    if spec.samples is None:
        return
    if spec.is_quick:
        raise SpecError(
            f'is not used, as training itself measures {spec.metric}; must be left out',
            setting='samples',
            value=spec.samples,
        )
    is_whole = type(spec.samples) is int
    if not is_whole or not LEAST_SAMPLES <= spec.samples <= MOST_SAMPLES:
        raise SpecError(
            f'must be a whole number from {LEAST_SAMPLES:,} to {MOST_SAMPLES:,}',
            setting='samples',
            value=spec.samples,
        )


def _check_metric(spec: Spec, base: Mapping[str, Any]) -> None:
    """Raise SpecError for a metric that cannot decide which of two trials is better."""
    name = MetricName.parse(spec.metric)
    if name is None or (name.count is None and not spec.is_quick):
        raise SpecError(
            'is no metric; must be one that `gluongan evaluate` reports, such as '
            f'lenet_fd10k_test, or {QUICK_METRICS[0]}',
            setting='metric',
            value=spec.metric,
        )
    if metric_meaning(spec.metric).better == 'data':
        raise SpecError(
            'is best where it is that of the data; must be one of which a low or a high value '
            'is good',
            setting='metric',
            value=spec.metric,
        )
    if spec.is_quick:
        _check_measured(spec, base['eval_every'])


def _check_measured(spec: Spec, every: int) -> None:
    if spec.metric != QUICK_METRICS[0] and spec.data not in MIXTURES:
        raise SpecError(
            f'is of mixtures of points, which {spec.data} is not; must be {QUICK_METRICS[0]}, or '
            'one that `gluongan evaluate` reports',
            setting='metric',
            value=spec.metric,
        )
    for rung in spec.rungs:
        if rung % every:
            raise SpecError(
                f'is not measured after {rung} iterations; must be measured at each rung '
                f'(`eval_every` is {every})',
                setting='metric',
                value=spec.metric,
            )
