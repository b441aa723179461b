"""The networks of judges: LeNet-5 for grey pictures, a small residual network for colour."""

from __future__ import annotations

from typing import NamedTuple

from ...nn.layers import Centre, Chain, Dense
from ...runtime import device as context
from ...runtime import import_gluoncv, mx

nn = mx.gluon.nn

SMALLEST = 12  # pixels on a side; two convolutions and poolings leave nothing of a smaller image


class Net(NamedTuple):
    """A classifier in two parts.

    body: pictures (N, C, H, W) to features (N, D). head: features to logits (N, classes).
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


NETS = {'lenet': lenet, 'resnet20': resnet20}


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
