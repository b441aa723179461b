"""What every test of hostile data asks for."""

from __future__ import annotations

import tracemalloc

import pytest

from gluongan.data import DataError, load


def refused(path, *words, **options):
    """Loading must fail in one sentence with these words, without memory for more than a few MB."""
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as caught:
            load(path, **options)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    assert '\n' not in message and not message.endswith('.')
    assert all(str(word) in message for word in words), message
    assert peak < 16e6, peak
