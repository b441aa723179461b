"""Tampered exports: 600 of them in the tests, 10,000 by `python tests/fuzz_exports.py`.

Each is loaded in a process that is watched. It may be refused with an error of ours or, where the
change did no harm, load and give an output of the shape and range in its manifest. Anything else
(another error, a crash, a hang) is a finding; its number makes the case again.
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

SECONDS = 20  # of processor time, for one case
MEMORY = 6 * 2**30  # what the process may take beyond what it has at the start
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


def seeds(out):
    """Return exports of each kind, each as {file name: bytes}."""
    import gluongan as gg
    from gluongan.exports import verify
    from gluongan.nn import models

    nets = [
        (models.dense_generator([7, 8, 64]), ['a', 'b']),
        (models.conv_generator(5, (1, 8, 8), width=8), []),
        (models.dense_generator([4, 6, 2], 'gelu', 'identity', batchnorm=False), []),
        (models.conv_discriminator((4, 8, 8), width=4, spectral=True, projected=3), []),
        (models.dense_discriminator([16, 8, 1], 'swish', kernels=2, stddev=True, pack=3), []),
    ]
    same_bits = verify.same_bits
    verify.same_bits = lambda *_: None  # a new process for each takes seconds
    exports = []
    for number, (net, classes) in enumerate(nets):
        files = gg.export(net, Path(out, str(number), 'net'), classes=classes)
        exports.append({file.name: file.read_bytes() for file in files})
    verify.same_bits = same_bits
    return exports


# Mutations: of the bytes of a file, of its JSON, of whole files


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
    except ValueError:
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


def tamper(random, exports):
    """Return one export, changed.

    In most cases the manifest then has the SHA-256 of the changed files, which stops the others.
    """
    files = dict(pick(random, exports))
    names = sorted(files)
    kind, depth = random.integers(8), random.integers(4)
    name = names[random.integers(3)]
    if depth == 2:
        name = next(name for name in names if name.endswith('symbol.json'))
        return reseal({**files, name: mutate_json(random, files[name])})
    if depth == 3:
        name = next(name for name in names if name.endswith('.params'))
        return reseal({**files, name: mutate_bytes(random, files[name])})
    mutate_files(random, exports, files, name, kind)
    return reseal(files) if random.integers(2) else files


def mutate_files(random, exports, files, name, kind):
    """Delete, exchange or replace the file `name`, or change what is in it."""
    if kind == 0:
        del files[name]
    elif kind == 1:
        files[name] = pick(random, exports)[name]
    elif kind == 2:
        other = sorted(files)[random.integers(3)]
        files[name], files[other] = files[other], files[name]
    elif kind == 3:
        files[name] = pick(random, CONTENTS)
    elif kind in (4, 5) and name.endswith('.json'):
        files[name] = mutate_json(random, files[name])
    else:
        for _ in range(random.integers(1, 4)):
            files[name] = mutate_bytes(random, files[name])


def reseal(files):
    """Return the files with a manifest that has their sizes and SHA-256, where it still is one."""
    try:
        manifest = json.loads(files['manifest.json'])
        sealed = {}
        for name in manifest['files']:
            digest = hashlib.sha256(files[name]).hexdigest()
            sealed[name] = {'bytes': len(files[name]), 'sha256': digest}
        manifest['files'] = sealed
        return {**files, 'manifest.json': json.dumps(manifest).encode()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return files


# Watching


def judge(files, folder):
    """Load and compute in this process; return `refused`, `loaded`, or what is wrong."""
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
        x = np.zeros((loaded.batch, *loaded.manifest.input.shape), np.float32)
        y = loaded.network()(mx.nd.array(x)).asnumpy()
    except (ExportError, RunError, SamplingError) as error:
        message = str(error)
        if '\n' in message or len(message) >= 1000:
            return f'not one sentence: {message}'
        return 'refused'
    output = loaded.manifest.output
    if y.shape[1:] != output.shape:
        return f'wrong shape: {y.shape}'
    if output.range is not None and (y.min() < output.range[0] or y.max() > output.range[1]):
        return f'out of range: {y.min()} to {y.max()}'
    return 'loaded'


def watch(pipe, exports, start, stop, seed):
    """Judge cases in a process with limited memory; send the number of each before and after."""
    import gluongan.exports  # noqa: F401 -- before the limit

    pages = int(Path('/proc/self/statm').read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    with tempfile.TemporaryDirectory() as folder:
        for number in range(start, stop):
            pipe.send((number, None))
            try:
                files = tamper(np.random.default_rng([seed, number]), exports)
                verdict = judge(files, Path(folder))
            except Exception as error:
                verdict = f'{type(error).__name__}: {str(error)[:200]}'
            pipe.send((number, verdict))


def processor_seconds(process):
    """On a busy machine a case may wait for long; it hangs only if it computes for long."""
    fields = Path(f'/proc/{process.pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def hangs(pipe, process):
    """Wait for the next message; return whether none came in time."""
    start, used = time.monotonic(), processor_seconds(process)
    while not pipe.poll(1):
        if processor_seconds(process) - used > SECONDS or time.monotonic() - start > 15 * SECONDS:
            return True
    return False


def fuzz(exports, cases, *, seed=0):
    """Judge that many tampered exports; return {verdict: [case numbers]}. Stops at three hangs."""
    verdicts = collections.defaultdict(list)
    number = 0
    while number < cases and len(verdicts['hang']) < 3:
        number = _judge_until_it_fails(exports, number, cases, seed, verdicts)
    return {verdict: numbers for verdict, numbers in verdicts.items() if numbers}


def _judge_until_it_fails(exports, number, cases, seed, verdicts):
    """Judge cases from `number` on in one new process, and return the number of the next case."""
    context = multiprocessing.get_context('spawn')
    pipe, far_end = context.Pipe(duplex=False)
    process = context.Process(target=watch, args=(far_end, exports, number, cases, seed))
    process.start()
    far_end.close()
    try:
        while number < cases:
            if hangs(pipe, process):
                verdicts['hang'].append(number)
                break
            number, verdict = pipe.recv()
            if verdict:
                verdicts[verdict].append(number)
                number += 1
    except EOFError:
        process.join()
        verdicts[f'crash {process.exitcode}'].append(number)
    process.kill()
    process.join()
    return min(number + 1, cases)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--cases', type=int, default=10_000)
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    start = time.time()
    with tempfile.TemporaryDirectory() as folder:
        verdicts = fuzz(seeds(folder), args.cases, seed=args.seed)
    for verdict, numbers in sorted(verdicts.items(), key=lambda item: -len(item[1])):
        examples = '' if verdict in ('refused', 'loaded') else f'  {numbers[:5]}'
        print(f'{len(numbers):6,}  {verdict}{examples}')
    print(f'{args.cases:6,}  in {time.time() - start:.0f} s')


if __name__ == '__main__':
    main()
