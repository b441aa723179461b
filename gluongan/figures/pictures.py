"""Figures made of images, pixel by pixel: samples, a row for each epoch, spot the fake."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..runs import reading
from ..runs.folder import figure_path
from . import clouds
from .grids import PAD, enlarged, enlarged_to, grid, save, tiles
from .plotting import load_matplotlib

INK, FAINT, PAPER, RED = (34, 34, 34), (102, 102, 102), (255, 255, 255), (214, 20, 20)
MARGIN = 20  # pixels of paper around a figure
LABEL = 30  # pixels above a panel, for its label
PANEL = 480  # pixels across a panel of images

EPOCHS_WIDTH = 900  # pixels
PER_EPOCH, MOST_ROWS = 15, 30

# Spot the fake: 6 × 6 images, a third of them fakes, each enlarged three times.
SIDE, FAKES, ZOOM = 6, 12, 3


@lru_cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Return the typeface of the plots, which comes with matplotlib and so is on every machine."""
    load_matplotlib()
    from matplotlib import get_data_path

    path = Path(get_data_path(), 'fonts', 'ttf', 'DejaVuSans.ttf')
    return ImageFont.truetype(str(path), size)


def _text_width(text: str, size: int) -> int:
    return round(font(size).getlength(text))


def samples(run: Path) -> Path | None:
    """Draw `figures/samples.png`: real images beside the newest samples."""
    facts = reading.read_facts(run)
    if facts is None:
        return None
    files = reading.sample_files(run, facts)
    if not files:
        return None
    iteration, newest = files[-1]
    if facts.has_points:
        return clouds.samples(run, facts, iteration, newest)
    reals_path = reading.reals_file(run, facts)
    if reals_path is None:
        return None
    left, right = grid(tiles(reals_path, facts.shape)), grid(tiles(newest, facts.shape))
    scale = max(1, round(PANEL / left.width))
    sheet = _side_by_side(enlarged(left, scale), enlarged(right, scale), 'real', 'generated')
    return save(
        titled(sheet, f'{facts.about}, iteration {iteration:,}'), figure_path(run, 'samples')
    )


