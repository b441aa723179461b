"""Convolutions down and up, what MXNet alone cannot train, and the networks made of them."""

from __future__ import annotations

import warnings
from collections import Counter

import numpy as np
import pytest

from gluongan import build, runtime
from gluongan.config import Config, ConfigError
from gluongan.exports import export, load_export
from gluongan.nn.layers import (
    Centre,
    Conv,
    Deconv,
    Dense,
    all_blocks,
    normalised_layers,
    parameter_count,
)
from gluongan.nn.models import conv_discriminator, conv_generator, halvings
from gluongan.runtime import mx

nn = mx.gluon.nn
SHAPES = [(1, 28, 28), (3, 32, 32), (1, 64, 64), (3, 96, 96), (1, 28, 56), (3, 8, 24)]
# How often each side can be halved while 4 pixels remain: to 7, 4, 4, 6, 7, 4, 6.
DEPTHS = {28: 2, 32: 3, 64: 4, 96: 4, 56: 3, 8: 1, 24: 2}


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
    gradients = {'x': x.grad.asnumpy()}
    for name, parameter in layer._collect_params_with_prefix().items():
        gradients[name] = parameter.grad().asnumpy()
    return y.asnumpy(), gradients


def upscaled(x, weight, bias):
    """The transposed convolution: each input pixel paints its filter onto the output."""
    n, _, h, w = x.shape
    canvas = np.zeros((n, weight.shape[1], 2 * h + 2, 2 * w + 2))
    for i in range(4):
        for j in range(4):
            painted = np.einsum('nchw,co->nohw', x, weight[:, :, i, j])
            canvas[:, :, i : i + 2 * h : 2, j : j + 2 * w : 2] += painted
    return canvas[:, :, 1:-1, 1:-1] + bias[:, None, None]


def painted_gradients(x, weight, head):
    """The gradients of sum(upscaled(x, weight, bias) · head) by x, weight and bias."""
    padded = np.pad(head, ((0, 0), (0, 0), (1, 1), (1, 1)))
    h, w = x.shape[2:]
    by_x, by_weight = np.zeros(x.shape), np.zeros(weight.shape)
    for i in range(4):
        for j in range(4):
            part = padded[:, :, i : i + 2 * h : 2, j : j + 2 * w : 2]
            by_x += np.einsum('nohw,co->nchw', part, weight[:, :, i, j])
            by_weight[:, :, i, j] = np.einsum('nohw,nchw->co', part, x)
    return {'x': by_x, 'weight': by_weight, 'bias': head.sum(axis=(0, 2, 3))}


@pytest.mark.parametrize('hybridize', [False, True])
@pytest.mark.parametrize(
    'channels, inside',
    [(1, 8), (1, 16), (1, 32), (1, 64), (1, 5), (1, 7), (1, 15), (2, 16), (3, 32)],
)
def test_deconvolution_trains_on_the_cpu_with_exact_gradients(channels, inside, hybridize):
    layer = deconv(channels, inside)
    x = batch(3, inside, 4, 5)
    head = batch(3, channels, 8, 10, seed=1)
    layer.bias.data()[:] = 0.7
    if hybridize:
        layer.hybridize(static_alloc=True)
    y, gradients = passes(layer, x, head)
    x64, weight64, head64 = (
        array.asnumpy().astype(np.float64) for array in (x, layer.weight.data(), head)
    )
    exact = upscaled(x64, weight64, np.full(channels, 0.7))
    np.testing.assert_allclose(y, exact, rtol=1e-4, atol=1e-5)
    for name, value in painted_gradients(x64, weight64, head64).items():
        atol = 2e-5 * np.abs(value).max()
        np.testing.assert_allclose(gradients[name], value, rtol=1e-4, atol=atol, err_msg=name)


