"""`--tensorboard`: read back by TensorBoard itself, whatever happened in between."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

import pytest
import tiny
from PIL import Image

from gluongan import figures, launch
from gluongan.errors import InputError
from gluongan.extensions import QuickMetrics
from gluongan.runs import snapshots
from gluongan.runs.folder import read_config

pytest.importorskip('tensorboardX', reason="needs pip install 'gluongan[tensorboard]'")
accumulator = pytest.importorskip(
    'tensorboard.backend.event_processing.event_accumulator', reason='needs pip install tensorboard'
)

SETTINGS = {'iterations': 24, 'log_every': 5, 'sample_every': 8, 'eval_every': 6}
SETTINGS |= {'snapshot_every': 4, 'keep': 9}


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    """Drawing takes a second, and is tested in test_figures."""
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])


def begun(out, until=None, **changes):
    config = tiny.tiny(**{**SETTINGS, **changes})
    run = launch.begin(config, Path(out), ['gluongan'], tensorboard=True)
    run.run(lambda: run.updater.iteration == until)
    return run.folder


@pytest.fixture(scope='module')
def straight(tmp_path_factory):
    """The folder of a run without a break. Not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, 'draw_all', lambda run: [])
        return begun(tmp_path_factory.mktemp('straight'))


def read(run):
    """What TensorBoard finds in a run; it must have one event file."""
    assert len(list((run / 'tensorboard').iterdir())) == 1
    found = accumulator.EventAccumulator(
        str(run / 'tensorboard'),
        size_guidance={'scalars': 0, 'images': 0},
        purge_orphaned_data=False,
    )
    return found.Reload()


def scalars(run):
    """{name: [(iteration, value)]} of what is no time."""
    found = read(run)
    names = set(found.Tags()['scalars']) - {'elapsed', 'iterations_per_second'}
    return {name: [(each.step, each.value) for each in found.Scalars(name)] for name in names}


def in_records(run):
    """The same from the records of the run."""
    found = {}
    for file in ('log.jsonl', 'metrics.jsonl', 'judge.jsonl'):
        for row in tiny.rows(run / file) if (run / file).is_file() else []:
            for name in set(row) - {'iteration', 'epoch', 'elapsed', 'iterations_per_second'}:
                found.setdefault(name, []).append((row['iteration'], pytest.approx(row[name])))
    return found


def pictures(run):
    images = read(run).Images('samples')
    found = {each.step: each.encoded_image_string for each in images}
    assert len(found) == len(images), 'a picture is doubled'
    return found


def on_disk(run):
    return {int(path.stem): path.read_bytes() for path in (run / 'samples').glob('*.png')}


def test_every_number_and_picture_of_the_records_is_there_once(straight):
    assert scalars(straight) == in_records(straight)
    assert [step for step, _ in scalars(straight)['dis/fake']] == [5, 10, 15, 20, 24]
    assert pictures(straight) == on_disk(straight) and 24 in on_disk(straight)
    assert len(read(straight).Images('samples')) == len(on_disk(straight))
    (reals,) = read(straight).Images('reals')
    assert reals.encoded_image_string == (straight / 'reals.png').read_bytes()
    with Image.open(io.BytesIO(reals.encoded_image_string)) as image:
        assert (reals.width, reals.height) == image.size


def test_times_grow_with_the_iterations(straight):
    times = [each.wall_time for each in read(straight).Scalars('gen/loss')]
    assert times == sorted(times)


def test_hyper_parameters_stand_beside_the_metrics(straight):
    from tensorboard.plugins.hparams import metadata, plugin_data_pb2

    content = read(straight).summary_metadata
    parts = {}
    for tag, each in content.items():
        if each.plugin_data.plugin_name == metadata.PLUGIN_NAME:
            parts[tag] = plugin_data_pb2.HParamsPluginData.FromString(each.plugin_data.content)
    session = parts['_hparams_/session_start_info'].session_start_info
    assert session.hparams['batch'].number_value == 32
    assert session.hparams['loss'].string_value == read_config(straight).loss
    assert session.hparams['gen_hidden'].string_value == '16'
    assert session.hparams['penalty'].string_value == 'none'
    experiment = parts['_hparams_/experiment'].experiment
    metrics = {each.name.tag for each in experiment.metric_infos}
    assert {'samples/swd', 'gen/loss'} <= metrics <= set(read(straight).Tags()['scalars'])
    assert set(read_config(straight).to_dict()) == {each.name for each in experiment.hparam_infos}
    assert '_hparams_/session_end_info' in parts


