"""benchmarks/results.py: the page is what the runs' files say, and what is there is not done again."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import tiny

from gluongan import figures, recipes

HOME = Path(__file__).parent.parent


@pytest.fixture
def results():
    spec = importlib.util.spec_from_file_location('results', HOME / 'benchmarks' / 'results.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def made(out, value, **settings):
    """A small run whose report says it is of digits."""
    run = tiny.begun(out, iterations=4, log_every=2, **settings).folder
    config = json.loads((run / 'config.json').read_text())
    (run / 'config.json').write_text(json.dumps({**config, 'data': 'mnist', 'image_size': None}))
    (run / 'evaluation.json').write_text(
        json.dumps({'metrics': {'lenet_fd10k_test': value, 'lenet_classes10k': 9}})
    )
    (run / 'done').write_text('')
    return run.rename(run.with_name(run.name.replace('synthetic', 'mnist')))


def test_page_has_mean_and_deviation_real_pictures_samples_and_what_is_published(
    tmp_path, results, monkeypatch
):
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])
    runs = [
        made(tmp_path / 'runs', value, seed=seed) for seed, value in enumerate((10.0, 12.0, 14.0))
    ]
    text = results.page(runs, tmp_path / 'page' / 'results.md', 'python benchmarks/results.py')
    row = next(line for line in text.splitlines() if line.startswith('| `dense` |'))
    assert row.split('|')[2:7] == [' 3 ', ' 4 ', ' 0.0 ', ' 12 ± 2 ', ' 9 ']
    assert '| real | | | | 0.463 ± 0.02 | 10 |' in text and 'FD is `lenet_fd10k_test`' in text
    assert (
        tmp_path / 'page' / 'results' / 'dense-mnist.png'
    ).is_file() and '](results/dense-mnist.png)' in text
    assert '| NS GAN | 6.8 ± 0.5 |' in text and 'The protocol is not ours' in text


def test_run_that_is_there_is_found_by_all_its_settings(tmp_path, results, monkeypatch):
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])
    run = made(tmp_path, 1.0, seed=3)
    assert results.folder(tmp_path, 'dense', 'mnist', 3) == run
    assert (
        results.folder(tmp_path, 'dense', 'mnist', 4)
        is results.folder(tmp_path, 'wgan', 'mnist', 3)
        is None
    )
    (run / 'done').unlink()  # killed before its end
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


def test_every_recipe_is_trained_but_the_one_of_points(results):
    assert set(recipes.RECIPES) - set(results.PICTURED) == {'mixture'}
