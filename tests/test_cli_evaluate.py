"""`gluongan evaluate` and `gluongan judge`: what they read, write, print and refuse."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import tiny
from PIL import Image

import gluongan
from gluongan import data, evaluation, figures, loading
from gluongan.config import Config
from gluongan.evaluation import classifier as judge
from gluongan.evaluation import comparison, metrics, sources, suite
from gluongan.gan.labels import one_hot
from gluongan.gan.sampling import generate

DATA = ['--data', 'synthetic', '--image-size', 12]


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    """Those of a run take a second, and are tested in test_figures and test_cli."""
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('evaluate')


@pytest.fixture(scope='module')
def judge_file(folder):
    """A judge of the drawn shapes, made by the command."""
    path = folder / 'shapes.judge'
    settings = ['--epochs', 25, '--lr', 0.004]
    result = tiny.gluongan('judge', 'train', *DATA, *settings, '--out', path)
    assert result.exit_code == 0, result.stderr
    assert f'{path}: test accuracy ' in result.stdout
    return path


@pytest.fixture(scope='module')
def run(folder):
    settings = {'image_size': 12, 'iterations': 8, 'conditional': True, 'ema': 0.5}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, 'draw_all', lambda run: [])
        return tiny.begun(folder / 'runs', **settings).folder


@pytest.fixture
def own_run(run, tmp_path):
    """A copy of the run that has not been evaluated."""
    ignored = shutil.ignore_patterns('evaluation*.json', 'figures')
    return shutil.copytree(run, tmp_path / 'own', ignore=ignored)


@pytest.fixture
def images(tmp_path):
    """200 training images as an .npz."""
    path = tmp_path / 'x.npz'
    np.savez(path, x=data.load('synthetic', image_size=12).samples[:200])
    return path


def lenet(judge_file):
    """What the names of a judge's metrics begin with."""
    return f'lenet-{judge.read(judge_file).sha256[:8]}'


def evaluated(*words):
    result = tiny.gluongan('evaluate', *words)
    assert result.exit_code == 0, result.stderr
    return result


def read(path):
    return json.loads(path.read_text())


# A run


def test_the_report_of_a_run_lies_in_its_folder(own_run, judge_file):
    run = own_run
    result = evaluated(run, '--judge', judge_file, '--samples', 300)
    report = read(run / 'evaluation.json')
    assert (report['iteration'], report['samples'], report['data']) == (8, 300, 'synthetic')
    assert report['judge']['sha256'] == judge.read(judge_file).sha256
    test = data.load('synthetic', split='test', image_size=12)
    digest = evaluation.Reference(test).sha256
    assert (report['gluongan'], report['snapshot']) == (gluongan.__version__, 'last')
    assert report['data_sha256'] == digest
    of = f'300 samples of {run} at iteration 8, against synthetic ({digest[:8]}), '
    of += f'judge lenet of synthetic ({report["judge"]["sha256"][:8]}), gluongan '
    assert result.stdout.splitlines()[-2] == of + gluongan.__version__
    assert set(report['known']) == {'real'}
    expected = {
        f'{lenet(judge_file)}_fd300_test',
        f'{lenet(judge_file)}_asked300',
        'pixel_coverage300_k5_test',
        'dis_accuracy300_test',
        'dis_gap300_train_test',
    }
    assert expected <= set(report['metrics'])

    shown = [name for name in report['metrics'] if '_share' not in name]
    assert all(name in result.stdout for name in shown)
    assert result.stdout.splitlines()[-1] == report['words']
    assert 'classes' in report['words']
    assert 's  features and classes' in result.stderr
    assert str(run / 'evaluation.json') in result.stderr


def test_the_figure_of_a_run_lies_in_its_folder(own_run):
    result = evaluated(own_run, '--samples', 200)
    path = own_run / 'figures' / 'nearest.png'
    assert str(path) in result.stderr
    with Image.open(path) as picture:
        assert picture.width > 400


