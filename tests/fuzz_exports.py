"""Exports that somebody has tampered with: 10,000 of them by `python tests/fuzz_exports.py`, some in the tests.

Each is loaded in a process that is watched. It may be refused with our error, or, where the change did no harm, load and
compute finite numbers; anything else (another error, a crash, a hang) is a finding, and can be made again from its number.
"""

from __future__ import annotations

import argparse
import collections
import copy
import hashlib
import json
import multiprocessing
import os
import resource
import struct
import tempfile
import time
from pathlib import Path

import numpy as np

os.environ.setdefault('OMP_NUM_THREADS', '1')

SECONDS, MEMORY = 20, 6 * 2**30  # for a case; what the process may take beyond what it has
WORDS = [
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
    *WORDS,
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


def seeds(place):
    """Folders of honest exports of each kind, as {file: bytes}."""
    import gluongan as gg
    from gluongan.exports import verify as comparing
    from gluongan.nn import models as nets

    check, comparing.same_bits = (
        comparing.same_bits,
        lambda *_: None,
    )  # a process for each, and no question here
    made = [
        gg.export(net, Path(place, str(number), 'net'), classes=classes)
        for number, (net, classes) in enumerate(
            (
                (nets.dense_generator([7, 8, 64]), ['a', 'b']),
                (nets.conv_generator(5, (1, 8, 8), width=8), []),
                (nets.dense_generator([4, 6, 2], 'gelu', 'identity', batchnorm=False), []),
                (nets.conv_discriminator((4, 8, 8), width=4, spectral=True, projected=3), []),
                (nets.dense_discriminator([16, 8, 1], 'swish', kernels=2, stddev=True, pack=3), []),
            )
        )
    ]
    comparing.same_bits = check
    return [{file.name: file.read_bytes() for file in files} for files in made]


# Mutations: bytes of one file, the JSON of one, numbers of the weights' format, files as a whole


def bent(random, content):
    """Bytes with a bit turned, a stretch cut, doubled, or overwritten, or an end that is missing."""
    content, at = bytearray(content), random.integers(max(1, len(content)))
    stretch = slice(at, at + int(random.choice([1, 2, 4, 8, 100])))
    kind = random.integers(6)
    if kind == 0 and content:
        content[at] ^= 1 << random.integers(8)
    elif kind == 1:
        del content[at:]
    elif kind == 2:
        del content[stretch]
    elif kind == 3:
        content[at:at] = content[stretch]
    elif kind == 4:
        content[stretch] = random.bytes(len(content[stretch]))
    else:
        content[stretch] = struct.pack('<Q', SIZES[random.integers(len(SIZES))])[
            : len(content[stretch])
        ]
    return bytes(content)


def places(value, path=()):
    """The path to every value in a JSON document."""
    yield path
    for key, inner in (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    ):
        yield from places(inner, (*path, key))


def rewritten(random, content):
    """JSON with one to three of its values put otherwise, taken away, doubled or exchanged."""
    try:
        whole = json.loads(content)
    except ValueError:
        return content
    for _ in range(random.integers(1, 4)):
        paths = [path for path in places(whole) if path]
        if not paths:
            break
        path = paths[random.integers(len(paths))]
        around = _at(whole, path[:-1])
        _change(random, around, path[-1], _at(whole, paths[random.integers(len(paths))]))
    return json.dumps(whole).encode()


def _at(value, path):
    for key in path:
        value = value[key]
    return value


def _change(random, around, key, other):
    kind = random.integers(6)
    if kind == 0:
        del around[key]
    elif kind == 1:
        around[key] = copy.deepcopy(other)
    elif kind == 2 and isinstance(around, list):
        around.insert(key, copy.deepcopy(around[key]))
    elif kind == 3 and isinstance(around[key], str):
        around[key] = OPERATORS[random.integers(len(OPERATORS))]
    elif kind == 4 and type(around[key]) is int:
        around[key] += int(random.choice([-2, -1, 1, 2, 60]))
    else:
        around[key] = copy.deepcopy(VALUES[random.integers(len(VALUES))])


def tampered(random, folders):
    """One honest folder, changed; in two of three cases the manifest then lies consistently, for the hashes stop the rest."""
    files = dict(folders[random.integers(len(folders))])
    names, kind, depth = sorted(files), random.integers(8), random.integers(4)
    name = names[random.integers(3)]
    if depth >= 2:
        (name,) = (
            name for name in names if name.endswith('symbol.json' if depth == 2 else '.params')
        )
        change = rewritten if depth == 2 else bent
        return resealed({**files, name: change(random, files[name])})
    if kind == 0:
        del files[name]
    elif kind == 1:
        files[name] = folders[random.integers(len(folders))][name]
    elif kind == 2:
        other = names[random.integers(3)]
        files[name], files[other] = files[other], files[name]
    elif kind == 3:
        files[name] = (b'[' * 100_000, b'{"nodes":' * 3000, b'', b'\xff' * 10, b'1' * 5000)[
            random.integers(5)
        ]
    elif kind in (4, 5) and name.endswith('.json'):
        files[name] = rewritten(random, files[name])
    else:
        for _ in range(random.integers(1, 4)):
            files[name] = bent(random, files[name])
    return resealed(files) if random.integers(2) else files


def resealed(files):
    """The files with a manifest that has their true sizes and hashes, where it is one."""
    try:
        told = json.loads(files['manifest.json'])
        told['files'] = {
            name: {'bytes': len(files[name]), 'sha256': hashlib.sha256(files[name]).hexdigest()}
            for name in told['files']
        }
        return {**files, 'manifest.json': json.dumps(told).encode()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return files


# Watching


def judged(files, folder):
    """Load and compute in this process: `refused` or `loaded`, or what is wrong."""
    from gluongan.exports import ExportError, load_export
    from gluongan.gan.sampling import SamplingError
    from gluongan.runs.folder import RunError
    from gluongan.runtime import mx

    for old in folder.iterdir():
        old.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    try:
        loaded = load_export(folder)
        x = np.zeros((loaded.rows, *loaded.manifest.input.shape), np.float32)
        y = loaded.network()(mx.nd.array(x)).asnumpy()
    except (ExportError, RunError, SamplingError) as error:
        return (
            'refused'
            if '\n' not in str(error) and len(str(error)) < 1000
            else f'no sentence: {error}'
        )
    span, right = loaded.manifest.output.range, y.shape[1:] == loaded.manifest.output.shape
    return (
        'loaded'
        if right and not (span and ((y < span[0]) | (y > span[1])).any())
        else f'lied: {y.shape}'
    )


def _watched(pipe, folders, start, stop, seed):
    import gluongan.exports  # noqa: F401 -- before the limit

    used = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    with tempfile.TemporaryDirectory() as place:
        for number in range(start, stop):
            pipe.send((number, None))
            try:
                verdict = judged(
                    tampered(np.random.default_rng([seed, number]), folders), Path(place)
                )
            except Exception as error:
                verdict = f'{type(error).__name__}: {str(error)[:200]}'
            pipe.send((number, verdict))


def _used(process):
    """Seconds of processor time: on a busy machine a case may wait for long, and hangs only if it computes for long."""
    fields = Path(f'/proc/{process.pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def _hangs(pipe, process):
    """Wait for the next message; whether none came in time."""
    begun, used = time.monotonic(), _used(process)
    while not pipe.poll(1):
        if _used(process) - used > SECONDS or time.monotonic() - begun > 15 * SECONDS:
            return True
    return False


def fuzz(folders, cases, *, seed=0):
    """Judge so many tampered folders; returns {verdict: [their numbers]}. The third that hangs is the last."""
    found, number = collections.defaultdict(list), 0
    while number < cases and len(found['hang']) < 3:
        mine, theirs = multiprocessing.get_context('spawn').Pipe(duplex=False)
        process = multiprocessing.get_context('spawn').Process(
            target=_watched, args=(theirs, folders, number, cases, seed)
        )
        process.start()
        theirs.close()
        try:
            while number < cases:
                if _hangs(mine, process):
                    found['hang'].append(number)
                    break
                number, verdict = mine.recv()
                if verdict:
                    found[verdict].append(number)
                    number += 1
        except EOFError:
            process.join()
            found[f'crash {process.exitcode}'].append(number)
        number += number < cases
        process.kill()
        process.join()
    return {verdict: numbers for verdict, numbers in found.items() if numbers}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--cases', type=int, default=10_000)
    parser.add_argument('--seed', type=int, default=0)
    given, begun = parser.parse_args(), time.time()
    with tempfile.TemporaryDirectory() as place:
        found = fuzz(seeds(place), given.cases, seed=given.seed)
    for verdict, numbers in sorted(found.items(), key=lambda item: -len(item[1])):
        print(
            f'{len(numbers):6,}  {verdict}'
            + ('' if verdict in ('refused', 'loaded') else f'  {numbers[:5]}')
        )
    print(f'{given.cases:6,}  in {time.time() - begun:.0f} s')


if __name__ == '__main__':
    main()
