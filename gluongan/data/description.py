"""What was understood of a data set, in one line, and a sentence for all that is unlikely."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..errors import as_printable
from .mapped import blocks

if TYPE_CHECKING:
    from .dataset import Dataset

SHOWN = 5  # names in a list
LOOKED_AT = 2_000  # pictures whose pixels are looked at
DARK, BRIGHT = 0.01, 0.99  # mean of pixels
DIM = 32  # the brightest pixel, of 255
WILD = 4  # the largest shorter side / the smallest; the longer side of a picture / the shorter
WAYS = {'crop': ' by centre crop', 'pad': ' with margins', 'stretch': ' by stretching'}
REPEATED = 0.05  # share of pictures that are in the data more than once
# Pictures that people have and that are not read.
UNREAD = (
    *('.heic', '.heif', '.avif', '.jp2', '.jxl', '.ppm', '.pgm', '.pbm', '.tga'),
    *('.ico', '.svg', '.psd', '.dng', '.cr2', '.nef', '.arw', '.raw', '.dcm', '.npy', '.npz'),
)


@dataclass(frozen=True, eq=False)
class Origin:
    """What the files of a data set held.

    sizes: width and height of each picture as it is stored, (N, 2); None for arrays.
    ignored, left_out, merged, mistakable: of a folder of pictures, see `listing.Listing`.
    unused: the names of the arrays of an archive that belong to no split.
    read_as: the range and the layout that arrays were taken to have, '' for plain bytes.
    fit, background: how other aspects became squares, and what is behind transparent pixels.
    made_grey, made_opaque: how many pictures lost their colours, and their transparency.
    first_frames: how many pictures are the first of several frames of their files, whose others
    are left out. all_frames: how many are frames of files with several.
    """

    sizes: np.ndarray | None = None
    ignored: Mapping[str, int] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()
    mistakable: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    fit: str = 'crop'
    background: str = 'black'
    read_as: str = ''
    made_grey: int = 0
    made_opaque: int = 0
    first_frames: int = 0
    all_frames: int = 0


def list_names(names: Collection[object]) -> str:
    """Return some names as text, the first few of many, in printable characters.

    >>> list_names('abcde'), list_names(range(6))
    ('a, b, c, d, e', '0, 1, 2, 3, … 5')
    """
    texts = [as_printable(str(name)) for name in names]
    if len(texts) > SHOWN:
        texts = [*texts[: SHOWN - 1], f'… {texts[-1]}']
    return ', '.join(texts)


def describe(dataset: Dataset) -> str:
    """Return in one line what a data set is.

    >>> from gluongan.data import Dataset
    >>> describe(Dataset('black', np.zeros((6, 1, 28, 28), np.uint8)))
    'black: 6 pictures, no classes, 28 × 28 grey; mean 0.000'
    """
    about = ' (built in)' if dataset.built_in else ''
    split = '' if dataset.split == 'train' else f', {dataset.split} split'
    noun = 'picture' if dataset.is_image else 'point'
    facts = [_count(len(dataset), noun), _classes(dataset)]
    if dataset.is_image:
        facts.append(f'{_size(dataset)}{_stored_sizes(dataset)}')
    remarks = [', '.join(facts), *_remarks(dataset)]
    return f'{dataset.name}{about}{split}: {"; ".join(remarks)}'


def _count(number: int, noun: str) -> str:
    plural = {'class': 'classes'}.get(noun, f'{noun}s')
    return f'{number:,} {noun if number == 1 else plural}'


def _classes(dataset: Dataset) -> str:
    if not dataset.classes:
        return 'no classes'
    present = np.unique(dataset.labels)
    names = [dataset.classes[number] for number in present]
    total = _count(len(dataset.classes), 'class')
    text = total if len(present) == len(dataset.classes) else f'{len(present):,} of {total}'
    return text if dataset.built_in else f'{text} ({list_names(names)})'


def _size(dataset: Dataset) -> str:
    channels, height, width = dataset.shape
    return f'{width} × {height} {"grey" if channels == 1 else "colour"}'


def _stored_sizes(dataset: Dataset) -> str:
    """Return which sizes the pictures had before they were cropped and resized."""
    if dataset.origin is None or dataset.origin.sizes is None:
        return ''
    sizes = dataset.origin.sizes
    _, height, width = dataset.shape
    if (sizes == (width, height)).all():
        return ''
    by_area = sizes[np.argsort(sizes.prod(axis=1), kind='stable')]
    ends = [f'{w} × {h}' for w, h in (by_area[0], by_area[-1])]
    text = ends[0] if (sizes == sizes[0]).all() else f'{ends[0]} to {ends[1]}'
    is_square = (sizes[:, 0] == sizes[:, 1]).all()
    return f', from {text}{"" if is_square else WAYS[dataset.origin.fit]}'


def _remarks(dataset: Dataset) -> Iterator[str]:
    origin = dataset.origin
    if origin and origin.read_as:
        yield f'read as {origin.read_as}'
    if origin and origin.made_grey:
        yield f'{_count(origin.made_grey, "picture")} in colour made grey'
    if origin and origin.made_opaque:
        count = _count(origin.made_opaque, 'picture')
        yield f'{count} with transparency put on {origin.background}'
    if origin and origin.first_frames:
        yield f'of {_count(origin.first_frames, "file")} with several frames the first alone'
    if origin and origin.all_frames:
        yield f'{_count(origin.all_frames, "picture")} from files with several frames'
    if origin and origin.ignored:
        endings = [ending or 'no ending' for ending in sorted(origin.ignored)]
        count = _count(sum(origin.ignored.values()), 'file')
        yield f'{count} ignored ({list_names(endings)})'
    if origin and origin.unused:
        yield f'{_count(len(origin.unused), "array")} ignored ({list_names(origin.unused)})'
    if dataset.is_image and not dataset.built_in:
        yield f'mean {_some_pixels(dataset).mean() / 255:.3f}'


def _some_pixels(dataset: Dataset) -> np.ndarray:
    return dataset.samples[:: max(1, len(dataset) // LOOKED_AT)]


def oddities(dataset: Dataset) -> list[str]:
    """Return a sentence for each thing about a data set that is hardly meant.

    Built-in data has none.

    >>> from gluongan.data import Dataset
    >>> pixels = np.random.RandomState(0).randint(2, size=(6, 1, 28, 28)).astype(np.uint8)
    >>> oddities(Dataset('masks', pixels))
    ['masks: its pixels are 0 and 1 of 255, which is black; if they are masks, use 0 and 255']
    """
    if dataset.built_in or not dataset.is_image:
        return []
    found = [*_odd_pixels(dataset), *_odd_classes(dataset)]
    if not _is_constant(dataset.samples):
        found += _repetition(dataset)
    if dataset.origin:
        found += _odd_files(dataset.origin)
    if dataset.origin and dataset.origin.sizes is not None:
        found += _odd_sizes(dataset)
    return [f'{dataset.name}: {text}' for text in found]


def _odd_pixels(dataset: Dataset) -> Iterator[str]:
    _, height, width = dataset.shape
    if max(height, width) >= WILD * min(height, width):
        yield f'its pictures are {width} × {height}; if these are channels, they must have an axis'
    pixels = _some_pixels(dataset)
    low, high, mean = pixels.min(), pixels.max(), pixels.mean() / 255
    if low == high:
        yield f'all its pixels are {low} of 255'
    elif high == 1:
        yield 'its pixels are 0 and 1 of 255, which is black; if they are masks, use 0 and 255'
    elif high < DIM:
        yield f'its brightest pixel is {high} of 255'
    elif mean < DARK or mean > BRIGHT:
        yield f'is nearly all {"black" if mean < DARK else "white"} (mean {mean:.4f})'


def _odd_classes(dataset: Dataset) -> Iterator[str]:
    if dataset.labels is None or dataset.split != 'train':
        return
    counts = np.bincount(dataset.labels, minlength=len(dataset.classes))
    alone = [name for name, count in zip(dataset.classes, counts) if count == 1]
    if alone:
        yield f'{_count(len(alone), "class")} of one picture each ({list_names(alone)})'
    missing = _missing_numbers(dataset.classes)
    if missing:
        yield f'no pictures have the labels {list_names(missing)}, which are no classes'
    if len(dataset.classes) == 1:
        yield f'has one class alone ({list_names(dataset.classes)})'


def _missing_numbers(names: tuple[str, ...]) -> list[int]:
    """Return the gaps between classes that are called by numbers, where most numbers are there."""
    if not all(name.isdecimal() and len(name) < 9 for name in names):
        return []
    present = set(map(int, names))
    missing = [number for number in range(min(present), max(present)) if number not in present]
    return missing if len(missing) < len(present) else []


def _repetition(dataset: Dataset) -> Iterator[str]:
    repeated = len(dataset) - len(digests(dataset.samples))
    if repeated > REPEATED * len(dataset):
        noun = _count(repeated, 'picture')
        yield f'{noun} of {len(dataset):,} {"is" if repeated == 1 else "are"} copies of others'


def _is_constant(samples: np.ndarray) -> bool:
    first = samples.flat[0]
    return all((block == first).all() for block in blocks(samples))


def digests(samples: np.ndarray) -> set[int]:
    """Return a number for each different sample."""
    found: set[int] = set()
    for block in blocks(samples):
        found.update(hash(sample.tobytes()) for sample in block)
    return found


def _odd_files(origin: Origin) -> Iterator[str]:
    unread = {ending: count for ending, count in origin.ignored.items() if ending in UNREAD}
    if unread:
        noun = _count(sum(unread.values()), 'file')
        yield f'{noun} of a kind that is not read ({list_names(sorted(unread))}); convert to .png'
    if origin.left_out:
        noun = 'folder' if len(origin.left_out) == 1 else 'folders'
        yield f'left out the {noun} {list_names(origin.left_out)}'
    if origin.merged:
        yield f'pictures in {list_names(origin.merged)} count as the class above them'
    if origin.mistakable:
        count = 'is a class' if len(origin.mistakable) == 1 else 'are classes'
        names = list_names(origin.mistakable)
        yield f'{names} {count} here; the splits of a folder are train and test (or val)'


def _odd_sizes(dataset: Dataset) -> Iterator[str]:
    shorter = dataset.origin.sizes.min(axis=1)
    side = dataset.shape[1]
    enlarged = int((shorter < side).sum())
    if enlarged:
        noun = _count(enlarged, 'picture')
        yield f'{noun} smaller than {side} × {side} enlarged; a smaller `image_size` avoids it'
    if shorter.max() >= WILD * shorter.min():
        yield f'sizes differ widely: the shorter side is from {shorter.min()} to {shorter.max()}'


def count_shared(train: Dataset, test: Dataset) -> int:
    """Return how many test pictures are also training pictures, to the last bit."""
    if not train.is_image:
        return 0
    known = digests(train.samples)
    count = 0
    for block in blocks(test.samples):
        count += sum(hash(sample.tobytes()) in known for sample in block)
    return count
