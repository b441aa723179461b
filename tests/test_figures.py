"""Figures of a run: what can be drawn is drawn, the same each time, and broken files are named."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from gluongan.figures import FIGURES, RunError, are_current, draw_all, grid, pictures, save

FILES = [
    'figures/samples.png',
    'figures/epochs.png',
    'figures/losses.png',
    'figures/accuracy.png',
    'figures/pixels.png',
    'figures/scores.png',
    'figures/augmentation.png',
    'figures/spot_the_fake.png',
    'figures/spot_the_fake_answer.png',
    'training.gif',
]
POINT_FILES = [
    'figures/samples.png',
    'figures/losses.png',
    'figures/accuracy.png',
    'figures/modes.png',
    'figures/scores.png',
    'training.gif',
]
SAMPLED_AT = (0, 5, 10, 20, 40)
HEADER = 'iteration,dis/loss,gen/loss,dis/real,dis/fake\n'


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def draw_names(run):
    """Draw all figures of a run and return their names."""
    return [path.relative_to(run).as_posix() for path in draw_all(run)]


def read_pixels(path, mode='L'):
    with Image.open(path) as image:
        return np.asarray(image.convert(mode)).astype(int)


def make_run(run, shape=(1, 12, 10), count=64, **facts):
    """Make a run folder with all the files that figures are drawn from, and return it."""
    run.mkdir()
    facts = {
        'data': 'toy',
        'shape': shape,
        'mean': 0.13,
        'std': 0.31,
        'iterations_per_epoch': 10,
        'recipe': 'dense',
        'loss': 'minimax',
        'score': 'probability',
        'classes': ['0'],
        **facts,
    }
    (run / 'run.json').write_text(json.dumps(facts))
    rows = [f'{iteration},{1 / iteration},0.7,0.6,0.4\n' for iteration in range(1, 41)]
    (run / 'batches.csv').write_text(HEADER + ''.join(rows))
    metrics = {'dis/accuracy': 0.6, 'pixels/mean': 0.2, 'pixels/std': 0.3}
    if len(shape) == 3:
        log = {'iteration': 20, 'augment/p': 0.25, 'augment/r': 0.7}
        (run / 'log.jsonl').write_text(json.dumps(log) + '\n')
    if len(shape) == 1:
        metrics = {'dis/accuracy': 0.6, 'modes/caught': 7, 'modes/good': 0.9}
    lines = [json.dumps({'iteration': iteration, **metrics}) + '\n' for iteration in (10, 20)]
    (run / 'metrics.jsonl').write_text(''.join(lines))
    (run / 'accuracy.csv').write_text('batch,real,fake,accuracy\n1,0.6,0.5,0.55\n2,0.7,0.5,0.6\n')
    (run / 'samples').mkdir()
    write_samples(run / 'reals', shape, count, seed=99)
    for iteration in SAMPLED_AT:
        write_samples(run / 'samples' / f'{iteration:06d}', shape, count, seed=iteration)
    return run


def write_samples(path, shape, count, seed):
    if len(shape) == 1:
        points = np.random.default_rng(seed).normal(size=(50, 2))
        np.save(path.with_suffix('.npy'), points.astype(np.float32))
    else:
        save(grid(noise(count, *shape, seed=seed)), path.with_suffix('.png'))


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path / 'run')


def test_a_complete_run_gets_every_figure_in_order(run):
    assert draw_names(run) == FILES
    assert all((run / name).stat().st_size > 500 for name in FILES)
    assert len(FIGURES) == len({*FILES, *POINT_FILES})


def test_a_colour_run_gets_every_figure(tmp_path):
    assert draw_names(make_run(tmp_path / 'colour', (3, 8, 8), binarize=True)) == FILES


def test_a_run_on_points_gets_the_figures_that_points_have(tmp_path):
    facts = {'score': 'critic score', 'loss': 'wasserstein', 'mean': None}
    assert draw_names(make_run(tmp_path / 'ring', (2,), **facts)) == POINT_FILES


def test_an_empty_or_missing_folder_gets_nothing(tmp_path):
    assert draw_all(tmp_path) == []
    assert draw_all(str(tmp_path / 'nowhere')) == []


@pytest.mark.parametrize(
    'missing, affected',
    [
        ('run.json', FILES),
        ('batches.csv', ['losses', '/scores']),
        ('metrics.jsonl', ['pixels']),
        ('reals.png', ['/samples', 'spot']),
        ('samples/*', ['/samples', 'training', 'epochs', 'spot']),
    ],
)
def test_a_missing_file_affects_only_its_own_figures(run, unrendered, missing, affected):
    for path in run.glob(missing):
        path.unlink()
    expected = [name for name in FILES if not any(part in name for part in affected)]
    assert draw_names(run) == expected


def test_drawing_again_gives_the_same_bytes(run):
    first = [path.read_bytes() for path in draw_all(run)]
    assert first == [path.read_bytes() for path in draw_all(run)]


@pytest.mark.parametrize('tail', ['41', '41,0.5,0.7,0.6,0.', '41,0.5,0.7,0.6,', '41,-'])
def test_a_last_line_cut_in_half_changes_nothing(run, tail):
    before = FIGURES['losses'](run).read_bytes()
    with open(run / 'batches.csv', 'a') as file:
        file.write(tail)
    assert FIGURES['losses'](run).read_bytes() == before


def test_a_table_with_only_its_header_counts_as_missing(run):
    (run / 'batches.csv').write_text(HEADER)
    assert FIGURES['losses'](run) is None


def test_iterations_repeated_after_a_resume_count_once(run):
    before = FIGURES['losses'](run).read_bytes()
    lines = (run / 'batches.csv').read_text().splitlines(keepends=True)
    repeated = ['25,9,9,0.1,0.1\n', '26,9,9,0.1,0.1\n']
    (run / 'batches.csv').write_text(''.join([*lines[:31], *repeated, *lines[25:]]))
    assert FIGURES['losses'](run).read_bytes() == before


@pytest.mark.parametrize(
    'name, garbage',
    [
        ('run.json', b'{"data": "mn'),
        ('run.json', b'{"data": "mnist", "shape": [4]}'),
        ('run.json', b'[1]'),
        ('batches.csv', b'\x89PNG\xff\xfe\n\n\n'),
        ('batches.csv', b'iteration,loss\n1,2\n'),
        ('batches.csv', HEADER.encode() + b'1,2,3,4,five\n'),
        ('batches.csv', HEADER.encode() + b'1,2,3,4\n2,2,3,4,5,6\n'),
        ('accuracy.csv', b'batch,real,fake,accuracy\n<html>\n'),
        ('metrics.jsonl', b'{"iteration": 1}\nnot json\n'),
        ('metrics.jsonl', b'[1, 2]\n'),
        ('reals.png', b'not a picture'),
        ('samples/000040.png', b'\x89PNG\r\n\x1a\n cut'),
    ],
)
def test_a_broken_file_is_named(run, unrendered, name, garbage):
    (run / name).write_bytes(garbage)
    with pytest.raises(RunError, match=name.split('/')[-1]):
        draw_all(run)


def test_a_broken_file_affects_only_the_figures_that_need_it(run, unrendered):
    (run / 'batches.csv').write_text('garbage\n1\n')
    with pytest.raises(RunError):
        draw_all(run)
    missing = {name for name in FILES if not (run / name).exists()}
    assert missing == {'figures/losses.png', 'figures/scores.png'}


@pytest.mark.parametrize(
    'array',
    [np.array([object()]), np.zeros((4, 3)), np.zeros(2), np.zeros((4, 2), int)],
    ids=['pickle', 'three columns', 'one axis', 'whole numbers'],
)
def test_an_array_that_holds_no_points_is_named(tmp_path, unrendered, array):
    run = make_run(tmp_path / 'ring', (2,))
    np.save(run / 'samples' / '000040.npy', array)
    with pytest.raises(RunError, match=r'000040\.npy'):
        draw_all(run)


def test_values_that_are_not_finite_do_not_stop_the_drawing(run):
    (run / 'batches.csv').write_text(HEADER + '1,nan,inf,nan,-inf\n2,nan,inf,nan,0.5\n')
    (run / 'metrics.jsonl').write_text('{"iteration": 1, "pixels/mean": NaN, "pixels/std": null}\n')
    assert draw_names(run) == FILES


def test_figures_are_current_from_the_newest_samples_on(run):
    assert not are_current(run)
    FIGURES['training'](run)
    clip = run / 'training.gif'
    newest = 0
    for path in sorted((run / 'samples').iterdir()):
        newest += 10
        os.utime(path, (newest, newest))
    for seconds, expected in ((-1, False), (0, True), (1, True)):
        os.utime(clip, (newest + seconds, newest + seconds))
        assert are_current(run) == expected
    for path in (run / 'samples').iterdir():
        path.unlink()
    os.utime(clip, (0, 0))
    assert are_current(run)


def draw_clip(run):
    """Draw the clip of a run; return its frames, grey (H, W), and how long each is shown, in ms."""
    frames, durations = [], []
    with Image.open(FIGURES['training'](run)) as clip:
        for index in range(clip.n_frames):
            clip.seek(index)
            frames.append(np.asarray(clip.convert('L')).astype(int))
            durations.append(clip.info['duration'])
    return frames, durations


def assert_frame_shows(frame, path):
    """The frame shows the samples in a file, up to half a step between 16 greys."""
    images = read_pixels(path)
    zoom = frame.shape[1] // images.shape[1]
    shown = frame[-zoom * images.shape[0] :: zoom, ::zoom]
    assert np.abs(shown - images).max() <= 9


def test_the_clip_has_a_frame_for_each_file_of_samples_and_holds_the_last(run):
    frames, durations = draw_clip(run)
    assert durations == [400, 400, 400, 400, 2000]
    assert_frame_shows(frames[0], run / 'samples' / '000000.png')
    assert_frame_shows(frames[-1], run / 'samples' / '000040.png')


def test_a_long_clip_is_thinned_but_keeps_the_first_and_the_last_frame(run):
    for path in (run / 'samples').iterdir():
        path.unlink()
    for iteration in range(100, 300):
        write_samples(run / 'samples' / f'{iteration:06d}', (1, 12, 10), 2, seed=iteration)
    frames, _ = draw_clip(run)
    assert len(frames) == 80
    assert_frame_shows(frames[0], run / 'samples' / '000100.png')
    assert_frame_shows(frames[-1], run / 'samples' / '000299.png')


def test_epochs_shows_only_samples_taken_at_the_end_of_an_epoch(run):
    with_five = FIGURES['epochs'](run).read_bytes()
    (run / 'samples' / '000005.png').unlink()
    assert FIGURES['epochs'](run).read_bytes() == with_five
    (run / 'samples' / '000020.png').unlink()
    assert FIGURES['epochs'](run).read_bytes() != with_five


def test_the_answer_frames_exactly_the_twelve_fakes(run):
    shape = (1, 12, 10)
    save(grid(np.full((64, *shape), 200, np.uint8)), run / 'reals.png')
    save(grid(np.full((64, *shape), 50, np.uint8)), run / 'samples' / '000040.png')
    question = read_pixels(FIGURES['spot_the_fake'](run), 'RGB')
    answer = read_pixels(FIGURES['spot_the_fake_answer'](run), 'RGB')
    left, top = pictures.MARGIN, question.shape[0] - pictures.MARGIN - (6 * 14 + 2) * 3
    for position, is_fake in enumerate(pictures.fake_positions()):
        row, col = divmod(position, 6)
        y, x = top + (row * 14 + 2) * 3, left + (col * 12 + 2) * 3
        inside = np.s_[y : y + 36, x : x + 30]
        assert (question[inside] == (50 if is_fake else 200)).all()
        assert np.array_equal(answer[inside], question[inside])
        with_frame = np.s_[y - 3 : y + 39, x - 3 : x + 33]
        orange = (answer[with_frame] == pictures.ORANGE).all(axis=2)
        assert orange.sum() == (42 * 36 - 36 * 30 if is_fake else 0)
    assert pictures.fake_positions().sum() == 12


def test_spot_the_fake_shows_only_black_and_white_when_the_run_is_binarized(tmp_path):
    run = make_run(tmp_path / 'run', binarize=True)
    sheet = read_pixels(FIGURES['spot_the_fake'](run), 'RGB')
    margin = pictures.MARGIN
    image = sheet[-margin - 36 : -margin - 6, margin + 6 : margin + 36]
    assert set(np.unique(image)) == {0, 255}


def test_spot_the_fake_needs_enough_images(tmp_path):
    assert FIGURES['spot_the_fake'](make_run(tmp_path / 'few', count=8)) is None


def test_drawing_imports_neither_mxnet_nor_pyplot(run):
    code = (
        'import sys, gluongan.figures as figures\n'
        'assert "matplotlib" not in sys.modules\n'
        'figures.draw_all(sys.argv[1])\n'
        'assert not {"mxnet", "matplotlib.pyplot"} & set(sys.modules)\n'
    )
    subprocess.run([sys.executable, '-c', code, str(run)], check=True)
