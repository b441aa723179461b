"""The programs of benchmarks/: cases that come from the recipes, and products counted by hand."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

# Last, so that the installed gluongan is the one that is tested.
sys.path.append(str(Path(__file__).resolve().parents[1]))
sys.path.append(str(Path(__file__).resolve().parents[1] / 'benchmarks' / 'peers'))

from layout import Layout
from protocol import variance_scales

from benchmarks import busy, cases, compare, driver, growth, limits, native, turns
from gluongan.errors import InputError
from gluongan.recipes import recipe

SMALL = {'data': 'synthetic', 'image_size': 16}
WEIGHTED = ('Dense', 'Conv', 'Deconv', 'BatchNorm')


def flat(described):
    """The layers of a network, with those inside a Projection."""
    for layer in described:
        yield layer
        if layer['kind'] == 'Projection':
            yield from [*layer['body'], layer['head'], layer['embed']]


# Cases


@pytest.mark.parametrize('name', cases.NAMES)
def test_a_case_is_its_recipe_at_a_batch_size(name):
    own, _, batch = name.rpartition('-')
    changed = {'batch', 'device', *cases.CHANGES.get(own, ())}
    assert set(recipe(own).differences(cases.config(name))) <= changed
    assert cases.config(name).batch == int(batch)


def test_the_cases_of_dense_are_the_plain_game():
    assert {cases.config(f'dense-{batch}').ema for batch in cases.BATCHES} == {0.0}


def test_there_are_seven_recipes_at_three_batch_sizes():
    assert len(cases.NAMES) == 21


@pytest.mark.parametrize('name', ['dense-200', 'wgan-64', 'dcgan-32', 'projection-3'])
def test_a_case_may_have_a_batch_size_that_the_suite_does_not_name(name):
    own, _, batch = name.rpartition('-')
    case, updater, _ = cases.load(name, **SMALL)
    assert case['batch'] == updater.real.batch == int(batch)
    assert case['config']['recipe'] == own


@pytest.mark.parametrize('name', ['dense', 'nothing-64', 'dense-', 'dense-x', 'dense-٣', ''])
def test_an_unknown_case_is_refused(name):
    with pytest.raises(InputError, match='must be a recipe'):
        cases.config(name)


@pytest.mark.parametrize('names', ['dense-x', 'dense-128,nothing-64', 'dense-0', ''])
def test_a_program_refuses_unknown_cases_in_one_sentence(names, capsys):
    parser = argparse.ArgumentParser()
    cases.add_option(parser, cases.NAMES)
    assert parser.parse_args([]).cases == cases.NAMES
    assert parser.parse_args(['--cases', 'dense-200']).cases == ['dense-200']
    with pytest.raises(SystemExit) as stopped:
        parser.parse_args(['--cases', names])
    assert stopped.value.code == 2
    assert 'must be' in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize('own', cases.RECIPES)
def test_a_case_is_data_that_json_can_hold(own):
    case, updater, _ = cases.load(f'{own}-64', **SMALL)
    assert json.loads(json.dumps(case)) == case
    for part, net in (('gen', updater.gen), ('dis', updater.dis)):
        names = {name.rpartition('.')[0] for name in net._collect_params_with_prefix()}
        assert names == {layer['name'] for layer in flat(case[part]) if layer['kind'] in WEIGHTED}
    assert case['epsilon'] == 1e-8 and case['lr'] == recipe(own).lr


def test_numbers_of_layers_are_those_of_the_recipe():
    case, _, _ = cases.load('dcgan-64', **SMALL)
    momenta = {layer['momentum'] for layer in case['gen'] if layer['kind'] == 'BatchNorm'}
    assert momenta == {recipe('dcgan').batchnorm_momentum}
    assert case['gen'][-1]['activation'] == 'unit_tanh'
    assert case['gen'][-1]['output'] == [1, 16, 16]


def test_a_projection_is_described_with_the_layers_inside():
    case, updater, _ = cases.load('projection-64', **SMALL, dis_hidden=(7, 3))
    projection, _ = case['dis']
    assert (projection['classes'], projection['name']) == (updater.classes, '0')
    body = [(layer['kind'], layer['output']) for layer in projection['body']]
    hidden = [('Dense', [7]), ('Dropout', [7]), ('Dense', [3]), ('Dropout', [3])]
    assert body == [('Flatten', [256]), *hidden]
    assert projection['body'][2]['rate'] == recipe('projection').dis_dropout
    assert (projection['head']['bias'], projection['embed']['bias']) == (True, False)
    assert projection['embed']['name'] == '0.embed'


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


def test_products_of_a_projection_are_those_of_the_layers_inside():
    _, updater, _ = cases.load('projection-64', **SMALL, dis_hidden=(3,))
    classes = updater.classes
    counted = {}
    for each in limits.products(updater):
        if each.layer.startswith('D') and each.samples == 128:
            counted[each.shape_in, each.shape_out, each.kind] = each.flops
    body, head, embed = ((256,), (3,)), ((3,), (1,)), ((classes,), (3,))
    expected = {}
    for shapes, inputs in ((body, False), (head, True), (embed, False)):
        (units_in,), (units_out,) = shapes
        for kind in ('forward', 'weight', *(['input'] if inputs else [])):
            expected[(*shapes, kind)] = 2 * 128 * units_in * units_out
    assert counted == expected


# Turns


def test_samplers_take_turns_and_keep_their_samples_apart(monkeypatch):
    monkeypatch.setattr(turns, 'PAUSE', 0)
    numbers = iter(range(6))
    samplers = [lambda: next(numbers), lambda: -next(numbers)]
    assert turns.take_turns(samplers, 3) == [(0, 2, 4), (-1, -3, -5)]


def test_the_endless_loop_takes_time_of_the_processor_and_ends_with_its_scope():
    with busy.endless_loop() as process:
        deadline = time.monotonic() + 30
        while processor_ticks(process.pid) < 5 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert processor_ticks(process.pid) >= 5
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == os.getpriority(os.PRIO_PROCESS, 0)
    assert process.returncode is not None


def processor_ticks(pid):
    """How long a process has computed, in hundredths of a second."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return int(fields[11]) + int(fields[12])


def test_each_way_of_the_native_benchmark_has_its_own_switch():
    assert native.ways(['updates', 'threads+norms']) == {
        'none': '0',
        'updates': 'updates',
        'threads+norms': 'threads,norms',
        'all': None,
    }


def test_one_thread_has_files_of_its_own():
    assert compare.file_name('dense-200', 2) == 'compare-dense-200.json'
    assert compare.file_name('dense-200', 1) == 'one-thread-dense-200.json'


def test_the_recorded_command_holds_no_path_of_this_machine():
    words = ['--rounds', '7', '--environments', '/here', '--out=/there', '--threads', '1']
    expected = 'python -m benchmarks.compare --rounds 7 --threads 1'
    assert driver.typed('compare', words) == expected.split()


# Growth


@pytest.mark.parametrize('axis', ['side', 'sampling'])
def test_a_point_of_growth_is_measured_in_a_process_of_its_own(axis, monkeypatch):
    monkeypatch.setattr(growth, 'SAMPLES', 64)
    point = growth.Point(axis, 8, 'dense', {'data': 'synthetic', 'image_size': 8, 'batch': 4})
    seconds, megabytes = growth.measure(point, 0.01)
    assert 0 < seconds < 10 and megabytes > 10
