"""Samples as data: pictures that `data.load` reads back, and a manifest that says what they are."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain, islice, repeat
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import __version__, data, loading
from ..build import load_data
from ..config import Config
from ..data import progress, writing
from ..data.writing import Pictures
from ..errors import InputError, check_count
from ..files import as_json, check_writable, publish, read_bytes, real_path, staging
from ..gan.labels import numbers_in_proportion, spread_one_by_one
from ..gan.sampling import Sampler, pixels
from ..nn.passes import ROWS
from ..runs.folder import RunError, read_config
from ..runs.snapshots import find_snapshot
from . import manifest
from .loading import load_sampler
from .making import data_name
from .shipped import as_given

MARK = 'gluongan samples'  # of a manifest
VERSION = 1
MOST_BYTES = 2**24  # of a manifest
COUNT = 10_000
MOST_SEEDS = 10**10
BLOCK = 2**22  # bytes of samples that are in memory at a time, unless one pass has more


class Request(NamedTuple):
    """Which samples to write.

    count: how many; of each class with `per_class`. seed: of the first one; the next has the next.
    class_name: of all of them. Without either, the classes of a conditional generator have the
    proportions of its training data.
    trunc, which, device: see `Sampler.sample_grid` and `load_sampler`.
    data_at: where the training data is, if it moved, or that of an export is no built-in data.
    changed_data: whether it may be another than when the run began.
    """

    count: int = COUNT
    per_class: bool = False
    seed: int = 0
    class_name: str | None = None
    trunc: float | None = None
    which: str = 'last'
    device: str = 'cpu'
    data_at: str | None = None
    changed_data: bool = False


class Written(NamedTuple):
    """What was written, and the settings that `data.load` needs to read it back as it is."""

    data: Path
    manifest: Path
    settings: dict[str, int]


def manifest_of(target: Path) -> Path:
    """Return the file that describes samples, beside them.

    >>> manifest_of(Path('digits.npz')).name, manifest_of(Path('digits')).name
    ('digits.json', 'digits.json')
    """
    stem = target.stem if writing.is_arrays(target) else target.name
    return target.with_name(f'{stem}.json')


def write_samples(
    source: str | Path, target: str | Path, request: Request | None = None
) -> Written:
    """Write samples of a run or an exported generator as data, and a manifest beside them.

    target: a new file .npz of arrays, or a new folder of PNG files, one folder for each class. Each
    sample is that of its seed. Both are written whole or not at all, in blocks: memory does not
    grow with the count. Raises InputError, before anything is written, for what cannot be made or
    read back, and where the disk has no room for it.
    """
    source, target, request = Path(source), Path(target), request or Request()
    _check_request(target, request)
    sampler = load_sampler(source, which=request.which, device=request.device)
    numbers = _numbers(source, sampler, request)
    maker = _Maker(sampler, numbers, request)
    writing.check_shape(target, maker.shape, 'to')
    pictures = maker.pictures()
    writing.check_room(target, pictures, 'count')
    with staging(target) as folder:
        staged = folder / target.name
        writing.write(staged, pictures)
        description = _describe(source, target, maker, request)
        (folder / manifest_of(target).name).write_text(as_json(description), encoding='utf-8')
        _publish_both(staged, target)
    return Written(target, manifest_of(target), writing.settings_to_read(target, maker.shape))


def _publish_both(staged: Path, target: Path) -> None:
    """Move data and manifest to their places; the data is never there without its manifest.

    Raises InputError where another process was there first.
    """
    described = manifest_of(target)
    with _alone_in(target.parent):
        _check_free(target)
        publish(staged.parent / described.name, described)
        try:
            publish(staged, target, many=staged.is_dir())
        except BaseException:
            described.unlink()
            raise


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Let other processes that publish samples in a folder wait until the block ends.

    Where the file system has no locks, nobody waits.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _check_request(target: Path, request: Request) -> None:
    check_count('count', request.count)
    check_count('seed', request.seed, 0)
    _check_free(target)
    check_writable(target, folder=not writing.is_arrays(target), setting='to')
    if request.per_class and request.class_name is not None:
        raise InputError(
            'is given together with `class`; must be only one of them', setting='per_class'
        )


def _check_free(target: Path) -> None:
    """Raise InputError where the data or its manifest would replace something."""
    writing.check_target(target, 'to')
    described = manifest_of(target)
    if os.path.lexists(described) and not _is_left_over(described):
        raise InputError(
            f'its manifest would be {described}, which exists already; must be another name',
            setting='to',
            value=target,
        )


def _is_left_over(described: Path) -> bool:
    """Return whether a manifest describes nothing: its process was killed before the data came."""
    stem = described.with_suffix('')
    if os.path.lexists(stem) or os.path.lexists(f'{stem}{writing.ARRAYS}'):
        return False
    try:
        return MARK in json.loads(read_bytes(described, MOST_BYTES))
    except (OSError, ValueError, TypeError, RecursionError):
        return False


def _numbers(source: Path, sampler: Sampler, request: Request) -> np.ndarray | None:
    """Return how many samples each class has, None where there are no classes."""
    count, classes = request.count, len(sampler.classes)
    numbers = None
    if request.class_name is not None:
        numbers = count * (np.arange(classes) == sampler.class_index(request.class_name))
    elif request.per_class and not classes:
        problem = f'{as_given(source)} is not conditional, so its generator has no classes'
        raise InputError(f'{problem}; must be left out', setting='per_class')
    elif request.per_class:
        numbers = np.full(classes, count)
    elif classes:
        return _numbers_like_data(source, sampler, request)
    if request.data_at is not None:
        raise InputError(
            'is not needed, as the classes do not follow it; must be left out',
            setting='data',
            value=request.data_at,
        )
    return numbers


def _numbers_like_data(source: Path, sampler: Sampler, request: Request) -> np.ndarray:
    """Return how many samples each class has, in the proportions of the training data."""
    if manifest.is_export(source):
        dataset = load_data(_config_of_export(source, request.data_at))
    else:
        dataset = load_data(loading.settle(source, data_at=request.data_at))
        loading.check_data(source, dataset, changed_data=request.changed_data)
    check_classes(source, sampler, dataset)
    sizes = np.bincount(dataset.labels, minlength=len(dataset.classes))
    return numbers_in_proportion(sizes, request.count)


def _config_of_export(folder: Path, data_at: str | None) -> Config:
    name = data_at or manifest.read(folder).data
    if data_at is None and name not in data.NAMES:
        raise RunError(
            f'is not given; must be the training data of {as_given(folder)}, whose proportions the '
            'classes have, or set `per_class`',
            setting='data',
        )
    return Config(data=name)


def check_classes(source: Path, sampler: Sampler, dataset: data.Dataset) -> None:
    """Raise RunError where a generator has other classes than a data set."""
    if tuple(sampler.classes) != dataset.classes:
        raise RunError(
            f'{as_given(source)}: its classes are {", ".join(sampler.classes)}; must be '
            f'{", ".join(dataset.classes) or "none"}, as those of {dataset.name}'
        )


class _Maker:
    """Makes the samples of a request block by block, and their SHA-256."""

    def __init__(self, sampler: Sampler, numbers: np.ndarray | None, request: Request) -> None:
        self.sampler = sampler
        self.numbers = numbers
        self.total = request.count if numbers is None else int(numbers.sum())
        self.first, self.trunc = request.seed, request.trunc
        if self.first + self.total > MOST_SEEDS:
            raise InputError(
                f'leads to seeds up to {self.first + self.total - 1:,}; '
                f'must be at most {MOST_SEEDS - self.total:,}',
                setting='seed',
                value=self.first,
            )
        self.shape = self._samples(1, 0, self.labels()).shape[1:]
        self.digest = hashlib.sha256()

    def labels(self) -> Iterator[int] | None:
        """Return an iterator of the class of each sample, None without classes."""
        return None if self.numbers is None else spread_one_by_one(self.numbers)

    def _samples(self, size: int, start: int, labels: Iterator[int] | None) -> np.ndarray:
        """Return the next samples (size, *shape), of the next labels."""
        seeds = range(self.first + start, self.first + start + size)
        chosen = None if labels is None else np.fromiter(islice(labels, size), np.int64, size)
        return self.sampler.of_seeds(seeds, chosen, self.trunc)

    def pictures(self) -> Pictures:
        """Return what is to be written."""
        return Pictures(
            self.total,
            self.shape,
            self.first,
            self._blocks,
            None if self.numbers is None else self.labels,
            self.sampler.classes,
        )

    def _blocks(self) -> Iterator[np.ndarray]:
        labels, self.digest = self.labels(), hashlib.sha256()
        ticks = progress.watched(range(self.total), 'samples')
        passes = BLOCK // (4 * prod(self.shape) * ROWS)
        sizes = chain([ROWS], repeat(ROWS * max(1, passes)))  # the first is soon there
        start = 0
        while start < self.total:
            size = min(next(sizes), self.total - start)
            block = pixels(self._samples(size, start, labels))
            start += size
            self.digest.update(block.tobytes())
            yield block
            for _ in islice(ticks, len(block)):
                pass
        for _ in ticks:  # says that it is done
            pass


def _describe(source: Path, target: Path, maker: _Maker, request: Request) -> dict[str, Any]:
    """Return what the manifest of samples says; it names no place on this machine."""
    counts = [] if maker.numbers is None else maker.numbers.tolist()
    return {
        MARK: VERSION,
        **_describe_source(source, request.which),
        'samples': maker.total,
        'shape': list(maker.shape),
        'seeds': [maker.first, maker.first + maker.total - 1],
        'trunc': request.trunc,
        'classes': writing.counts_by_class(maker.pictures(), counts, target),
        'sha256 of all pixels, by seed': maker.digest.hexdigest(),
        'version': __version__,
    }


def _describe_source(source: Path, which: str) -> dict[str, Any]:
    if manifest.is_export(source):
        of = manifest.read(source)
        about = {'recipe': of.recipe, 'data': of.data, 'iteration': of.iteration}
        return {'export': real_path(source).name, **about}
    config = read_config(source)
    return {
        'run': real_path(source).name,
        'recipe': config.recipe,
        'data': data_name(config.data),
        'iteration': int(find_snapshot(source, which).stem),
    }
