"""The kinds of sources that can be evaluated: how each is recognised and read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import data, loading
from ..config import Config
from ..data.description import list_names
from ..exports import is_export, load_export, load_sampler
from ..exports.samples import check_classes
from ..files import real_path
from ..gan.labels import labels_in_proportion
from ..gan.sampling import Sampler, pixels
from ..gan.sensitivity import slopes
from ..runs.folder import RunError, is_run
from ..runs.nearest import did_you_mean_path
from .from_updater import draw_samples
from .memory import check_memory
from .pictures import check_sizes, check_stored_sizes
from .samples import Samples

# The noise stream of evaluations. Sample grids use 0, metrics during training 1 and 2.
STREAM = 3
# How many samples a classifier learns from: as many as there are training pictures, within these.
FEWEST_TO_LEARN = 10_000
MOST_TO_LEARN = 100_000
BLOCK = 2_000  # samples that are generated at once


class Request(NamedTuple):
    """Which samples to draw: how many, from which snapshot of a run, on which device.

    changed_data: whether the data of a run may be another than when it began.
    resize: whether pictures of another size than the data are cropped and resized.
    """

    count: int
    which: str = 'last'
    device: str = 'cpu'
    changed_data: bool = False
    resize: bool = False


@dataclass(frozen=True)
class SourceKind:
    """A kind of source.

    matches(path): whether a path is of this kind.
    data_config(path, given, data_at): the Config of the data that its samples are compared with.
    can_resize: whether its samples are pictures in files, which have sizes of their own.
    read(path, dataset, request): its Samples, and the iteration they are from, if any.
    labelled(path, dataset, request): as many samples as `dataset` has or more, with the classes
    that they are of, to train a classifier on. It raises InputError where there are none.
    """

    matches: Callable[[Path], bool]
    data_config: Callable[[Path, Config | None, str | None], Config]
    read: Callable[[Path, data.Dataset, Request], tuple[Samples, int | None]]
    labelled: Callable[[Path, data.Dataset, Request], data.Dataset]
    can_resize: bool = False


def _read_run(run: Path, dataset: data.Dataset, request: Request) -> tuple[Samples, int]:
    check_memory(request.count, dataset.shape)
    loading.check_data(run, dataset, changed_data=request.changed_data)
    updater = loading.load_updater(run, dataset, which=request.which, device=request.device)
    samples = draw_samples(updater, request.count, seed=STREAM, source=str(run))
    return samples, updater.iteration


def _config_of_run(run: Path, given: Config | None, data_at: str | None) -> Config:
    return loading.settle(run, data_at=data_at)


def _read_export(
    folder: Path, dataset: data.Dataset, request: Request
) -> tuple[Samples, int | None]:
    check_memory(request.count, dataset.shape)
    sampler = load_sampler(folder, which=request.which, device=request.device)
    asked = _requested(folder, sampler, dataset, request)
    x, labels = sampler.sample(request.count, STREAM, asked)
    _check_shape(folder, x.shape[1:], dataset)
    if x.ndim == 4:
        x = np.clip(x, 0, 1)

    def slopes_of(n: int) -> np.ndarray:
        inputs = sampler.inputs(n, STREAM, None if labels is None else labels[:n])
        return slopes(sampler.gen, inputs, sampler.latent, STREAM)

    samples = Samples(str(folder), x, labels, slopes=slopes_of)
    return samples, load_export(folder).manifest.iteration


def _requested(
    folder: Path, sampler: Sampler, dataset: data.Dataset, request: Request
) -> np.ndarray | None:
    """Return the classes to ask an export for, in the data's proportions; None without classes."""
    if not sampler.classes or dataset.labels is None:
        return None
    check_classes(folder, sampler, dataset)
    return labels_in_proportion(dataset.labels, request.count)


def _config_of_export(folder: Path, given: Config | None, data_at: str | None) -> Config:
    """Return the data that the manifest names, unless other data was given.

    A manifest may also name a path, which means nothing on this machine.
    """
    name = load_export(folder).manifest.data
    if given is None and name in data.NAMES:
        return Config(data=name)
    return _given_data(folder, given)


def _given_data(source: Path, given: Config | None) -> Config:
    if given is None:
        raise RunError(
            f'is not given; must be the data that the samples of {source} imitate', setting='data'
        )
    return given


def _labelled_by_generator(source: Path, dataset: data.Dataset, request: Request) -> data.Dataset:
    """Return samples of a conditional generator, in the proportions of the data's classes.

    They are those that `exports.samples.write_samples` writes.
    """
    sampler = load_sampler(source, which=request.which, device=request.device)
    if not sampler.classes:
        raise RunError(
            f'{source} has a generator without classes; must be conditional, so that its samples '
            'have labels',
            setting='utility',
        )
    count = min(max(len(dataset), FEWEST_TO_LEARN), MOST_TO_LEARN)
    labels = _requested(source, sampler, dataset, request._replace(count=count))
    blocks = []
    for start in range(0, count, BLOCK):  # a block at a time, because floats need much memory
        of_block = labels[start : start + BLOCK]
        seeds = range(start, start + len(of_block))
        blocks.append(pixels(sampler.of_seeds(seeds, of_block)))
    return data.Dataset(str(source), np.concatenate(blocks), labels, dataset.classes)


