"""The named cases: six recipes at three batch sizes, as plain data that another framework can build the same GAN from."""

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

# What a peer has to know beside the networks; each is the knob of that name.
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
    """Return the Config of a case such as `dense-128`: its recipe at that batch size, on the CPU, with changes."""
    recipe, _, batch = name.rpartition('-')
    if recipe not in RECIPES or not batch.isdecimal():
        raise ValueError(
            f'case {name!r}: must be a recipe ({", ".join(RECIPES)}), a dash and a batch size, such as dense-128'
        )
    return recipes.recipe(recipe).with_settings({'batch': int(batch), 'device': 'cpu', **changes})


def describe(name: str, settings: Config, updater: GANUpdater) -> dict[str, Any]:
    """Return a case as data that JSON can hold: both networks layer by layer, and every number of the algorithm."""
    return {
        'name': name,
        'config': settings.to_dict(),
        **{setting: getattr(settings, setting) for setting in SETTINGS},
        'classes': updater.classes,
        'epsilon': RULES[settings.optimizer]().epsilon,
        'gen': described(updater.gen),
        'dis': described(updater.dis),
    }


def described(net: layers.Chain) -> list[dict[str, Any]]:
    """Return a network's layers with their outputs' shapes; `name` is their place, by which weights are called (`0.weight`)."""
    return [
        {
            'name': str(place),
            'kind': type(layer).__name__,
            'output': list(row.output),
            **_facts(layer),
        }
        for place, (layer, row) in enumerate(zip(net, net.rows()[1:]))
    ]


def _facts(layer: mx.gluon.HybridBlock) -> dict[str, Any]:
    if isinstance(layer, layers.Activation):
        return {'activation': layer.title, 'slope': layer.slope}
    if isinstance(layer, (layers.Dense, layers.Conv, layers.Deconv)):
        return {**_facts(layer.act), 'bias': layer.bias is not None}
    if isinstance(layer, mx.gluon.nn.BatchNorm):
        return {'momentum': layer._kwargs['momentum'], 'epsilon': layer._kwargs['eps']}
    if isinstance(
        layer, (layers.Centre, layers.Reshape, layers.TwoUnitSoftmax, mx.gluon.nn.Flatten)
    ):
        return {}
    raise TypeError(f'{type(layer).__name__}: no peer knows this layer')


def load(name: str, **changes: Any) -> tuple[dict[str, Any], GANUpdater, data.Dataset]:
    """Return a case as data, the algorithm as `gluongan train` would begin it, and the samples."""
    settings = config(name, **changes)
    dataset = build.load_data(settings)
    updater = build.make_updater(settings, dataset)
    return describe(name, settings, updater), updater, dataset
