"""Adaptive augmentation follows the discriminator's overfitting as ADA says, and resumes."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import tiny
from PIL import Image
from test_figures_axes import check_layout
from test_figures_content import DIS, REAL, RULE, check_lines, drawn, write_facts, write_rows

from gluongan import build, figures
from gluongan.errors import InputError
from gluongan.figures import FIGURES
from gluongan.gan.adaptive import UPDATES, AdaptiveProbability
from gluongan.gan.augmentation import Augmentation
from gluongan.gan.updater import GANUpdater
from gluongan.runtime import mx

__all__ = ['drawn']  # a fixture

ADAPTIVE = {'augment': ('color', 'shift'), 'augment_target': 0.0, 'augment_span': 2000, 'lr': 1e-3}


def adaptive(target=0.6, span=1000):
    return AdaptiveProbability(Augmentation(['shift'], (1, 8, 8)), target, span)


def logits(seed, count=8):
    """Logits of an update; some are 0, and their mean sign differs from update to update."""
    random = np.random.default_rng(seed)
    return np.round(random.normal(random.normal(), 1, count)).astype(np.float32)


def by_hand(updates, target, span, samples):
    """The probability and r after each update, by ADA's rule in NumPy."""
    p, r, trace = 0.0, 0.0, []
    for number in range(1, len(updates) + 1):
        if number % 4 == 0:
            r = np.sign(np.concatenate(updates[number - 4 : number])).mean(dtype=np.float64)
            p = min(1.0, max(0.0, p + np.sign(r - target) * 4 * samples / span))
        trace.append((p, r))
    return trace


@pytest.mark.parametrize('target', [-1, -0.25, 0, 0.6, 1])
@pytest.mark.parametrize('span', [40, 1000])
def test_the_probability_moves_as_in_the_paper(target, span):
    updates = [logits(seed) for seed in range(41)]
    controller, trace = adaptive(target, span), []
    for y in updates:
        controller.observe(mx.nd.array(y), samples=8)
        trace.append((controller.augmentation.probability, controller.r))
    np.testing.assert_allclose(trace, by_hand(updates, target, span, 8), rtol=0, atol=1e-12)
    assert controller.numbers() == {'augment/p': trace[-1][0], 'augment/r': trace[-1][1]}


def test_it_rises_where_every_real_sample_is_known_and_falls_again():
    controller, p = adaptive(0.6, span=320), []
    for sign in [1] * 48 + [-1] * 48:
        controller.observe(mx.nd.ones(8) * sign, samples=8)
        p.append(controller.augmentation.probability)
    assert p[:3] == [0, 0, 0] and p[3] == pytest.approx(0.1)
    assert max(p) == p[47] == 1 and p[-1] == 0
    assert np.diff(p[:40]).min() >= 0 >= np.diff(p[48:]).max()


def test_packs_count_all_their_samples():
    alone, packed = adaptive(), adaptive()
    for _ in range(UPDATES):
        alone.observe(mx.nd.ones(8), samples=8)
        packed.observe(mx.nd.ones(2), samples=8)
    assert packed.numbers() == alone.numbers()


@pytest.mark.parametrize('at', range(9))
def test_it_resumes_in_the_middle_of_an_interval(at):
    updates = [logits(seed) for seed in range(13)]
    straight, resumed = adaptive(0), adaptive(0)
    for y in updates[:at]:
        straight.observe(mx.nd.array(y), samples=8)
    resumed.restore(json.loads(json.dumps(straight.state())))
    for y in updates[at:]:
        straight.observe(mx.nd.array(y), samples=8)
        resumed.observe(mx.nd.array(y), samples=8)
    assert resumed.state() == straight.state()
    np.testing.assert_allclose(straight.r, by_hand(updates, 0, 1000, 8)[-1][1])


@pytest.mark.parametrize(
    'change',
    [
        {'p': 1.5},
        {'p': -0.1},
        {'p': float('nan')},
        {'p': 'x'},
        {'p': None},
        {'r': 2},
        {'counts': [0, 0, 0]},
        {'counts': [0, 0, 0, 4]},
        {'counts': [9, 8, 8, 1]},
        {'counts': [0, -1, 0, 0]},
        {'counts': [0, 0, 2**60, 0]},
        {'counts': [0.5, 8, 8, 1]},
        {'counts': None},
        {'counts': []},
    ],
    ids=str,
)
def test_a_state_that_cannot_be_is_refused(change):
    controller = adaptive()
    with pytest.raises((ValueError, TypeError)):
        controller.restore({**controller.state(), **change})


