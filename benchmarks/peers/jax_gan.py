"""The same GAN in JAX: one iteration is one jitted function.

Its weights and moments are updated in place (donated).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax_layers import KEY, Tree, forward
from layout import Layout
from protocol import Arrays, noise_shape, serve

Case = dict[str, Any]
State = dict[str, Any]

# Losses, of logits: the discriminator's (real, fake) and the generator's (fake)


def nonsaturating_dis(real: jax.Array, fake: jax.Array) -> jax.Array:
    return jax.nn.softplus(-real).mean() + jax.nn.softplus(fake).mean()


def nonsaturating_gen(fake: jax.Array) -> jax.Array:
    return jax.nn.softplus(-fake).mean()


def wasserstein_dis(real: jax.Array, fake: jax.Array) -> jax.Array:
    return fake.mean() - real.mean()


def wasserstein_gen(fake: jax.Array) -> jax.Array:
    return -fake.mean()


LOSSES = {
    'nonsaturating': (nonsaturating_dis, nonsaturating_gen),
    'wasserstein': (wasserstein_dis, wasserstein_gen),
}


# Optimizers: from a weight, its gradient and its two moments to the weight and moments after step t


def adam(
    case: Case, clip: float | None, w: jax.Array, g: jax.Array, moments: Any, t: jax.Array
) -> Any:
    beta1, beta2 = case['beta1'], case['beta2']
    m = beta1 * moments[0] + (1 - beta1) * g
    v = beta2 * moments[1] + (1 - beta2) * jnp.square(g)
    rate = case['lr'] * jnp.sqrt(1 - beta2**t) / (1 - beta1**t)
    return w - rate * m / (jnp.sqrt(v) + case['epsilon']), (m, v)


def rmsprop(
    case: Case, clip: float | None, w: jax.Array, g: jax.Array, moments: Any, t: jax.Array
) -> Any:
    v = case['decay'] * moments[0] + (1 - case['decay']) * jnp.square(g)
    w = w - case['lr'] * g * lax.rsqrt(v + case['epsilon'])
    if clip:
        w = jnp.clip(w, -clip, clip)
    return w, (v, moments[1])


RULES = {'adam': adam, 'rmsprop': rmsprop}


def step(
    case: Case, clip: float | None, p: Tree, grads: Tree, moments: Any, t: jax.Array
) -> tuple[Tree, Any]:
    """Return all weights of a network and their moments after step t."""
    rule = RULES[case['optimizer']]
    new_p, new_moments = {}, {}
    for name in p:
        new_p[name], new_moments[name] = rule(case, clip, p[name], grads[name], moments[name], t)
    return new_p, new_moments


# One iteration


def with_label(x: jax.Array, label: jax.Array | None) -> jax.Array:
    """Return the discriminator's input: flat samples and their one-hot labels, if any."""
    return x if label is None else jnp.concatenate([x.reshape(len(x), -1), label], 1)


def dis_loss(
    p: Tree, case: Case, s: Tree, x_real: jax.Array, x_fake: jax.Array
) -> tuple[jax.Array, Tree]:
    layers = case['dis']
    if any(layer['kind'] == 'BatchNorm' for layer in layers):
        # Each batch has its own statistics. The fake batch comes first, because MXNet moves the
        # running statistics in the backward pass, where the last batch comes first.
        y_fake, s = forward(layers, p, s, x_fake)
        y_real, s = forward(layers, p, s, x_real)
    else:
        y, s = forward(layers, p, s, jnp.concatenate([x_real, x_fake]))
        y_real, y_fake = jnp.split(y, 2)
    loss, _ = LOSSES[case['loss']]
    return loss(y_real, y_fake), s


def gen_loss(x_fake: jax.Array, case: Case, p: Tree, s: Tree) -> tuple[jax.Array, Tree]:
    y, s = forward(case['dis'], p, s, x_fake)
    _, loss = LOSSES[case['loss']]
    return loss(y), s


def iteration(
    case: Case,
    state: State,
    x: jax.Array,
    labels: jax.Array | None,
    z: jax.Array,
    index: jax.Array,
) -> tuple[State, tuple[jax.Array, jax.Array]]:
    """Return the state after one iteration, and both losses."""
    state = dict(state, t=state['t'] + 1)
    for k in range(case['dis_steps']):
        x_real = x[index[k]]
        label = None if labels is None else labels[index[k]]
        if k == 0 or not case['shared_noise']:
            x_fake, backward, gen_s = sample(case, state, z[k], label)
        t = (state['t'] - 1) * case['dis_steps'] + k + 1
        loss_dis = update_dis(case, state, with_label(x_real, label), x_fake, t)
    if not case['shared_noise']:
        x_fake, backward, gen_s = sample(case, state, z[-1], label)
    loss_gen = update_gen(case, state, x_fake, backward, gen_s)
    if case['ema']:
        update_average(case, state)
    return state, (loss_dis, loss_gen)


