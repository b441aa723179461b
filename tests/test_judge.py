"""The judge: its network against convolutions by SciPy, its training, its file, and those that come with the package."""

from __future__ import annotations

import hashlib
from dataclasses import asdict

import numpy as np
import pytest
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
    assert parameter_count(body) + parameter_count(head) == 61_706 and body.rows()[-1].output == (
        84,
    )


def test_lenet_computes_what_scipy_does():
    runtime.seed(3)
    net = initialised('lenet', (1, 16, 20), 5)
    x = np.random.RandomState(0).random_sample((1, 16, 20)).astype(np.float32)
    w = [
        value.asnumpy().astype(np.float64)
        for value in (*weights(net.body).values(), *weights(net.head).values())
    ]

    def layer(x, weight, bias, padding):
        x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
        y = np.stack([correlate(x, one, mode='valid')[0] for one in weight]) + bias[:, None, None]
        y = np.maximum(y, 0)[:, : y.shape[1] // 2 * 2, : y.shape[2] // 2 * 2]
        return y.reshape(len(y), y.shape[1] // 2, 2, y.shape[2] // 2, 2).max(axis=(2, 4))

    flat = layer(layer(x.astype(np.float64), w[0], w[1], 2), w[2], w[3], 0).reshape(-1)
    features = np.maximum(w[6] @ np.maximum(w[4] @ flat + w[5], 0) + w[7], 0)
    found = net.body(mx.nd.array(x[None]))
    assert found.asnumpy()[0] == pytest.approx(features, rel=1e-4, abs=1e-5)
    assert net.head(found).asnumpy()[0] == pytest.approx(w[8] @ features + w[9], rel=1e-4, abs=1e-5)


# Training


def test_it_learns_and_its_accuracy_is_that_on_pictures_it_has_not_seen(trained, shapes):
    train, test = shapes
    about = trained.about
    assert (about.net, about.data, about.shape, about.split) == (
        'lenet',
        'synthetic',
        (1, 28, 28),
        'test',
    )
    assert (
        about.accuracy
        == (trained(test.floats()).probabilities.argmax(axis=1) == test.labels).mean()
        > 0.9
    )
    assert judge.train(train, epochs=1).about.split == 'train'


@pytest.mark.same_bits
def test_the_same_seed_makes_the_same_judge(shapes):
    one, two, other = (judge.train(*shapes, epochs=2, seed=seed) for seed in (5, 5, 6))
    x = shapes[1].floats(slice(9))
    assert np.array_equal(one(x).features, two(x).features) and not np.array_equal(
        one(x).features, other(x).features
    )


def test_progress_is_told():
    told, few = [], data.load('synthetic', image_size=12)
    judge.train(few, epochs=13, tell=lambda step, steps, loss: told.append((step, steps, loss)))
    assert [step for step, _, _ in told] == [50, 52] and {steps for _, steps, _ in told} == {52}
    assert all(0 < loss < 3 for _, _, loss in told)


def test_colour_is_judged_by_gluoncvs_residual_network():
    colour = data.load('synthetic', image_size=16, channels=3)
    made = judge.train(
        data.Dataset('few', colour.samples[:130], colour.labels[:130], colour.classes), epochs=1
    )
    seen = made(colour.floats(slice(7)))
    assert (
        made.about.net == 'resnet20'
        and seen.features.shape == (7, 64)
        and seen.probabilities.shape == (7, 4)
    )


@pytest.mark.parametrize(
    'settings, words',
    [
        ({'name': 'ring8'}, 'pictures of two or more classes'),
        ({'name': 'synthetic', 'image_size': 8}, 'sides of 12'),
    ],
)
def test_data_that_no_judge_learns_from_is_refused(settings, words):
    with pytest.raises(judge.JudgeError, match=words):
        judge.train(data.load(**settings))


# What it says


@pytest.mark.same_bits
def test_a_picture_gets_the_same_bits_in_any_company(trained, shapes):
    x = shapes[1].floats(slice(300))
    whole = trained(x)
    for part in (slice(7), slice(250, 300), slice(299, 300)):
        assert all(np.array_equal(a, b[part]) for a, b in zip(trained(x[part]), whole))
    assert whole.probabilities.sum(axis=1) == pytest.approx(np.ones(300), abs=1e-5)


def test_other_shapes_are_refused_by_name(trained):
    with pytest.raises(judge.JudgeError, match='1 × 28 × 28, these are 3 × 28 × 28'):
        trained(np.zeros((2, 3, 28, 28), dtype=np.float32))


# Its file


def test_what_is_read_is_what_was_written(trained, shapes, tmp_path):
    trained.write(tmp_path / 'x.judge')
    again = judge.read(tmp_path / 'x.judge')
    x = shapes[1].floats(slice(20))
    assert np.array_equal(again(x).features, trained(x).features) and again.about == trained.about
    assert again.sha256 == hashlib.sha256((tmp_path / 'x.judge').read_bytes()).hexdigest()


def test_damaged_or_other_files_are_refused_by_name(trained, tmp_path):
    path = tmp_path / 'x.judge'
    trained.write(path)
    whole = path.read_bytes()
    for broken in (whole[:-1], whole[:500] + b'x' + whole[501:], b''):
        path.write_bytes(broken)
        with pytest.raises(snapshot.SnapshotError, match=r'x\.judge'):
            judge.read(path)
    for meta in (
        {},
        {**asdict(trained.about), 'net': 'vgg'},
        {**asdict(trained.about), 'shape': [1, 28]},
    ):
        snapshot.write(path, {}, meta)
        with pytest.raises(judge.JudgeError, match=r'x\.judge: is no judge'):
            judge.read(path)


# Those that come with the package


def test_judge_of_digits_has_its_hash_and_its_accuracy():
    entry = shipped.SHIPPED['mnist']
    found = shipped.bundled('mnist')
    assert (
        hashlib.sha256((shipped.HOME / entry.file).read_bytes()).hexdigest()
        == entry.sha256
        == found.sha256
    )
    right = found.accuracy(*mnist(10_000))
    assert (
        right == pytest.approx(entry.accuracy, abs=2e-4)
        and right >= 0.988
        and found.about.command == entry.command
    )


@pytest.mark.skipif(
    not any(name == 'fashion-mnist' and state.startswith('in ') for name, state in data.locate_datasets()),
    reason='Fashion-MNIST is not on this machine',
)
def test_judge_of_fashion_has_its_accuracy():
    clothes = data.load('fashion-mnist', split='test')
    right = shipped.bundled('fashion-mnist').accuracy(clothes.floats(), clothes.labels)
    assert right == pytest.approx(shipped.SHIPPED['fashion-mnist'].accuracy, abs=2e-4)


def test_every_shipped_judge_is_whole_and_small():
    for name, entry in shipped.SHIPPED.items():
        found = shipped.bundled(name)
        assert (found.about.data, found.about.shape, found.sha256) == (
            name,
            (1, 28, 28),
            entry.sha256,
        )
        assert (shipped.HOME / entry.file).stat().st_size < 300_000 and entry.command.startswith(
            'gluongan judge train'
        )


def test_judge_that_was_changed_or_never_was_is_refused(monkeypatch):
    monkeypatch.setitem(
        shipped.SHIPPED, 'mnist', shipped.SHIPPED['mnist']._replace(sha256='0' * 64)
    )
    with pytest.raises(judge.JudgeError, match='install it again'):
        shipped.bundled('mnist')
    with pytest.raises(judge.JudgeError, match='flowers: no judge'):
        shipped.bundled('flowers')


def test_judge_is_found_by_the_data_or_by_its_file(trained, tmp_path):
    trained.write(tmp_path / 'x.judge')
    shapes, digits = data.load('synthetic'), data.load('mnist', split='test')
    assert judge.fitting(shapes) is None and judge.fitting(digits).about.data == 'mnist'
    assert judge.fitting(shapes, tmp_path / 'x.judge').about.data == 'synthetic'
    with pytest.raises(judge.JudgeError):
        judge.fitting(data.load('synthetic', image_size=16), tmp_path / 'x.judge')


# Stacked digits


def test_stacked_digits_are_judged_colour_by_colour():
    x, _ = mnist(30)
    single, stack = shipped.bundled('mnist'), stacked.Stacked(shipped.bundled('mnist'))
    seen = stack(x.reshape(10, 3, 28, 28))
    one = single(x)
    assert seen.features.shape == (10, 252) and np.array_equal(
        seen.features.reshape(30, 84), one.features
    )
    digits = one.probabilities.argmax(axis=1).reshape(10, 3)
    assert np.array_equal(seen.probabilities.argmax(axis=1), digits @ [100, 10, 1])
    assert (
        seen.probabilities.sum(axis=1) == pytest.approx(np.ones(10), abs=1e-5)
        and stack.about.classes[123] == '123'
    )


def test_stacked_digits_are_three_digits_and_labelled_by_all_three():
    stack, digits = data.load('stacked-mnist', split='test'), data.load('mnist', split='test')
    assert (len(stack), stack.shape, len(stack.classes)) == (26_000, (3, 28, 28), 1_000)
    where = {image.tobytes(): label for image, label in zip(digits.samples[:, 0], digits.labels)}
    for image, label in zip(stack.samples[:200], stack.labels[:200]):
        assert [where[colour.tobytes()] for colour in image] == [
            label // 100,
            label // 10 % 10,
            label % 10,
        ]
    counts = np.bincount(stack.labels, minlength=1_000)
    assert counts.min() > 5 and uniform_kl(counts) == pytest.approx(
        0.0234, abs=0.003
    )  # the floor of 26,000 real ones
