"""Any legal combination of settings trains, stays finite and resumes bit for bit.

An illegal one is refused before a folder is made.
"""

from __future__ import annotations

import json
import os
from functools import cache

import numpy as np
import pytest
import tiny
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gluongan import build, runtime
from gluongan.config import knobs
from gluongan.gan.augmentation import AUGMENTATIONS
from gluongan.gan.sampling import generate
from gluongan.nn.layers import weights
from gluongan.recipes import RECIPES, recipe
from gluongan.runtime import mx

KNOBS = knobs()
DEFAULT = object()


def rarely(*values):
    """The default in half of the draws, else one of `values`."""
    return st.just(DEFAULT) | st.sampled_from(values)


def number(low, high):
    """A plain decimal from low to high, such as somebody would type."""
    return st.integers(0, 1000).map(lambda part: float(f'{low + (high - low) * part / 1000:.4g}'))


SMALL = {
    'data': st.sampled_from(('synthetic', 'synthetic', 'ring8')),
    'precision': st.sampled_from(('float32', 'bfloat16') if runtime.HAS_AMX else ('float32',)),
    'image_size': st.sampled_from((8, 12)),
    'channels': st.sampled_from((None, 1, 3)),
    **dict.fromkeys(('fit', 'background', 'frames'), st.none()),  # only for pictures
    'clusters': rarely(1, 5),
    'latent': st.integers(1, 8),
    'gen_hidden': st.lists(st.integers(1, 9), max_size=2).map(tuple),
    'dis_hidden': st.lists(st.integers(1, 9), max_size=2).map(tuple),
    'conv_width': st.integers(4, 8),
    'conv_depth': st.sampled_from((None, 1, 2)),
    'conv_extra': rarely(1, 2),
    'dis_beside': st.lists(st.integers(1, 9), max_size=2).map(tuple),
    'gen_modulated': rarely(True),
    'leaky_slope': number(0, 1),
    'batchnorm_momentum': number(0, 0.99),
    'gen_dropout': rarely(0.1, 0.6),
    'dis_dropout': rarely(0.1, 0.6),
    'dis_kernels': rarely(1, 4),
    'dis_stddev': rarely(True),
    'dis_batchnorm': rarely(True),
    'pack': st.sampled_from((1, 2, 3, 4)),
    'batch': st.sampled_from((8, 12, 16)),
    'penalty_weight': st.none() | number(0, 20),
    'penalty_every': st.integers(1, 3),
    'dis_steps': st.integers(1, 3),
    'gen_steps': st.integers(1, 3),
    'class_weight': rarely(0.1, 2.0),
    'real_target': rarely(0.7, 0.9),
    'fake_target': rarely(0.1, 0.3),
    'instance_noise': rarely(0.01, 1.0),
    'noise_until': st.integers(1, 5),
    'augment': st.lists(st.sampled_from(AUGMENTATIONS), unique=True, max_size=4).map(tuple),
    'augment_probability': number(0, 1),
    'augment_target': rarely(-1.0, 0.0, 0.6),
    'augment_span': st.integers(10, 200),
    'ema': rarely(0.5, 0.999),
    'clip': rarely(0.01, 1.0),
    'lr': number(1e-5, 1e-3),
    'gen_lr': st.none() | number(1e-5, 1e-3),
    'dis_lr': st.none() | number(1e-5, 1e-3),
    'beta1': number(0, 0.95),
    'beta2': number(0.5, 0.9999),
    'decay': number(0.1, 0.99),
    'momentum': number(0, 0.95),
    'schedule_iterations': st.integers(1, 9),
    'seed': st.integers(0, 2**31 - 1),
    'samples': st.integers(1, 9),
}


def any_value(knob):
    """Every value of a knob that has choices or is a switch; None for other knobs."""
    if knob.choices and knob.optional:
        return st.sampled_from((None, *knob.choices))
    if knob.choices:
        return st.sampled_from(knob.choices)
    return st.booleans() if knob.kind == 'bool' else None


ANY = {name: any_value(knob) for name, knob in KNOBS.items()}
DRAWN = {**{name: values for name, values in ANY.items() if values is not None}, **SMALL}


@st.composite
def configs(draw):
    """Any legal Config of a tiny run: settings that contradict others get their default."""
    chosen = {name: draw(values) for name, values in DRAWN.items()}
    chosen = {name: value for name, value in chosen.items() if value is not DEFAULT}
    if chosen['data'] == 'ring8':
        chosen.update(image_size=None, channels=None)
    return tiny.mended(device='cpu', **chosen)


@cache
def load_data(data, image_size, channels, binarize):
    settings = {'image_size': image_size, 'channels': channels, 'binarize': binarize}
    return build.load_data(tiny.tiny(data=data, gen_output=None, **settings))


def make_updater(config):
    dataset = load_data(config.data, config.image_size, config.channels, config.binarize)
    return build.make_updater(config, dataset)


