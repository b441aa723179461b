"""gluongan directions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gluongan.runs.folder import DIRECTIONS, is_run

from .faults import Usage, refusals
from .knobs import PATH, number_option
from .options import CLASS, DEVICE, RUN, THREADS, WHICH
from .outputs import at_snapshot, check_beside, check_target, default_stem
from .printing import echo, echo_text

if TYPE_CHECKING:
    import numpy as np

    from gluongan.evaluation.class_directions import ClassDirections
    from gluongan.evaluation.classifier import Judge
    from gluongan.gan.sampling import Sampler

NUMBERS, PRINCIPAL, CLASSES = 'directions.json', 'principal.png', 'classes.png'
PRINCIPAL_Z, CLASSES_Z = 'principal.npy', 'classes.npy'
FILES = (NUMBERS, PRINCIPAL_Z, PRINCIPAL, CLASSES_Z, CLASSES)  # in the order of writing
STEPS = 9  # pictures of a row
JUDGED = 1_000  # pictures that are moved towards each class
HALVES = (0.5, 1.0)  # of the distance, after which the classes are counted


@click.command(short_help='Find the directions of z that change the pictures most, or the class.')
@RUN
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
    'judge_file',
    type=PATH,
    metavar='FILE',
    help='A judge that names the classes of pictures. [default: the one that ships with the '
    "package for the run's data]",
)
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
    judge_file: Path | None,
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

    It draws a sample moved along each direction, and writes the directions as .npy, (K, latent).

    \b
    gluongan directions runs/00000-dense-mnist
    gluongan directions runs/00000-dense-mnist --method ganspace --seed 7
    """
    with refusals():
        from gluongan.exports import load_sampler
        from gluongan.files import write_json
        from gluongan.runs.folder import read_config
        from gluongan.runs.reading import read_facts

        folder = _target(run, out, which)
        sampler = load_sampler(run, which=which, device=device)
        if len(sampler.shape) != 3:
            raise Usage(f'{run}: is a run of points; must be a run of images')
        if name is not None:
            sampler.class_index(name)
        config = read_config(run)
        judge, why = _judge(sampler, config.data, judge_file)
        title = f'{read_facts(run).about}, iteration {sampler.iteration:,}'
        walk = _Walk(sampler, config.noise, seed, name, distance)
        numbers = {'iteration': sampler.iteration, 'noise': config.noise}
        numbers |= _principal(walk, method, count, samples, folder, title)
        if judge is None:
            echo(why)
        else:
            numbers |= _classes(walk, judge, samples, folder, title)
        write_json(folder / NUMBERS, numbers)
    echo(folder / NUMBERS)


class _Walk:
    """Pictures of one sample moved along directions."""

    def __init__(
        self, sampler: Sampler, noise: str, seed: int, name: str | None, distance: float
    ) -> None:
        self.sampler, self.noise, self.distance = sampler, noise, distance
        self.seed = seed
        if sampler.classes:
            name = name or sampler.classes[0]
        self.of = f'seed {seed}' if name is None else f'seed {seed}, class {name}'
        self._name = name

    def rows(self, vectors: np.ndarray) -> tuple[list[np.ndarray], list[str]]:
        """Return a row of pictures for each vector, uint8, and the distance of each column."""
        import numpy as np

        from gluongan.gan.directions import moved
        from gluongan.gan.noise import noise_from_seeds
        from gluongan.gan.sampling import pixels

        z = noise_from_seeds([self.seed], self.sampler.latent, self.noise)
        places = np.linspace(-self.distance, self.distance, STEPS)
        rows = []
        for vector in vectors:
            path = [moved(z, vector, place, self.noise) for place in places]
            rows.append(pixels(self.sampler.of_noise(np.concatenate(path), self._name)))
        return rows, [f'{place:+.3g}' if place else '0' for place in places]


def _target(run: Path, out: Path | None, which: str) -> Path:
    """Return the folder to write into, which was checked."""
    folder = out or run / default_stem(f'{DIRECTIONS}{at_snapshot(run, which)}', ['which'])
    if out or is_run(run):  # else the run is at fault
        check_target(folder, folder=True, setting=out and 'out')
        first, *others = (folder / name for name in FILES)
        check_beside(first, others, f'--out {folder}')
    return folder


