"""The same GAN in JAX: one iteration is one jitted function, whose weights and moments are updated in place (donated)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from layout import Layout
from protocol import Arrays, serve

Layers = list[dict[str, Any]]
Tree = dict[str, jax.Array]

ACTIVATIONS = {
    'identity': lambda x, slope: x,
    'relu': lambda x, slope: jax.nn.relu(x),
    'leaky_relu': lambda x, slope: jnp.where(x > 0, x, slope * x),
    'tanh': lambda x, slope: jnp.tanh(x),
    'sigmoid': lambda x, slope: jax.nn.sigmoid(x),
    'unit_tanh': lambda x, slope: (jnp.tanh(x) + 1) / 2,
}
LOSSES = {
    'nonsaturating': (
        lambda real, fake: jax.nn.softplus(-real).mean() + jax.nn.softplus(fake).mean(),
        lambda fake: jax.nn.softplus(-fake).mean(),
    ),
    'wasserstein': (lambda real, fake: fake.mean() - real.mean(), lambda fake: -fake.mean()),
}


def dense(layer: dict[str, Any], p: Tree, s: Tree, x: jax.Array) -> jax.Array:
    return _activated(layer, x @ p[layer['name'] + '.weight'] + p[layer['name'] + '.bias'])


def conv(layer: dict[str, Any], p: Tree, s: Tree, x: jax.Array) -> jax.Array:
    """4×4 filters, stride 2, as one matrix product over patches: the gradients of a strided lax.conv are convolutions over
    dilated pictures, for which XLA has no fast code on a CPU (a whole iteration of dcgan took seven times as long)."""
    n, h, w, c = x.shape
    x = (
        jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        .reshape(n, h // 2 + 1, 2, w // 2 + 1, 2, c)
        .transpose(0, 1, 3, 2, 4, 5)
    )
    patches = jnp.stack(
        [x[:, i : i + h // 2, j : j + w // 2] for i in range(2) for j in range(2)], 3
    )  # ij, then a, b, c
    y = patches.reshape(n * h * w // 4, 16 * c) @ _quartered(p[layer['name'] + '.weight']).reshape(
        16 * c, -1
    )
    return _activated(layer, y.reshape(n, h // 2, w // 2, -1) + p.get(layer['name'] + '.bias', 0))


def deconv(layer: dict[str, Any], p: Tree, s: Tree, x: jax.Array) -> jax.Array:
    """The transpose of `conv`: a matrix product, whose patches are added up where they overlap."""
    n, h, w, c = x.shape
    weight = _quartered(p[layer['name'] + '.weight'])  # (16, out, in)
    y = (x.reshape(-1, c) @ weight.reshape(-1, c).T).reshape(n, h, w, 2, 2, 2, 2, -1)
    y = sum(
        jnp.pad(y[:, :, :, i, j], ((0, 0), (i, 1 - i), (j, 1 - j), (0, 0), (0, 0), (0, 0)))
        for i in range(2)
        for j in range(2)
    )  # (n, h + 1, w + 1, a, b, out)
    y = y.transpose(0, 1, 3, 2, 4, 5).reshape(n, 2 * h + 2, 2 * w + 2, -1)[:, 1:-1, 1:-1]
    return _activated(layer, y + p.get(layer['name'] + '.bias', 0))


def _quartered(weight: jax.Array) -> jax.Array:
    """Return 4×4 filters (2i + a, 2j + b, ...) in the order of (i, j, a, b): (16, ...)."""
    return (
        weight.reshape(2, 2, 2, 2, *weight.shape[2:])
        .transpose(0, 2, 1, 3, 4, 5)
        .reshape(16, *weight.shape[2:])
    )


def batchnorm(layer: dict[str, Any], p: Tree, s: Tree, x: jax.Array) -> jax.Array:
    """Normalise by this batch, and move the running statistics in `s`."""
    name, axes = layer['name'], tuple(range(x.ndim - 1))
    mean = x.mean(axes)
    var = jnp.square(x - mean).mean(axes)
    for key, value in (('mean', mean), ('var', var)):
        old = s[f'{name}.running_{key}']
        s[f'{name}.running_{key}'] = layer['momentum'] * old + (
            1 - layer['momentum']
        ) * lax.stop_gradient(value)
    return (x - mean) * (p[f'{name}.gamma'] * lax.rsqrt(var + layer['epsilon'])) + p[f'{name}.beta']


def _activated(layer: dict[str, Any], x: jax.Array) -> jax.Array:
    return ACTIVATIONS[layer['activation']](x, layer['slope'])


def _reshaped(layer: dict[str, Any], x: jax.Array) -> jax.Array:
    c, *sides = layer['output'] or [0]
    return x.reshape(-1, *sides, c) if sides else x.reshape(-1)


LAYERS = {
    'Dense': dense,
    'Conv': conv,
    'Deconv': deconv,
    'BatchNorm': batchnorm,
    'Activation': lambda layer, p, s, x: _activated(layer, x),
    'Reshape': lambda layer, p, s, x: _reshaped(layer, x),
    'Flatten': lambda layer, p, s, x: x.reshape(len(x), -1),
    'Centre': lambda layer, p, s, x: x * 2 - 1,
    'TwoUnitSoftmax': lambda layer, p, s, x: x[:, :1] - x[:, 1:],
}


def forward(layers: Layers, p: Tree, s: Tree, x: jax.Array) -> tuple[jax.Array, Tree]:
    """Return the output, and the running statistics after it."""
    s = dict(s)
    for layer in layers:
        x = LAYERS[layer['kind']](layer, p, s, x)
    return x, s


def adam(
    case: dict[str, Any], clip: float | None, w: jax.Array, g: jax.Array, slots: Any, t: jax.Array
) -> Any:
    m = case['beta1'] * slots[0] + (1 - case['beta1']) * g
    v = case['beta2'] * slots[1] + (1 - case['beta2']) * jnp.square(g)
    rate = case['lr'] * jnp.sqrt(1 - case['beta2'] ** t) / (1 - case['beta1'] ** t)
    return w - rate * m / (jnp.sqrt(v) + case['epsilon']), (m, v)


def rmsprop(
    case: dict[str, Any], clip: float | None, w: jax.Array, g: jax.Array, slots: Any, t: jax.Array
) -> Any:
    v = case['decay'] * slots[0] + (1 - case['decay']) * jnp.square(g)
    w = w - case['lr'] * g * lax.rsqrt(v + case['epsilon'])
    return jnp.clip(w, -clip, clip) if clip else w, (v, slots[1])


RULES = {'adam': adam, 'rmsprop': rmsprop}


def updated(
    case: dict[str, Any], clip: float | None, p: Tree, grads: Tree, slots: Any, t: jax.Array
) -> tuple[Tree, Any]:
    new = {
        name: RULES[case['optimizer']](case, clip, p[name], grads[name], slots[name], t)
        for name in p
    }
    return {name: pair[0] for name, pair in new.items()}, {
        name: pair[1] for name, pair in new.items()
    }


def seen(x: jax.Array, label: jax.Array | None) -> jax.Array:
    """Return samples as D sees them: flat with their one-hot labels appended, if there are any."""
    return x if label is None else jnp.concatenate([x.reshape(len(x), -1), label], 1)


def dis_loss(
    p: Tree, case: dict[str, Any], s: Tree, x_real: jax.Array, x_fake: jax.Array
) -> tuple[jax.Array, Tree]:
    if s:  # BatchNorm: each batch has statistics of its own; MXNet moves the running ones by the fake batch first
        y_fake, s = forward(case['dis'], p, s, x_fake)
        y_real, s = forward(case['dis'], p, s, x_real)
    else:
        y_real, y_fake = jnp.split(
            forward(case['dis'], p, s, jnp.concatenate([x_real, x_fake]))[0], 2
        )
    return LOSSES[case['loss']][0](y_real, y_fake), s


def gen_loss(x_fake: jax.Array, case: dict[str, Any], p: Tree, s: Tree) -> tuple[jax.Array, Tree]:
    y, s = forward(case['dis'], p, s, x_fake)
    return LOSSES[case['loss']][1](y), s


def iteration(
    case: dict[str, Any],
    state: dict[str, Any],
    x: jax.Array,
    labels: jax.Array | None,
    z: jax.Array,
    index: jax.Array,
) -> tuple[dict[str, Any], tuple[jax.Array, jax.Array]]:
    """Return the state after one iteration, and both losses."""
    state = dict(state, t=state['t'] + 1)
    for step in range(case['dis_steps']):
        x_real, label = x[index[step]], None if labels is None else labels[index[step]]
        if step == 0 or not case['shared_noise']:
            fake, backward, gen_s = sample(case, state, z[step], label)
        (d, state['dis_s']), grads = jax.value_and_grad(dis_loss, has_aux=True)(
            state['dis'], case, state['dis_s'], seen(x_real, label), fake
        )
        t = (state['t'] - 1) * case['dis_steps'] + step + 1
        state['dis'], state['opt_dis'] = updated(
            case, case['clip'], state['dis'], grads, state['opt_dis'], t
        )
    if not case['shared_noise']:
        fake, backward, gen_s = sample(case, state, z[-1], label)
    (g, state['dis_s']), towards = jax.value_and_grad(gen_loss, has_aux=True)(
        fake, case, state['dis'], state['dis_s']
    )
    (grads,) = backward(towards)
    state['gen_s'] = gen_s
    state['gen'], state['opt_gen'] = updated(
        case, None, state['gen'], grads, state['opt_gen'], state['t']
    )
    if case['ema']:
        decay = jnp.minimum(case['ema'], (1 + state['t']) / (10 + state['t']))
        now = {**state['gen'], **state['gen_s']}
        state['ema'] = {
            name: decay * old + (1 - decay) * now[name] for name, old in state['ema'].items()
        }
    return state, (d, g)


def sample(
    case: dict[str, Any], state: dict[str, Any], z: jax.Array, label: jax.Array | None
) -> tuple[Any, Any, Tree]:
    """Return G's samples as D sees them, what takes a gradient back through that very pass, and the running statistics."""
    z = z if label is None else jnp.concatenate([z, label], 1)

    def made(p: Tree) -> tuple[jax.Array, Tree]:
        x, s = forward(case['gen'], p, state['gen_s'], z)
        return seen(x, label), s

    return jax.vjp(made, state['gen'], has_aux=True)


