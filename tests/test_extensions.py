"""What happens beside training, checked against the files that it leaves: logs, samples, measurements, snapshots, progress."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import pytest
import tiny
from scipy.stats import wasserstein_distance

from gluongan import build, figures, loading
from gluongan.evaluation.metrics import sliced_wasserstein
from gluongan.extensions import LogReport, Progress, QuickMetrics, SampleGrid, Snapshot
from gluongan.gan.sampling import generate, pixels
from gluongan.runs import snapshots
from gluongan.runtime import mx
from gluongan.trainer import Trainer

LOSSES = ('dis/loss', 'gen/loss', 'dis/real', 'dis/fake')


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    """Drawing takes a second and is tested in test_figures and test_cli."""
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])


@pytest.fixture
def make(tmp_path):
    """Returns a function: a Trainer of the tiny run with these extensions and nothing else."""

    def trainer(*extensions, iterations=20, triggers=(), **changes):
        config = tiny.tiny(iterations=iterations, **changes)
        run = Trainer(
            build.make_updater(config, build.load_data(config)),
            stop=(iterations, 'iteration'),
            folder=tmp_path,
        )
        for extension, trigger in zip(extensions, [*triggers, *[None] * len(extensions)]):
            run.extend(extension, trigger=trigger)
        return run

    return trainer


@pytest.fixture
def run_of_50(tmp_path):
    """A whole run of 50 iterations with everything on."""
    return tiny.begun(
        tmp_path, iterations=50, log_every=10, sample_every=20, eval_every=25, snapshot_every=20
    )


# Logs


def test_every_iteration_has_its_row_of_losses_also_the_last_ones(make, tmp_path):
    make(LogReport(), iterations=53).run()
    rows = tiny.rows(tmp_path / 'batches.csv')
    assert [row['iteration'] for row in rows] == list(range(1, 54))
    assert all(np.isfinite(list(row.values())).all() and 0 < row['dis/real'] < 1 for row in rows)
    assert len({row['dis/loss'] for row in rows}) > 40


def test_rows_survive_an_interrupt_and_an_error(make, tmp_path):
    run = make(LogReport())
    run.run(lambda: run.updater.iteration == 7)
    assert [row['iteration'] for row in tiny.rows(tmp_path / 'batches.csv')] == list(range(1, 8))


@pytest.mark.parametrize('every', [1, 10, 25])
def test_log_is_the_mean_of_the_mini_batches_since_the_last_row(make, tmp_path, every):
    make(LogReport(), iterations=100, triggers=[(every, 'iteration')]).run()
    batches = tiny.rows(tmp_path / 'batches.csv')
    log = tiny.rows(tmp_path / 'log.csv')
    assert [row['iteration'] for row in log] == list(range(every, 101, every))
    for row in log:
        of_row = [
            b for b in batches if row['iteration'] - every < b['iteration'] <= row['iteration']
        ]
        for key in LOSSES:
            assert row[key] == pytest.approx(np.mean([b[key] for b in of_row]), rel=2e-5), row[
                'iteration'
            ]


def test_both_log_files_and_the_report_say_the_same(make, tmp_path):
    run = make(LogReport(), iterations=60, triggers=[(20, 'iteration')])
    run.run()
    log = tiny.rows(tmp_path / 'log.csv')
    assert tiny.rows(tmp_path / 'log.jsonl') == log and log
    assert all(log[-1][key] == pytest.approx(run.report[key], rel=1e-5) for key in log[-1])
    assert [row['epoch'] for row in log] == [row['iteration'] / 16 for row in log]
    assert all(
        later['elapsed'] > row['elapsed'] > 0 < row['iterations_per_second']
        for row, later in zip(log, log[1:])
    )


@pytest.mark.parametrize('at', [40, 50, 53])
def test_log_across_a_resume_is_that_of_a_straight_run(tmp_path, at):
    settings = {'iterations': 80, 'log_every': 25, 'eval_every': 100, 'snapshot_every': 20}
    straight = tiny.begun(tmp_path / 'a', **settings).folder
    folder = tiny.begun(tmp_path / 'b', until=at, **settings).folder
    tiny.resumed(folder)
    one, two = (tiny.rows(run / 'log.csv') for run in (straight, folder))
    assert [row['iteration'] for row in one] == [row['iteration'] for row in two] == [25, 50, 75]
    for row, other in zip(one, two):
        assert [row[key] for key in LOSSES] == pytest.approx(
            [other[key] for key in LOSSES], rel=2e-5
        ), row['iteration']
    assert (straight / 'batches.csv').read_text() == (folder / 'batches.csv').read_text()


def test_resume_cuts_what_was_written_beyond_the_snapshot(tmp_path):
    folder = tiny.begun(
        tmp_path, iterations=60, until=40, log_every=10, eval_every=10, snapshot_every=20
    ).folder
    wanted = {
        name: (folder / name).read_text()
        for name in ('batches.csv', 'log.csv', 'log.jsonl', 'metrics.jsonl')
    }
    for name, text in wanted.items():  # as a kill at iteration 59 leaves it
        own = '{"iteration": %d}\n' if name.endswith('l') else '%d,9,9,9,9\n'
        (folder / name).write_text(
            text + ''.join(own % i for i in range(41, 60)) + own[:6].replace('%d', '60')
        )
    tiny.resumed(folder, until=45)
    for name, text in wanted.items():
        now = (folder / name).read_text()
        numbers = [row['iteration'] for row in tiny.rows(folder / name)]
        assert now.startswith(text) and numbers == sorted(set(numbers)) and numbers[-1] <= 45, (
            name,
            numbers,
        )


# Pictures


def test_samples_are_written_at_zero_at_each_trigger_at_epoch_ends_and_last(run_of_50):
    found = sorted(int(path.stem) for path in (run_of_50.folder / 'samples').iterdir())
    assert found == [0, 16, 20, 32, 40, 48, 50]


def test_samples_are_those_of_one_fixed_noise(run_of_50, tmp_path):
    z = run_of_50.updater.noise.fixed(4)
    for name in ('000040', '000050'):
        _, gen = loading.load_run(run_of_50.folder, which=str(int(name)))
        tiles = figures.tiles(run_of_50.folder / 'samples' / f'{name}.png', (1, 8, 8))
        assert np.array_equal(tiles, pixels(generate(gen, z)))
    assert not np.array_equal(z, run_of_50.updater.noise.fixed(4, seed=1))


def test_reals_are_of_the_data(run_of_50):
    tiles = figures.tiles(run_of_50.folder / 'reals.png', (1, 8, 8))
    data = {x.tobytes() for x in run_of_50.updater.real.dataset.samples}
    assert len(tiles) == 4 == len({x.tobytes() for x in tiles}) and all(
        x.tobytes() in data for x in tiles
    )


@pytest.mark.parametrize(
    'extension, count', [(SampleGrid(rows=2, cols=3), 6), (SampleGrid(count=5, cols=2), 5)]
)
def test_grid_has_as_many_samples_as_asked_for(make, tmp_path, extension, count):
    make(extension, iterations=1).run()
    assert len(figures.tiles(tmp_path / 'samples' / '000001.png', (1, 8, 8))) == count


# Measurements


def test_evaluation_is_what_anyone_would_compute_from_the_snapshot(run_of_50):
    rows = {row['iteration']: row for row in tiny.rows(run_of_50.folder / 'metrics.jsonl')}
    assert sorted(rows) == [0, 25, 50]
    data = run_of_50.updater.real.dataset
    x = generate(
        loading.load_run(run_of_50.folder)[1], run_of_50.updater.noise.fixed(len(data), seed=1)
    )
    assert len(x) == 512 and rows[50]['epoch'] == 50 / 16
    assert rows[50]['pixels/mean'] == pytest.approx(x.mean(), rel=1e-5)
    assert rows[50]['pixels/std'] == pytest.approx(x.std(), rel=1e-5)
    assert rows[50]['samples/swd'] == pytest.approx(
        sliced_wasserstein(x, data.floats(slice(None))), rel=1e-5
    )
    assert rows[50]['samples/swd'] != rows[0]['samples/swd'] and 0 <= rows[50]['dis/accuracy'] <= 1


def test_accuracy_covers_the_data_in_batches_of_200(run_of_50):
    rows = tiny.rows(run_of_50.folder / 'accuracy.csv')
    updater = run_of_50.updater
    assert [row['batch'] for row in rows] == [0, 1]  # 512 samples
    for row, start in zip(rows, (0, 200)):
        y = updater.dis(
            mx.nd.array(updater.real.dataset.floats(slice(start, start + 200)))
        ).asnumpy()
        assert row['real'] == pytest.approx((y > 0).mean())
        assert row['accuracy'] == pytest.approx((row['real'] + row['fake']) / 2)


def test_critic_without_probabilities_has_no_accuracy(make, tmp_path):
    make(QuickMetrics(), loss='wasserstein').run()
    assert not (tmp_path / 'accuracy.csv').exists()
    assert all(
        'dis/accuracy' not in row and 'samples/swd' in row
        for row in tiny.rows(tmp_path / 'metrics.jsonl')
    )


# The distance


def test_distance_on_the_line_is_scipys():
    draw = np.random.RandomState(0)
    a, b = draw.randn(300, 1), draw.gamma(2, size=(300, 1))
    expected = wasserstein_distance(a[:, 0], b[:, 0])
    assert sliced_wasserstein(a, b) == pytest.approx(expected, rel=1e-5) and expected > 0.5


def test_distance_along_one_direction_is_scipys():
    draw = np.random.RandomState(0)
    a, b = (
        draw.rand(200, 1, 4, 4).astype(np.float32),
        draw.rand(200, 1, 4, 4).astype(np.float32) ** 2,
    )
    u = np.random.default_rng(3).standard_normal((16, 1), dtype=np.float32)
    u /= np.linalg.norm(u)
    expected = wasserstein_distance((a.reshape(200, 16) @ u)[:, 0], (b.reshape(200, 16) @ u)[:, 0])
    assert sliced_wasserstein(a, b, projections=1, seed=3) == pytest.approx(expected, rel=1e-4)


def test_distance_is_zero_for_the_same_set_and_large_for_one_good_image_repeated():
    a = np.random.RandomState(0).rand(400, 1, 4, 4)
    other, collapsed = np.random.RandomState(1).rand(400, 1, 4, 4), np.repeat(a[:1], 400, axis=0)
    assert sliced_wasserstein(a, a[::-1]) == pytest.approx(0, abs=1e-7)
    assert 0 < 5 * sliced_wasserstein(a, other) < sliced_wasserstein(a, collapsed)
    assert sliced_wasserstein(a, a + 0.1) == pytest.approx(
        0.08, abs=0.02
    )  # what its docstring says


@pytest.mark.parametrize('shape', [(9, 4), (10, 5), (10, 2, 2)])
def test_distance_of_sets_that_differ_in_shape_is_refused(shape):
    with pytest.raises(ValueError, match=re.escape(str(shape))):
        sliced_wasserstein(np.zeros((10, 4)), np.zeros(shape))


# Snapshots


def test_newest_and_best_snapshots_are_kept_with_their_scores(make, tmp_path):
    run, scores = (
        make(Snapshot(keep=2), iterations=6, triggers=[(1, 'iteration')]),
        [5, 1, 2, 4, 3, 6],
    )
    update = run.updater.update
    run.updater.update = lambda: (
        update(),
        run.report.update({'samples/swd': scores[run.updater.iteration - 1]}),
    )
    run.run()
    assert [iteration for iteration, _ in snapshots.list_snapshots(tmp_path)] == [2, 5, 6]
    noted = json.loads((tmp_path / 'snapshots' / 'scores.json').read_text())
    assert noted.pop('metric') == 'samples/swd'
    assert {int(key): value for key, value in noted.items()}.items() >= {2: 1, 5: 3, 6: 6}.items()
    assert snapshots.find_snapshot(tmp_path, 'best').name == '000002.snapshot'


def test_snapshot_just_written_is_never_the_one_that_is_deleted(make, tmp_path):
    """A damaged file of a higher number, left by the run before a resume, must not count as the newest."""
    (tmp_path / 'snapshots').mkdir()
    (tmp_path / 'snapshots' / '000040.snapshot').write_bytes(b'damaged')
    make(Snapshot(keep=1, best='nothing'), iterations=30, triggers=[(10, 'iteration')]).run()
    assert snapshots.read_newest(tmp_path, lambda text: None)[1][1]['iteration'] == 30


# Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize('every', [5, 10, 25])
def test_plain_lines_come_at_each_report_where_there_is_no_terminal(make, every):
    stream = io.StringIO()
    make(
        LogReport(),
        Progress(lines_every=every, stream=stream),
        iterations=50,
        triggers=[(every, 'iteration')],
    ).run()
    lines = stream.getvalue().splitlines()
    assert [int(line.split('/')[0]) for line in lines] == list(
        range(every, 51, every)
    ) and '\r' not in stream.getvalue()
    for line in lines:
        assert re.search(r'/50 .* \d+\.\d it/s  0:00:\d\d left  D loss \d.*G loss \d', line), line
        assert re.search(r'D\(x\) 0\.\d+  D\(G\(z\)\) 0\.\d', line), line


def test_bar_fills_up_on_a_terminal(make):
    stream = Terminal()
    make(LogReport(), Progress(stream=stream), iterations=100, triggers=[(10, 'iteration')]).run()
    text = stream.getvalue()
    assert (
        text.count('\r') >= 3
        and '100%' in text
        and 'it/s' in text
        and 'D loss' in text
        and text.endswith('\n')
    )
    assert (
        text.count('\n') == 1 and '[?25h' in text[-40:]
    ) or '\x1b[?25l' not in text  # the cursor is back
