"""The generator's output on fixed noise, from noise to images, as an animated GIF."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ..files import replacing
from ..runs import reading as folder
from ..runs.folder import CLIP
from . import clouds, pictures
from .grids import enlarged, grid, tiles

MOST_FRAMES = 80
HOLD = 2000  # ms that the last frame stands
# More greys are hardly seen in images this small, and the noise of the first frames, which no GIF compresses well,
# would make up most of the file.
GREYS, COLOURS = 16, 64
BAR = 34  # pixels above the images, where the iteration stands


def training(run: Path) -> Path | None:
    """A clip of at most 80 frames, one for each file of samples or evenly chosen among them: `training.gif`."""
    facts = folder.read_facts(run)
    chosen = folder.evenly(folder.samples(run, facts), MOST_FRAMES) if facts else []
    if not chosen:
        return None
    if facts.points:
        paint = clouds.painter(run, chosen[-1][1])
        frames = [_frame(paint(path), at) for at, path in chosen]
    else:
        frames = [_frame(grid(tiles(path, facts.shape)), at) for at, path in chosen]
    # Few frames pass more slowly, many in about eight seconds.
    pace = [min(400, max(100, 8000 // len(frames)))] * (len(frames) - 1) + [HOLD]
    with replacing(run / CLIP) as half:
        frames[0].save(
            half, format='GIF', save_all=True, append_images=frames[1:], duration=pace, loop=0
        )
    return run / CLIP


def walk(images: np.ndarray, path: Path, *, pace: int = 80) -> Path:
    """A clip of images (N, C, H, W), uint8, one a frame of `pace` ms, there and back; each pixel is 4 × 4 large."""
    frames = [enlarged(grid(images[i : i + 1]), 4) for i in range(len(images))]
    frames = [_few_greys(frame) if frame.mode == 'L' else _few_colours(frame) for frame in frames]
    frames += frames[-2:0:-1]
    with replacing(path) as half:
        frames[0].save(
            half, format='GIF', save_all=True, append_images=frames[1:], duration=pace, loop=0
        )
    return path


def _frame(image: Image.Image, iteration: int) -> Image.Image:
    body = _few_greys(image) if image.mode == 'L' else _few_colours(image)
    body = enlarged(body, max(1, round(480 / image.width)))
    bar = Image.new('L', (body.width, BAR), 255)
    text, middle = f'iteration {iteration:,}', BAR // 2
    ImageDraw.Draw(bar).text((8, middle), text, 0, pictures.font(18), anchor='lm')
    # The bar brings its own greys, behind the image's colours, so that its text looks the same in every frame.
    indices = np.vstack([np.asarray(_few_greys(bar)) + COLOURS, np.asarray(body)]).astype(np.uint8)
    frame = Image.frombytes('P', indices.shape[::-1], indices.tobytes())
    frame.putpalette((body.getpalette() + [0] * 3 * COLOURS)[: 3 * COLOURS] + _grey_ramp())
    return frame


def _few_greys(image: Image.Image) -> Image.Image:
    levels = (np.asarray(image).astype(np.uint16) * (GREYS - 1) + 127) // 255
    few = Image.frombytes('P', image.size, levels.astype(np.uint8).tobytes())
    few.putpalette(_grey_ramp())
    return few


def _few_colours(image: Image.Image) -> Image.Image:
    # The octree is the one of Pillow's methods that keeps a rare bright colour, and fifty times as fast as median cut.
    return image.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)


def _grey_ramp() -> list[int]:
    return [level * 255 // (GREYS - 1) for level in range(GREYS) for _ in 'rgb']
