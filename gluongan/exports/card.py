"""README.md of an export: a model card that says what it is, how it is used, and what it is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..figures import grid, save
from ..files import write_text
from ..gan.sampling import Sampler, pixels
from ..nn.layers import Chain
from .manifest import Manifest, read

CARD, PICTURE = 'README.md', 'samples.png'
ROWS, COLS = 10, 10  # of the picture
# What is known of the data that the package reads by name.
DATA_LICENCES = {
    'mnist': ('MNIST, by Y. LeCun, C. Cortes and C. J. C. Burges', 'CC BY-SA 3.0'),
    'fashion-mnist': ('Fashion-MNIST, by H. Xiao, K. Rasul and R. Vollgraf', 'MIT'),
    'stacked-mnist': ('three digits of MNIST in a colour picture each', 'CC BY-SA 3.0'),
    'ring8': ('points that gluongan draws', 'none needed'),
    'grid25': ('points that gluongan draws', 'none needed'),
    'synthetic': ('shapes that gluongan draws', 'none needed'),
}
DRAWS = {
    'normal': ('mx.nd.random.normal(shape={0})', 'random.standard_normal({0})'),
    'uniform': ('mx.nd.random.uniform(-1, 1, shape={0})', 'random.uniform(-1, 1, {0})'),
    'truncated': (
        'mx.nd.random.normal(shape={0}).clip(-2, 2)',
        'random.standard_normal({0}).clip(-2, 2)',
    ),
}
LIMITS = """\
- It makes samples like those that it learned from, with what they lack and what is lopsided in
  them, and nothing else.
