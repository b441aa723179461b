"""The published settings of each recipe, written out a second time from the write-ups' tables."""

from __future__ import annotations

import inspect

import pytest

from gluongan import recipes
from gluongan.config import ConfigError
from gluongan.errors import as_typed

PUBLISHED = {
    'dense': {
        'data': 'mnist',
        'latent': 100,
        'gen_hidden': (256, 512, 1024),
        'dis_hidden': (512, 256),
        'gen_output': None,
        'gen_activation': 'leaky_relu',
        'dis_activation': 'leaky_relu',
        'leaky_slope': 0.2,
        'gen_batchnorm': True,
        'dis_batchnorm': False,
        'batchnorm_momentum': 0.8,
        'dis_head': 'logit',
        'noise': 'normal',
        'batch': 128,
        'optimizer': 'adam',
        'lr': 2e-4,
        'beta1': 0.5,
        'beta2': 0.999,
        'dis_steps': 1,
        'clip': None,
        'iterations': 15_000,
        'gen_dropout': 0.0,
        'dis_dropout': 0.0,
        'binarize': False,
    },
    'vanilla': {
        'data': 'mnist',
        'latent': 100,
        'gen_hidden': (200, 500),
        'dis_hidden': (500, 200),
        'gen_activation': 'relu',
        'dis_activation': 'relu',
        'gen_batchnorm': False,
        'dis_batchnorm': False,
        'init': 'he',
        'noise': 'uniform',
        'batch': 128,
        'iterations': 500_000,
        'optimizer': 'adam',
        'lr': 1e-3,
        'beta1': 0.9,
        'beta2': 0.999,
        'loss': 'nonsaturating',
        'dis_steps': 1,
        'shared_noise': True,
        'dis_head': 'logit',
        'gen_output': None,
    },
    'binarized': {
        'data': 'mnist',
        'binarize': True,
        'batch': 200,
        'latent': 28,
        'noise': 'normal',
        'gen_hidden': (500,),
        'gen_activation': 'tanh',
        'gen_output': None,
        'dis_hidden': (500,),
        'dis_activation': 'tanh',
        'dis_head': 'softmax',
        'loss': 'nonsaturating',
        'optimizer': 'adam',
        'lr': 1e-3,
        'beta1': 0.9,
        'beta2': 0.999,
        'shared_noise': True,
        'dis_steps': 1,
        'gen_batchnorm': False,
        'dis_batchnorm': False,
    },
    'goodfellow': {
        'data': 'mnist',
        'gen_hidden': (128,),
        'dis_hidden': (128,),
        'gen_activation': 'relu',
        'dis_activation': 'relu',
        'dis_head': 'logit',
        'dis_steps': 1,
        'shared_noise': False,
        'optimizer': 'sgd',
        'loss': 'nonsaturating',
        'gen_batchnorm': False,
        'dis_batchnorm': False,
        'clip': None,
    },
    'wgan': {
        'data': 'mnist',
        'gen_hidden': (128,),
        'dis_hidden': (128,),
        'gen_activation': 'relu',
        'dis_activation': 'relu',
        'dis_head': 'logit',
        'loss': 'wasserstein',
        'optimizer': 'rmsprop',
        'lr': 1e-4,
        'clip': 0.01,
        'shared_noise': False,
        'gen_batchnorm': False,
        'dis_batchnorm': False,
    },
    'conditional': {'conditional': True, 'data': 'mnist', 'network': 'dense'},
    'dcgan': {
        'network': 'conv',
        'gen_activation': 'relu',
        'gen_output': 'tanh',
        'dis_activation': 'leaky_relu',
        'leaky_slope': 0.2,
        'gen_batchnorm': True,
        'dis_batchnorm': True,
        'init': 'normal',
        'optimizer': 'adam',
        'lr': 2e-4,
        'beta1': 0.5,
        'batch': 128,
        'latent': 100,
        'noise': 'normal',
    },
    'wgan_gp': {
        'loss': 'wasserstein',
        'penalty': 'gp',
        'penalty_weight': 10.0,
        'dis_steps': 5,
        'optimizer': 'adam',
        'lr': 1e-4,
        'beta1': 0.5,
        'beta2': 0.9,
        'dis_batchnorm': False,
        'clip': None,
    },
    'lsgan': {
        'network': 'conv',
        'loss': 'least_squares',
        'real_target': 1.0,
        'fake_target': 0.0,
        'lr': 2e-4,
        'beta1': 0.5,
    },
    'dragan': {
        'network': 'conv',
        'loss': 'nonsaturating',
        'penalty': 'dragan',
        'dis_batchnorm': False,
        'beta1': 0.5,
    },
    'sngan': {
        'network': 'conv',
        'loss': 'hinge',
        'dis_spectral': True,
        'dis_batchnorm': False,
        'lr': 2e-4,
        'beta1': 0.5,
    },
    'projection': {
        'network': 'conv',
        'conditional': True,
        'dis_projection': True,
        'gen_activation': 'relu',
        'lr': 2e-4,
        'beta1': 0.5,
        'dis_activation': 'leaky_relu',
        'loss': 'nonsaturating',
        'optimizer': 'adam',
    },
    'sn_projection': {
        'network': 'conv',
        'conditional': True,
        'dis_projection': True,
        'dis_spectral': True,
        'loss': 'hinge',
        'optimizer': 'adam',
        'lr': 2e-4,
        'beta1': 0.0,
        'beta2': 0.9,
        'dis_steps': 5,
        'gen_activation': 'relu',
        'dis_activation': 'relu',
    },
    'modulated': {
        'network': 'conv',
        'gen_modulated': True,
        'dis_spectral': True,
        'dis_batchnorm': False,
        'loss': 'hinge',
        'optimizer': 'adam',
        'lr': 2e-4,
        'beta1': 0.5,
        'conditional': False,
    },
    'modulated_projection': {
        'network': 'conv',
        'conditional': True,
        'gen_modulated': True,
        'dis_projection': True,
        'dis_spectral': True,
        'loss': 'hinge',
        'optimizer': 'adam',
        'class_weight': 0.0,
    },
    'mixture': {
        'data': 'grid25',
        'latent': 2,
        'noise': 'normal',
        'loss': 'nonsaturating',
        'optimizer': 'adam',
    },
}

