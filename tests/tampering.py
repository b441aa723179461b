"""What the tests of tampered exports share: a small honest one, ways to change it, and how it must then be refused."""

from __future__ import annotations

import hashlib
import json
import tracemalloc

import pytest

import gluongan as gg
from gluongan.exports import verify as comparing
from gluongan.nn import models as nets

SYMBOL, WEIGHTS, MANIFEST = 'net-symbol.json', 'net-0000.params', 'manifest.json'


def honest(folder, monkeypatch, sizes=(6, 8, 64)):
    """Export a small G into `folder`, without the check in a new process, and return the folder."""
    monkeypatch.setattr(comparing, 'same_bits', lambda *_: None)
    gg.export(nets.dense_generator(sizes), folder / 'net')
    return folder


def lying(folder):
    """Give the manifest the true sizes and hashes of what the files are now."""
    told = json.loads((folder / MANIFEST).read_text())
    for name in told['files']:
        content = (folder / name).read_bytes()
        told['files'][name] = {'bytes': len(content), 'sha256': hashlib.sha256(content).hexdigest()}
    (folder / MANIFEST).write_text(json.dumps(told))


def edit(path, change):
    """Change a JSON file in place."""
    whole = json.loads(path.read_text())
    change(whole)
    path.write_text(json.dumps(whole))


def refused(folder, *words):
    """Loading fails in one sentence with these words, and without memory for more than a few MB."""
    tracemalloc.start()
    try:
        with pytest.raises(gg.ExportError) as caught:
            gg.load_export(folder)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    assert (
        '\n' not in message and str(folder) in message and all(word in message for word in words)
    ), message
    assert peak < 16e6, peak
