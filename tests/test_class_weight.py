"""The classifier in a projecting discriminator: its numbers, its gradients, what it teaches."""

from __future__ import annotations

import critics
import numpy as np
import pytest
import tiny
from scipy.special import log_softmax

from gluongan import build, runtime
from gluongan.bench import subjects
from gluongan.bench.cases import Case
from gluongan.errors import InputError
from gluongan.gan.losses import LOSSES
from gluongan.gan.objectives import DisObjective, GenObjective
from gluongan.nn.layers import Classifying, frozen
from gluongan.nn.models import conv_discriminator, dense_discriminator
from gluongan.runtime import mx

CLASSES = 3
KINDS = {
    'dense': {},
    'dense spectral': {'spectral': True},
    'dense batchnorm': {'batchnorm': True},
    'conv': {'batchnorm': False},
    'conv spectral': {'batchnorm': False, 'spectral': True},
    'conv beside': {'batchnorm': False, 'beside': (5,)},
}
IN_NUMPY = [kind for kind in KINDS if 'batchnorm' not in kind]


def make_dis(kind):
    """A discriminator of 4 values or of grey pictures of 8 × 8, and their labels."""
    runtime.seed(0)
    options = {'projected': CLASSES, 'init': 'he', **KINDS[kind]}
    if kind.startswith('conv'):
        net = conv_discriminator((1 + CLASSES, 8, 8), width=3, activation='tanh', **options)
    else:
        sizes = [4 + CLASSES, 6, 1]
        net = dense_discriminator(sizes, 'tanh', shape=(4 + CLASSES,), **options)
    return critics.scatter(net)


def batch(dis, labels, seed=1):
    """Samples of these labels as the discriminator takes them."""
    draw = np.random.RandomState(seed)
    size, *sides = dis.shape_in
    x = draw.uniform(size=(len(labels), size - CLASSES, *sides))
    planes = np.eye(CLASSES)[labels].reshape(len(labels), CLASSES, *(1 for _ in sides))
    return np.concatenate([x, np.broadcast_to(planes, (*planes.shape[:2], *sides))], axis=1)


def cross_entropies(dis, w, x):
    """-log p(label | x), with the score of a class from the features and its embedding."""
    projection, w = dis[0], critics.part(w, 0)
    features = critics.forward(projection.body, critics.part(w, 'body'), x[:, :-CLASSES])
    scores = features @ critics.spectral_weight(critics.part(w, 'embed'))
    labels = x[:, -CLASSES:].reshape(len(x), CLASSES, -1)[:, :, 0]
    return -(log_softmax(scores, axis=1) * labels).sum(axis=1)