def test_an_evaluation_with_other_settings_is_never_overwritten(own_run, judge_file):
    def evaluate_to(name, *words):
        result = evaluated(own_run, *words)
        assert result.stderr.split()[-2:] == [
            str(own_run / f'{name}.json'),
            str(own_run / 'figures' / f'{name.replace("evaluation", "nearest")}.png'),
        ]
        return result.stderr

    assert 'stays' not in evaluate_to('evaluation', '--samples', 300)
    first = (own_run / 'evaluation.json').read_bytes()
    stays = f'{own_run / "evaluation.json"} is of other settings and stays as it is'
    assert stays in evaluate_to('evaluation-last-100', '--samples', 100)
    evaluate_to('evaluation-last-100-2', '--samples', 100, '--judge', judge_file)
    evaluate_to('evaluation-best-300', '--samples', 300, '--snapshot', 'best')
    evaluate_to('evaluation-last-100', '--samples', 100)  # the same request as before
    assert (own_run / 'evaluation.json').read_bytes() == first
    assert len(list(own_run.glob('evaluation*.json'))) == 4
    assert len(list((own_run / 'figures').glob('nearest*.png'))) == 4
    names = set()
    for measured in comparison.read_run(own_run).measured:
        names.update(measured.values)
    expected = {'pixel_mean300', 'pixel_mean100', f'{lenet(judge_file)}_fd100_test', 'samples/swd'}
    assert expected <= names


def test_an_evaluation_of_a_newer_snapshot_replaces_that_of_an_older_one(own_run):
    evaluated(own_run, '--samples', 100)
    path = own_run / 'evaluation.json'
    path.write_text(json.dumps({**read(path), 'iteration': 3}))
    evaluated(own_run, '--samples', 100)
    assert read(path)['iteration'] == 8
    assert len(list(own_run.glob('evaluation*.json'))) == 1


@pytest.mark.parametrize(
    'text',
    [
        '{',
        '{"metrics": {}}',
        '{"metrics": {}, "samples": 50}',
        '{"metrics": {}, "samples": 100, "data_sha256": "ab"}',
    ],
)
def test_a_file_that_is_no_report_of_the_same_request_stays(own_run, text):
    (own_run / 'evaluation.json').write_text(text)
    evaluated(own_run, '--samples', 100)
    assert (own_run / 'evaluation.json').read_text() == text
    assert read(own_run / 'evaluation-last-100.json')['samples'] == 100


def test_metrics_are_those_of_the_samples_that_the_run_makes(run, judge_file):
    report = sources.evaluate_source(run, judge_file=judge_file, count=300)
    config, gen = loading.load_run(run)
    from gluongan.gan.noise import draw_noise

    z = draw_noise(np.random.default_rng([3, 2]), 300, config.latent, config.noise)
    labels = np.arange(300) % 4
    x = generate(gen, np.concatenate([z, one_hot(labels, 4)], axis=1))
    probabilities = judge.read(judge_file)(x).probabilities
    agreement = (probabilities.argmax(axis=1) == labels).mean()
    score = metrics.classifier_score(probabilities)
    assert report.values['pixel_mean300'] == pytest.approx(x.mean(), rel=1e-5)
    assert report.values[f'{lenet(judge_file)}_asked300'] == pytest.approx(agreement)
    assert report.values[f'{lenet(judge_file)}_score300'] == pytest.approx(score, rel=1e-5)


def test_snapshot_report_and_figure_are_chosen(run, tmp_path):
    report, figure = tmp_path / 'r.json', tmp_path / 'n.png'
    evaluated(run, '--samples', 200, '--snapshot', 8, '--json', report, '--figure', figure)
    assert read(report)['judge'] is None
    assert not any('lenet' in name for name in read(report)['metrics'])
    assert figure.is_file()
    assert '8' in tiny.refused('evaluate', run, '--snapshot', 7)


def test_an_export_has_the_metrics_of_its_run_except_for_the_discriminators(
    run, judge_file, tmp_path, unverified
):
    export = tmp_path / 'export'
    assert tiny.gluongan('export', run, '--out', export).exit_code == 0
    reports = []
    for words in ([run], [export, *DATA]):
        path = tmp_path / 'report.json'
        evaluated(*words, '--judge', judge_file, '--samples', 300, '--json', path)
        reports.append(read(path))
    of_run, of_export = (report['metrics'] for report in reports)
    expected = {name: value for name, value in of_run.items() if not name.startswith('dis_')}
    assert of_export == expected != {}
    assert reports[1]['iteration'] == 8


