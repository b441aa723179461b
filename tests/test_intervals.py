"""95 % intervals: metrics without each group of samples are those of the rest, and draws obey."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics.pairwise import polynomial_kernel

from gluongan import data
from gluongan.errors import InputError
from gluongan.evaluation import Counts, Intervals, Reference, Samples, evaluate, metrics
from gluongan.evaluation.intervals import groups_of
from gluongan.evaluation.measures import measure_diversity
from gluongan.evaluation.metrics.leaving_out import sums_without
from gluongan.evaluation.report import Report, read_report
from gluongan.metric_names import metric_stem
from gluongan.runs.folder import RunError


def points(seed, count=90, values=6, scale=1.0):
    return scale * np.random.RandomState(seed).standard_normal((count, values)).astype(np.float32)


def pictures(seed, count=60):
    return np.random.RandomState(seed).random_sample((count, 1, 6, 5)).astype(np.float32)


def each(function, group):
    """The results of a function of which samples remain, without each group."""
    return np.array([function(kept) for kept in metrics.without_each(group)])


# Metrics without each group


@pytest.mark.parametrize('count, k, most', [(90, 5, 50), (200, 3, 20), (30, 5, 30)])
@pytest.mark.parametrize('scale', [0.5, 1.0])
def test_recall_and_coverage_without_a_group_are_those_of_the_other_fakes(count, k, most, scale):
    real, fake = points(0), points(1, count, scale=scale)
    group = metrics.groups(count, most=most)
    found = metrics.overlap(real, fake, k=k, group=group)
    expected = each(lambda kept: metrics.manifold(real, fake[kept], k=k)[1::2], group)
    assert found.manifold() == metrics.manifold(real, fake, k=k)
    assert found.recall_without == pytest.approx(expected[:, 0])
    assert found.coverage_without == pytest.approx(expected[:, 1])
    assert found.recall_without.std() > 0


def test_recall_without_a_group_is_right_for_fakes_that_are_copies_of_few():
    real, fake = points(0), points(1, 8)[np.arange(120) % 8]
    group = metrics.groups(120, most=20)
    found = metrics.overlap(real, fake, group=group)
    expected = each(lambda kept: metrics.manifold(real, fake[kept])[1::2], group)
    assert found.recall_without == pytest.approx(expected[:, 0])
    assert found.coverage_without == pytest.approx(expected[:, 1])


def test_both_halves_without_a_group_are_those_of_the_other_fakes():
    real, fake = points(0, 80), points(1, 80, scale=0.8)
    group = metrics.groups(80, most=20)
    found = metrics.halves(real, fake, group)
    expected = each(lambda kept: metrics.nearest_neighbour_accuracy(real, fake[kept]), group)
    assert found.halves == metrics.nearest_neighbour_accuracy(real, fake)
    assert found.real_without == pytest.approx(expected[:, 0])
    assert found.fake_without == pytest.approx(expected[:, 1])


def test_moments_without_a_group_are_those_of_the_rest():
    x = points(0) + 7
    group = metrics.groups(len(x), most=20)
    for found, kept in zip(metrics.moments_without(x, group), metrics.without_each(group)):
        assert found.mean == pytest.approx(metrics.moments(x[kept]).mean)
        assert found.covariance == pytest.approx(metrics.moments(x[kept]).covariance, abs=1e-9)


def test_what_a_sample_adds_to_the_kernel_distance_is_how_near_it_is_to_either_set():
    a, b = points(0, 60), points(1, 60)
    found = metrics.kernel_blocks(a, b, blocks=2)
    of_first = [polynomial_kernel(a[:30], x[:30], 3, 1 / 6, 1) for x in (a, b)]
    others = (of_first[0].sum(axis=1) - np.diag(of_first[0])) / 29
    assert found.parts[:30] == pytest.approx(2 * (others - of_first[1].mean(axis=1)), rel=1e-4)
    assert found.distance() == metrics.kernel_distance(a, b, blocks=2)


def test_classes_without_a_group_are_those_of_the_rest():
    p = np.random.RandomState(0).dirichlet(np.full(6, 0.1), 120).astype(np.float32)
    p = np.concatenate([p[p.argmax(axis=1) != 5], np.eye(6, dtype=np.float32)[5:]])  # one of a kind
    group = metrics.groups(len(p), most=20)
    found = metrics.classes_without(p, group)
    for number, kept in enumerate(metrics.without_each(group)):
        of_rest = metrics.classes(p[kept])
        assert found.score[number] == pytest.approx(metrics.classifier_score(p[kept]))
        assert found.kl[number] == pytest.approx(of_rest.kl)
        assert found.seen[number] == len(np.unique(p[kept].argmax(axis=1)))


def test_missing_classes_of_redrawn_samples_are_those_at_the_edge_of_being_covered():
    shares = np.array([0.5, 0.4, 0.0333, 0.0])  # a class is covered from 0.025 on
    redrawn = metrics.redrawn_missing(shares, 300)
    fewer = np.random.RandomState(1).binomial(300, 0.0333, 20_000) < 0.025 * 300
    assert set(redrawn) == {1, 2}
    assert (redrawn == 2).mean() == pytest.approx(fewer.mean(), abs=0.08)
    assert set(metrics.redrawn_missing(shares, 30_000)) == {1}
    few = np.array([0.97, 0.0, 0.01, 0.0])
    assert set(metrics.redrawn_missing(few, 9_000, np.array([0.95, 0.0, 0.05, 0.0]))) == {0}


def test_pixels_without_a_group_are_those_of_the_rest():
    x = pictures(0)
    group = metrics.groups(len(x), most=20)
    found = np.stack(metrics.pixels_without(x, group), axis=1)
    expected = each(lambda kept: (x[kept].mean(), x[kept].std(), metrics.sharpness(x[kept])), group)
    assert found == pytest.approx(expected, rel=1e-4)


def test_the_divergence_of_bins_without_a_group_is_that_of_the_rest():
    bins = metrics.Bins(points(0, 400), k=10)
    x = points(1, 100, scale=0.7)
    group = metrics.groups(100, most=20)
    expected = each(lambda kept: bins.compare(x[kept]).divergence, group)
    assert bins.divergences_without(x, group) == pytest.approx(expected)


def test_different_bins_of_redrawn_samples_spread_like_those_of_fresh_ones():
    bins = metrics.Bins(points(0, 1_000), k=30)
    fresh = [bins.compare(points(seed, 300, scale=0.5)).different for seed in range(1, 41)]
    redrawn = bins.redrawn_different(points(1, 300, scale=0.5))
    assert len(redrawn) == 200
    assert 0.7 * np.std(fresh) < redrawn.std() < 2 * np.std(fresh)
    assert np.array_equal(redrawn, bins.redrawn_different(points(1, 300, scale=0.5)))
    expected = np.std(redrawn, ddof=1) * stats.t.ppf(0.975, 199)
    low, high = metrics.bootstrap_interval(5, redrawn)
    assert (5 - low, high - 5) == pytest.approx((expected, expected))


def test_what_samples_add_to_diversity_are_the_means_of_their_pairs():
    x, pairs = points(0, 70), metrics.Pairs(2.0, 1.5)
    parts = metrics.diversity_parts(x, pairs)
    found = metrics.diversity(x, pairs)
    assert parts.distance.mean() / pairs.mean == pytest.approx(found.spread)
    assert 1 / parts.alike.mean() == pytest.approx(found.support)
    distances = np.linalg.norm(x[:1] - x[1:], axis=1)
    assert parts.distance[0] == pytest.approx(distances.mean(), rel=1e-5)
    assert parts.alike[0] == (distances**2 <= 1.5).mean()


def test_support_has_the_interval_of_the_share_of_alike_pairs(synthetic):
    few = synthetic.images[:8][np.arange(40) % 8]
    intervals, counts = Intervals(), Counts()
    values = measure_diversity(Samples('x', few), synthetic, counts, intervals)
    alike = metrics.diversity_parts(few, synthetic.pairs).alike
    low, high = metrics.pair_share_interval(alike)
    found = intervals.found['pixel_support40_test']
    assert found == pytest.approx((1 / high, 1 / low)) and low > metrics.ALIKE
    assert found.low < values['pixel_support40_test'] < found.high


# Groups


def test_groups_are_of_one_size_and_no_sample_is_in_two():
    sizes = np.bincount(metrics.groups(1_234))
    assert len(sizes) == 50
    assert set(sizes) == {24, 25}
    assert len(np.bincount(metrics.groups(20))) == 20


def test_groups_are_the_same_ones_every_time_and_not_in_the_order_of_samples():
    first = metrics.groups(500)
    assert np.array_equal(first, metrics.groups(500))
    assert not np.array_equal(first, np.arange(500) % 50)


def test_each_group_has_its_share_of_the_classes_that_were_asked_for():
    labels = np.repeat([0, 1, 2], [300, 150, 50])
    group = groups_of(Samples('x', pictures(0, 500), labels), 500)
    for label, least in ((0, 6), (1, 3), (2, 1)):
        counts = np.bincount(group[labels == label], minlength=50)
        assert {least} == set(counts) or counts.max() - counts.min() <= 1


def test_sums_without_a_group_are_those_of_the_rest():
    x, group = points(0, 50), metrics.groups(50, most=7)
    sums, counts = sums_without(x, group)
    assert sums == pytest.approx(each(lambda kept: x[kept].sum(axis=0), group), abs=1e-5)
    assert np.array_equal(counts, each(np.count_nonzero, group))


# Intervals


def test_the_interval_of_a_share_is_wilsons():
    for hits in (0, 1, 37, 99, 100):
        expected = stats.binomtest(hits, 100).proportion_ci(method='wilson')
        assert metrics.share_interval(np.arange(100) < hits) == pytest.approx(tuple(expected))
    with pytest.raises(InputError, match='must be at least 1'):
        metrics.share_interval(np.zeros(0, dtype=bool))


def test_few_alike_pairs_are_no_more_certain_than_independent_pairs_would_be():
    none, some = np.zeros(100), np.random.RandomState(0).random_sample(100)
    expected = stats.binomtest(0, 4_950).proportion_ci(method='wilson')
    assert metrics.pair_share_interval(none) == pytest.approx(tuple(expected))
    assert metrics.pair_share_interval(some) == metrics.mean_interval(some.mean(), 2 * some)


def test_the_intervals_of_a_mean_are_students():
    x = points(0, 400)[:, 0].astype(np.float64)
    expected = stats.ttest_1samp(x, 0).confidence_interval(0.95)
    assert metrics.mean_interval(x.mean(), x) == pytest.approx(tuple(expected))
    sums, counts = sums_without(x, np.arange(400))
    assert metrics.jackknife_interval(x.mean(), sums / counts) == pytest.approx(tuple(expected))


@pytest.fixture(scope='module')
def synthetic():
    return Reference(
        data.load('synthetic', image_size=8), data.load('synthetic', split='test', image_size=8)
    )


@pytest.fixture(scope='module')
def samples(synthetic):
    return Samples('x', synthetic.train.floats(slice(200)), slopes=lambda n: np.arange(1.0, n + 1))


def test_every_metric_but_errors_and_gaps_has_an_interval_that_holds_it(synthetic, samples):
    intervals = Intervals()
    values = evaluate(samples, synthetic, intervals=intervals)
    assert intervals.found.keys() == values.keys()
    for name, (low, high) in intervals.found.items():
        assert low <= values[name] <= high, name


def test_numbers_are_the_same_with_intervals_and_without(synthetic, samples):
    assert evaluate(samples, synthetic) == evaluate(samples, synthetic, intervals=Intervals())


def test_intervals_are_the_same_ones_every_time(synthetic, samples):
    found = []
    for _ in range(2):
        intervals = Intervals()
        evaluate(samples, synthetic, intervals=intervals)
        found.append(intervals.found)
    assert found[0] == found[1]


def test_points_of_a_mixture_have_intervals():
    ring = Reference(data.load('ring8'))
    intervals = Intervals()
    values = evaluate(Samples('x', ring.images[:300]), ring, intervals=intervals)
    assert {metric_stem(name) for name in intervals.found} == {'caught', 'good', 'kl'}
    assert intervals.found['points_caught300'] == (8, 8)
    assert values.keys() == intervals.found.keys()


def test_an_interval_ends_where_its_metric_does():
    intervals = Intervals()
    intervals.add('pixel_recall100_k5_test', metrics.Interval(-0.1, 1.2))
    intervals.add('pixel_ndb100_k100_train', metrics.Interval(-3, 120), most=100)
    intervals.add('lenet_kd100_test', metrics.Interval(-3, 2))
    assert list(intervals.found.values()) == [(0, 1), (0, 100), (-3, 2)]


# Draws


def test_fresh_draws_have_their_mean_in_the_interval_about_as_often_as_it_says():
    """30 draws of one source; docs/evaluation.md has a table of more."""
    real = Reference(data.Dataset('x', _blobs(0, 150)), data.Dataset('x', _blobs(1, 150)))
    only = [measure for measure in _measures() if measure.__name__ in CHECKED]
    draws = []
    for seed in range(30):
        intervals = Intervals()
        fake = Samples('x', np.float32(_blobs(10 + seed, 80)) / 255)
        values = evaluate(fake, real, counts=Counts(), only=only, intervals=intervals)
        draws.append((values, intervals.found))
    for name in draws[0][0]:
        mean = np.mean([values[name] for values, _ in draws])
        held = np.mean([found[name].low <= mean <= found[name].high for _, found in draws])
        assert held >= 0.85, name


CHECKED = ('measure_manifold', 'measure_neighbours', 'measure_diversity', 'measure_pixels')


def _measures():
    from gluongan.evaluation import suite

    return [value for name, value in vars(suite).items() if name.startswith('measure_')]


def _blobs(seed, count):
    """Grey pictures of 4×4 pixels of four kinds."""
    random = np.random.RandomState(seed)
    kinds = np.random.RandomState(99).randint(60, 190, (4, 1, 4, 4))
    x = kinds[random.randint(4, size=count)] + 20 * random.standard_normal((count, 1, 4, 4))
    return np.clip(x, 0, 255).astype(np.uint8)


# The report


def test_a_report_has_intervals_in_its_table_and_its_file(tmp_path):
    values = {'lenet_fd10k_test': 9.1234567, 'lenet_kd_error10k_test': 0.5}
    intervals = {'lenet_fd10k_test': metrics.Interval(8.5, 9.75)}
    known = {'real': {'lenet_fd10k_test': 0.45}}
    report = Report('x', 'mnist', 100, None, values, 'good', 1.0, known, intervals=intervals)
    heading, distance, error = report.table().splitlines()
    assert heading.split() == ['this', '95%', 'real']
    assert distance.split()[1:6] == ['9.123', '8.500', 'to', '9.750', '0.4500']
    assert error.split()[1:4] == ['0.5000', '-', '-']
    report.write(tmp_path / 'r.json')
    assert json.loads((tmp_path / 'r.json').read_text())['intervals'] == {
        'lenet_fd10k_test': [8.5, 9.75]
    }
    assert read_report(tmp_path / 'r.json').intervals == intervals


def test_a_report_of_an_older_version_has_no_intervals_and_a_bad_one_is_refused(tmp_path):
    path = tmp_path / 'r.json'
    path.write_text(json.dumps({'metrics': {'lenet_fd10k_test': 9}}))
    assert read_report(path).intervals == {}
    for ends in (3, [1], [1, 'x'], [1, 2, 3], None):
        path.write_text(json.dumps({'metrics': {}, 'intervals': {'lenet_fd10k_test': ends}}))
        with pytest.raises(RunError, match='is not a report'):
            read_report(path)


def test_fewer_than_20_samples_have_no_intervals(synthetic):
    for count, has_some in ((1, False), (19, False), (20, True)):
        intervals = Intervals()
        evaluate(Samples('x', synthetic.images[:count]), synthetic, intervals=intervals)
        assert bool(intervals.found) == has_some
