"""Which settings a resumed run may change: from Python and from the command line."""

from __future__ import annotations

import shutil

import pytest
import tiny

from gluongan import figures, launch
from gluongan.config import ConfigError, knobs
from gluongan.runs import snapshots
from gluongan.runs.folder import check_resumable, read_config

# Another legal value for each setting that a resumed run has to keep.
OTHER_VALUES = {
    'fit': 'pad',
    'background': 'white',
    'frames': 'all',
    'recipe': 'vanilla',
    'data': 'mnist',
    'binarize': True,
    'image_size': 12,
    'channels': 3,
    'conditional': True,
    'network': 'conv',
    'latent': 7,
    'gen_hidden': (16, 16),
    'dis_hidden': (),
    'conv_width': 4,
    'conv_depth': 1,
    'conv_extra': 1,
    'dis_beside': (4,),
    'gen_activation': 'relu',
    'dis_activation': 'tanh',
    'leaky_slope': 0.1,
    'gen_output': 'tanh',
    'dis_head': 'softmax',
    'gen_batchnorm': False,
    'clusters': 3,
    'gen_modulated': True,
    'dis_batchnorm': True,
    'batchnorm_momentum': 0.9,
    'gen_dropout': 0.1,
    'dis_dropout': 0.1,
    'dis_spectral': True,
    'dis_kernels': 3,
    'dis_stddev': True,
    'pack': 2,
    'init': 'he',
    'noise': 'uniform',
    'loss': 'minimax',
    'dis_steps': 2,
    'gen_steps': 2,
    'penalty': 'r1',
    'penalty_weight': 1.0,
    'penalty_every': 4,
    'class_weight': 0.1,
    'real_target': 0.9,
    'fake_target': 0.1,
    'instance_noise': 0.1,
    'noise_until': 100,
    'augment': ('color',),
    'augment_probability': 0.5,
    'augment_target': 0.6,
    'augment_span': 1000,
    'ema': 0.9,
    'shared_noise': False,
    'clip': 0.01,
    'optimizer': 'sgd',
    'lr': 0.001,
    'gen_lr': 0.001,
    'dis_lr': 0.001,
    'beta1': 0.0,
    'beta2': 0.99,
    'decay': 0.8,
    'momentum': 0.5,
    'schedule': 'linear',
    'schedule_iterations': 20_000,
    'precision': 'bfloat16',
    'batch': 16,
    'seed': 1,
    'samples': 9,
}
COMPANIONS = {'dis_projection': {'conditional': True}}  # what a setting needs beside it
FREE_VALUES = {'iterations': 9, 'log_every': 7, 'keep': 5, 'patience': 3, 'device': 'auto'}
FIXED = sorted(name for name, knob in knobs().items() if not knob.free)


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    """Drawing takes a second, and is tested in test_figures."""
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])


@pytest.fixture(scope='module')
def stopped(tmp_path_factory):
    """The folder of a run that was stopped after iteration 3. Not to be changed."""
    return tiny.begun(tmp_path_factory.mktemp('stopped'), until=3).folder


@pytest.fixture
def folder(stopped, tmp_path):
    """A copy of that folder."""
    return shutil.copytree(stopped, tmp_path / stopped.name)


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()}


# From Python


@pytest.mark.parametrize('name', FIXED)
def test_a_setting_that_must_stay_is_refused_from_python_and_no_file_changes(stopped, name):
    saved = read_config(stopped)
    companions = COMPANIONS.get(name, {})
    config = saved.with_settings({name: OTHER_VALUES.get(name, True), **companions})
    before = contents(stopped)
    with pytest.raises(ConfigError, match=f'`{name}` is ') as caught:
        launch.resume(stopped, config)
    assert caught.value.setting == 'resume'
    assert contents(stopped) == before


def test_every_changed_setting_is_named_with_both_values(stopped):
    config = read_config(stopped).with_settings({'lr': 0.5, 'clip': 0.1, 'iterations': 99})
    with pytest.raises(ConfigError) as caught:
        launch.resume(stopped, config)
    message = str(caught.value)
    assert '`lr` is 0.0002, not 0.5' in message
    assert '`clip` is none, not 0.1' in message
    assert 'iterations' not in message


