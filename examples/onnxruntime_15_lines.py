"""64 pictures of a generator of normal noise: python onnxruntime_15_lines.py FOLDER FILE.png"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

folder = Path(sys.argv[1])
manifest = json.loads((folder / 'manifest.json').read_text(encoding='utf-8'))
model = onnxruntime.InferenceSession(next(folder.glob('*.onnx')), None, ['CPUExecutionProvider'])
z = [np.random.default_rng(i).standard_normal(manifest['latent'], 'float32') for i in range(64)]
# One-hot, each class in turn; empty where the generator is not conditional.
labels = np.resize(np.eye(len(manifest['classes'])), (64, len(manifest['classes'])))
inputs = {manifest['input']['name']: np.hstack([z, labels]).astype('float32')}
x = model.run(None, inputs)[0].reshape(8, 8, *manifest['output']['shape'])
sheet = np.concatenate(np.concatenate(x.transpose(0, 1, 3, 4, 2), axis=1), axis=1)
Image.fromarray((np.clip(sheet, 0, 1) * 255 + 0.5).astype(np.uint8).squeeze()).save(sys.argv[2])
