"""manifest.json: everything that a program needs to know about an export, and its SHA-256 sums."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import FailureError, as_printable
from ..files import read_bytes, write_json
from ..gan.noise import DISTRIBUTIONS
from ..nn.graph import parse_json
from .operators import Range

FILE = 'manifest.json'
VERSION = 1
# In bytes. ONNX itself ends at 2 GB.
MAX_BYTES = {'.json': 2**22, '.params': 2**31, '.safetensors': 2**31, '.onnx': 2**31}
MAX_MANIFEST = 2**20
MAX_SIDE = 2**24
MAX_CLASSES = 65536
MAX_TEXT = 1000


class ExportError(FailureError):
    """An export that cannot be made or cannot be trusted: one sentence that names the file."""


def fitting(name: str) -> str:
    """Return a name as a manifest may hold it: printable, and not too long.

    >>> len(fitting('x' * 2000)), fitting('cat')
    (1000, 'cat')
    """
    text = as_printable(name)
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + '…'


class Port(NamedTuple):
    """An input or an output: its name, the shape of one sample, the closed range of its values.

    range: None where the values are unbounded.
    """

    name: str
    shape: tuple[int, ...]
    range: Range | None


class Sealed(NamedTuple):
    """The size and the SHA-256 of a file as it was written."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What an export is.

    The generator's input is `latent` values of noise, then the class as a one-hot vector.

    network: `gen` or `dis`. pack: how many samples the discriminator judges together, in one row
    of its output. recipe, data, iteration, ema: of the run, None without one. opset: of ONNX.
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
        values = {'gluongan export': VERSION, **asdict(self)}
        values['input'] = self.input._asdict()
        values['output'] = self.output._asdict()
        values['files'] = {name: sealed._asdict() for name, sealed in self.files.items()}
        write_json(path, values)
        return path


def seal(path: Path) -> Sealed:
    """Return the size and the SHA-256 of a file."""
    content = path.read_bytes()
    return Sealed(len(content), hashlib.sha256(content).hexdigest())


def is_export(folder: Path) -> bool:
    """Return whether a folder looks like an export; `read` finds out whether it is one."""
    return (folder / FILE).is_file()


def is_part(path: Path) -> bool:
    """Return whether a file is one of those that make up the export in its folder."""
    try:
        return path.name in (FILE, *read(path.parent).files)
    except ExportError:
        return False


def read(folder: Path) -> Manifest:
    """Return the manifest in `folder`. Raises ExportError for what `write` does not write."""
    path = folder / FILE
    try:
        return _parse(read_bytes(path, MAX_MANIFEST))
    except OSError as error:
        raise ExportError(f'{path}: cannot be read ({error.strerror or error})') from None
    except ValueError as error:
        raise ExportError(f'{path}: {error}') from None


def read_file(folder: Path, manifest: Manifest, ending: str) -> bytes:
    """Return the content of the file with that ending. Raises ExportError where it has changed."""
    names = [name for name in manifest.files if name.endswith(ending)]
    if len(names) != 1:
        raise ExportError(f'{folder / FILE}: lists {len(names)} files *{ending}; must be one')
    path = folder / names[0]
    sealed = manifest.files[names[0]]
    try:
        content = read_bytes(path, sealed.bytes)
    except OSError as error:
        raise ExportError(f'{path}: cannot be read ({error.strerror or error})') from None
    except ValueError as error:
        raise ExportError(f'{path}: {error}') from None
    digest = hashlib.sha256(content).hexdigest()
    if len(content) != sealed.bytes or digest != sealed.sha256:
        raise ExportError(f'{path}: is damaged; its SHA-256 must be the one in {FILE}')
    return content


def _parse(content: bytes) -> Manifest:
    """Return a manifest from its JSON. Raises ValueError.

    >>> _parse(b'{"gluongan export": 2}')
    Traceback (most recent call last):
    ValueError: is not the manifest of an export; must be of version 1
    """
    raw = parse_json(content)
    if not isinstance(raw, dict) or raw.pop('gluongan export', None) != VERSION:
        raise ValueError(f'is not the manifest of an export; must be of version {VERSION}')
    names = {field.name for field in fields(Manifest)}
    if set(raw) != names:
        wrong = sorted(set(raw) ^ names)
        raise ValueError(f'has missing or unknown entries: {", ".join(wrong)[:200]!r}')
    manifest = Manifest(**{name: PARSERS[name](value) for name, value in raw.items()})
    _check_consistency(manifest)
    return manifest


def _check_consistency(manifest: Manifest) -> None:
    """Raise ValueError where one entry contradicts another."""
    if manifest.network == 'dis':
        _require(manifest.output.shape == (), 'has a discriminator whose output is not a logit')
        return
    _require(manifest.latent is not None, 'has a generator without `latent`')
    _require(manifest.noise is not None, 'has a generator without `noise`')
    length = manifest.latent + len(manifest.classes)
    _require(
        manifest.input.shape == (length,),
        f'has the input shape {manifest.input.shape}; must be ({length},): latent and classes',
    )
    _require(
        len(manifest.output.shape) in (1, 3),
        f'has the output shape {manifest.output.shape}; must be an image (C, H, W) or a point (D,)',
    )


