"""Where the sentence on metrics turns: each clause holds up to its stated bound, and not beyond."""

from __future__ import annotations

import pytest

from gluongan.evaluation import summarize

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


def test_two_hundred_real_images_are_enough_to_judge_the_variety():
    assert VARIED in summarize(GOOD, images=200)
    assert 'too few real images (199) to judge the variety' in summarize(GOOD, images=199)


@pytest.mark.parametrize(
    'share, text', [(0.011, 'covers all 10'), (0.009, 'covers 9 of 10 classes')]
)
def test_a_class_is_missing_below_a_tenth_of_its_share(share, text):
    shares = {f'lenet_share10k_{number}': 0.1 for number in range(10)}
    assert summarize({**shares, 'lenet_share10k_3': share}, '0123456789').startswith(text)
