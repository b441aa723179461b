"""A discriminator and a loss in one graph: the bits of separate calls, and when it is traced."""

from __future__ import annotations

import numpy as np
import pytest
from profiling import operators

from gluongan import runtime
from gluongan.errors import InputError
from gluongan.gan.losses import LOSSES, make_loss
from gluongan.gan.objectives import DisObjective, GenObjective
from gluongan.nn import fused
from gluongan.nn.layers import Activation, all_blocks, frozen, mixes_samples, use_precision, weights
from gluongan.nn.models import conv_discriminator, dense_discriminator
from gluongan.runtime import mx

PLAIN = {
    'dense': {},
    'two units': {'head': 'softmax'},
    'batchnorm': {'batchnorm': True},
    'dropout': {'dropout': 0.3},
    'spectral': {'spectral': True},
    'kernels': {'kernels': 2},
    'stddev': {'stddev': True},
    'pack': {'pack': 2},
    'pack of stddev': {'pack': 2, 'stddev': True},
    'all': {'batchnorm': True, 'dropout': 0.3, 'kernels': 2, 'stddev': True, 'pack': 2},
    'projection': {'projected': 2},
    'projection of batchnorm': {'projected': 2, 'batchnorm': True},
}
CONV = {
    'conv': {'batchnorm': False},
    'conv batchnorm': {},
    'conv spectral': {'batchnorm': False, 'spectral': True},
    'conv dropout': {'batchnorm': False, 'dropout': 0.3},
    'conv projection': {'projected': 2},
}
SMOOTHED = {
    'smoothed': make_loss('nonsaturating', real_target=0.9, fake_target=0.1),
    'smoothed squares': make_loss('least_squares', real_target=0.9),
}
EVERY_LOSS = {**LOSSES, **SMOOTHED}


@pytest.fixture(autouse=True)
def mxnets_own_layers(monkeypatch):
    """Those in C++ have other bits. test_fused compares them with the network's own."""
    monkeypatch.setattr(fused, 'can_fuse', lambda parameters: False)


def make_dis(kind):
    """A discriminator of pictures (3, 8, 8) or of 48 values, the same weights at each call."""
    runtime.seed(0)
    if kind in CONV:
        return conv_discriminator((3, 8, 8), width=4, **CONV[kind])
    return dense_discriminator([48, 8, 1 + (kind == 'two units')], shape=(48,), **PLAIN[kind])


def batches(dis, samples=6):
    """Real and generated samples; the last channels may be taken for labels."""
    random = np.random.RandomState(1)
    return [mx.nd.array(random.standard_normal((samples, *dis.shape_in))) for _ in range(2)]


def eager_dis(dis, loss, x_real, x_fake):
    """The discriminator as a graph of its own, and MXNet's operators one by one."""
    if mixes_samples(dis):
        y_real, y_fake = dis(x_real), dis(x_fake)
    else:
        y = dis(mx.nd.concat(x_real, x_fake, dim=0))
        share = len(y) * len(x_real) // (len(x_real) + len(x_fake))
        y_real, y_fake = y[:share], y[share:]
    return loss.dis(y_real, y_fake), y_real, y_fake


def eager_gen(view, loss, x_fake, x_real):
    y_fake = view(x_fake)
    y_real = view(x_real) if loss.is_relative else None
    return loss.gen(y_fake, y_real)


def numbers(dis):
    """Weights, running statistics and gradients of a network, by name."""
    arrays = {name: value.asnumpy() for name, value in weights(dis).items()}
    for name, parameter in dis._collect_params_with_prefix().items():
        if parameter.grad_req != 'null':
            arrays[f'gradient of {name}'] = parameter.grad().asnumpy()
    return arrays