@pytest.mark.parametrize('name', FREE_VALUES)
def test_a_free_setting_may_change_and_is_saved(folder, name):
    config = read_config(folder).with_settings({name: FREE_VALUES[name]})
    trainer = launch.resume(folder, config)
    assert trainer.updater.iteration == 3
    assert read_config(folder) == config


@pytest.mark.parametrize('name', sorted(set(knobs()) - set(FIXED)))
def test_every_free_setting_passes_the_check(stopped, name):
    saved = read_config(stopped)
    changes = {
        **{'data_dir': '/x', 'judge': 'x.judge', 'best': 'lenet_fd2k_test', 'judge_every': 50},
        **{'sample_every': 9, 'eval_every': 9, 'snapshot_every': 9, 'judge_samples': 100},
        **FREE_VALUES,
    }
    config = saved.with_settings({name: changes[name], 'judge_every': 50})
    assert name in saved.differences(config)
    check_resumable(stopped, saved, config)


def test_without_a_config_a_run_continues_with_its_own(folder):
    before = (folder / 'config.json').read_bytes()
    trainer = launch.resume(folder)
    trainer.run()
    assert trainer.updater.iteration == read_config(folder).iterations == 20
    assert (folder / 'config.json').read_bytes() == before


def test_fewer_iterations_than_a_run_has_are_refused_and_no_file_changes(stopped):
    before = contents(stopped)
    with pytest.raises(ConfigError, match='is already at iteration 3; must be at least that'):
        launch.resume(stopped, read_config(stopped).with_settings({'iterations': 2}))
    assert contents(stopped) == before


# From the command line


@pytest.mark.parametrize(
    'arguments, flag, before, after',
    [
        (['--lr', '0.5'], '--lr', '0.0002', '0.5'),
        (['--batch', '16'], '--batch', '32', '16'),
        (['--gen-hidden', '16,16'], '--gen-hidden', '16', '16,16'),
        (['--no-gen-batchnorm'], '--gen-batchnorm', 'true', 'false'),
        (['--recipe', 'wgan'], '--loss', 'nonsaturating', 'wasserstein'),
        (['--seed', '3'], '--seed', '0', '3'),
        (['--clip', '0.1'], '--clip', 'none', '0.1'),
    ],
)
def test_a_changed_setting_is_refused_with_both_values(stopped, arguments, flag, before, after):
    files = contents(stopped)
    message = tiny.refused('train', '--resume', stopped, *arguments)
    assert f'{flag} is {before}, not {after}' in message
    assert contents(stopped) == files


def test_settings_that_change_no_number_may_change(folder):
    flags = ['--iterations', 9, '--snapshot-every', 4, '--keep', 5, '--lr', 2e-4]
    result = tiny.gluongan('train', '--resume', folder, *flags)
    assert result.exit_code == 0, result.stderr
    iterations = [iteration for iteration, _ in snapshots.list_snapshots(folder)]
    assert iterations == [3, 4, 8, 9]


@pytest.mark.parametrize(
    'make, fault',
    [
        (lambda path: None, 'does not exist; must be a run folder'),
        (lambda path: path.mkdir(), 'is not a run folder (it has no config.json)'),
        (lambda path: path.write_text(''), 'is not a folder; must be a run folder'),
    ],
    ids=['missing', 'empty folder', 'file'],
)
def test_a_folder_that_is_not_a_run_cannot_be_resumed(tmp_path, make, fault):
    make(tmp_path / 'x')
    assert f'{tmp_path / "x"}: {fault}' in tiny.refused('train', '--resume', tmp_path / 'x')


def test_resuming_a_finished_run_says_so_and_announces_no_iterations(folder):
    for _ in range(2):
        result = tiny.gluongan('train', '--resume', folder)
        assert result.exit_code == 0, result.stderr
    assert 'is already at iteration 20; raise --iterations' in result.stderr
    assert 'iterations 20 to 20' not in result.stderr
