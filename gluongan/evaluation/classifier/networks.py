"""The networks of judges.

With labels: LeNet-5 for grey pictures, a small residual network for colour. Without: an
autoencoder.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

from ...nn.layers import Centre, Chain, Conv, Deconv, Dense, Reshape
from ...runtime import device as context
from ...runtime import import_gluoncv, mx

nn = mx.gluon.nn

SMALLEST = 12  # pixels on a side; two convolutions and poolings leave nothing of a smaller image
FEATURES = 64  # of an autoencoder
# Channels of its convolutions from fine to coarse; all further ones have the last.
WIDTHS = (16, 32, 64)
COARSE = 4  # pixels; it halves the sides until the longer one is no longer than this


class Net(NamedTuple):
    """A network in two parts.

    body: pictures (N, C, H, W) to features (N, D). head: features to logits (N, classes) of a
    classifier, to pictures (N, C, H, W) of an autoencoder.
    """

    body: Chain
    head: mx.gluon.HybridBlock


def lenet(shape: tuple[int, int, int], classes: int) -> Net:
    """Return LeNet-5 (LeCun et al. 1998, Proceedings of the IEEE 86) with ReLU and max pooling.

    shape: of one picture, with sides of at least SMALLEST pixels. The features are 84 values.
    28×28 grey pictures and ten classes make 61,706 weights.
    """
    channels, height, width = shape
    height, width = (height // 2 - 4) // 2, (width // 2 - 4) // 2  # after both poolings
    body = Chain(
        nn.Conv2D(6, 5, padding=2, activation='relu', in_channels=channels),  # (N, 6, H, W)
        nn.MaxPool2D(),  # (N, 6, H/2, W/2)
        nn.Conv2D(16, 5, activation='relu', in_channels=6),  # (N, 16, H/2 - 4, W/2 - 4)
        nn.MaxPool2D(),  # (N, 16, 5, 5) for 28×28
        nn.Flatten(),
        Dense(120, 'relu', in_units=16 * height * width),
        Dense(84, 'relu', in_units=120),  # (N, 84)
        shape_in=shape,
    )
    return Net(body, Dense(classes, in_units=84))


def resnet20(shape: tuple[int, int, int], classes: int) -> Net:
    """Return gluoncv's `cifar_resnet20_v1` (He et al. 2016, arXiv 1512.03385, section 4.2).

    The features are 64 values.
    """
    net = import_gluoncv('model_zoo').get_model('cifar_resnet20_v1', classes=classes)
    return Net(Chain(Centre(), net.features, nn.Flatten(), shape_in=shape), net.output)


class Cropped(mx.gluon.HybridBlock):
    """The top left part of pictures: (N, C, ...) -> (N, C, height, width)."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self._end = (None, None, height, width)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return F.slice(x, begin=(None, None, 0, 0), end=self._end)


def autoencoder(shape: tuple[int, int, int], classes: int = 0) -> Net:
    """Return an encoder to 64 features and a decoder back, both of strided convolutions.

    shape: of one picture, with sides of at least SMALLEST pixels. classes: it has none. The
    features are an affine function of the last layer.
    """
    channels, height, width = shape
    widths: list[int] = []
    sides = height, width
    while max(sides) > COARSE <= min(sides):
        widths.append(WIDTHS[min(len(widths), len(WIDTHS) - 1)])
        sides = sides[0] // 2, sides[1] // 2
    ins = (channels, *widths)
    down = [Conv(out, 'leaky_relu', in_channels=n) for n, out in zip(ins, widths)]
    units = widths[-1] * sides[0] * sides[1]
    body = Chain(*down, nn.Flatten(), Dense(FEATURES, in_units=units), shape_in=shape)

    coarse = (widths[-1], *(-(-side // 2 ** len(widths)) for side in (height, width)))
    up = [Deconv(out, 'leaky_relu', in_channels=n) for n, out in zip(widths[::-1], widths[-2::-1])]
    first = Dense(prod(coarse), 'leaky_relu', in_units=FEATURES)
    last = Deconv(channels, in_channels=widths[0])
    head = Chain(first, Reshape(coarse), *up, last, Cropped(height, width), shape_in=(FEATURES,))
    return Net(body, head)


NETS = {'lenet': lenet, 'resnet20': resnet20, 'autoencoder': autoencoder}
WITHOUT_LABELS = ('autoencoder',)


def initialised(
    name: str, shape: tuple[int, int, int], classes: int, device: str | mx.Context = 'cpu'
) -> Net:
    """Return the network of that name in NETS, hybridized, with random weights.

    The weights depend on `runtime.seed`.
    """
    ctx = context(device)
    net = NETS[name](shape, classes)
    for part in net:
        part.initialize(mx.init.Xavier(), ctx=ctx)
        part.hybridize(static_alloc=True)
    net.head(net.body(mx.nd.zeros((1, *shape), ctx=ctx)))  # gluoncv infers its layers' sizes
    return net
