"""What the package logs of the data that it reads, as lines on stderr."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import click

from .faults import warn


class _Lines(logging.Handler):
    """Prints each record as one line, and warnings as warnings."""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.levelno >= logging.WARNING:
            warn(text)
        else:
            click.echo(text, err=True)


@contextmanager
def shown() -> Iterator[None]:
    """Print what is logged on data while a command runs."""
    logger = logging.getLogger('gluongan')
    level, handler = logger.level, _Lines()
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
