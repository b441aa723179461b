"""The figures of a run on its page: every picture in its folder, with what it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...figures import FIGURES
from ...runs.folder import FIGURES_FOLDER, INVERSION, SEEDS, WALK, drawn_pictures
from ..pictures import Picture, read_picture

ROOM = 1_500_000  # bytes of text for all figures
AS_TEXT = 4 / 3  # bytes of text for each byte of a picture

CAPTIONS = {
    'samples': 'Real samples beside generated ones.',
    'epochs': 'A row of samples for each epoch, all rows from the same noise.',
    'losses': 'The losses of D and G in every mini-batch.',
    'accuracy': 'The accuracy of D over the whole data set, at the end.',
    'pixels': 'Mean and deviation of the pixels of samples and of the data.',
    'modes': 'How well the samples cover the modes of the mixture.',
    'scores': 'What D says of real and of generated samples in every mini-batch.',
    'augmentation': 'The probability of augmentation, and how certain D is.',
    'spot_the_fake': '36 pictures, 12 of them generated: which?',
    'spot_the_fake_answer': 'The answer: the generated ones are framed.',
    'nearest': 'The samples that are nearest to training images, beside those images.',
    SEEDS: 'Samples, each with the number that makes it.',
    WALK: 'A walk between samples through the space of the noise.',
    INVERSION: 'Images, and the nearest that the generator makes.',
}
SPOILER = 'spot_the_fake_answer'


@dataclass(frozen=True)
class Figure:
    """A picture with its place among the others. is_answer: of a riddle, shown when asked for."""

    picture: Picture
    is_answer: bool


def figures_of(run: Path) -> tuple[list[Figure], list[str]]:
    """Return the figures in a run folder, those of the run first, and what cannot be read."""
    from ...runs.folder import RunError

    paths = sorted(drawn_pictures(run), key=_place)
    most = ROOM
    if sum(path.stat().st_size for path in paths) * AS_TEXT > ROOM:
        most = ROOM // len(paths)
    figures, faults = [], []
    for path in paths:
        caption = caption_of(path)
        try:
            picture = read_picture(path, caption, caption, most=most)
        except RunError as error:
            faults.append(str(error))
            continue
        figures.append(Figure(picture, path.stem == SPOILER))
    return figures, faults


def _place(path: Path) -> tuple[int, int, str]:
    """Return where a picture stands: the run's own in the order in which they are drawn."""
    own: Sequence[str] = list(FIGURES)
    is_own = path.parent.name == FIGURES_FOLDER and path.stem in own
    return (0, own.index(path.stem), '') if is_own else (1, 0, str(path))


def caption_of(path: Path) -> str:
    """Return what a picture of a run shows; the names of further ones begin alike.

    >>> caption_of(Path('run/figures/nearest-best-500.png'))
    'The samples that are nearest to training images, beside those images.'
    """
    for stem in (path.stem, path.stem.partition('-')[0], path.parent.name.partition('-')[0]):
        if stem in CAPTIONS:
            return CAPTIONS[stem]
    return path.stem
