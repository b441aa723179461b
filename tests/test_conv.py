"""Convolutions down and up: shapes, counts, what MXNet alone cannot train, and the networks made of them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from gluongan import runtime
from gluongan.exports import export
from gluongan.nn.layers import Centre, Conv, Deconv, parameter_count
from gluongan.nn.models import conv_discriminator, conv_generator, halvings
from gluongan.runtime import mx

nn = mx.gluon.nn
SHAPES = [(1, 28, 28), (3, 32, 32), (1, 64, 64), (3, 96, 96), (1, 28, 56), (3, 8, 24)]
DEPTHS = {
    28: 2,
    32: 3,
    64: 4,
    96: 4,
    56: 3,
    8: 1,
    24: 2,
}  # while 4 pixels or more are left: 7, 4, 4, 6, 7, 4, 6


def batch(*shape, seed=0):
    return mx.nd.array(np.random.RandomState(seed).standard_normal(shape))


def deconv(channels, inside, seed=0, **more):
    runtime.seed(seed)
    layer = Deconv(channels, in_channels=inside, **more)
    layer.initialize(mx.init.Normal(0.2))
    return layer


def passes(layer, x, head):
    """Output, input gradient and parameter gradients of sum(layer(x) · head)."""
    x = x.copy()
    x.attach_grad()
    with mx.autograd.record():
        y = layer(x)
        total = (y * head).sum()
    total.backward()
    own = {name: p.grad().asnumpy() for name, p in layer._collect_params_with_prefix().items()}
    return y.asnumpy(), {'x': x.grad.asnumpy(), **own}


def upscaled(x, weight, bias):
    """The transposed convolution by its definition, float64: each input pixel paints its filter onto the output."""
    n, _, h, w = x.shape
    canvas = np.zeros((n, weight.shape[1], 2 * h + 2, 2 * w + 2))
    for i in range(4):
        for j in range(4):
            canvas[:, :, i : i + 2 * h : 2, j : j + 2 * w : 2] += np.einsum(
                'nchw,co->nohw', x, weight[:, :, i, j]
            )
    return canvas[:, :, 1:-1, 1:-1] + bias[:, None, None]


def painted_gradients(x, weight, head):
    """Of sum(upscaled · head) by x, weight and bias, float64."""
    padded, (h, w) = np.pad(head, ((0, 0), (0, 0), (1, 1), (1, 1))), x.shape[2:]
    by_x, by_weight = np.zeros(x.shape), np.zeros(weight.shape)
    for i in range(4):
        for j in range(4):
            part = padded[:, :, i : i + 2 * h : 2, j : j + 2 * w : 2]
            by_x += np.einsum('nohw,co->nchw', part, weight[:, :, i, j])
            by_weight[:, :, i, j] = np.einsum('nohw,nchw->co', part, x)
    return {'x': by_x, 'weight': by_weight, 'bias': head.sum(axis=(0, 2, 3))}


@pytest.mark.parametrize('hybridize', [False, True])
@pytest.mark.parametrize(
    'channels, inside', [(1, 8), (1, 16), (1, 32), (1, 64), (1, 5), (2, 16), (3, 32)]
)
def test_deconvolution_trains_on_the_cpu_with_exact_gradients(channels, inside, hybridize):
    layer, x, head = (
        deconv(channels, inside),
        batch(3, inside, 4, 5),
        batch(3, channels, 8, 10, seed=1),
    )
    layer.bias.data()[:] = 0.7
    if hybridize:
        layer.hybridize(static_alloc=True)
    weight = layer.weight.data().asnumpy().astype(np.float64)
    y, gradients = passes(layer, x, head)
    exact = x.asnumpy().astype(np.float64), weight
    np.testing.assert_allclose(y, upscaled(*exact, np.full(channels, 0.7)), rtol=1e-4, atol=1e-5)
    for name, value in painted_gradients(*exact, head.asnumpy().astype(np.float64)).items():
        np.testing.assert_allclose(
            gradients[name], value, rtol=1e-4, atol=2e-5 * np.abs(value).max(), err_msg=name
        )


@pytest.mark.parametrize('channels', [1, 2])
def test_deconvolution_computes_what_the_plain_one_does_with_the_same_parameters(channels):
    layer, x = deconv(channels, 32), batch(2, 32, 7, 7)
    plain = nn.Conv2DTranspose(channels, 4, 2, 1, in_channels=32)
    plain.initialize()
    for name, value in layer._collect_params_with_prefix().items():
        plain._collect_params_with_prefix()[name].set_data(value.data())
    np.testing.assert_allclose(layer(x).asnumpy(), plain(x).asnumpy(), rtol=0, atol=1e-6)
    assert parameter_count(layer) == parameter_count(plain) == 32 * channels * 16 + channels


def test_plain_deconvolution_to_one_channel_still_cannot_be_trained(python):
    """Why Deconv pads. Should this fail one day, oneDNN has been mended and the padding may go."""
    told = python("""