def test_every_setting_that_changes_a_number_is_drawn():
    free = {name for name, knob in KNOBS.items() if knob.free}
    assert set(KNOBS) - set(DRAWN) == free | {'recipe'}


def run(updater, iterations):
    for _ in range(iterations):
        updater.update()
    updater.drain()
    return updater.take()


def assert_same_state(first, second):
    """Assert that two states hold the same bits."""
    (arrays, meta), (other_arrays, other_meta) = first, second
    assert meta == other_meta
    assert list(arrays) == list(other_arrays)
    for name, value in arrays.items():
        np.testing.assert_array_equal(value, other_arrays[name], err_msg=name)


def continued(config, at, total):
    """Train for `total` iterations, and from `at` on also in new objects, which must be the same.

    The new objects are made from another seed. Returns the first updater and all observations.
    """
    first = make_updater(config)
    second = make_updater(config.with_settings({'seed': config.seed ^ 1}))
    observations = run(first, at)
    arrays, meta = first.state()
    arrays = {name: value.copy() for name, value in arrays.items()}
    mx.random.seed(12345)  # MXNet's own generator may have any state
    second.seed = config.seed
    second.restore(arrays, json.loads(json.dumps(meta)))
    later = run(second, total - at)
    assert run(first, total - at) == later
    assert len(observations + later) == total
    assert_same_state(first.state(), second.state())
    return first, observations + later


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(configs())
def test_any_legal_config_trains_stays_finite_and_resumes_bit_for_bit(config):
    updater, observations = continued(config, 3, 4)
    assert np.isfinite(observations).all(), observations
    for net in (updater.gen, updater.dis):
        for name, value in weights(net).items():
            assert np.isfinite(value.asnumpy()).all(), name
    x = generate(updater.sampler, updater.fixed_inputs(5))
    assert x.shape == (5, *updater.real.dataset.shape)
    assert np.isfinite(x).all()
    if updater.real.dataset.is_image and config.gen_output != 'identity':
        assert x.min() >= 0
        assert x.max() <= 1
    if config.clip:
        for parameter in updater.opt_dis.parameters:
            assert abs(parameter.data().asnumpy()).max() <= np.float32(config.clip)


# Illegal ones


@pytest.fixture(scope='module')
def empty_folder(tmp_path_factory):
    """The working directory of these tests, in which nothing may appear."""
    original, folder = os.getcwd(), tmp_path_factory.mktemp('empty')
    os.chdir(folder)
    yield folder
    os.chdir(original)


IMAGES = {'data': 'synthetic', 'image_size': 8}
POINTS = {
    'data': 'ring8',
    'image_size': None,
    'channels': None,
    'binarize': False,
    'mirror': False,
    'clusters': 0,
    'augment': (),
    'gen_output': None,
    'network': 'dense',
}
PLAIN = {
    'penalty': None,
    'real_target': 1.0,
    'fake_target': 0.0,
    'pack': 1,
    'network': 'dense',
    'dis_head': 'logit',
    'precision': 'float32',
}
# Settings that contradict each other, and how the message begins.
IMPOSSIBLE = [
    ({'penalty': 'gp', 'dis_batchnorm': True}, '--penalty gp: '),
    ({'penalty': 'gp', 'dis_kernels': 2}, '--penalty gp: '),
    ({'penalty': 'gp', 'dis_stddev': True}, '--penalty gp: '),
    ({'penalty': 'gp', 'dis_dropout': 0.5}, '--penalty gp: '),
    ({**PLAIN, 'loss': 'hinge', 'real_target': 0.9}, '--real-target 0.9: '),
    ({**PLAIN, 'loss': 'wasserstein', 'real_target': 0.9}, '--real-target 0.9: '),
    ({**PLAIN, 'loss': 'relativistic', 'real_target': 0.9}, '--real-target 0.9: '),
    ({**PLAIN, 'batch': 8, 'pack': 7}, '--pack 7: '),
    ({**PLAIN, **POINTS, 'network': 'conv'}, '--network conv: '),
    ({**IMAGES, **PLAIN, 'network': 'conv', 'dis_head': 'softmax'}, '--dis-head softmax: '),
    ({**IMAGES, **PLAIN, 'network': 'conv', 'precision': 'bfloat16'}, '--precision bfloat16: '),
    ({**PLAIN, 'loss': 'least_squares', 'dis_head': 'softmax'}, '--dis-head softmax: '),
    ({**PLAIN, **POINTS, 'gen_output': 'tanh'}, '--gen-output tanh: '),
    ({**PLAIN, **POINTS, 'binarize': True}, '--binarize: '),
    ({**PLAIN, **POINTS, 'mirror': True}, '--mirror: '),
    ({**PLAIN, **POINTS, 'conditional': True, 'clusters': 3}, '--clusters 3: '),
    ({**PLAIN, **POINTS, 'augment': ('shift',)}, '--augment shift: '),
    ({**PLAIN, **POINTS, 'image_size': 8}, '--image-size 8: '),
    ({**PLAIN, **IMAGES, 'batch': 1, 'gen_batchnorm': True}, '--batch 1: '),
    ({**PLAIN, **IMAGES, 'batch': 513}, '--batch 513: '),
    ({**PLAIN, **IMAGES, 'network': 'conv', 'conv_depth': 4}, '--conv-depth 4: '),
    ({'data': 'nowhere/at/all'}, '--data nowhere/at/all: '),
]
for name in DRAWN:
    if KNOBS[name].kind in ('int', 'float') and not KNOBS[name].choices:
        IMPOSSIBLE.append(({name: KNOBS[name].high + 1}, f'--{name.replace("_", "-")} '))


