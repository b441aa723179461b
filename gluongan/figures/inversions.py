"""Figures of inverted images: originals, reconstructions and differences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from .grids import enlarged_to, grid, most_images, save
from .pictures import INK, labelled, titled
from .sheets import filled
from .text import font, text_width

COLS = 8
WIDTH = 960  # pixels
LABELS = ['original', 'reconstruction', 'difference']
SCALE_WIDTH, SCALE_HEIGHT, SMALL = 160, 14, 15  # pixels of the scale of differences, and its text


def inversions(
    x: np.ndarray, reconstructions: np.ndarray, path: Path, *, title: str, note: str
) -> Path:
    """Draw images above their reconstructions and the differences, and return the picture's path.

    x, reconstructions: both uint8 (N, C, H, W), of which the first that have room are drawn. Below
    them is the scale of the differences.
    """
    x = x[: most_images(x.shape[1:]) // len(LABELS)]
    reconstructions = reconstructions[: len(x)]
    difference = np.abs(x.astype(np.int16) - reconstructions).astype(np.uint8)
    cols = min(COLS, len(x))
    rows, names = [], []
    for start in range(0, len(x), cols):
        for images in (x, reconstructions, difference):
            rows.append(filled(images[start : start + cols], cols))
        names += LABELS
    sheet = labelled(enlarged_to(grid(np.concatenate(rows), cols), WIDTH), names)
    return save(titled(_with_scale(sheet, is_colour=x.shape[1] > 1), title, note), path)


def _with_scale(sheet: Image.Image, *, is_colour: bool) -> Image.Image:
    """Return a sheet with what black and white mean in the rows of differences."""
    each = 'each pixel and colour' if is_colour else 'each pixel'
    before, after = f'difference of {each}: 0, equal', '1, black against white'
    left = text_width(before, SMALL) + 10
    width = left + SCALE_WIDTH + 10 + text_width(after, SMALL)
    page = Image.new('RGB', (max(width, sheet.width), sheet.height + 34), 'white')
    page.paste(sheet)
    ramp = np.linspace(0, 255, SCALE_WIDTH).round().astype(np.uint8)
    bar = Image.fromarray(np.tile(ramp, (SCALE_HEIGHT, 1)))
    top = sheet.height + 14
    page.paste(bar, (left, top))
    draw = ImageDraw.Draw(page)
    box = (left - 1, top - 1, left + SCALE_WIDTH, top + SCALE_HEIGHT)
    draw.rectangle(box, outline=INK)
    middle = top + SCALE_HEIGHT // 2
    draw.text((0, middle), before, INK, font(SMALL), anchor='lm')
    draw.text((left + SCALE_WIDTH + 10, middle), after, INK, font(SMALL), anchor='lm')
    return page
