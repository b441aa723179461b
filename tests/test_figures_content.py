"""Each figure shows what its labels say: label → data and colour, grey of a file → its place."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from PIL import Image

from gluongan import figures
from gluongan.figures import FIGURES, clouds, comparison, curves, pictures
from gluongan.figures.comparison import COLOURS

REAL, FAKE, DIS, RULE = curves.REAL, curves.FAKE, curves.DIS, curves.RULE
SHAPE = (1, 12, 10)
# The columns of batches.csv, each with values of its own.
COUNT = 40
X = np.arange(1, COUNT + 1)
BATCHES = {
    'dis/loss': 1 + 0.01 * X,
    'gen/loss': 2 + 0.02 * X,
    'dis/real': 0.5 + 0.01 * X,
    'dis/fake': 0.4 - 0.005 * X,
}
FACTS = {
    'data': 'toy',
    'shape': SHAPE,
    'mean': 0.13,
    'std': 0.31,
    'iterations_per_epoch': 10,
    'recipe': 'dense',
    'loss': 'minimax',
    'score': 'probability',
    'classes': ['0'],
}


def write_facts(run, **facts):
    run.mkdir(exist_ok=True)
    (run / 'run.json').write_text(json.dumps({**FACTS, **facts}))


def write_rows(path, rows):
    path.write_text(''.join(json.dumps(row) + '\n' for row in rows))


def write_batches(run, columns, x=X):
    lines = [','.join(['iteration', *columns])]
    lines += [','.join(map(repr, map(float, row))) for row in zip(x, *columns.values())]
    (run / 'batches.csv').write_text('\n'.join([*lines, '']))


def grey(level, count=64, shape=SHAPE):
    return np.full((count, *shape), level, np.uint8)


def write_greys(run, reals=200, **levels):
    """Write reals.png and samples/ITERATION.png, each file of one grey."""
    (run / 'samples').mkdir(exist_ok=True)
    figures.save(figures.grid(grey(reals)), run / 'reals.png')
    for name, level in levels.items():
        figures.save(figures.grid(grey(level)), run / 'samples' / f'{name[1:]}.png')


@pytest.fixture
def run(tmp_path):
    write_facts(tmp_path / 'run')
    return tmp_path / 'run'


@pytest.fixture
def drawn(monkeypatch):
    """Collects each matplotlib figure instead of its being saved."""
    collected = []

    def keep(figure, file, **settings):
        collected.append(figure)
        Image.new('L', (1, 1)).save(file, format='png')

    monkeypatch.setattr(Figure, 'savefig', keep)
    return collected


def check_lines(axes, expected):
    """The panel has these lines and no other: label → (x, y, colour); x is None for a rule."""
    lines = {line.get_label(): line for line in axes.lines}
    assert sorted(lines) == sorted(expected)
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert sorted(legend) == sorted(expected)
    for label, (x, y, colour) in expected.items():
        line = lines[label]
        if x is None:
            assert list(line.get_ydata()) == [y, y], label
        else:
            np.testing.assert_allclose(line.get_xdata(), x, err_msg=label)
            np.testing.assert_allclose(line.get_ydata(), y, err_msg=label)
        assert to_rgba(line.get_color()) == to_rgba(colour), label
        assert is_up(axes), label


def is_up(axes):
    bottom, top = axes.get_ylim()
    return bottom < top


def read_pixels(path, mode='L'):
    with Image.open(path) as image:
        return np.asarray(image.convert(mode)).astype(int)


# Curves


@pytest.mark.parametrize('loss', ['minimax', 'nonsaturating', 'hinge'])
def test_the_losses_are_those_of_their_networks(run, drawn, loss):
    write_facts(run, loss=loss)
    write_batches(run, BATCHES)
    FIGURES['losses'](run)
    expected = {
        'D (discriminator)': (X, BATCHES['dis/loss'], DIS),
        'G (generator)': (X, BATCHES['gen/loss'], FAKE),
    }
    if loss != 'hinge':
        expected['D at equilibrium, 2 ln 2'] = (None, 2 * math.log(2), RULE)
    (axes,) = drawn[0].axes
    check_lines(axes, expected)
    assert axes.get_ylabel() == ('loss' if loss == 'hinge' else 'loss (nats)')
    assert axes.get_xlabel() == 'iteration'
    assert drawn[0].get_suptitle() == 'Losses: dense on toy, iteration 40'


def test_a_long_curve_has_a_band_of_its_own_colour_and_extremes(run, drawn):
    x = np.arange(1, 5001)
    columns = {'dis/loss': 1 + 0.5 * np.sin(x), 'gen/loss': 4 + np.cos(x)}
    write_batches(run, columns, x)
    FIGURES['losses'](run)
    (axes,) = drawn[0].axes
    for band, column, colour in zip(axes.collections, columns, (DIS, FAKE)):
        assert tuple(band.get_facecolor()[0]) == to_rgba(colour, 0.25)
        y = band.get_paths()[0].vertices[:, 1]
        np.testing.assert_allclose(
            [y.min(), y.max()], [columns[column].min(), columns[column].max()]
        )
    lines = {line.get_label(): line.get_ydata() for line in axes.lines}
    expected = columns['gen/loss'].reshape(-1, 5).mean(axis=1)
    np.testing.assert_allclose(lines['G (generator)'], expected)


def test_probabilities_of_real_and_generated_samples_are_not_exchanged(run, drawn):
    write_batches(run, BATCHES)
    FIGURES['scores'](run)
    (axes,) = drawn[0].axes
    expected = {
        'D(x), real': (X, BATCHES['dis/real'], REAL),
        'D(G(z)), generated': (X, BATCHES['dis/fake'], FAKE),
        'chance, 0.5': (None, 0.5, RULE),
    }
    check_lines(axes, expected)


def test_the_scores_of_a_critic_have_their_difference_below(run, drawn):
    write_facts(run, score='critic score', loss='wasserstein')
    write_batches(run, BATCHES)
    FIGURES['scores'](run)
    above, below = drawn[0].axes
    real, fake = BATCHES['dis/real'], BATCHES['dis/fake']
    check_lines(above, {'D(x), real': (X, real, REAL), 'D(G(z)), generated': (X, fake, FAKE)})
    check_lines(below, {'D(x) \N{MINUS SIGN} D(G(z))': (X, real - fake, DIS)})


def test_accuracy_after_training_is_above_accuracy_over_training(run, drawn):
    (run / 'accuracy.csv').write_text(
        'batch,real,fake,accuracy,iteration\n1,0.875,0.25,0.5,15\n2,0.625,0.25,0.75,15\n'
    )
    write_rows(run / 'metrics.jsonl', [{'iteration': k, 'dis/accuracy': k / 50} for k in (10, 20)])
    FIGURES['accuracy'](run)
    above, below = drawn[0].axes
    expected = {
        'real, mean 0.750': ([1, 2], [0.875, 0.625], REAL),
        'generated, mean 0.250': ([1, 2], [0.25, 0.25], FAKE),
        'overall, mean 0.625': ([1, 2], [0.5, 0.75], DIS),
        'ideal, 0.5': (None, 0.5, RULE),
    }
    check_lines(above, expected)
    assert above.get_xlabel() == 'mini-batch'
    when = 'after training to iteration 15, over the data set: 2 mini-batches'
    assert above.get_title('left') == when
    assert drawn[0].get_suptitle().endswith(', iteration 20')
    check_lines(below, {'overall': ([10, 20], [0.2, 0.4], DIS), 'ideal, 0.5': (None, 0.5, RULE)})
    assert below.get_xlabel() == 'iteration'


def test_mean_and_deviation_of_pixels_have_each_their_own_goal(run, drawn):
    rows = [{'iteration': k, 'pixels/mean': k / 100, 'pixels/std': k / 60} for k in (10, 20)]
    write_rows(run / 'metrics.jsonl', rows)
    FIGURES['pixels'](run)
    mean, deviation = drawn[0].axes
    goal = ('data, 0.1300', (None, 0.13, REAL))
    check_lines(mean, {'generated': ([10, 20], [0.1, 0.2], FAKE), goal[0]: goal[1]})
    assert mean.get_title('left') == 'mean of all pixels'
    goal = ('data, 0.3100', (None, 0.31, REAL))
    check_lines(deviation, {'generated': ([10, 20], [1 / 6, 1 / 3], FAKE), goal[0]: goal[1]})
    assert deviation.get_title('left') == 'standard deviation of all pixels'


def test_modes_that_are_caught_are_above_the_share_of_good_points(run, drawn):
    write_facts(run, shape=(2,))
    rows = [{'iteration': k, 'modes/caught': k / 5, 'modes/good': k / 40} for k in (10, 20)]
    write_rows(run / 'metrics.jsonl', rows)
    FIGURES['modes'](run)
    caught, good = drawn[0].axes
    check_lines(caught, {'generated, 4 at the end': ([10, 20], [2, 4], FAKE)})
    assert caught.get_ylabel() == 'modes caught'
    expected = {
        'generated, 50.0% at the end': ([10, 20], [0.25, 0.5], FAKE),
        'the mixture itself, 98.9%': (None, 1 - math.exp(-4.5), REAL),
    }
    check_lines(good, expected)
    assert good.get_ylabel() == 'share of good points'


# Points


def write_points(run):
    """Real points up to the right; samples of iteration 10 below, of iteration 20 at the left."""
    write_facts(run, shape=(2,))
    (run / 'samples').mkdir()
    points = {'reals': [[0, 0], [1, 1], [0.5, 0.9]]}
    points['samples/000010'] = [[0.5, 0.1]]
    points['samples/000020'] = [[0.1, 0.8], [0.1, 0.9]]
    arrays = {name: np.array(value, np.float32) for name, value in points.items()}
    for name, array in arrays.items():
        np.save(run / f'{name}.npy', array)
    return arrays


def test_the_datas_points_are_beside_the_newest_samples(run, drawn):
    arrays = write_points(run)
    FIGURES['samples'](run)
    left, right = drawn[0].axes
    for axes, name, colour, title in (
        (left, 'reals', REAL, 'real: 3 points'),
        (right, 'samples/000020', FAKE, 'generated: 2 points'),
    ):
        (line,) = axes.lines
        np.testing.assert_array_equal(np.transpose(line.get_data()), arrays[name])
        assert to_rgba(line.get_color()) == to_rgba(colour)
        assert axes.get_title('left') == title
        assert is_up(axes) and axes.get_xlim() == left.get_xlim()
    assert drawn[0].get_suptitle().endswith('iteration 20')


def test_a_cloud_shows_its_points(tmp_path, drawn):
    points = np.array([[0, 1], [2, 3]], np.float32)
    figures.cloud(points, tmp_path / 'x.png', 'title')
    (axes,) = drawn[0].axes
    np.testing.assert_array_equal(np.transpose(axes.lines[0].get_data()), points)
    assert to_rgba(axes.lines[0].get_color()) == to_rgba(FAKE)
    assert is_up(axes)


def test_a_frame_of_points_has_y_upward_and_the_generated_points_on_the_datas(run):
    arrays = write_points(run)
    paint = clouds.painter(
        run, figures.clips.reading.read_facts(run), newest=run / 'samples/000020.npy'
    )
    frame = np.asarray(paint(run / 'samples' / '000020.npy'))
    centre, half = clouds.window(arrays['reals'])
    for name, colour in (('reals', clouds.PALE_BLUE), ('samples/000020', clouds.ORANGE)):
        rows, cols = np.nonzero((frame == colour).all(axis=2))
        places = (arrays[name] - centre) / half
        assert len(rows) == 9 * len(places)
        x = (cols + 0.5) / clouds.SIZE * 2 - 1
        y = 1 - (rows + 0.5) / clouds.SIZE * 2
        for place in places:
            near = (abs(x - place[0]) < 0.02) & (abs(y - place[1]) < 0.02)
            assert near.sum() == 9


# Runs compared


@pytest.fixture
def groups(tmp_path):
    """Two groups, the first of two runs; each run's numbers and greys are its own."""
    runs = [tmp_path / name for name in ('a', 'b', 'c')]
    for number, run in enumerate(runs, 1):
        write_facts(run)
        rows = [{'iteration': k, 'samples/swd': number + 1 / k} for k in (10, 20)]
        rows[1]['samples/spread'] = number / 10
        write_rows(run / 'metrics.jsonl', rows)
        write_rows(run / 'judge.jsonl', [{'iteration': 20, 'lenet_fd2k_test': 7.0 * number}])
        write_greys(run, _000010=10, _000020=40 * number)
    return [('first', runs[:2]), ('second', runs[2:])]


