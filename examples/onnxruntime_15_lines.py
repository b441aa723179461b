"""Pictures of an exported generator of normal noise by onnxruntime: python onnxruntime_15_lines.py FOLDER FILE.png"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

told = json.loads(Path(sys.argv[1], 'manifest.json').read_text(encoding='utf-8'))
session = onnxruntime.InferenceSession(
    next(Path(sys.argv[1]).glob('*.onnx')), providers=['CPUExecutionProvider']
)
z = np.concatenate(
    [
        np.random.default_rng(seed).standard_normal((1, told['latent']), dtype=np.float32)
        for seed in range(64)
    ]
)
label = np.arange(64)[:, None] % max(1, len(told['classes'])) == np.arange(
    len(told['classes'])
)  # every class in turn
x = session.run(None, {told['input']['name']: np.hstack([z, label]).astype(np.float32)})[0]
channels, height, width = told['output']['shape']
sheet = (
    x.reshape(8, 8, channels, height, width)
    .transpose(0, 3, 1, 4, 2)
    .reshape(8 * height, 8 * width, channels)
)
Image.fromarray((np.clip(sheet, 0, 1) * 255 + 0.5).astype(np.uint8).squeeze()).save(sys.argv[2])