@pytest.mark.parametrize(('changes', 'beginning'), IMPOSSIBLE, ids=repr)
@settings(max_examples=2, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(config=configs())
def test_legal_config_with_one_impossible_setting_is_refused_by_its_flag_before_a_folder_is_made(
    empty_folder, config, changes, beginning
):
    flags = tiny.typed({**config.to_dict(), **changes})
    message = tiny.refused('train', *flags, '--out', empty_folder / 'runs')
    assert message.startswith(beginning)
    assert not list(empty_folder.iterdir())


# Recipes, and combinations that somebody would choose

# 512 samples in batches of 150: the resume is in the middle of an epoch of three iterations.
SHRUNK = {
    'latent': 6,
    'gen_hidden': (9, 7),
    'dis_hidden': (8,),
    'conv_width': 4,
    'batch': 150,
    'pack': 1,
    'data': 'synthetic',
    'image_size': 12,
    'iterations': 8,
    'device': 'cpu',
}
VARIANTS = {
    **{name: {'recipe': name} for name in RECIPES},
    'dropout': {'gen_dropout': 0.3, 'dis_dropout': 0.4},
    'three D steps': {'dis_steps': 3, 'shared_noise': True},
    'D with BatchNorm': {'dis_batchnorm': True},
    'sgd': {'recipe': 'vanilla', 'optimizer': 'sgd', 'lr': 0.05, 'momentum': 0.0},
    'rmsprop and fresh noise': {'optimizer': 'rmsprop', 'shared_noise': False},
    'points': {'recipe': 'vanilla', 'data': 'ring8', 'image_size': None, 'dis_steps': 2},
    'packed critic on points': {
        'data': 'ring8',
        'image_size': None,
        'pack': 3,
        'loss': 'wasserstein',
        'penalty': 'gp',
    },
    'shortest schedule': {'schedule': 'cosine', 'schedule_iterations': 1, 'iterations': 1},
    'linear critic': {'penalty': 'gp', 'dis_hidden': (), 'loss': 'wasserstein'},
    'conditional colour, everything': {
        'network': 'conv',
        'channels': 3,
        'conditional': True,
        'dis_spectral': True,
        'pack': 2,
        'loss': 'hinge',
        'penalty': 'r1',
        'ema': 0.9,
        'instance_noise': 0.2,
        'noise_until': 6,
        'augment': ('color', 'shift', 'cutout', 'mirror'),
        'mirror': True,
        'schedule': 'cosine',
        'gen_steps': 2,
        'gen_dropout': 0.3,
    },
}


@pytest.mark.same_bits
@pytest.mark.parametrize('variant', VARIANTS)
def test_a_resumed_run_is_the_same_run_bit_for_bit(variant):
    changes = {'recipe': 'dense', **VARIANTS[variant]}
    config = recipe(changes['recipe']).with_settings({**SHRUNK, **changes})
    updater, observations = continued(config, 4, 8)
    straight = make_updater(config)
    assert run(straight, 8) == observations
    assert_same_state(straight.state(), updater.state())
    initial, _ = make_updater(config).state()
    trained, _ = straight.state()
    for name, value in trained.items():
        if name.startswith('gen/0.weight'):
            assert (value != initial[name]).any()


PACKED_RUN = """
import sys
sys.path.insert(0, {tests!r})
import tiny
from gluongan import figures
figures.draw_all = lambda run: []
for pack in {packs}:
    tiny.begun(f'{out}/{{pack}}', pack=pack, batch=48, iterations=2)
"""


# 200 real and 200 generated samples are judged: no multiple of 3 or 16. In a process of its own, as
# MXNet aborts the process at a batch that is no multiple of the pack.
def test_packed_run_is_evaluated_whatever_the_pack(tmp_path, python):
    packs = (2, 3, 16)
    python(PACKED_RUN.format(tests=os.path.dirname(__file__), out=tmp_path, packs=packs))
    for pack in packs:
        (metrics,) = tmp_path.glob(f'{pack}/*/metrics.jsonl')
        assert all(0 <= row['dis/accuracy'] <= 1 for row in tiny.rows(metrics)), pack
