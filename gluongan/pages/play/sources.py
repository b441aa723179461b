"""What can be played with: a run or an export, read into what the page needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import NamedTuple

from ... import data, loading
from ...build import load_data, load_test
from ...errors import InputError
from ...exports import is_export, load_export, load_sampler
from ...exports.operators import check_operators
from ...exports.symbol import Traced, trace
from ...files import real_path
from ...gan.sampling import Sampler
from ...nn.layers import (
    Chain,
    MinibatchDiscrimination,
    MinibatchStdDev,
    Pack,
    has_layer,
    in_float32,
)
from ...runs.folder import RunError, read_config
from ...runs.nearest import did_you_mean_path
from ...runs.reading import read_facts

MOST_SOURCES = 2
WITHOUT_FILES = ('mnist', 'synthetic')  # built-in data that needs no download
MIXING = {
    Pack: 'judges several pictures together',
    MinibatchDiscrimination: 'compares the pictures of a batch',
    MinibatchStdDev: 'compares the pictures of a batch',
}

# Operators of layers that compare the pictures of a batch, and of no others.
COMPARING = {'expand_dims', 'sqrt'}


class Request(NamedTuple):
    """How sources are read.

    which: of a run, the snapshot. data_at: where the data of a run is, if it moved. dis: the export
    of a discriminator that judges the pictures of an exported generator.
    """

    which: str = 'last'
    data_at: str | None = None
    dis: Path | None = None


class Judging(NamedTuple):
    """A discriminator: its network, the shape of its input, whether sigmoid(logit) means real."""

    net: Traced
    shape_in: tuple[int, ...]
    is_probability: bool


@dataclass(frozen=True)
class Source:
    """A generator and what belongs to it.

    about: what it is, in a line. data: the name of what it was trained on. net: its network, of
    checked operators. originals: real pictures, test ones where there are any. left_out: what the
    page lacks, in sentences.
    """

    path: Path
    about: str
    data: str | None
    sampler: Sampler
    noise: str
    net: Traced
    discriminator: Judging | None
    originals: data.Dataset | None
    left_out: list[str] = field(default_factory=list)


def read_source(path: Path, request: Request) -> Source:
    """Return a run or an exported generator as it is played with.

    Raises RunError where it makes no pictures, and as `load_sampler` does.
    """
    sampler = load_sampler(path, which=request.which)
    if len(sampler.shape) != 3:
        raise RunError(f'{path}: generates points; must be a generator of pictures')
    read = _read_export if is_export(path) else _read_run
    return read(path, sampler, request)


def _read_run(run: Path, sampler: Sampler, request: Request) -> Source:
    if request.dis is not None:
        raise RunError(
            f'is of no use to {run}, a run, which has a discriminator of its own; must be left out',
            setting='dis',
            value=request.dis,
        )
    config, facts = read_config(run), read_facts(run)
    left_out: list[str] = []
    is_probability = facts is not None and facts.score == 'probability'
    judging = _judging(run, request.which, is_probability, left_out)
    originals = _originals(lambda: loading.settle(run, data_at=request.data_at), left_out)
    return Source(
        run,
        _about(config.recipe, config.data, sampler.iteration, bool(config.ema)),
        config.data,
        sampler,
        config.noise,
        _checked(run, sampler.gen, 'sample'),
        judging,
        originals,
        left_out,
    )


def _read_export(folder: Path, sampler: Sampler, request: Request) -> Source:
    loaded = load_export(folder)
    of = loaded.manifest
    left_out: list[str] = []
    judging = None
    if request.dis is None:
        left_out.append('what the discriminator says: an exported generator comes without one')
    else:
        judging = _exported_judge(request.dis, sampler)
    originals = None
    if of.data in WITHOUT_FILES:
        originals = load_data_of(of.data)
    else:
        left_out.append(f'spot the fake: the originals of {of.data} do not come with gluongan')
    return Source(
        folder,
        _about(of.recipe, of.data, of.iteration, bool(of.ema)),
        of.data,
        sampler,
        of.noise,
        Traced(loaded.graph, loaded.weights),
        judging,
        originals,
        left_out,
    )


def load_data_of(name: str) -> data.Dataset:
    """Return the originals of built-in data: its test split where it has one."""
    try:
        return data.load(name, split='test')
    except data.NoSplit:
        return data.load(name)


def _about(recipe: str | None, name: str | None, iteration: int | None, ema: bool) -> str:
    parts = [f'{recipe} on {Path(name or "unknown data").stem}' if recipe else 'a generator']
    if iteration is not None:
        parts.append(f'iteration {iteration:,}')
    if ema:
        parts.append('the moving average of the weights')
    return ', '.join(parts)


def _checked(source: Path, net: Chain, output: str) -> Traced:
    """Return a live network as data. Raises RunError for an operator that the page lacks."""
    with in_float32(net):
        traced = trace(net, output)
    try:
        return Traced(check_operators(traced.graph), traced.weights)
    except ValueError as error:
        raise RunError(f'{source}: cannot be played with; its graph {error}') from None


def _judging(run: Path, which: str, is_probability: bool, left_out: list[str]) -> Judging | None:
    _, dis, _ = loading.load_net(run, 'dis', which=which)
    for layer, why in MIXING.items():
        if has_layer(dis, layer):
            left_out.append(f'what the discriminator says: it {why}')
            return None
    return Judging(_checked(run, dis, 'logit'), dis.shape_in, is_probability)


def _exported_judge(folder: Path, sampler: Sampler) -> Judging:
    if not folder.is_dir():
        near = did_you_mean_path(folder, is_export)
        message = f'does not exist; must be the export of a discriminator{near}'
        raise RunError(message, setting='dis', value=folder)
    loaded = load_export(folder)
    of = loaded.manifest
    compares = COMPARING & {node.op for node in loaded.graph.nodes}
    is_fit = of.network == 'dis' and of.pack == 1 and not compares
    if not is_fit or of.input.shape not in _judged_shapes(sampler):
        raise RunError(
            'must be the export of a discriminator that judges such pictures one by one',
            setting='dis',
            value=folder,
        )
    return Judging(Traced(loaded.graph, loaded.weights), of.input.shape, False)


def _judged_shapes(sampler: Sampler) -> list[tuple[int, ...]]:
    """Return what a discriminator may take: pictures, alone or with their labels."""
    channels, *sides = shape = sampler.shape
    classes = len(sampler.classes)
    return [shape, (channels + classes, *sides), (prod(shape) + classes,)]


def _originals(settings: Callable[[], object], left_out: list[str]) -> data.Dataset | None:
    """Return the test pictures of a run, or its training pictures where it has no others."""
    try:
        config = settings()
        train = load_data(config)
        return load_test(config, train) or train
    except InputError as error:
        left_out.append(f'spot the fake: the originals are not here ({error})')
        return None


def name_of(path: Path) -> str:
    """Return what the page calls a source."""
    return real_path(path).name
