"""Pictures inside a page: as they are where they are small, else as large as there is room."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

from PIL import Image

from ..errors import reason
from ..files import read_bytes
from ..runs.folder import RunError

MOST_BYTES = 2**27  # of a picture that is read
SHARE = 3 / 4  # of the bytes of a picture in those of its text in base64
QUALITY = 85  # of JPEG, in which pictures are that would be too large as they are
SMALLER = 0.9  # of the sides that should be small enough
LEAST_SIDE = 16  # pixels


@dataclass(frozen=True)
class Picture:
    """A picture as text for a page, what it shows in words, and its sides in pixels.

    alt: for who cannot see it. caption: beneath it. name: of its file.
    """

    source: str
    alt: str
    width: int
    height: int
    caption: str = ''
    name: str = ''


def read_picture(path: Path, alt: str, caption: str = '', *, most: int) -> Picture:
    """Return a picture of a run for a page, made smaller where its text would be over `most` bytes.

    Raises RunError where the file is no picture.
    """
    try:
        content = read_bytes(path, MOST_BYTES)
        with Image.open(io.BytesIO(content)) as image:
            if image.format != 'PNG' or len(content) > most * SHARE:
                image.load()
                is_exact = len(content) <= most * SHARE
                content, (width, height) = _packed(image, int(most * SHARE), is_exact)
            else:
                width, height = image.size
    except FileNotFoundError:
        raise RunError(f'{path}: does not exist; must be a picture') from None
    except RunError:
        raise
    except Exception as error:  # Pillow lets through whatever its decoders raise
        raise RunError(f'{path}: cannot be read as a picture ({reason(error)})') from None
    return Picture(_as_text(content), alt, width, height, caption, path.name)


def as_picture(
    image: Image.Image, alt: str, caption: str = '', *, most: int = MOST_BYTES
) -> Picture:
    """Return an image for a page; see `read_picture`."""
    content, (width, height) = _packed(image, int(most * SHARE))
    return Picture(_as_text(content), alt, width, height, caption)


def _packed(image: Image.Image, most: int, is_exact: bool = True) -> tuple[bytes, tuple[int, int]]:
    """Return an image as a file of at most this many bytes, and its sides.

    It is exact where there may be room, and a JPEG otherwise, with smaller sides where it must be.
    is_exact: whether there may be room.
    """
    if image.mode not in ('L', 'RGB', 'P', '1'):
        image = image.convert('RGB')
    if is_exact:
        content = _encoded(image, 'PNG')
        if len(content) <= most:
            return content, image.size
    smaller = image if image.mode in ('L', 'RGB') else image.convert('RGB')
    while True:
        content = _encoded(smaller, 'JPEG', quality=QUALITY)
        if len(content) <= most or min(smaller.size) <= LEAST_SIDE:
            return content, smaller.size
        share = SMALLER * sqrt(most / len(content))
        sides = [max(LEAST_SIDE, round(side * share)) for side in smaller.size]
        smaller = smaller.resize((sides[0], sides[1]), Image.Resampling.BOX)


def _encoded(image: Image.Image, kind: str, **settings: int) -> bytes:
    packed = io.BytesIO()
    image.save(packed, format=kind, **settings)
    return packed.getvalue()


def _as_text(content: bytes) -> str:
    kind = 'png' if content.startswith(b'\x89PNG') else 'jpeg'
    return f'data:image/{kind};base64,' + base64.b64encode(content).decode()
