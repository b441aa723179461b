"""What every test of hostile data requires."""

from __future__ import annotations

import tracemalloc

import pytest

from gluongan.data import DataError, load


def refused(path, *parts, **options):
    """Loading must fail with one sentence that has these parts, and without taking much memory.

    Returns the error.
    """
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as caught:
            load(path, **options)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    assert '\n' not in message and not message.endswith('.')
    for part in (*parts, '; must be '):
        assert str(part) in message
    assert peak < 16e6
    return caught.value
