"""What the page holds of a source: networks, noise, directions, originals, the training clip."""

from __future__ import annotations

import io
from base64 import b64encode
from typing import Any

import numpy as np

from ...data import Dataset
from ...evaluation.class_directions import class_directions, named_samples
from ...evaluation.classifier import SHIPPED, load_shipped
from ...figures import grid, tiles
from ...figures.grids import columns_of, evenly
from ...gan.directions import noise_weight, principal_directions
from ...gan.noise import noise_from_seeds
from ...runs.folder import RunError, is_run
from ...runs.reading import read_facts, sample_files
from .networks import describe, packed
from .sources import Judging, Source, name_of

SEEDS = 64  # whose noise is in the page
AXES = 10
NAMED = 2_000  # samples that tell the way to each class
ORIGINALS, ORIGINAL_BYTES = 256, 2**21  # at most
FRAMES, FRAME_BYTES = 40, 400_000  # of the clip, at most
FRAME_ROWS, FRAME_PICTURES = 8, 32  # of a frame, at most


def describe_source(source: Source) -> dict[str, Any]:
    """Return what script/player.js takes. Raises RunError where the network cannot be played."""
    sampler = source.sampler
    classes = list(sampler.classes)
    left_out = list(source.left_out)
    z = noise_from_seeds(range(SEEDS), sampler.latent, source.noise)
    axes = principal_directions(noise_weight(sampler.gen, sampler.latent))
    clip = _clip(source, left_out)
    return {
        'name': name_of(source.path),
        'about': source.about,
        'shape': sampler.shape,
        'latent': sampler.latent,
        'distribution': source.noise,
        'classes': classes,
        'seeds': packed(z),
        'directions': {
            'vectors': packed(axes.vectors[:AXES]),
            'shares': axes.shares[:AXES].tolist(),
        },
        'ways': _ways(source),
        'generator': _network(source, source.net, (sampler.latent + len(classes),)),
        **_discriminator(source, source.discriminator),
        'originals': _originals(source.originals),
        'clip': clip,
        'leftOut': left_out,
    }


def _ways(source: Source) -> dict[str, Any] | None:
    """Return the directions of z to each class; None where z does not choose it, or nobody can."""
    sampler = source.sampler
    if sampler.classes or source.data not in SHIPPED:
        return None
    judge = load_shipped(source.data)
    if judge.about.shape != tuple(sampler.shape):
        return None
    z, labels = named_samples(sampler, judge, NAMED)
    if len(np.unique(labels[: NAMED // 2])) < 2:  # a generator that has collapsed
        return None
    names = judge.about.classes
    return {'names': names, 'vectors': packed(class_directions(z, labels, len(names)).vectors)}


def _network(source: Source, net: Any, shape_in: tuple[int, ...]) -> dict[str, Any]:
    try:
        return describe(net, shape_in)
    except ValueError as error:
        raise RunError(f'{source.path}: cannot be played with; its graph {error}') from None


def _discriminator(source: Source, judging: Judging | None) -> dict[str, Any]:
    if judging is None:
        return {'discriminator': None}
    return {
        'discriminator': _network(source, judging.net, judging.shape_in),
        'discriminatorShape': judging.shape_in,
        'isProbability': judging.is_probability,
    }


def _originals(dataset: Dataset | None) -> dict[str, Any] | None:
    """Return some originals, the same ones for the same data; None without any."""
    if dataset is None:
        return None
    size = dataset.samples[0].nbytes
    count = min(len(dataset), ORIGINALS, max(1, ORIGINAL_BYTES // size))
    chosen = np.sort(np.random.default_rng(0).choice(len(dataset), count, replace=False))
    samples = dataset.samples[chosen]
    return {
        'name': dataset.name,
        'count': count,
        'pixels': packed(samples, 'u1'),
        'labels': None if dataset.labels is None else dataset.labels[chosen].tolist(),
        'isBinary': bool(np.isin(samples, (0, 255)).all()),
    }


def _clip(source: Source, left_out: list[str]) -> list[tuple[int, str]]:
    """Return (iteration, picture as an address) of samples over training, as many as have room."""
    facts = read_facts(source.path) if is_run(source.path) else None
    if facts is None:
        left_out.append('the training: an export does not hold it')
        return []
    frames = []
    for iteration, path in evenly(sample_files(source.path, facts), FRAMES):
        columns = columns_of(path, facts.shape)
        frames.append((iteration, _frame(tiles(path, facts.shape), columns)))
    size = sum(len(frame) for _, frame in frames)
    kept = evenly(frames, max(2, len(frames) * FRAME_BYTES // max(size, FRAME_BYTES)))
    return [(iteration, _address(frame)) for iteration, frame in kept]


def _frame(images: np.ndarray, columns: int) -> bytes:
    """Return the first images of each row of a sheet with that many columns, as PNG."""
    rows = min(-(-len(images) // columns), FRAME_ROWS)
    kept = min(columns, FRAME_PICTURES // rows)
    places = np.add.outer(np.arange(rows) * columns, np.arange(kept)).ravel()
    picture = io.BytesIO()
    grid(images[places[places < len(images)]], kept).save(picture, format='PNG', optimize=True)
    return picture.getvalue()


def _address(png: bytes) -> str:
    return 'data:image/png;base64,' + b64encode(png).decode('ascii')
