"""Where the sentence on metrics turns: each clause holds up to its stated bound, and not beyond."""

from __future__ import annotations

import pytest

from gluongan.evaluation import summarize
from gluongan.evaluation.summary import clauses

GOOD = {
    'pixel_coverage5k_k5_test': 0.97,
    'pixel_recall5k_k5_test': 0.94,
    'pixel_support10k': 5000.0,
    'pixel_spread10k': 1.0,
    'pixel_sharpness10k': 1.0,
    'pixel_copies1k_train': 0.0,
    'pixel_nn_real5k_test': 0.5,
    'pixel_nn_fake5k_test': 0.5,
}
SHARP, VARIED, ORIGINAL = 'good sharpness', 'good variety', 'no copies'


@pytest.mark.parametrize(
    'stem, holds, fails, clause, other',
    [
        ('sharpness', 0.8, 0.799, SHARP, "blurred (0.80 of the data's sharpness)"),
        ('sharpness', 1.25, 1.26, SHARP, "too sharp or noisy (1.26 times the data's sharpness)"),
        ('spread', 0.2, 0.19, VARIED, "nearly all samples are alike (0.19 of the data's spread)"),
        ('support', 1000.0, 999.0, VARIED, 'about 999 distinct images'),
        ('coverage', 0.88, 0.86, VARIED, 'covers 89% of the variety of real images'),
        ('recall', 0.85, 0.83, VARIED, 'covers 88% of the variety of real images'),
        ('copies', 0.02, 0.03, ORIGINAL, '3% of the samples are copies of training images'),
        (
            'nn_real',
            0.8,
            0.81,
            VARIED,
            'easy to tell from the data (a nearest-neighbour test is 81%',
        ),
        (
            'nn_fake',
            0.8,
            0.82,
            VARIED,
            'easy to tell from the data (a nearest-neighbour test is 82%',
        ),
    ],
)
def test_a_clause_holds_up_to_its_bound(stem, holds, fails, clause, other):
    (name,) = [name for name in GOOD if f'_{stem}' in name]
    kept, lost = (summarize({**GOOD, name: value}) for value in (holds, fails))
    assert clause in kept and other not in kept
    assert other in lost and (clause not in lost or stem.startswith('nn'))


@pytest.mark.parametrize(
    'values, options, expected',
    [
        (GOOD, {}, []),
        ({**GOOD, 'pixel_sharpness10k': 0.5}, {}, ["blurred (0.50 of the data's sharpness)"]),
        ({**GOOD, 'pixel_sharpness10k': 2.0}, {}, ['too sharp or noisy']),
        ({**GOOD, 'pixel_spread10k': 0.1}, {}, ['nearly all samples are alike']),
        ({**GOOD, 'pixel_support10k': 4.0}, {}, ['about 4 distinct images']),
        ({**GOOD, 'pixel_recall5k_k5_test': 0.1}, {}, ['covers 11% of the variety']),
        ({**GOOD, 'pixel_nn_fake5k_test': 1.0}, {}, ['easy to tell']),
        ({**GOOD, 'pixel_copies1k_train': 0.5}, {}, ['50% of the samples are copies']),
        (GOOD, {'images': 100}, []),
        ({'lenet_share10k_0': 1.0, 'lenet_share10k_1': 0.0}, {}, ['covers 1 of 2 classes']),
        ({'lenet_share10k_0': 0.0, 'lenet_share10k_1': 0.0}, {}, ['covers none of the 2']),
        ({'lenet_share10k_0': 0.5, 'lenet_share10k_1': 0.5}, {}, []),
        ({'lenet_modes26k': 400.0}, {}, ['covers 400 of 1,000 modes']),
        ({'lenet_modes26k': 999.0}, {}, []),
        ({'points_caught2500': 7.0, 'points_good2500': 0.99}, {'modes': 8}, ['catches 7 of 8']),
        ({'points_caught2500': 8.0, 'points_good2500': 0.5}, {'modes': 8}, ['catches 8 of 8']),
        ({'points_caught2500': 8.0, 'points_good2500': 0.97}, {'modes': 8}, []),
        ({'lenet_asked10k': 0.3}, {}, ['30.0% of the samples are of the requested']),
        ({'lenet_asked10k': 0.95}, {}, []),
    ],
)
def test_what_is_a_fault_is_told_apart_from_what_is_none(values, options, expected):
    said = clauses(values, 'ab', **options)
    assert said
    faults = [clause.text for clause in said if clause.is_fault]
    assert len(faults) == len(expected)
    assert all(text.startswith(start) for text, start in zip(faults, expected))


def test_two_hundred_real_images_are_enough_to_judge_the_variety():
    assert VARIED in summarize(GOOD, images=200)
    assert 'too few real images (199) to judge the variety' in summarize(GOOD, images=199)


@pytest.mark.parametrize(
    'share, text', [(0.011, 'covers all 10'), (0.009, 'covers 9 of 10 classes')]
)
def test_a_class_is_missing_below_a_tenth_of_its_share(share, text):
    shares = {f'lenet_share10k_{number}': 0.1 for number in range(10)}
    assert summarize({**shares, 'lenet_share10k_3': share}, '0123456789').startswith(text)
