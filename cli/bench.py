"""gluongan bench."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from gluongan.errors import as_typed, did_you_mean
from gluongan.recipes import RECIPES
from gluongan.trainer import Interrupt

from .faults import Usage, refusals, warn
from .knobs import PATH, number_option
from .options import THREADS
from .printing import echo, echo_text
from .shell import items_of_list

if TYPE_CHECKING:
    from gluongan.bench.measure import Subject
    from gluongan.bench.trial import Trial

DEVICES = ('cpu', 'gpu')
TRIALS, CHART = 'trials.json', 'speed.png'
MODES = ('imperative', 'hybrid', 'static')


class NameList(click.ParamType):
    """Names separated by commas; only those in `allowed`, where it is not empty."""

    name = 'list'

    def __init__(self, allowed: tuple[str, ...] = ()) -> None:
        self._allowed = allowed

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        names = _split(value)
        if self._allowed and not set(names) <= set(self._allowed):
            near = did_you_mean(names, self._allowed)
            raise _refusal(param, value, f'one or more of {", ".join(self._allowed)}{near}')
        return names

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return items_of_list(self._allowed or RECIPES, incomplete)


class NumberList(click.ParamType):
    """Whole numbers separated by commas."""

    name = 'list'

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        numbers = _split(value)
        if not all(_is_whole(number) for number in numbers):
            raise _refusal(param, value, 'whole numbers separated by commas, such as 64,128')
        return [int(number) for number in numbers]


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(',')]


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _refusal(param: click.Parameter | None, value: str, allowed: str) -> click.UsageError:
    name = param.name if param else ''
    return click.UsageError(f'--{name} {as_typed(value)}: must be {allowed}')


@click.command(short_help='Time training on CPU and GPU, or compare two results.')
@THREADS
@click.option(
    '--recipe',
    type=NameList(),
    default='dense',
    show_default=True,
    metavar='NAME,...',
    help='The recipes to time; see `gluongan recipes`.',
)
@click.option(
    '--batch', type=NumberList(), metavar='N,...', help="Batch sizes. [default: the recipe's]"
)
@click.option(
    '--devices',
    type=NameList(DEVICES),
    default='cpu,gpu',
    show_default=True,
    metavar='cpu,gpu',
    help='Devices. If there is no GPU, only the CPU is timed.',
)
@click.option(
    '--modes',
    type=NameList(MODES),
    default='imperative,hybrid,static',
    show_default=True,
    metavar='MODE,...',
    help='How MXNet runs the networks: operator by operator, as a graph, or as a graph whose '
    'memory is allocated once, which is how `gluongan train` runs them.',
)
@number_option(
    'seconds',
    'How long to time each case, in at least 3 samples of 0.2 s or more.',
    low=0.1,
    high=3600.0,
    default=5.0,
)
@click.option(
    '--split',
    is_flag=True,
    help='Also time the parts of an iteration: data, noise, G(z), both updates, optimiser.',
)
@click.option(
    '--profile', is_flag=True, help="Also print MXNet's table of operators for each case."
)
@click.option(
    '--out',
    type=PATH,
    default=Path('bench'),
    show_default=True,
    metavar='DIR',
    help='Where a numbered folder with trials.json and speed.png is made.',
)
@click.option(
    '--compare',
    type=(PATH, PATH),
    metavar='OLD.json NEW.json',
    help='Compare two results and time nothing; the exit code is 1 if a case has become slower.',
)
@number_option(
    'tolerance',
    'With --compare: relative difference up to which two times count as equal.',
    low=0,
    high=10,
    default=0.05,
)
@click.pass_context
def bench(
    context: click.Context,
    recipe: list[str],
    batch: list[int] | None,
    devices: list[str],
    modes: list[str],
    seconds: float,
    split: bool,
    profile: bool,
    out: Path,
    compare: tuple[Path, Path] | None,
    tolerance: float,
) -> None:
    """Time training in iterations/s and images/s, in each of MXNet's modes, on CPU and GPU.

    The cases take turns, one sample each, so that a machine whose speed drifts affects all of them
    alike. --threads sets the number of threads.

    \b
    gluongan bench --recipe dense,dcgan --batch 64,128 --split
    gluongan bench --compare bench/00000-dense/trials.json bench/00001-dense/trials.json
    """
    _check_flags(context, compare is not None)
    with refusals(), Interrupt() as interrupt:
        if compare:
            sys.exit(_compare(*compare, tolerance))
        subjects, trials = _time(recipe, batch or [], devices, modes, seconds, out, interrupt)
        _tell_copies(subjects, trials, interrupt)
        for subject, trial in zip(subjects, trials):
            if not interrupt():
                _look_inside(subject, trial, split, profile)
        if interrupt.signal:
            sys.exit(128 + interrupt.signal)


def _check_flags(context: click.Context, comparing: bool) -> None:
    """Refuse flags that have no effect, with --compare or without it."""
    for name in (*context.params, 'threads'):  # the only one that `bench` does not get
        if context.get_parameter_source(name) == ParameterSource.DEFAULT:
            continue
        if comparing and name not in ('compare', 'tolerance'):
            raise Usage(f'--{name}: has no effect with --compare; must be used without it')
        if not comparing and name == 'tolerance':
            raise Usage('--tolerance: has no effect on its own; must be used with --compare')


def _time(
    recipes: list[str],
    batches: list[int],
    devices: list[str],
    modes: list[str],
    seconds: float,
    out: Path,
    interrupt: Interrupt,
) -> tuple[list[Subject], list[Trial]]:
    from gluongan.bench.cases import cases

    from .outputs import check_target

    check_target(out, folder=True, setting='out')
    cases(recipes, batches)  # refuses what is impossible before MXNet is imported
    from gluongan.bench.measure import measure
    from gluongan.bench.subjects import environment, make_subjects

    subjects = make_subjects(cases(recipes, batches, _available(devices), modes))
    facts = environment(sys.argv)
    trials = measure(subjects, seconds=seconds, log=_log, stopped=interrupt)
    if trials:
        _report(trials, facts, out)
    else:
        _log('Stopped; nothing has been written')
    return subjects, trials


def _available(devices: list[str]) -> list[str]:
    from gluongan import native, runtime

    if 'gpu' not in devices:
        return devices
    fault = runtime.why_no_gpu()
    if fault:
        _log(f'No GPU is timed, only the CPU: {fault}')
        return ['cpu']
    _log(
        'The first iteration on a GPU compiles its kernels, which may take minutes; '
        'this is not part of the times'
    )
    if 'cpu' in devices and not native.computes_at_once():
        _log(
            'The CPU is timed with the engine that a GPU needs, without the operators of gluongan; '
            'MXNET_ENGINE_TYPE=NaiveEngine gluongan bench --devices cpu times it at its fastest'
        )
    return devices


def _report(trials: list[Trial], facts: dict[str, Any], out: Path) -> None:
    from gluongan.bench import report
    from gluongan.bench.chart import chart
    from gluongan.bench.trials import Trials
    from gluongan.files import staging

    session = Trials(tuple(trials), facts)
    recipes = dict.fromkeys(str(trial.facts['recipe']) for trial in trials)
    parts = [report.machine(facts), report.table(trials), report.ratios(trials)]
    echo_text('\n\n'.join(part for part in parts if part))
    for caution in report.cautions(trials):
        warn(caution)
    name = '-'.join(recipes)[:80]
    with staging(out / name) as staged:
        session.write(staged / TRIALS)
        chart(session, staged / CHART)
        folder = _publish(staged, out, name)
    _log(f'Results    {folder / TRIALS} and {folder / CHART}')


def _publish(staged: Path, out: Path, name: str) -> Path:
    """Make a numbered folder of a staged one, or nothing at all."""
    from gluongan.files import next_folder, publish

    folder = next_folder(out, name)
    try:
        publish(staged, folder)
    except OSError:
        with suppress(OSError):
            folder.rmdir()
        raise
    return folder


def _tell_copies(subjects: list[Subject], trials: list[Trial], interrupt: Interrupt) -> None:
    """Print what is copied to a GPU, in the first mode of each case; to the CPU nothing is."""
    from gluongan.bench import report

    chosen = {}
    for subject, trial in zip(subjects, trials):
        facts = trial.facts
        if facts['device'] != 'cpu':
            chosen.setdefault((facts['recipe'], facts['batch']), (subject, trial))
    if not chosen or interrupt():
        return
    from gluongan.bench.copies import copies

    found = [copies(subject.updater) for subject, _ in chosen.values()]
    table = report.copied([trial for _, trial in chosen.values()], found)
    echo_text(f'\ncopied to the device, nothing else running beside it:\n{table}')


def _look_inside(subject: Subject, trial: Trial, split: bool, profile: bool) -> None:
    from gluongan.bench import report
    from gluongan.bench.split import operators, parts

    iterations = max(3, trial.iterations)
    if split:
        echo_text(f'\n{report.parts(trial, parts(subject.updater, iterations))}')
    if profile:
        echo_text(f'\n{report.operators(trial, operators(subject.updater, iterations))}')


def _compare(old_file: Path, new_file: Path, tolerance: float) -> int:
    """Print the comparison of two results and return the exit code."""
    from gluongan.bench import read, report

    old, new = read(old_file), read(new_file)
    text, verdicts = report.compare(old, new, tolerance=tolerance)
    for difference in report.differences(old, new):
        warn(difference)
    echo_text(text)
    return int(any(verdict.verdict == 'regression' for verdict in verdicts))


def _log(text: str) -> None:
    echo(text, err=True)
