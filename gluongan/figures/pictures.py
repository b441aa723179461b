"""Figures made of images, pixel by pixel: samples, a row for each epoch, spot the fake."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ..runs import reading
from ..runs.folder import figure_path, is_run, read_config
from . import clouds
from .grids import PAD, enlarged, enlarged_to, evenly, grid, most_images, save, sheet_of, tiles
from .text import class_labels, drawable, font, text_width, wrapped

INK, FAINT, PAPER = (34, 34, 34), (102, 102, 102), (255, 255, 255)
ORANGE = (213, 94, 0)  # curves.FAKE, distinct from the greys with every kind of colour vision
MARGIN = 20  # pixels of paper around a figure
LABEL = 30  # pixels above a panel, for its label
PANEL = 480  # pixels across a panel of images
HEADER = 24  # pixels above a sheet, for the names of its columns
SMALL = 13  # size of those
LONGEST_NAME = 240  # pixels of a name before a row
NARROWEST = 480  # pixels that a title has at least

EPOCHS_WIDTH = 900  # pixels
PER_EPOCH, MOST_ROWS = 15, 30

# Spot the fake: 6 × 6 images, a third of them fakes, each enlarged three times.
SIDE, FAKES, ZOOM = 6, 12, 3


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
    reals, fakes = sheet_of(reals_path, facts.shape), sheet_of(newest, facts.shape)
    scale = max(1, round(PANEL / max(reals.width, fakes.width)))
    names = _row_names(run, facts, fakes) if reals.height == fakes.height else []
    sheet = _side_by_side(enlarged(reals, scale), enlarged(fakes, scale), names)
    return save(
        titled(sheet, f'{facts.about}, iteration {iteration:,}'), figure_path(run, 'samples')
    )


def _row_names(run: Path, facts: reading.Facts, sheet: Image.Image) -> list[str]:
    """Return the class of each row of a conditional generator's sheet, else nothing."""
    rows = (sheet.height - PAD) // (facts.shape[1] + PAD)
    if len(facts.classes) < rows or not (is_run(run) and read_config(run).conditional):
        return []
    return class_labels(facts.classes)[:rows]


def _side_by_side(reals: Image.Image, fakes: Image.Image, names: Sequence[str] = ()) -> Image.Image:
    """Return real images beside generated ones, under their labels. names: of the rows."""
    left = labelled(reals, names) if names else reals
    places = {'real': left.width - reals.width, 'generated': left.width + MARGIN}
    height = max(left.height, fakes.height) + LABEL
    sheet = _paper(left, places['generated'] + fakes.width, height)
    draw = ImageDraw.Draw(sheet)
    for label, x in places.items():
        draw.text((x, 0), label, _ink(sheet, INK), font(17))
    sheet.paste(left, (0, LABEL))
    sheet.paste(fakes, (places['generated'], LABEL))
    return sheet


