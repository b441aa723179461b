"""gluongan bench."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from gluongan.knob import Knob
from gluongan.trainer import Interrupt

from .faults import Usage, refusals
from .knobs import Value

if TYPE_CHECKING:
    from gluongan.bench.measure import Subject
    from gluongan.bench.trial import Trial


class Words(click.ParamType):
    """A list with commas between: of words among `allowed` (any, where it is empty), or of whole numbers."""

    name = 'list'

    def __init__(self, kind: type, allowed: tuple[str, ...] = ()) -> None:
        self._kind, self._allowed = kind, allowed

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        words = [word.strip() for word in value.split(',')]
        for word in words:
            if self._allowed and word not in self._allowed:
                self._refuse(param, value, f'one or more of {", ".join(self._allowed)}')
            if self._kind is int and not (word.isascii() and word.isdigit() and len(word) < 10):
                self._refuse(param, value, 'whole numbers with commas between, such as 64,128')
        return list(map(self._kind, words))

    def _refuse(self, param: click.Parameter | None, value: str, allowed: str) -> None:
        raise click.UsageError(f'--{param.name if param else ""} {value}: must be {allowed}')


@click.command(short_help='Time training on CPU and GPU, or judge two such results.')
@click.option(
    '--recipe',
    type=Words(str),
    default='dense',
    show_default=True,
    metavar='NAME,...',
    help='The systems to time; see `gluongan recipes`.',
)
@click.option(
    '--batch', type=Words(int), metavar='N,...', help="Batch sizes. [default: the recipe's own]"
)
@click.option(
    '--devices',
    type=Words(str, ('cpu', 'gpu')),
    default='cpu,gpu',
    show_default=True,
    metavar='cpu,gpu',
    help='Without a GPU the CPU alone is timed.',
)
@click.option(
    '--modes',
    type=Words(str, ('imperative', 'hybrid', 'static')),
    default='imperative,hybrid,static',
    show_default=True,
    metavar='MODE,...',
    help='How MXNet runs the networks: call by call, as a graph, or as a '
    'graph whose memory is planned once, which is what `gluongan train` does.',
)
@click.option(
    '--seconds',
    type=Value('seconds', Knob('float', '', low=0.1, high=3600.0)),
    default=5.0,
    show_default=True,
    help='How long each case is timed, in samples of 0.2 s or more, at least 3 of them.',
)
@click.option(
    '--split',
    is_flag=True,
    help='Also time the parts of an iteration: data, noise, G(z), both updates, optimiser.',
)
@click.option(
    '--profile', is_flag=True, help="Also print MXNet's own table of operators for each case."
)
@click.option(
    '--out',
    type=click.Path(path_type=Path),
    default=Path('bench'),
    show_default=True,
    metavar='DIR',
    help='Where a numbered folder with trials.json and speed.png is made.',
)
@click.option(
    '--compare',
    type=(Path, Path),
    metavar='OLD.json NEW.json',
    help='Judge two results and time nothing; the exit code is 1 where a case has become slower.',
)
@click.option(
    '--tolerance',
    type=Value('tolerance', Knob('float', '', low=0.0, high=10.0)),
    default=0.05,
    show_default=True,
    help='With --compare: the share by which times may differ and still count as the same.',
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
    """Time training in iterations and images a second, in all of MXNet's modes, on the CPU and on the GPU.

    All cases take turns, a sample each, so that a machine whose speed drifts is as unfair to one as to another; set
    OMP_NUM_THREADS for another number of threads.

    \b
    gluongan bench --recipe dense,dcgan --batch 64,128 --split
    gluongan bench --compare bench/00000-dense/trials.json bench/00001-dense/trials.json
    """
    _check_typed(context, compare is not None)
    with refusals(), Interrupt() as interrupt:
        if compare:
            sys.exit(_compare(*compare, tolerance))
        subjects, trials = _timed(recipe, batch or [], devices, modes, seconds, out, interrupt)
        for subject, trial in zip(subjects, trials):
            if not interrupt():
                _look_inside(subject, trial, split, profile)
        if interrupt.signal:
            sys.exit(128 + interrupt.signal)


def _check_typed(context: click.Context, comparing: bool) -> None:
    for name in context.params:
        typed = context.get_parameter_source(name) != ParameterSource.DEFAULT
        if typed and comparing and name not in ('compare', 'tolerance'):
            raise Usage(
                f'--{name}: has no meaning with --compare, which times nothing; leave one of the two out'
            )
        if typed and not comparing and name == 'tolerance':
            raise Usage('--tolerance: has a meaning with --compare alone; leave it out')


def _timed(
    recipes: list[str],
    batches: list[int],
    devices: list[str],
    modes: list[str],
    seconds: float,
    out: Path,
    interrupt: Interrupt,
) -> tuple[list[Subject], list[Trial]]:
    from gluongan.bench.cases import cases
    from gluongan.files import check_out

    check_out(out)
    cases(recipes, batches)  # what is impossible is said before MXNet is imported
    from gluongan.bench.measure import measure
    from gluongan.bench.subjects import environment, subjects

    ready, facts = (
        subjects(cases(recipes, batches, _present(devices), modes)),
        environment(sys.argv),
    )
    trials = measure(ready, seconds=seconds, tell=_tell, stopped=interrupt)
    if trials:
        _report(trials, facts, out)
    else:
        _tell('Stopped; nothing has been written')
    return ready, trials


def _present(devices: list[str]) -> list[str]:
    from gluongan import runtime

    if 'gpu' not in devices:
        return devices
    if not runtime.gpu_count():
        _tell(
            'There is no GPU here that MXNet can use (see `gluongan doctor`): the CPU alone is timed'
        )
        return ['cpu']
    _tell(
        'The first iteration on a GPU compiles its kernels, which may take minutes; it is not in the times'
    )
    return devices


def _report(trials: list[Trial], facts: dict[str, Any], out: Path) -> None:
    from gluongan.bench import report
    from gluongan.bench.chart import chart
    from gluongan.bench.trials import Trials
    from gluongan.files import next_folder

    session, names = (
        Trials(tuple(trials), facts),
        dict.fromkeys(str(trial.facts['recipe']) for trial in trials),
    )
    click.echo(
        '\n\n'.join(
            filter(None, [report.machine(facts), report.table(trials), report.ratios(trials)])
        )
    )
    for sentence in report.cautions(trials):
        _warn(sentence)
    place = next_folder(out, '-'.join(names)[:80])
    session.write(place / 'trials.json')
    _tell(f'Results    {place / "trials.json"} and {chart(session, place / "speed.png")}')


def _look_inside(subject: Subject, trial: Trial, split: bool, profile: bool) -> None:
    from gluongan.bench import report
    from gluongan.bench import split as cut

    iterations = max(3, trial.iterations)
    if split:
        click.echo(f'\n{report.parts(trial, cut.parts(subject.algorithm, iterations))}')
    if profile:
        click.echo(f'\n{report.operators(trial, cut.operators(subject.algorithm, iterations))}')


def _compare(old: Path, new: Path, tolerance: float) -> int:
    from gluongan.bench import read, report

    before, after = read(old), read(new)
    text, verdicts = report.compared(before, after, tolerance=tolerance)
    for sentence in report.differences(before, after):
        _warn(sentence)
    click.echo(text)
    return int(any(verdict.verdict == 'regression' for verdict in verdicts))


def _tell(text: str) -> None:
    click.echo(text, err=True)


def _warn(text: str) -> None:
    _tell(f'Warning: {text}')
