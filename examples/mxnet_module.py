"""Draw 64 pictures with an exported generator, in MXNet's Module, without gluongan.

python mxnet_module.py FOLDER FILE.png

Each example is complete on its own, so this one and mxnet_symbolblock.py repeat how noise is drawn.
"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

if 'bool' not in vars(np):
    np.bool = bool  # MXNet 1.9.1 imports this name, which NumPy 1.24 removed
import mxnet as mx


def noise(seed, size, distribution):
    """Return z (1, size) as `gluongan sample --seeds SEED` draws it."""
    random = np.random.default_rng(seed)
    if distribution == 'uniform':
        return random.random((1, size), dtype=np.float32) * np.float32(2) - np.float32(1)
    z = random.standard_normal((1, size), dtype=np.float32)
    while distribution == 'truncated' and (np.abs(z) > 2).any():
        outside = np.abs(z) > 2
        z[outside] = random.standard_normal(int(outside.sum()), dtype=np.float32)
    return z


def inputs(manifest):
    """Return z of seeds 0 to 95; a conditional generator gets each class in turn, one-hot."""
    z = [noise(seed, manifest['latent'], manifest['noise']) for seed in range(96)]
    classes = len(manifest['classes'])
    if not classes:
        return np.concatenate(z)
    labels = np.arange(96) % classes
    one_hot = np.eye(classes, dtype=np.float32)[labels]
    return np.concatenate([np.concatenate(z), one_hot], axis=1)


def in_passes(generate, z):
    """Return 64 pictures from two passes of 48 rows, as gluongan has them: the same bits.

    In passes of another size, the last bit may differ.
    """
    return np.concatenate([generate(part) for part in np.split(z, 2)])[:64]


def save(x, path):
    """Write pictures (64, channels, height, width) in [0, 1] as a sheet of 8 × 8."""
    channels, height, width = x.shape[1:]
    grid = x.reshape(8, 8, channels, height, width).transpose(0, 3, 1, 4, 2)
    sheet = grid.reshape(8 * height, 8 * width, channels)
    pixels = (np.clip(sheet, 0, 1) * 255 + 0.5).astype(np.uint8)
    Image.fromarray(pixels.squeeze()).save(path)


folder = Path(sys.argv[1])
manifest = json.loads((folder / 'manifest.json').read_text(encoding='utf-8'))
prefix = str(next(folder.glob('*-symbol.json'))).removesuffix('-symbol.json')
symbol, weights, statistics = mx.model.load_checkpoint(prefix, 0)
generator = mx.mod.Module(symbol, data_names=[manifest['input']['name']], label_names=None)
generator.bind([(manifest['input']['name'], (48, *manifest['input']['shape']))], for_training=False)
generator.set_params(weights, statistics)


def generate(z):
    generator.forward(mx.io.DataBatch([mx.nd.array(z)]), is_train=False)
    return generator.get_outputs()[0].asnumpy()


save(in_passes(generate, inputs(manifest)), sys.argv[2])
