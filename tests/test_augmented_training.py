"""Training with augmentation: both networks learn through it, and the generator never learns it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tiny

import gluongan as gg
from gluongan import build, launch
from gluongan.data import Dataset
from gluongan.errors import InputError
from gluongan.evaluation.from_updater import discriminator_logits
from gluongan.gan.augmentation import AUGMENTATIONS

ALL = AUGMENTATIONS


def updater_of(**changes):
    config = tiny.tiny(**{'augment': ALL, **changes})
    return build.make_updater(config, build.load_data(config))


def trained(updater, iterations=4):
    for _ in range(iterations):
        updater.update()
    arrays, _ = updater.state()
    return arrays


class Recorded:
    """Stands before a function, and keeps what it is given and what it returns."""

    def __init__(self, function):
        self._function = function
        self.given, self.returned = [], []

    def __getattr__(self, name):
        return getattr(self._function, name)

    def __call__(self, *inputs):
        self.given.append([x.asnumpy() for x in inputs if x is not None])
        output = self._function(*inputs)
        outputs = output if isinstance(output, (tuple, list)) else (output,)
        self.returned.append([y.asnumpy() for y in outputs])
        return output


@pytest.mark.parametrize(
    'changes, calls',
    [
        ({}, 3),
        ({'conditional': True}, 3),
        ({'loss': 'relativistic'}, 4),
        ({'dis_steps': 2}, 5),
        ({'gen_steps': 2, 'instance_noise': 0.1}, 4),
        ({'network': 'conv', 'conv_width': 4, 'conditional': True, 'pack': 2}, 3),
    ],
    ids=str,
)
def test_networks_judge_and_learn_from_augmented_samples_alone(changes, calls):
    updater = updater_of(**changes)
    updater.augmentation = augment = Recorded(updater.augmentation)
    updater.dis_objective = dis = Recorded(updater.dis_objective)
    updater.gen_objective = gen = Recorded(updater.gen_objective)
    updater.update()
    assert len(augment.returned) == calls
    seen = [output for (output,) in augment.returned]
    used = [x for inputs in (*dis.given, *gen.given) for x in inputs]
    if changes.get('loss') != 'relativistic':
        used = [x for inputs in dis.given for x in inputs] + [inputs[0] for inputs in gen.given]
    assert len(used) == calls
    for one, other in zip(seen, used):
        np.testing.assert_array_equal(one, other)
    # Real ones first, and each batch with numbers of its own.
    changed = [(x != y).mean() for (x,), y in zip(augment.given, seen)]
    assert min(changed) > 0.1
    batch = augment.given[0][0].reshape(32, -1)[:, :64]
    assert abs(batch.mean() - updater.real.dataset.moments()[0]) < 0.1


def test_a_penalty_is_at_what_the_discriminator_sees():
    updater = updater_of(penalty='r1')
    updater.augmentation = augment = Recorded(updater.augmentation)
    points, at = [], updater.penalty.at

    def kept(x_real, x_fake):
        points.append((x_real.asnumpy(), x_fake.asnumpy()))
        return at(x_real, x_fake)

    updater.penalty.at = kept
    updater.update()
    for point, (seen,) in zip(points[0], augment.returned):
        np.testing.assert_array_equal(point, seen)


def test_samples_and_judgements_are_not_augmented():
    updater = updater_of()
    before = updater.augmentation.state()
    updater.augmentation = augment = Recorded(updater.augmentation)
    x = updater.samples(updater.fixed_inputs(8))
    discriminator_logits(updater, x, None)
    assert augment.returned == [] and updater.augmentation.state() == before


@pytest.mark.parametrize(
    'changes',
    [
        {},
        {'conditional': True, 'loss': 'hinge', 'dis_spectral': True},
        {'network': 'conv', 'conv_width': 4, 'channels': 3, 'penalty': 'r1', 'conditional': True},
        {'penalty': 'r2', 'pack': 2, 'loss': 'relativistic', 'gen_steps': 2},
    ],
    ids=str,
)
def test_graphs_and_single_operators_train_the_same(changes):
    # Adam would enlarge the rounding of a gradient that is 0.
    changes = {'optimizer': 'sgd', 'lr': 0.01, **changes}
    graphs, single = updater_of(**changes), updater_of(**changes)
    for block in single.blocks():
        block.hybridize(active=False)
    one, other = trained(graphs), trained(single)
    for name in one:
        np.testing.assert_allclose(one[name], other[name], rtol=2e-3, atol=2e-5, err_msg=name)


def test_without_augmentation_the_snapshot_says_nothing_of_it():
    _, meta = updater_of(augment=()).state()
    assert 'augmentation' not in meta


def test_a_snapshot_of_a_run_with_augmentation_holds_its_stream():
    first, second = updater_of(), updater_of()
    for _ in range(3):
        first.update()
    arrays, meta = first.state()
    second.restore({name: value.copy() for name, value in arrays.items()}, meta)
    one, other = trained(first), trained(second)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


# The generator makes what the data has, and not what the discriminator sees


def letter():
    picture = np.full((8, 8), 51, np.uint8)
    picture[1:5, 1:4] = picture[4, 1:6] = 230
    return picture


def learnt(names, probability=1.0):
    """What a generator makes of 32 copies of one picture after a short training, (64, 8, 8)."""
    gg.runtime.seed(0)
    data = Dataset('one letter', np.tile(letter(), (32, 1, 1, 1)))
    gen = gg.dense_generator([4, 16, 64], batchnorm=False)
    dis = gg.dense_discriminator([64, 32, 1], spectral=True)
    updater = gg.GANUpdater(
        gen,
        dis,
        data.batches(32),
        loss='hinge',
        lr=5e-3,
        beta1=0.0,
        ema=0.98,
        augment=names,
        augment_probability=probability,
    )
    for _ in range(150):
        updater.update()
    return updater.samples(updater.fixed_inputs(64))[:, 0]


def error(samples, picture):
    return np.sqrt(((samples - picture / 255) ** 2).mean())


@pytest.mark.parametrize(
    'names, probability',
    [(['shift'], 1), (['cutout'], 1), (['color'], 1), (['mirror'], 0.5), (ALL, 0.5)],
    ids=str,
)
def test_the_generator_does_not_learn_to_augment(names, probability):
    samples = learnt(names, probability)
    assert error(samples, letter()) < 0.13
    for wrong in (
        letter()[:, ::-1],
        *(np.roll(letter(), by, axis) for by in (-1, 1) for axis in (0, 1)),
    ):
        assert error(samples, wrong) > 0.2
    assert np.std(samples, axis=0).max() < 0.2


# Refusals


def test_points_are_refused_by_the_updater_too():
    real = gg.data.load('ring8').batches(32)
    gen, dis = gg.dense_generator([5, 8, 2], shape=(2,)), gg.dense_discriminator([2, 8, 1])
    with pytest.raises(InputError, match=r'augment: samples of shape \(2,\) are not pictures'):
        gg.GANUpdater(gen, dis, real, augment=['shift'])


@pytest.mark.parametrize(
    'flags, message',
    [
        (['--augment', 'blur'], '--augment blur: must be none, or any of color, shift, cutout and'),
        (['--augment', 'shift,shift'], '--augment shift,shift: must be none, or any of'),
        (['--augment', ''], "--augment '': must be none, or any of"),
        (
            ['--augment', 'shift', '--data', 'ring8'],
            '--augment shift: ring8 is made of points, not images; must be none',
        ),
        (['--augment-probability', '1.1'], '--augment-probability 1.1: must be a number from 0'),
    ],
)
def test_augmentations_that_cannot_be_are_refused_in_a_sentence(flags, message):
    assert tiny.refused('train', '--dry-run', *flags).startswith(message)


def test_augmentations_are_typed_as_names_with_commas():
    result = tiny.gluongan('train', '--dry-run', *tiny.flags(augment=('shift', 'color')))
    assert json.loads(result.stdout)['augment'] == ['shift', 'color']
    result = tiny.gluongan('train', '--dry-run', *tiny.flags(), '--augment', 'none')
    assert json.loads(result.stdout)['augment'] == []


def test_a_probability_without_augmentation_has_no_effect_and_that_is_said():
    result = tiny.gluongan('train', '--dry-run', *tiny.flags(), '--augment-probability', '0.5')
    assert '--augment-probability has no effect without --augment' in result.stderr


def test_a_resume_warns_of_other_operators_only_where_the_run_uses_them(tmp_path):
    environment = launch.describe_environment()
    parts = set(environment['native']) ^ {'augment'}
    (tmp_path / 'environment.json').write_text(json.dumps({**environment, 'native': sorted(parts)}))
    warnings = []
    launch.check_environment(tmp_path, tiny.tiny(augment=('shift',)), warnings.append)
    assert len(warnings) == 1 and 'operators in C++' in warnings[0]
    launch.check_environment(tmp_path, tiny.tiny(), warnings.append)
    assert len(warnings) == 1