def sample(
    case: Case, state: State, z: jax.Array, label: jax.Array | None
) -> tuple[jax.Array, Callable[[jax.Array], Any], Tree]:
    """Return fake samples as the discriminator's input, their backward pass, and new statistics.

    The backward pass is that of this very forward pass, so the generator's update needs no other.
    """
    if label is not None:
        z = jnp.concatenate([z, label], 1)

    def generate(p: Tree) -> tuple[jax.Array, Tree]:
        x, s = forward(case['gen'], p, state['gen_s'], z)
        return with_label(x, label), s

    return jax.vjp(generate, state['gen'], has_aux=True)


def update_dis(
    case: Case, state: State, x_real: jax.Array, x_fake: jax.Array, t: jax.Array
) -> jax.Array:
    """Replace the discriminator in `state` by the one after step t, and return its loss."""
    with_gradient = jax.value_and_grad(dis_loss, has_aux=True)
    (loss, statistics), grads = with_gradient(state['dis'], case, state['dis_s'], x_real, x_fake)
    state['dis_s'] = statistics
    state['dis'], state['opt_dis'] = step(
        case, case['clip'], state['dis'], grads, state['opt_dis'], t
    )
    return loss


def update_gen(
    case: Case,
    state: State,
    x_fake: jax.Array,
    backward: Callable[[jax.Array], Any],
    statistics: Tree,
) -> jax.Array:
    """Replace the generator in `state` by the one after the next step, and return its loss."""
    with_gradient = jax.value_and_grad(gen_loss, has_aux=True)
    (loss, dis_s), grad_x = with_gradient(x_fake, case, state['dis'], state['dis_s'])
    state['dis_s'], state['gen_s'] = dis_s, statistics
    (grads,) = backward(grad_x)
    state['gen'], state['opt_gen'] = step(
        case, None, state['gen'], grads, state['opt_gen'], state['t']
    )
    return loss


def update_average(case: Case, state: State) -> None:
    decay = jnp.minimum(case['ema'], (1 + state['t']) / (10 + state['t']))
    live = {**state['gen'], **state['gen_s']}
    average = {}
    for name, old in state['ema'].items():
        average[name] = decay * old + (1 - decay) * live[name]
    state['ema'] = average


class JaxGAN:
    """A GAN ready to train."""

    versions: ClassVar = {'jax': jax.__version__, 'numpy': np.__version__}

    def __init__(
        self,
        case: Case,
        arrays: Arrays,
        samples: np.ndarray,
        labels: np.ndarray | None,
        form: str,
        threads: int,
    ) -> None:
        self._case = case
        self._layout = Layout(case)
        self._state = first_state(self._layout.channels_last(arrays))
        self._x = jnp.asarray(samples.transpose(0, 2, 3, 1).astype(np.float32) / 255)
        self._labels = jax.nn.one_hot(labels, case['classes']) if case['classes'] else None
        self._iteration = jax.jit(partial(iteration, case), donate_argnums=0)

    def draw(self) -> Iterator[Any]:
        case = self._case
        draw_noise = jax.jit(partial(next_noise, case))
        random = np.random.default_rng(0)
        key = jax.random.key(0, impl='unsafe_rbg')
        count = case['dis_steps'] * case['batch']
        while True:
            order = random.permutation(len(self._x)).astype(np.int32)
            for start in range(0, len(order) - count + 1, count):
                key, z = draw_noise(key)
                yield z, order[start : start + count].reshape(case['dis_steps'], -1)

    def given(self, z: np.ndarray, index: np.ndarray) -> Any:
        return z, index.astype(np.int32)

    def iterate(self, inputs: Any) -> None:
        self._state, self._losses = self._iteration(self._state, self._x, self._labels, *inputs)

    def wait(self) -> None:
        jax.block_until_ready(self._state)

    def weights(self) -> Arrays:
        state = self._state
        parts = {
            'gen': {**state['gen'], **state['gen_s']},
            'dis': {**state['dis'], **state['dis_s']},
            'ema': state['ema'],
        }
        arrays = {}
        for part, values in parts.items():
            for name, value in values.items():
                if name != KEY:
                    arrays[f'{part}/{name}'] = np.asarray(value)
        return self._layout.channels_first(arrays)


def next_noise(case: Case, key: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the next key, and the noise of one iteration."""
    next_key, subkey = jax.random.split(key)
    shape = noise_shape(case)
    if case['noise'] == 'uniform':
        return next_key, jax.random.uniform(subkey, shape, minval=-1, maxval=1)
    return next_key, jax.random.normal(subkey, shape)


def first_state(arrays: Arrays) -> State:
    """Return the weights (gen, dis, ema), statistics and keys (gen_s, dis_s), moments, t = 0."""
    state: State = {'t': jnp.zeros((), jnp.float32), 'ema': {}}
    for part in ('gen', 'dis'):
        state[part], state[f'opt_{part}'] = {}, {}
        state[f'{part}_s'] = {KEY: jax.random.key(1, impl='unsafe_rbg')}
    for full_name, array in arrays.items():
        part, _, name = full_name.partition('/')
        value = jnp.asarray(array)
        if part == 'ema':
            state['ema'][name] = value
        elif 'running' in name:
            state[f'{part}_s'][name] = value
        else:
            state[part][name] = value
            state[f'opt_{part}'][name] = (jnp.zeros_like(value), jnp.zeros_like(value))
    return state


if __name__ == '__main__':
    serve(JaxGAN)
