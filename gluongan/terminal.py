"""The bar that a person watches: what is done, how long the rest takes, and what goes on."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from shutil import get_terminal_size
from typing import Any, TextIO

import click

from .errors import as_printable

BAR_COLUMNS = 40  # of a terminal, taken by the bar and its percentage
LEAST_COLUMNS = 20  # for the text beside the bar
WIDTH, LEAST_WIDTH = 24, 10  # of the bar itself
TEXT_COLUMNS = 54  # are left for the text, where the bar can be shorter


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
        before = BAR_COLUMNS - WIDTH + (len(title) + 2 if title else 0)
        width = get_terminal_size().columns - before - TEXT_COLUMNS
        width = min(WIDTH, max(LEAST_WIDTH, width))
        self._room = before + width
        self._bar: Any = click.progressbar(
            length=total,
            label=as_printable(title),
            file=stream or sys.stderr,
            show_eta=False,
            width=width,
            item_show_func=lambda text: text,
        )
        self._bar.__enter__()
        self.show(done)

    def show(self, done: int, text: str | None = None) -> None:
        """Draw how much is done, and a text, by default the one that is there."""
        if text is not None:  # a line that wraps is not overwritten by the next one
            room = max(LEAST_COLUMNS, get_terminal_size().columns - self._room)
            self._bar.current_item = fitting(as_printable(text), room)
        if done == self._done:
            self._bar.render_progress()
        self._bar.update(done - self._done)
        self._done = done

    def close(self) -> None:
        """End the line of the bar."""
        self._bar.__exit__(None, None, None)


def fitting(text: str, room: int) -> str:
    """Return as many of the parts of a text, between which are two spaces, as fit into `room`.

    A first part that does not fit, and an alarm (`! …`), are cut.

    >>> fitting('80.0 it/s  D loss 0.693  at 0:  spread 0.90', 34)
    '80.0 it/s  D loss 0.693'
    >>> fitting('80.0 it/s  ! samples are 2% as far apart as the data', 30)
    '80.0 it/s  ! samples are 2% a…'
    """
    if len(text) <= room:
        return text
    end = text.rfind('  ', 0, room + 1)
    kept = re.sub(r'  at [0-9,]+:$', '', text[: max(end, 0)])
    if not kept.strip() or text[end:].startswith('  ! '):
        return text[: room - 1] + '…'
    return kept


def progress_line(done: int, total: int, text: str) -> str:
    """Return the line that stands for a bar where there is no terminal.

    >>> progress_line(100, 15_000, '80.0 it/s'), is_progress(progress_line(100, 15_000, ''))
    ('      100/15,000  80.0 it/s', True)
    """
    return f'{done:>9,}/{total:,}  {text}'


def is_progress(line: str) -> bool:
    """Return whether a line is one of `progress_line`."""
    return re.match(r' *[0-9,]+/[0-9,]+  ', line) is not None


class Board:
    """What goes on in several places at once: on a terminal a line for each, which is replaced.

    Elsewhere each line stands for itself, behind its name. stream: by default stderr.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._redraws = is_terminal(self._stream)
        self._lines: dict[str, str] = {}
        self._drawn = 0  # lines on the terminal, above the cursor

    def show(self, name: str, text: str) -> None:
        """Replace the line of `name`."""
        if not self._redraws:
            self.say(f'{name}: {text.strip()}')
            return
        self._lines[name] = text.strip()
        self._draw()

    def remove(self, name: str) -> None:
        """Remove the line of `name`, if it has one."""
        if self._lines.pop(name, None) is not None:
            self._draw()

    def say(self, *lines: str) -> None:
        """Print lines that stay, above those that are replaced."""
        self._draw(lines)

    def _draw(self, stays: Sequence[str] = ()) -> None:
        """Write everything in one piece, so that nothing comes in between."""
        columns = get_terminal_size().columns - 1  # a line that wraps is not overwritten
        text = f'\x1b[{self._drawn}A\r\x1b[J' if self._drawn else ''
        text += ''.join(f'{as_printable(line)}\n' for line in stays)
        width = max(map(len, self._lines), default=0)
        for name, line in self._lines.items():
            text += as_printable(f'{name:{width}}  {line}')[:columns] + '\n'
        self._drawn = len(self._lines)
        self._stream.write(text)
        self._stream.flush()
