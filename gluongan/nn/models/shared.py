"""What dense and convolutional networks share: initial weights, hidden layers, the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...errors import InputError
from ...runtime import device as context
from ...runtime import mx
from ..layers import (
    Activation,
    BatchNorm,
    Chain,
    Dense,
    MinibatchDiscrimination,
    MinibatchStdDev,
    ModulatedBatchNorm,
    Pack,
    Projection,
    Reshape,
    TwoUnitSoftmax,
    power_iteration,
)

nn = mx.gluon.nn
Layers = list[mx.gluon.HybridBlock]


INITIALIZERS = {
    # U(±sqrt(6 / (in + out)))
    'glorot': lambda: mx.init.Xavier(),
    # N(0, sd = 1 / sqrt(in / 2))
    'he': lambda: mx.init.Xavier(rnd_type='gaussian', factor_type='in', magnitude=2),
    # N(0, sd = 0.02)
    'normal': lambda: mx.init.Normal(0.02),
}


def initialize(net: Chain, init: str, device: str | mx.Context) -> Chain:
    """Initialise `net` on `device` and hybridize it; return it.

    init: `glorot`, `he` or `normal`. The random numbers are those of `runtime.seed`.
    """
    if init not in INITIALIZERS:
        allowed = f'must be one of {", ".join(INITIALIZERS)}'
        raise InputError(allowed, setting='init', value=init, names=INITIALIZERS)
    net.initialize(INITIALIZERS[init](), ctx=context(device))
    power_iteration(net, steps=20)
    # Never static_shape: MXNet 1.9.1 then keeps the write/add request of the first backward pass,
    # and later gradients are silently wrong.
    net.hybridize(static_alloc=True)
    return net


class Hidden(NamedTuple):
    """How the hidden layers of a network are activated, normalised and regularised."""

    activation: str
    slope: float
    batchnorm: bool
    momentum: float
    dropout: float
    modulated_by: int = 0  # values of the generator's input; 0: not modulated

    def dense_layers(self, sizes: Sequence[int], *, spectral: bool = False) -> Layers:
        """Return the fully connected layers from sizes[0] to sizes[-1] values."""
        layers: Layers = []
        for inputs, outputs in zip(sizes, sizes[1:]):
            dense = Dense(
                outputs, self.activation, in_units=inputs, slope=self.slope, spectral=spectral
            )
            layers.append(dense)
            if self.batchnorm:
                layers.append(BatchNorm(outputs, momentum=self.momentum))
            layers += self._dropout_layers()
        return layers

    def after_convolution(self, channels: int) -> Layers:
        """Return the layers that follow a convolution without an activation."""
        layers: Layers = []
        if self.modulated_by:
            layers.append(
                ModulatedBatchNorm(channels, inputs=self.modulated_by, momentum=self.momentum)
            )
        elif self.batchnorm:
            layers.append(nn.BatchNorm(momentum=self.momentum, in_channels=channels))
        layers.append(Activation(self.activation, slope=self.slope))
        return layers + self._dropout_layers()

    def _dropout_layers(self) -> Layers:
        return [nn.Dropout(self.dropout)] if self.dropout else []


class Head(NamedTuple):
    """How a discriminator ends, by the options of `dense_discriminator` and `Projection`."""

    head: str
    kernels: int
    stddev: bool
    spectral: bool
    projected: int
    planes: bool = False

    def on_top_of(self, body: Layers, units: int) -> Layers:
        """Return the layers from `body`, which gives (N, units) features, to (N,) logits."""
        layers = list(body)
        if self.kernels:
            layers.append(MinibatchDiscrimination(units, self.kernels))
            units += self.kernels
        if self.stddev:
            layers.append(MinibatchStdDev())
            units += 1
        if self.projected:
            return [self._projection(Chain(*layers), units), Reshape(())]
        return [*layers, *self._logit_layers(units), Reshape(())]

    def _projection(self, body: Chain, units: int) -> Projection:
        return Projection(body, units, self.projected, planes=self.planes, spectral=self.spectral)

    def _logit_layers(self, units: int) -> Layers:
        if self.head == 'softmax':
            dense = Dense(2, 'tanh', in_units=units, spectral=self.spectral)
            return [dense, TwoUnitSoftmax()]
        return [Dense(1, in_units=units, spectral=self.spectral)]


def pack_layers(pack: int, shape: tuple[int, ...]) -> Layers:
    """Return the layer that makes one input of `pack` samples of a shape; none for 1."""
    return [Pack(pack, shape)] if pack > 1 else []


def output_activation(name: str) -> str:
    """Return the name of the activation behind which pictures are in [0, 1]."""
    return 'unit_tanh' if name == 'tanh' else name
