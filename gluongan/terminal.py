"""The bar that a person watches: what is done, how long the rest takes, and what goes on."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from shutil import get_terminal_size
from typing import Any, TextIO

import click

from .errors import as_printable

BAR_COLUMNS = 40  # of a terminal, taken by the bar and its percentage
LEAST_COLUMNS = 20  # for the text beside the bar
WIDTH = 24


def is_terminal(stream: TextIO | None = None) -> bool:
    """Return whether a stream, by default stderr, is a terminal, where a bar can be drawn."""
    stream = stream or sys.stderr
    return stream is not None and stream.isatty()


class Pace:
    """How fast something goes, and how long the rest takes.

    total: how much there is. done: how much of it was done before.

    >>> Pace(10).left(0), Pace(10).left(10)
    ('', '0:00:00 left')
    """

    def __init__(self, total: float, done: float = 0) -> None:
        self._total = total
        self._first = done
        self._started = time.perf_counter()

    def rate(self, done: float) -> float:
        """Return how much is done a second."""
        return (done - self._first) / max(time.perf_counter() - self._started, 1e-9)

    def left(self, done: float) -> str:
        """Return the time that is left, in words; '' before anything is done."""
        if done == self._first:
            return ''
        seconds = (self._total - done) / max(self.rate(done), 1e-9)
        return f'{timedelta(seconds=round(seconds))} left'


class Bar:
    """A bar on a terminal, with a title before it and a text behind it.

    total: how much there is. done: how much of it was done before. stream: by default stderr.
    """

    def __init__(
        self, total: int, *, done: int = 0, title: str = '', stream: TextIO | None = None
    ) -> None:
        self._done = 0
        self._room = BAR_COLUMNS + (len(title) + 2 if title else 0)
        self._bar: Any = click.progressbar(
            length=total,
            label=as_printable(title),
            file=stream or sys.stderr,
            show_eta=False,
            width=WIDTH,
            item_show_func=lambda text: text,
        )
        self._bar.__enter__()
        self.show(done)

    def show(self, done: int, text: str | None = None) -> None:
        """Draw how much is done, and a text, by default the one that is there."""
        if text is not None:  # a line that wraps is not overwritten by the next one
            room = max(LEAST_COLUMNS, get_terminal_size().columns - self._room)
            self._bar.current_item = as_printable(text)[:room]
        if done == self._done:
            self._bar.render_progress()
        self._bar.update(done - self._done)
        self._done = done

    def close(self) -> None:
        """End the line of the bar."""
        self._bar.__exit__(None, None, None)
