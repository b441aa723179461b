"""How well points cover a mixture of known modes: by hand, SciPy's KL, and the mixture itself."""

from __future__ import annotations

import numpy as np
import pytest
import tiny
from scipy.stats import entropy

from gluongan import data
from gluongan.data import toys
from gluongan.evaluation.metrics import coverage

CENTRES = np.array([(0.0, 0.0), (10.0, 0.0), (0.0, 10.0), (10.0, 10.0)])


def test_coverage_is_what_counting_by_hand_gives():
    points = np.array([(0.0, 0.29), (0.31, 0.0), (10.0, 0.2), (9.0, 0.0), (9.0, 1.0), (0.0, 9.0)])
    caught, good, kl = coverage(points, CENTRES, 0.1)
    assert (caught, good) == (2, pytest.approx(2 / 6))
    assert kl == pytest.approx(entropy([2 / 6, 3 / 6, 1 / 6, 0], [0.25] * 4), rel=1e-12)


def test_a_point_counts_as_good_up_to_three_deviations_in_any_direction():
    assert coverage(np.array([(0.299 * 0.6, 0.299 * 0.8)]), CENTRES, 0.1).good == 1
    assert coverage(np.array([(0.301 * 0.6, 0.301 * 0.8)]), CENTRES, 0.1).good == 0


@pytest.mark.parametrize('name, modes, kl', [('ring8', 8, 7 / 5000), ('grid25', 25, 24 / 5000)])
def test_the_mixture_itself_covers_every_mode_with_as_many_good_points_as_theory_says(
    name, modes, kl
):
    points = data.load(name, split='test').samples[:2_500]
    caught, good, reverse_kl = coverage(points, *toys.modes(name))
    assert caught == modes
    assert good == pytest.approx(1 - np.exp(-4.5), abs=4 * 0.0022)
    assert kl / 3 < reverse_kl < kl * 2


def test_a_single_mode_has_the_largest_divergence():
    caught, good, kl = coverage(np.zeros((100, 2)), CENTRES, 0.1)
    assert (caught, good, kl) == (1, 1, pytest.approx(np.log(4)))


def test_an_empty_set_of_points_is_refused():
    with pytest.raises(ValueError, match='0 points: must be at least 1'):
        coverage(np.empty((0, 2)), CENTRES, 0.1)


def test_a_run_on_a_mixture_records_and_draws_how_it_covers_its_modes(tmp_path):
    run = tiny.begun(tmp_path, data='ring8', image_size=None, iterations=6, eval_every=3)
    rows = tiny.rows(run.folder / 'metrics.jsonl')
    assert [row['iteration'] for row in rows] == [0, 3, 6]
    x = run.updater.samples(run.updater.fixed_inputs(2_500, seed=1))
    expected = coverage(x, *toys.modes('ring8'))
    assert rows[-1]['modes/caught'] == expected.caught
    assert rows[-1]['modes/good'] == pytest.approx(expected.good, abs=1e-5)
    assert rows[-1]['modes/kl'] == pytest.approx(expected.reverse_kl, rel=1e-5)
    assert (run.folder / 'figures' / 'modes.png').is_file()


def test_a_run_on_images_has_no_columns_of_modes(tmp_path):
    run = tiny.begun(tmp_path, iterations=2)
    for row in tiny.rows(run.folder / 'metrics.jsonl'):
        assert not any(key.startswith('modes') for key in row)
    assert not (run.folder / 'figures' / 'modes.png').exists()
