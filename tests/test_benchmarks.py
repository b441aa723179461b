"""The programs of benchmarks/: cases that come from the recipes, and products counted by hand."""

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

from benchmarks import cases, growth, limits
from gluongan.recipes import recipe

SMALL = {'data': 'synthetic', 'image_size': 16}
WEIGHTED = ('Dense', 'Conv', 'Deconv', 'BatchNorm')


# Cases


@pytest.mark.parametrize('name', cases.NAMES)
def test_a_case_is_its_recipe_at_a_batch_size(name):
    own, _, batch = name.rpartition('-')
    assert set(recipe(own).differences(cases.config(name))) <= {'batch', 'device'}
    assert cases.config(name).batch == int(batch)


def test_there_are_six_recipes_at_three_batch_sizes():
    assert len(cases.NAMES) == 18


@pytest.mark.parametrize('name', ['dense', 'nothing-64', 'dense-', 'dense-x', ''])
def test_an_unknown_case_is_refused(name):
    with pytest.raises(ValueError, match='must be a recipe'):
        cases.config(name)


@pytest.mark.parametrize('own', cases.RECIPES)
def test_a_case_is_data_that_json_can_hold(own):
    case, updater, _ = cases.load(f'{own}-64', **SMALL)
    assert json.loads(json.dumps(case)) == case
    for part, net in (('gen', updater.gen), ('dis', updater.dis)):
        names = {name.partition('.')[0] for name in net._collect_params_with_prefix()}
        assert names == {layer['name'] for layer in case[part] if layer['kind'] in WEIGHTED}
    assert case['epsilon'] == 1e-8 and case['lr'] == recipe(own).lr


def test_numbers_of_layers_are_those_of_the_recipe():
    case, _, _ = cases.load('dcgan-64', **SMALL)
    momenta = {layer['momentum'] for layer in case['gen'] if layer['kind'] == 'BatchNorm'}
    assert momenta == {recipe('dcgan').batchnorm_momentum}
    assert case['gen'][-1]['activation'] == 'unit_tanh'
    assert case['gen'][-1]['output'] == [1, 16, 16]


# What the peers share


@pytest.mark.parametrize('own', cases.RECIPES)
def test_weights_in_the_other_layout_can_be_brought_back(own):
    case, updater, _ = cases.load(f'{own}-64', **SMALL)
    draw = np.random.default_rng(0)
    arrays = {}
    for name, value in updater.state()[0].items():
        if not name.startswith('opt_'):
            arrays[name] = draw.random(value.shape)
    theirs = Layout(case).channels_last(arrays)
    back = Layout(case).channels_first(theirs)
    for name, value in arrays.items():
        assert (back[name] == value).all()
        if value.ndim == 4 and len(set(value.shape)) > 2:
            assert theirs[name].shape != value.shape


def test_a_dense_layer_after_an_image_is_reordered_with_it():
    """W · flat(x), channels first, is W' · flat(x'), channels last."""
    case, updater, _ = cases.load('dcgan-64', **SMALL)
    name = case['dis'][-2]['name']
    x = np.random.default_rng(0).random(case['dis'][-4]['output'])
    w = updater.dis[int(name)].weight.data().asnumpy()
    theirs = Layout(case).channels_last({f'dis/{name}.weight': w})[f'dis/{name}.weight']
    assert np.allclose(w @ x.ravel(), x.transpose(1, 2, 0).ravel() @ theirs, rtol=1e-5, atol=1e-7)


def test_the_scale_of_a_running_variance_is_that_of_its_batch():
    case, _, _ = cases.load('dcgan-64', **SMALL)
    layer = next(layer for layer in case['dis'] if layer['kind'] == 'BatchNorm')
    height, width = layer['output'][1:]
    count = 64 * height * width
    scale = variance_scales(case)[f'dis/{layer["name"]}.running_var']
    assert scale == np.float32(count / (count - 1))


# Limits


def test_products_of_a_dense_gan_are_those_counted_by_hand():
    _, updater, _ = cases.load('dense-64', **SMALL, latent=5, gen_hidden=(7,), dis_hidden=(3,))
    counted = {}
    for each in limits.products(updater):
        key = (each.layer[:1], each.shape_in, each.samples, each.kind)
        counted[key] = (each.times, each.flops)
    gen = 2 * 64 * 5 * 7, 2 * 64 * 7 * 256
    dis = 2 * 64 * 256 * 3, 2 * 64 * 3
    assert counted == {
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


def test_a_critic_that_is_updated_five_times_has_five_times_the_products():
    _, updater, _ = cases.load('wgan-64', **SMALL)
    times = {}
    for each in limits.products(updater):
        times[each.layer[:1], each.samples, each.kind] = each.times
    assert times['D', 128, 'weight'] == 5
    assert times['G', 64, 'forward'] == 6
    assert times['G', 64, 'weight'] == 1


@pytest.mark.parametrize('own', ['dense', 'dcgan'])
def test_every_product_of_a_case_can_be_timed_alone(own):
    _, updater, _ = cases.load(f'{own}-64', **SMALL, conv_width=16)
    for product in limits.products(updater):
        assert 0 < limits.Stopwatch(product).best(2) < 10


# Growth


@pytest.mark.parametrize('axis', ['side', 'sampling'])
def test_a_point_of_growth_is_measured_in_a_process_of_its_own(axis, monkeypatch):
    monkeypatch.setattr(growth, 'SAMPLES', 64)
    point = growth.Point(axis, 8, 'dense', {'data': 'synthetic', 'image_size': 8, 'batch': 4})
    seconds, megabytes = growth.measure(point, 0.01)
    assert 0 < seconds < 10 and megabytes > 10
