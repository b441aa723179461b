"""A handful of pictures, thousands of classes, a finished run: pictures stay few and small."""

from __future__ import annotations

import numpy as np
import pytest
import tiny
from PIL import Image

from gluongan import figures
from gluongan.extensions import SampleGrid
from gluongan.figures import clips
from gluongan.launch import MOST_ROWS, _sample_grid
from gluongan.trainer import EpochEnds, Every


class Clock:
    """An updater that only counts."""

    def __init__(self, iterations_per_epoch):
        self.iterations_per_epoch = iterations_per_epoch

    def firings(self, trigger, total=1000):
        fired = []
        for iteration in range(1, total + 1):
            self.epoch = iteration / self.iterations_per_epoch
            self.previous_epoch = (iteration - 1) / self.iterations_per_epoch
            fired += [iteration] if trigger(self) else []
        return fired


@pytest.mark.parametrize('iterations_per_epoch', [0.5, 1, 2, 7, 15.5, 99])
def test_short_epochs_do_not_all_end_with_samples(iterations_per_epoch):
    fired = Clock(iterations_per_epoch).firings(EpochEnds(100))
    assert 5 <= len(fired) <= 10
    ends = Clock(iterations_per_epoch).firings(Every(1, 'epoch'))
    assert set(fired) <= set(ends)


@pytest.mark.parametrize('iterations_per_epoch', [100, 117.3, 468])
def test_long_epochs_all_do(iterations_per_epoch):
    clock = Clock(iterations_per_epoch)
    assert clock.firings(EpochEnds(100)) == clock.firings(Every(1, 'epoch'))


def test_run_on_a_handful_of_pictures_writes_few_sheets_and_a_short_clip(tmp_path):
    np.savez(tmp_path / 'few.npz', images=np.random.randint(0, 256, (5, 8, 8), dtype=np.uint8))
    few = {'data': tmp_path / 'few.npz', 'image_size': None, 'batch': 4, 'iterations': 600}
    run = tiny.trained(tmp_path / 'runs', **few, sample_every=200)
    assert len(list((run / 'samples').iterdir())) <= 2 + 600 // 200 + 20
    with Image.open(run / 'training.gif') as clip:
        assert clip.n_frames <= 25


@pytest.mark.parametrize(
    ('iterations', 'said'),
    [((100, 200, 300), 'every 50th epoch'), ((100, 140, 300), 'some of the epochs')],
)
def test_epochs_figure_of_short_epochs_says_which_its_rows_are(
    tmp_path, monkeypatch, iterations, said
):
    titles = []
    titled = figures.pictures.titled
    monkeypatch.setattr(
        figures.pictures, 'titled', lambda *words: titles.append(words[1]) or titled(*words)
    )
    (tmp_path / 'samples').mkdir()
    (tmp_path / 'run.json').write_text(
        '{"data": "toy", "shape": [1, 8, 8], "iterations_per_epoch": 2}'
    )
    for iteration in iterations:
        sheet = figures.grid(np.zeros((4, 1, 8, 8), np.uint8))
        figures.save(sheet, tmp_path / 'samples' / f'{iteration:06d}.png')
    figures.FIGURES['epochs'](tmp_path)
    assert titles[0].endswith(f'after {said}')


def test_sheet_and_clip_of_thousands_of_classes_have_an_end(tmp_path, tiny_updater):
    updater = tiny_updater()
    updater.classes = 5000
    sheet = _sample_grid(tiny.tiny(), updater)
    assert isinstance(sheet, SampleGrid) and sheet._count == 8 * MOST_ROWS
    updater.classes = 10
    assert _sample_grid(tiny.tiny(), updater)._count == 80


def test_run_with_thousands_of_classes_is_drawn(tmp_path):
    labels = np.arange(3000)
    images = np.random.randint(0, 256, (3000, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / 'many.npz', images=images, labels=labels)
    many = {'data': tmp_path / 'many.npz', 'image_size': None, 'conditional': True}
    run = tiny.trained(tmp_path / 'runs', **many, gen_hidden=(4,), dis_hidden=(4,), iterations=4)
    with Image.open(run / 'training.gif') as clip:
        assert max(clip.size) <= clips.LARGEST + clips.BAR


@pytest.mark.parametrize('shape', [(40, 40), (5000, 3000), (100_000, 70)])
def test_frame_of_any_sheet_fits_a_gif(shape):
    frame = clips._frame(Image.new('L', shape[::-1], 7), 5)
    assert max(frame.size) <= clips.LARGEST + clips.BAR


def test_walk_of_many_images_is_thinned_and_keeps_its_ends(tmp_path):
    images = np.zeros((5000, 1, 2, 2), np.uint8)
    images[[0, -1]] = 255
    path = clips.walk(images, tmp_path / 'walk.gif')
    with Image.open(path) as clip:
        assert clip.n_frames <= 2 * clips.MOST_STEPS


def test_finished_run_that_is_resumed_draws_nothing_again(tmp_path, monkeypatch):
    run = tiny.trained(tmp_path / 'runs')
    drawn = []
    monkeypatch.setattr(figures, 'draw_all', lambda run: drawn.append(run) or [])
    before = {path: path.stat().st_mtime_ns for path in (run / 'samples').iterdir()}
    tiny.resumed(run)
    assert drawn == []
    assert before == {path: path.stat().st_mtime_ns for path in (run / 'samples').iterdir()}
    tiny.resumed(run, iterations=25)
    assert drawn == [run]


@pytest.mark.parametrize('name', ['training.gif', 'samples/000020.png'])
def test_finished_run_without_its_last_figure_or_samples_is_drawn_when_resumed(
    tmp_path, monkeypatch, name
):
    run = tiny.trained(tmp_path / 'runs')
    (run / name).unlink()
    drawn = []
    monkeypatch.setattr(figures, 'draw_all', lambda run: drawn.append(run) or [])
    tiny.resumed(run)
    assert drawn == [run] and (run / 'samples' / '000020.png').exists()
