"""What `gluongan invert` does where only a part of the pictures is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from gluongan.data import Dataset
    from gluongan.gan.inversion import Inversion
    from gluongan.gan.partial import Known, KnownPixels, SmallPicture

GENERATOR, NEAREST, FILL, BICUBIC = (
    'G',
    'the nearest training picture',
    'the mean of the known pixels',
    'bicubic',
)
HEADING = ('', 'mean error', 'median', 'smallest', 'largest')
LIGHT = 128  # of 255: from here on a pixel of a mask is known


def read_known(
    run: Path, mask: Path | None, factor: int | None, shape: tuple[int, ...], resize: bool
) -> Known | None:
    """Return what a mask or a factor leaves of pictures (C, H, W); None for all of them."""
    from gluongan.gan.partial import KnownPixels, SmallPicture

    known: Known | None = None
    if mask is not None:
        known = KnownPixels(_read_mask(run, mask, shape, resize), source=mask)
    if factor is not None:
        known = SmallPicture(factor)
    if known is not None:
        known.check(shape)
    return known


def _read_mask(run: Path, path: Path, shape: tuple[int, ...], resize: bool) -> np.ndarray:
    """Return where a picture is light, bool (H, W)."""
    from gluongan.data.decoding import Target, read_picture
    from gluongan.errors import InputError
    from gluongan.evaluation.pictures import check_sizes

    if path.is_dir():
        raise InputError('is a folder; must be a picture', setting='mask', value=path)
    if shape[1] != shape[2]:
        of = f'this run generates images of {shape[2]} × {shape[1]} pixels'
        raise InputError(f'{of}; must be a run with square images', setting='mask', value=path)
    if not resize:
        check_sizes(path, *shape[1:], str(run))
    return read_picture(path, Target(shape[1], 1, **way_to_read(run)))[0] >= LIGHT


def way_to_read(run: Path) -> dict[str, str]:
    """Return how pictures are made square and opaque: as those of the run's data were."""
    from gluongan.runs.folder import read_config

    config = read_config(run)
    way = {name: getattr(config, name) for name in ('fit', 'background')}
    return {name: value for name, value in way.items() if value is not None}


def complete(
    x: np.ndarray,
    train: Dataset,
    known: Known,
    found: Inversion,
    folder: Path,
    title: str,
    iteration: int,
) -> str:
    """Write numbers and a figure of pictures that G completed, and return what to print."""
    from gluongan.errors import as_printable
    from gluongan.evaluation.completion import squared_error, verdict
    from gluongan.files import write_json

    answers, where, noun = _answers(x, train, known, found)
    errors = {name: squared_error(x, answer, where) for name, answer in answers.items()}
    words = verdict(errors)
    content = {
        'iteration': iteration,
        'error': f'mean squared error of {noun}, pixels in [0, 1]',
        'errors': {name: error.tolist() for name, error in errors.items()},
        'error_of_what_is_known': found.error.tolist(),
        'words': words,
    }
    write_json(folder / 'errors.json', content)
    note = f'mean squared error of {noun}: ' + ', '.join(
        f'{name} {error.mean():.4f}' for name, error in errors.items()
    )
    sheet = _draw(x, known, answers, folder, title, note)
    return f'{_table(errors, noun, len(x))}\n{words}\n{as_printable(str(sheet))}'


def _answers(
    x: np.ndarray, train: Dataset, known: Known, found: Inversion
) -> tuple[dict[str, np.ndarray], np.ndarray, str]:
    """Return G's answer and the baselines', bool (H, W) where they are judged, and its name."""
    import numpy as np

    from gluongan.data.dataset import Floats
    from gluongan.evaluation.completion import bicubic, mean_fill, nearest_training
    from gluongan.gan.partial import KnownPixels, seen

    nearest = nearest_training(x, Floats(train), lambda rows: seen(known, rows))
    answers = {GENERATOR: found.x, NEAREST: nearest}
    if isinstance(known, KnownPixels):
        answers[FILL] = mean_fill(x, known.known)
        return answers, ~known.known, 'missing pixels'
    answers[BICUBIC] = bicubic(seen(known, x), known.factor)
    return answers, np.ones(x.shape[2:], bool), 'all pixels'


def _table(errors: dict[str, np.ndarray], noun: str, count: int) -> str:
    import numpy as np

    from gluongan.files import text_table

    rows = [HEADING]
    for name, error in errors.items():
        numbers = (error.mean(), np.median(error), error.min(), error.max())
        rows.append((name, *(f'{number:.5f}' for number in numbers)))
    note = f'error: mean squared error of {noun} in [0, 1]; pictures: {count}'
    return f'{text_table(rows)}\n{note}'


def _draw(
    x: np.ndarray,
    known: KnownPixels | SmallPicture,
    answers: dict[str, np.ndarray],
    folder: Path,
    title: str,
    note: str,
) -> Path:
    import numpy as np

    from gluongan import figures
    from gluongan.gan.partial import KnownPixels, seen
    from gluongan.gan.sampling import pixels

    made = {name: pixels(answer) for name, answer in answers.items()}
    if isinstance(known, KnownPixels):
        given = figures.with_hole(pixels(x), known.known)
        composite = np.where(known.known, pixels(x), made[GENERATOR])
        rows = {'given': given, 'found by G': made[GENERATOR], 'composite': composite}
        title += ': missing pixels filled'
    else:
        given = pixels(seen(known, x)).repeat(known.factor, 2).repeat(known.factor, 3)
        rows = {'given': given, 'found by G': made[GENERATOR], 'bicubic': made[BICUBIC]}
        title += f': pictures enlarged {known.factor} times'
    rows |= {'nearest training': made[NEAREST], 'original': pixels(x)}
    return figures.completions(rows, folder / 'inversion.png', title=title, note=note)
