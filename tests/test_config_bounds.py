"""The bounds of the settings, written down beside the declarations that they check."""

from __future__ import annotations

import pytest
from test_config import KNOBS, of_kind, refused

BILLION = 10**9
FRACTION = (0.0, 0.9999)
RATE = (1e-8, 10.0)
# Written down here once more: test_config takes the bounds from the knobs themselves.
BOUNDS = {
    'image_size': (8, 1024),
    'latent': (1, 65536),
    'clusters': (0, 1000),
    'conv_width': (1, 4096),
    'conv_depth': (1, 10),
    'conv_extra': (0, 8),
    'leaky_slope': (0.0, 1.0),
    'batchnorm_momentum': FRACTION,
    'gen_dropout': (0.0, 0.95),
    'dis_dropout': (0.0, 0.95),
    'dis_kernels': (0, 1024),
    'pack': (1, 64),
    'dis_steps': (1, 100),
    'gen_steps': (1, 100),
    'penalty_weight': (0.0, 1e6),
    'penalty_every': (1, 1000),
    'class_weight': (0.0, 1000.0),
    'real_target': (0.5, 1.0),
    'fake_target': (0.0, 0.5),
    'instance_noise': (0.0, 10.0),
    'noise_until': (1, BILLION),
    'augment_probability': (0.0, 1.0),
    'augment_target': (-1.0, 1.0),
    'augment_span': (1, BILLION),
    'ema': (0.0, 0.99999),
    'clip': (1e-6, 100.0),
    'lr': RATE,
    'gen_lr': RATE,
    'dis_lr': RATE,
    'beta1': FRACTION,
    'beta2': (0.0, 0.999999),
    'decay': FRACTION,
    'momentum': FRACTION,
    'schedule_iterations': (1, BILLION),
    'batch': (1, 65536),
    'iterations': (1, BILLION),
    'seed': (0, 2**31 - 1),
    'log_every': (1, BILLION),
    'sample_every': (1, BILLION),
    'eval_every': (1, BILLION),
    'snapshot_every': (1, BILLION),
    'keep': (1, 10_000),
    'judge_every': (1, BILLION),
    'judge_samples': (100, 100_000),
    'patience': (1, 10**6),
    'samples': (1, 1024),
}


def test_the_bounds_are_these():
    assert {name: (KNOBS[name].low, KNOBS[name].high) for name in of_kind('int', 'float')} == BOUNDS


@pytest.mark.parametrize('name', of_kind('sizes'))
def test_a_layer_has_from_one_to_65536_neurons(name):
    for size in (1, 65536):
        assert KNOBS[name].accepts((size,))
    for size in (0, 65537):
        refused(name, (size,), '65,536')