@pytest.mark.parametrize('channels', [1, 2])
def test_deconvolution_computes_what_the_plain_one_does_with_the_same_parameters(channels):
    layer, x = deconv(channels, 32), batch(2, 32, 7, 7)
    plain = nn.Conv2DTranspose(channels, 4, 2, 1, in_channels=32)
    plain.initialize()
    plain_parameters = plain._collect_params_with_prefix()
    for name, value in layer._collect_params_with_prefix().items():
        plain_parameters[name].set_data(value.data())
    np.testing.assert_allclose(layer(x).asnumpy(), plain(x).asnumpy(), rtol=0, atol=1e-6)
    assert parameter_count(layer) == parameter_count(plain) == 32 * channels * 16 + channels


def test_plain_deconvolution_to_one_channel_still_cannot_be_trained(python):
    """Why Deconv pads. If this fails, oneDNN has been fixed and the padding can be removed."""
    printed = python("""
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
    assert printed == 'True'


def test_convolution_halves_and_deconvolution_doubles():
    layer = Conv(5, 'relu', in_channels=2)
    layer.initialize()
    y = layer(batch(3, 2, 8, 12))
    assert y.shape == (3, 5, 4, 6)
    assert (y.asnumpy() >= 0).all()
    assert deconv(4, 6)(batch(3, 6, 5, 2)).shape == (3, 4, 10, 4)
    assert deconv(4, 6, bias=False).bias is None


def test_centre_maps_the_unit_interval_to_minus_one_and_one():
    y = Centre()(mx.nd.array([0, 0.25, 1]))
    np.testing.assert_array_equal(y.asnumpy(), [-1, -0.5, 1])


# The networks


def depth_of(shape):
    return min(DEPTHS[side] for side in shape[1:])


@pytest.mark.parametrize('shape', SHAPES, ids=str)
def test_networks_of_every_shape_give_the_same_pictures_and_logits_without_hybridizing(shape):
    runtime.seed(0)
    gen = conv_generator(6, shape, width=4, init='glorot')
    dis = conv_discriminator(shape, width=4, init='glorot')
    z = batch(2, 6) * 100  # far from 0.5: without training BatchNorm is the identity
    pictures = gen(z)
    logits = dis(pictures)
    assert pictures.shape == (2, *shape)
    assert logits.shape == (2,)
    assert gen.shape_in == (6,)
    assert dis.shape_in == shape
    assert sum(isinstance(layer, Deconv) for layer in gen) == depth_of(shape)
    assert sum(isinstance(layer, Conv) for layer in dis) == depth_of(shape)
    pixels = pictures.asnumpy()
    assert 0 <= pixels.min() < 0.48
    assert 0.52 < pixels.max() <= 1
    gen.hybridize(False)
    dis.hybridize(False)
    np.testing.assert_allclose(gen(z).asnumpy(), pixels, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(dis(pictures).asnumpy(), logits.asnumpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('width, depth', [(2, 1), (3, 2), (5, 3)])
@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('batchnorm', [False, True])
def test_width_and_depth_give_the_expected_number_of_parameters(width, depth, channels, batchnorm):
    shape, latent = (channels, 32, 16), 7
    maps = [width * 2**i for i in range(depth)]
    pairs = list(zip(maps, maps[1:]))
    pixels = (32 >> depth) * (16 >> depth)  # of the smallest map
    norm = 4 if batchnorm else 1  # scale, shift, mean, variance instead of a bias

    first_layer = (latent + 1) * maps[-1] * pixels
    first_norm = 4 * maps[-1] if batchnorm else 0
    hidden = sum(16 * small * large + norm * small for small, large in pairs)
    last_layer = 16 * maps[0] * channels + channels
    gen = first_layer + first_norm + hidden + last_layer

    first_layer = 16 * channels * maps[0] + maps[0]
    hidden = sum(16 * small * large + norm * large for small, large in pairs)
    last_layer = maps[-1] * pixels + 1
    dis = first_layer + hidden + last_layer

    options = {'width': width, 'depth': depth, 'batchnorm': batchnorm}
    assert parameter_count(conv_generator(latent, shape, **options)) == gen
    assert parameter_count(conv_discriminator(shape, **options)) == dis


def test_no_batchnorm_at_the_output_of_gen_nor_behind_the_first_convolution_of_dis():
    gen = ' '.join(type(layer).__name__ for layer in conv_generator(6, (1, 32, 32), width=2))
    dis = ' '.join(type(layer).__name__ for layer in conv_discriminator((1, 32, 32), width=2))
    assert gen == (
        'Dense Reshape BatchNorm Activation '
        'Deconv BatchNorm Activation Deconv BatchNorm Activation Deconv'
    )
    assert dis == (
        'Centre Conv Activation '
        'Conv BatchNorm Activation Conv BatchNorm Activation Flatten Dense Reshape'
    )


@pytest.mark.parametrize('channels', [1, 3])
def test_a_whole_generator_trains_against_a_whole_discriminator(channels):
    runtime.seed(0)
    gen = conv_generator(6, (channels, 28, 28), width=16, init='glorot')
    dis = conv_discriminator((channels, 28, 28), width=16, init='glorot')
    z = batch(4, 6)
    with mx.autograd.record():
        y = dis(gen(z))
    y.backward()
    for net in (gen, dis):
        for name, parameter in net._collect_params_with_prefix().items():
            if parameter.grad_req != 'null':
                gradient = parameter.grad().asnumpy()
                assert np.isfinite(gradient).all(), name
                assert (gradient != 0).any(), name


@pytest.mark.parametrize(
    'output, scale, low, high',
    [('tanh', 1000, 0, 1), ('sigmoid', 1000, 0, 1), ('identity', 2, -9, 9)],
)
def test_output_is_within_its_range_for_inputs_of_any_scale(output, scale, low, high):
    runtime.seed(1)
    gen = conv_generator(6, (1, 8, 8), output, width=4, init='glorot')
    pixels = gen(batch(16, 6) * scale).asnumpy()
    assert low <= pixels.min()
    assert pixels.max() <= high
    assert pixels.std() > 0.1


@pytest.mark.parametrize(
    'shape, depth, expected',
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
def test_sides_halve_while_four_pixels_remain_or_as_often_as_given(shape, depth, expected):
    assert halvings(shape, depth) == expected


@pytest.mark.parametrize(
    'shape, depth, message',
    [
        ((1, 27, 27), None, '27 × 27 pixels: .* cannot be halved; must be even and at least 8'),
        ((1, 28, 27), None, '28 × 27 pixels: .* cannot be halved; must be even and at least 8'),
        ((1, 6, 6), None, '6 × 6 pixels: .* cannot be halved; must be even and at least 8'),
        ((1, 30, 30), 2, 'depth 2: 30 × 30 pixels cannot be halved 2 times; must be at most 1'),
        ((1, 28, 28), 3, 'depth 3: 28 × 28 pixels cannot be halved 3 times; must be at most 2'),
        ((1, 32, 32), 6, 'depth 6: 32 × 32 pixels cannot be halved 6 times; must be at most 5'),
        ((1, 27, 27), 1, '27 × 27 pixels: .* cannot be halved; must be even and at least 8'),
        ((1, 32, 32), 0, 'depth 0: must be at least 1'),
        ((784,), None, 'shape 784: must be .channels, height, width.'),
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
def test_sides_that_cannot_be_halved_so_often_are_refused(make, shape, depth, message):
    with pytest.raises(ValueError, match=f'^{message}'):
        make(shape, depth)


@pytest.mark.same_bits
@pytest.mark.parametrize('shape', [(1, 28, 28), (3, 8, 16)], ids=str)
def test_exported_generator_computes_the_same_bits(tmp_path, shape):
    gen = conv_generator(6, shape, width=8, init='glorot')
    z = batch(5, 6)
    live = gen(z).asnumpy()
    files = export(gen, tmp_path / 'gen')  # which compares them too
    with warnings.catch_warnings():
        # Every import of MXNet 1.9.1 prints it.
        warnings.filterwarnings('ignore', 'Cannot decide type')
        imported = mx.gluon.SymbolBlock.imports(str(files[0]), ['data'], str(files[1]))
    np.testing.assert_array_equal(imported(z).asnumpy(), live)


# 3×3 convolutions beside those that change the size


@pytest.mark.parametrize('extra', [1, 2, 3])
@pytest.mark.parametrize('shape', [(1, 28, 28), (3, 8, 24)])
def test_extra_convolutions_are_at_each_size_from_the_smallest_to_the_largest(shape, extra):
    depth, _ = halvings(shape, None)
    nets = (
        conv_generator(7, shape, width=2, extra=extra),
        conv_discriminator(shape, width=2, extra=extra),
    )
    for net, grows in zip(nets, (True, False)):
        kept = Counter()
        for row in net.rows():
            if row.layer == 'Conv' and len(row.output) == 3:
                kept[row.output[1:], row.output[0]] += 1
        sizes = [tuple(side // 2**halved for side in shape[1:]) for halved in range(depth + 1)]
        for halved, size in enumerate(sizes):
            channels = 2 * 2**halved
            if grows and halved == depth:  # a dense layer makes the smallest size
                assert kept.pop((size, channels), 0) == 0
            elif grows:
                # The last one at full size gives the picture.
                assert kept.pop((size, channels), 0) == extra - (halved == 0)
            else:
                # One more halved to this size, with the channels of the size before.
                assert kept.pop((size, channels), 0) == extra
                assert kept.pop((size, channels // 2), 0) == (halved > 0)
        assert dict(kept) == ({(shape[1:], shape[0]): 1} if grows else {})


def test_a_convolution_of_three_pixels_keeps_the_sides_and_one_of_four_halves_them():
    x = batch(2, 3, 6, 10)
    for halves, sides in ((True, (3, 5)), (False, (6, 10))):
        layer = Conv(4, in_channels=3, halves=halves)
        layer.initialize()
        assert layer(x).shape == (2, 4, *sides)


@pytest.mark.parametrize('channels', [1, 3])
def test_networks_with_extra_convolutions_train_and_export(tmp_path, channels):
    runtime.seed(0)
    shape = (channels, 8, 8)
    nets = {
        'gen': conv_generator(5, shape, width=8, extra=1, modulated=True),
        'dis': conv_discriminator(shape, width=8, extra=1, batchnorm=False, spectral=True),
    }
    for name, net in nets.items():
        x = batch(4, *net.shape_in)
        x.attach_grad()
        with mx.autograd.record():
            total = net(x).square().sum()
        total.backward()
        assert np.isfinite(x.grad.asnumpy()).all()
        assert x.grad.norm().asscalar() > 0
        export(net, tmp_path / name / 'net')  # which compares them
        x = batch(4, *net.shape_in)
        loaded = load_export(tmp_path / name).network()
        np.testing.assert_array_equal(loaded(x).asnumpy(), net(x).asnumpy())


# Fully connected layers beside the convolutions of a discriminator


def test_features_beside_convolutions_see_the_same_pictures_and_share_the_logit():
    runtime.seed(0)
    net = conv_discriminator((1, 8, 8), width=2, beside=(6, 5), batchnorm=False)
    x = batch(3, 1, 8, 8)
    centred, joined = net[0](x), net[1]
    convolutions, dense = joined
    features = np.concatenate([part(centred).asnumpy() for part in (convolutions, dense)], axis=1)
    np.testing.assert_array_equal(joined(centred).asnumpy(), features)
    assert dense(centred).shape == (3, 5)
    alone = conv_discriminator((1, 8, 8), width=2, batchnorm=False)
    added = 64 * 6 + 6 + 6 * 5 + 5 + 5  # two layers, and their weights of the logit
    assert parameter_count(net) == parameter_count(alone) + added


def test_layers_beside_convolutions_are_normalised_with_them():
    runtime.seed(0)
    net = conv_discriminator((1, 8, 8), width=2, beside=(6, 5), batchnorm=False, spectral=True)
    layers = [block for block in all_blocks(net) if isinstance(block, (Conv, Dense))]
    assert len(layers) == len(normalised_layers(net)) == 1 + 2 + 1


def test_more_weights_beside_convolutions_than_memory_holds_are_refused():
    config = Config(network='conv', dis_beside=(60_000, 60_000))
    with pytest.raises(ConfigError, match=r'^dis_beside 60000,60000: makes 3,647,040,000 weights'):
        build.make_discriminator(config, (1, 28, 28), 0, 'cpu')
