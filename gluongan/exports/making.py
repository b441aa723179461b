"""A network out of a process or a run, as files that explain themselves; or nothing at all."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from .. import __version__, loading
from ..files import publish, staging
from ..gan.sampling import device_of
from ..nn.layers import Chain, MinibatchDiscrimination, Pack, has_layer, in_float32
from ..nn.passes import ROWS
from ..runs.folder import RunError
from ..runs.reading import class_names, sample_shape
from ..runtime import mx
from . import manifest, onnx, symbol
from . import verify as comparing
from .about import About
from .errors import ExportError
from .manifest import FILE, Manifest, Port
from .onnx_ops import OPSET

NAMES = {'gen': ('generator', 'sample'), 'dis': ('discriminator', 'logit')}


@dataclass(frozen=True)
class Export:
    """What has been written, and how far other numbers than MXNet's are from its own: None where they are the same bits."""

    files: tuple[Path, ...]
    difference: float | None

    def checked(self) -> str:
        """Say how it was checked."""
        if self.difference is None:
            return 'checked: a new process loads it and computes the same bits'
        return f'checked: onnxruntime computes the same to {self.difference:.1e} (at most {onnx.CLOSE:.0e})'


def export(
    net: Chain,
    path: str | Path,
    *,
    format: str = 'mxnet',
    noise: str = 'normal',
    classes: Sequence[str] = (),
) -> tuple[Path, ...]:
    """Write a network as PATH-symbol.json and PATH-0000.params, or PATH.onnx, and manifest.json beside; return the files.

    Input `data` is (N, *net.shape_in), its output what the network gives: of a G samples, of a D logits. noise and classes
    tell what a G was trained on. Files of those names are replaced, another export's manifest.json is not. Raises ExportError,
    and leaves nothing, where what a new process loads differs from the live network in a single bit (ONNX: by more than
    1e-5).
    """
    target = Path(path)
    _check_manifest(target)
    about = About('gen' if symbol.output_shape(net, _rows(net)) else 'dis', noise, tuple(classes))
    with staging(target) as folder:
        made = _make(net, folder / target.name, format, about)
        for file in made.files:
            publish(file, target.parent / file.name)
    return tuple(target.parent / file.name for file in made.files)


def export_run(
    run: str | Path,
    out: str | Path,
    *,
    network: str = 'gen',
    which: str = 'last',
    format: str = 'mxnet',
) -> Export:
    """Write G or D of a run into the new folder `out`; G's moving average where the run has one.

    Raises RunError for a run or a folder that cannot be used, SnapshotError, and ExportError as `export` does.
    """
    out = Path(out)
    _check_free(out)
    config, net, iteration = loading.load_net(run, network, which=which)
    about = About(
        network,
        config.noise,
        tuple(class_names(run)) if config.conditional else (),
        len(sample_shape(run)) == 3,
        config.recipe,
        Path(config.data).name,
        iteration,
        bool(config.ema) and network == 'gen',
    )
    with staging(out) as folder:
        made = _make(net, folder / NAMES[network][0], format, about)
        publish(folder, out)
    return Export(tuple(out / file.name for file in made.files), made.difference)


def _make(net: Chain, prefix: Path, format: str, about: About) -> Export:
    if format not in FORMATS:
        raise ExportError(f'must be one of {", ".join(FORMATS)}', setting='format', value=format)
    if format == 'onnx':
        onnx.packages()
    with in_float32(net):  # what a symbol file can tell, and every other program computes
        traced = symbol.traced(net, NAMES[about.network][1])
        files, difference = WRITERS[format](net, traced, prefix, about)
        told = _manifest(net, traced, files, format, about)
    return Export((*files, told.write(prefix.parent)), difference)


def _mxnet(
    net: Chain, traced: symbol.Traced, prefix: Path, about: About
) -> tuple[list[Path], None]:
    files, x = symbol.write(traced, prefix), about.probe(net.shape_in, _rows(net))
    comparing.same_bits(files, x, _live(net)(x), device_of(net))
    return files, None


def _onnx(
    net: Chain, traced: symbol.Traced, prefix: Path, about: About
) -> tuple[list[Path], float]:
    file = onnx.write(traced, Path(f'{prefix}.onnx'), net.shape_in, _pack(net))
    batches = (about.probe(net.shape_in, rows * _pack(net)) for rows in onnx.BATCHES)
    return [file], onnx.difference(
        file, _live(net), batches, sums=has_layer(net, MinibatchDiscrimination)
    )


WRITERS = {'mxnet': _mxnet, 'onnx': _onnx}
FORMATS = tuple(WRITERS)


def _live(net: Chain) -> Callable[[np.ndarray], np.ndarray]:
    def computed(x: np.ndarray) -> np.ndarray:
        with mx.autograd.pause():  # whatever scope the caller is in
            return net(mx.nd.array(x, ctx=device_of(net))).asnumpy()

    return computed


def _manifest(
    net: Chain, traced: symbol.Traced, files: list[Path], format: str, about: About
) -> Manifest:
    told = {name: value for name, value in asdict(about).items() if name != 'pictures'}
    versions = {
        'gluongan': __version__,
        'mxnet': mx.__version__,
        'numpy': np.__version__,
        'python': platform.python_version(),
    }
    return Manifest(
        format=format,
        opset=OPSET if format == 'onnx' else None,
        pack=_pack(net),
        input=Port(symbol.INPUT, net.shape_in, about.span()),
        output=Port(
            f'{NAMES[about.network][1]}_output',
            symbol.output_shape(net, _rows(net)),
            symbol.told_range(traced),
        ),
        latent=net.shape_in[0] - len(about.classes) if about.network == 'gen' else None,
        versions=versions,
        files={file.name: manifest.sealed(file) for file in files},
        **told,
    )


def _pack(net: Chain) -> int:
    return next((layer.m for layer in net if isinstance(layer, Pack)), 1)


def _rows(net: Chain) -> int:
    """As many as a pass of samples has, or as many more as make whole packs."""
    return _pack(net) * -(-ROWS // _pack(net))


def _check_free(out: Path) -> None:
    if manifest.is_export(out):
        raise RunError(
            'holds an export already, and none is overwritten; delete it, or take another name',
            setting='out',
            value=out,
        )
    if out.exists() or out.is_symlink():
        raise RunError('exists already; must be a name that is free', setting='out', value=out)


def _check_manifest(target: Path) -> None:
    beside = target.parent / FILE
    if beside.exists() or beside.is_symlink():
        names = set(manifest.read(target.parent).files)
        if not names <= {
            f'{target.name}{ending}' for ending in ('-symbol.json', '-0000.params', '.onnx')
        }:
            raise ExportError(
                f'{beside}: is of another export ({", ".join(sorted(names))}); take another folder'
            )