class JaxGAN:
    """One GAN, ready to train."""

    versions: ClassVar = {'jax': jax.__version__, 'numpy': np.__version__}

    def __init__(
        self,
        case: dict[str, Any],
        arrays: Arrays,
        samples: np.ndarray,
        labels: np.ndarray | None,
        form: str,
        threads: int,
    ) -> None:
        self._case, self._layout = case, Layout(case)
        given = self._layout.there(arrays)
        parts = {
            part: {
                name.partition('/')[2]: jnp.asarray(value)
                for name, value in given.items()
                if name.startswith(part)
            }
            for part in ('gen', 'dis', 'ema')
        }
        state: dict[str, Any] = {'t': jnp.zeros((), jnp.float32), 'ema': parts['ema']}
        for part in ('gen', 'dis'):
            state[part] = {
                name: value for name, value in parts[part].items() if 'running' not in name
            }
            state[part + '_s'] = {
                name: value for name, value in parts[part].items() if 'running' in name
            }
            state['opt_' + part] = {
                name: (jnp.zeros_like(w), jnp.zeros_like(w)) for name, w in state[part].items()
            }
        self._state = state
        self._x = jnp.asarray(samples.transpose(0, 2, 3, 1).astype(np.float32) / 255)
        self._labels = jax.nn.one_hot(labels, case['classes']) if case['classes'] else None
        self._step = jax.jit(partial(iteration, case), donate_argnums=0)

    def own(self) -> Iterator[Any]:
        case, random = self._case, np.random.default_rng(0)
        shape = (
            1 if case['shared_noise'] else case['dis_steps'] + 1,
            case['batch'],
            case['latent'],
        )
        kind = {
            'uniform': partial(jax.random.uniform, minval=-1, maxval=1),
            'normal': jax.random.normal,
        }[case['noise']]
        draw = jax.jit(
            lambda key: (jax.random.split(key)[0], kind(jax.random.split(key)[1], shape))
        )
        key, each = jax.random.key(0, impl='unsafe_rbg'), case['dis_steps'] * case['batch']
        while True:
            order = random.permutation(len(self._x)).astype(np.int32)
            for at in range(0, len(order) - each + 1, each):
                key, z = draw(key)
                yield z, order[at : at + each].reshape(case['dis_steps'], -1)

    def given(self, z: np.ndarray, index: np.ndarray) -> Any:
        return z, index.astype(np.int32)

    def iterate(self, inputs: Any) -> None:
        self._state, self._losses = self._step(self._state, self._x, self._labels, *inputs)

    def wait(self) -> None:
        jax.block_until_ready(self._state)

    def weights(self) -> Arrays:
        state = self._state
        parts = {
            'gen': {**state['gen'], **state['gen_s']},
            'dis': {**state['dis'], **state['dis_s']},
            'ema': state['ema'],
        }
        return self._layout.back(
            {
                f'{part}/{name}': np.asarray(value)
                for part, values in parts.items()
                for name, value in values.items()
            }
        )


if __name__ == '__main__':
    serve(JaxGAN)
