"""The same GAN in TensorFlow: one iteration is one tf.function, on the operators that Keras' layers and optimisers call.

Forms: `graph`, with TensorFlow's fused kernels for Adam and RMSProp; `xla`, the same iteration compiled as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf
from layout import Layout
from protocol import Arrays, serve, unbiased

Layers = list[dict[str, Any]]
Variables = dict[str, tf.Variable]

ACTIVATIONS = {
    'identity': lambda x, slope: x,
    'relu': lambda x, slope: tf.nn.relu(x),
    'leaky_relu': lambda x, slope: tf.nn.leaky_relu(x, slope),
    'tanh': lambda x, slope: tf.tanh(x),
    'sigmoid': lambda x, slope: tf.sigmoid(x),
    'unit_tanh': lambda x, slope: (tf.tanh(x) + 1) / 2,
}
LOSSES = {
    'nonsaturating': (
        lambda real, fake: (
            tf.reduce_mean(tf.nn.softplus(-real)) + tf.reduce_mean(tf.nn.softplus(fake))
        ),
        lambda fake: tf.reduce_mean(tf.nn.softplus(-fake)),
    ),
    'wasserstein': (
        lambda real, fake: tf.reduce_mean(fake) - tf.reduce_mean(real),
        lambda fake: -tf.reduce_mean(fake),
    ),
}


def dense(layer: dict[str, Any], p: Variables, x: tf.Tensor) -> tf.Tensor:
    return _activated(
        layer,
        tf.nn.bias_add(tf.matmul(x, p[layer['name'] + '.weight']), p[layer['name'] + '.bias']),
    )


def conv(layer: dict[str, Any], p: Variables, x: tf.Tensor) -> tf.Tensor:
    return _activated(
        layer, _biased(layer, p, tf.nn.conv2d(x, p[layer['name'] + '.weight'], 2, 'SAME'))
    )


def deconv(layer: dict[str, Any], p: Variables, x: tf.Tensor) -> tf.Tensor:
    channels, *sides = layer['output']
    y = tf.nn.conv2d_transpose(
        x, p[layer['name'] + '.weight'], (x.shape[0], *sides, channels), 2, 'SAME'
    )
    return _activated(layer, _biased(layer, p, y))


def batchnorm(layer: dict[str, Any], p: Variables, x: tf.Tensor) -> tf.Tensor:
    """Normalise by this batch, and move the running statistics."""
    n, flat = layer['name'], len(x.shape) == 2
    x = x[:, None, None, :] if flat else x  # the fused kernel wants pictures
    y, mean, var = tf.compat.v1.nn.fused_batch_norm(
        x, p[f'{n}.gamma'], p[f'{n}.beta'], epsilon=layer['epsilon']
    )
    for running, value in ((p[f'{n}.running_mean'], mean), (p[f'{n}.running_var'], var)):
        running.assign_sub((running - tf.stop_gradient(value)) * (1 - layer['momentum']))
    return y[:, 0, 0, :] if flat else y


def _biased(layer: dict[str, Any], p: Variables, x: tf.Tensor) -> tf.Tensor:
    return tf.nn.bias_add(x, p[layer['name'] + '.bias']) if layer['bias'] else x


def _activated(layer: dict[str, Any], x: tf.Tensor) -> tf.Tensor:
    return ACTIVATIONS[layer['activation']](x, layer['slope'])


def _reshaped(layer: dict[str, Any], x: tf.Tensor) -> tf.Tensor:
    c, *sides = layer['output'] or [0]
    return tf.reshape(x, (-1, *sides, c) if sides else (-1,))


LAYERS = {
    'Dense': dense,
    'Conv': conv,
    'Deconv': deconv,
    'BatchNorm': batchnorm,
    'Activation': lambda layer, p, x: _activated(layer, x),
    'Reshape': lambda layer, p, x: _reshaped(layer, x),
    'Flatten': lambda layer, p, x: tf.reshape(x, (x.shape[0], -1)),
    'Centre': lambda layer, p, x: x * 2 - 1,
    'TwoUnitSoftmax': lambda layer, p, x: x[:, :1] - x[:, 1:],
}


def forward(layers: Layers, p: Variables, x: tf.Tensor) -> tf.Tensor:
    for layer in layers:
        x = LAYERS[layer['kind']](layer, p, x)
    return x


def seen(x: tf.Tensor, label: tf.Tensor | None) -> tf.Tensor:
    """Return samples as D sees them: flat with their one-hot labels appended, if there are any."""
    return x if label is None else tf.concat([tf.reshape(x, (x.shape[0], -1)), label], 1)


class Optimizer:
    """Adam or RMSProp, whose formulas in TensorFlow are MXNet's: by their fused kernels, or written out for XLA to fuse."""

    def __init__(
        self, weights: list[tf.Variable], case: dict[str, Any], clip: float | None, fused: bool
    ) -> None:
        self._weights, self._case, self._clip, self._fused = weights, case, clip, fused
        self._slots = [[tf.Variable(tf.zeros_like(w)) for _ in range(2)] for w in weights]
        self._powers = tf.Variable([1.0, 1.0])  # beta1^t, beta2^t
        self._step = {'adam': self._adam, 'rmsprop': self._rmsprop}[case['optimizer']]

    def step(self, grads: list[tf.Tensor]) -> None:
        self._powers.assign(self._powers * [self._case['beta1'], self._case['beta2']])
        for w, g, slots in zip(self._weights, grads, self._slots):
            self._step(w, g, *slots)
            if self._clip:
                w.assign(tf.clip_by_value(w, -self._clip, self._clip))

    def _adam(self, w: tf.Variable, g: tf.Tensor, m: tf.Variable, v: tf.Variable) -> None:
        case, power1, power2 = self._case, self._powers[0], self._powers[1]
        if self._fused:
            tf.raw_ops.ResourceApplyAdam(
                var=w.handle,
                m=m.handle,
                v=v.handle,
                beta1_power=power1,
                beta2_power=power2,
                lr=case['lr'],
                beta1=case['beta1'],
                beta2=case['beta2'],
                epsilon=case['epsilon'],
                grad=g,
            )
            return
        m.assign(case['beta1'] * m + (1 - case['beta1']) * g)
        v.assign(case['beta2'] * v + (1 - case['beta2']) * tf.square(g))
        w.assign_sub(
            case['lr'] * tf.sqrt(1 - power2) / (1 - power1) * m / (tf.sqrt(v) + case['epsilon'])
        )

    def _rmsprop(self, w: tf.Variable, g: tf.Tensor, m: tf.Variable, v: tf.Variable) -> None:
        case = self._case
        if self._fused:
            tf.raw_ops.ResourceApplyRMSProp(
                var=w.handle,
                ms=v.handle,
                mom=m.handle,
                lr=case['lr'],
                rho=case['decay'],
                momentum=0.0,
                epsilon=case['epsilon'],
                grad=g,
            )
            return
        v.assign(case['decay'] * v + (1 - case['decay']) * tf.square(g))
        w.assign_sub(case['lr'] * g * tf.math.rsqrt(v + case['epsilon']))


