"""benchmarks.search: what its page, its figure and the importance of its settings say."""

from __future__ import annotations

import json
import math

import pytest

pytest.importorskip('optuna', reason="needs pip install 'gluongan[search]'")

import searches
from PIL import Image
from searches import SPEC, go, rows, states

from benchmarks.searching import page, trials
from benchmarks.searching.figure import parallel
from benchmarks.searching.importance import importance
from benchmarks.searching.spec import make_spec
from gluongan.errors import as_typed


@pytest.fixture(autouse=True)
def play(monkeypatch):
    return searches.new_play(monkeypatch)


def test_the_page_has_the_spec_the_best_and_all_trials(tmp_path):
    folder = go(tmp_path, most=6)
    text = (folder / page.PAGE).read_text()
    lines = text.splitlines()
    best = next(iter(rows(folder).values()))
    assert f'The best is trial {best["trial"]}, with a `samples/swd` of ' in text
    assert f'trials/{int(best["trial"]):05d}/settings.json --iterations 90`' in text
    heads = [line for line in lines if line.startswith('| trial | `lr` | `gen_hidden` | `beta1` |')]
    assert len(heads) == 1 and 'after 10 | after 30 | after 90' in heads[0]
    table = lines[lines.index(heads[0]) + 2 :][:6]
    assert [row.split('|')[1].strip() for row in table] == [f'{n}' for n in rows(folder)]
    assert sum('pruned after' in row for row in table) == states(folder)['pruned'] > 0
    block = text.split('```json\n')[1].split('```')[0]
    assert json.loads(block) == {**SPEC, 'sampler': 'random', 'seed': 0}


def test_the_machine_on_the_page_is_that_of_the_runs(tmp_path):
    folder = go(tmp_path, most=1)
    (run,) = folder.glob('trials/00000/0*')
    facts = {'processor': 'Abacus', 'cores': 2, 'threads': '1', 'gluongan': '9'}
    (run / 'environment.json').write_text(json.dumps(facts))
    text = (go(tmp_path, most=1) / page.PAGE).read_text()
    assert 'Machine: Abacus, 2 cores, 1 of them used; gluongan 9, mxnet unknown' in text


def made(count, value=lambda lr: math.log10(lr)):
    """Rows of trials in which `lr` alone decides."""
    found = []
    for number, chosen in zip(range(count), trials.first_combinations(make_spec(SPEC))):
        parameters = {**chosen, 'gen_hidden': as_typed(chosen['gen_hidden'])}
        values = {10: value(chosen['lr']), **({30: 1.0} if number < 3 else {})}
        found.append(trials.Row(number, chosen, parameters, 'pruned', values))
    return found


def test_the_setting_that_decides_has_the_largest_share():
    found = importance(make_spec(SPEC), made(30))
    assert (found.iterations, found.trials) == (10, 30)
    assert next(iter(found.shares)) == 'lr' and found.shares['lr'] > 0.8
    assert sum(found.shares.values()) == pytest.approx(1)


def test_without_enough_trials_or_without_a_difference_no_share_is_given():
    assert importance(make_spec(SPEC), made(9)) is None
    assert importance(make_spec(SPEC), made(12, lambda lr: 1.0)) is None


def test_the_figure_has_all_that_was_drawn_inside_of_it(tmp_path):
    path = parallel(make_spec(SPEC), made(5), tmp_path / 'parallel.png')
    image = Image.open(path).convert('L')
    width, height = image.size
    assert width == 1021 and 400 < height < 900
    edges = [(0, 0, width, 3), (0, height - 3, width, height), (0, 0, 3, height)]
    edges.append((width - 3, 0, width, height))
    assert all(image.crop(edge).getextrema() == (255, 255) for edge in edges)
    assert parallel(make_spec(SPEC), [], tmp_path / 'none.png') is None
