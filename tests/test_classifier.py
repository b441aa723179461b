"""Judges: network, training and file, and those that ship with the package."""

from __future__ import annotations

import hashlib
from dataclasses import asdict

import numpy as np
import pytest
import tiny
from scipy.signal import correlate

from gluongan import data, runtime, snapshot
from gluongan.evaluation import classifier as judge
from gluongan.evaluation.classifier import shipped, stacked
from gluongan.evaluation.classifier.networks import initialised
from gluongan.evaluation.metrics import uniform_kl
from gluongan.nn.layers import parameter_count, weights
from gluongan.runtime import mx


@pytest.fixture(scope='module')
def shapes():
    return data.load('synthetic'), data.load('synthetic', split='test')


@pytest.fixture(scope='module')
def trained(shapes):
    """A judge of the drawn shapes, good enough to tell them apart."""
    return judge.train(*shapes, epochs=25, lr=3e-3, command='pytest')


def mnist(count):
    digits = data.load('mnist', split='test')
    return digits.floats(slice(count)), digits.labels[:count]


# The network


def test_lenet_has_the_weights_of_the_paper_and_84_features():
    body, head = judge.NETS['lenet']((1, 28, 28), 10)
    assert parameter_count(body) + parameter_count(head) == 61_706
    assert body.rows()[-1].output == (84,)


