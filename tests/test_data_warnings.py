"""What is unlikely about data is said from a stated amount on, and not below it."""

from __future__ import annotations

import numpy as np
import pytest

from gluongan.data import Dataset
from gluongan.data.description import Origin, oddities

RANDOM = np.random.RandomState(0)


def pixels(shape, high=255, count=40):
    """Random pictures, whose darkest pixel is 0 and whose brightest is `high`."""
    x = RANDOM.randint(0, high + 1, (count, 1, *shape)).astype(np.uint8)
    x[0, 0, 0, :2] = 0, high
    return x


def share_of_white(count):
    """One picture of 10,000 pixels, so many of which are white and the others black."""
    x = np.zeros(10_000, np.uint8)
    x[:count] = 255
    return x.reshape(1, 1, 100, 100)


def copied(count):
    """100 pictures, so many of which are copies of the first."""
    x = pixels((8, 8), count=100)
    x[100 - count :] = x[0]
    return x


def sized(*sides):
    """Pictures of 8 × 8 pixels, made from pictures of these shorter sides."""
    sizes = np.array([(side, 2 * side) for side in sides])
    return Dataset('x', pixels((8, 8)), origin=Origin(sizes=sizes))


def classed(*names):
    x = pixels((8, 8))
    return Dataset('x', x, labels=np.arange(40) % len(names), classes=names)


@pytest.mark.parametrize(
    'ordinary, unlikely, text',
    [
        (pixels((8, 31)), pixels((8, 32)), 'its pictures are 32 × 8'),
        (pixels((31, 8)), pixels((32, 8)), 'its pictures are 8 × 32'),
        (pixels((8, 8), 32), pixels((8, 8), 31), 'its brightest pixel is 31 of 255'),
        (share_of_white(101), share_of_white(99), 'is nearly all black (mean 0.0099)'),
        (share_of_white(9900), share_of_white(9901), 'is nearly all white (mean 0.9901)'),
        (copied(5), copied(6), '6 pictures of 100 are copies of others'),
        (sized(8, 31), sized(8, 32), 'sizes differ widely: the shorter side is from 8 to 32'),
        (sized(8, 9), sized(7, 9), '1 picture smaller than 8 × 8 enlarged'),
        (classed('0', '3'), classed('0', '2'), 'no pictures have the labels 1, which'),
        (classed('0', '1'), classed('0'), 'has one class alone (0)'),
    ],
)
def test_what_is_unlikely_is_said_from_its_amount_on(ordinary, unlikely, text):
    found = []
    for data in (ordinary, unlikely):
        data = data if isinstance(data, Dataset) else Dataset('x', data)
        found.append([each for each in oddities(data) if each.startswith(f'x: {text[:12]}')])
    assert found[0] == [] and len(found[1]) == 1
    assert found[1][0].startswith(f'x: {text}')
