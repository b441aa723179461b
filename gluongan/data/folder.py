"""A folder of pictures: one sub-folder for each class, or all in one folder without classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from math import prod
from pathlib import Path
from statistics import median_low

import numpy as np

from . import cache, progress
from .archives import Member, storage_order
from .dataset import DataError, Dataset
from .decoding import BACKGROUND, FITS, FRAMES, Target, count_frames, read, read_header, rgb
from .description import Origin
from .listing import Listing, list_pictures
from .reading import as_data_errors

SMALLEST_SIDE, LARGEST_SIDE = 8, 64  # that are chosen by default
LOOKED_AT = 100  # pictures whose size and mode decide it
NOTES = 5  # numbers kept with each: width, height, made grey, made opaque, more frames


def load(
    folder: Path,
    split: str = 'train',
    *,
    image_size: int | None = None,
    channels: int | None = None,
    fit: str = FITS[0],
    background: str = BACKGROUND,
    frames: str = FRAMES[0],
) -> Dataset:
    """Return the pictures as uint8 (N, channels, image_size, image_size), by class and name.

    `suited_shape` says which size they have by default. Other aspects become squares as `fit` says:
    'crop' at the centre, 'pad' with the background, 'stretch'. The colour `background` is also
    behind transparent pixels. frames: 'first' of an animation, or 'all', each as a picture.
    EXIF orientation is applied. Other files are ignored; `Dataset.origin` counts them. Raises
    NoSplit where there is no test split, and DataError for a picture that cannot be read and for a
    folder without any.
    """
    rgb(background)  # refused before anything is read
    with as_data_errors(folder):
        listing = train = list_pictures(folder)
        if split != 'train':
            listing = list_pictures(folder, split)
        side, depth = suited_shape(train.paths)
        target = Target(image_size or side, channels or depth, fit, background)
        counts = _count_frames(listing.paths) if frames == 'all' else None
        samples, origin = _read_all(folder, listing.paths, counts, target)
    labels = listing.labels
    if labels is not None and counts is not None:
        labels = np.repeat(labels, counts)
    name = folder.resolve().name
    origin = _with_listing(origin, listing)
    return Dataset(name, samples, labels, listing.classes, split, origin=origin)


def _count_frames(paths: Sequence[Path]) -> list[int]:
    counts = [1] * len(paths)
    for index in storage_order(paths):
        counts[index] = count_frames(paths[index])
    return counts


def _with_listing(origin: Origin, listing: Listing) -> Origin:
    return replace(
        origin,
        ignored=listing.ignored,
        left_out=listing.left_out,
        merged=listing.merged,
        mistakable=listing.mistakable,
    )


def _read_all(
    folder: Path, paths: Sequence[Path], counts: Sequence[int] | None, target: Target
) -> tuple[np.ndarray, Origin]:
    """Return the pictures, and what they were in their files.

    counts: how many frames of each file are pictures; None for the first one of each.
    """
    frames = [
        (path, frame)
        for path, count in zip(paths, counts or [1] * len(paths))
        for frame in range(count)
    ]
    samples, notes = _decoded(folder, frames, target)
    made_grey, made_opaque, of_animations = map(int, notes[:, 2:].sum(axis=0))
    return samples, Origin(
        notes[:, :2],
        fit=target.fit,
        background=target.background,
        made_grey=made_grey,
        made_opaque=made_opaque,
        first_frames=of_animations if counts is None else 0,
        all_frames=of_animations if counts is not None else 0,
    )


def _decoded(
    folder: Path, frames: Sequence[tuple[Path, int]], target: Target
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels and the notes of all frames; from the cache where they are many."""
    shape = (len(frames), target.channels, target.side, target.side)

    def rows() -> Iterator[cache.Row]:
        order = storage_order([path for path, _ in frames])
        for index in progress.watched(order, f'{folder.name}: reading pictures'):
            path, frame = frames[index]
            picture = read(path, target, frame)
            yield index, picture.pixels, (*picture.size, *picture[2:])

    if prod(shape) >= cache.FROM:
        facts = [asdict(target), [_identity(folder, *each) for each in frames]]
        return cache.kept(str(folder.resolve()), cache.key_of(facts), shape, rows)
    samples, notes = _room(folder, shape), np.empty((len(frames), NOTES), np.int64)
    for index, pixels, note in rows():
        samples[index], notes[index] = pixels, note
    return samples, notes


def _room(folder: Path, shape: tuple[int, ...]) -> np.ndarray:
    try:
        return np.empty(shape, np.uint8)
    except MemoryError as error:
        raise DataError(
            f'{folder}: its pictures ({shape[0]}) do not fit in memory; '
            f'must be fewer, or of an `image_size` below {shape[-1]}'
        ) from error


def _identity(folder: Path, path: Path | Member, frame: int) -> tuple[str | int, ...]:
    """Return what changes when a file does."""
    name = str(path.relative_to(folder))
    if isinstance(path, Member):
        return name, frame, *path.identity
    status = path.stat()
    return name, frame, status.st_size, status.st_mtime_ns


def suited_shape(paths: Sequence[Path]) -> tuple[int, int]:
    """Return the side and the channels that suit pictures, by the headers of some of them.

    The side is the median of their shorter sides, from 8 to 64. The channels are 1 where all of
    them are stored as grey, else 3. Files that are no pictures count for nothing.
    """
    looked_at = np.linspace(0, len(paths) - 1, min(len(paths), LOOKED_AT)).astype(int)
    chosen = [paths[index] for index in looked_at]
    headers = [read_header(chosen[index]) for index in storage_order(chosen)]
    headers = [header for header in headers if header]
    side = median_low([header.side for header in headers] or [LARGEST_SIDE])
    side = min(max(side, SMALLEST_SIDE), LARGEST_SIDE)
    return side, 1 if all(header.is_grey for header in headers) else 3
