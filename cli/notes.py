"""What the package says of the data that it reads: lines on stderr, and a bar while it reads."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gluongan.terminal import Bar, Pace, is_terminal

from .faults import warn
from .printing import echo


class _Lines(logging.Handler):
    """Prints each record as one line, warnings as warnings, and progress as a bar."""

    def __init__(self) -> None:
        super().__init__()
        self._bar: Bar | None = None  # of what goes on
        self._shown = ('', 0)

    def emit(self, record: logging.LogRecord) -> None:
        if hasattr(record, 'total'):
            self._show_progress(record)
            return
        text = record.getMessage()
        if record.levelno >= logging.WARNING:
            warn(text)
        else:
            echo(text, err=True)

    def _show_progress(self, record: Any) -> None:
        """Move the bar, where stderr is a terminal."""
        if not is_terminal():
            return
        shown = (record.title, record.total)
        if self._bar is None or self._shown != shown:
            self.end_bar()
            self._pace = Pace(record.total, record.done)
            self._bar = Bar(record.total, done=record.done, title=record.title)
            self._shown = shown
        self._bar.show(record.done, f'{self._pace.left(record.done)}  {record.text}'.strip())
        if record.done >= record.total:
            self.end_bar()

    def end_bar(self) -> None:
        """End the line of the bar, where there is one."""
        if self._bar is not None:
            self._bar.close()
        self._bar = None


def say_what_loads() -> None:
    """Print a first line at once, where what follows begins with the import of MXNet."""
    if 'gluongan.runtime' not in sys.modules:
        echo('loading MXNet and the data', err=True)


def print_progress(title: str, done: int, total: int, text: str, *, line: str = '') -> None:
    """Show how much of something is done: as a bar on a terminal, elsewhere as a line, if any."""
    if is_terminal():
        from gluongan.data.progress import report

        report(title, done, total, text)
    elif line:
        echo(line, err=True)


@contextmanager
def hidden() -> Iterator[None]:
    """Print nothing of what is logged on data: the command itself shows it."""
    logger = logging.getLogger('gluongan.data')
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def shown() -> Iterator[None]:
    """Print what is logged on data, and show progress, while a command runs."""
    logger = logging.getLogger('gluongan')
    level, handler = logger.level, _Lines()
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield
    finally:
        handler.end_bar()
        logger.removeHandler(handler)
        logger.setLevel(level)