def test_points_are_evaluated_by_their_modes(tmp_path, no_accuracy):
    run = tiny.begun(tmp_path, data='ring8', image_size=None, iterations=2).folder
    result = evaluated(run)
    names = {'points_caught2500', 'points_good2500', 'points_kl2500'}
    names |= {'gen_path1k', 'gen_path_spread1k'}
    assert set(read(run / 'evaluation.json')['metrics']) == names
    assert 'modes' in result.stdout.splitlines()[-1]


# What stands beside the metrics


@pytest.fixture
def own_data(tmp_path):
    """300 pictures without a test split, as an .npz."""
    path = tmp_path / 'own.npz'
    np.savez(path, x=data.load('synthetic', image_size=12).samples[:300])
    return path


def test_without_a_test_split_there_is_no_column_of_real_images_and_one_line_says_why(
    images, own_data, tmp_path
):
    result = evaluated(images, '--data', own_data, '--json', tmp_path / 'r.json')
    heading, *_ = result.stdout.splitlines()
    assert heading.split() == ['this', '95%']
    why = 'own has no test split, so that real images would be compared with themselves'
    assert result.stdout.splitlines()[-3] == f'no column `real`: {why}'
    assert read(tmp_path / 'r.json')['known'] == {}
    with_test = evaluated(images, *DATA).stdout
    assert with_test.splitlines()[0].split() == ['this', '95%', 'real']
    assert 'no column' not in with_test


def test_data_without_a_test_split_is_not_calibrated(own_data, tmp_path):
    words = ['judge', 'calibrate', '--data', own_data, '--samples', 100]
    message = tiny.refused(*words, '--out', tmp_path / 'c.json')
    assert message.startswith('own: has no test split') and 'must be data with' in message


def test_known_sets_of_another_number_of_samples_are_left_out_with_one_line(
    images, judge_file, tmp_path
):
    path = tmp_path / 'c.json'
    settings = ['--judge', judge_file]
    draws = ['--samples', 150, '--draws', 1, '--out', path]
    assert tiny.gluongan('judge', 'calibrate', *DATA, *settings, *draws).exit_code == 0
    words = [images, *DATA, *settings, '--calibration', path]
    others = evaluated(*words).stdout
    assert others.splitlines()[0].split() == ['this', '95%', 'real']
    assert others.splitlines()[-3] == 'known sets are left out: they are of 150 samples, not 200'
    for line in others.splitlines()[1:-4]:
        assert all(cell != '-' or 'kd_error' in line for cell in line.split()[1:3])
    equal = evaluated(*words, '--samples', 150).stdout
    assert 'uniform' in equal.splitlines()[0] and 'left out' not in equal


# Calibration


def test_a_calibration_is_made_by_the_command_and_printed_beside_the_metrics(
    judge_file, tmp_path, images
):
    path = tmp_path / 'c.json'
    settings = ['--judge', judge_file, '--samples', 200, '--draws', 1]
    result = tiny.gluongan('judge', 'calibrate', *DATA, *settings, '--out', path)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip() == str(path)
    line = next(line for line in result.stderr.splitlines() if line.startswith('uniform noise'))
    assert all(stem in line for stem in (f'{lenet(judge_file)}_fd200_test', 'coverage', 'ndb'))

    words = (images, *DATA, '--judge', judge_file, '--calibration', path)
    headings = evaluated(*words).stdout.splitlines()[:2]
    assert headings[0].split() == ['one', 'one', '100', 'noise', 'noise', 'uniform']
    expected = 'this 95% real missing class repeated 0.1 0.3 shifted binarized noise'
    assert headings[1].split() == expected.split()

    without_judge = tiny.refused('evaluate', images, *DATA, '--calibration', path)
    assert 'c.json: was made from synthetic with another judge' in without_judge


# What is refused


