"""Axes, legends and headings of figures: nothing repeats, overlaps or is cut off."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from test_figures_content import drawn, write_batches, write_facts, write_rows

from gluongan import figures
from gluongan.figures import FIGURES, curves
from gluongan.figures.comparison import COLOURS, DASHES

__all__ = ['drawn']  # a fixture


def overlaps(a, b):
    return a.x0 < b.x1 and b.x0 < a.x1 and a.y0 < b.y1 and b.y0 < a.y1


def shown_ticks(axis):
    low, high = sorted(axis.get_view_interval())
    ticks = zip(axis.get_ticklocs(), axis.get_ticklabels())
    return [label for place, label in ticks if low <= place <= high and label.get_text()]


def check_layout(figure):
    """No two texts of a figure overlap, none is cut off, no ticks repeat, no legend is on data.

    It is 1024 pixels wide, its lines are thin, and no text is larger than its title.
    """
    figure.canvas.draw()
    assert round(figure.bbox.width) == 1024
    renderer = figure.canvas.get_renderer()
    texts = [figure._suptitle]
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            ticks = shown_ticks(axis)
            labels = [tick.get_text() for tick in ticks]
            assert 2 <= len(labels) == len(set(labels)), labels
            assert axis.get_offset_text().get_text() == '' or axis is axes.yaxis
            texts += [*ticks, axis.label]
        texts += [axes.title, axes._left_title]
        widths = [line.get_linewidth() for line in axes.lines]
        assert all(0.6 <= width < 1.7 for width in widths), widths
        legend = axes.get_legend()
        if legend:
            texts += legend.get_texts()
            box = legend.get_window_extent(renderer)
            assert not overlaps(box, axes.bbox.shrunk(1, 0.99))
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts]
    boxes = [(text, box) for text, box in boxes if text]
    assert max(text.get_fontsize() for text in texts) == figure._suptitle.get_fontsize() == 13
    for text, box in boxes:
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1, text
        assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1, text
    for (text, box), (other, its_box) in itertools.combinations(boxes, 2):
        assert not overlaps(box, its_box), (text, other)


LONG = 'a data set with quite a long name that its owner likes'
RANGES = {
    'usual': (1, 40, 0.5, 1.4),
    'one': (1, 1, 0.7, 0.7),
    'hardly any change': (1, 40, 0.39051, 0.39053),
    'constant': (1, 40, 0.39, 0.39),
    'half a million': (1, 500_000, -3, 4),
    'ten million': (9_999_000, 10_000_000, 0, 2e9),
    'tiny': (1, 40, 1e-9, 3e-9),
}


@pytest.mark.parametrize('data', ['mnist', LONG])
@pytest.mark.parametrize('name', RANGES)
def test_curves_have_distinct_ticks_and_room_for_every_text(tmp_path, drawn, name, data):
    first, last, low, high = RANGES[name]
    write_facts(tmp_path, data=data, score='critic score')
    x = np.unique(np.linspace(first, last, 40).astype(int))
    y = np.linspace(low, high, len(x))
    names = ('dis/loss', 'gen/loss', 'dis/real', 'dis/fake')
    write_batches(tmp_path, {column: y * (1 + k) for k, column in enumerate(names)}, x)
    FIGURES['losses' if data == LONG else 'scores'](tmp_path)
    check_layout(drawn[0])


@pytest.mark.parametrize('shape', [(2,), (1, 8, 8)])
@pytest.mark.parametrize('last', [1, 200_000])
def test_what_is_measured_over_training_has_room_too(tmp_path, drawn, last, shape):
    write_facts(tmp_path, data=LONG, shape=shape, score='probability')
    measured = {'dis/accuracy': 0.5, 'modes/caught': 1, 'modes/good': 0.0}
    rows = [
        {'iteration': k, 'pixels/mean': 0.13, 'pixels/std': 0.3, **measured}
        for k in {0, last // 2, last}
    ]
    write_rows(tmp_path / 'metrics.jsonl', rows)
    (tmp_path / 'accuracy.csv').write_text('batch,real,fake,accuracy\n0,0.7,1,0.85\n')
    for name in ('accuracy', 'pixels', 'modes'):
        FIGURES[name](tmp_path)
    for figure in drawn:
        check_layout(figure)
    assert len(drawn) == (2 if len(shape) == 1 else 3)


def test_a_single_mini_batch_is_visible(tmp_path, drawn):
    write_facts(tmp_path)
    (tmp_path / 'accuracy.csv').write_text('batch,real,fake,accuracy\n0,0.7,1,0.85\n')
    FIGURES['accuracy'](tmp_path)
    assert all(line.get_marker() == '.' for line in drawn[0].axes[0].lines[:3])


def test_modes_are_counted_in_whole_numbers_from_zero(tmp_path, drawn):
    write_facts(tmp_path, shape=(2,))
    rows = [{'iteration': k, 'modes/caught': k, 'modes/good': 0.5} for k in (1, 2)]
    write_rows(tmp_path / 'metrics.jsonl', rows)
    FIGURES['modes'](tmp_path)
    ticks = [label.get_text() for label in shown_ticks(drawn[0].axes[0].yaxis)]
    assert ticks == ['0', '1', '2']


@pytest.mark.parametrize('count', [1, 3, 9])
@pytest.mark.parametrize('high', [0.3906, 0.5, 4.0, 300.0, 1e6])
def test_many_compared_runs_have_room_in_the_legend(tmp_path, drawn, count, high):
    groups = []
    for number in range(count):
        run = tmp_path / f'{number:05d}-{"conditional-" * number}run'
        write_facts(run)
        (run / 'config.json').write_text(json.dumps({'data': f'folder/{LONG}'}))
        rows = [
            {'iteration': 10, 'samples/swd': high * (1 + number / 10)},
            {'iteration': 2000, 'samples/swd': 0.39, 'modes/caught': number},
        ]
        write_rows(run / 'metrics.jsonl', rows)
        groups.append((run.name, [run]))
    figures.compared_curves(groups, tmp_path / 'x.png')
    check_layout(drawn[0])
    is_log = [axes.get_yscale() == 'log' for axes in drawn[0].axes]
    assert is_log == [high * (1 + (count - 1) / 10) > 3.9, False]
    styles = [(line.get_color(), line.get_linestyle()) for line in drawn[0].axes[0].lines]
    assert len(set(styles)) == count


@pytest.mark.parametrize(
    'metric, values, is_log',
    [
        ('samples/swd', [0.5, 50.0], True),
        ('samples/swd', [5.0, 5.0], False),
        ('samples/swd', [5.0, 50.0], False),
        ('samples/swd', [0.0, 50.0], False),
        ('samples/spread', [0.5, 50.0], False),
        ('modes/caught', [1, 50], False),
    ],
)
def test_a_distance_of_several_magnitudes_alone_has_a_logarithmic_axis(
    tmp_path, drawn, metric, values, is_log
):
    write_facts(tmp_path)
    rows = [{'iteration': k, metric: value} for k, value in enumerate(values, 1)]
    write_rows(tmp_path / 'metrics.jsonl', rows)
    figures.compared_curves([('one', [tmp_path])], tmp_path / 'x.png')
    assert [axes.get_yscale() == 'log' for axes in drawn[0].axes] == [is_log]


@pytest.mark.parametrize('shape', [(3, 2), (500, 2)])
def test_points_have_room(tmp_path, drawn, shape):
    points = np.random.default_rng(0).normal(size=shape)
    figures.cloud(1000 * points, tmp_path / 'x.png', f'samples of {LONG}, seeds 0-63')
    check_layout(drawn[0])


def contrast(colour):
    """The contrast to white, as the Web Content Accessibility Guidelines define it."""
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in to_rgb(colour)
    ]
    return 1.05 / (np.dot(linear, [0.2126, 0.7152, 0.0722]) + 0.05)


def test_every_line_stands_out_from_white_paper():
    for colour in (*COLOURS, curves.REAL, curves.FAKE, curves.DIS, curves.RULE):
        assert contrast(colour) >= 2, colour
    assert len(set(COLOURS)) == len(COLOURS) and len(set(DASHES)) == len(DASHES)
    assert contrast(curves.FAINT) >= 4.5 and contrast(curves.INK) >= 7


def test_letters_are_large_enough_for_a_telephone(tmp_path, drawn):
    write_facts(tmp_path)
    write_batches(tmp_path, {name: np.ones(4) for name in ('dis/loss', 'gen/loss')}, np.arange(4))
    FIGURES['losses'](tmp_path)
    (figure,) = drawn
    (axes,) = figure.axes
    sizes = [text.get_fontsize() for text in (*shown_ticks(axes.yaxis), axes._left_title)]
    telephone = 375 / (72 * figure.get_figwidth())  # points to pixels of a narrow telephone
    assert min(sizes) * telephone >= 8


@pytest.mark.parametrize('name', ['scores', 'accuracy', 'modes'])
def test_shares_have_an_axis_a_little_longer_than_from_0_to_1(tmp_path, drawn, name):
    write_facts(tmp_path, **({'shape': (2,)} if name == 'modes' else {}))
    write_batches(tmp_path, {'dis/real': np.full(40, 0.5), 'dis/fake': np.full(40, 0.4)})
    rows = [{'iteration': 40, 'dis/accuracy': 0.5, 'modes/caught': 4, 'modes/good': 0.5}]
    write_rows(tmp_path / 'metrics.jsonl', rows)
    FIGURES[name](tmp_path)
    low, high = drawn[0].axes[-1].get_ylim()
    assert -0.05 <= low < 0 and 1 < high <= 1.05
