"""`evaluate --utility`: what a classifier learns from samples, tested on real pictures."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import tiny
from PIL import Image

from gluongan import data
from gluongan.errors import InputError
from gluongan.evaluation import classifier, source_kinds, utility
from gluongan.evaluation.reference import Reference
from gluongan.evaluation.utility import Utility, measure_utility
from gluongan.exports import samples
from gluongan.exports.samples import write_samples

STEPS = 60
SIZE = 12


def load(split='train'):
    return data.load('synthetic', split=split, image_size=SIZE)


@pytest.fixture(scope='module')
def reference():
    return Reference(load(), load('test'))


def measured(samples, reference, steps=STEPS, **settings):
    return measure_utility(samples, reference, seeds=[0], steps=steps, **settings)


# What is learned


@pytest.fixture(scope='module')
def of_real(reference):
    """Samples that are the training pictures themselves."""
    return measured(load(), reference)


def test_samples_that_are_the_real_pictures_teach_exactly_as_much(of_real):
    assert of_real.on_samples == of_real.on_real
    assert of_real.on_real[0] > 0.75 and of_real.on_both[0] > 0.75


def test_labels_that_say_nothing_teach_nothing(reference):
    shuffled = np.random.RandomState(0).permutation(load().labels)
    result = measured(replace(load(), labels=shuffled), reference)
    assert result.on_samples[0] < 0.5 < result.on_real[0]


def test_a_class_that_the_samples_lack_is_never_right(reference):
    train = load()
    kept = train.labels != 2
    lacking = replace(train, samples=train.samples[kept], labels=train.labels[kept])
    share = np.mean(reference.labels == 2)
    result = measured(lacking, reference)
    assert 0.5 < result.on_samples[0] <= 1 - share


def test_the_accuracy_is_on_the_test_pictures_alone(reference, of_real):
    wrong = (reference.labels + 1) % len(load().classes)
    other = Reference(load(), replace(load('test'), labels=(load('test').labels + 1) % 4))
    assert sorted(other.labels) == sorted(wrong)
    assert measured(load(), other, steps=STEPS).on_real[0] < 1 - of_real.on_real[0] + 0.05


def test_it_depends_on_its_seeds_alone(reference):
    samples = load()
    first, again, other = (
        measure_utility(samples, reference, seeds=[seed], steps=3) for seed in (5, 5, 6)
    )
    assert first == again
    assert first.on_both != other.on_both or first.on_samples != other.on_samples


def batches_of_fits(monkeypatch, samples, reference):
    """Return what each training was given: the number of pictures that each source gives a step."""
    given = []
    monkeypatch.setattr(
        classifier, 'fit', lambda net, sources, steps: given.append([s.batch for s in sources])
    )
    measured(samples, reference)
    return given


def test_half_of_each_batch_of_both_is_real_however_few_real_pictures_there_are(
    monkeypatch, reference
):
    assert batches_of_fits(monkeypatch, load(), reference) == [[128], [128], [64, 64]]
    few = load()
    few = replace(few, samples=few.samples[:20], labels=few.labels[:20])
    reference = Reference(few, load('test'))
    assert batches_of_fits(monkeypatch, load(), reference) == [[128], [20], [64, 20]]


def test_a_step_learns_from_every_source():
    black, white = (
        data.Dataset('x', np.full((8, 1, SIZE, SIZE), value, np.uint8), labels, ('a', 'b'))
        for value, labels in ((0, np.zeros(8, np.int64)), (255, np.ones(8, np.int64)))
    )
    net = classifier.initialised('lenet', black.shape, 2)
    classifier.fit(net, [black.batches(4), white.batches(4)], 30)
    judge = classifier.Judge(classifier.About('lenet', 'x', black.shape, ('a', 'b')), net)
    assert judge.accuracy(black.floats(), black.labels) == 1
    assert judge.accuracy(white.floats(), white.labels) == 1


def test_each_training_is_reported_as_it_ends(reference):
    told = []
    result = measured(load(), reference, steps=2, on_trained=lambda *words: told.append(words))
    assert [kind for kind, _ in told] == ['samples', 'real pictures', 'both']
    assert [accuracy for _, accuracy in told] == [
        *result.on_samples,
        *result.on_real,
        *result.on_both,
    ]


# What is said


@pytest.mark.parametrize(
    ('on_real', 'on_both', 'effect'),
    [
        ((0.70, 0.72, 0.71), (0.80, 0.81, 0.79), 'help'),
        ((0.80, 0.81, 0.79), (0.70, 0.72, 0.71), 'hurt'),
        # The seeds overlap.
        ((0.70, 0.80, 0.71), (0.79, 0.81, 0.79), 'make no clear difference'),
        ((0.79, 0.81, 0.79), (0.70, 0.80, 0.71), 'make no clear difference'),
        # 1,000 test pictures cannot tell a difference of 1 %.
        ((0.900, 0.901, 0.902), (0.911, 0.912, 0.913), 'make no clear difference'),
        ((1.0, 1.0, 1.0), (1.0, 1.0, 1.0), 'make no clear difference'),
    ],
)
def test_samples_help_only_where_every_seed_and_the_test_pictures_say_so(on_real, on_both, effect):
    result = Utility('lenet', 2_000, 500, 100, 1_000, (0.5,) * 3, on_real, on_both)
    assert result.effect == effect
    assert result.sentence().endswith(f': the samples {effect}')


def test_more_test_pictures_tell_smaller_differences():
    accuracies = ((0.5,) * 3, (0.900, 0.901, 0.902), (0.911, 0.912, 0.913))
    assert Utility('lenet', 2_000, 500, 100, 10_000, *accuracies).effect == 'help'


def test_a_name_says_network_number_of_pictures_and_steps():
    result = Utility('lenet', 2_000, 60_000, 1_000, 10_000, (0.9, 0.8), (0.7, 0.6), (0.5, 0.4))
    assert result.values() == pytest.approx(
        {
            'lenet_accuracy_samples60k_s2000_test': 0.85,
            'lenet_accuracy_real1k_s2000_test': 0.65,
            'lenet_accuracy_both61k_s2000_test': 0.45,
        }
    )
    assert '90.00%' in result.note() and '80.00% to' in result.note()


# What is refused


def without_labels(dataset):
    return replace(dataset, labels=None, classes=())


@pytest.mark.parametrize(
    ('train', 'test', 'problem'),
    [
        (data.load('ring8'), None, 'is made of points; must be pictures'),
        (without_labels(load()), load('test'), 'has no classes to tell apart'),
        (load(), None, 'has no test pictures with labels'),
        (load(), without_labels(load('test')), 'has no test pictures with labels'),
        (
            data.load('synthetic', image_size=8),
            data.load('synthetic', split='test', image_size=8),
            'must be at least 12 pixels a side',
        ),
    ],
)
def test_data_without_labelled_test_pictures_is_refused(train, test, problem):
    with pytest.raises(InputError, match=problem):
        measure_utility(load(), Reference(train, test))


# The command


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(
        utility.measure_utility,
        '__kwdefaults__',
        {**utility.measure_utility.__kwdefaults__, 'steps': 4, 'seeds': [0, 1]},
    )


def begun(folder, **settings):
    return tiny.begun(folder, image_size=SIZE, iterations=2, **settings).folder


def evaluate(*words):
    return tiny.gluongan('evaluate', *words, '--samples', 100)


def test_the_report_has_the_accuracies_and_the_verdict_a_clause(tmp_path, quick):
    run = begun(tmp_path, conditional=True)
    result = evaluate(run, '--utility')
    assert result.exit_code == 0, result.stderr
    report = json.loads((run / 'evaluation.json').read_text())
    names = [name for name in report['metrics'] if 'accuracy_' in name]
    assert names == [
        'lenet_accuracy_samples10k_s4_test',
        'lenet_accuracy_real512_s4_test',
        'lenet_accuracy_both10512_s4_test',
    ]
    assert 'right on test pictures when trained on 10,000 samples' in report['words']
    assert 'test images right by a network trained on samples' in result.stdout
    assert 'trained from 2 seeds, 4 steps' in result.stdout
    assert result.stderr.count('trained on both: test accuracy') == 2


def test_the_samples_are_those_that_are_written_as_data(tmp_path):
    run, train = begun(tmp_path, conditional=True), load()
    learned = source_kinds.kind_of(run).labelled(run, train, source_kinds.Request(8))
    write_samples(run, tmp_path / 'x.npz', samples.Request(count=10_000))
    written = data.load(tmp_path / 'x.npz')
    assert len(learned) == 10_000 > source_kinds.BLOCK
    assert (written.samples == learned.samples).all()
    assert (written.labels == learned.labels).all() and written.classes == learned.classes


def test_without_it_nothing_is_trained(tmp_path):
    run = begun(tmp_path, conditional=True)
    assert 'accuracy_samples' not in evaluate(run).stdout


def test_a_generator_without_classes_is_refused_before_any_work(tmp_path):
    run = begun(tmp_path)
    result = evaluate(run, '--utility')
    assert result.exit_code == 2
    assert '--utility' in result.stderr and 'must be conditional' in result.stderr
    assert not (run / 'evaluation.json').exists()


DATA = ['--data', 'synthetic', '--image-size', SIZE, '--utility']


def test_pictures_in_folders_are_learned_with_the_classes_of_their_folders(tmp_path, quick):
    train = load()
    for i in range(8):  # three of the four classes
        name = train.classes[i % 3]
        (tmp_path / name).mkdir(exist_ok=True)
        picture = train.samples[train.labels == i % 3][i, 0]
        Image.fromarray(picture).save(tmp_path / name / f'{i}.png')
    learned = source_kinds.kind_of(tmp_path).labelled(tmp_path, train, source_kinds.Request(8))
    assert learned.classes == train.classes
    assert sorted(learned.labels) == [0, 0, 0, 1, 1, 1, 2, 2]


def test_labels_that_are_numbers_are_the_numbers_of_the_classes(tmp_path, quick):
    train = load()
    path = tmp_path / 'x.npz'
    chosen = train.labels != 1  # so that numbering them anew would be wrong
    np.savez(path, x=train.samples[chosen], y=train.labels[chosen])
    learned = source_kinds.kind_of(path).labelled(path, train, source_kinds.Request(8))
    assert (learned.labels == train.labels[chosen]).all()
    result = evaluate(path, *DATA)
    assert result.exit_code == 0, result.stderr
    assert f'when trained on {chosen.sum()} samples' in result.stdout


@pytest.mark.parametrize(
    ('labels', 'problem'),
    [(None, 'has no classes; must have labels'), (4, 'classes that synthetic lacks (4)')],
)
def test_pictures_of_no_class_or_another_are_refused(tmp_path, labels, problem):
    train = load()
    arrays = {'x': train.samples}
    if labels is not None:
        arrays['y'] = np.full(len(train), labels)
    np.savez(tmp_path / 'x.npz', **arrays)
    result = evaluate(tmp_path / 'x.npz', *DATA)
    assert result.exit_code == 2
    assert problem in result.stderr
