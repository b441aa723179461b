"""manifest.json: all that a consumer of an export needs to know, and the SHA-256 of every file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from ..files import read_bytes, write_json
from ..gan.noise import DISTRIBUTIONS
from ..nn.graph import parse_json
from .errors import ExportError
from .operators import Range

FILE = 'manifest.json'
VERSION = 1
LARGEST = {'.json': 2**22, '.params': 2**31, '.onnx': 2**31}  # bytes; ONNX itself ends at 2 GB
LARGEST_MANIFEST = 2**20


class Port(NamedTuple):
    """An input or output: its name, the shape of one sample, and the closed range of its values where they have one."""

    name: str
    shape: tuple[int, ...]
    range: Range | None


class Sealed(NamedTuple):
    """A file as it was written."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What an export is. The first `latent` values of G's input are the noise, then comes the class as a one-hot vector.

    network: `gen` or `dis`. pack: so many samples make one row of D's output. recipe, data, iteration, ema: of the run that it
    comes from, where there was one. opset: of ONNX.
    """

    format: str
    network: str
    input: Port
    output: Port
    latent: int | None
    noise: str | None
    classes: tuple[str, ...]
    pack: int
    recipe: str | None
    data: str | None
    iteration: int | None
    ema: bool | None
    opset: int | None
    versions: dict[str, str]
    files: dict[str, Sealed]

    def write(self, folder: Path) -> Path:
        """Write it into `folder`, whole or not at all."""
        path = folder / FILE
        ports = {name: getattr(self, name)._asdict() for name in ('input', 'output')}
        files = {name: sealed._asdict() for name, sealed in self.files.items()}
        write_json(path, {'gluongan export': VERSION, **asdict(self), **ports, 'files': files})
        return path


def sealed(path: Path) -> Sealed:
    """Return the size and the SHA-256 of a file."""
    content = path.read_bytes()
    return Sealed(len(content), hashlib.sha256(content).hexdigest())


def is_export(folder: Path) -> bool:
    """Return whether a folder looks like an export of ours; `read` tells whether it is one."""
    return (folder / FILE).is_file()


def read(folder: Path) -> Manifest:
    """Return the manifest in `folder`. Raises ExportError where it is not in every part as one is written."""
    path = folder / FILE
    try:
        raw = parse_json(read_bytes(path, LARGEST_MANIFEST))
        if not isinstance(raw, dict) or raw.pop('gluongan export', None) != VERSION:
            raise ValueError(f'is no manifest of an export of version {VERSION}')
        if set(raw) != {each.name for each in fields(Manifest)}:
            raise ValueError('has not the entries that a manifest has')
        manifest = Manifest(**{name: READERS[name](value) for name, value in raw.items()})
        _agree(manifest)
        return manifest
    except OSError as error:
        raise ExportError(f'{path}: cannot be read ({error.strerror or error})') from None
    except ValueError as error:
        raise ExportError(f'{path}: {error}') from None


def content(folder: Path, manifest: Manifest, ending: str) -> bytes:
    """Return the one file of an export with that ending. Raises ExportError where it is not the one that was written."""
    names = [name for name in manifest.files if name.endswith(ending)]
    if len(names) != 1:
        raise ExportError(f'{folder / FILE}: names {len(names)} files *{ending}; must be one')
    path, told = folder / names[0], manifest.files[names[0]]
    try:
        found = read_bytes(path, told.bytes)
    except OSError as error:
        raise ExportError(f'{path}: cannot be read ({error.strerror or error})') from None
    except ValueError as error:
        raise ExportError(f'{path}: {error}') from None
    if len(found) != told.bytes or hashlib.sha256(found).hexdigest() != told.sha256:
        raise ExportError(f'{path}: is damaged (its SHA-256 is not the one in {FILE})')
    return found


# Readers of the entries, each from what JSON gave


def _need(condition: bool, fault: str) -> None:
    if not condition:
        raise ValueError(fault)


def _whole(name: str, low: int, high: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        _need(
            type(value) is int and low <= value <= high,
            f'has {name} {str(value)[:40]}; must be {low} to {high:,}',
        )
        return value

    return read


def _choice(name: str, *allowed: Any) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        _need(
            any(value is each or (type(value) is str and value == each) for each in allowed),
            f'has {name} {str(value)[:40]}; must be {", ".join(map(str, allowed))}',
        )
        return value

    return read


def _text(value: Any) -> str:
    _need(
        type(value) is str and len(value) <= 1000 and value.isprintable(),
        'has an entry that is no plain text',
    )
    return value


def _maybe(reader: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else reader(value)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= 1e6  # neither NaN nor what makes no float


def _texts(value: Any) -> tuple[str, ...]:
    _need(type(value) is list and len(value) <= 65536, 'has classes that are no list of names')
    return tuple(map(_text, value))


def _versions(value: Any) -> dict[str, str]:
    _need(type(value) is dict and len(value) <= 100, 'has versions that are none')
    return {_text(key): _text(version) for key, version in value.items()}


def _port(value: Any) -> Port:
    _need(
        type(value) is dict and set(value) == set(Port._fields),
        'has an input or output without name, shape and range',
    )
    shape, span = value['shape'], value['range']
    _need(
        type(shape) is list
        and len(shape) <= 3
        and all(type(side) is int and 0 < side <= 2**24 for side in shape),
        f'has a shape {str(shape)[:40]}; must be at most three whole numbers',
    )
    _need(
        span is None or (type(span) is list and len(span) == 2 and all(map(_is_number, span))),
        f'has a range {str(span)[:40]}; must be two numbers, or null',
    )
    return Port(_text(value['name']), tuple(shape), span and (float(span[0]), float(span[1])))


def _files(value: Any) -> dict[str, Sealed]:
    _need(type(value) is dict and 0 < len(value) <= 10, 'names no files')
    return {_file_name(name): _seal(name, told) for name, told in value.items()}


def _file_name(name: str) -> str:
    _need(
        re.fullmatch(r'[\w .,+()-]{1,200}', name) is not None and Path(name).suffix in LARGEST,
        f'names the file {name[:60]!r}; must be a plain name that ends in {", ".join(LARGEST)}',
    )
    return name


def _seal(name: str, told: Any) -> Sealed:
    _need(
        type(told) is dict and set(told) == set(Sealed._fields),
        f'does not tell the size and SHA-256 of {name}',
    )
    size, digest = told['bytes'], told['sha256']
    most = LARGEST[Path(name).suffix]
    _need(
        type(size) is int and 0 < size <= most,
        f'gives {name} {str(size)[:40]} bytes; must be 1 to {most:,}',
    )
    _need(
        type(digest) is str and re.fullmatch('[0-9a-f]{64}', digest) is not None,
        f'has no SHA-256 of {name}',
    )
    return Sealed(size, digest)


READERS: dict[str, Callable[[Any], Any]] = {
    'format': _choice('format', 'mxnet', 'onnx'),
    'network': _choice('network', 'gen', 'dis'),
    'input': _port,
    'output': _port,
    'latent': _maybe(_whole('latent', 1, 65536)),
    'noise': _maybe(_choice('noise', *DISTRIBUTIONS)),
    'classes': _texts,
    'pack': _whole('pack', 1, 64),
    'recipe': _maybe(_text),
    'data': _maybe(_text),
    'iteration': _maybe(_whole('iteration', 0, 10**9)),
    'ema': _maybe(_choice('ema', True, False)),
    'opset': _maybe(_whole('opset', 1, 1000)),
    'versions': _versions,
    'files': _files,
}


def _agree(manifest: Manifest) -> None:
    """What one entry says must be true of the others."""
    if manifest.network == 'gen':
        _need(
            manifest.latent is not None and manifest.noise is not None,
            'tells no latent and noise of a generator',
        )
        _need(
            manifest.input.shape == (manifest.latent + len(manifest.classes),),
            'has an input that is not as long as its latent and its classes',
        )
        _need(
            len(manifest.output.shape) in (1, 3),
            'has an output that is neither a picture nor a point',
        )
    else:
        _need(manifest.output.shape == (), 'has an output that is no logit')
