"""What the tests of tampered exports share: a small export, ways to change it, its refusal."""

from __future__ import annotations

import hashlib
import json
import tracemalloc

import pytest

import gluongan as gg
from gluongan.exports import verify
from gluongan.nn import models

SYMBOL, WEIGHTS, MANIFEST = 'net-symbol.json', 'net-0000.params', 'manifest.json'


def export_small(folder, monkeypatch, sizes=(6, 8, 64)):
    """Export a small generator, without the check in a new process, and return the folder."""
    monkeypatch.setattr(verify, 'same_bits', lambda *_: None)
    gg.export(models.dense_generator(sizes), folder / 'net')
    return folder


def reseal(folder):
    """Give the manifest the sizes and SHA-256 sums of the files as they are now."""
    manifest = json.loads((folder / MANIFEST).read_text())
    for name in manifest['files']:
        content = (folder / name).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        manifest['files'][name] = {'bytes': len(content), 'sha256': digest}
    (folder / MANIFEST).write_text(json.dumps(manifest))


def edit(path, change):
    """Change a JSON file in place."""
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def assert_refused(folder, *parts):
    """Loading fails with one sentence that has these parts, and needs only a few MB of memory."""
    tracemalloc.start()
    try:
        with pytest.raises(gg.ExportError) as caught:
            gg.load_export(folder)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    assert '\n' not in message
    for part in (str(folder), *parts):
        assert part in message
    assert peak < 16e6
