"""Logs, samples, measurements, snapshots and progress, by the files that they leave."""

from __future__ import annotations

import io
import re
from functools import partial

import numpy as np
import pytest
import tiny
from scipy.stats import wasserstein_distance

from gluongan import figures, loading
from gluongan.errors import InputError
from gluongan.evaluation.metrics import sliced_wasserstein
from gluongan.extensions import (
    LogReport,
    Progress,
    QuickMetrics,
    SampleGrid,
    Snapshot,
    quick_metrics,
)
from gluongan.gan.sampling import generate, pixels
from gluongan.runs import snapshots
from gluongan.runtime import mx
from gluongan.trainer import Extension

LOSSES = ('dis/loss', 'gen/loss', 'dis/real', 'dis/fake')


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    """Drawing takes a second, and is tested in test_figures and test_cli."""
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])


@pytest.fixture
def make(tmp_path):
    """A function that returns a Trainer of the tiny run with these extensions and no others.

    every: the period of the first extension, by default its own.
    """

    return partial(tiny.trainer, tmp_path)


def iterations_in(path):
    return [row['iteration'] for row in tiny.rows(path)]


@pytest.fixture
def run_of_50(tmp_path):
    """A run of 50 iterations with all its extensions."""
    every = {'log_every': 10, 'sample_every': 20, 'eval_every': 25, 'snapshot_every': 20}
    return tiny.begun(tmp_path, iterations=50, **every)


# Logs


def test_every_iteration_has_its_row_of_losses_also_the_last_ones(make, tmp_path):
    make(LogReport(), iterations=53).run()
    rows = tiny.rows(tmp_path / 'batches.csv')
    assert [row['iteration'] for row in rows] == list(range(1, 54))
    for row in rows:
        assert np.isfinite(list(row.values())).all()
        assert 0 < row['dis/real'] < 1
    assert len({row['dis/loss'] for row in rows}) > 40


def test_rows_survive_an_interrupt(make, tmp_path):
    run = make(LogReport())
    run.run(lambda: run.updater.iteration == 7)
    assert iterations_in(tmp_path / 'batches.csv') == list(range(1, 8))


@pytest.mark.parametrize('every', [1, 10, 25])
def test_log_is_the_mean_of_the_mini_batches_since_the_last_row(make, tmp_path, every):
    make(LogReport(), iterations=100, every=every).run()
    batches = tiny.rows(tmp_path / 'batches.csv')
    log = tiny.rows(tmp_path / 'log.csv')
    assert [row['iteration'] for row in log] == list(range(every, 101, every))
    for row in log:
        last = int(row['iteration'])
        window = batches[last - every : last]
        assert window[-1]['iteration'] == last
        for key in LOSSES:
            mean = np.mean([batch[key] for batch in window])
            assert row[key] == pytest.approx(mean, rel=2e-5), last


def test_both_log_files_and_the_report_say_the_same(make, tmp_path):
    run = make(LogReport(), iterations=60, every=20)
    run.run()
    log = tiny.rows(tmp_path / 'log.csv')
    assert tiny.rows(tmp_path / 'log.jsonl') == log
    assert len(log) == 3
    for key, value in log[-1].items():
        assert value == pytest.approx(run.report[key], rel=1e-5), key
    for row in log:
        assert row['epoch'] == row['iteration'] / 16
        assert row['iterations_per_second'] > 0
    elapsed = [row['elapsed'] for row in log]
    assert 0 < elapsed[0] < elapsed[1] < elapsed[2]


@pytest.mark.parametrize('stop', [40, 50, 53])
def test_log_across_a_resume_is_that_of_a_straight_run(tmp_path, stop):
    settings = {'iterations': 80, 'log_every': 25, 'eval_every': 100, 'snapshot_every': 20}
    straight = tiny.begun(tmp_path / 'a', **settings).folder
    folder = tiny.begun(tmp_path / 'b', until=stop, **settings).folder
    tiny.resumed(folder)
    assert iterations_in(straight / 'log.csv') == [25, 50, 75, 80]
    assert iterations_in(folder / 'log.csv') == [25, 50, 75, 80]
    for row, other in zip(tiny.rows(straight / 'log.csv'), tiny.rows(folder / 'log.csv')):
        for key in LOSSES:
            assert row[key] == pytest.approx(other[key], rel=2e-5), row['iteration']
    assert (straight / 'batches.csv').read_text() == (folder / 'batches.csv').read_text()


