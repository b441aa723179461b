"""Text in pictures: its typeface, lines that fit a width, and names that no glyph can show."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import ImageFont

from ..errors import escape
from .plotting import load_matplotlib

if TYPE_CHECKING:
    from matplotlib.ft2font import FT2Font

ELLIPSIS = '…'


def _typeface() -> str:
    """Return the typeface of the plots, which comes with matplotlib and so is on every machine."""
    load_matplotlib()
    from matplotlib import get_data_path

    return str(Path(get_data_path(), 'fonts', 'ttf', 'DejaVuSans.ttf'))


@lru_cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Return the typeface in a size."""
    return ImageFont.truetype(_typeface(), size)


@lru_cache
def _glyphs() -> FT2Font:
    load_matplotlib()
    from matplotlib.ft2font import FT2Font

    return FT2Font(_typeface())


def text_width(text: str, size: int) -> int:
    """Return the width of one line of text, in pixels or whatever unit the size has."""
    return round(font(size).getlength(text))


def is_drawable(text: str) -> bool:
    """Return whether the typeface can show a text.

    It has no Chinese, for example, and text from right to left comes out reversed.

    >>> is_drawable('cat'), is_drawable('кошка'), is_drawable('猫')
    (True, True, False)
    """
    return all(map(_has_glyph, text))


def _has_glyph(character: str) -> bool:
    if not character.isprintable() or unicodedata.bidirectional(character) in ('R', 'AL'):
        return False
    return _glyphs().get_char_index(ord(character)) != 0


def drawable(text: str) -> str:
    r"""Return a text with an escape for each character that the typeface cannot show.

    >>> drawable('runs/猫')
    'runs/\\u732b'
    """
    return ''.join(each if _has_glyph(each) else escape(each) for each in text)


def class_labels(names: Sequence[str]) -> list[str]:
    """Return what to write beside the pictures of each class: its name, else its number.

    >>> class_labels(['cat', '猫'])
    ['cat', '#1']
    """
    return [name if is_drawable(name) else f'#{k}' for k, name in enumerate(names)]


def shortened(text: str, size: int, width: float) -> str:
    """Return a text that fits a width, its middle left out where it is longer.

    >>> shortened('abcdefghijklmnopqrstuvwxyz', 10, 60)
    'abcd…wxyz'
    """
    if text_width(text, size) <= width:
        return text
    kept = len(text) - 1
    while kept > 2 and text_width(_without_middle(text, kept), size) > width:
        kept -= 1
    return _without_middle(text, kept)


def _without_middle(text: str, kept: int) -> str:
    return text[: (kept + 1) // 2] + ELLIPSIS + text[len(text) - kept // 2 :]


def wrapped(text: str, size: int, width: float, most: int = 3) -> list[str]:
    """Return the lines of a text, each of which fits a width, and at most `most` of them.

    A word that is longer than a line, and the last line, are shortened.

    >>> wrapped('one two three', 10, 50)
    ['one two', 'three']
    """
    lines = ['']
    for word in text.split(' '):
        longer = f'{lines[-1]} {word}'.strip()
        if not lines[-1] or len(lines) == most or text_width(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return [shortened(line, size, width) for line in lines]
