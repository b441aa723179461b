"""What the z of a generator hold: directions that change its pictures most or lead to a class.

A study writes a folder: numbers, directions as .npy (K, latent), and figures of a sample that is
moved along them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import figures
from ..data import Dataset
from ..errors import InputError
from ..exports import is_export, load_sampler
from ..exports.manifest import read as read_manifest
from ..exports.shipped import as_given
from ..files import text_table, write_array, write_json
from ..gan.directions import latent_directions, moved
from ..gan.noise import noise_from_seeds
from ..gan.sampling import Sampler, pixels
from ..runs.folder import read_config
from ..runs.reading import read_facts
from . import classifier
from .class_directions import ClassDirections, class_directions, named_samples, share_of_class
from .classifier import Judge
from .latent_pictures import InvertedPictures, invert_pictures, labelled_pictures

NUMBERS, PRINCIPAL, CLASSES = 'directions.json', 'principal.png', 'classes.png'
INVERTED, PICTURES_Z = 'inverted.png', 'pictures.npy'
PRINCIPAL_Z, CLASSES_Z, INVERTED_Z = 'principal.npy', 'classes.npy', 'inverted.npy'
FILES = (NUMBERS, PRINCIPAL_Z, PRINCIPAL, CLASSES_Z, CLASSES, PICTURES_Z, INVERTED_Z, INVERTED)
STEPS = 9  # pictures of a row
JUDGED = 1_000  # pictures that are moved towards each class
OF_CLASSES = 'the class is an input of this generator, which z does not choose; must be left out'
HALVES = (0.5, 1.0)  # of the distance, after which the classes are counted
WHAT = {'sefa': "the first layer's weights", 'ganspace': "the first layer's activations"}


class Request(NamedTuple):
    """What to look for.

    method, count: of the principal directions, see `latent_directions`. distance: how far z is
    moved, each way. seed, class_name: of the sample that is moved, by default of the first class.
    samples: how many tell which z is of which class. judge: the file of one that names the classes
    of pictures, by default the one that ships with the package for the run's data. invert: how many
    real pictures of each class to find the z of; None for none of them. minutes: after which no
    more of them are begun. data_at, changed_data: see `labelled_pictures`. which, device: see
    `load_sampler`.
    """

    method: str = 'sefa'
    count: int = 10
    distance: float = 4.0
    seed: int = 0
    class_name: str | None = None
    samples: int = 10_000
    judge: Path | None = None
    invert: int | None = None
    minutes: float = 5.0
    data_at: str | None = None
    changed_data: bool = False
    which: str = 'last'
    device: str = 'cpu'


class Part(NamedTuple):
    """What was found, in lines of text, and a figure of it, if any."""

    text: str
    figure: Path | None = None


class _About(NamedTuple):
    """What a generator was trained with: its noise, and its data, None where nobody knows."""

    noise: str
    data: str | None
    title: str


class LatentStudy:
    """Looks for directions of z of a run or an export, and writes what it finds into a folder.

    Raises InputError, before anything is written, for a run or a request that has none.
    """

    def __init__(self, source: Path, folder: Path, request: Request) -> None:
        self._request = request
        self._folder = folder
        self._sampler = load_sampler(source, which=request.which, device=request.device)
        if len(self._sampler.shape) != 3:
            kind = 'a generator' if is_export(source) else 'a run'
            raise InputError(f'{source}: is {kind} of points; must be {kind} of images')
        about = (_about_export if is_export(source) else _about_run)(source)
        self._walk = Walk(
            self._sampler, about.noise, request.seed, request.class_name, request.distance
        )
        self._judge, self._why = find_judge(
            self._sampler, about.data, request.judge, request.device
        )
        self._pictures = self._labelled_pictures(source)
        iteration = self._sampler.iteration
        self._title = about.title
        if iteration is not None:
            self._title += f', iteration {iteration:,}'
        self._numbers: dict[str, Any] = {'iteration': iteration, 'noise': about.noise}

    def parts(self) -> Iterator[Part]:
        """Yield one part after the other; its files are written when it comes."""
        yield self._principal()
        yield Part(self._why) if self._judge is None else self._classes(self._judge)
        if self._pictures is not None:
            yield self._inverted(self._pictures)

    def write_numbers(self) -> Path:
        """Write the numbers of all parts so far, and return their file."""
        write_json(self._folder / NUMBERS, self._numbers)
        return self._folder / NUMBERS

    def _labelled_pictures(self, source: Path) -> Dataset | None:
        request = self._request
        if request.invert is None:
            return None
        if self._sampler.classes:
            raise InputError(OF_CLASSES, setting='invert')
        if is_export(source):
            name = as_given(source)
            problem = f'{name} is an export, which comes without its data; must be left out'
            raise InputError(problem, setting='invert')
        return labelled_pictures(source, data_at=request.data_at, changed_data=request.changed_data)

    def _principal(self) -> Part:
        request, sampler = self._request, self._sampler
        drawn = np.arange(request.samples if request.method == 'ganspace' else 1)
        labels = drawn % len(sampler.classes) if sampler.classes else None
        inputs = sampler.inputs(len(drawn), 0, labels)
        found = latent_directions(
            sampler.gen, inputs, sampler.latent, request.method, request.count
        )
        self._numbers |= {'method': request.method, 'shares': found.shares.tolist()}
        write_array(self._folder / PRINCIPAL_Z, found.vectors.astype(np.float32))
        shares = [f'{share:.1%}' for share in found.shares]
        names = [f'{number} ({share})' for number, share in enumerate(shares, start=1)]
        note = f'principal directions of {WHAT[request.method]}, with their share'
        many = f'{len(shares)} principal directions of {sampler.latent}'
        text = f'{many} ({request.method}): {", ".join(shares)}'
        return Part(text, self._draw(found.vectors, names, PRINCIPAL, note))

    def _classes(self, judge: Judge) -> Part:
        classes, count = judge.about.classes, self._request.samples
        z, labels = named_samples(self._sampler, judge, count)
        found = class_directions(z, labels, len(classes))
        before = (np.bincount(labels, minlength=len(classes)) / count).tolist()
        after = self._shares_after(judge, z, found.vectors)
        self._numbers |= {
            'accuracy from z': found.accuracy,
            'largest class': found.largest,
            'held out': found.held_out,
            'classes': list(classes),
            'share of each class': before,
            'share after moving': after,
        }
        write_array(self._folder / CLASSES_Z, found.vectors.astype(np.float32))
        columns = {'of all': before, **{f'moved by {by:g}': after[by] for by in after}}
        text = f'{sentence(found)}\n{share_table(classes, columns)}\n'
        note = 'towards each class, and away from it'
        return Part(text, self._draw(found.vectors, classes, CLASSES, note))

    def _inverted(self, pictures: Dataset) -> Part:
        count, seconds = self._request.invert, 60 * self._request.minutes
        real = invert_pictures(self._sampler, self._walk.noise, pictures, count, seconds=seconds)
        found = class_directions(real.z, real.labels, len(pictures.classes))
        write_array(self._folder / PICTURES_Z, real.z)
        write_array(self._folder / INVERTED_Z, found.vectors.astype(np.float32))
        numbers: dict[str, Any] = {
            'pictures': f'{pictures.name}, {pictures.split}',
            'accuracy from z': found.accuracy,
            'largest class': found.largest,
            'held out': found.held_out,
            'classes': list(pictures.classes),
            'labels': real.labels.tolist(),
            'errors': real.error.tolist(),
        }
        lines = [sentence(found, 'z of real pictures'), describe_pictures(real, pictures)]
        judge = self._judge
        if judge is not None and judge.about.classes == pictures.classes:
            agreed = float((judge(real.x).probabilities.argmax(axis=1) == real.labels).mean())
            numbers['judge agrees'] = agreed
            lines.append(f'the judge names the true class of {agreed:.1%} of what G makes of them')
            z = self._sampler.inputs(JUDGED, 0, None)
            after = self._shares_after(judge, z, found.vectors)
            numbers['share after moving'] = after
            columns = {f'moved by {by:g}': after[by] for by in after}
            lines.append(share_table(pictures.classes, columns))
        self._numbers['real pictures'] = numbers
        note = 'towards each class by the z of real pictures, and away from it'
        figure = self._draw(found.vectors, pictures.classes, INVERTED, note)
        return Part('\n'.join(lines) + '\n', figure)

    def _shares_after(
        self, judge: Judge, z: np.ndarray, vectors: np.ndarray
    ) -> dict[float, list[float]]:
        """Return the share of each class when z are moved towards it, by how far they are."""
        after = {}
        for distance in (self._request.distance * half for half in HALVES):
            there = [moved(z[:JUDGED], each, distance, self._walk.noise) for each in vectors]
            after[distance] = [
                share_of_class(self._sampler.gen, judge, each, number)
                for number, each in enumerate(there)
            ]
        return after

    def _draw(self, vectors: np.ndarray, names: Sequence[str], file: str, note: str) -> Path:
        rows, columns = self._walk.rows(vectors)
        note = f'{self._walk.of}; {note}; above: how far'
        return figures.beside(rows, names, self._folder / file, self._title, note, columns)


def _about_run(run: Path) -> _About:
    config = read_config(run)
    return _About(config.noise, config.data, read_facts(run).about)


def _about_export(folder: Path) -> _About:
    of = read_manifest(folder)
    title = f'{of.recipe} on {of.data}' if of.recipe and of.data else 'a generator'
    return _About(of.noise or '', of.data, title)


class Walk:
    """Pictures of one sample that is moved along directions of z.

    of: which sample. class_name: of a generator with classes, by default the first. Raises
    SamplingError for a class that it does not have.
    """

    def __init__(
        self, sampler: Sampler, noise: str, seed: int, class_name: str | None, distance: float
    ) -> None:
        if class_name is not None:
            sampler.class_index(class_name)
        if sampler.classes:
            class_name = class_name or sampler.classes[0]
        self.noise = noise
        self.of = f'seed {seed}' if class_name is None else f'seed {seed}, class {class_name}'
        self._sampler, self._seed, self._name = sampler, seed, class_name
        self._distance = distance

    def rows(self, vectors: np.ndarray) -> tuple[list[np.ndarray], list[str]]:
        """Return a row of pictures for each vector, uint8, and the distance of each column."""
        z = noise_from_seeds([self._seed], self._sampler.latent, self.noise)
        places = np.linspace(-self._distance, self._distance, STEPS)
        rows = []
        for vector in vectors:
            path = [moved(z, vector, place, self.noise) for place in places]
            rows.append(pixels(self._sampler.of_noise(np.concatenate(path), self._name)))
        return rows, [f'{place:+.3g}' if place else '0' for place in places]


def find_judge(
    sampler: Sampler, data: str | None, file: Path | None, device: str = 'cpu'
) -> tuple[Judge | None, str]:
    """Return the judge that names the classes of a generator's pictures, or None and why not.

    data: that of the generator, if it is known. file: of a judge. Raises InputError for a file that
    cannot name them.
    """
    if sampler.classes:
        if file is not None:
            raise InputError(OF_CLASSES, setting='judge')
        return None, 'no directions of classes: the class is an input of this generator'
    if file is None and data not in classifier.SHIPPED:
        which = data or 'its data, which the export does not name'
        return None, f'no directions of classes: no judge ships for {which}, and none is given'
    if file is None:
        judge = classifier.load_shipped(data, device)
    else:
        judge = classifier.read_given(file, device)
    if not judge.about.has_classes:
        problem = 'names no classes; must be trained with labels'
        raise InputError(problem, setting='judge', value=file)
    judge.check(sampler.shape)
    return judge, ''


def sentence(found: ClassDirections, of: str = 'z') -> str:
    """Return in words how separable the classes are in z. of: which z."""
    return (
        f'classes in {of}: a linear classifier names the class of {found.accuracy:.1%} of '
        f'{found.held_out:,} z that it has not seen; the largest class alone is {found.largest:.1%}'
    )


def describe_pictures(real: InvertedPictures, pictures: Dataset) -> str:
    """Return in words which real pictures z are of, and how near G comes to them."""
    kind = {'train': 'training'}.get(pictures.split, pictures.split)
    short = ''
    if len(real.z) < real.wanted:
        short = f' (of {real.wanted:,}: the time was over)'
    smallest, median, largest = np.quantile(real.error, [0.1, 0.5, 0.9])
    return (
        f'{len(real.z):,} {kind} pictures of {pictures.name}{short}; mean squared error of what G '
        f'makes of their z: {median:.4f} in the middle, {smallest:.4f} to {largest:.4f} of 8 in 10'
    )


def share_table(classes: Sequence[str], columns: dict[str, Sequence[float]]) -> str:
    """Return a table of shares of classes.

    >>> print(share_table(['cat', 'dog'], {'of all': [0.25, 0.75]}))
    class  of all
    cat     25.0%
    dog     75.0%
    """
    rows = [('class', *columns)]
    for name, *shares in zip(classes, *columns.values()):
        rows.append((name, *(f'{share:.1%}' for share in shares)))
    return text_table(rows)