def test_resume_cuts_what_was_written_beyond_the_snapshot(tmp_path):
    settings = {'log_every': 10, 'eval_every': 10, 'snapshot_every': 20}
    folder = tiny.begun(tmp_path, iterations=60, until=40, **settings).folder
    names = ('batches.csv', 'log.csv', 'log.jsonl', 'metrics.jsonl')
    kept = {name: (folder / name).read_text() for name in names}
    for name in names:  # as a kill at iteration 60 leaves them
        columns = kept[name].partition('\n')[0].count(',')
        form, half_line = '%d' + ',9' * columns + '\n', '60,9,9'
        if name.endswith('.jsonl'):
            form, half_line = '{"iteration": %d}\n', '{"iter'
        beyond = [form % iteration for iteration in range(41, 60)]
        (folder / name).write_text(kept[name] + ''.join(beyond) + half_line)
    tiny.resumed(folder, until=45)
    for name in names:
        assert (folder / name).read_text().startswith(kept[name])
        iterations = iterations_in(folder / name)
        assert iterations == sorted(set(iterations)), name
        assert iterations[-1] <= 45, name


# Pictures


def test_samples_are_written_at_zero_at_each_trigger_at_epoch_ends_and_last(run_of_50):
    iterations = [int(path.stem) for path in (run_of_50.folder / 'samples').iterdir()]
    assert sorted(iterations) == [0, 16, 20, 32, 40, 48, 50]


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
    assert len(tiles) == 4
    shown = {x.tobytes() for x in tiles}
    assert len(shown) == 4
    assert shown <= data


@pytest.mark.parametrize(
    'extension, count', [(SampleGrid(rows=2, cols=3), 6), (SampleGrid(count=5, cols=2), 5)]
)
def test_grid_has_this_many_samples(make, tmp_path, extension, count):
    make(extension, iterations=1).run()
    assert len(figures.tiles(tmp_path / 'samples' / '000001.png', (1, 8, 8))) == count


# Measurements


def test_quick_metrics_are_what_anyone_would_compute_from_the_snapshot(run_of_50):
    rows = tiny.rows(run_of_50.folder / 'metrics.jsonl')
    assert [row['iteration'] for row in rows] == [0, 25, 50]
    first, _, last = rows
    data = run_of_50.updater.real.dataset
    _, gen = loading.load_run(run_of_50.folder)
    x = generate(gen, run_of_50.updater.noise.fixed(len(data), seed=1))
    assert len(x) == 512
    distance = sliced_wasserstein(x, data.floats(slice(None)))
    assert last['epoch'] == 50 / 16
    assert last['pixels/mean'] == pytest.approx(x.mean(), rel=1e-5)
    assert last['pixels/std'] == pytest.approx(x.std(), rel=1e-5)
    assert last['samples/swd'] == pytest.approx(distance, rel=1e-5)
    assert last['samples/swd'] != first['samples/swd']
    assert 0 <= last['dis/accuracy'] <= 1


def test_accuracy_covers_the_data_in_batches_of_200(run_of_50):
    rows = tiny.rows(run_of_50.folder / 'accuracy.csv')
    updater = run_of_50.updater
    assert [row['batch'] for row in rows] == [0, 1]  # 512 samples
    assert [row['iteration'] for row in rows] == [50, 50]
    for row, start in zip(rows, (0, 200)):
        x_real = updater.real.dataset.floats(slice(start, start + 200))
        y_real = updater.dis(mx.nd.array(x_real)).asnumpy()
        assert row['real'] == pytest.approx((y_real > 0).mean())
        assert row['accuracy'] == pytest.approx((row['real'] + row['fake']) / 2)


