"""Animated GIFs: samples of a fixed noise over training, and walks through the latent space."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ..files import replacing
from ..runs import reading
from ..runs.folder import CLIP
from . import clouds
from .grids import enlarged, evenly, grid, sheet_of
from .text import font

MOST_FRAMES = 80
MOST_STEPS = 2000  # of a walk
MOST_WALKED = 2**27  # pixels of all its frames, which Pillow keeps in memory
WIDTH = 480  # pixels
LARGEST = 1600  # pixels of a side: 80 frames of thousands would take minutes and gigabytes
HOLD = 2000  # ms that the last frame is shown
DURATION = 8000  # ms of all frames together; few frames are shown for longer than many
SHORTEST, LONGEST = 100, 400  # ms that a frame is shown
# More greys are hardly visible in images this small. The noise of the first frames, which no GIF
# compresses well, would make up most of the file.
GREYS, COLOURS = 16, 64
BAR = 34  # pixels above the images, for the iteration


def training(run: Path) -> Path | None:
    """Draw `training.gif`: a frame for each file of samples, or at most 80 evenly chosen ones."""
    facts = reading.read_facts(run)
    if facts is None:
        return None
    files = evenly(reading.sample_files(run, facts), MOST_FRAMES)
    if not files:
        return None
    if facts.has_points:
        paint = clouds.painter(run, facts, newest=files[-1][1])
        frames = [_frame(paint(path), iteration) for iteration, path in files]
    else:
        frames = []
        for iteration, path in files:
            frames.append(_frame(sheet_of(path, facts.shape), iteration))
    pace = min(LONGEST, max(SHORTEST, DURATION // len(frames)))
    durations = [pace] * (len(frames) - 1) + [HOLD]
    return _save_gif(frames, durations, run / CLIP)


def walk(images: np.ndarray, path: Path, *, pace: int = 80) -> Path:
    """Draw a clip of images (N, C, H, W), uint8, there and back, and return its path.

    Each frame is shown for `pace` ms; each pixel is enlarged, of small images to 4 × 4. Of more
    than 2,000 images, as many are shown, evenly chosen; of large images fewer.
    """
    scale = max(1, min(4, LARGEST // max(images.shape[2:])))
    most = MOST_WALKED // (scale**2 * images.shape[2] * images.shape[3])
    images = images[evenly(range(len(images)), max(2, min(MOST_STEPS, most)))]
    frames = []
    for index in range(len(images)):
        frames.append(_reduced(enlarged(grid(images[index : index + 1]), scale)))
    frames += frames[-2:0:-1]
    return _save_gif(frames, pace, path)


def _save_gif(frames: list[Image.Image], durations: int | list[int], path: Path) -> Path:
    with replacing(path) as temporary:
        frames[0].save(
            temporary,
            format='GIF',
            save_all=True,
            append_images=frames[1:],
            duration=durations,
            loop=0,
        )
    return path


def _frame(image: Image.Image, iteration: int) -> Image.Image:
    image = _fitted(image)
    scale = max(1, min(round(WIDTH / image.width), LARGEST // image.height))
    body = enlarged(_reduced(image), scale)
    bar = Image.new('L', (body.width, BAR), 255)
    draw = ImageDraw.Draw(bar)
    draw.text((8, BAR // 2), f'iteration {iteration:,}', 0, font(18), anchor='lm')
    # The bar's own greys follow the image's colours, so that its text looks alike in all frames.
    bar_indices = np.asarray(_few_greys(bar)) + COLOURS
    indices = np.vstack([bar_indices, np.asarray(body)]).astype(np.uint8)
    frame = Image.frombytes('P', indices.shape[::-1], indices.tobytes())
    padding = [0] * 3 * COLOURS
    frame.putpalette((body.getpalette() + padding)[: 3 * COLOURS] + _grey_ramp())
    return frame


def _fitted(image: Image.Image) -> Image.Image:
    """Return an image whose sides are within `LARGEST`, made smaller where it is larger."""
    share = min(1, LARGEST / max(image.size))
    if share == 1:
        return image
    sides = [max(1, round(side * share)) for side in image.size]
    return image.resize((sides[0], sides[1]), Image.Resampling.BOX)


def _reduced(image: Image.Image) -> Image.Image:
    """Return an image with a palette of few greys, or of few colours."""
    return _few_greys(image) if image.mode == 'L' else _few_colours(image)


def _few_greys(image: Image.Image) -> Image.Image:
    levels = (np.asarray(image).astype(np.uint16) * (GREYS - 1) + 127) // 255
    few = Image.frombytes('P', image.size, levels.astype(np.uint8).tobytes())
    few.putpalette(_grey_ramp())
    return few


def _few_colours(image: Image.Image) -> Image.Image:
    # Of Pillow's methods, only the octree keeps a rare bright colour. It is 50 times faster than
    # median cut.
    return image.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)


def _grey_ramp() -> list[int]:
    levels = np.arange(GREYS) * 255 // (GREYS - 1)
    return np.repeat(levels, 3).tolist()