- Samples may resemble single training samples. `gluongan evaluate` looks for copies, in pixels.
- Numbers of different data, judges or counts of samples do not compare."""


def add(folder: Path, net: Chain, name: str, measured: str) -> list[Path]:
    """Write the card, and a picture where the network makes any, into the folder of an export.

    name: of its files, such as `generator`. measured: metrics with what they are of, in Markdown.
    """
    manifest = read(folder)
    picture = _draw(net, manifest, folder / PICTURE)
    path = folder / CARD
    write_text(path, card(manifest, name, measured, has_picture=bool(picture)))
    return [*picture, path]


def _draw(net: Chain, manifest: Manifest, path: Path) -> list[Path]:
    shape = manifest.output.shape
    if manifest.network == 'dis' or len(shape) != 3 or shape[0] not in (1, 3):
        return []
    sampler = Sampler(net, manifest.noise or 'normal', manifest.latent or 1, manifest.classes)
    rows = min(len(manifest.classes), ROWS) or ROWS
    seeds = list(range(COLS)) * rows if manifest.classes else range(COLS * rows)
    labels = np.repeat(np.arange(rows), COLS) if manifest.classes else None
    return [save(grid(pixels(sampler.of_seeds(seeds, labels)), COLS), path)]


def card(manifest: Manifest, name: str, measured: str = '', *, has_picture: bool = False) -> str:
    """Return the card of an export in Markdown; see `add`."""
    parts = [_head(manifest), f'# {_title(manifest)}\n', _what(manifest)]
    if has_picture:
        order = 'a seed in each column, a class in each row' if manifest.classes else 'a seed each'
        parts.append(f'![Samples: {order}]({PICTURE})\n')
    parts += ['## Use it\n', *_uses(manifest, name)]
    parts += ['## How good it is\n', measured or f'{NOT_MEASURED}\n']
    parts += ['## Data and licence\n', _licence(manifest), f'## Limits\n\n{LIMITS}']
    return '\n'.join(parts)


NOT_MEASURED = (
    'Not measured: `gluongan evaluate RUN` before `gluongan export RUN` puts the metrics here.'
)


def _plain(text: str) -> str:
    """Return a name from a user's files as text that is no Markdown, HTML or YAML.

    >>> _plain('a`<b>|[c](d)')
    'a b c d'
    """
    kept = ''.join(letter if letter.isalnum() or letter in ' ._-#' else ' ' for letter in text)
    return ' '.join(kept.split())[:80] or '?'


def _head(manifest: Manifest) -> str:
    kind = _title(manifest).replace("'", '')
    is_image = len(manifest.output.shape) == 3
    lines = ['---', 'library_name: gluongan', 'license: unknown']
    if is_image and not manifest.classes:
        lines.append('pipeline_tag: unconditional-image-generation')
    lines += ['tags:', *(f'- {tag}' for tag in dict.fromkeys(['gan', 'mxnet', manifest.format]))]
    if manifest.data in DATA_LICENCES:
        lines += ['datasets:', f'- {manifest.data}']
    return '\n'.join([*lines, f"model_description: '{kind}'", '---\n'])


def _title(manifest: Manifest) -> str:
    network = 'generator' if manifest.network == 'gen' else 'discriminator'
    data = f' of {_plain(manifest.data)}' if manifest.data else ''
    return f'A {network}{data}'


def _what(manifest: Manifest) -> str:
    shape = ' × '.join(map(str, manifest.output.shape))
    made = f'`gluongan train`, recipe `{manifest.recipe}`' if manifest.recipe else 'gluongan'
    at = f', iteration {manifest.iteration:,}' if manifest.iteration is not None else ''
    text = f'Trained by {made}{at}, version {manifest.versions["gluongan"]}. '
    if manifest.network == 'dis':
        return text + f'It gives a logit to a sample of shape {manifest.input.shape}.\n'
    text += (
        f'It makes samples of shape {shape} from {manifest.latent} numbers, {manifest.noise} noise'
    )
    if manifest.classes:
        shown = ', '.join(map(_plain, manifest.classes[:20]))
        more = '' if len(manifest.classes) <= 20 else ', …'
        text += f' and the class as a one-hot vector behind them: {shown}{more}'
    limits = manifest.output.range
    text += f'. Values are in [{limits[0]:g}, {limits[1]:g}].' if limits else '.'
    return f'{text} `manifest.json` says all of it for programs.\n'


def _uses(manifest: Manifest, name: str) -> list[str]:
    rows = 16
    shape = f'({rows}, {manifest.latent or manifest.input.shape})'
    in_mxnet, in_numpy = f'mx.nd.ones({(rows, *manifest.input.shape)})', ''
    if manifest.network == 'gen':
        in_mxnet, in_numpy = (draw.format(shape) for draw in DRAWS[manifest.noise or 'normal'])
        if manifest.classes:
            count = len(manifest.classes)
            in_mxnet = f'mx.nd.concat({in_mxnet}, mx.nd.one_hot(mx.nd.zeros({rows}), {count}))'
            in_numpy = f'np.hstack([{in_numpy}, np.eye({count})[[0] * {rows}]])'
    else:
        in_numpy = f'np.ones({(rows, *manifest.input.shape)})'
    return [
        _in_mxnet(manifest, name, in_mxnet),
        _in_onnx(manifest, name, in_numpy),
        _in_browser(manifest, name),
    ]


def _in_mxnet(manifest: Manifest, name: str, values: str) -> str:
    if manifest.format == 'onnx':
        return 'In MXNet: take an export in the format mxnet.\n'
    if manifest.format == 'safetensors':
        lines = [
            'from gluongan.exports import load_export',
            'from gluongan.runtime import mx',
            f"y = load_export('.').network()({values})",
        ]
        return _block('In MXNet, with gluongan', 'python', lines)
    files = f"'{name}-symbol.json', ['data'], '{name}-0000.params'"
    lines = [
        'import mxnet as mx  # with NumPy 1.24 or later: from gluongan.runtime import mx',
        f'net = mx.gluon.SymbolBlock.imports({files})',
        f'y = net({values})',
    ]
    return _block('In MXNet', 'python', lines)


def _in_onnx(manifest: Manifest, name: str, values: str) -> str:
    lines = [
        'import numpy as np, onnxruntime; random = np.random.default_rng(0)',
        f"session = onnxruntime.InferenceSession('{name}.onnx')",
        f"y = session.run(None, {{'data': {values}.astype('float32')}})[0]",
    ]
    first = '' if manifest.format == 'onnx' else ', from an export in the format onnx'
    return _block(f'In onnxruntime{first}', 'python', lines)


def _in_browser(manifest: Manifest, name: str) -> str:
    if manifest.network == 'dis':
        return ''
    if manifest.format != 'onnx':
        text = 'In the browser, a page of one file that needs nothing else:'
        return f'{text}\n\n```bash\ngluongan play .\n```\n'
    size = manifest.input.shape[0]
    lines = [
        f"const session = await ort.InferenceSession.create('{name}.onnx');  // onnxruntime-web",
        f'const z = new ort.Tensor("float32", new Float32Array({size}), [1, {size}]);  // fill it',
        f'const y = (await session.run({{data: z}})).{manifest.output.name}.data;',
    ]
    return _block('In the browser', 'js', lines)


def _block(title: str, language: str, lines: list[str]) -> str:
    return '\n'.join([f'{title}:\n', f'```{language}', *lines, '```\n'])


def _licence(manifest: Manifest) -> str:
    if manifest.data in DATA_LICENCES:
        data, licence = DATA_LICENCES[manifest.data]
        text = f'Data: {data}; licence: {licence}.'
    elif manifest.data:
        text = f'Data: {_plain(manifest.data)}, the own data of who trained this.'
        text += ' Whether it may be shown or passed on is for its owner to say here.'
    else:
        text = 'Data: unknown.'
    return f'{text}\n\nLicence of the weights: not chosen yet; who trained them writes it here.\n'