@pytest.mark.parametrize('binarize', [False, True])
def test_accuracy_counts_fakes_that_are_recognised_binarized_where_the_data_is(
    make, tmp_path, monkeypatch, binarize
):
    """The discriminator is a threshold of the mean: darker than 0.4 counts as real."""
    run = make(QuickMetrics(), iterations=1, binarize=binarize)
    updater = run.updater
    judged = []

    def judge(updater, x, labels):
        judged.append(x)
        return 0.4 - x.reshape(len(x), -1).mean(axis=1)

    def samples(z):
        greys = np.resize(np.linspace(0, 1, 200, dtype=np.float32), len(z))
        return np.tile(greys[:, None, None, None], (1, 1, 8, 8))

    monkeypatch.setattr(updater, 'samples', samples)
    monkeypatch.setattr(quick_metrics, 'discriminator_logits', judge)
    run.run()
    x_fake = judged[-1]
    assert np.isin(x_fake, (0, 1)).all() == binarize
    for row, real in zip(tiny.rows(tmp_path / 'accuracy.csv'), judged[-4::2]):
        assert row['fake'] == pytest.approx(0.5 if binarize else 0.6)
        assert row['real'] == pytest.approx((real.mean(axis=(1, 2, 3)) < 0.4).mean(), abs=1e-4)
    last = tiny.rows(tmp_path / 'metrics.jsonl')[-1]
    reals, fakes = judged[-6:-4]
    share = (reals.mean(axis=(1, 2, 3)) < 0.4).mean(), (fakes.mean(axis=(1, 2, 3)) > 0.4).mean()
    assert last['dis/accuracy'] == pytest.approx(np.mean(share), rel=1e-4)


def test_critic_without_probabilities_has_no_accuracy(make, tmp_path):
    make(QuickMetrics(), loss='wasserstein').run()
    assert not (tmp_path / 'accuracy.csv').exists()
    for row in tiny.rows(tmp_path / 'metrics.jsonl'):
        assert 'dis/accuracy' not in row
        assert 'samples/swd' in row


# The distance


def test_distance_on_the_line_is_scipys():
    draw = np.random.RandomState(0)
    a, b = draw.randn(300, 1), draw.gamma(2, size=(300, 1))
    expected = wasserstein_distance(a[:, 0], b[:, 0])
    assert expected > 0.5
    assert sliced_wasserstein(a, b) == pytest.approx(expected, rel=1e-5)


def test_distance_along_one_direction_is_scipys():
    draw = np.random.RandomState(0)
    a = draw.rand(200, 1, 4, 4).astype(np.float32)
    b = draw.rand(200, 1, 4, 4).astype(np.float32) ** 2
    u = np.random.default_rng(3).standard_normal((16, 1), dtype=np.float32)
    u /= np.linalg.norm(u)
    along_a, along_b = a.reshape(200, 16) @ u, b.reshape(200, 16) @ u
    expected = wasserstein_distance(along_a[:, 0], along_b[:, 0])
    assert sliced_wasserstein(a, b, projections=1, seed=3) == pytest.approx(expected, rel=1e-4)


def test_distance_is_zero_for_the_same_set_and_large_for_one_good_image_repeated():
    a = np.random.RandomState(0).rand(400, 1, 4, 4)
    other = np.random.RandomState(1).rand(400, 1, 4, 4)
    collapsed = np.repeat(a[:1], 400, axis=0)
    assert sliced_wasserstein(a, a[::-1]) == pytest.approx(0, abs=1e-7)
    assert 0 < 5 * sliced_wasserstein(a, other) < sliced_wasserstein(a, collapsed)
    # as its docstring says
    assert sliced_wasserstein(a, a + 0.1) == pytest.approx(0.08, abs=0.02)


@pytest.mark.parametrize('shape', [(9, 4), (10, 5), (10, 2, 2)])
def test_distance_of_sets_that_differ_in_shape_is_refused(shape):
    with pytest.raises(ValueError, match=re.escape(str(shape))):
        sliced_wasserstein(np.zeros((10, 4)), np.zeros(shape))


# Snapshots


def test_newest_and_best_snapshots_are_kept_with_their_scores(make, tmp_path):
    scores = [5, 1, 2, 4, 3, 6]

    class Scorer(Extension):
        def __call__(self, trainer):
            trainer.publish({'samples/swd': scores[trainer.updater.iteration - 1]})

    run = make(Scorer(), iterations=6)
    run.extend(Snapshot(keep=2), trigger=(1, 'iteration'))
    run.run()
    assert [iteration for iteration, _ in snapshots.list_snapshots(tmp_path)] == [2, 5, 6]
    metric, kept = snapshots.read_scores(tmp_path)
    assert metric == 'samples/swd'
    assert kept.items() >= {2: 1, 5: 3, 6: 6}.items()
    assert snapshots.find_snapshot(tmp_path, 'best').name == '000002.snapshot'


