"""Pictures of an exported generator by MXNet's Module: python mxnet_module.py FOLDER FILE.png"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

if 'bool' not in vars(np):
    np.bool = bool  # MXNet 1.9.1 imports this name, which NumPy 1.24 took away
import mxnet as mx


def noise(seed, size, kind):
    """z (1, size) as `gluongan sample --seeds SEED` draws it."""
    random = np.random.default_rng(seed)
    if kind == 'uniform':
        return random.random((1, size), dtype=np.float32) * np.float32(2) - np.float32(1)
    z = random.standard_normal((1, size), dtype=np.float32)
    while kind == 'truncated' and (far := np.abs(z) > 2).any():
        z[far] = random.standard_normal(int(far.sum()), dtype=np.float32)
    return z


folder, out = Path(sys.argv[1]), sys.argv[2]
told = json.loads((folder / 'manifest.json').read_text(encoding='utf-8'))
prefix = str(next(folder.glob('*-symbol.json'))).removesuffix('-symbol.json')
symbol, weights, statistics = mx.model.load_checkpoint(prefix, 0)
generator = mx.mod.Module(symbol, data_names=[told['input']['name']], label_names=None)
generator.bind([(told['input']['name'], (48, *told['input']['shape']))], for_training=False)
generator.set_params(weights, statistics)

# Two passes of 48 rows, gluongan's own number: in passes of another size the last bit may differ.
z = np.concatenate([noise(seed, told['latent'], told['noise']) for seed in range(96)])
if told['classes']:  # of a conditional generator: every class in turn, as a one-hot vector behind z
    one_hot = np.eye(len(told['classes']), dtype=np.float32)
    z = np.concatenate([z, one_hot[np.arange(96) % len(told['classes'])]], axis=1)
passes = []
for part in np.split(z, 2):
    generator.forward(mx.io.DataBatch([mx.nd.array(part)]), is_train=False)
    passes.append(generator.get_outputs()[0].asnumpy())
x = np.concatenate(passes)[:64]  # (64, channels, height, width) in [0, 1]

channels, height, width = told['output']['shape']
sheet = (
    x.reshape(8, 8, channels, height, width)
    .transpose(0, 3, 1, 4, 2)
    .reshape(8 * height, 8 * width, channels)
)
Image.fromarray((np.clip(sheet, 0, 1) * 255 + 0.5).astype(np.uint8).squeeze()).save(out)
