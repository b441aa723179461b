"""benchmarks/results.py: the page is what the runs' files say, and no finished run is repeated."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import tiny

from gluongan import figures, recipes

HOME = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])


@pytest.fixture
def results():
    spec = importlib.util.spec_from_file_location('results', HOME / 'benchmarks' / 'results.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def finished_run(out, distance, **settings):
    """A small run whose files say that it is of digits."""
    run = tiny.begun(out, iterations=4, log_every=2, **settings).folder
    config = json.loads((run / 'config.json').read_text())
    config.update({'data': 'mnist', 'image_size': None})
    (run / 'config.json').write_text(json.dumps(config))
    metrics = {'lenet_fd10k_test': distance, 'lenet_classes10k': 9}
    (run / 'evaluation.json').write_text(json.dumps({'metrics': metrics}))
    (run / 'done').write_text('')
    return run.rename(run.with_name(run.name.replace('synthetic', 'mnist')))


@pytest.fixture
def page(tmp_path, results):
    """The page of three runs that differ in their seed, and the folder of its pictures."""
    distances = (10.0, 12.0, 14.0)
    runs = [finished_run(tmp_path / 'runs', d, seed=seed) for seed, d in enumerate(distances)]
    target = tmp_path / 'page' / 'results.md'
    return results.page(runs, target, 'python benchmarks/results.py'), target.parent / 'results'


def test_the_page_has_mean_and_deviation_over_seeds(page):
    text, _ = page
    row = next(line for line in text.splitlines() if line.startswith('| `dense` |'))
    assert row.split('|')[2:7] == [' 3 ', ' 4 ', ' 0.0 ', ' 12 ± 2 ', ' 9 ']
    assert 'FD is `lenet_fd10k_test`' in text


def test_the_page_has_real_images_and_published_results_beside(page):
    text, _ = page
    assert '| real | | | | 0.463 ± 0.02 | 10 |' in text
    assert '| NS GAN | 6.8 ± 0.5 |' in text
    assert 'The protocol is not ours' in text


def test_the_page_shows_samples(page):
    text, pictures = page
    assert (pictures / 'dense-mnist.png').is_file()
    assert '](results/dense-mnist.png)' in text


def test_a_finished_run_is_found_by_all_its_settings(tmp_path, results):
    run = finished_run(tmp_path, 1.0, seed=3)
    assert results.folder(tmp_path, 'dense', 'mnist', 3) == run
    assert results.folder(tmp_path, 'dense', 'mnist', 4) is None
    assert results.folder(tmp_path, 'wgan', 'mnist', 3) is None


def test_a_run_that_was_killed_is_not_found(tmp_path, results):
    run = finished_run(tmp_path, 1.0, seed=3)
    (run / 'done').unlink()
    assert results.folder(tmp_path, 'dense', 'mnist', 3) is None


def test_each_picture_is_below_its_name_and_the_fifth_begins_a_new_row(results):
    lines = results.abreast({name: name.upper() for name in 'abcde'}).splitlines()
    assert lines == [
        '| a | b | c | d |',
        '| --- | --- | --- | --- |',
        '| A | B | C | D |',
        '| e |',
        '| E |',
    ]


def test_every_recipe_is_trained_except_the_one_of_points(results):
    assert set(recipes.RECIPES) - set(results.PICTURED) == {'mixture'}