def _judge(sampler: Sampler, data: str, file: Path | None) -> tuple[Judge | None, str]:
    """Return the judge that names classes, or None and why there is none."""
    from gluongan.evaluation import classifier

    if sampler.classes:
        if file is not None:
            raise Usage(
                '--judge: the class is an input of this generator, which z does not choose; '
                'must be left out'
            )
        return None, 'no directions of classes: the class is an input of this generator'
    if file is None and data not in classifier.SHIPPED:
        return None, f'no directions of classes: no judge ships for {data}; see --judge'
    judge = classifier.load_shipped(data) if file is None else classifier.read(file)
    if not judge.about.has_classes:
        raise Usage(f'--judge {file}: names no classes; must be trained with labels')
    judge.check(sampler.shape)
    return judge, ''


def _principal(
    walk: _Walk, method: str, count: int, samples: int, folder: Path, title: str
) -> dict[str, Any]:
    import numpy as np

    from gluongan import figures
    from gluongan.files import write_array
    from gluongan.gan.directions import latent_directions

    sampler = walk.sampler
    drawn = np.arange(samples if method == 'ganspace' else 1)
    labels = drawn % len(sampler.classes) if sampler.classes else None
    inputs = sampler.inputs(len(drawn), 0, labels)
    found = latent_directions(sampler.gen, inputs, sampler.latent, method, count)
    write_array(folder / PRINCIPAL_Z, found.vectors.astype(np.float32))
    shares = [f'{share:.1%}' for share in found.shares]
    rows, columns = walk.rows(found.vectors)
    names = [f'{number} ({share})' for number, share in enumerate(shares, start=1)]
    what = {'sefa': "the first layer's weights", 'ganspace': "the first layer's activations"}
    note = f'{walk.of}; principal directions of {what[method]}, with their share; above: how far'
    echo(f'{len(shares)} principal directions of {sampler.latent} ({method}): {", ".join(shares)}')
    echo(figures.beside(rows, names, folder / PRINCIPAL, title, note, columns))
    return {'method': method, 'shares': found.shares.tolist()}


def _classes(walk: _Walk, judge: Judge, samples: int, folder: Path, title: str) -> dict[str, Any]:
    import numpy as np

    from gluongan import figures
    from gluongan.evaluation.class_directions import class_directions, share_of_class
    from gluongan.files import write_array
    from gluongan.gan.directions import moved

    sampler, classes = walk.sampler, judge.about.classes
    z = sampler.inputs(samples, 0, None)
    labels = judge(sampler.of_noise(z)).probabilities.argmax(axis=1)
    found = class_directions(z, labels, len(classes))
    before = np.bincount(labels, minlength=len(classes)) / samples
    after = {}
    for distance in (walk.distance * half for half in HALVES):
        there = [moved(z[:JUDGED], vector, distance, walk.noise) for vector in found.vectors]
        after[distance] = [
            share_of_class(sampler.gen, judge, each, number) for number, each in enumerate(there)
        ]
    write_array(folder / CLASSES_Z, found.vectors.astype(np.float32))
    rows, columns = walk.rows(found.vectors)
    note = f'{walk.of}; towards each class, and away from it; above: how far'
    echo(_sentence(found))
    echo_text(_table(classes, before, after))
    echo(figures.beside(rows, classes, folder / CLASSES, title, note, columns))
    return {
        'accuracy from z': found.accuracy,
        'largest class': found.largest,
        'held out': found.held_out,
        'classes': list(classes),
        'share of each class': before.tolist(),
        'share after moving': after,
    }


def _sentence(found: ClassDirections) -> str:
    return (
        f'classes in z: a linear classifier names the class of {found.accuracy:.1%} of '
        f'{found.held_out:,} z that it has not seen; the largest class alone is {found.largest:.1%}'
    )


def _table(classes: tuple[str, ...], before: np.ndarray, after: dict[float, list[float]]) -> str:
    from gluongan.files import text_table

    heading = ('class', 'of all', *(f'moved by {distance:g}' for distance in after))
    rows = []
    for name, *shares in zip(classes, before, *after.values()):
        rows.append((name, *(f'{share:.1%}' for share in shares)))
    return text_table([heading, *rows]) + '\n'