def _side_by_side(left: Image.Image, right: Image.Image, *labels: str) -> Image.Image:
    width = left.width + MARGIN + right.width
    height = max(left.height, right.height) + LABEL
    sheet = Image.new('RGB', (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    for x, panel, label in zip((0, left.width + MARGIN), (left, right), labels):
        draw.text((x, 0), label, INK, font(17))
        sheet.paste(panel, (x, LABEL))
    return sheet


def epochs(run: Path) -> Path | None:
    """Draw `figures/epochs.png`: one row of 15 samples for each epoch, the newest at the top."""
    facts = reading.read_facts(run)
    if facts is None or facts.has_points or facts.iterations_per_epoch < 1:
        return None
    ends = _epoch_ends(run, facts)
    if not ends:
        return None
    ends = ends[::-1][:: -(-len(ends) // MOST_ROWS)]
    steps = {newer - older for (newer, _), (older, _) in zip(ends, ends[1:])}
    images = np.concatenate([tiles(path, facts.shape)[:PER_EPOCH] for _, path in ends])
    title = f'{facts.about}: a row of samples after {_which(steps)}'
    note = 'epochs at the left, the newest at the top; every row from the same noise'
    sheet = enlarged_to(grid(images, len(images) // len(ends)), EPOCHS_WIDTH)
    names = [f'{epoch:,}' for epoch, _ in ends]
    return save(titled(labelled(sheet, names), title, note), figure_path(run, 'epochs'))


def _epoch_ends(run: Path, facts: reading.Facts) -> list[tuple[int, Path]]:
    """Return (epoch, file) of each file of samples that was written when an epoch was complete."""
    ends = []
    for iteration, path in reading.sample_files(run, facts):
        epoch = facts.epochs(iteration)
        if iteration > 0 and epoch > facts.epochs(iteration - 1):
            ends.append((epoch, path))
    return ends


def _which(steps: set[int]) -> str:
    """Return in words which epochs are drawn. steps: all distances between neighbours."""
    if len(steps) > 1:
        return 'some of the epochs'
    step = max(steps, default=1)
    return 'each epoch' if step == 1 else f'every {_ordinal(step)} epoch'


def _ordinal(number: int) -> str:
    if 10 <= number % 100 <= 20:
        return f'{number}th'
    suffixes = {1: 'st', 2: 'nd', 3: 'rd'}
    return f'{number}{suffixes.get(number % 10, "th")}'


def labelled(sheet: Image.Image, names: Sequence[str]) -> Image.Image:
    """Return a sheet of equally high rows with a name before each row, on white paper."""
    row_height = sheet.height / len(names)
    size = max(9, min(17, sheet.height // len(names) * 2 // 3))
    gutter = 12 + max(_text_width(name, size) for name in names)
    page = Image.new('RGB', (gutter + sheet.width, sheet.height), PAPER)
    page.paste(sheet, (gutter, 0))
    draw = ImageDraw.Draw(page)
    for row, name in enumerate(names):
        middle = (gutter - 10, (row + 0.5) * row_height)
        draw.text(middle, name, INK, font(size), anchor='rm')
    return page


def spot_the_fake(run: Path) -> Path | None:
    """Draw `figures/spot_the_fake.png`: 36 images, 12 of them fakes, for the naked eye."""
    return _spot(run, 'spot_the_fake', answer=False)


def spot_the_fake_answer(run: Path) -> Path | None:
    """Draw `figures/spot_the_fake_answer.png`: the same 36 images with the fakes framed in red."""
    return _spot(run, 'spot_the_fake_answer', answer=True)


def fake_positions(seed: int = 0) -> np.ndarray:
    """Return where the fakes are in spot the fake, row by row: bool (36,), 12 of them true.

    >>> fake_positions().shape, int(fake_positions().sum())
    ((36,), 12)
    """
    return np.random.default_rng(seed).permutation(SIDE * SIDE) < FAKES


def _spot(run: Path, name: str, *, answer: bool) -> Path | None:
    facts = reading.read_facts(run)
    if facts is None or facts.has_points:
        return None
    files = reading.sample_files(run, facts)
    reals_path = reading.reals_file(run, facts)
    if not files or reals_path is None:
        return None
    iteration, newest = files[-1]
    images = _mixed(tiles(reals_path, facts.shape), tiles(newest, facts.shape))
    if images is None:
        return None
    if facts.binarize:
        images = np.where(images > 127, 255, 0).astype(np.uint8)
    sheet = grid(images, SIDE, scale=ZOOM).convert('RGB')
    title = f'Spot the fake: {FAKES} of these {SIDE * SIDE}'
    if answer:
        title = f'The {FAKES} fakes, framed in red'
        _frame(sheet, np.flatnonzero(fake_positions()), facts.shape)
    note = f'{facts.about}, iteration {iteration:,}'
    return save(titled(sheet, title, note), figure_path(run, name))


def _mixed(reals: np.ndarray, fakes: np.ndarray) -> np.ndarray | None:
    """Return 36 images, the fakes among them at `fake_positions`; None for too few images."""
    is_fake = fake_positions()
    count = SIDE * SIDE - FAKES
    if len(reals) < count or len(fakes) < FAKES:
        return None
    images = np.empty((SIDE * SIDE, *reals.shape[1:]), np.uint8)
    images[~is_fake] = reals[:count]
    images[is_fake] = fakes[:FAKES]
    return images


def _frame(sheet: Image.Image, marked: np.ndarray, shape: tuple[int, ...]) -> None:
    """Draw a red frame around the marked images."""
    _, height, width = shape
    # Only half of the separator, so that a real image between four fakes has no frame of its own.
    thick = PAD * ZOOM // 2
    draw = ImageDraw.Draw(sheet)
    for position in marked.tolist():
        row, col = divmod(position, SIDE)
        x, y = (col * (width + PAD) + PAD) * ZOOM, (row * (height + PAD) + PAD) * ZOOM
        right, bottom = x + width * ZOOM - 1, y + height * ZOOM - 1
        box = (x - thick, y - thick, right + thick, bottom + thick)
        draw.rectangle(box, outline=RED, width=thick)


def titled(sheet: Image.Image, title: str, note: str = '') -> Image.Image:
    """Return the sheet on white paper with a title above it, and a note in small grey letters."""
    top = MARGIN + 34 + (24 if note else 0)
    width = max(sheet.width, _text_width(title, 20), _text_width(note, 15))
    page = Image.new('RGB', (width + 2 * MARGIN, top + sheet.height + MARGIN), PAPER)
    draw = ImageDraw.Draw(page)
    draw.text((MARGIN, MARGIN - 4), title, INK, font(20))
    draw.text((MARGIN, MARGIN + 26), note, FAINT, font(15))
    page.paste(sheet, (MARGIN, top))
    return page