def assert_same_bits(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        np.testing.assert_array_equal(value, theirs[name], err_msg=name)


def learn(dis, judge, iterations=2):
    """Return the outputs of `judge` and the numbers of `dis` after iterations of plain descent."""
    runtime.seed(5)  # dropout
    for _ in range(iterations):
        with mx.autograd.record():
            outputs = judge(*batches(dis))
        outputs[0].backward()
        for parameter in dis.collect_params().values():
            if parameter.grad_req != 'null':
                parameter.data()[:] -= 0.1 * parameter.grad()
    arrays = {f'output {index}': output.asnumpy() for index, output in enumerate(outputs)}
    return {**arrays, **numbers(dis)}


def pairs(losses):
    """Every loss with every kind of discriminator.

    The formula of `wasserstein` has the generated samples first, and so they go through the graph
    first. In separate calls the real ones do; dropout then draws other units for each of both.
    """
    every = [(kind, loss) for kind in (*PLAIN, *CONV) for loss in losses]
    every.remove(('all', 'wasserstein'))
    return every


@pytest.mark.parametrize(('kind', 'loss'), pairs(EVERY_LOSS))
def test_dis_objective_has_the_bits_of_a_network_and_a_loss_apart(kind, loss):
    pair, ours, theirs = EVERY_LOSS[loss], make_dis(kind), make_dis(kind)
    result = learn(ours, DisObjective(ours, pair))
    assert_same_bits(result, learn(theirs, lambda *x: eager_dis(theirs, pair, *x)))
    assert result['output 0'].shape == (1,)
    gradients = [np.abs(value).max() for name, value in result.items() if 'gradient' in name]
    # The mean logit of a batch behind BatchNorm is the last bias, which cancels out.
    assert max(gradients) > 1e-6 or loss in ('wasserstein', 'hinge')


@pytest.mark.parametrize('loss', LOSSES)
def test_two_passes_through_a_normalised_weight_agree_to_rounding(loss):
    """The parts of its gradient are added in another order."""
    settings = {'spectral': True, 'batchnorm': True}
    results = []
    for judge in (DisObjective, lambda dis, loss: lambda *x: eager_dis(dis, loss, *x)):
        runtime.seed(0)
        dis = dense_discriminator([48, 8, 1], shape=(48,), **settings)
        results.append(learn(dis, judge(dis, LOSSES[loss]), iterations=1))
    ours, theirs = results
    for name, value in ours.items():
        np.testing.assert_allclose(value, theirs[name], rtol=1e-5, atol=1e-6, err_msg=name)


def gradient_by_x_fake(dis, judge):
    """Return the value of `judge(x_fake, x_real)` and its gradient by x_fake."""
    runtime.seed(5)
    x_real, x_fake = batches(dis)
    x_fake.attach_grad()
    with mx.autograd.record():
        value = judge(x_fake, x_real)
    value.backward()
    return value.asnumpy(), x_fake.grad.asnumpy()


@pytest.mark.parametrize('loss', LOSSES)
@pytest.mark.parametrize('kind', [*PLAIN, *CONV])
def test_gen_objective_has_the_bits_of_a_view_and_a_loss_apart(kind, loss):
    pair, ours, theirs = LOSSES[loss], make_dis(kind), make_dis(kind)
    before = numbers(ours)
    view, other = frozen(ours), frozen(theirs)
    result = gradient_by_x_fake(ours, GenObjective(view, pair))
    expected = gradient_by_x_fake(theirs, lambda *x: eager_gen(other, pair, *x))
    for value, same in zip(result, expected):
        np.testing.assert_array_equal(value, same)
    assert np.abs(result[1]).max() > 1e-8 or loss in ('wasserstein', 'hinge')
    after = numbers(ours)
    assert_same_bits(after, numbers(theirs))
    changed = {name for name, value in after.items() if (value != before[name]).any()}
    assert all('running' in name for name in changed)  # no weight, and no gradient of one


@pytest.mark.parametrize('kind', ['dense', 'batchnorm', 'all'])
def test_bfloat16_has_the_bits_of_a_network_and_a_loss_apart(kind):
    loss, ours, theirs, plain = LOSSES['nonsaturating'], *(make_dis(kind) for _ in range(3))
    objective = DisObjective(ours, loss)
    for dis in (ours, theirs):
        use_precision(dis, 'bfloat16')
    result = learn(ours, objective)
    assert_same_bits(result, learn(theirs, lambda *x: eager_dis(theirs, loss, *x)))
    assert (result['output 1'] != learn(plain, DisObjective(plain, loss))['output 1']).any()


def test_each_batch_may_have_its_own_number_of_samples():
    dis = make_dis('pack')
    objective, (x_real, x_fake) = DisObjective(dis), batches(dis, 8)
    for real, fake in ((8, 8), (4, 8), (8, 2), (6, 6)):
        outputs = objective(x_real[:real], x_fake[:fake])
        expected = eager_dis(dis, objective.loss, x_real[:real], x_fake[:fake])
        for value, same in zip(outputs, expected):
            np.testing.assert_allclose(value.asnumpy(), same.asnumpy(), rtol=1e-5, atol=1e-6)


def test_only_a_relative_loss_needs_real_samples_and_others_ignore_them():
    dis = make_dis('dense')
    view, (x_real, x_fake) = frozen(dis), batches(dis)
    with pytest.raises(InputError, match=r'^x_real: missing; this loss compares'):
        GenObjective(view, LOSSES['relativistic'])(x_fake)
    objective = GenObjective(view)
    assert objective(x_fake).asscalar() == objective(x_fake, x_real).asscalar()


# One graph


def test_no_gradient_of_the_samples_is_computed_that_nobody_asks_for():
    dis = make_dis('dense')
    objective, (x_real, x_fake) = DisObjective(dis), batches(dis)

    def update():
        with mx.autograd.record():
            value, _, _ = objective(x_real, x_fake)
        value.backward()

    names = operators(update)
    assert '_backward_FullyConnected' in names and '_backward_Concat' not in names


def test_the_samples_are_constants_to_the_discriminators_update():
    objective = DisObjective(make_dis('dense'))
    x_real, x_fake = batches(objective.net)
    x_fake.attach_grad()
    with mx.autograd.record():
        value, _, _ = objective(x_real, x_fake)
    value.backward()
    assert not x_fake.grad.asnumpy().any()
    assert any(p.grad().asnumpy().any() for p in objective.net.collect_params().values())


@pytest.mark.parametrize('kind', ['dense', 'all'])
def test_one_call_runs_everything_and_traces_once(kind, monkeypatch):
    dis = make_dis(kind)
    called, traced = [], []
    call, build = mx.ndarray.CachedOp.__call__, mx.gluon.HybridBlock._build_cache
    monkeypatch.setattr(
        mx.ndarray.CachedOp, '__call__', lambda *args: called.append(args[0]) or call(*args)
    )
    monkeypatch.setattr(
        mx.gluon.HybridBlock, '_build_cache', lambda *args: traced.append(args[0]) or build(*args)
    )
    objectives = [DisObjective(dis), GenObjective(frozen(dis))]
    for samples in (6, 6, 4):
        x_real, x_fake = batches(dis, samples)
        objectives[0](x_real, x_fake)
        objectives[1](x_fake)
    assert called == [objective._cached_op for objective in objectives] * 3
    assert traced == objectives


def judged(dis, objective):
    """The loss by the objective, and by the network as it is now."""
    x_real, x_fake = batches(dis)
    exact, _, _ = eager_dis(dis, objective.loss, x_real, x_fake)
    return objective(x_real, x_fake)[0].asscalar(), exact.asscalar()


CHANGES = {
    'another layer': lambda dis: dis.add(Activation('tanh')),
    'another precision': lambda dis: use_precision(dis, 'bfloat16'),
    'other weights': lambda dis: dis.initialize(mx.init.One(), force_reinit=True),
    'another array': lambda dis: dis[-2].weight.set_data(3 * dis[-2].weight.data()),
    'no graph': lambda dis: dis.hybridize(active=False),
    'a graph anew': lambda dis: dis.hybridize(),
}


@pytest.mark.parametrize('change', CHANGES)
def test_a_change_of_the_network_is_seen(change):
    dis = make_dis('dense')
    dis[-2].bias.data()[:] = 0.7
    objective = DisObjective(dis)
    before, exact = judged(dis, objective)
    assert before == exact
    CHANGES[change](dis)
    after, exact = judged(dis, objective)
    assert after == exact
    assert (after == before) == (change in ('no graph', 'a graph anew'))


def test_a_cast_network_computes_in_its_new_precision():
    dis = make_dis('dense')
    samples = batches(dis)
    objective = DisObjective(dis)
    objective(*samples)
    dis.cast('float64')
    value, y_real, _ = objective(*(x.astype('float64') for x in samples))
    assert value.dtype == y_real.dtype == np.float64


def test_the_network_keeps_its_own_graph_while_the_objective_runs():
    dis = make_dis('dense')
    x_real, x_fake = batches(dis)
    objective = DisObjective(dis)
    objective(x_real, x_fake)
    dis(x_real)
    graphs = [block._cached_op for block in (dis, objective)]
    for _ in range(2):
        dis(x_fake)
        objective(x_real, x_fake)
    assert [block._cached_op for block in (dis, objective)] == graphs
    assert None not in graphs


def test_an_objective_shares_the_weights_of_its_network():
    dis = make_dis('all')
    ours = {id(parameter) for parameter in DisObjective(dis).collect_params().values()}
    assert ours == {id(parameter) for parameter in dis.collect_params().values()}
    assert dis in set(all_blocks(DisObjective(dis)))
