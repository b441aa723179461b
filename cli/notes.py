"""What the package says of the data that it reads: lines on stderr, and a bar while it reads."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from gluongan.errors import as_printable

from .faults import warn
from .printing import echo


class _Lines(logging.Handler):
    """Prints each record as one line, warnings as warnings, and progress as a bar."""

    _bar: Any = None  # of what goes on

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
        if sys.stderr is None or not sys.stderr.isatty():
            return
        if self._bar is None:
            label = as_printable(record.title)
            self._bar = click.progressbar(length=record.total, label=label, file=sys.stderr)
            self._bar.__enter__()
        self._bar.update(record.done - self._bar.pos)
        if record.done == record.total:
            self._bar.__exit__(None, None, None)
            self._bar = None


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
        logger.removeHandler(handler)
        logger.setLevel(level)
