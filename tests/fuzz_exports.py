"""Tampered exports: 600 of them in the tests, 10,000 by `python tests/fuzz_exports.py`.

Each is loaded in a process that is watched. It may be refused with an error of ours or, where the
change did no harm, load and give an output of the shape and range in its manifest. Anything else
(another error, a crash, a hang) is a finding; its number makes the case again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from rack import watched
from rack.mutations import CONTENTS, mutate_bytes, mutate_json, pick
from rack.watched import Subject

os.environ.setdefault('OMP_NUM_THREADS', '1')


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
        if number < 2:
            path = Path(out, f'{number}-safetensors', 'net')
            files = gg.export(net, path, classes=classes, format='safetensors')
            exports.append({file.name: file.read_bytes() for file in files})
    verify.same_bits = same_bits
    return exports


# Mutations: of the bytes of a file, of its JSON, of whole files


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
        name = next(name for name in names if name.endswith(('.params', '.safetensors')))
        return reseal({**files, name: mutate_bytes(random, files[name])})
    mutate_files(random, exports, files, name, kind)
    return reseal(files) if random.integers(2) else files


def mutate_files(random, exports, files, name, kind):
    """Delete, exchange or replace the file `name`, or change what is in it."""
    if kind == 0:
        del files[name]
    elif kind == 1:
        files[name] = pick(random, exports).get(name, b'')  # weights in the other format
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


def judge(files, folder):
    """Load and compute in this process; return `refused`, `loaded`, or what is wrong."""
    from gluongan.errors import GluonganError
    from gluongan.exports import load_export
    from gluongan.runtime import mx

    try:
        loaded = load_export(folder)
        x = np.zeros((loaded.batch, *loaded.manifest.input.shape), np.float32)
        y = loaded.network()(mx.nd.array(x)).asnumpy()
    except GluonganError as error:
        return watched.refusal(error)
    output = loaded.manifest.output
    if y.shape[1:] != output.shape:
        return f'wrong shape: {y.shape}'
    if output.range is not None and (y.min() < output.range[0] or y.max() > output.range[1]):
        return f'out of range: {y.min()} to {y.max()}'
    return 'loaded'


def fuzz(exports, cases, *, seed=0):
    """Judge that many tampered exports; return {verdict: [case numbers]}. Stops at three hangs."""
    return watched.watch(Subject(exports, tamper, judge), cases, seed=seed).verdicts


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
