"""Mutates a file by its format, so that a change gets past the checksums of what is around it."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import re
import struct
import zipfile
import zlib

import numpy as np

from .mutations import CONTENTS, TEXTS, VALUES, mutate_bytes, mutate_json, pick

HEADER = 128  # bytes of an .npy, of a GIF or an idx file that decide over all others
MAGIC = b'GLUONGAN'
BODY = len(MAGIC) + 32


def tamper(random, seeds):
    """Return one of the examples with one or two of its files mutated, deleted or exchanged."""
    files = dict(pick(random, seeds))
    for _ in range(random.integers(1, 3)):
        names = sorted(files)
        name = pick(random, names)
        kind = random.integers(40)
        if kind == 0 and len(files) > 1:
            del files[name]
        elif kind == 1:
            other = pick(random, names)
            files[name], files[other] = files[other], files[name]
        elif kind == 2:
            files[name] = pick(random, CONTENTS)
        else:
            files[name] = mutate(random, name, files[name])
    return files


def mutate(random, name, content):
    """Return the mutated content of a file of that name; in one case of four as plain bytes."""
    inner = INNER.get(name.rpartition('.')[2], _mutate_head)
    if random.integers(4):
        try:
            return inner(random, content)
        except (ValueError, LookupError, OSError, EOFError, zlib.error, zipfile.BadZipFile):
            pass  # it has been mutated before
    for _ in range(random.integers(1, 4)):
        content = mutate_bytes(random, content)
    return content


def _mutate_head(random, content):
    """Mutate the first bytes, which say what the others are."""
    size = int(pick(random, [16, HEADER]))
    return mutate_bytes(random, content[:size]) + content[size:]


def _mutate_lines(change):
    def mutate_line(random, content):
        lines = content.split(b'\n')
        for _ in range(random.integers(1, 3)):
            number = random.integers(max(1, len(lines) - 1))
            lines[number] = change(random, lines[number])
        return b'\n'.join(lines)

    return mutate_line


def _mutate_cells(random, line):
    """Mutate a row of a CSV."""
    cells = line.split(b',')
    number = random.integers(len(cells))
    kind = random.integers(3)
    if kind == 0:
        del cells[number]
    elif kind == 1:
        cells.insert(number, cells[number])
    else:
        cells[number] = str(pick(random, VALUES)).encode('utf-8', 'replace')
    return b','.join(cells)


def _mutate_gzip(random, content):
    return gzip.compress(_mutate_head(random, gzip.decompress(content)), 1)


def _mutate_npy(random, content):
    """Mutate the header of an .npy: a number or a word of it, or its bytes."""
    head = content[:HEADER]
    words = list(re.finditer(rb'\d+|True|False|<[a-z]\d|\|u1', head[10:]))
    if not words or not random.integers(3):
        return _mutate_head(random, content)
    word = pick(random, words)
    values = [b'0', b'-1', b'1', b'7', b'True', b'<f8', b'|O', b'>i4', b'<U9', b'|V8', b'9' * 20]
    other = bytes(pick(random, values))
    text = head[10 : 10 + word.start()] + other + head[10 + word.end() :].rstrip()
    text = text.ljust(HEADER - 11)[: HEADER - 11] + b'\n'
    return head[:10] + text + content[HEADER:]


def _mutate_zip(random, content):
    """Mutate a member of an archive, or its name; the checksums are right again."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    name = pick(random, sorted(members))
    kind = random.integers(8)
    if kind == 0:
        del members[name]
    elif kind == 1:
        members[str(pick(random, [*TEXTS, *members]))[:200] + '.npy'] = members[name]
    elif kind < 4 and name == 'meta.npy':
        members[name] = _npy(_mutate_meta(random, members[name]))
    elif kind == 4:
        members[name] = _other_values(random, members[name])
    else:
        members[name] = _mutate_npy(random, members[name])
    return _zipped(members, pick(random, [zipfile.ZIP_STORED] * 3 + [zipfile.ZIP_DEFLATED]))


def _zipped(members, compression):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, 'w', compression) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return packed.getvalue()


def _mutate_meta(random, member):
    text = _array(member).tobytes()
    return np.frombuffer(mutate_json(random, text), np.uint8)


def _other_values(random, member):
    """Replace the values of an array, or its type or shape, by others that NumPy writes."""
    array = _array(member)
    kind = random.integers(4)
    if kind == 0:
        array = array.astype(pick(random, ['<f8', '<i8', '|u1', '<f2', '>f4', '|b1', '<c8']))
    elif kind == 1:
        array = array.reshape(-1) if random.integers(2) else array[None]
    elif kind == 2 and array.size and array.dtype.kind == 'f':
        values = [float('nan'), float('inf'), 1e30, -1e30, 0.0]
        array = np.full_like(array, pick(random, values))
    else:
        array = array[: int(random.integers(4))] if array.ndim else array
    return _npy(array)


def _array(member):
    try:
        return np.load(io.BytesIO(member))
    except Exception as error:  # it has been mutated before
        raise ValueError from error


def _npy(array):
    packed = io.BytesIO()
    np.save(packed, array)
    return packed.getvalue()


def _mutate_snapshot(random, content):
    """Mutate what is inside a snapshot or a judge, and seal it again with the right SHA-256."""
    body = content[BODY:]
    inner = _mutate_zip if random.integers(6) else mutate_bytes
    body = inner(random, body)
    return MAGIC + hashlib.sha256(body).digest() + body


def _mutate_png(random, content):
    """Mutate a chunk of a PNG, and give it the right checksum."""
    chunks, at = [], 8
    while at + 12 <= len(content):
        (size,) = struct.unpack('>I', content[at : at + 4])
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + size]))
        at += 12 + size
    number = random.integers(len(chunks))
    kind, data = chunks[number]
    chunks[number] = (kind, mutate_bytes(random, data))
    packed = [content[:8]]
    for kind, data in chunks:
        checksum = struct.pack('>I', zlib.crc32(kind + data))
        packed += [struct.pack('>I', len(data)), kind, data, checksum]
    return b''.join(packed)


def _mutate_json_line(random, line):
    with contextlib.suppress(RecursionError):  # an earlier change nested it too deeply to be read
        line = mutate_json(random, line) if json.loads(line) else line
    return line


INNER = {
    'json': mutate_json,
    'jsonl': _mutate_lines(_mutate_json_line),
    'csv': _mutate_lines(_mutate_cells),
    'gz': _mutate_gzip,
    'npy': _mutate_npy,
    'npz': _mutate_zip,
    'snapshot': _mutate_snapshot,
    'judge': _mutate_snapshot,
    'png': _mutate_png,
}
