"""Figures made of images, pixel for pixel: originals beside samples, a row for each epoch, spot the fake."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..runs import reading as folder
from ..runs.folder import FIGURES_FOLDER
from . import clouds
from .grids import PAD, enlarged, grid, save, tiles

INK, FAINT, PAPER, RED = (34, 34, 34), (102, 102, 102), (255, 255, 255), (214, 20, 20)
MARGIN = 20  # pixels of paper around a figure
PER_EPOCH, MOST_ROWS = 15, 30
SIDE, FAKES, ZOOM = (
    6,
    12,
    3,
)  # spot the fake: 6 x 6 images, a third of them fakes, three times as large


@lru_cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """The typeface of the plots, which matplotlib carries along, so that it is there on every machine."""
    from matplotlib import get_data_path

    return ImageFont.truetype(str(Path(get_data_path(), 'fonts', 'ttf', 'DejaVuSans.ttf')), size)


def samples(run: Path) -> Path | None:
    """Originals beside the generator's newest samples: `figures/samples.png`."""
    facts = folder.read_facts(run)
    found = facts and folder.samples(run, facts)
    if found and facts.points:
        return clouds.samples(run, facts, *found[-1])
    if not found or not (run / 'reals.png').is_file():
        return None
    iteration, newest = found[-1]
    left, right = (grid(tiles(path, facts.shape)) for path in (run / 'reals.png', newest))
    scale = max(1, round(480 / left.width))
    left, right = enlarged(left, scale), enlarged(right, scale)
    sheet = Image.new(
        'RGB', (left.width + MARGIN + right.width, max(left.height, right.height) + 30), PAPER
    )
    draw = ImageDraw.Draw(sheet)
    for x, panel, label in (
        (0, left, f'originals: {facts.data}'),
        (left.width + MARGIN, right, 'generated'),
    ):
        draw.text((x, 0), label, INK, font(17))
        sheet.paste(panel, (x, 30))
    return save(
        titled(sheet, f'{facts.about}, iteration {iteration:,}'),
        run / FIGURES_FOLDER / 'samples.png',
    )


def epochs(run: Path) -> Path | None:
    """One row of 15 samples for each epoch, the newest on top of the others: `figures/epochs.png`."""
    facts = folder.read_facts(run)
    if facts is None or facts.points or facts.iterations_per_epoch < 1:
        return None
    ends = [
        (facts.epochs(at), path)
        for at, path in folder.samples(run, facts)
        if at and facts.epochs(at) > facts.epochs(at - 1)
    ]
    if not ends:
        return None
    step = -(-len(ends) // MOST_ROWS)
    rows = ends[::-1][::step]
    images = np.concatenate([tiles(path, facts.shape)[:PER_EPOCH] for _, path in rows])
    every = 'each epoch' if step == 1 else f'every {_ordinal(step)} epoch'
    title = f'{facts.about}: a row of samples after {every}'
    note = 'epoch numbers at the left, the newest on top; every row from the same noise'
    sheet = grid(images, len(images) // len(rows))
    sheet = labelled(
        enlarged(sheet, max(1, round(900 / sheet.width))), [f'{epoch:,}' for epoch, _ in rows]
    )
    return save(titled(sheet, title, note), run / FIGURES_FOLDER / 'epochs.png')


def _ordinal(number: int) -> str:
    teens = 10 <= number % 100 <= 20
    return f'{number}{"th" if teens else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")}'


def labelled(sheet: Image.Image, names: Sequence[str]) -> Image.Image:
    """The sheet of equally high rows with a name before each, on white paper."""
    size = max(9, min(17, sheet.height // len(names) * 2 // 3))
    gutter = 12 + round(max(font(size).getlength(name) for name in names))
    page = Image.new('RGB', (gutter + sheet.width, sheet.height), PAPER)
    page.paste(sheet, (gutter, 0))
    draw = ImageDraw.Draw(page)
    for place, name in enumerate(names):
        draw.text(
            (gutter - 10, (place + 0.5) * sheet.height / len(names)),
            name,
            INK,
            font(size),
            anchor='rm',
        )
    return page


def spot_the_fake(run: Path) -> Path | None:
    """36 images, 12 of them fakes, for the naked eye: `figures/spot_the_fake.png`."""
    return _spot(run, 'spot_the_fake', answer=False)


def spot_the_fake_answer(run: Path) -> Path | None:
    """The same 36 images with the fakes framed in red: `figures/spot_the_fake_answer.png`."""
    return _spot(run, 'spot_the_fake_answer', answer=True)


def places(seed: int = 0) -> np.ndarray:
    """Where the fakes stand in spot the fake, counted row by row: bool (36,), 12 of them true."""
    return np.random.default_rng(seed).permutation(SIDE * SIDE) < FAKES


def _spot(run: Path, name: str, *, answer: bool) -> Path | None:
    facts = folder.read_facts(run)
    found = facts and not facts.points and folder.samples(run, facts)
    if not found or not (run / 'reals.png').is_file():
        return None
    iteration, newest = found[-1]
    images = _mixed(tiles(run / 'reals.png', facts.shape), tiles(newest, facts.shape))
    if images is None:
        return None
    if facts.binarize:
        images = np.where(images > 127, 255, 0).astype(np.uint8)
    sheet = grid(images, SIDE, scale=ZOOM).convert('RGB')
    if answer:
        _frame(sheet, np.flatnonzero(places()), facts.shape)
    title = (
        f'The {FAKES} fakes, framed in red'
        if answer
        else f'Spot the fake: {FAKES} of these {SIDE * SIDE}'
    )
    return save(
        titled(sheet, title, f'{facts.about}, iteration {iteration:,}'),
        run / FIGURES_FOLDER / f'{name}.png',
    )


def _mixed(reals: np.ndarray, fakes: np.ndarray) -> np.ndarray | None:
    fake = places()
    if len(reals) < (~fake).sum() or len(fakes) < FAKES:
        return None
    images = np.empty((SIDE * SIDE, *reals.shape[1:]), np.uint8)
    images[~fake] = reals[: (~fake).sum()]
    images[fake] = fakes[:FAKES]
    return images


def _frame(sheet: Image.Image, marked: np.ndarray, shape: tuple[int, ...]) -> None:
    _, height, width = shape
    # Only half of the separator, so that an original between four fakes is not framed by its neighbours.
    thick = PAD * ZOOM // 2
    draw = ImageDraw.Draw(sheet)
    for row, col in (divmod(int(place), SIDE) for place in marked):
        x, y = ((col * (width + PAD) + PAD) * ZOOM, (row * (height + PAD) + PAD) * ZOOM)
        box = (x - thick, y - thick, x + width * ZOOM + thick - 1, y + height * ZOOM + thick - 1)
        draw.rectangle(box, outline=RED, width=thick)


def titled(sheet: Image.Image, title: str, note: str = '') -> Image.Image:
    """The sheet on white paper with a title above it, and under that a note in smaller grey letters."""
    top = MARGIN + 34 + (24 if note else 0)
    wide = max(
        sheet.width,
        *(round(font(size).getlength(text)) for text, size in ((title, 20), (note, 15))),
    )
    page = Image.new('RGB', (wide + 2 * MARGIN, top + sheet.height + MARGIN), PAPER)
    draw = ImageDraw.Draw(page)
    draw.text((MARGIN, MARGIN - 4), title, INK, font(20))
    draw.text((MARGIN, MARGIN + 26), note, FAINT, font(15))
    page.paste(sheet, (MARGIN, top))
    return page