@pytest.mark.parametrize(
    'words, message',
    [
        (
            ['nowhere'],
            'nowhere: does not exist; must be a run folder, an export, a folder or an archive of',
        ),
        (['RUN', '--data', 'mnist'], '--data mnist: must be left out: the data of'),
        (['RUN', '--binarize'], '--binarize: '),
        (['RUN', '--figure', 'x.jpg'], '--figure x.jpg: must end in .png'),
        (['RUN', '--samples', '5'], '--samples'),
        (['RUN', '--calibration', 'none.json'], 'none.json'),
    ],
)
def test_what_cannot_be_evaluated_is_refused_in_one_sentence(run, words, message):
    words = [run if word == 'RUN' else word for word in words]
    assert message in tiny.refused('evaluate', *words)


def test_a_judge_that_cannot_be_read_is_refused(run):
    message = tiny.refused('evaluate', run, '--judge', 'FILE.npz')
    assert 'FILE.npz' in message


def test_no_classifier_is_trained_on_data_without_labels(tmp_path):
    np.savez(tmp_path / 'x.npz', x=np.zeros((200, 12, 12), np.uint8))
    words = ['judge', 'train', '--data', tmp_path / 'x.npz', '--out', tmp_path / 'j']
    needed = '--net lenet: needs two or more classes, and x has no labels; must be autoencoder'
    assert tiny.refused(*words, '--net', 'lenet') == needed
    assert not (tmp_path / 'j').exists()


def test_shipped_judges_are_listed():
    output = tiny.gluongan('judge', 'list').stdout
    for name, entry in judge.SHIPPED.items():
        assert name in output
        assert entry.sha256 in output
        assert entry.command in output
    assert 'test accuracy 98.99%' in output


# The calibrations that ship with the package

# Seven LeNets with other seeds, learning rates and lengths of training gave 0.38 to 0.53, 5.1 to
# 9.8, 318 to 414, 8 to 21, 3.6 to 8.9, 28 to 79, 3.7 to 5.7, 2.8 to 4.8 and 277 to 429. The judges
# differ much more than the draws.
DISTANCES = {
    'real': (0.3, 0.7),
    'one missing': (4, 8),
    'one class': (270, 420),
    '100 repeated': (7, 25),
    'noise 0.1': (3, 9),
    'noise 0.3': (25, 60),
    'shifted': (3, 7),
    'binarized': (2.5, 6),
    'uniform noise': (250, 420),
}


@pytest.fixture(scope='module')
def shipped():
    return evaluation.read_calibration(judge.calibration_file('mnist'))


def test_the_calibration_of_digits_has_every_known_set(shipped):
    assert list(shipped.sets) == list(DISTANCES)
    means = shipped.means()
    assert means['one missing']['lenet_classes10k'] == 9
    assert means['one class']['lenet_classes10k'] == 1


@pytest.mark.parametrize('name', DISTANCES)
def test_the_calibration_of_digits_is_near_that_of_other_lenets(shipped, name):
    low, high = DISTANCES[name]
    assert low < shipped.means()[name]['lenet_fd10k_test'] < high


@pytest.fixture(scope='module')
def digits():
    return sources.make_reference(Config())


def test_the_calibration_of_digits_fits_the_shipped_judge_and_data(shipped, digits):
    assert shipped.fits(digits)


@pytest.mark.parametrize('name', ['real', 'one missing', 'noise 0.3'])
def test_the_calibration_of_digits_is_what_is_measured_now(shipped, digits, name):
    """Within four deviations of the three draws that were written, or a tenth."""
    x = evaluation.KNOWN_SETS[name](digits.train, 10_000, np.random.RandomState(5))
    samples = evaluation.Samples(name, x)
    only = (suite.measure_by_judge, suite.measure_bins)
    values = evaluation.evaluate(samples, digits, only=only)
    for metric in ('lenet_fd10k_test', 'lenet_score10k', 'lenet_classes10k'):
        mean, deviation = shipped.sets[name][metric]
        assert values[metric] == pytest.approx(mean, abs=4 * deviation + 0.1 * abs(mean)), metric
    mean, deviation = shipped.sets[name]['pixel_jsd10k_k100_train']
    expected = pytest.approx(mean, abs=4 * deviation + 0.1 * mean)
    assert values['pixel_jsd10k_k100_train'] == expected
