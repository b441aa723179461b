"""The grammar of metric names: what a name says, and how values are found by it."""

from __future__ import annotations

import pytest

from gluongan.evaluation import (
    MEANINGS,
    MetricName,
    find_metric,
    metric_meaning,
    metric_name,
    metric_stem,
)
from gluongan.evaluation.report import format_metric
from gluongan.metric_names import UNKNOWN, find_metric_name, find_metrics, judge_space


def test_a_metric_name_contains_its_protocol():
    assert metric_name('lenet', 'fd', 10_000, 'test') == 'lenet_fd10k_test'
    assert metric_name('pixel', 'nn_real', 512, 'train') == 'pixel_nn_real512_train'
    assert metric_name('pixel', 'precision', 2_500, 'k5', 'test') == 'pixel_precision2500_k5_test'


@pytest.mark.parametrize('stem', MEANINGS)
@pytest.mark.parametrize(
    'space, count, details',
    [('resnet20', 10_000, ('k5', 'test')), ('lenet-0123abcd', 2_000, ('test',)), ('x', 512, ())],
)
def test_a_metric_name_is_parsed_into_what_it_was_made_of(space, stem, count, details):
    name = metric_name(space, stem, count, *details)
    assert MetricName.parse(name) == (space, stem, count, details)
    assert metric_stem(name) == stem


@pytest.mark.parametrize('space', ['lenet-', 'lenet-0123ABCD', 'lenet-0123abc', '-0123abcd'])
def test_a_judge_is_named_by_eight_digits_of_its_hash(space):
    assert judge_space('lenet', '0123abcd' * 8) == 'lenet-0123abcd'
    assert MetricName.parse(f'{space}_fd2k_test') is None


def test_a_quick_metric_has_a_space_and_a_stem():
    name = MetricName.parse('samples/swd')
    assert name == ('samples', 'swd', None, ())
    assert str(name) == 'samples/swd'


@pytest.mark.parametrize('name', ['dis/loss', 'iteration', 'lenet_fd', 'lenet_other10k', '', '/'])
def test_other_names_are_not_those_of_metrics(name):
    assert MetricName.parse(name) is None
    assert metric_stem(name) is None
    assert metric_meaning(name) is UNKNOWN


def test_metrics_are_found_by_their_stem():
    values = {
        'iteration': 1,
        'lenet_fd2k_test': 3.5,
        'lenet_share2k_0': 0.1,
        'lenet_share2k_1': 0.2,
    }
    assert find_metric(values, 'fd') == 3.5
    assert find_metric(values, 'kd') is None
    assert find_metrics(values, 'share') == [0.1, 0.2]
    assert find_metric_name(values, 'fd') == 'lenet_fd2k_test'
    assert metric_meaning('lenet_fd2k_test').better == 'low'


def test_every_metric_is_explained_and_has_a_better_direction():
    texts = [meaning.text for meaning in MEANINGS.values()]
    assert len(set(texts)) == len(texts) and all(len(text.split()) > 1 for text in texts)
    assert {meaning.better for meaning in MEANINGS.values()} == {'low', 'high', 'data'}
    for word, better in (('divergence', 'low'), ('covered', 'high'), ('accuracy', 'data')):
        assert {each.better for each in MEANINGS.values() if word in each.text} == {better}


# How values are written


@pytest.mark.parametrize(
    'value, text',
    [
        (0, '0.0000'),
        (0.99994, '0.9999'),
        (-0.5, '-0.5000'),
        (1.0, '1.000'),
        (1.5, '1.500'),
        (-9.9994, '-9.999'),
        (10.0, '10.0'),
        (1234.56, '1,234.6'),
        (None, '-'),
    ],
)
def test_a_metric_has_four_digits_or_more_and_a_comma_at_thousands(value, text):
    assert format_metric('lenet_fd10k_test', value) == text


@pytest.mark.parametrize('value, text', [(0.0, '0'), (9.0, '9'), (1000.0, '1,000')])
def test_a_metric_that_counts_is_a_whole_number(value, text):
    assert format_metric('lenet_classes10k', value) == text
