"""Images into one picture and back, and pictures onto the disk in one piece."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ..files import replacing
from ..runs.folder import RunError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAD = 2  # pixels between two tiles, and around all of them
SEPARATOR = (
    96  # a grey that stands out from black digits, from white ones, and from a white or a dark page
)


def grid(images: np.ndarray, cols: int = 8, *, scale: int = 1) -> Image.Image:
    """Lay images out row by row with thin grey separators.

    images: uint8 (N, C, H, W), N >= 1, C of 1 (grey) or 3 (colour). scale: each pixel becomes scale x scale pixels.
    Places left over in the last row take the separator's grey. Raises ValueError for any other array.
    """
    if (
        images.dtype != np.uint8
        or images.ndim != 4
        or images.shape[1] not in (1, 3)
        or 0 in images.shape
    ):
        raise ValueError(
            f'images are {images.dtype} {images.shape}; a grid needs uint8 (N, 1 or 3, H, W)'
        )
    count, channels, height, width = images.shape
    cols = min(cols, count)
    rows = -(-count // cols)
    sheet = np.full((rows * cols, channels, height + PAD, width + PAD), SEPARATOR, np.uint8)
    sheet[:count, :, PAD:, PAD:] = images
    sheet = sheet.reshape(rows, cols, channels, height + PAD, width + PAD).transpose(0, 3, 1, 4, 2)
    sheet = sheet.reshape(rows * (height + PAD), cols * (width + PAD), channels)
    sheet = np.pad(sheet, ((0, PAD), (0, PAD), (0, 0)), constant_values=SEPARATOR)
    return enlarged(Image.fromarray(sheet[..., 0] if channels == 1 else sheet), scale)


def tiles(picture: str | Path | Image.Image, shape: tuple[int, int, int]) -> np.ndarray:
    """The images that `grid` laid out at scale 1, exactly: uint8 (N, C, H, W), for shape = (C, H, W).

    Trailing places wholly in the separator's grey count as empty. Raises RunError when the picture is no such grid.
    """
    channels, height, width = shape
    name, sheet = _pixels(picture, channels)
    rows, below = divmod(sheet.shape[0] - PAD, height + PAD)
    cols, beside = divmod(sheet.shape[1] - PAD, width + PAD)
    if below or beside or rows < 1 or cols < 1:
        raise RunError(
            f'{name} is {sheet.shape[1]}x{sheet.shape[0]} pixels: no grid of {width}x{height} images'
        )
    sheet = (
        sheet[:-PAD, :-PAD]
        .reshape(rows, height + PAD, cols, width + PAD, channels)
        .transpose(0, 2, 4, 1, 3)
    )
    images = sheet.reshape(rows * cols, channels, height + PAD, width + PAD)[:, :, PAD:, PAD:]
    filled = np.flatnonzero((images != SEPARATOR).any(axis=(1, 2, 3)))
    return np.ascontiguousarray(images[: max((rows - 1) * cols + 1, filled.max(initial=0) + 1)])


def _pixels(picture: str | Path | Image.Image, channels: int) -> tuple[str, np.ndarray]:
    name, image = (
        ('the picture', picture)
        if isinstance(picture, Image.Image)
        else (str(picture), _read(picture))
    )
    mode = 'L' if channels == 1 else 'RGB'
    if image.mode not in (
        mode,
        'P',
        '1',
    ):  # PNG optimisers turn a few greys into a palette, which converts exactly
        raise RunError(
            f'{name} is a picture of mode {image.mode}; {channels}-channel data needs mode {mode}'
        )
    return name, np.atleast_3d(np.asarray(image.convert(mode)))


def _read(path: str | Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            image.load()
            return image
    except FileNotFoundError:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise RunError(f'{path} is not a picture that can be read: {error}') from error


def enlarged(image: Image.Image, scale: int) -> Image.Image:
    """The picture with each pixel repeated scale x scale times."""
    return (
        image
        if scale == 1
        else image.resize((image.width * scale, image.height * scale), Image.NEAREST)
    )


def save(image: Image.Image | Figure, path: str | Path) -> Path:
    """Write a picture or a matplotlib Figure as PNG, making its folder; the file appears whole or not at all."""
    with replacing(path) as half:
        if isinstance(image, Image.Image):
            image.save(half, format='PNG', optimize=True)
        else:
            # matplotlib signs its version into the file; without that, the same run gives the same bytes for longer.
            image.savefig(half, format='png', metadata={'Software': None}, facecolor='white')
    return Path(path)
