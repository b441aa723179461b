"""The layers of the GAN in JAX: each from its description, weights, statistics and input."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

Layer = dict[str, Any]
Tree = dict[str, jax.Array]

KEY = 'dropout'  # of the key for dropout, beside the running statistics of a network

ACTIVATIONS = {
    'identity': lambda x, slope: x,
    'relu': lambda x, slope: jax.nn.relu(x),
    'leaky_relu': lambda x, slope: jnp.where(x > 0, x, slope * x),
    'tanh': lambda x, slope: jnp.tanh(x),
    'sigmoid': lambda x, slope: jax.nn.sigmoid(x),
    'unit_tanh': lambda x, slope: (jnp.tanh(x) + 1) / 2,
}


# Layers: each from its description, the weights p and running statistics s of the network, and x


def activate(layer: Layer, x: jax.Array) -> jax.Array:
    return ACTIVATIONS[layer['activation']](x, layer['slope'])


def dense(layer: Layer, p: Tree, s: Tree, x: jax.Array) -> jax.Array:
    name = layer['name']
    return activate(layer, x @ p[f'{name}.weight'] + p.get(f'{name}.bias', 0))


def conv(layer: Layer, p: Tree, s: Tree, x: jax.Array) -> jax.Array:
    """4×4 filters, stride 2, as one matrix product over patches.

    The gradients of a strided lax.conv are convolutions over dilated images, for which XLA has no
    fast code on a CPU: a whole iteration of dcgan took seven times as long.
    """
    n, h, w, c = x.shape
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    blocks = padded.reshape(n, h // 2 + 1, 2, w // 2 + 1, 2, c).transpose(0, 1, 3, 2, 4, 5)
    shifted = []
    for i in range(2):
        for j in range(2):
            shifted.append(blocks[:, i : i + h // 2, j : j + w // 2])
    patches = jnp.stack(shifted, 3)  # (n, h / 2, w / 2, ij, a, b, c)
    weight = by_blocks(p[f'{layer["name"]}.weight']).reshape(16 * c, -1)
    y = patches.reshape(n * h * w // 4, 16 * c) @ weight
    bias = p.get(f'{layer["name"]}.bias', 0)
    return activate(layer, y.reshape(n, h // 2, w // 2, -1) + bias)


def deconv(layer: Layer, p: Tree, s: Tree, x: jax.Array) -> jax.Array:
    """The transpose of `conv`: a matrix product, whose patches are summed where they overlap."""
    n, h, w, c = x.shape
    weight = by_blocks(p[f'{layer["name"]}.weight'])  # (16, out, in)
    y = (x.reshape(-1, c) @ weight.reshape(-1, c).T).reshape(n, h, w, 2, 2, 2, 2, -1)
    total = 0
    for i in range(2):
        for j in range(2):
            padding = ((0, 0), (i, 1 - i), (j, 1 - j), (0, 0), (0, 0), (0, 0))
            total = total + jnp.pad(y[:, :, :, i, j], padding)  # (n, h + 1, w + 1, a, b, out)
    y = total.transpose(0, 1, 3, 2, 4, 5).reshape(n, 2 * h + 2, 2 * w + 2, -1)[:, 1:-1, 1:-1]
    return activate(layer, y + p.get(f'{layer["name"]}.bias', 0))


def by_blocks(weight: jax.Array) -> jax.Array:
    """Return 4×4 filters (2i + a, 2j + b, ...) in the order (i, j, a, b): (16, ...)."""
    channels = weight.shape[2:]
    blocks = weight.reshape(2, 2, 2, 2, *channels).transpose(0, 2, 1, 3, 4, 5)
    return blocks.reshape(16, *channels)


def batchnorm(layer: Layer, p: Tree, s: Tree, x: jax.Array) -> jax.Array:
    """Normalise by this batch, and move the running statistics in `s`."""
    name, momentum = layer['name'], layer['momentum']
    axes = tuple(range(x.ndim - 1))
    mean = x.mean(axes)
    var = jnp.square(x - mean).mean(axes)
    for key, value in ((f'{name}.running_mean', mean), (f'{name}.running_var', var)):
        s[key] = momentum * s[key] + (1 - momentum) * lax.stop_gradient(value)
    scale = p[f'{name}.gamma'] * lax.rsqrt(var + layer['epsilon'])
    return (x - mean) * scale + p[f'{name}.beta']


def dropout(layer: Layer, p: Tree, s: Tree, x: jax.Array) -> jax.Array:
    """Zero a share of the values and scale the others; the key is in `s`, which gets the next."""
    s[KEY], key = jax.random.split(s[KEY])
    keep = 1 - layer['rate']
    return jnp.where(jax.random.bernoulli(key, keep, x.shape), x / keep, 0)


def projection(layer: Layer, p: Tree, s: Tree, x: jax.Array) -> jax.Array:
    """Return w · φ(x) + b + (V label) · φ(x): the label is at the end of the input."""
    features, label = x[:, : -layer['classes']], x[:, -layer['classes'] :]
    for inner in layer['body']:
        features = LAYERS[inner['kind']](inner, p, s, features)
    embedded = dense(layer['embed'], p, s, label)
    return dense(layer['head'], p, s, features) + (embedded * features).sum(1, keepdims=True)


def reshape(layer: Layer, x: jax.Array) -> jax.Array:
    """Return x in the shape (C, H, W) of the layer with the channels last; () is one number."""
    c, *sides = layer['output'] or [0]
    return x.reshape(-1, *sides, c) if sides else x.reshape(-1)


LAYERS = {
    'Dense': dense,
    'Conv': conv,
    'Deconv': deconv,
    'BatchNorm': batchnorm,
    'Activation': lambda layer, p, s, x: activate(layer, x),
    'Reshape': lambda layer, p, s, x: reshape(layer, x),
    'Flatten': lambda layer, p, s, x: x.reshape(len(x), -1),
    'Centre': lambda layer, p, s, x: x * 2 - 1,
    'Dropout': dropout,
    'Projection': projection,
    'TwoUnitSoftmax': lambda layer, p, s, x: x[:, :1] - x[:, 1:],
}


def forward(layers: list[Layer], p: Tree, s: Tree, x: jax.Array) -> tuple[jax.Array, Tree]:
    """Return the output, and the running statistics after it."""
    s = dict(s)
    for layer in layers:
        x = LAYERS[layer['kind']](layer, p, s, x)
    return x, s
