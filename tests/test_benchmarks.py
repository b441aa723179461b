"""The suite of benchmarks/: cases that come from the recipes, products counted by hand, a page that says what was measured."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

# Last, so that the installed gluongan is the one that is tested.
sys.path.append(str(Path(__file__).resolve().parents[1]))
sys.path.append(str(Path(__file__).resolve().parents[1] / 'benchmarks' / 'peers'))

from layout import Layout
from protocol import variance_scales

from benchmarks import cases, limits
from gluongan.recipes import recipe

SMALL = {'data': 'synthetic', 'image_size': 16}


# Cases


def test_a_case_is_its_recipe_at_a_batch_size():
    assert len(cases.NAMES) == 18
    for name in cases.NAMES:
        own, _, batch = name.rpartition('-')
        changed = recipe(own).differences(cases.config(name))
        assert set(changed) <= {'batch', 'device'} and cases.config(name).batch == int(batch)


@pytest.mark.parametrize('name', ['dense', 'nothing-64', 'dense-', 'dense-x', ''])
def test_an_unknown_case_is_refused(name):
    with pytest.raises(ValueError, match='must be a recipe'):
        cases.config(name)


@pytest.mark.parametrize('own', cases.RECIPES)
def test_a_case_is_data_that_json_can_hold(own):
    case, updater, _ = cases.load(f'{own}-64', **SMALL)
    assert json.loads(json.dumps(case)) == {**case, 'config': {**case['config']}}
    for part, net in (('gen', updater.gen), ('dis', updater.dis)):
        names = {name.partition('.')[0] for name in net._collect_params_with_prefix()}
        assert names == {
            layer['name']
            for layer in case[part]
            if layer['kind'] in ('Dense', 'Conv', 'Deconv', 'BatchNorm')
        }
    assert case['epsilon'] == 1e-8 and case['lr'] == recipe(own).lr


def test_numbers_of_layers_are_those_of_the_recipe():
    case, _, _ = cases.load('dcgan-64', **SMALL)
    norms = [layer for layer in case['gen'] if layer['kind'] == 'BatchNorm']
    assert {layer['momentum'] for layer in norms} == {recipe('dcgan').batchnorm_momentum}
    assert case['gen'][-1]['activation'] == 'unit_tanh' and case['gen'][-1]['output'] == [1, 16, 16]


# What the peers share


@pytest.mark.parametrize('own', cases.RECIPES)
def test_the_other_layout_leads_back(own):
    case, updater, _ = cases.load(f'{own}-64', **SMALL)
    draw = np.random.default_rng(0)
    arrays = {
        name: draw.random(value.shape)
        for name, value in updater.state()[0].items()
        if not name.startswith('opt_')
    }
    there = Layout(case).channels_last(arrays)
    back = Layout(case).channels_first(there)
    assert all((back[name] == value).all() for name, value in arrays.items())
    moved = {name for name, value in arrays.items() if there[name].shape != value.shape}
    assert moved >= {
        name for name, value in arrays.items() if value.ndim == 4 and len(set(value.shape)) > 2
    }


def test_a_dense_layer_behind_a_picture_is_reordered_with_it():
    """W · flat(x), channels first, is W' · flat(x'), channels last."""
    case, updater, _ = cases.load('dcgan-64', **SMALL)
    head = case['dis'][-2]['name']
    x = np.random.default_rng(0).random(case['dis'][-4]['output'])
    w = updater.dis[int(head)].weight.data().asnumpy()
    other = Layout(case).channels_last({f'dis/{head}.weight': w})[f'dis/{head}.weight']
    assert np.allclose(w @ x.ravel(), x.transpose(1, 2, 0).ravel() @ other, rtol=1e-5, atol=1e-7)


def test_the_scale_of_a_running_variance_is_that_of_its_batch():
    case, _, _ = cases.load('dcgan-64', **SMALL)
    scales = variance_scales(case)
    norm = next(layer for layer in case['dis'] if layer['kind'] == 'BatchNorm')
    sides = norm['output'][1:]
    n = 64 * sides[0] * sides[1]
    assert scales[f'dis/{norm["name"]}.running_var'] == np.float32(n / (n - 1))


# Limits


def test_products_of_a_dense_gan_are_those_that_one_counts_by_hand():
    _, updater, _ = cases.load('dense-64', **SMALL, latent=5, gen_hidden=(7,), dis_hidden=(3,))
    found = {
        (p.layer[:1], p.shape_in, p.samples, p.kind): (p.times, p.flops)
        for p in limits.products(updater)
    }
    gen = 2 * 64 * 5 * 7, 2 * 64 * 7 * 256
    dis = 2 * 64 * 256 * 3, 2 * 64 * 3
    assert found == {
        ('G', (5,), 64, 'forward'): (1, gen[0]),
        ('G', (5,), 64, 'weight'): (1, gen[0]),
        ('G', (7,), 64, 'forward'): (1, gen[1]),
        ('G', (7,), 64, 'weight'): (1, gen[1]),
        ('G', (7,), 64, 'input'): (1, gen[1]),
        ('D', (256,), 128, 'forward'): (1, 2 * dis[0]),
        ('D', (256,), 128, 'weight'): (1, 2 * dis[0]),
        ('D', (3,), 128, 'forward'): (1, 2 * dis[1]),
        ('D', (3,), 128, 'weight'): (1, 2 * dis[1]),
        ('D', (3,), 128, 'input'): (1, 2 * dis[1]),
        ('D', (256,), 64, 'forward'): (1, dis[0]),
        ('D', (256,), 64, 'input'): (1, dis[0]),
        ('D', (3,), 64, 'forward'): (1, dis[1]),
        ('D', (3,), 64, 'input'): (1, dis[1]),
    }


def test_a_critic_that_steps_five_times_has_five_times_the_products():
    _, updater, _ = cases.load('wgan-64', **SMALL)
    times = {(p.layer[:1], p.samples, p.kind): p.times for p in limits.products(updater)}
    assert (
        times[('D', 128, 'weight')] == 5
        and times[('G', 64, 'forward')] == 6
        and times[('G', 64, 'weight')] == 1
    )


@pytest.mark.parametrize('own', ['dense', 'dcgan'])
def test_every_product_of_a_case_can_be_timed_alone(own):
    _, updater, _ = cases.load(f'{own}-64', **SMALL, conv_width=16)
    for product in limits.products(updater):
        assert 0 < limits.Stopwatch(product).best(2) < 10
