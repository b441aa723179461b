"""Every output that shows numbers or pictures of a run says after which iteration."""

from __future__ import annotations

import json
import re
from importlib import import_module

import pytest
import tiny
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from gluongan import figures
from gluongan.exports import verify
from gluongan.extensions.quick_metrics import QuickMetrics

LAST = 20
NAMED = re.compile(r'iteration (\d+)\b')


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    """A run of images that draws every figure of images, and a run of points."""
    out = tmp_path_factory.mktemp('runs')
    often = {'iterations': LAST, 'sample_every': 4, 'eval_every': 10, 'snapshot_every': 10}
    images = {'data': 'synthetic', 'samples': 32, 'augment': ('shift',), 'augment_target': 0.5}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, 'draw_all', lambda run: [])
        made = {'images': tiny.begun(out, **often, **images, log_every=10, keep=5)}
        points = {'data': 'ring8', 'image_size': None}
        patch.setattr(QuickMetrics, '_over_the_data', lambda *_: None)  # takes a second
        made['points'] = tiny.begun(out, **often, **points, log_every=10)
    return {name: trainer.folder for name, trainer in made.items()}


@pytest.fixture
def written(monkeypatch, texts):
    """A function that returns all texts of the pictures and figures that were drawn so far."""
    figures_drawn = []

    def keep(figure, file, **settings):
        figures_drawn.append(figure)
        Image.new('L', (1, 1)).save(file, format='png')

    monkeypatch.setattr(Figure, 'savefig', keep)

    def collected():
        found = [text for text, *_ in texts]
        for figure in figures_drawn:
            found += [text.get_text() for text in figure.findobj(Text)]
        return ' '.join(found).replace('\n', ' ')  # a title has several lines

    return collected


DRAWN_OF = {
    'images': [name for name in figures.FIGURES if name != 'modes'],
    'points': ['samples', 'losses', 'scores', 'accuracy', 'modes', 'training'],
}


@pytest.mark.parametrize(
    'kind, name', [(kind, name) for kind in DRAWN_OF for name in DRAWN_OF[kind]]
)
def test_every_figure_of_a_run_names_its_newest_iteration(runs, written, kind, name):
    assert figures.FIGURES[name](runs[kind]) is not None
    shown = 16 if name == 'epochs' else LAST  # where an epoch ended
    assert max(map(int, NAMED.findall(written())), default=None) == shown


def test_every_figure_is_among_those(runs):
    assert set(DRAWN_OF['images']) | set(DRAWN_OF['points']) == set(figures.FIGURES)


COMMANDS = {
    'sample': ['sample', '--seeds', '0,1'],
    'interpolate': ['interpolate', '--seeds', '0,1', '--steps', 1],
    'invert': ['invert', '--test', 2, '--steps', 1, '--starts', 1],
    'downsample': ['invert', '--test', 2, '--steps', 1, '--starts', 1, '--downsample', 2],
}


@pytest.mark.parametrize('which, iteration', [('last', LAST), ('10', 10)])
@pytest.mark.parametrize('name', COMMANDS)
def test_every_command_that_draws_names_the_iteration(
    runs, written, tmp_path, name, which, iteration
):
    command, *words = COMMANDS[name]
    out = tmp_path / ('x.png' if command != 'invert' else 'x')
    result = tiny.gluongan(command, runs['images'], *words, '--snapshot', which, '--out', out)
    assert result.exit_code == 0, result.stderr
    assert set(map(int, NAMED.findall(written()))) == {iteration}
    if command == 'invert':
        assert f'iteration {iteration}\n' in result.stdout
        assert json.loads((out / 'errors.json').read_text())['iteration'] == iteration


def test_points_and_the_samples_of_an_export_name_it_and_the_best_snapshot_says_so(
    runs, written, tmp_path, monkeypatch
):
    monkeypatch.setattr(verify, 'same_bits', lambda *_: None)
    export = tmp_path / 'export'
    words = ['export', runs['points'], '--out', export, '--snapshot', '10']
    assert tiny.gluongan(*words).exit_code == 0
    for number, source in enumerate((export, runs['points'])):
        out = tmp_path / f'{number}.png'
        assert tiny.gluongan('sample', source, '--seeds', '0-9', '--out', out).exit_code == 0
    assert NAMED.findall(written())[-1] == str(LAST) and 'iteration 10, seeds' in written()
    title = import_module('gluongan.cli.outputs').sheet_title
    assert title('samples of', tmp_path, 'cat', 10, 'best').endswith(
        'class cat, iteration 10 (best)'
    )
    assert 'iteration' not in title('samples of', tmp_path, None, None)


def test_compared_curves_and_samples_name_it(runs, written, tmp_path):
    groups = [(name, [run]) for name, run in runs.items()]
    assert figures.compared_curves(groups, tmp_path / 'c.png')
    assert f'to iteration {LAST}' in written()
    assert figures.compared_samples(groups, tmp_path / 's.png')
    assert written().endswith(f'iteration {LAST}') or f'iteration {LAST} ' in written()
