"""Write a network, live or of a run, as files that explain themselves; or write nothing."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from .. import __version__, data, loading
from ..files import check_writable, publish, staging, write_bytes
from ..gan.sampling import device_of
from ..nn.layers import Chain, MinibatchDiscrimination, Pack, has_layer, in_float32
from ..nn.passes import ROWS
from ..runs.folder import RunError
from ..runs.reading import class_names, sample_shape
from ..runtime import mx
from . import card, manifest, onnx, safetensors, symbol, verify
from .about import About
from .manifest import FILE, ExportError, Manifest, Port
from .onnx_ops import OPSET

FILE_NAMES = {'gen': 'generator', 'dis': 'discriminator'}
OUTPUT_NAMES = {'gen': 'sample', 'dis': 'logit'}
ENDINGS = ('-symbol.json', '-0000.params', '.safetensors', '.onnx')


@dataclass(frozen=True)
class Export:
    """The files that were written, the manifest last.

    difference: the largest between onnxruntime's output and MXNet's; None where all bits agree.
    """

    files: tuple[Path, ...]
    difference: float | None

    def verification(self) -> str:
        """Return how the export was verified, in one sentence.

        >>> print(Export((), 3e-7).verification())
        verified: onnxruntime computes the same to 3.0e-07 (at most 1e-05 is allowed)
        """
        if self.difference is None:
            return 'verified: a new process loads it and computes the same bits'
        return (
            f'verified: onnxruntime computes the same to {self.difference:.1e} '
            f'(at most {onnx.TOLERANCE:.0e} is allowed)'
        )


def export(
    net: Chain,
    path: str | Path,
    *,
    format: str = 'mxnet',
    noise: str = 'normal',
    classes: Sequence[str] = (),
) -> tuple[Path, ...]:
    """Write a network and the manifest.json that describes it; return the files.

    path: a prefix. Format `mxnet` writes PATH-symbol.json and PATH-0000.params, `onnx` PATH.onnx,
    `safetensors` PATH-symbol.json and PATH.safetensors, the weights by their names in the graph.
    noise, classes: what a generator was trained on.

    The input is called `data` and is (N, *net.shape_in). The output is what the network gives:
    samples of a generator, logits of a discriminator. Files with those names are replaced; the
    manifest.json of another export is not.

    Raises ExportError, and leaves nothing, where a new process that loads the files differs from
    the live network in a single bit (ONNX: by more than 1e-5).
    """
    target = Path(path)
    _check_manifest(target)
    network = 'gen' if symbol.output_shape(net, _batch(net)) else 'dis'
    about = About(network, noise, tuple(classes))
    with staging(target) as folder:
        staged = _write(net, folder / target.name, format, about)
        for file in staged.files:
            publish(file, target.parent / file.name)
    return tuple(target.parent / file.name for file in staged.files)


def export_run(
    run: str | Path,
    out: str | Path,
    *,
    network: str = 'gen',
    which: str = 'last',
    format: str = 'mxnet',
    measured: Callable[[Path, int], str] = lambda run, iteration: '',
) -> Export:
    """Write a network of a run into the new folder `out`, with a card (README.md) and a picture.

    measured: gives the card the metrics of a run at an iteration, see `evaluation.card`.
    network: `gen`, which is the generator's moving average where the run has one, or `dis`.
    which: `last`, `best`, or the iteration of a snapshot.

    Raises RunError for a run or a folder that cannot be used, SnapshotError, and ExportError as
    `export` does.
    """
    out = Path(out)
    _check_free(out)
    config, net, iteration = loading.load_net(run, network, which=which)
    about = About(
        network,
        config.noise,
        tuple(class_names(run)) if config.conditional else (),
        is_image=len(sample_shape(run)) == 3,
        recipe=config.recipe,
        data=data_name(config.data),
        iteration=iteration,
        ema=bool(config.ema) and network == 'gen',
    )
    with staging(out) as folder:
        staged = _write(net, folder / FILE_NAMES[network], format, about)
        beside = card.add(folder, net, FILE_NAMES[network], measured(Path(run), iteration))
        publish(folder, out)
    *files, described = staged.files
    files = [*files, *beside, described]
    return Export(tuple(out / file.name for file in files), staged.difference)


def data_name(name: str) -> str:
    """Return what a manifest calls the data of a run: a name for built-in data alone."""
    return name if name in data.NAMES else f'./{Path(name).name}'


def _write(net: Chain, prefix: Path, format: str, about: About) -> Export:
    """Write and verify the files of a network and its manifest beside them."""
    if format not in FORMATS:
        allowed = f'must be one of {", ".join(FORMATS)}'
        raise ExportError(allowed, setting='format', value=format, names=FORMATS)
    if format == 'onnx':
        onnx.import_packages()  # fails before anything is computed
    with in_float32(net):  # a symbol file has no other precision, and all programs compute in it
        traced = symbol.trace(net, OUTPUT_NAMES[about.network])
        files, difference = WRITERS[format](net, traced, prefix, about)
        description = _describe(net, traced, files, format, about)
    return Export((*files, description.write(prefix.parent)), difference)


def _write_mxnet(
    net: Chain, traced: symbol.Traced, prefix: Path, about: About
) -> tuple[list[Path], None]:
    files = symbol.write(traced, prefix)
    x = about.probe_inputs(net.shape_in, _batch(net))
    verify.same_bits(files, x, _live(net)(x), device_of(net))
    return files, None


def _write_safetensors(
    net: Chain, traced: symbol.Traced, prefix: Path, about: About
) -> tuple[list[Path], None]:
    """Write the pair for MXNet, verify it, and exchange its weights for the same in safetensors."""
    (graph, weights), _ = _write_mxnet(net, traced, prefix, about)
    file = Path(f'{prefix}.safetensors')
    write_bytes(file, safetensors.pack(traced.weights, {'format': 'np'}))
    read = safetensors.parse(file.read_bytes())
    if not all(np.array_equal(read[name], value) for name, value in traced.weights.items()):
        raise ExportError(f'{file.name}: differs from the live network; nothing was kept')
    weights.unlink()
    return [graph, file], None


def _write_onnx(
    net: Chain, traced: symbol.Traced, prefix: Path, about: About
) -> tuple[list[Path], float]:
    pack = _pack(net)
    file = onnx.write(traced, Path(f'{prefix}.onnx'), net.shape_in, pack)
    batches = (about.probe_inputs(net.shape_in, rows * pack) for rows in onnx.BATCHES)
    sums_over_batch = has_layer(net, MinibatchDiscrimination)
    difference = onnx.largest_difference(file, _live(net), batches, sums_over_batch=sums_over_batch)
    return [file], difference


WRITERS = {'mxnet': _write_mxnet, 'onnx': _write_onnx, 'safetensors': _write_safetensors}
FORMATS = tuple(WRITERS)


def _live(net: Chain) -> Callable[[np.ndarray], np.ndarray]:
    """Return the live network as a function of NumPy arrays."""

    def compute(x: np.ndarray) -> np.ndarray:
        with mx.autograd.pause():  # whatever scope the caller is in
            return net(mx.nd.array(x, ctx=device_of(net))).asnumpy()

    return compute


def _describe(
    net: Chain, traced: symbol.Traced, files: list[Path], format: str, about: About
) -> Manifest:
    """Return the manifest of files that have been written."""
    facts = asdict(about)
    del facts['is_image']
    facts['classes'] = tuple(map(manifest.fitting, about.classes))
    facts['data'] = about.data and manifest.fitting(about.data)
    output_name = f'{OUTPUT_NAMES[about.network]}_output'
    output_shape = symbol.output_shape(net, _batch(net))
    latent = net.shape_in[0] - len(about.classes) if about.network == 'gen' else None
    return Manifest(
        format=format,
        opset=OPSET if format == 'onnx' else None,
        pack=_pack(net),
        input=Port(symbol.INPUT, net.shape_in, about.input_range()),
        output=Port(output_name, output_shape, symbol.known_range(traced)),
        latent=latent,
        versions=_versions(),
        files={file.name: manifest.seal(file) for file in files},
        **facts,
    )


def _versions() -> dict[str, str]:
    return {
        'gluongan': __version__,
        'mxnet': mx.__version__,
        'numpy': np.__version__,
        'python': platform.python_version(),
    }


def _pack(net: Chain) -> int:
    """Return how many samples the network judges together, 1 where each is judged alone."""
    return next((layer.m for layer in net if isinstance(layer, Pack)), 1)


def _batch(net: Chain) -> int:
    """Return the batch size of sampling, rounded up to whole packs."""
    pack = _pack(net)
    return pack * -(-ROWS // pack)


def _check_free(out: Path) -> None:
    if manifest.is_export(out):
        raise RunError(
            'is an export already, and exports are not overwritten; must be a new folder',
            setting='out',
            value=out,
        )
    if out.exists() or out.is_symlink():
        raise RunError('exists already; must be a new folder', setting='out', value=out)
    check_writable(out, setting='out')


def _check_manifest(target: Path) -> None:
    """Raise ExportError where the folder has the manifest of an export with another name."""
    path = target.parent / FILE
    if not path.exists() and not path.is_symlink():
        return
    files = set(manifest.read(target.parent).files)
    if not files <= {target.name + ending for ending in ENDINGS}:
        raise ExportError(
            f'{target.parent}: this folder already holds another export '
            f'({", ".join(sorted(files))}); choose another folder'
        )