def test_snapshot_just_written_is_never_the_one_that_is_deleted(make, tmp_path):
    """A damaged file with a higher number, from before a resume, must not count as the newest."""
    (tmp_path / 'snapshots').mkdir()
    (tmp_path / 'snapshots' / '000040.snapshot').write_bytes(b'damaged')
    make(Snapshot(keep=1, best='nothing'), iterations=30, every=10).run()
    _, (_, meta) = snapshots.read_newest(tmp_path, lambda text: None)
    assert meta['iteration'] == 30


# Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize('every', [5, 10, 25])
def test_plain_lines_come_at_each_report_where_there_is_no_terminal(make, every):
    stream = io.StringIO()
    progress = Progress(lines_every=every, stream=stream)
    make(LogReport(), progress, iterations=50, every=every).run()
    assert '\r' not in stream.getvalue()
    lines = stream.getvalue().splitlines()
    assert [int(line.split('/')[0]) for line in lines] == list(range(every, 51, every))
    for line in lines:
        assert re.search(r'/50 .* \d+\.\d it/s  0:00:\d\d left  D loss \d.*G loss \d', line), line
        assert re.search(r'D\(x\) 0\.\d+  D\(G\(z\)\) 0\.\d', line), line


def test_bar_fills_up_on_a_terminal(make):
    stream = Terminal()
    make(LogReport(), Progress(stream=stream), iterations=100, every=10).run()
    text = stream.getvalue()
    assert text.count('\r') >= 3
    for part in ('100%', 'it/s', 'D loss'):
        assert part in text
    assert text.endswith('\n')
    if '\x1b[?25l' in text:  # the cursor was hidden, and is shown again
        assert text.count('\n') == 1
        assert '\x1b[?25h' in text[-40:]


@pytest.mark.parametrize('iterations', [3, 14])
def test_a_run_that_ends_between_two_lines_says_its_losses_at_the_end(make, iterations):
    stream = io.StringIO()
    extensions = LogReport(), Progress(lines_every=10, stream=stream)
    make(*extensions, iterations=iterations, every=10).run()
    lines = stream.getvalue().splitlines()
    assert [int(line.split('/')[0]) for line in lines] == [*range(10, iterations, 10), iterations]
    assert re.search(r'it/s  0:00:00 left  D loss \d.*G loss \d', lines[-1])


class Slow(Extension):
    def finish(self, trainer):
        trainer.announce('doing\x1b what takes long')


@pytest.mark.parametrize('iterations', [14, 100])
def test_a_bar_ends_with_the_losses_and_before_says_what_is_done(make, iterations, monkeypatch):
    monkeypatch.setenv('COLUMNS', '80')
    stream = Terminal()
    make(LogReport(), Progress(stream=stream), Slow(), iterations=iterations, every=100).run()
    last = re.split(r'\r|\n', stream.getvalue().rstrip())[-1]
    assert stream.getvalue().index('doing') > stream.getvalue().index('it/s')
    assert re.search(r'D loss \d.*G loss \d', last)
    assert stream.getvalue().rindex('D loss') > stream.getvalue().rindex('doing')


def test_what_is_done_after_the_last_iteration_is_said_where_there_is_no_terminal(make):
    stream = io.StringIO()
    make(LogReport(), Progress(lines_every=10, stream=stream), Slow(), iterations=10).run()
    assert stream.getvalue().splitlines()[-1] == 'doing\\x1b what takes long'


@pytest.mark.parametrize(
    'make',
    [
        lambda: Snapshot(keep=0),
        lambda: Snapshot(keep=-1),
        lambda: SampleGrid(rows=0),
        lambda: SampleGrid(cols='x'),
        lambda: SampleGrid(count=0),
    ],
)
def test_counts_below_one_are_refused(make):
    with pytest.raises(InputError, match='must be a whole number of at least 1'):
        make()
