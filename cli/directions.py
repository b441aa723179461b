"""gluongan directions."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

from gluongan.runs.folder import DIRECTIONS

from .faults import Usage, parameter_name, refusals
from .knobs import PATH, number_option
from .notes import say_what_loads
from .options import (
    CHANGED_DATA,
    CLASS,
    DATA_AT,
    DEVICE,
    RUN_OR_EXPORT,
    THREADS,
    WHICH,
    find_generator,
)
from .outputs import at_snapshot, check_beside, check_target, default_stem
from .printing import echo, echo_text


@click.command(short_help='Find the directions of z that change the pictures most, or the class.')
@RUN_OR_EXPORT
@click.option(
    '--method',
    type=click.Choice(['sefa', 'ganspace']),
    default='sefa',
    show_default=True,
    help="sefa: from the first layer's weights, in closed form. ganspace: the principal "
    'components of its activations.',
)
@click.option(
    '--count',
    type=click.IntRange(1, 100),
    default=10,
    show_default=True,
    help='How many principal directions.',
)
@number_option('distance', 'How far z is moved, each way.', low=0.1, high=20, default=4.0)
@click.option(
    '--seed',
    type=click.IntRange(0, 2**31 - 1),
    default=0,
    show_default=True,
    help='The sample that is moved, as of `gluongan sample`.',
)
@CLASS
@click.option(
    '--samples',
    type=click.IntRange(100, 1_000_000),
    default=10_000,
    show_default=True,
    help='How many samples tell which z is of which class.',
)
@click.option(
    '--judge',
    type=PATH,
    metavar='FILE',
    help='A judge that names the classes of pictures. [default: the one that ships with the '
    "package for the run's data]",
)
@click.option(
    '--invert',
    type=click.IntRange(5, 1_000),
    metavar='N',
    help='Also find the z of N real pictures of each class, at most 10,000 in all, and which '
    'directions lead to each class by their labels. Test pictures, where the data has them.',
)
@number_option(
    'minutes',
    'With --invert: after so many no more pictures are begun.',
    low=0.01,
    high=10_000,
    default=5.0,
)
@DATA_AT
@CHANGED_DATA
@WHICH
@click.option(
    '--out',
    type=PATH,
    metavar='DIR',
    help='Where the files go. [default: RUN/directions-at-ITERATION, with the options that are '
    'given]',
)
@DEVICE
@THREADS
def directions(
    run: Path,
    method: str,
    count: int,
    distance: float,
    seed: int,
    name: str | None,
    samples: int,
    judge: Path | None,
    invert: int | None,
    minutes: float,
    data_at: str | None,
    changed_data: bool,
    which: str,
    out: Path | None,
    device: str,
) -> None:
    """Find directions of z: those that change the pictures of RUN most, and those to each class.

    Principal directions need no labels and no training (SeFa: Shen and Zhou 2021; GANSpace:
    Härkönen et al. 2020). Which z makes a 3? Where the generator has no classes of its own, a judge
    names the classes of samples, and a linear classifier learns them from z. It prints how often
    that is right for z that it has not seen, and how many pictures become of each class when their
    z moves towards it.

    With --invert it does so with the z of real pictures, too, whose classes are known: no judge is
    needed. Those are the z whose G(z) is nearest to the pictures, as `gluongan invert` finds them.

    It draws a sample moved along each direction, and writes the directions as .npy, (K, latent).
    RUN may also be an export in MXNet's format, or mnist or fashion-mnist, a generator that ships
    with the package, whose files go to the current folder. An export comes without its data, so
    --invert needs a run.

    \b
    gluongan directions runs/00000-dense-mnist
    gluongan directions runs/00000-dense-mnist --method ganspace --seed 7
    gluongan directions runs/00000-dense-mnist --invert 50
    gluongan directions mnist
    """
    if invert is None:
        _refuse_without_invert('minutes', 'data_at', 'changed_data')
    with refusals():
        say_what_loads()
        from gluongan.evaluation.latent import LatentStudy, Request

        request = Request(
            method=method,
            count=count,
            distance=distance,
            seed=seed,
            class_name=name,
            samples=samples,
            judge=judge,
            invert=invert,
            minutes=minutes,
            data_at=data_at,
            changed_data=changed_data,
            which=which,
            device=device,
        )
        source, beginning = find_generator(run)
        study = LatentStudy(source, _target(source, beginning, out, which), request)
        for text, figure in study.parts():
            echo_text(text)
            if figure is not None:
                echo(figure)
        echo(study.write_numbers())


def _refuse_without_invert(*names: str) -> None:
    """Raise Usage where an option was given that only the inversion of pictures has a use for."""
    context = click.get_current_context()
    for each in context.command.params:
        is_given = context.get_parameter_source(each.name) != ParameterSource.DEFAULT
        if each.name in names and is_given:
            raise Usage(f'{parameter_name(each)}: must be given together with --invert')


def _target(source: Path, beginning: str, out: Path | None, which: str) -> Path:
    """Return the folder to write into, which was checked."""
    from gluongan.evaluation.latent import FILES

    name = f'{beginning}{DIRECTIONS}{at_snapshot(source, which)}'
    folder = out or Path(default_stem(name, ['which']))
    check_target(folder, folder=True, setting=out and 'out')
    first, *others = (folder / name for name in FILES)
    check_beside(first, others, f'--out {folder}')
    return folder