def epochs(run: Path) -> Path | None:
    """Draw `figures/epochs.png`: one row of 15 samples for each epoch, the newest at the top."""
    facts = reading.read_facts(run)
    if facts is None or facts.has_points or facts.iterations_per_epoch < 1:
        return None
    ends = _epoch_ends(run, facts)
    if not ends:
        return None
    most = min(MOST_ROWS, max(1, most_images(facts.shape) // PER_EPOCH))
    ends = ends[::-1][:: -(-len(ends) // most)]
    steps = {newer[0] - older[0] for newer, older in zip(ends, ends[1:])}
    images, columns = _rows([path for _, path, _ in ends], run, facts)
    title = f'{facts.about}: a row of samples after {_which(steps)}'
    newest = f'the newest, of iteration {ends[0][2]:,}, at the top'
    note = f'epochs at the left, {newest}; every row from the same noise'
    sheet = enlarged_to(grid(images, len(images) // len(ends)), EPOCHS_WIDTH)
    numbers = [f'{epoch:,}' for epoch, _, _ in ends]
    sheet = labelled(sheet, numbers, columns)
    return save(titled(sheet, title, note), figure_path(run, 'epochs'))


def _rows(paths: Sequence[Path], run: Path, facts: reading.Facts) -> tuple[np.ndarray, list[str]]:
    """Return 15 images of each file (len(paths) · 15, C, H, W), and what is above their columns.

    Of a conditional generator they are from all parts of the file, under their classes.
    """
    images = [tiles(path, facts.shape) for path in paths]
    count = len(images[0])
    names = _row_names(run, facts, sheet_of(paths[0], facts.shape))
    chosen = evenly(range(count), PER_EPOCH) if names else list(range(count))[:PER_EPOCH]
    columns = [names[index * len(names) // count] for index in chosen if names]
    return np.concatenate([of_file[chosen] for of_file in images]), columns


def _epoch_ends(run: Path, facts: reading.Facts) -> list[tuple[int, Path, int]]:
    """Return (epoch, file, iteration) of each file of samples written when an epoch ended."""
    ends = []
    for iteration, path in reading.sample_files(run, facts):
        epoch = facts.epochs(iteration)
        if iteration > 0 and epoch > facts.epochs(iteration - 1):
            ends.append((epoch, path, iteration))
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


def labelled(sheet: Image.Image, names: Sequence[str], columns: Sequence[str] = ()) -> Image.Image:
    """Return a sheet of equally high rows with a name before each row, on white paper.

    columns: what stands above each column, all of them equally wide. Where the texts are too wide
    for the columns, it is every second or third that has one.
    """
    row_height = sheet.height / len(names)
    size = max(9, min(17, sheet.height // len(names) * 2 // 3))
    most = max(1, int(row_height // (1.4 * size)))
    lines = [wrapped(drawable(name), size, LONGEST_NAME, most) for name in names]
    gutter = 12 + max(text_width(line, size) for each in lines for line in each)
    top = HEADER if columns else 0
    page = _paper(sheet, gutter + sheet.width, top + sheet.height)
    page.paste(sheet, (gutter, top))
    draw = ImageDraw.Draw(page)
    for row, each in enumerate(lines):
        for number, line in enumerate(each):
            y = top + (row + 0.5) * row_height + (number - (len(each) - 1) / 2) * 1.3 * size
            draw.text((gutter - 10, y), line, _ink(page, INK), font(size), anchor='rm')
    if columns:
        _head_columns(page, columns, gutter, sheet.width / len(columns))
    return page


def _head_columns(page: Image.Image, names: Sequence[str], left: int, width: float) -> None:
    draw = ImageDraw.Draw(page)
    widest = 8 + max(text_width(name, SMALL) for name in names)
    for col in range(0, len(names), max(1, -int(-widest // width))):
        middle = (left + (col + 0.5) * width, HEADER // 2)
        draw.text(middle, names[col], _ink(page, FAINT), font(SMALL), anchor='mm')


def _paper(sheet: Image.Image, width: int, height: int) -> Image.Image:
    """Return white paper, in colour if the sheet is."""
    return Image.new(sheet.mode, (width, height), _ink(sheet, PAPER))


def _ink(page: Image.Image, colour: tuple[int, int, int]) -> int | tuple[int, int, int]:
    """Return one of the greys above in the page's mode."""
    return colour[0] if page.mode == 'L' else colour


def spot_the_fake(run: Path) -> Path | None:
    """Draw `figures/spot_the_fake.png`: 36 images, 12 of them fakes, for the naked eye."""
    return _spot(run, 'spot_the_fake', answer=False)


def spot_the_fake_answer(run: Path) -> Path | None:
    """Draw `figures/spot_the_fake_answer.png`: the same images, the fakes framed in orange."""
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
    zoom = next((n for n in range(ZOOM, 1, -1) if most_images(facts.shape, n) >= SIDE**2), 1)
    sheet = grid(images, SIDE, scale=zoom).convert('RGB')
    title = f'Spot the fake: {FAKES} of these {SIDE * SIDE}'
    if answer:
        title = f'The {FAKES} fakes, framed in orange'
        _frame(sheet, np.flatnonzero(fake_positions()), facts.shape, zoom)
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


def _frame(sheet: Image.Image, marked: np.ndarray, shape: tuple[int, ...], zoom: int) -> None:
    """Draw an orange frame around the marked images."""
    _, height, width = shape
    # Only half of the separator, so that a real image between four fakes has no frame of its own.
    thick = PAD * zoom // 2
    draw = ImageDraw.Draw(sheet)
    for position in marked.tolist():
        row, col = divmod(position, SIDE)
        x, y = (col * (width + PAD) + PAD) * zoom, (row * (height + PAD) + PAD) * zoom
        right, bottom = x + width * zoom - 1, y + height * zoom - 1
        box = (x - thick, y - thick, right + thick, bottom + thick)
        draw.rectangle(box, outline=ORANGE, width=thick)


def titled(sheet: Image.Image, title: str, note: str = '') -> Image.Image:
    """Return the sheet on white paper with a title above it, and a note in small grey letters.

    Each line of the note stands on its own; what is wider than the sheet is wrapped.
    """
    width = max(sheet.width, NARROWEST)
    title_lines = wrapped(drawable(title), 20, width)
    lines = [part for line in note.splitlines() for part in wrapped(drawable(line), 15, width)]
    middle = MARGIN - 4 + 26 * len(title_lines)
    top = middle + 20 * len(lines) + 12
    page = _paper(sheet, width + 2 * MARGIN, top + sheet.height + MARGIN)
    draw = ImageDraw.Draw(page)
    for number, line in enumerate(title_lines):
        draw.text((MARGIN, MARGIN - 4 + 26 * number), line, _ink(page, INK), font(20))
    for number, line in enumerate(lines):
        draw.text((MARGIN, middle + 4 + 20 * number), line, _ink(page, FAINT), font(15))
    page.paste(sheet, (MARGIN, top))
    return page