from gluongan.runtime import mx
layer = mx.gluon.nn.Conv2DTranspose(1, 4, 2, 1, in_channels=16)
layer.initialize()
x = mx.nd.ones((2, 16, 4, 4))
x.attach_grad()
with mx.autograd.record():
    y = layer(x)
try:
    y.backward()
    mx.nd.waitall()
    print('trained')
except mx.MXNetError as error:
    print('reorder primitive' in str(error))
""")
    assert told == 'True'


def test_convolution_halves_and_deconvolution_doubles():
    layer = Conv(5, 'relu', in_channels=2)
    layer.initialize()
    assert (
        layer(batch(3, 2, 8, 12)).shape == (3, 5, 4, 6)
        and (layer(batch(3, 2, 8, 12)).asnumpy() >= 0).all()
    )
    assert deconv(4, 6)(batch(3, 6, 5, 2)).shape == (3, 4, 10, 4)
    assert deconv(4, 6, bias=False).bias is None


def test_centre_takes_the_unit_interval_to_minus_one_and_one():
    np.testing.assert_array_equal(Centre()(mx.nd.array([0, 0.25, 1])).asnumpy(), [-1, -0.5, 1])


# The networks


def depth_of(shape):
    return min(DEPTHS[side] for side in shape[1:])


@pytest.mark.parametrize('shape', SHAPES, ids=str)
def test_networks_of_every_shape_give_pictures_and_logits_the_same_imperatively(shape):
    runtime.seed(0)
    gen = conv_generator(6, shape, width=4, init='glorot')
    dis = conv_discriminator(shape, width=4, init='glorot')
    z = batch(2, 6) * 100  # far from 0.5: without training BatchNorm is the identity
    pictures = gen(z)
    logits = dis(pictures)
    assert pictures.shape == (2, *shape) and logits.shape == (2,)
    assert (
        len([x for x in gen if isinstance(x, Deconv)])
        == len([x for x in dis if isinstance(x, Conv)])
        == depth_of(shape)
    )
    found = pictures.asnumpy()
    assert (
        0 <= found.min() < 0.48
        and 0.52 < found.max() <= 1
        and gen.shape_in == (6,)
        and dis.shape_in == shape
    )
    gen.hybridize(False)
    dis.hybridize(False)
    np.testing.assert_allclose(gen(z).asnumpy(), found, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(dis(pictures).asnumpy(), logits.asnumpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('width, depth', [(2, 1), (3, 2), (5, 3)])
@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('batchnorm', [False, True])
def test_width_and_depth_make_so_many_parameters(width, depth, channels, batchnorm):
    shape, z = (channels, 32, 16), 7
    maps = [width * 2**i for i in range(depth)]
    rest = (32 >> depth) * (16 >> depth)
    links = list(zip(maps, maps[1:]))
    norm = 4 if batchnorm else 1  # scale, shift, mean, variance instead of a bias
    gen = (
        (z + 1) * maps[-1] * rest
        + (4 * maps[-1] if batchnorm else 0)
        + sum(16 * a * b + norm * a for a, b in links)
        + 16 * maps[0] * channels
        + channels
    )
    dis = (
        16 * channels * maps[0]
        + maps[0]
        + sum(16 * a * b + norm * b for a, b in links)
        + maps[-1] * rest
        + 1
    )
    options = {'width': width, 'depth': depth, 'batchnorm': batchnorm}
    assert parameter_count(conv_generator(z, shape, **options)) == gen
    assert parameter_count(conv_discriminator(shape, **options)) == dis


def test_no_batchnorm_at_the_output_of_gen_nor_behind_the_first_convolution_of_dis():
    gen = [type(x).__name__ for x in conv_generator(6, (1, 32, 32), width=2)]
    dis = [type(x).__name__ for x in conv_discriminator((1, 32, 32), width=2)]
    assert gen == [
        'Dense',
        'Reshape',
        'BatchNorm',
        'Activation',
        *['Deconv', 'BatchNorm', 'Activation'] * 2,
        'Deconv',
    ]
    assert dis == [
        'Centre',
        'Conv',
        'Activation',
        *['Conv', 'BatchNorm', 'Activation'] * 2,
        'Flatten',
        'Dense',
        'Reshape',
    ]


@pytest.mark.parametrize('channels', [1, 3])
def test_a_whole_generator_trains_against_a_whole_discriminator(channels):
    runtime.seed(0)
    gen, dis = (
        conv_generator(6, (channels, 28, 28), width=16, init='glorot'),
        conv_discriminator((channels, 28, 28), width=16, init='glorot'),
    )
    z = batch(4, 6)
    with mx.autograd.record():
        y = dis(gen(z))
    y.backward()
    for net in (gen, dis):
        for name, p in net._collect_params_with_prefix().items():
            if p.grad_req != 'null':
                gradient = p.grad().asnumpy()
                assert np.isfinite(gradient).all() and (gradient != 0).any(), name


@pytest.mark.parametrize(
    'output, low, high', [('tanh', 0, 1), ('sigmoid', 0, 1), ('identity', -9, 9)]
)
def test_output_is_within_its_range_at_any_size(output, low, high):
    runtime.seed(1)
    gen = conv_generator(6, (1, 8, 8), output, width=4, init='glorot')
    found = (gen(batch(16, 6) * 1000) if output != 'identity' else gen(batch(16, 6) * 2)).asnumpy()
    assert low <= found.min() and found.max() <= high and found.std() > 0.1


@pytest.mark.parametrize(
    'shape, depth, found',
    [
        ((1, 28, 28), None, (2, (7, 7))),
        ((1, 32, 32), None, (3, (4, 4))),
        ((3, 64, 64), None, (4, (4, 4))),
        ((3, 96, 96), None, (4, (6, 6))),
        ((1, 28, 56), None, (2, (7, 14))),
        ((1, 32, 32), 5, (5, (1, 1))),
        ((1, 30, 30), 1, (1, (15, 15))),
        ((1, 30, 30), None, (1, (15, 15))),
        ((1, 256, 256), None, (6, (4, 4))),
    ],
)
def test_sides_halve_while_four_pixels_are_left_or_as_often_as_asked(shape, depth, found):
    assert halvings(shape, depth) == found


@pytest.mark.parametrize(
    'shape, depth, times',
    [
        ((1, 27, 27), None, 1),
        ((1, 30, 30), 2, 2),
        ((1, 28, 28), 3, 3),
        ((1, 28, 27), None, 1),
        ((1, 6, 6), None, 1),
        ((1, 32, 32), 6, 6),
        ((1, 32, 32), 0, 1),
    ],
)
@pytest.mark.parametrize(
    'make',
    [
        lambda shape, depth: conv_generator(5, shape, depth=depth),
        lambda shape, depth: conv_discriminator(shape, depth=depth),
    ],
    ids=['gen', 'dis'],
)
def test_sides_that_do_not_halve_so_often_are_refused(make, shape, depth, times):
    with pytest.raises(
        ValueError,
        match=f'sides of {shape[1]} × {shape[2]} pixels do not halve {times} times; convolutional',
    ):
        make(shape, depth)


@pytest.mark.same_bits
@pytest.mark.parametrize('shape', [(1, 28, 28), (3, 8, 16)], ids=str)
def test_exported_generator_computes_the_same_bits(tmp_path, shape):
    gen = conv_generator(6, shape, width=8, init='glorot')
    z = batch(5, 6)
    live = gen(z).asnumpy()
    files = export(gen, tmp_path / 'gen')  # which compares, too
    with warnings.catch_warnings():
        warnings.filterwarnings(
            'ignore', 'Cannot decide type'
        )  # every import of MXNet 1.9.1 prints it
        again = mx.gluon.SymbolBlock.imports(str(files[0]), ['data'], str(files[1]))(z).asnumpy()
    np.testing.assert_array_equal(again, live)
