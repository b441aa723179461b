"""A page in which anybody can play with a generator: one file, which computes everything itself.

The generator runs in the browser, in JavaScript of our own (`script/`): networks of this package
are small, so that it takes milliseconds for a picture.
"""

from __future__ import annotations

from .page import play
from .sources import MOST_SOURCES

__all__ = ['MOST_SOURCES', 'play']
