"""The cases: six recipes at three batch sizes, as plain data for other frameworks."""

from __future__ import annotations

from typing import Any

from gluongan import build, data, recipes
from gluongan.config import Config
from gluongan.gan.updater import GANUpdater
from gluongan.nn import layers
from gluongan.runtime import mx

RECIPES = ('vanilla', 'dense', 'binarized', 'wgan', 'dcgan', 'conditional')
BATCHES = (64, 128, 512)
NAMES = [f'{recipe}-{batch}' for recipe in RECIPES for batch in BATCHES]

# The settings that a peer needs apart from the networks.
SETTINGS = (
    'batch',
    'latent',
    'noise',
    'loss',
    'optimizer',
    'lr',
    'beta1',
    'beta2',
    'decay',
    'clip',
    'dis_steps',
    'shared_noise',
    'ema',
)
RULES = {'adam': mx.optimizer.Adam, 'rmsprop': mx.optimizer.RMSProp}


def config(name: str, **changes: Any) -> Config:
    """Return the Config of a case such as `dense-128`: that recipe and batch size, on the CPU."""
    recipe, _, batch = name.rpartition('-')
    if recipe not in RECIPES or not batch.isdecimal():
        raise ValueError(
            f'case {name!r}: must be a recipe ({", ".join(RECIPES)}), a dash and a batch size, '
            'such as dense-128'
        )
    return recipes.recipe(recipe).with_settings({'batch': int(batch), 'device': 'cpu', **changes})


def describe(name: str, settings: Config, updater: GANUpdater) -> dict[str, Any]:
    """Return a case as data that JSON can hold: both networks and every number of the updates."""
    case = {'name': name, 'config': settings.to_dict()}
    for setting in SETTINGS:
        case[setting] = getattr(settings, setting)
    case['classes'] = updater.classes
    case['epsilon'] = RULES[settings.optimizer]().epsilon
    case['gen'] = describe_layers(updater.gen)
    case['dis'] = describe_layers(updater.dis)
    return case


def describe_layers(net: layers.Chain) -> list[dict[str, Any]]:
    """Return a network's layers with the shapes of their outputs.

    The name of a layer is its number, which is also in the names of its weights (`0.weight`).
    """
    described = []
    for number, (layer, row) in enumerate(zip(net, net.rows()[1:])):
        facts = {'name': str(number), 'kind': type(layer).__name__, 'output': list(row.output)}
        described.append({**facts, **_layer_facts(layer)})
    return described


WITHOUT_FACTS = (layers.Centre, layers.Reshape, layers.TwoUnitSoftmax, mx.gluon.nn.Flatten)


def _layer_facts(layer: mx.gluon.HybridBlock) -> dict[str, Any]:
    if isinstance(layer, layers.Activation):
        return {'activation': layer.title, 'slope': layer.slope}
    if isinstance(layer, (layers.Dense, layers.Conv, layers.Deconv)):
        return {**_layer_facts(layer.act), 'bias': layer.bias is not None}
    if isinstance(layer, mx.gluon.nn.BatchNorm):
        return {'momentum': layer._kwargs['momentum'], 'epsilon': layer._kwargs['eps']}
    if isinstance(layer, WITHOUT_FACTS):
        return {}
    raise TypeError(f'{type(layer).__name__}: no peer has this layer')


def load(name: str, **changes: Any) -> tuple[dict[str, Any], GANUpdater, data.Dataset]:
    """Return a case as data, its updater as `gluongan train` would begin with, and the samples."""
    settings = config(name, **changes)
    dataset = build.load_data(settings)
    updater = build.make_updater(settings, dataset)
    return describe(name, settings, updater), updater, dataset
