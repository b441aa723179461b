"""The cases: seven recipes at three batch sizes, as plain data for other frameworks.

The suite names three batch sizes; a case may have any other, such as dense-200.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from gluongan import build, data, recipes
from gluongan.config import Config
from gluongan.errors import InputError
from gluongan.gan.updater import GANUpdater
from gluongan.nn import layers
from gluongan.runtime import mx

RECIPES = ('vanilla', 'dense', 'binarized', 'wgan', 'dcgan', 'conditional', 'projection')
BATCHES = (64, 128, 512)
NAMES = [f'{recipe}-{batch}' for recipe in RECIPES for batch in BATCHES]

# The moving average of `dense` is left out: its cases are the plain game, as they always were.
CHANGES = {'dense': {'ema': 0.0}}

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
    """Return the Config of a case such as `dense-128`: that recipe and batch size, on the CPU.

    Raises InputError for a name that is none, and ConfigError for a batch that is not allowed.
    """
    recipe, _, batch = name.rpartition('-')
    if recipe not in RECIPES or not (batch.isascii() and batch.isdecimal()):
        raise InputError(
            f'case {name!r}: must be a recipe ({", ".join(RECIPES)}), a dash and a batch size, '
            'such as dense-128'
        )
    of_case = {'batch': int(batch), 'device': 'cpu', **CHANGES.get(recipe, {})}
    return recipes.recipe(recipe).with_settings({**of_case, **changes})


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
    return _describe_rows(net, net.shape_in, '')


def _describe_rows(net: layers.Chain, shape_in: tuple[int, ...], path: str) -> list[dict[str, Any]]:
    """Return the layers of a network, whose weights have names that begin with `path`."""
    described = []
    shape = tuple(shape_in)
    for number, (layer, row) in enumerate(zip(net, net.rows(shape)[1:])):
        name = f'{path}{number}'
        facts = {'name': name, 'kind': type(layer).__name__, 'output': list(row.output)}
        if isinstance(layer, layers.Projection):
            facts |= _projection_facts(layer, shape, name)
        else:
            facts |= _layer_facts(layer)
        described.append(facts)
        shape = tuple(row.output)
    return described


def _projection_facts(
    layer: layers.Projection, shape_in: tuple[int, ...], name: str
) -> dict[str, Any]:
    """Return the layers of a Projection: `body`, a list, and `head` and `embed`, two Dense."""
    classes = layer.embed.weight.shape[1]
    if len(shape_in) > 1:
        raise TypeError('Projection on a picture with planes of labels: no peer has this layer')
    facts: dict[str, Any] = {'classes': classes}
    facts['body'] = _describe_rows(layer.body, (shape_in[0] - classes,), f'{name}.body.')
    for part in ('head', 'embed'):
        dense = getattr(layer, part)
        inside = {'name': f'{name}.{part}', 'kind': 'Dense', 'output': [dense.weight.shape[0]]}
        facts[part] = {**inside, **_layer_facts(dense)}
    return facts


WITHOUT_FACTS = (layers.Centre, layers.Reshape, layers.TwoUnitSoftmax, mx.gluon.nn.Flatten)


def _layer_facts(layer: mx.gluon.HybridBlock) -> dict[str, Any]:
    if isinstance(layer, layers.Activation):
        return {'activation': layer.title, 'slope': layer.slope}
    if isinstance(layer, (layers.Dense, layers.Conv, layers.Deconv)):
        return {**_layer_facts(layer.act), 'bias': layer.bias is not None}
    if isinstance(layer, mx.gluon.nn.BatchNorm):
        return {'momentum': layer._kwargs['momentum'], 'epsilon': layer._kwargs['eps']}
    if isinstance(layer, mx.gluon.nn.Dropout):
        return {'rate': layer._rate}
    if isinstance(layer, WITHOUT_FACTS):
        return {}
    raise TypeError(f'{type(layer).__name__}: no peer has this layer')


def load(name: str, **changes: Any) -> tuple[dict[str, Any], GANUpdater, data.Dataset]:
    """Return a case as data, its updater as `gluongan train` would begin with, and the samples."""
    settings = config(name, **changes)
    dataset = build.load_data(settings)
    updater = build.make_updater(settings, dataset)
    return describe(name, settings, updater), updater, dataset


def add_option(parser: argparse.ArgumentParser, default: Sequence[str]) -> None:
    """Add `--cases` to a program: names such as dense-128, separated by commas, or `default`."""
    parser.add_argument(
        '--cases',
        type=_parse_names,
        default=','.join(default),
        help='each a recipe, a dash and any batch size, separated by commas',
    )


def _parse_names(text: str) -> list[str]:
    names = text.split(',')
    for name in names:
        try:
            config(name)
        except InputError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
    return names
