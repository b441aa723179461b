"""The same GAN in PyTorch.

Forms: `eager`, with the fused Adam; `compile`, both networks and losses by torch.compile.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from protocol import Arrays, noise_shape, serve, variance_scales

Tensors = dict[str, torch.Tensor]
Layer = dict[str, Any]

ACTIVATIONS = {
    'identity': lambda x, slope: x,
    'relu': lambda x, slope: F.relu(x, inplace=True),
    'leaky_relu': lambda x, slope: F.leaky_relu(x, slope, inplace=True),
    'tanh': lambda x, slope: torch.tanh(x),
    'sigmoid': lambda x, slope: torch.sigmoid(x),
    'unit_tanh': lambda x, slope: (torch.tanh(x) + 1) / 2,
}


# Layers: each from its description, all weights of the network, and x


def activate(layer: Layer, x: torch.Tensor) -> torch.Tensor:
    return ACTIVATIONS[layer['activation']](x, layer['slope'])


def dense(layer: Layer, p: Tensors, x: torch.Tensor) -> torch.Tensor:
    name = layer['name']
    return activate(layer, F.linear(x, p[f'{name}.weight'], p.get(f'{name}.bias')))


def conv(layer: Layer, p: Tensors, x: torch.Tensor) -> torch.Tensor:
    name = layer['name']
    y = F.conv2d(x, p[f'{name}.weight'], p.get(f'{name}.bias'), stride=2, padding=1)
    return activate(layer, y)


def deconv(layer: Layer, p: Tensors, x: torch.Tensor) -> torch.Tensor:
    name = layer['name']
    y = F.conv_transpose2d(x, p[f'{name}.weight'], p.get(f'{name}.bias'), stride=2, padding=1)
    return activate(layer, y)


def batchnorm(layer: Layer, p: Tensors, x: torch.Tensor) -> torch.Tensor:
    name = layer['name']
    return F.batch_norm(
        x,
        p[f'{name}.running_mean'],
        p[f'{name}.running_var'],
        p[f'{name}.gamma'],
        p[f'{name}.beta'],
        True,
        1 - layer['momentum'],
        layer['epsilon'],
    )


def projection(layer: Layer, p: Tensors, x: torch.Tensor) -> torch.Tensor:
    """Return w · φ(x) + b + (V label) · φ(x): the label is at the end of the input."""
    sample, label = x[:, : -layer['classes']], x[:, -layer['classes'] :]
    features = forward(layer['body'], p, sample)
    embedded = dense(layer['embed'], p, label)
    return dense(layer['head'], p, features) + (embedded * features).sum(1, keepdim=True)


def channels_last(x: torch.Tensor) -> torch.Tensor:
    """Lay out images and filters as oneDNN's convolutions want them: dcgan is 5 % faster."""
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


LAYERS = {
    'Dense': dense,
    'Conv': conv,
    'Deconv': deconv,
    'BatchNorm': batchnorm,
    'Activation': lambda layer, p, x: activate(layer, x),
    'Reshape': lambda layer, p, x: channels_last(x.reshape(-1, *layer['output'])),
    'Flatten': lambda layer, p, x: x.flatten(1),
    'Centre': lambda layer, p, x: x * 2 - 1,
    'Dropout': lambda layer, p, x: F.dropout(x, layer['rate']),
    'Projection': projection,
    'TwoUnitSoftmax': lambda layer, p, x: x[:, :1] - x[:, 1:],
}


def forward(layers: list[Layer], p: Tensors, x: torch.Tensor) -> torch.Tensor:
    for layer in layers:
        x = LAYERS[layer['kind']](layer, p, x)
    return x


def with_label(x: torch.Tensor, label: torch.Tensor | None) -> torch.Tensor:
    """Return the discriminator's input: flat samples and their one-hot labels, if any."""
    return x if label is None else torch.cat([x.flatten(1), label], 1)


