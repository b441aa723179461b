"""What the figures promise: all that can be drawn is drawn, the same each time, and broken files are named."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from gluongan.figures import FIGURES, RunError, draw_all, grid, pictures, save

FILES = [
    'figures/samples.png',
    'training.gif',
    'figures/epochs.png',
    'figures/losses.png',
    'figures/accuracy.png',
    'figures/pixels.png',
    'figures/scores.png',
    'figures/spot_the_fake.png',
    'figures/spot_the_fake_answer.png',
]
POINT_FILES = [
    name.replace('pixels', 'modes')
    for name in FILES
    if not any(word in name for word in ('epochs', 'spot'))
]
HEADER = 'iteration,dis/loss,gen/loss,dis/real,dis/fake\n'


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def drawn(run):
    return [path.relative_to(run).as_posix() for path in draw_all(run)]


def make_run(run, shape=(1, 12, 10), count=64, **facts):
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
    rows = [f'{at},{1 / at},0.7,0.6,0.4\n' for at in range(1, 41)]
    (run / 'batches.csv').write_text(HEADER + ''.join(rows))
    judged = (
        {'pixels/mean': 0.2, 'pixels/std': 0.3}
        if len(shape) == 3
        else {'modes/caught': 7, 'modes/good': 0.9}
    )
    rows = [{'iteration': at, 'dis/accuracy': 0.6, **judged} for at in (10, 20)]
    (run / 'metrics.jsonl').write_text(''.join(json.dumps(row) + '\n' for row in rows))
    (run / 'accuracy.csv').write_text('batch,real,fake,accuracy\n1,0.6,0.5,0.55\n2,0.7,0.5,0.6\n')
    (run / 'samples').mkdir()
    for at, name in [(None, 'reals')] + [(at, f'samples/{at:06d}') for at in (0, 5, 10, 20, 40)]:
        if len(shape) == 1:
            np.save(
                run / f'{name}.npy',
                np.random.default_rng(at).normal(size=(50, 2)).astype(np.float32),
            )
        else:
            save(grid(noise(count, *shape, seed=at)), run / f'{name}.png')
    return run


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path / 'run')


def test_a_complete_run_gets_every_figure_in_order(run):
    assert drawn(run) == FILES
    assert all((run / name).stat().st_size > 500 for name in FILES)
    assert len(FIGURES) == len({*FILES, *POINT_FILES})


def test_a_colour_run_gets_every_figure(tmp_path):
    assert drawn(make_run(tmp_path / 'colour', (3, 8, 8), binarize=True)) == FILES


def test_a_run_on_points_gets_the_figures_that_points_have(tmp_path):
    assert (
        drawn(
            make_run(tmp_path / 'ring', (2,), score='critic score', loss='wasserstein', mean=None)
        )
        == POINT_FILES
    )


def test_an_empty_or_missing_folder_gets_nothing(tmp_path):
    assert draw_all(tmp_path) == [] == draw_all(str(tmp_path / 'nowhere'))


@pytest.mark.parametrize(
    'missing, costs',
    [
        ('run.json', FILES),
        ('batches.csv', ['losses', '/scores']),
        ('metrics.jsonl', ['pixels']),
        ('reals.png', ['/samples', 'spot']),
        ('samples/*', ['/samples', 'training', 'epochs', 'spot']),
    ],
)
def test_a_missing_file_costs_only_its_own_figures(run, missing, costs):
    for path in run.glob(missing):
        path.unlink()
    assert drawn(run) == [name for name in FILES if not any(cost in name for cost in costs)]


def test_drawing_again_gives_the_same_bytes(run):
    first = [path.read_bytes() for path in draw_all(run)]
    assert first == [path.read_bytes() for path in draw_all(run)]


@pytest.mark.parametrize('tail', ['41', '41,0.5,0.7,0.6,0.', '41,0.5,0.7,0.6,', '41,-'])
def test_a_last_line_cut_in_half_changes_nothing(run, tail):
    whole = FIGURES['losses'](run).read_bytes()
    with open(run / 'batches.csv', 'a') as file:
        file.write(tail)
    assert FIGURES['losses'](run).read_bytes() == whole


def test_a_table_with_only_its_header_counts_as_missing(run):
    (run / 'batches.csv').write_text(HEADER)
    assert FIGURES['losses'](run) is None


def test_iterations_done_over_after_a_resume_count_once(run):
    whole = FIGURES['losses'](run).read_bytes()
    with open(run / 'batches.csv', 'r+') as file:
        rows = file.readlines()
        file.seek(0)
        file.writelines([*rows[:31], *['25,9,9,0.1,0.1\n', '26,9,9,0.1,0.1\n'], *rows[25:]])
    assert FIGURES['losses'](run).read_bytes() == whole


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
def test_a_broken_file_is_named(run, name, garbage):
    (run / name).write_bytes(garbage)
    with pytest.raises(RunError, match=name.split('/')[-1]):
        draw_all(run)


def test_a_broken_file_costs_only_the_figures_that_need_it(run):
    (run / 'batches.csv').write_text('garbage\n1\n')
    with pytest.raises(RunError):
        draw_all(run)
    assert all(
        (run / name).exists() for name in FILES if 'losses' not in name and '/scores' not in name
    )


@pytest.mark.parametrize('saved', ['pickle', np.zeros((4, 3)), np.zeros(2)])
def test_points_of_another_kind_are_named(tmp_path, saved):
    run = make_run(tmp_path / 'ring', (2,))
    np.save(
        run / 'samples' / '000040.npy', np.array([object()]) if isinstance(saved, str) else saved
    )
    with pytest.raises(RunError, match=r'000040\.npy'):
        draw_all(run)


def test_values_that_are_not_finite_do_not_stop_the_drawing(run):
    (run / 'batches.csv').write_text(HEADER + '1,nan,inf,nan,-inf\n2,nan,inf,nan,0.5\n')
    (run / 'metrics.jsonl').write_text('{"iteration": 1, "pixels/mean": NaN, "pixels/std": null}\n')
    assert drawn(run) == FILES


def frames_of(run):
    frames = []
    with Image.open(FIGURES['training'](run)) as clip:
        for place in range(clip.n_frames):
            clip.seek(place)
            frames.append((np.asarray(clip.convert('L')).astype(int), clip.info['duration']))
    return frames


def test_the_clip_has_a_frame_for_each_file_of_samples_and_holds_the_last(run):
    frames = frames_of(run)
    assert [length for _, length in frames] == [400, 400, 400, 400, 2000]
    for (frame, _), at in ((frames[0], 0), (frames[-1], 40)):
        images = np.asarray(Image.open(run / 'samples' / f'{at:06d}.png')).astype(int)
        zoom = frame.shape[1] // images.shape[1]
        assert (
            np.abs(frame[-zoom * images.shape[0] :: zoom, ::zoom] - images).max() <= 9
        )  # half of one of 16 greys


def test_a_long_clip_is_thinned_but_keeps_the_first_and_the_last_frame(run):
    for at in range(100, 300):
        save(grid(noise(2, 1, 12, 10, seed=at)), run / 'samples' / f'{at:06d}.png')
    for at in (0, 5, 10, 20, 40):
        (run / 'samples' / f'{at:06d}.png').unlink()
    frames = frames_of(run)
    assert len(frames) == 80
    for (frame, _), at in ((frames[0], 100), (frames[-1], 299)):
        images = np.asarray(Image.open(run / 'samples' / f'{at:06d}.png')).astype(int)
        zoom = frame.shape[1] // images.shape[1]
        assert np.abs(frame[-zoom * images.shape[0] :: zoom, ::zoom] - images).max() <= 9


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
    question = np.asarray(Image.open(FIGURES['spot_the_fake'](run))).astype(int)
    answer = np.asarray(Image.open(FIGURES['spot_the_fake_answer'](run))).astype(int)
    left, top = pictures.MARGIN, question.shape[0] - pictures.MARGIN - (6 * 14 + 2) * 3
    for place, fake in enumerate(pictures.places()):
        row, col = divmod(place, 6)
        y, x = top + (row * 14 + 2) * 3, left + (col * 12 + 2) * 3
        assert (question[y : y + 36, x : x + 30] == (50 if fake else 200)).all()
        assert np.array_equal(answer[y : y + 36, x : x + 30], question[y : y + 36, x : x + 30])
        red = (answer[y - 3 : y + 39, x - 3 : x + 33] == pictures.RED).all(axis=2)
        assert red.sum() == (42 * 36 - 36 * 30 if fake else 0)
    assert pictures.places().sum() == 12


def test_spot_the_fake_shows_only_black_and_white_when_the_run_is_binarized(tmp_path):
    run = make_run(tmp_path / 'run', binarize=True)
    sheet = np.asarray(Image.open(FIGURES['spot_the_fake'](run)))
    inside = sheet[
        -pictures.MARGIN - 36 : -pictures.MARGIN - 6, pictures.MARGIN + 6 : pictures.MARGIN + 36
    ]
    assert set(np.unique(inside)) == {0, 255}


def test_spot_the_fake_needs_enough_images(tmp_path):
    assert FIGURES['spot_the_fake'](make_run(tmp_path / 'few', count=8)) is None


def test_drawing_imports_neither_mxnet_nor_pyplot(run):
    code = (
        'import sys, gluongan.figures as f; assert "matplotlib" not in sys.modules; f.draw_all(sys.argv[1]);'
        'assert "mxnet" not in sys.modules and "matplotlib.pyplot" not in sys.modules'
    )
    subprocess.run([sys.executable, '-c', code, str(run)], check=True)
