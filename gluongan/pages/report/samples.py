"""What a page shows of samples: originals beside them, their training, and a row for each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ...config import Config
from ...figures import clouds
from ...figures.grids import PAD, evenly, grid, sheet_of, tiles
from ...runs import reading
from ...runs.reading import Facts
from ..pictures import Picture, as_picture, read_picture

# Bytes of text for the pictures of each kind, so that the page of a usual run is below 5 MB.
FRAMES_ROOM, SHEET_ROOM, CLASSES_ROOM = 2_300_000, 300_000, 200_000
MOST_FRAMES, LEAST_FRAMES = 80, 12
AS_TEXT = 4 / 3  # bytes of text for each byte of a picture

Files = Sequence[tuple[int, Path]]


@dataclass(frozen=True)
class ClassRow:
    """A class: some real samples of it, and some generated ones."""

    name: str
    reals: Picture
    newest: Picture


def newest_samples(run: Path, facts: Facts, files: Files) -> tuple[Picture | None, Picture]:
    """Return real samples, None where the run has no file of them, and the newest generated ones.

    Raises RunError where a file cannot be read.
    """
    iteration, newest = files[-1]
    reals = reading.reals_file(run, facts)
    if facts.has_points:
        paint = clouds.painter(run, facts, newest=newest)
        alt = f'Generated points at iteration {iteration:,} in orange, on real ones in blue'
        caption = f'generated in orange, iteration {iteration:,}; real: {facts.data} in blue'
        return None, as_picture(paint(newest), alt, caption)
    generated = read_picture(
        newest,
        f'{_count(newest, facts)} generated samples at iteration {iteration:,}',
        f'generated, iteration {iteration:,}',
        most=SHEET_ROOM,
    )
    if reals is None:
        return None, generated
    alt = f'{_count(reals, facts)} real samples of {facts.data}'
    return read_picture(reals, alt, f'real: {facts.data}', most=SHEET_ROOM), generated


def _count(path: Path, facts: Facts) -> str:
    return f'{len(tiles(path, facts.shape)):,}'


def frames(run: Path, facts: Facts, files: Files) -> list[Picture]:
    """Return the clip of the training, frame by frame: as many files as there is room for."""
    if not files:
        return []
    chosen = evenly(files, MOST_FRAMES)
    if facts.has_points:
        paint = clouds.painter(run, facts, newest=files[-1][1])
        return [as_picture(paint(path), _alt(at), f'{at:,}') for at, path in chosen]
    while len(chosen) > LEAST_FRAMES and _size(chosen) > FRAMES_ROOM:
        chosen = evenly(files, max(LEAST_FRAMES, len(chosen) * 3 // 4))
    most = max(FRAMES_ROOM, 1)
    if _size(chosen) > FRAMES_ROOM:
        most = FRAMES_ROOM // len(chosen)
    return [read_picture(path, _alt(at), f'{at:,}', most=most) for at, path in chosen]


def _alt(iteration: int) -> str:
    return f'Samples of the same noise at iteration {iteration:,}'


def _size(files: Files) -> float:
    return AS_TEXT * sum(path.stat().st_size for _, path in files)


def class_rows(run: Path, config: Config, facts: Facts, files: Files) -> list[ClassRow]:
    """Return a row for each class that a conditional generator was asked for; else nothing."""
    reals_path = reading.reals_file(run, facts)
    if not (config.conditional and facts.classes and files) or facts.has_points:
        return []
    if reals_path is None:
        return []
    reals = _rows(sheet_of(reals_path, facts.shape), facts)
    newest = _rows(sheet_of(files[-1][1], facts.shape), facts)
    if len(reals) != len(newest) or len(newest) > len(facts.classes):
        return []
    most = CLASSES_ROOM // (2 * len(newest))
    rows = []
    for name, real, generated in zip(facts.classes, reals, newest):
        left = as_picture(real, f'real samples of class {name}', most=most)
        right = as_picture(generated, f'generated samples of class {name}', most=most)
        rows.append(ClassRow(name, left, right))
    return rows


def _rows(sheet: Image.Image, facts: Facts) -> list[Image.Image]:
    """Return the rows of a sheet of images as pictures of their own."""
    images = tiles(sheet, facts.shape)
    cols = (sheet.width - PAD) // (facts.shape[2] + PAD)
    return [grid(images[first : first + cols], cols) for first in range(0, len(images), cols)]