# Losses, of logits: the discriminator's (real, fake) and the generator's (fake)


def nonsaturating_dis(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def nonsaturating_gen(fake: torch.Tensor) -> torch.Tensor:
    return F.softplus(-fake).mean()


def wasserstein_dis(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    return fake.mean() - real.mean()


def wasserstein_gen(fake: torch.Tensor) -> torch.Tensor:
    return -fake.mean()


LOSSES = {
    'nonsaturating': (nonsaturating_dis, nonsaturating_gen),
    'wasserstein': (wasserstein_dis, wasserstein_gen),
}


# Optimizers


class Adam:
    """torch.optim.Adam, fused.

    Its epsilon stands beside the corrected root, MXNet's (and the paper's, section 2) beside the
    bare one. So it gets epsilon / sqrt(1 - beta2^t).
    """

    def __init__(
        self, weights: list[torch.Tensor], case: dict[str, Any], clip: float | None
    ) -> None:
        self._beta2, self._epsilon = case['beta2'], case['epsilon']
        self._t = 0
        betas = (case['beta1'], case['beta2'])
        self._rule = torch.optim.Adam(weights, lr=case['lr'], betas=betas, fused=True)

    def step(self) -> None:
        self._t += 1
        epsilon = self._epsilon / math.sqrt(1 - self._beta2**self._t)
        self._rule.param_groups[0]['eps'] = epsilon
        self._rule.step()
        self._rule.zero_grad(set_to_none=True)


class RMSProp:
    """MXNet's RMSProp: its epsilon is under the root, where torch.optim has it beside the root."""

    def __init__(
        self, weights: list[torch.Tensor], case: dict[str, Any], clip: float | None
    ) -> None:
        self._weights, self._clip = weights, clip
        self._lr, self._decay, self._epsilon = case['lr'], case['decay'], case['epsilon']
        self._squares = [torch.zeros_like(weight) for weight in weights]

    @torch.no_grad()
    def step(self) -> None:
        for weight, square in zip(self._weights, self._squares):
            square.mul_(self._decay).addcmul_(weight.grad, weight.grad, value=1 - self._decay)
            weight.addcmul_(weight.grad, torch.rsqrt(square + self._epsilon), value=-self._lr)
            if self._clip:
                weight.clamp_(-self._clip, self._clip)
            weight.grad = None


OPTIMIZERS = {'adam': Adam, 'rmsprop': RMSProp}


class TorchGAN:
    """A GAN ready to train."""

    versions: ClassVar = {'torch': torch.__version__, 'numpy': np.__version__}

    def __init__(
        self,
        case: dict[str, Any],
        arrays: Arrays,
        samples: np.ndarray,
        labels: np.ndarray | None,
        form: str,
        threads: int,
    ) -> None:
        torch.set_num_threads(threads)
        self._case = case
        self._x = torch.from_numpy(samples).float() / 255
        self._labels = None
        if case['classes']:
            self._labels = F.one_hot(torch.from_numpy(labels), case['classes']).float()
        self._scales = variance_scales(case)
        self._gen, self._dis = self._tensors('gen', arrays), self._tensors('dis', arrays)
        # The same memory without gradients: the generator's update needs none of the
        # discriminator's weights.
        self._frozen_dis = {name: value.detach() for name, value in self._dis.items()}
        self._opt_gen = self._optimizer(self._gen, None)
        self._opt_dis = self._optimizer(self._dis, case['clip'])
        self._average = {}
        if case['ema']:
            self._average = {name: w.detach().clone() for name, w in self._gen.items()}
        self._iteration = 0
        if form == 'compile':
            self._sample = torch.compile(self._sample)
            self._dis_loss = torch.compile(self._dis_loss)
            self._gen_loss = torch.compile(self._gen_loss)

    def _tensors(self, part: str, arrays: Arrays) -> Tensors:
        tensors = {}
        for full_name, value in arrays.items():
            owner, _, name = full_name.partition('/')
            if owner != part:
                continue
            scaled = value * self._scales.get(full_name, np.float32(1))
            tensor = channels_last(torch.from_numpy(scaled))
            tensors[name] = tensor.requires_grad_('running' not in name)
        return tensors

    def _optimizer(self, tensors: Tensors, clip: float | None) -> Adam | RMSProp:
        trainable = [w for w in tensors.values() if w.requires_grad]
        return OPTIMIZERS[self._case['optimizer']](trainable, self._case, clip)

    def draw(self) -> Iterator[Any]:
        case = self._case
        steps, batch = case['dis_steps'], case['batch']
        while True:
            order = torch.randperm(len(self._x))
            for start in range(0, len(order) - steps * batch + 1, steps * batch):
                index = order[start : start + steps * batch].view(steps, batch)
                yield self._draw_noise(), index

    def _draw_noise(self) -> torch.Tensor:
        shape = noise_shape(self._case)
        if self._case['noise'] == 'uniform':
            return torch.rand(shape) * 2 - 1
        return torch.randn(shape)

    def given(self, z: np.ndarray, index: np.ndarray) -> Any:
        return torch.from_numpy(z), torch.from_numpy(index)

    def iterate(self, inputs: Any) -> None:
        z, indices = inputs
        shared = self._case['shared_noise']
        for step, index in enumerate(indices):
            x_real = self._x[index]
            label = None if self._labels is None else self._labels[index]
            if step == 0 or not shared:
                with torch.set_grad_enabled(shared):
                    x_fake = self._sample(self._gen, z[step], label)
            loss = self._dis_loss(self._dis, with_label(x_real, label), x_fake.detach())
            loss.backward()
            self._opt_dis.step()
        if not shared:
            x_fake = self._sample(self._gen, z[-1], label)
        self._gen_loss(self._frozen_dis, x_fake).backward()
        self._opt_gen.step()
        self._iteration += 1
        if self._average:
            self._update_average()

    def _update_average(self) -> None:
        decay = min(self._case['ema'], (1 + self._iteration) / (10 + self._iteration))
        live = [w.detach() for w in self._gen.values()]
        torch._foreach_lerp_(list(self._average.values()), live, 1 - decay)

    def _sample(self, gen: Tensors, z: torch.Tensor, label: torch.Tensor | None) -> torch.Tensor:
        if label is not None:
            z = torch.cat([z, label], 1)
        return with_label(forward(self._case['gen'], gen, z), label)

    def _dis_loss(self, dis: Tensors, x_real: torch.Tensor, x_fake: torch.Tensor) -> torch.Tensor:
        layers = self._case['dis']
        if any(layer['kind'] == 'BatchNorm' for layer in layers):
            # Each batch has its own statistics. The fake batch comes first, because MXNet moves the
            # running statistics in the backward pass, where the last batch comes first.
            y_fake = forward(layers, dis, x_fake)
            y_real = forward(layers, dis, x_real)
        else:
            y_real, y_fake = forward(layers, dis, torch.cat([x_real, x_fake])).chunk(2)
        loss, _ = LOSSES[self._case['loss']]
        return loss(y_real, y_fake)

    def _gen_loss(self, dis: Tensors, x_fake: torch.Tensor) -> torch.Tensor:
        _, loss = LOSSES[self._case['loss']]
        return loss(forward(self._case['dis'], dis, x_fake))

    def wait(self) -> None:
        """Nothing to wait for: PyTorch on a CPU has finished on return."""

    def weights(self) -> Arrays:
        arrays = {}
        parts = {'gen': self._gen, 'dis': self._dis, 'ema': self._average}
        for part, tensors in parts.items():
            for name, value in tensors.items():
                scale = self._scales.get(f'{part}/{name}', np.float32(1))
                arrays[f'{part}/{name}'] = value.detach().numpy() / scale
        return arrays


if __name__ == '__main__':
    serve(TorchGAN)