class TensorFlowGAN:
    """One GAN, ready to train."""

    versions: ClassVar = {'tensorflow': tf.__version__, 'numpy': np.__version__}

    def __init__(
        self,
        case: dict[str, Any],
        arrays: Arrays,
        samples: np.ndarray,
        labels: np.ndarray | None,
        form: str,
        threads: int,
    ) -> None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        self._case, self._layout, self._scales = case, Layout(case), unbiased(case)
        self._parts = {part: self._variables(part, arrays) for part in ('gen', 'dis', 'ema')}
        fused = form == 'graph'
        self._opt = {
            part: Optimizer(
                [w for w in self._parts[part].values() if w.trainable],
                case,
                case['clip'] if part == 'dis' else None,
                fused,
            )
            for part in ('gen', 'dis')
        }
        self._t = tf.Variable(0.0)
        self._x = tf.constant(samples.transpose(0, 2, 3, 1).astype(np.float32) / 255)
        self._labels = tf.one_hot(labels, case['classes']) if case['classes'] else None
        self._random = tf.random.Generator.from_seed(0)
        self._draws = (
            1 if case['shared_noise'] else case['dis_steps'] + 1,
            case['batch'],
            case['latent'],
        )
        self._step = tf.function(self._iteration, jit_compile=not fused)

    def _variables(self, part: str, arrays: Arrays) -> Variables:
        given = self._layout.there(
            {
                name: value * self._scales.get(name, np.float32(1))
                for name, value in arrays.items()
                if name.startswith(part + '/')
            }
        )
        return {
            name.partition('/')[2]: tf.Variable(value, trainable='running' not in name)
            for name, value in given.items()
        }

    def _iteration(self, z: tf.Tensor, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        case, shared = self._case, self._case['shared_noise']
        gen, dis = (
            [w for w in self._parts[part].values() if w.trainable] for part in ('gen', 'dis')
        )
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(gen)
            for step in range(case['dis_steps']):
                x_real = tf.gather(self._x, index[step])
                label = None if self._labels is None else tf.gather(self._labels, index[step])
                if step == 0 or not shared:
                    x_fake = self._sample(z[step], label)
                with tape.stop_recording(), tf.GradientTape(watch_accessed_variables=False) as own:
                    own.watch(dis)
                    d = self._dis_loss(seen(x_real, label), x_fake)
                with tape.stop_recording():
                    self._opt['dis'].step(own.gradient(d, dis))
            if not shared:
                x_fake = self._sample(z[-1], label)
            g = LOSSES[case['loss']][1](forward(case['dis'], self._parts['dis'], x_fake))
        self._opt['gen'].step(tape.gradient(g, gen))
        self._t.assign_add(1)
        if case['ema']:
            decay = tf.minimum(case['ema'], (1 + self._t) / (10 + self._t))
            for name, average in self._parts['ema'].items():
                average.assign_sub((average - self._parts['gen'][name]) * (1 - decay))
        return d, g

    def _sample(self, z: tf.Tensor, label: tf.Tensor | None) -> tf.Tensor:
        return seen(
            forward(
                self._case['gen'],
                self._parts['gen'],
                z if label is None else tf.concat([z, label], 1),
            ),
            label,
        )

    def _dis_loss(self, x_real: tf.Tensor, x_fake: tf.Tensor) -> tf.Tensor:
        layers, dis = self._case['dis'], self._parts['dis']
        if any(
            layer['kind'] == 'BatchNorm' for layer in layers
        ):  # each batch has statistics of its own
            y_fake = forward(
                layers, dis, x_fake
            )  # first: MXNet moves running statistics in backward, the last pass first
            y_real = forward(layers, dis, x_real)
        else:
            y_real, y_fake = tf.split(forward(layers, dis, tf.concat([x_real, x_fake], 0)), 2)
        return LOSSES[self._case['loss']][0](y_real, y_fake)

    def own(self) -> Iterator[Any]:
        random, each = np.random.default_rng(0), self._case['dis_steps'] * self._case['batch']
        while True:
            order = random.permutation(len(self._x)).astype(np.int32)
            for at in range(0, len(order) - each + 1, each):
                z = (
                    self._random.uniform(self._draws, -1, 1)
                    if self._case['noise'] == 'uniform'
                    else self._random.normal(self._draws)
                )
                yield z, tf.constant(order[at : at + each].reshape(self._case['dis_steps'], -1))

    def given(self, z: np.ndarray, index: np.ndarray) -> Any:
        return tf.constant(z), tf.constant(index.astype(np.int32))

    def iterate(self, inputs: Any) -> None:
        self._losses = self._step(*inputs)

    def wait(self) -> None:
        """A tf.function is done on return, but for a copy of the last counter."""
        self._t.numpy()

    def weights(self) -> Arrays:
        own = {
            f'{part}/{name}': w.numpy()
            for part, variables in self._parts.items()
            for name, w in variables.items()
        }
        return self._layout.back(
            {name: value / self._scales.get(name, np.float32(1)) for name, value in own.items()}
        )


if __name__ == '__main__':
    serve(TensorFlowGAN)