def _labelled_arrays(path: Path, dataset: data.Dataset, request: Request) -> data.Dataset:
    return _with_labels(path, data.load(path), dataset)


def _labelled_pictures(path: Path, dataset: data.Dataset, request: Request) -> data.Dataset:
    return _with_labels(path, _load_pictures(path, dataset, request), dataset)


def _with_labels(path: Path, pictures: data.Dataset, dataset: data.Dataset) -> data.Dataset:
    """Return pictures with the classes of the data: those of the same names, or numbers."""
    _check_shape(path, pictures.shape, dataset)
    if not pictures.classes:
        raise RunError(f'{path} has no classes; must have labels', setting='utility')
    classes = list(dataset.classes)
    if set(pictures.classes) <= set(classes):
        numbers = [classes.index(name) for name in pictures.classes]
    elif set(pictures.classes) <= set(map(str, range(len(classes)))):
        numbers = [int(name) for name in pictures.classes]
    else:
        unknown = set(pictures.classes) - set(classes)
        raise RunError(
            f'{path} has classes that {dataset.name} lacks ({list_names(sorted(unknown))}); '
            f'must have none but {list_names(classes)}',
            setting='utility',
        )
    labels = np.array(numbers)[pictures.labels]
    return replace(pictures, labels=labels, classes=dataset.classes)


def _read_arrays(path: Path, dataset: data.Dataset, request: Request) -> tuple[Samples, None]:
    return _chosen(path, data.load(path), dataset, request)


def _read_pictures(path: Path, dataset: data.Dataset, request: Request) -> tuple[Samples, None]:
    return _chosen(path, _load_pictures(path, dataset, request), dataset, request)


def _load_pictures(path: Path, dataset: data.Dataset, request: Request) -> data.Dataset:
    if not dataset.is_image:
        raise RunError(f'{path}: is made of pictures; must be points, as those of {dataset.name}')
    channels, height, width = dataset.shape
    if not request.resize and path.is_dir():
        check_sizes(path, height, width, dataset.name)
    origin = dataset.origin  # pictures are read as those of the data were
    way = {'fit': origin.fit, 'background': origin.background} if origin else {}
    pictures = data.load(path, image_size=height, channels=channels, **way)
    if not request.resize:
        check_stored_sizes(path, pictures.origin.sizes, (width, height), dataset.name)
    return pictures


def _chosen(
    path: Path, pictures: data.Dataset, dataset: data.Dataset, request: Request
) -> tuple[Samples, None]:
    _check_shape(path, pictures.shape, dataset)
    check_memory(min(request.count, len(pictures)), dataset.shape)
    return Samples(str(path), pictures.floats(_order(pictures)[: request.count])), None


def _order(pictures: data.Dataset) -> list[int]:
    """Return a random order that depends on the pictures alone, not on the names of their files."""
    digests = [hashlib.sha256(sample.tobytes()).digest() for sample in pictures.samples]
    return sorted(range(len(pictures)), key=digests.__getitem__)


def _are_arrays(path: Path) -> bool:
    return _has_size_by_choice(path) is False


def _are_pictures(path: Path) -> bool:
    return _has_size_by_choice(path) is True


def _has_size_by_choice(path: Path) -> bool | None:
    """Return whether a size can be chosen for what is read, None where it is no data."""
    try:
        return data.has_shape_by_choice(path) if path.exists() else None
    except data.DataError:
        return None


def config_of_pictures(path: Path, given: Config | None, data_at: str | None) -> Config:
    """Return the data that was given, or that of the run in whose folder the pictures are."""
    if given is None and _is_in_run(path):
        return loading.settle(real_path(path).parent)
    return _given_data(path, given)


def _is_in_run(path: Path) -> bool:
    return is_run(real_path(path).parent)


def _check_shape(source: Path, shape: tuple[int, ...], dataset: data.Dataset) -> None:
    if shape != dataset.shape:
        raise RunError(
            f'{source}: its samples have shape {shape}; must be {dataset.shape}, '
            f'as those of {dataset.name}'
        )


SOURCE_KINDS = (
    SourceKind(is_run, _config_of_run, _read_run, _labelled_by_generator),
    SourceKind(is_export, _config_of_export, _read_export, _labelled_by_generator),
    SourceKind(_are_arrays, config_of_pictures, _read_arrays, _labelled_arrays),
    SourceKind(
        _are_pictures, config_of_pictures, _read_pictures, _labelled_pictures, can_resize=True
    ),
)


def kind_of(source: Path) -> SourceKind:
    """Return the kind of a source. Raises RunError for anything else."""
    for kind in SOURCE_KINDS:
        if kind.matches(source):
            return kind
    problem, near = '', ''
    if not os.path.lexists(source):
        problem = 'does not exist; '
        near = did_you_mean_path(source, lambda path: path not in source.parents or is_run(path))
    raise RunError(
        f'{source}: {problem}must be a run folder, an export, a folder or an archive of pictures, '
        f'or a file of arrays (.npz, .npy, .csv){near}'
    )
