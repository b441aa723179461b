"""The same GAN in PyTorch. Forms: `eager`, with the fused Adam; `compile`, both networks and losses by torch.compile."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from protocol import Arrays, serve, unbiased

Tensors = dict[str, torch.Tensor]
Layers = list[dict[str, Any]]

ACTIVATIONS = {
    'identity': lambda x, slope: x,
    'relu': lambda x, slope: F.relu(x, inplace=True),
    'leaky_relu': lambda x, slope: F.leaky_relu(x, slope, inplace=True),
    'tanh': lambda x, slope: torch.tanh(x),
    'sigmoid': lambda x, slope: torch.sigmoid(x),
    'unit_tanh': lambda x, slope: (torch.tanh(x) + 1) / 2,
}


def activated(layer: dict[str, Any], x: torch.Tensor) -> torch.Tensor:
    return ACTIVATIONS[layer['activation']](x, layer['slope'])


def batchnorm(layer: dict[str, Any], p: Tensors, x: torch.Tensor) -> torch.Tensor:
    n = layer['name']
    return F.batch_norm(
        x,
        p[f'{n}.running_mean'],
        p[f'{n}.running_var'],
        p[f'{n}.gamma'],
        p[f'{n}.beta'],
        True,
        1 - layer['momentum'],
        layer['epsilon'],
    )


def channels_last(x: torch.Tensor) -> torch.Tensor:
    """Lay pictures and filters out as oneDNN's convolutions want them: 5 % of an iteration of dcgan."""
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


LAYERS = {
    'Dense': lambda layer, p, x: activated(
        layer, F.linear(x, p[layer['name'] + '.weight'], p[layer['name'] + '.bias'])
    ),
    'Conv': lambda layer, p, x: activated(
        layer,
        F.conv2d(
            x, p[layer['name'] + '.weight'], p.get(layer['name'] + '.bias'), stride=2, padding=1
        ),
    ),
    'Deconv': lambda layer, p, x: activated(
        layer,
        F.conv_transpose2d(
            x, p[layer['name'] + '.weight'], p.get(layer['name'] + '.bias'), stride=2, padding=1
        ),
    ),
    'BatchNorm': batchnorm,
    'Activation': lambda layer, p, x: activated(layer, x),
    'Reshape': lambda layer, p, x: channels_last(x.reshape(-1, *layer['output'])),
    'Flatten': lambda layer, p, x: x.flatten(1),
    'Centre': lambda layer, p, x: x * 2 - 1,
    'TwoUnitSoftmax': lambda layer, p, x: x[:, :1] - x[:, 1:],
}

# Of logits: what D minimises (real, fake), and what G minimises (fake).
LOSSES = {
    'nonsaturating': (
        lambda real, fake: F.softplus(-real).mean() + F.softplus(fake).mean(),
        lambda fake: F.softplus(-fake).mean(),
    ),
    'wasserstein': (lambda real, fake: fake.mean() - real.mean(), lambda fake: -fake.mean()),
}


def forward(layers: Layers, p: Tensors, x: torch.Tensor) -> torch.Tensor:
    for layer in layers:
        x = LAYERS[layer['kind']](layer, p, x)
    return x


class Adam:
    """torch.optim.Adam, fused. Its epsilon stands beside the corrected root, MXNet's (and the paper's section 2) beside the
    bare one: so it is handed epsilon / sqrt(1 - beta2^t)."""

    def __init__(
        self, weights: list[torch.Tensor], case: dict[str, Any], clip: float | None
    ) -> None:
        self._beta2, self._epsilon, self._t = case['beta2'], case['epsilon'], 0
        self._rule = torch.optim.Adam(
            weights, lr=case['lr'], betas=(case['beta1'], case['beta2']), fused=True
        )

    def step(self) -> None:
        self._t += 1
        self._rule.param_groups[0]['eps'] = self._epsilon / math.sqrt(1 - self._beta2**self._t)
        self._rule.step()
        self._rule.zero_grad(set_to_none=True)


