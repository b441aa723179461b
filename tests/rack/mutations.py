"""Changes of the bytes of a file and of the values of a JSON document, by a NumPy generator."""

from __future__ import annotations

import copy
import json
import struct

TEXTS = [
    '',
    'x',
    '../../etc/passwd',
    '/dev/zero',
    '\x00',
    'é' * 300,
    '1e999',
    'nan',
    '-1',
    '(4, 4)',
    '(0,)',
    '(-1, -1)',
    '(999999999, 999999999)',
    'None',
    'True',
    'Custom',
    '_npi_zeros',
    'null',
    'data',
    'layer0_weight',
    'gen',
    'dis',
    'onnx',
]
VALUES = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    63,
    2**31,
    2**63,
    -(2**63),
    10**30,
    0.5,
    1e308,
    float('nan'),
    float('inf'),
    [],
    {},
    [[]],
    [0],
    {'a': 1},
    *TEXTS,
]
OPERATORS = [
    'Custom',
    '_CustomFunction',
    '_Native',
    'Embedding',
    'Pooling',
    '_zeros',
    '_random_normal',
    'Concat',
    'FullyConnected',
    'Reshape',
    'slice_axis',
    'dot',
    'BatchNorm',
    'expand_dims',
    'Deconvolution',
    'sum',
    'reshape_like',
    'broadcast_add',
    'Dropout',
    'LeakyReLU',
    'exp',
    '_div_scalar',
    'sqrt',
    'square',
    'null',
]
SIZES = [0, 1, 2, 3, 255, 2**16, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1]
CONTENTS = [b'[' * 100_000, b'{"nodes":' * 3000, b'', b'\xff' * 10, b'1' * 5000]


def mutate_bytes(random, content):
    """Return bytes with one bit flipped, or a part cut out, doubled or overwritten, or no end."""
    content = bytearray(content)
    start = random.integers(max(1, len(content)))
    part = slice(start, start + int(random.choice([1, 2, 4, 8, 100])))
    kind = random.integers(6)
    if kind == 0 and content:
        content[start] ^= 1 << random.integers(8)
    elif kind == 1:
        del content[start:]
    elif kind == 2:
        del content[part]
    elif kind == 3:
        content[start:start] = content[part]
    elif kind == 4:
        content[part] = random.bytes(len(content[part]))
    else:
        size = struct.pack('<Q', pick(random, SIZES))
        content[part] = size[: len(content[part])]
    return bytes(content)


def pick(random, items):
    return items[random.integers(len(items))]


def paths(value, path=()):
    """Yield the path to every value in a JSON document."""
    yield path
    inner = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    for key, item in inner:
        yield from paths(item, (*path, key))


def mutate_json(random, content):
    """Return JSON with one to three of its values changed, deleted, doubled or replaced."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return content
    for _ in range(random.integers(1, 4)):
        inner = [path for path in paths(document) if path]
        if not inner:
            break
        path = pick(random, inner)
        parent = value_at(document, path[:-1])
        other = value_at(document, pick(random, inner))
        mutate_value(random, parent, path[-1], other)
    return json.dumps(document).encode()


def value_at(value, path):
    for key in path:
        value = value[key]
    return value


def mutate_value(random, parent, key, other):
    kind = random.integers(6)
    if kind == 0:
        del parent[key]
    elif kind == 1:
        parent[key] = copy.deepcopy(other)
    elif kind == 2 and isinstance(parent, list):
        parent.insert(key, copy.deepcopy(parent[key]))
    elif kind == 3 and isinstance(parent[key], str):
        parent[key] = pick(random, OPERATORS)
    elif kind == 4 and type(parent[key]) is int:
        parent[key] += int(random.choice([-2, -1, 1, 2, 60]))
    else:
        parent[key] = copy.deepcopy(pick(random, VALUES))
