"""The commands hand the right pictures to the right place of a figure."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
import tiny
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from PIL import Image

from gluongan import figures
from gluongan.bench import chart
from gluongan.bench.trial import Trial
from gluongan.bench.trials import Trials


@pytest.fixture
def handed(monkeypatch):
    """Returns a function that replaces a figure by a list of what it is drawn from."""

    def replace(name):
        calls = []
        monkeypatch.setattr(
            figures, name, lambda *arguments, **settings: calls.append((arguments, settings))
        )
        return calls

    return replace


def grey(level, count=2):
    return np.full((count, 1, 8, 8), level, np.float32)


def test_invert_shows_the_images_above_what_the_generator_makes(tmp_path, handed):
    run = tiny.begun(tmp_path, until=2, init='he').folder
    Image.new('L', (8, 8), 255).save(tmp_path / 'x.png')
    calls = handed('inversions')
    words = ['--images', tmp_path / 'x.png', '--steps', 1, '--out', tmp_path / 'out']
    assert tiny.gluongan('invert', run, *words).exit_code == 0
    ((x, reconstructions, _), _) = calls[0]
    assert (x == 255).all()
    assert not (reconstructions == 255).all()


def test_evaluate_shows_samples_above_training_images(tmp_path, handed):
    calls = handed('beside')
    report = SimpleNamespace(nearest=(grey(0.2), grey(0.8)), source_and_iteration='x', count=1_000)
    import_module('gluongan.cli.evaluate')._draw(report, tmp_path / 'x.png')
    (((samples, training), names, *_), _) = calls[0]
    assert names == ('samples', 'training')
    assert (samples == 51).all() and (training == 204).all()


def test_interpolate_has_a_row_from_each_seed_to_the_next(tmp_path, handed):
    run = tiny.begun(tmp_path, until=2, init='he').folder
    walks = handed('walks')
    words = ['--seeds', '5,6,7', '--steps', 3, '--out', tmp_path / 'x.png']
    assert tiny.gluongan('interpolate', run, *words).exit_code == 0
    ((rows, _), settings) = walks[0]
    assert [len(row) for row in rows] == [4, 4] and settings['names'] == ['5 to 6', '6 to 7']
    assert run.name in settings['title']
    seeds = handed('seeds')
    words = ['--seeds', '5,6,7', '--out', tmp_path / 'y.png']
    assert tiny.gluongan('sample', run, *words).exit_code == 0
    ((ends, numbers, _), _) = seeds[0]
    assert list(numbers) == [5, 6, 7]
    for row, start, end in zip(rows, ends, ends[1:]):
        assert np.abs(row[0].astype(int) - start).max() <= 1
        assert np.abs(row[-1].astype(int) - end).max() <= 1


def test_a_bar_of_the_chart_is_the_speed_of_its_trial(tmp_path, monkeypatch):
    drawn = []

    def keep(figure, file, **settings):
        drawn.append(figure)
        Image.new('L', (1, 1)).save(file, format='png')

    monkeypatch.setattr(Figure, 'savefig', keep)
    trials = []
    for name, mode, seconds in (('a', 'imperative', 0.5), ('b', 'static', 0.25)):
        samples = [seconds, seconds, seconds]
        trials.append(make_trial(name, mode, samples))
    chart.chart(Trials(tuple(trials)), tmp_path / 'x.png')
    (axes,) = drawn[0].axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ['a', 'b']
    bars = {round(bar.get_y() + bar.get_height() / 2): bar for bar in axes.patches}
    assert bars[0].get_width() == pytest.approx(2)
    assert bars[1].get_width() == pytest.approx(4)
    assert bars[0].get_facecolor() == to_rgba(chart.COLOURS['imperative'])
    assert bars[1].get_facecolor() == to_rgba(chart.COLOURS['static'])
    bottom, top = axes.get_ylim()
    assert bottom > top  # the first on top
    left, right = axes.get_xlim()
    assert left == 0 and 5 < right < 6  # room for the text beside the longest bar
    texts = {round(text.xy[1]): text.get_text() for text in axes.texts}
    assert texts == {0: '2 it/s, 128 images/s', 1: '4 it/s, 256 images/s'}


def make_trial(name, mode, samples):
    return Trial(name, {'mode': mode, 'recipe': name}, tuple(samples), images=64)