class RMSProp:
    """MXNet's RMSProp has its epsilon beneath the root, torch.optim's beside it: so it is written out."""

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
    """One GAN, ready to train."""

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
        self._labels = (
            F.one_hot(torch.from_numpy(labels), case['classes']).float()
            if case['classes']
            else None
        )
        self._scales = unbiased(case)
        self._gen, self._dis = self._tensors('gen', arrays), self._tensors('dis', arrays)
        # The same memory without gradients: G's update needs none of D's weights'.
        self._view = {name: value.detach() for name, value in self._dis.items()}
        make = OPTIMIZERS[case['optimizer']]
        self._opt_gen = make([w for w in self._gen.values() if w.requires_grad], case, None)
        self._opt_dis = make([w for w in self._dis.values() if w.requires_grad], case, case['clip'])
        self._average = (
            {name: w.detach().clone() for name, w in self._gen.items()} if case['ema'] else {}
        )
        self._iteration = 0
        passes = (self._sample, self._dis_loss, self._gen_loss)
        self._sample, self._dis_loss, self._gen_loss = (
            map(torch.compile, passes) if form == 'compile' else passes
        )

    def _tensors(self, part: str, arrays: Arrays) -> Tensors:
        own = {
            name.partition('/')[2]: value
            for name, value in arrays.items()
            if name.startswith(part + '/')
        }
        return {
            name: channels_last(
                torch.from_numpy(value * self._scales.get(f'{part}/{name}', np.float32(1)))
            ).requires_grad_('running' not in name)
            for name, value in own.items()
        }

    def own(self) -> Iterator[Any]:
        case = self._case
        draws = (
            1 if case['shared_noise'] else case['dis_steps'] + 1,
            case['batch'],
            case['latent'],
        )
        while True:
            order = torch.randperm(len(self._x))
            for at in range(
                0,
                len(order) - case['dis_steps'] * case['batch'] + 1,
                case['dis_steps'] * case['batch'],
            ):
                index = order[at : at + case['dis_steps'] * case['batch']].view(
                    case['dis_steps'], case['batch']
                )
                yield (
                    torch.rand(draws) * 2 - 1 if case['noise'] == 'uniform' else torch.randn(draws),
                    index,
                )

    def given(self, z: np.ndarray, index: np.ndarray) -> Any:
        return torch.from_numpy(z), torch.from_numpy(index)

    def iterate(self, inputs: Any) -> None:
        z, index = inputs
        shared = self._case['shared_noise']
        for step, rows in enumerate(index):
            x_real, label = self._x[rows], self._labels[rows] if self._labels is not None else None
            if step == 0 or not shared:
                with torch.set_grad_enabled(shared):
                    x_fake = self._sample(self._gen, z[step], label)
            self._dis_loss(self._dis, seen(x_real, label), x_fake.detach()).backward()
            self._opt_dis.step()
        if not shared:
            x_fake = self._sample(self._gen, z[-1], label)
        self._gen_loss(self._view, x_fake).backward()
        self._opt_gen.step()
        self._iteration += 1
        if self._average:
            decay = min(self._case['ema'], (1 + self._iteration) / (10 + self._iteration))
            torch._foreach_lerp_(
                list(self._average.values()), [w.detach() for w in self._gen.values()], 1 - decay
            )

    def _sample(self, gen: Tensors, z: torch.Tensor, label: torch.Tensor | None) -> torch.Tensor:
        x = forward(self._case['gen'], gen, z if label is None else torch.cat([z, label], 1))
        return seen(x, label)

    def _dis_loss(self, dis: Tensors, x_real: torch.Tensor, x_fake: torch.Tensor) -> torch.Tensor:
        layers = self._case['dis']
        if any(
            layer['kind'] == 'BatchNorm' for layer in layers
        ):  # each batch has statistics of its own
            y_fake = forward(
                layers, dis, x_fake
            )  # first: MXNet moves running statistics in backward, the last pass first
            y_real = forward(layers, dis, x_real)
        else:
            y_real, y_fake = forward(layers, dis, torch.cat([x_real, x_fake])).chunk(2)
        return LOSSES[self._case['loss']][0](y_real, y_fake)

    def _gen_loss(self, dis: Tensors, x_fake: torch.Tensor) -> torch.Tensor:
        return LOSSES[self._case['loss']][1](forward(self._case['dis'], dis, x_fake))

    def wait(self) -> None:
        """Nothing to wait for: PyTorch on a CPU is done on return."""

    def weights(self) -> Arrays:
        parts = {'gen': self._gen, 'dis': self._dis, 'ema': self._average}
        return {
            f'{part}/{name}': value.detach().numpy()
            / self._scales.get(f'{part}/{name}', np.float32(1))
            for part, values in parts.items()
            for name, value in values.items()
        }


def seen(x: torch.Tensor, label: torch.Tensor | None) -> torch.Tensor:
    """Return samples as D sees them: flat with their one-hot labels appended, if there are any."""
    return x if label is None else torch.cat([x.flatten(1), label], 1)


if __name__ == '__main__':
    serve(TorchGAN)
