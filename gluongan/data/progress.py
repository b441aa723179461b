"""Progress of what takes a while, as records of a log: silent, until somebody shows them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar('T')

STEPS = 200  # records at most
FEW = 2_000  # items that are not worth a record

log = logging.getLogger(__name__)


def report(title: str, done: int, total: int, text: str = '') -> None:
    """Log how much of something is done.

    The record has the attributes `title`, `done`, `total` and `text`, which says what goes on.
    """
    facts = {'title': title, 'done': done, 'total': total, 'text': text}
    log.info('%s: %s of %s', title, f'{done:,}', f'{total:,}', extra=facts)


def watched(items: Sequence[T], title: str) -> Iterator[T]:
    """Yield the items, and log how many are done, see `report`.

    >>> class Print(logging.Handler):
    ...     def emit(self, record):
    ...         print(record.getMessage())
    >>> log.setLevel(logging.INFO)
    >>> log.addHandler(Print())
    >>> items = list(watched(range(2000), 'digits'))  # doctest: +ELLIPSIS
    digits: 10 of 2,000
    ...
    digits: 2,000 of 2,000
    >>> log.handlers.clear()
    >>> log.setLevel(logging.NOTSET)
    """
    step = max(1, len(items) // STEPS)
    for done, item in enumerate(items, 1):
        yield item
        if len(items) >= FEW and (done % step == 0 or done == len(items)):
            report(title, done, len(items))