@pytest.mark.parametrize('kind', KINDS)
def test_its_logits_are_those_of_the_discriminator(kind):
    dis = make_dis(kind)
    x = mx.nd.array(batch(dis, [0, 1, 2, 2]))
    logits, _ = Classifying(dis)(x)
    np.testing.assert_allclose(logits.asnumpy(), dis(x).asnumpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('kind', IN_NUMPY)
def test_its_cross_entropies_are_those_of_numpy(kind):
    dis = make_dis(kind)
    x = batch(dis, [0, 1, 2, 2])
    _, ours = Classifying(dis)(mx.nd.array(x))
    expected = cross_entropies(dis, critics.numbers(dis), x)
    np.testing.assert_allclose(ours.asnumpy(), expected, rtol=1e-5, atol=1e-6)
    assert np.ptp(expected) > 0.01


def test_a_network_that_does_not_project_labels_has_no_classifier():
    with pytest.raises(InputError, match=r'^dis: does not project labels'):
        Classifying(dense_discriminator([4, 6, 1]))


@pytest.mark.parametrize('sizes', [(4, 4), (4, 2)])
@pytest.mark.parametrize('kind', KINDS)
def test_the_discriminator_learns_the_classes_of_real_samples_alone(kind, sizes):
    dis = make_dis(kind)
    x_real, x_fake = (mx.nd.array(batch(dis, [0, 1, 2, 2][:n], n)) for n in sizes)
    weighted = DisObjective(dis, LOSSES['hinge'], class_weight=0.5)
    with mx.autograd.train_mode():
        value, y_real, y_fake = weighted(x_real, x_fake)
        joined = x_real if 'batchnorm' in kind else mx.nd.concat(x_real, x_fake, dim=0)
        _, errors = Classifying(dis)(joined)
    expected = LOSSES['hinge'].dis(y_real, y_fake) + 0.5 * errors[: sizes[0]].mean()
    np.testing.assert_allclose(value.asnumpy(), expected.asnumpy(), rtol=1e-5)


@pytest.mark.parametrize('loss', ['hinge', 'relativistic'])
def test_the_generator_learns_to_be_recognised(loss):
    dis = make_dis('dense')
    x_real, x_fake = (mx.nd.array(batch(dis, [0, 1, 2, 2], seed)) for seed in (1, 2))
    objective = GenObjective(frozen(Classifying(dis)), LOSSES[loss], class_weight=0.5)
    expected = LOSSES[loss].gen(dis(x_fake), dis(x_real)) + 0.5 * Classifying(dis)(x_fake)[1].mean()
    np.testing.assert_allclose(objective(x_fake, x_real).asnumpy(), expected.asnumpy(), rtol=1e-5)


@pytest.mark.parametrize('kind', IN_NUMPY)
def test_the_discriminators_gradients_are_those_of_float64(kind):
    dis = make_dis(kind)
    x_real, x_fake = (batch(dis, [0, 1, 2, 2], seed) for seed in (1, 2))

    def value(w):
        y_real, y_fake = (critics.forward(dis, w, x) for x in (x_real, x_fake))
        return y_fake.mean() - y_real.mean() + 3 * cross_entropies(dis, w, x_real).mean()

    objective = DisObjective(dis, LOSSES['wasserstein'], class_weight=3.0)
    with mx.autograd.record():
        ours, _, _ = objective(mx.nd.array(x_real), mx.nd.array(x_fake))
    ours.backward()
    parameters = dis._collect_params_with_prefix()
    learned = [name for name, each in parameters.items() if each.grad_req != 'null']
    small = [name for name in learned if parameters[name].data().size < 200]
    for name, slope in critics.weight_slopes(value, critics.numbers(dis), small).items():
        gradient = parameters[name].grad().asnumpy()
        np.testing.assert_allclose(gradient, slope, rtol=1e-3, atol=1e-4, err_msg=name)
    assert any('embed' in name for name in small)


def test_the_generators_gradient_is_that_of_float64():
    dis = make_dis('dense')
    x = batch(dis, [0, 1, 2, 2])

    def value(w):
        x = w['x']
        return 3 * cross_entropies(dis, numbers, x).mean() - critics.forward(dis, numbers, x).mean()

    numbers = critics.numbers(dis)
    expected = critics.weight_slopes(value, {'x': x.copy()}, ['x'])['x']
    objective = GenObjective(frozen(Classifying(dis)), LOSSES['hinge'], class_weight=3.0)
    x = mx.nd.array(x)
    x.attach_grad()
    with mx.autograd.record():
        ours = objective(x)
    ours.backward()
    sample = slice(-CLASSES)  # labels are constants
    np.testing.assert_allclose(
        x.grad.asnumpy()[:, sample], expected[:, sample], rtol=1e-3, atol=1e-5
    )


def classification_error(class_weight, iterations=200):
    """How badly the discriminator of a run tells the classes of real samples, in nats."""
    settings = {'conditional': True, 'dis_projection': True, 'class_weight': class_weight}
    config = tiny.tiny(lr=3e-3, **settings)
    updater = build.make_updater(config, build.load_data(config))
    for _ in range(iterations):
        updater.update()
    data = updater.real.dataset
    labels = np.eye(updater.classes)[data.labels]
    x = updater.as_seen_by_dis(mx.nd.array(data.samples / 255), mx.nd.array(labels))
    _, errors = Classifying(updater.dis)(x)
    return errors.mean().asscalar()


def test_a_weight_teaches_the_classes():
    assert classification_error(10.0) < 0.5 * classification_error(0.0)


def test_the_penalty_is_still_that_of_the_logit():
    settings = {'conditional': True, 'dis_projection': True, 'penalty': 'r1'}
    config = tiny.tiny(class_weight=0.5, **settings)
    updater = build.make_updater(config, build.load_data(config))
    x = mx.nd.zeros((4, *updater.dis.shape_in))
    assert updater.penalty.view(x).shape == (4,)
    for _ in range(2):
        updater.update()
    assert np.isfinite(updater.dis(x).asnumpy()).all()


def generator_after(class_weight):
    """The generator's weights after updates against a discriminator that stays as it is."""
    settings = {'conditional': True, 'dis_projection': True, 'class_weight': class_weight}
    config = tiny.tiny(optimizer='sgd', lr=0.1, dis_lr=1e-8, **settings)
    updater = build.make_updater(config, build.load_data(config))
    for _ in range(3):
        updater.update()
    return critics.numbers(updater.gen)


def test_a_weight_teaches_the_generator_too():
    plain, weighted = generator_after(0.0), generator_after(2.0)
    assert max(np.abs(plain[name] - weighted[name]).max() for name in plain) > 1e-4


def test_another_view_of_the_classifier_leaves_the_penalty_its_own():
    config = tiny.tiny(conditional=True, dis_projection=True, penalty='r1', class_weight=0.5)
    updater = build.make_updater(config, build.load_data(config))
    of_penalty, view = updater.penalty.view, frozen(Classifying(updater.dis))
    updater.dis_view = view
    updater.update()
    assert updater.gen_objective.net is view and updater.penalty.view is of_penalty


def test_every_mode_of_the_benchmark_computes_the_same():
    config = tiny.tiny(conditional=True, dis_projection=True, class_weight=0.5)
    after = {}
    for mode in ('static', 'imperative'):
        updater = subjects.make_updater(Case(config, mode=mode), build.load_data(config))
        for _ in range(2):
            updater.update()
        after[mode] = critics.numbers(updater.gen)
    for name, value in after['static'].items():
        np.testing.assert_allclose(after['imperative'][name], value, rtol=1e-3, atol=1e-5)