# Where we depart from a published setting: our value, and the text by which the docstring says so.
DEPARTURES = {
    ('vanilla', 'beta1'): (0.5, '`--beta1 0.9`'),
    ('sn_projection', 'beta1'): (0.5, 'beta1 0.5'),
    ('sn_projection', 'beta2'): (0.999, 'beta2 0.999'),
    ('sn_projection', 'dis_steps'): (1, '1 update'),
    ('sn_projection', 'dis_activation'): ('leaky_relu', 'ReLU in\nboth networks'),
    ('modulated', 'lr'): (3e-4, '3e-4 with beta1 0.5 (paper: 2e-4)'),
    ('modulated_projection', 'class_weight'): (0.05, 'weight 0.05 in both losses'),
    ('projection', 'network'): ('dense', 'fully connected layers'),
    ('projection', 'gen_activation'): ('leaky_relu', 'LeakyReLU'),
}


def published():
    for name, settings in PUBLISHED.items():
        for setting in settings:
            yield name, setting


@pytest.mark.parametrize(('name', 'setting'), list(published()))
def test_recipe_has_its_published_setting_or_its_docstring_says_how_it_departs(name, setting):
    value, text = DEPARTURES.get((name, setting), (PUBLISHED[name][setting], ''))
    assert getattr(recipes.recipe(name), setting) == value
    assert text in deviations(name)


def docstring(name):
    return inspect.getdoc(recipes.RECIPES[name])


def deviations(name):
    return docstring(name).partition('Deviations: ')[2]


@pytest.mark.parametrize('name', sorted(recipes.RECIPES))
def test_recipe_has_its_own_name_and_one_learning_rate_for_both_networks(name):
    config = recipes.recipe(name)
    assert config.recipe == name and (config.gen_lr, config.dis_lr) == (None, None)


@pytest.mark.parametrize('name', sorted(recipes.RECIPES))
def test_docstring_names_source_and_deviations(name):
    text = docstring(name)
    summary, _, details = text.partition('\n')
    assert summary.endswith('.') and details.startswith('\n')
    assert text.index('Source: ') < text.index('Deviations: ')


@pytest.mark.parametrize(
    ('name', 'parts'),
    [
        ('dense', ('1,493,520', '533,505', 'minimax', '2e-4', 'batch 128')),
        ('binarized', ('20 epochs', '6,000')),
        ('goodfellow', ('1406.2661', '20,000', '10^6', '0.1', '0.5')),
        ('wgan', ('1701.07875', '5 critic', '20,000', '10^6')),
        ('projection', ('drops 0.3', '0.999')),
        ('sn_projection', ('32 filters', 'input of the generator', '12,000', '0.999')),
        ('modulated', ('32 filters', '512 fully connected', '12,000', '0.999')),
    ],
)
def test_docstring_says_what_is_ours(name, parts):
    assert all(part in docstring(name) for part in parts)


def test_projection_is_conditional_with_a_projected_label_and_dropout():
    conditional, projection = recipes.recipe('conditional'), recipes.recipe('projection')
    assert conditional.differences(projection).keys() == {
        'recipe',
        'dis_projection',
        'dis_dropout',
        'iterations',
        'sample_every',
        'eval_every',
        'snapshot_every',
    }
    assert (projection.dis_dropout, projection.ema) == (0.3, 0.999)


def test_sn_projection_is_a_conditional_sngan_with_half_of_its_filters():
    sngan, conditional = recipes.recipe('sngan'), recipes.recipe('sn_projection')
    assert conditional.differences(sngan).keys() == {
        'recipe',
        'conditional',
        'dis_projection',
        'conv_width',
        'ema',
        'iterations',
        'sample_every',
        'eval_every',
        'snapshot_every',
    }
    assert (sngan.conv_width, conditional.conv_width) == (64, 32)


def test_modulated_is_an_sngan_with_half_of_its_filters_and_layers_beside_them():
    sngan, modulated = recipes.recipe('sngan'), recipes.recipe('modulated')
    assert modulated.differences(sngan).keys() == {
        'recipe',
        'conv_width',
        'gen_modulated',
        'dis_beside',
        'lr',
        'ema',
        'iterations',
        'sample_every',
        'eval_every',
        'snapshot_every',
    }
    assert (modulated.dis_beside, modulated.ema) == ((512,), 0.999)


def test_modulated_projection_is_modulated_with_a_projected_label_and_a_classifier():
    modulated, conditional = recipes.recipe('modulated'), recipes.recipe('modulated_projection')
    assert conditional.differences(modulated).keys() == {
        'recipe',
        'conditional',
        'dis_projection',
        'class_weight',
    }


def test_every_recipe_is_written_out_here():
    assert set(PUBLISHED) == set(recipes.RECIPES)


@pytest.mark.parametrize('name', ['', 'Dense', 'gan', 'recipe', '__class__'])
def test_unknown_recipe_is_refused_and_the_known_ones_are_named(name):
    with pytest.raises(ConfigError) as caught:
        recipes.recipe(name)
    assert str(caught.value).startswith(f'recipe {as_typed(name)}: must be one of ')
    assert all(known in str(caught.value) for known in recipes.RECIPES)
