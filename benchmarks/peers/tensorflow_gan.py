"""The same GAN in TensorFlow: one iteration is one tf.function.

It calls the operators that the layers and optimizers of Keras call. Forms: `graph`, with
TensorFlow's fused kernels for Adam and RMSProp; `xla`, the whole iteration compiled.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf
from layout import Layout
from protocol import Arrays, noise_shape, serve, variance_scales

Layer = dict[str, Any]
Variables = dict[str, tf.Variable]

ACTIVATIONS = {
    'identity': lambda x, slope: x,
    'relu': lambda x, slope: tf.nn.relu(x),
    'leaky_relu': lambda x, slope: tf.nn.leaky_relu(x, slope),
    'tanh': lambda x, slope: tf.tanh(x),
    'sigmoid': lambda x, slope: tf.sigmoid(x),
    'unit_tanh': lambda x, slope: (tf.tanh(x) + 1) / 2,
}


# Layers: each from its description, all weights of the network, and x


def activate(layer: Layer, x: tf.Tensor) -> tf.Tensor:
    return ACTIVATIONS[layer['activation']](x, layer['slope'])


def add_bias(layer: Layer, p: Variables, x: tf.Tensor) -> tf.Tensor:
    return tf.nn.bias_add(x, p[f'{layer["name"]}.bias']) if layer['bias'] else x


def dense(layer: Layer, p: Variables, x: tf.Tensor) -> tf.Tensor:
    y = tf.matmul(x, p[f'{layer["name"]}.weight'])
    return activate(layer, add_bias(layer, p, y))


def conv(layer: Layer, p: Variables, x: tf.Tensor) -> tf.Tensor:
    y = tf.nn.conv2d(x, p[f'{layer["name"]}.weight'], 2, 'SAME')
    return activate(layer, add_bias(layer, p, y))


def deconv(layer: Layer, p: Variables, x: tf.Tensor) -> tf.Tensor:
    channels, *sides = layer['output']
    shape = (x.shape[0], *sides, channels)
    y = tf.nn.conv2d_transpose(x, p[f'{layer["name"]}.weight'], shape, 2, 'SAME')
    return activate(layer, add_bias(layer, p, y))


def batchnorm(layer: Layer, p: Variables, x: tf.Tensor) -> tf.Tensor:
    """Normalise by this batch, and move the running statistics."""
    name = layer['name']
    is_flat = len(x.shape) == 2
    if is_flat:
        x = x[:, None, None, :]  # the fused kernel wants images
    y, mean, var = tf.compat.v1.nn.fused_batch_norm(
        x, p[f'{name}.gamma'], p[f'{name}.beta'], epsilon=layer['epsilon']
    )
    for running, value in ((p[f'{name}.running_mean'], mean), (p[f'{name}.running_var'], var)):
        running.assign_sub((running - tf.stop_gradient(value)) * (1 - layer['momentum']))
    return y[:, 0, 0, :] if is_flat else y


def projection(layer: Layer, p: Variables, x: tf.Tensor) -> tf.Tensor:
    """Return w · φ(x) + b + (V label) · φ(x): the label is at the end of the input."""
    sample, label = x[:, : -layer['classes']], x[:, -layer['classes'] :]
    features = forward(layer['body'], p, sample)
    embedded = dense(layer['embed'], p, label)
    product = tf.reduce_sum(embedded * features, 1, keepdims=True)
    return dense(layer['head'], p, features) + product


def reshape(layer: Layer, x: tf.Tensor) -> tf.Tensor:
    """Return x in the shape (C, H, W) of the layer with the channels last; () is one number."""
    c, *sides = layer['output'] or [0]
    shape = (-1, *sides, c) if sides else (-1,)
    return tf.reshape(x, shape)


LAYERS = {
    'Dense': dense,
    'Conv': conv,
    'Deconv': deconv,
    'BatchNorm': batchnorm,
    'Activation': lambda layer, p, x: activate(layer, x),
    'Reshape': lambda layer, p, x: reshape(layer, x),
    'Flatten': lambda layer, p, x: tf.reshape(x, (x.shape[0], -1)),
    'Centre': lambda layer, p, x: x * 2 - 1,
    'Dropout': lambda layer, p, x: tf.nn.dropout(x, layer['rate']),
    'Projection': projection,
    'TwoUnitSoftmax': lambda layer, p, x: x[:, :1] - x[:, 1:],
}


def forward(layers: list[Layer], p: Variables, x: tf.Tensor) -> tf.Tensor:
    for layer in layers:
        x = LAYERS[layer['kind']](layer, p, x)
    return x


def with_label(x: tf.Tensor, label: tf.Tensor | None) -> tf.Tensor:
    """Return the discriminator's input: flat samples and their one-hot labels, if any."""
    return x if label is None else tf.concat([tf.reshape(x, (x.shape[0], -1)), label], 1)