@pytest.mark.parametrize('snapshot', [4, 12, 20])
def test_a_run_that_was_killed_after_a_snapshot_goes_on_to_the_same_events(
    straight, tmp_path, snapshot
):
    """Records, samples and events reach beyond the snapshot, as a kill leaves them."""
    run = shutil.copytree(straight, tmp_path / 'run')
    for iteration, path in snapshots.list_snapshots(run):
        if iteration > snapshot:
            path.unlink()
    (file,) = (run / 'tensorboard').iterdir()
    file.write_bytes(file.read_bytes()[:-7])  # half an event
    resumed = tiny.resumed(run)
    assert resumed.updater.iteration == 24
    assert scalars(run) == scalars(straight) and pictures(run) == pictures(straight)
    assert list((run / 'tensorboard').iterdir()) != [file]


def test_a_run_that_was_interrupted_or_is_raised_goes_on_to_the_same_events(straight, tmp_path):
    run = begun(tmp_path, until=7)
    assert scalars(run) == in_records(run) and 7 in pictures(run)
    assert '_hparams_/session_end_info' not in read(run).summary_metadata
    tiny.resumed(run)
    raised = begun(tmp_path, iterations=13)
    tiny.resumed(raised, iterations=24)
    for each in (run, raised):
        assert scalars(each) == in_records(each) and pictures(each) == on_disk(each)
        assert scalars(each)['gen/loss'] == scalars(straight)['gen/loss']


def test_a_resumed_run_without_it_begins_with_its_whole_history(straight, tmp_path):
    run = tiny.begun(tmp_path, until=13, **SETTINGS).folder
    assert not (run / 'tensorboard').exists()
    resumed = launch.resume(run, tensorboard=True)
    resumed.run()
    assert scalars(run) == in_records(run) and pictures(run) == on_disk(run)
    assert scalars(run)['gen/loss'] == scalars(straight)['gen/loss']


def test_the_training_has_the_same_bits(straight, tmp_path):
    without = tiny.begun(tmp_path, **SETTINGS).folder
    assert not (without / 'tensorboard').exists()
    for (iteration, one), (_, other) in zip(
        snapshots.list_snapshots(straight), snapshots.list_snapshots(without)
    ):
        assert one.read_bytes() == other.read_bytes(), iteration
    assert on_disk(straight) == on_disk(without)
    assert (straight / 'config.json').read_bytes() == (without / 'config.json').read_bytes()


def test_points_have_no_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(QuickMetrics, '_over_the_data', lambda *_: None)
    run = begun(tmp_path, iterations=2, data='ring8', image_size=None)
    assert 'modes/caught' in scalars(run) and read(run).Tags()['images'] == []


def test_without_the_package_the_run_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, 'tensorboardX.record_writer', None)
    words = ['train', *tiny.flags(), '--tensorboard']
    message = tiny.refused(*words)
    assert message.startswith('--tensorboard: needs the package tensorboardX')
    assert message.endswith("pip install 'gluongan[tensorboard]'")
    assert tiny.refused(*words, '--dry-run') == message
    with pytest.raises(InputError, match=r'^tensorboard: needs the package'):
        begun(tmp_path / 'runs')
    assert not (tmp_path / 'runs').exists()


def test_without_the_package_a_run_that_has_events_goes_on_with_a_warning(
    straight, tmp_path, monkeypatch
):
    run = shutil.copytree(straight, tmp_path / 'run')
    before = next((run / 'tensorboard').iterdir()).read_bytes()
    monkeypatch.setitem(sys.modules, 'tensorboardX.record_writer', None)
    said = []
    tiny.resumed(run, iterations=25, warn=said.append)
    assert len(said) == 1 and 'is not continued' in said[0] and 'pip install' in said[0]
    assert next((run / 'tensorboard').iterdir()).read_bytes() == before


def test_the_flag_reaches_new_and_resumed_runs(tmp_path):
    result = tiny.gluongan(
        'train', *tiny.flags(iterations=3), '--tensorboard', '--out', tmp_path / 'a'
    )
    (run,) = (tmp_path / 'a').iterdir()
    assert result.exit_code == 0 and [step for step, _ in scalars(run)['dis/loss']] == [3]
    other = tiny.begun(tmp_path / 'b', iterations=3).folder
    words = ['train', '--resume', other, '--iterations', 5, '--tensorboard']
    assert tiny.gluongan(*words).exit_code == 0
    assert [step for step, _ in scalars(other)['dis/loss']] == [5]