def test_each_line_is_of_its_own_run_in_its_groups_colour(groups, tmp_path, drawn):
    figures.compared_curves(groups, tmp_path / 'x.png')
    distance, swd, spread = drawn[0].axes
    titles = [axes.get_title('left') for axes in drawn[0].axes]
    assert titles == [
        'Fréchet distance of features, lenet_fd2k_test',
        'sliced Wasserstein distance to the data',
        'mean distance between samples, relative to the data',
    ]
    for axes, x, values in (
        (distance, [20], lambda number: [7 * number]),
        (swd, [10, 20], lambda number: [number + 0.1, number + 0.05]),
        (spread, [20], lambda number: [number / 10]),
    ):
        assert len(axes.lines) == 3
        for line, number, group in zip(axes.lines, (1, 2, 3), (0, 0, 1)):
            np.testing.assert_allclose(line.get_xdata(), x)
            np.testing.assert_allclose(line.get_ydata(), values(number))
            assert to_rgba(line.get_color()) == to_rgba(COLOURS[group])
        legend = axes.get_legend()
        names = [text.get_text() for text in legend.get_texts()]
        colours = [to_rgba(handle.get_color()) for handle in legend.get_lines()]
        assert names == ['first', 'second']
        assert colours == [to_rgba(COLOURS[0]), to_rgba(COLOURS[1])]
        assert is_up(axes)


def test_the_newest_samples_of_each_run_stand_below_its_name(groups, tmp_path, texts):
    sheet = read_pixels(figures.compared_samples(groups, tmp_path / 'x.png'))
    assert not (sheet == 10).sum() > 5000
    lefts = [np.flatnonzero((sheet == level).sum(axis=0) > 100).min() for level in (40, 80, 120)]
    assert np.diff(lefts).tolist() == 2 * [comparison.SIDE + pictures.MARGIN]
    names = [text for text, *_ in texts if len(text) == 1]
    assert names == list('abc')
    assert [text for text, *_ in texts].count('iteration 20') == 3
