"""A judge whose classes are not those of the data: only what it sees in real pictures counts."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from gluongan.data import Dataset
from gluongan.evaluation import Reference, Samples
from gluongan.evaluation.classifier import Judgement
from gluongan.evaluation.suite import evaluate, measure_by_judge
from gluongan.evaluation.summary import summarize

NAMES = ('hat', 'bag', 'shoe', 'coat')
LEVELS = {'hat': 10, 'bag': 80, 'shoe': 150, 'coat': 220}  # greys that the judge takes for these


class JudgeOfGreys:
    """Takes the mean grey of a picture for one of the classes, and is sure of it."""

    about = SimpleNamespace(net='lenet', data='clothes', classes=NAMES, has_classes=True)
    sha256 = '01234567' * 8

    def check(self, shape):
        pass

    def __call__(self, x):
        mean = 255 * x[:].reshape(len(x), -1).mean(axis=1)
        nearest = np.abs(mean[:, None] - list(LEVELS.values())).argmin(axis=1)
        return Judgement(np.random.RandomState(0).rand(len(x), 3), np.eye(4)[nearest])


def pictures(text):
    """Noisy pictures in random order, as many of the grey of each class as `text` says."""
    random = np.random.RandomState(1)
    parts = text.split()
    greys = np.repeat([LEVELS[name] for name in parts[::2]], list(map(int, parts[1::2])))
    noise = random.randint(-9, 10, (len(greys), 1, 8, 8))
    return random.permutation(greys[:, None, None, None] + noise).astype(np.uint8)


def words(real, made, *, classes=(), judge=None):
    """The verdict on samples, and the metric of classes."""
    labels = np.arange(len(real)) % len(classes) if classes else None
    reference = Reference(Dataset('cats', real, labels, classes), None, judge or JudgeOfGreys())
    values = evaluate(Samples('x', made / 255.0), reference, only=(measure_by_judge,))
    (count,) = (value for name, value in values.items() if '_classes' in name)
    text = summarize(
        values, reference.classes, shares=reference.class_shares, judge_of=reference.judge_of
    )
    return text.split(';')[0], count


OF = 'that the judge of clothes sees in the data'
CASES = [  # real pictures, samples, the verdict, how many classes are covered
    ('hat 50 bag 50', 'hat 60 bag 40', f'covers all 2 classes {OF}', 2),
    ('hat 50 bag 50', 'hat 100', f'covers 1 of 2 classes {OF} (bag is missing)', 1),
    ('hat 50 bag 50', 'hat 30 bag 30 coat 40', f'covers all 2 classes {OF}', 2),
    ('hat 50 bag 50', 'coat 100', f'covers none of the 2 classes {OF}', 0),
    ('shoe 100', 'shoe 100', f'covers all 1 class {OF}', 1),
    ('hat 490 bag 498 coat 12', 'hat 50 bag 50', f'covers all 2 classes {OF}', 2),  # mistakes
    (
        'hat 485 bag 485 coat 30',
        'hat 50 bag 50',
        f'covers 2 of 3 classes {OF} (coat is missing)',
        2,
    ),
    ('hat 485 bag 485 coat 30', 'hat 49 bag 50 coat 1', f'covers all 3 classes {OF}', 3),
]


@pytest.mark.parametrize('classes', [(), ('cat', 'dog')], ids=['unlabelled', 'labelled'])
@pytest.mark.parametrize('real, made, expected, count', CASES)
def test_only_classes_that_the_judge_sees_in_real_pictures_can_be_missing(
    real, made, expected, count, classes
):
    assert words(pictures(real), pictures(made), classes=classes) == (expected, count)


def test_a_judge_that_is_never_sure_of_real_pictures_says_so():
    class Unsure(JudgeOfGreys):
        def __call__(self, x):
            return Judgement(np.random.RandomState(0).rand(len(x), 3), np.full((len(x), 4), 0.25))

    real = pictures('hat 50')
    text, count = words(real, real, judge=Unsure())
    assert text == 'the judge of clothes sees none of its classes in the data' and count == 0


def test_classes_of_the_data_itself_are_expected_in_its_shares_whatever_the_judge_sees():
    real = pictures('hat 50 bag 50')
    expected = 'covers 2 of 4 classes (shoe and coat are missing)'
    assert words(real, real, classes=NAMES) == (expected, 2)