def convolution(x, weight, bias, padding):
    """Convolution by SciPy, then ReLU and max pooling."""
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    planes = [correlate(x, kernel, mode='valid')[0] for kernel in weight]
    y = np.stack(planes) + bias[:, None, None]
    y = np.maximum(y, 0)[:, : y.shape[1] // 2 * 2, : y.shape[2] // 2 * 2]
    return y.reshape(len(y), y.shape[1] // 2, 2, y.shape[2] // 2, 2).max(axis=(2, 4))


def test_lenet_computes_what_scipy_does():
    runtime.seed(3)
    net = initialised('lenet', (1, 16, 20), 5)
    x = np.random.RandomState(0).random_sample((1, 16, 20)).astype(np.float32)
    arrays = [*weights(net.body).values(), *weights(net.head).values()]
    w = [array.asnumpy().astype(np.float64) for array in arrays]

    planes = convolution(x.astype(np.float64), w[0], w[1], 2)
    flat = convolution(planes, w[2], w[3], 0).reshape(-1)
    hidden = np.maximum(w[4] @ flat + w[5], 0)
    expected = np.maximum(w[6] @ hidden + w[7], 0)
    features = net.body(mx.nd.array(x[None]))
    logits = net.head(features)
    assert features.asnumpy()[0] == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert logits.asnumpy()[0] == pytest.approx(w[8] @ expected + w[9], rel=1e-4, abs=1e-5)


# Training


def test_it_learns_and_its_accuracy_is_measured_on_test_images(trained, shapes):
    _, test = shapes
    about = trained.about
    assert (about.net, about.data, about.shape) == ('lenet', 'synthetic', (1, 28, 28))
    assert about.split == 'test'
    predicted = trained(test.floats()).probabilities.argmax(axis=1)
    assert about.accuracy == (predicted == test.labels).mean() > 0.9


def test_without_test_images_the_accuracy_is_that_on_training_images(shapes):
    assert judge.train(shapes[0], epochs=1).about.split == 'train'


@pytest.mark.same_bits
def test_the_same_seed_makes_the_same_judge(shapes):
    x = shapes[1].floats(slice(9))
    first, second, other = (
        judge.train(*shapes, epochs=2, seed=seed)(x).features for seed in (5, 5, 6)
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_progress_is_reported_every_50_steps_and_at_the_end():
    reports = []
    judge.train(
        data.load('synthetic', image_size=12),
        epochs=13,
        on_step=lambda step, steps, loss: reports.append((step, steps, loss)),
    )
    assert [report[:2] for report in reports] == [(50, 52), (52, 52)]
    assert all(0 < loss < 3 for _, _, loss in reports)


def test_colour_is_judged_by_gluoncvs_residual_network():
    colour = data.load('synthetic', image_size=16, channels=3)
    few = data.Dataset('few', colour.samples[:130], colour.labels[:130], colour.classes)
    residual = judge.train(few, epochs=1)
    features, probabilities = residual(colour.floats(slice(7)))
    assert residual.about.net == 'resnet20'
    assert features.shape == (7, 64)
    assert probabilities.shape == (7, 4)


@pytest.mark.parametrize(
    'settings, message',
    [
        ({'name': 'ring8'}, 'is made of points; must be pictures'),
        ({'name': 'synthetic', 'image_size': 8}, 'must be at least 12 × 12'),
    ],
)
def test_data_that_a_judge_cannot_be_trained_on_is_refused(settings, message):
    with pytest.raises(judge.JudgeError, match=message):
        judge.train(data.load(**settings))


def test_too_few_pictures_are_refused(shapes):
    few = data.Dataset('few', shapes[0].samples[:99], shapes[0].labels[:99], shapes[0].classes)
    with pytest.raises(judge.JudgeError, match='has 99 pictures; must be at least 128'):
        judge.train(few)


# Judgement


@pytest.mark.same_bits
@pytest.mark.parametrize('part', [slice(7), slice(250, 300), slice(299, 300)])
def test_a_picture_gets_the_same_bits_in_any_company(trained, shapes, part):
    x = shapes[1].floats(slice(300))
    together, alone = trained(x), trained(x[part])
    assert np.array_equal(alone.features, together.features[part])
    assert np.array_equal(alone.probabilities, together.probabilities[part])


def test_probabilities_sum_to_one(trained, shapes):
    probabilities = trained(shapes[1].floats(slice(300))).probabilities
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(300), abs=1e-5)


def test_pictures_of_another_shape_are_refused_by_name(trained):
    with pytest.raises(judge.JudgeError, match='3 × 28 × 28: must be 1 × 28 × 28'):
        trained(np.zeros((2, 3, 28, 28), dtype=np.float32))


# Its file


def test_a_judge_is_read_as_it_was_written(trained, shapes, tmp_path):
    path = tmp_path / 'x.judge'
    trained.write(path)
    restored = judge.read(path)
    x = shapes[1].floats(slice(20))
    assert np.array_equal(restored(x).features, trained(x).features)
    assert restored.about == trained.about
    assert restored.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_damaged_file_is_refused_by_name(trained, tmp_path):
    path = tmp_path / 'x.judge'
    trained.write(path)
    content = path.read_bytes()
    for damaged in (content[:-1], content[:500] + b'x' + content[501:], b''):
        path.write_bytes(damaged)
        with pytest.raises(snapshot.SnapshotError, match=r'x\.judge'):
            judge.read(path)


@pytest.mark.parametrize('change', [None, {'net': 'vgg'}, {'shape': [1, 28]}])
def test_a_file_that_is_not_a_judge_is_refused_by_name(trained, tmp_path, change):
    path = tmp_path / 'x.judge'
    meta = {} if change is None else {**asdict(trained.about), **change}
    snapshot.write(path, {}, meta)
    with pytest.raises(judge.JudgeError, match=r'x\.judge: is not a judge'):
        judge.read(path)


@pytest.mark.parametrize('content', [None, b'', b'{}', b'GLUONGAN' + bytes(40)])
def test_a_file_that_was_given_as_judge_and_is_none_is_refused_by_its_setting(tmp_path, content):
    path = tmp_path / 'bad.json'
    if content is not None:
        path.write_bytes(content)
    words = ['evaluate', tmp_path, '--data', 'synthetic', '--judge', path]
    problem = 'does not exist' if content is None else 'is not a judge'
    expected = f'{problem}; must be a file made by `gluongan judge train`'
    assert tiny.gluongan(*words).exit_code == 2
    with pytest.raises(judge.JudgeError) as caught:
        judge.find_judge(data.load('synthetic'), path)
    assert str(caught.value) == f'judge {path}: {expected}'
    assert tiny.refused(*words) == f'--judge {path}: {expected}'


# Those that ship with the package


def test_the_judge_of_digits_has_its_hash_and_its_accuracy():
    entry = shipped.SHIPPED['mnist']
    digits = shipped.load_shipped('mnist')
    content = (shipped.HOME / entry.file).read_bytes()
    assert hashlib.sha256(content).hexdigest() == entry.sha256 == digits.sha256
    assert digits.about.command == entry.command
    accuracy = digits.accuracy(*mnist(10_000))
    assert accuracy == pytest.approx(entry.accuracy, abs=2e-4)
    assert accuracy >= 0.988


def has_fashion():
    states = dict(data.locate_datasets())
    return states['fashion-mnist'].startswith('in ')


@pytest.mark.skipif(not has_fashion(), reason='Fashion-MNIST is not on this machine')
def test_the_judge_of_fashion_has_its_accuracy():
    clothes = data.load('fashion-mnist', split='test')
    accuracy = shipped.load_shipped('fashion-mnist').accuracy(clothes.floats(), clothes.labels)
    assert accuracy == pytest.approx(shipped.SHIPPED['fashion-mnist'].accuracy, abs=2e-4)


@pytest.mark.parametrize('name', shipped.SHIPPED)
def test_a_shipped_judge_is_complete_and_small(name):
    entry = shipped.SHIPPED[name]
    loaded = shipped.load_shipped(name)
    assert (loaded.about.data, loaded.about.shape) == (name, (1, 28, 28))
    assert loaded.sha256 == entry.sha256
    assert (shipped.HOME / entry.file).stat().st_size < 300_000
    assert entry.command.startswith('gluongan judge train')


def test_a_judge_that_was_changed_is_refused(monkeypatch):
    changed = shipped.SHIPPED['mnist']._replace(sha256='0' * 64)
    monkeypatch.setitem(shipped.SHIPPED, 'mnist', changed)
    with pytest.raises(judge.JudgeError, match='install it again'):
        shipped.load_shipped('mnist')


def test_a_judge_that_does_not_ship_is_refused():
    with pytest.raises(judge.JudgeError, match='flowers: no judge'):
        shipped.load_shipped('flowers')


def test_a_judge_is_found_by_the_data_or_by_its_file(trained, tmp_path):
    path = tmp_path / 'x.judge'
    trained.write(path)
    shapes = data.load('synthetic')
    assert judge.find_judge(shapes) is None
    assert judge.find_judge(shapes, path).about.data == 'synthetic'
    assert judge.find_judge(data.load('mnist', split='test')).about.data == 'mnist'
    with pytest.raises(judge.JudgeError):
        judge.find_judge(data.load('synthetic', image_size=16), path)


# Stacked digits


def test_stacked_digits_are_judged_channel_by_channel():
    x, _ = mnist(30)
    single = shipped.load_shipped('mnist')
    stack = stacked.Stacked(single)
    expected = single(x)
    features, probabilities = stack(x.reshape(10, 3, 28, 28))
    assert features.shape == (10, 252)
    assert np.array_equal(features.reshape(30, 84), expected.features)
    digits = expected.probabilities.argmax(axis=1).reshape(10, 3)
    assert np.array_equal(probabilities.argmax(axis=1), digits @ [100, 10, 1])
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(10), abs=1e-5)


def test_the_judge_of_stacked_digits_is_described_by_that_of_digits():
    single = shipped.load_shipped('mnist')
    about = stacked.Stacked(single).about
    assert (about.data, about.shape) == ('stacked-mnist', (3, 28, 28))
    assert about.classes[123] == '123'
    assert len(about.classes) == 1_000
    assert about.accuracy == pytest.approx(single.about.accuracy**3)
    assert (about.command, about.split) == (single.about.command, 'test')


def test_stacked_digits_are_three_digits_and_labelled_by_all_three():
    stack, digits = data.load('stacked-mnist', split='test'), data.load('mnist', split='test')
    assert (len(stack), stack.shape, len(stack.classes)) == (26_000, (3, 28, 28), 1_000)
    label_of = {image.tobytes(): label for image, label in zip(digits.samples[:, 0], digits.labels)}
    for image, label in zip(stack.samples[:200], stack.labels[:200]):
        expected = [label // 100, label // 10 % 10, label % 10]
        assert [label_of[channel.tobytes()] for channel in image] == expected


def test_stacked_digits_are_nearly_uniform_over_the_modes():
    """The KL is the lowest that 26,000 real samples can have."""
    labels = data.load('stacked-mnist', split='test').labels
    counts = np.bincount(labels, minlength=1_000)
    assert counts.min() > 5
    assert uniform_kl(counts) == pytest.approx(0.0234, abs=0.003)
