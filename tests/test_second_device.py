"""Whatever runs on a device stays there: `gpu` is mx.cpu(1), and an array on mx.cpu(0) is an error.

A GPU has neither gluongan's operators nor an engine that computes at once. Everything is tested
with and without both.
"""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import tiny
from second_device import SECOND, as_gpu

import gluongan as gg
from gluongan import build, figures, loading, native
from gluongan.evaluation import Reference, classifier, sources
from gluongan.evaluation.utility import measure_utility
from gluongan.gan.inversion import Inverter
from gluongan.gan.partial import SmallPicture
from gluongan.runs import snapshots
from gluongan.runtime import mx

SHORT = {'iterations': 8, 'image_size': 12, 'snapshot_every': 3, 'eval_every': 3}
# Nothing here is drawn by MXNet, whose streams differ between devices.
SAME = {
    'dense': {'conditional': True, 'ema': 0.9, 'mirror': True, 'augment': ('color', 'cutout')},
    'conv': {'network': 'conv', 'conv_width': 4, 'dis_batchnorm': True, 'pack': 2, 'batch': 16},
    'critic': {'loss': 'wasserstein', 'penalty': 'r1', 'optimizer': 'rmsprop', 'dis_steps': 2},
    'spectral': {'dis_spectral': True, 'optimizer': 'sgd', 'lr': 0.05, 'noise': 'uniform'},
}
DRAWN = {
    'penalty': 'dragan',
    'instance_noise': 0.3,
    'noise_until': 60,
    'gen_dropout': 0.2,
}


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])


@pytest.fixture
def no_operators(monkeypatch):
    monkeypatch.setattr(native, 'is_available', lambda part='updates': False)
    monkeypatch.setattr(native, 'computes_at_once', lambda: False)


def newest(run):
    _, (arrays, meta) = snapshots.read_newest(run)
    return {name: array.tobytes() for name, array in arrays.items()}, meta


def test_an_array_on_the_first_device_is_noticed():
    with as_gpu():
        mx.nd.ones((2,), ctx=SECOND) + 1
        for make in (mx.nd.ones, mx.nd.array, lambda size: mx.nd.random.uniform(shape=size)):
            with pytest.raises(AssertionError, match='has landed on'):
                make((2,))
    mx.nd.ones((2,))


def assert_the_same_run(tmp_path, settings):
    """A run on the second device, stopped and resumed, is the run on the first."""
    settings = {**SHORT, **settings}
    first = tiny.begun(tmp_path / '1', **settings).folder
    with as_gpu():
        trainer = tiny.begun(tmp_path / '2', until=4, device='gpu', **settings)
        second = tiny.resumed(trainer.folder).folder
    assert trainer.updater.noise.device == trainer.updater.real.device == SECOND
    assert newest(first) == newest(second)
    assert len(newest(first)[0]) > 8
    (grid,) = (path.name for path in (first / 'samples').iterdir() if '000008' in path.name)
    assert (first / 'samples' / grid).read_bytes() == (second / 'samples' / grid).read_bytes()


@pytest.mark.parametrize('name', ['dense', 'conv'])
def test_a_resumed_run_on_another_device_is_the_run_on_the_first(tmp_path, name):
    assert_the_same_run(tmp_path, SAME[name])


@pytest.mark.parametrize('name', ['dense', 'critic', 'spectral'])
def test_so_it_is_without_operators(tmp_path, name, no_operators):
    assert_the_same_run(tmp_path, SAME[name])


def test_a_run_that_draws_from_mxnet_is_resumed_bit_for_bit(tmp_path):
    settings = {**SHORT, **DRAWN, 'device': 'gpu'}
    with as_gpu():
        straight = tiny.begun(tmp_path / '1', **settings).folder
        other = tiny.begun(tmp_path / '2', until=4, **settings).folder
        assert newest(straight) != newest(other)
        tiny.resumed(other)
    assert newest(straight) == newest(other)


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch, as_gpu():
        patch.setattr(figures, 'draw_all', lambda run: [])
        settings = {**SHORT, **SAME['dense'], 'network': 'conv', 'conv_width': 4}
        return tiny.begun(tmp_path_factory.mktemp('second'), device='gpu', **settings).folder


@pytest.mark.parametrize('file_format', ['mxnet', 'onnx'])
def test_what_is_exported_from_it_is_the_same(run, tmp_path, file_format, unverified):
    _, gen = loading.load_run(run)
    gg.export(gen, tmp_path / '1' / 'gen', format=file_format)
    with as_gpu():
        _, gen = loading.load_run(run, device='gpu')
        gg.export(gen, tmp_path / '2' / 'gen', format=file_format)
    names = [path.name for path in (tmp_path / '1').iterdir()]
    assert names
    for name in names:
        one, two = ((tmp_path / number / name).read_bytes() for number in '12')
        assert one == two, name


def test_commands_stay_on_the_device(run, tmp_path, monkeypatch, no_operators):
    monkeypatch.chdir(tmp_path)
    data = ['--data', 'synthetic', '--image-size', 12, '--epochs', 1]
    commands = [
        ['judge', 'train', *data, '--out', 'classes.judge'],
        ['judge', 'train', *data, '--net', 'autoencoder', '--out', 'features.judge'],
        ['sample', run, '--seeds', '0-3', '--out', 'samples.png'],
        ['interpolate', run, '--seeds', '0,1', '--out', 'path.png'],
        ['directions', run, '--samples', 200, '--out', 'directions'],
        ['invert', run, '--test', 2, '--steps', 2, '--encoder', 2, '--out', 'inversion'],
    ]
    with as_gpu():
        for words in commands:
            result = tiny.gluongan(*words, '--device', 'gpu')
            assert result.exit_code == 0, result.stderr
    tiny.gluongan('sample', run, '--seeds', '0-3', '--out', 'first.png')
    assert (tmp_path / 'samples.png').read_bytes() == (tmp_path / 'first.png').read_bytes()


def test_what_judges_computes_on_the_device(run, tmp_path):
    config = loading.read_config(run)
    data, test = build.load_data(config), build.load_data(config, 'test')
    path, reports = tmp_path / 'classes.judge', []
    classifier.train(data, test, epochs=1).write(path)
    for device in (as_gpu, nullcontext):
        with device():
            name = {as_gpu: 'gpu', nullcontext: 'cpu'}[device]
            report = sources.evaluate_source(run, judge_file=path, count=100, device=name)
            reports.append(report.values)
    assert reports[0] == reports[1]
    with as_gpu():
        judged = {'judge_every': 2, 'judge_samples': 100, 'judge': str(path), 'image_size': 12}
        folder = tiny.begun(tmp_path, device='gpu', iterations=2, **judged).folder
    assert len(tiny.rows(folder / 'judge.jsonl')) == 2


def test_what_only_python_reaches_stays_on_the_device_too(run):
    config = loading.read_config(run)
    data, test = build.load_data(config), build.load_data(config, 'test')
    with as_gpu():
        updater = loading.load_updater(run, data, device='gpu')
        updater.update()
        inverter = Inverter(updater.gen, config.latent, classes=4, steps=2, known=SmallPicture(2))
        assert inverter.invert(data.floats(slice(0, 2))).x.shape == (2, 1, 12, 12)
        measure_utility(data, Reference(data, test), seeds=[0], steps=2, device='gpu')
    # A context is as good as a name.
    updater = loading.load_updater(run, data, device=mx.cpu())
    assert updater.real.device == mx.cpu()