@pytest.mark.parametrize(
    'target, span, message',
    [
        (1.5, 1000, 'augment_target 1.5: must be a number from -1 to 1'),
        (float('nan'), 1000, 'augment_target nan: must be'),
        (0.6, 0, 'augment_span 0: must be a whole number of at least 1'),
    ],
)
def test_a_target_that_cannot_be_is_refused(target, span, message):
    with pytest.raises(InputError, match=message):
        adaptive(target, span)


def updater_of(**changes):
    config = tiny.tiny(**{**ADAPTIVE, **changes})
    return build.make_updater(config, build.load_data(config))


def test_a_target_needs_an_augmentation():
    assert updater_of(augment=()).adaptive is None
    with pytest.raises(InputError, match=r'augment_target 0\.6: has no effect without `augment`'):
        other = updater_of(augment=())
        GANUpdater(other.gen, other.dis, other.real, augment_target=0.6)


@pytest.mark.parametrize('target, expected', [(-1.0, 'rises'), (1.0, 'stays')])
def test_a_run_adjusts_its_augmentation_by_its_own_scores(target, expected):
    updater = updater_of(augment_target=target, dis_steps=2)
    for _ in range(10):
        updater.update()
    p = updater.augmentation.probability
    # 20 updates of 32 samples: five adjustments of 4 · 32 / 2000.
    assert p == pytest.approx({'rises': 5 * 0.064, 'stays': 0}[expected])
    assert updater.adaptive.r > -1


def test_the_augmentation_of_a_run_is_as_likely_as_its_log_says(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])
    run = tiny.begun(tmp_path, **{**ADAPTIVE, 'augment_target': -1.0}, log_every=5)
    rows = tiny.rows(run.folder / 'log.jsonl')
    assert [row['augment/p'] for row in rows] == pytest.approx([0.064, 0.128, 0.192, 0.32])
    assert all(-1 <= row['augment/r'] <= 1 for row in rows)
    table = tiny.rows(run.folder / 'log.csv')
    assert [list(row) for row in table] == [list(row) for row in rows]
    assert [row['augment/p'] for row in table] == [row['augment/p'] for row in rows]


def test_a_run_without_a_target_has_no_such_columns(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])
    folder = tiny.begun(tmp_path, augment=('shift',), iterations=5, log_every=5).folder
    assert 'augment' not in (folder / 'log.csv').read_text() + (folder / 'log.jsonl').read_text()
    assert FIGURES['augmentation'](folder) is None


def test_a_resumed_run_keeps_its_table_and_its_figure_shows_it(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])
    straight = tiny.begun(tmp_path / 'a', **ADAPTIVE, log_every=3, snapshot_every=7)
    stopped = tiny.begun(tmp_path / 'b', until=10, **ADAPTIVE, log_every=3, snapshot_every=7)
    folder = shutil.copytree(stopped.folder, tmp_path / 'moved')
    resumed = tiny.resumed(folder)
    assert resumed.updater.adaptive.state() == straight.updater.adaptive.state()
    for name in ('log.csv', 'log.jsonl'):
        one, other = (tiny.rows(run.folder / name) for run in (straight, resumed))
        times = ('elapsed', 'iterations_per_second')
        assert [{**row, **dict.fromkeys(times, 0)} for row in one] == [
            {**row, **dict.fromkeys(times, 0)} for row in other
        ]
    with Image.open(FIGURES['augmentation'](folder)) as image:
        assert image.size[0] == 1024


def test_the_figure_shows_the_probability_r_and_the_target(tmp_path, drawn):
    write_facts(tmp_path)
    x, p, r = np.arange(100, 600, 100), [0, 0.1, 0.2, 0.15, 0.25], [0.1, 0.8, 0.7, 0.4, 0.9]
    rows = zip(x.tolist(), p, r)
    rows = [{'iteration': i, 'augment/p': p, 'augment/r': r} for i, p, r in rows]
    write_rows(tmp_path / 'log.jsonl', rows)
    (tmp_path / 'config.json').write_text(json.dumps({'augment_target': 0.6}))
    assert FIGURES['augmentation'](tmp_path) == tmp_path / 'figures' / 'augmentation.png'
    above, below = drawn[0].axes
    check_lines(above, {'probability, 0.250 at the end': (x, p, DIS)})
    check_lines(below, {'r, the mean sign of D(x)': (x, r, REAL), 'target, 0.6': (None, 0.6, RULE)})
    check_layout(drawn[0])