# Losses, of logits: the discriminator's (real, fake) and the generator's (fake)


def nonsaturating_dis(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.nn.softplus(-real)) + tf.reduce_mean(tf.nn.softplus(fake))


def nonsaturating_gen(fake: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.nn.softplus(-fake))


def wasserstein_dis(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(fake) - tf.reduce_mean(real)


def wasserstein_gen(fake: tf.Tensor) -> tf.Tensor:
    return -tf.reduce_mean(fake)


LOSSES = {
    'nonsaturating': (nonsaturating_dis, nonsaturating_gen),
    'wasserstein': (wasserstein_dis, wasserstein_gen),
}


class Optimizer:
    """Adam or RMSProp, whose formulas in TensorFlow are MXNet's.

    fused: whether by TensorFlow's fused kernels, or written out for XLA to fuse.
    """

    def __init__(
        self, weights: list[tf.Variable], case: dict[str, Any], clip: float | None, fused: bool
    ) -> None:
        self._weights, self._case, self._clip, self._fused = weights, case, clip, fused
        self._moments = []
        for w in weights:
            self._moments.append((tf.Variable(tf.zeros_like(w)), tf.Variable(tf.zeros_like(w))))
        self._powers = tf.Variable([1.0, 1.0])  # beta1^t, beta2^t
        self._rule = {'adam': self._adam, 'rmsprop': self._rmsprop}[case['optimizer']]

    def step(self, grads: list[tf.Tensor]) -> None:
        self._powers.assign(self._powers * [self._case['beta1'], self._case['beta2']])
        for w, g, (m, v) in zip(self._weights, grads, self._moments):
            self._rule(w, g, m, v)
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
        rate = case['lr'] * tf.sqrt(1 - power2) / (1 - power1)
        w.assign_sub(rate * m / (tf.sqrt(v) + case['epsilon']))

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
    """A GAN ready to train."""

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
        self._case = case
        self._layout = Layout(case)
        self._scales = variance_scales(case)
        self._gen, self._dis, self._average = (
            self._variables(part, arrays) for part in ('gen', 'dis', 'ema')
        )
        fused = form == 'graph'
        self._opt_gen = Optimizer(trainable(self._gen), case, None, fused)
        self._opt_dis = Optimizer(trainable(self._dis), case, case['clip'], fused)
        self._t = tf.Variable(0.0)
        self._x = tf.constant(samples.transpose(0, 2, 3, 1).astype(np.float32) / 255)
        self._labels = tf.one_hot(labels, case['classes']) if case['classes'] else None
        self._random = tf.random.Generator.from_seed(0)
        self._compiled = tf.function(self._iteration, jit_compile=not fused)

    def _variables(self, part: str, arrays: Arrays) -> Variables:
        scaled = {}
        for name, value in arrays.items():
            if name.startswith(part + '/'):
                scaled[name] = value * self._scales.get(name, np.float32(1))
        variables = {}
        for full_name, value in self._layout.channels_last(scaled).items():
            name = full_name.partition('/')[2]
            variables[name] = tf.Variable(value, trainable='running' not in name)
        return variables

    def _iteration(self, z: tf.Tensor, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        case, shared = self._case, self._case['shared_noise']
        gen = trainable(self._gen)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(gen)
            for step in range(case['dis_steps']):
                x_real = tf.gather(self._x, indices[step])
                label = None
                if self._labels is not None:
                    label = tf.gather(self._labels, indices[step])
                if step == 0 or not shared:
                    x_fake = self._sample(z[step], label)
                with tape.stop_recording():
                    loss_dis = self._update_dis(with_label(x_real, label), x_fake)
            if not shared:
                x_fake = self._sample(z[-1], label)
            loss_gen = self._gen_loss(x_fake)
        self._opt_gen.step(tape.gradient(loss_gen, gen))
        self._t.assign_add(1)
        if case['ema']:
            self._update_average()
        return loss_dis, loss_gen

    def _update_dis(self, x_real: tf.Tensor, x_fake: tf.Tensor) -> tf.Tensor:
        dis = trainable(self._dis)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(dis)
            loss = self._dis_loss(x_real, x_fake)
        self._opt_dis.step(tape.gradient(loss, dis))
        return loss

    def _update_average(self) -> None:
        decay = tf.minimum(self._case['ema'], (1 + self._t) / (10 + self._t))
        for name, average in self._average.items():
            average.assign_sub((average - self._gen[name]) * (1 - decay))

    def _sample(self, z: tf.Tensor, label: tf.Tensor | None) -> tf.Tensor:
        if label is not None:
            z = tf.concat([z, label], 1)
        return with_label(forward(self._case['gen'], self._gen, z), label)

    def _dis_loss(self, x_real: tf.Tensor, x_fake: tf.Tensor) -> tf.Tensor:
        layers = self._case['dis']
        if any(layer['kind'] == 'BatchNorm' for layer in layers):
            # Each batch has its own statistics. The fake batch comes first, because MXNet moves the
            # running statistics in the backward pass, where the last batch comes first.
            y_fake = forward(layers, self._dis, x_fake)
            y_real = forward(layers, self._dis, x_real)
        else:
            y = forward(layers, self._dis, tf.concat([x_real, x_fake], 0))
            y_real, y_fake = tf.split(y, 2)
        loss, _ = LOSSES[self._case['loss']]
        return loss(y_real, y_fake)

    def _gen_loss(self, x_fake: tf.Tensor) -> tf.Tensor:
        _, loss = LOSSES[self._case['loss']]
        return loss(forward(self._case['dis'], self._dis, x_fake))

    def draw(self) -> Iterator[Any]:
        random = np.random.default_rng(0)
        steps = self._case['dis_steps']
        count = steps * self._case['batch']
        while True:
            order = random.permutation(len(self._x)).astype(np.int32)
            for start in range(0, len(order) - count + 1, count):
                index = order[start : start + count].reshape(steps, -1)
                yield self._draw_noise(), tf.constant(index)

    def _draw_noise(self) -> tf.Tensor:
        shape = noise_shape(self._case)
        if self._case['noise'] == 'uniform':
            return self._random.uniform(shape, -1, 1)
        return self._random.normal(shape)

    def given(self, z: np.ndarray, index: np.ndarray) -> Any:
        return tf.constant(z), tf.constant(index.astype(np.int32))

    def iterate(self, inputs: Any) -> None:
        self._losses = self._compiled(*inputs)

    def wait(self) -> None:
        """A tf.function has finished on return, but for a copy of the last counter."""
        self._t.numpy()

    def weights(self) -> Arrays:
        arrays = {}
        parts = {'gen': self._gen, 'dis': self._dis, 'ema': self._average}
        for part, variables in parts.items():
            for name, variable in variables.items():
                arrays[f'{part}/{name}'] = variable.numpy()
        arrays = self._layout.channels_first(arrays)
        return {
            name: value / self._scales.get(name, np.float32(1)) for name, value in arrays.items()
        }


def trainable(variables: Variables) -> list[tf.Variable]:
    return [variable for variable in variables.values() if variable.trainable]


if __name__ == '__main__':
    serve(TensorFlowGAN)