# Parsers of the entries, each from what JSON gave


Parser = Callable[[Any], Any]


def _require(condition: bool, fault: str) -> None:
    if not condition:
        raise ValueError(fault)


def _int(name: str, low: int, high: int) -> Parser:
    def parse(value: Any) -> int:
        fault = f'has {name} {_short(value)}; must be {low} to {high:,}'
        _require(type(value) is int and low <= value <= high, fault)
        return value

    return parse


def _choice(name: str, *allowed: str) -> Parser:
    def parse(value: Any) -> str:
        fault = f'has {name} {_short(value)}; must be one of {", ".join(allowed)}'
        _require(type(value) is str and value in allowed, fault)
        return value

    return parse


def _optional(parser: Parser) -> Parser:
    return lambda value: None if value is None else parser(value)


def _short(value: Any) -> str:
    """Return the beginning of a JSON value, in one line."""
    try:
        return json.dumps(value)[:40]
    except RecursionError:
        return 'a value that is nested too deeply'


def _bool(value: Any) -> bool:
    _require(type(value) is bool, f'has ema {_short(value)}; must be true or false')
    return value


def _text(value: Any) -> str:
    _require(type(value) is str, f'has {_short(value)}; must be text')
    fault = 'has text that is too long or not printable'
    fault += f'; must be at most {MAX_TEXT:,} printable characters'
    _require(len(value) <= MAX_TEXT and value.isprintable(), fault)
    return value


def _classes(value: Any) -> tuple[str, ...]:
    fault = f'has classes {_short(value)}; must be a list of at most {MAX_CLASSES:,} names'
    _require(type(value) is list and len(value) <= MAX_CLASSES, fault)
    return tuple(map(_text, value))


def _versions(value: Any) -> dict[str, str]:
    fault = f'has versions {_short(value)}; must be an object of at most 100 names and versions'
    _require(type(value) is dict and len(value) <= 100, fault)
    return {_text(key): _text(version) for key, version in value.items()}


def _port(value: Any) -> Port:
    _require(
        type(value) is dict and set(value) == set(Port._fields),
        f'has an input or output {_short(value)}; must have name, shape and range',
    )
    return Port(_text(value['name']), _shape(value['shape']), _range(value['range']))


def _shape(value: Any) -> tuple[int, ...]:
    fault = f'has a shape {_short(value)}; must be at most three integers from 1 to {MAX_SIDE:,}'
    _require(type(value) is list and len(value) <= 3, fault)
    for side in value:
        _require(type(side) is int and 1 <= side <= MAX_SIDE, fault)
    return tuple(value)


def _range(value: Any) -> Range | None:
    if value is None:
        return None
    fault = f'has a range {_short(value)}; must be null or two numbers'
    _require(type(value) is list and len(value) == 2, fault)
    for bound in value:
        # The limit refuses NaN, infinity, and integers too large for a float.
        _require(type(bound) in (int, float) and abs(bound) <= 1e6, fault)
    return (float(value[0]), float(value[1]))


def _files(value: Any) -> dict[str, Sealed]:
    fault = f'has files {_short(value)}; must be an object of 1 to 10 files'
    _require(type(value) is dict and 1 <= len(value) <= 10, fault)
    return {_file_name(name): _sealed(name, entry) for name, entry in value.items()}


def _file_name(name: str) -> str:
    _require(
        re.fullmatch(r'[\w .,+()-]{1,200}', name) is not None and Path(name).suffix in MAX_BYTES,
        f'lists the file {name[:60]!r}; must be a plain name that ends in {", ".join(MAX_BYTES)}',
    )
    return name


def _sealed(name: str, value: Any) -> Sealed:
    _require(
        type(value) is dict and set(value) == set(Sealed._fields),
        f'has {_short(value)} for {name}; must have bytes and sha256',
    )
    size, digest = value['bytes'], value['sha256']
    limit = MAX_BYTES[Path(name).suffix]
    _require(
        type(size) is int and 1 <= size <= limit,
        f'has {_short(size)} bytes for {name}; must be 1 to {limit:,}',
    )
    _require(
        type(digest) is str and re.fullmatch('[0-9a-f]{64}', digest) is not None,
        f'has the SHA-256 {_short(digest)} for {name}; must be 64 hexadecimal digits',
    )
    return Sealed(size, digest)


PARSERS: dict[str, Parser] = {
    'format': _choice('format', 'mxnet', 'onnx', 'safetensors'),
    'network': _choice('network', 'gen', 'dis'),
    'input': _port,
    'output': _port,
    'latent': _optional(_int('latent', 1, 65536)),
    'noise': _optional(_choice('noise', *DISTRIBUTIONS)),
    'classes': _classes,
    'pack': _int('pack', 1, 64),
    'recipe': _optional(_text),
    'data': _optional(_text),
    'iteration': _optional(_int('iteration', 0, 10**9)),
    'ema': _optional(_bool),
    'opset': _optional(_int('opset', 1, 1000)),
    'versions': _versions,
    'files': _files,
}
