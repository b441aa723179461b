"""What would take too much memory or make too large a picture is refused before the work."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import tiny
from PIL import Image

import gluongan as gg
from gluongan import figures
from gluongan.data import inspection, mapped
from gluongan.evaluation import density, memory
from gluongan.exports import verify
from gluongan.figures import clips, grids, sheets
from gluongan.gan import inversion, sampling
from gluongan.gan.inversion import Inverter
from gluongan.launch import prepare


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    out = tmp_path_factory.mktemp('runs')
    small = tiny.begun(out, until=1).folder
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify, 'same_bits', lambda *_: None)  # a new process
        gg.exports.export_run(small, out / 'export')
    return {
        'TINY': small,
        'EXPORT': out / 'export',
        'RUN': tiny.begun(out, until=1, image_size=32).folder,
        'CONDITIONAL': tiny.begun(out, until=1, image_size=32, conditional=True).folder,
    }


@pytest.fixture
def no_work(monkeypatch):
    """Fails where samples are made; a look at one sample is no work."""
    original = sampling.generate

    def generate(gen, z):
        assert len(z) == 1, f'{len(z)} samples were made'
        return original(gen, z)

    monkeypatch.setattr(sampling, 'generate', generate)


# The words of a command that asks for too much, and how many pixels its picture would have.
TOO_LARGE = {
    'sample RUN --seeds 0-99999': '150 million',
    'sample RUN --seeds 0-99999 --scale 1 --cols 1000': '120 million',
    'sample RUN --seeds 0-99 --scale 32': '128 million',
    'sample TINY --seeds 0-99999 --cols 1 --scale 1': '520 million',
    'sample CONDITIONAL --seeds 0-99999': '',
    'sample CONDITIONAL --seeds 0-99 --scale 32': '',
    'sample CONDITIONAL --class #1 --seeds 0-99999': '150 million',
    'interpolate RUN --seeds 0-99999 --steps 1000': '',
    'interpolate RUN --seeds 0-99 --steps 1000': '',
    'interpolate RUN --seeds 0-99999 --steps 1': '',
    'interpolate CONDITIONAL --seeds 0-999 --steps 100': '',
}


@pytest.mark.parametrize('words', TOO_LARGE)
def test_too_large_a_picture_is_refused_before_the_samples_are_made(runs, no_work, words):
    tracemalloc.start()
    message = tiny.refused(*(runs.get(word, word) for word in words.split()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert message.startswith('the picture would have ') and 'must be at most 33 million' in message
    assert 'fewer --seeds' in message and TOO_LARGE[words] in message
    assert peak < 40e6


@pytest.mark.parametrize(
    'words', ['sample RUN --seeds', 'interpolate RUN --seeds', 'train --seeds']
)
@pytest.mark.parametrize(
    'seeds', ['0-9999999', '0-9999999999', '0-100000', ','.join(['0-9'] * 10_001)]
)
def test_too_many_seeds_are_refused_before_they_are_listed(runs, words, seeds):
    tracemalloc.start()
    message = tiny.refused(*(runs.get(word, word) for word in words.split()), seeds)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 'must be up to 100,000 whole numbers' in message and peak < 40e6


def test_what_is_just_small_enough_is_made(runs, monkeypatch):
    words = ['sample', runs['TINY'], '--seeds', '0-8', '--scale', '1', '--out', 'x.png']
    width, height = sheets.NARROWEST + 2 * sheets.MARGIN, 3 * 10 + sheets.TITLE
    monkeypatch.setattr(grids, 'MOST_PIXELS', width * height - 1)
    assert f'have {width} × {height} pixels' in tiny.refused(*words)
    monkeypatch.setattr(grids, 'MOST_PIXELS', width * height)
    assert tiny.gluongan(*words).exit_code == 0
    with Image.open('x.png') as page:
        assert np.prod(page.size) <= width * height


LAYOUTS = [
    (1, 0, None),
    (60, 0, 3),
    (60, 0, None),
    (9, 3, None),
    (6, 25, 2),
    (30, 4, 7),
    (3, 60, 3),
]


@pytest.mark.parametrize('count, classes, cols', LAYOUTS)
@pytest.mark.parametrize('shape', [(1, 8, 8), (3, 5, 40)], ids=str)
def test_a_sheet_is_never_larger_than_was_foreseen(monkeypatch, count, classes, cols, shape):
    foreseen = []
    monkeypatch.setattr(sheets, 'check_pixels', lambda *size: foreseen.append(size[:2]))
    images = np.zeros((count * max(1, classes), *shape), np.uint8)
    names = [f'a class of a long name {number}' for number in range(classes)]
    figures.seeds(images, range(count), 'x.png', title='x', classes=names, cols=cols, scale=2)
    walk = [images[:2]] if len(images) > 1 else [images[[0, 0]]]
    figures.walks(walk * count, 'y.png', title='x', note='y')
    for (width, height), name in zip(foreseen, 'xy'):
        with Image.open(f'{name}.png') as page:
            assert page.width <= width and page.height <= height + 60


def test_walk_as_gif_takes_bounded_memory(monkeypatch):
    kept = []
    monkeypatch.setattr(clips, '_save_gif', lambda frames, *_: kept.append(frames))
    monkeypatch.setattr(clips, 'MOST_WALKED', 10 * 32 * 32)
    clips.walk(np.zeros((50, 1, 8, 8), np.uint8), 'x.gif')
    assert len(kept[0]) == 10 + 8  # there and back
    clips.walk(np.zeros((7, 1, 8, 8), np.uint8), 'x.gif')
    assert len(kept[1]) == 7 + 5


@pytest.mark.parametrize('classes', [0, 3, 40])
def test_a_sheet_of_data_shows_fewer_of_large_pictures(monkeypatch, classes):
    monkeypatch.setattr(grids, 'MOST_PIXELS', 600 * 900)
    images = np.zeros((90, 1, 100, 100), np.uint8)
    labels = np.arange(90) % classes if classes else None
    names = [str(number) for number in range(classes)]
    sheets.data_sheet(images, labels, names, 'x.png', title='x')
    with Image.open('x.png') as page:
        assert 300 * 300 < np.prod(page.size) <= 600 * 900


def test_figures_that_nobody_asked_for_show_what_has_room(monkeypatch):
    monkeypatch.setattr(grids, 'MOST_PIXELS', 40 * 102 * 102)
    x = np.zeros((64, 1, 100, 100), np.uint8)
    figures.inversions(x, x, 'a.png', title='x', note='')
    figures.completions({'a': x, 'b': x}, 'b.png', title='x', note='')
    figures.beside([x[:30], x[:30]], ['a', 'b'], 'c.png', 'x')
    sizes = [Image.open(f'{name}.png') for name in 'abc']
    for page in sizes:
        page.close()
    assert 6 * 102 < sizes[0].height < 8 * 102  # 13 images, 8 in a row, with 3 rows each
    assert 6 * 102 < sizes[1].height < 8 * 102  # 20 images with 2 rows each
    assert 20 * 102 < sizes[2].width < 22 * 102
    assert sheets.most_walks(8, 13, (1, 1024, 1024)) == 1


# Training


def test_pictures_of_training_are_bounded_before_the_run_begins(monkeypatch, here):
    monkeypatch.setattr(grids, 'MOST_PIXELS', 32 * 32)
    message = tiny.refused('train', *tiny.flags(samples=10))
    assert 'would have 42 × 32 pixels' in message and 'fewer --samples' in message
    prepare(tiny.tiny(samples=9))
    assert 'would have' in tiny.refused('train', *tiny.flags(conditional=True))


# Evaluation


@pytest.fixture
def little(monkeypatch):
    """A machine with the memory for 1,000 grey pictures of 8 × 8 as an evaluation has them."""
    monkeypatch.setattr(memory, 'of_machine', lambda: 1000 * memory.COPIES * 4 * 64)


# The words of a command, how its refusal begins, and for how many samples the machine has room.
SAMPLED = [
    ('evaluate TINY --samples 1001', '--samples 1001: take', 1000, 5),
    ('evaluate TINY', '--samples 10000: take', 9999, 5),
    ('evaluate EXPORT --data synthetic --image-size 8', '--samples 10000: take', 9999, 5),
    ('evaluate many.npz --data synthetic --image-size 8', '--samples 1200: take', 1199, 5),
    ('judge calibrate --data synthetic --image-size 8', '--samples 10000: take', 9999, 10),
    ('train JUDGED --judge-samples 101', '--judge-samples 101: take', 100, 5),
    ('invert TINY --test 256', '--test 256: take', 255, 8),
    ('invert TINY --images many', '--images 20: take', 19, 8),
]


@pytest.mark.parametrize('words, start, room, copies', SAMPLED, ids=lambda each: str(each))
def test_more_samples_than_memory_are_refused_before_they_are_made(
    runs, no_work, monkeypatch, here, words, start, room, copies
):
    monkeypatch.setattr(memory, 'of_machine', lambda: room * copies * 4 * 64)
    np.savez('many.npz', images=np.zeros((1200, 8, 8), np.uint8))
    (here / 'many').mkdir()
    for number in range(20):
        Image.new('L', (8, 8)).save(here / 'many' / f'{number}.png')
    words = words.replace('JUDGED', '--data synthetic --image-size 8 --judge-every 5')
    message = tiny.refused(*(runs.get(word, word) for word in words.split()))
    assert message.startswith(start) and '1 × 8 × 8 values each' in message
    assert message.endswith(f'are here; must be at most {room:,}')


def test_as_many_samples_as_have_room_are_not_refused(little):
    memory.check_memory(1000, (1, 8, 8))
    with pytest.raises(gg.GluonganError, match='must be at most 1,000'):
        memory.check_memory(1001, (1, 8, 8))


def test_density_of_large_pictures_is_refused(runs, little, monkeypatch):
    images = np.broadcast_to(np.zeros((1, 1, 8, 8), np.uint8), (60_000, 1, 8, 8))
    splits = {
        split: gg.data.Dataset('x', images[:count])
        for split, count in (('train', 60_000), ('test', 10_000))
    }
    monkeypatch.setattr(density, 'load_data', lambda _, split='train': splits[split])
    monkeypatch.setattr(density, 'require_test', lambda *_: splits['test'])
    message = tiny.refused('density', runs['TINY'], '--changed-data')
    assert 'take about 0.0 GB of memory' in message


def test_the_memory_of_a_container_is_that_of_its_cgroup(tmp_path):
    limit = tmp_path / 'memory.max'
    machine = memory.of_machine(limit)
    limit.write_text('max\n')
    assert memory.of_machine(limit) == machine > 2**28
    limit.write_text('4096\n')
    assert memory.of_machine(limit) == 4096


# Inspection and inversion


def test_memory_of_a_search_for_like_pictures_is_that_of_a_block(monkeypatch):
    images = np.random.RandomState(0).randint(0, 256, (200, 3, 64, 64)).astype(np.uint8)
    images[7] = images[3] // 2 * 2
    dataset = gg.data.Dataset('x', images)
    found = inspection.count_nearly_alike(dataset)
    monkeypatch.setattr(mapped, 'BLOCK', 2**18)
    tracemalloc.start()
    assert inspection.count_nearly_alike(dataset) == found == 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6e6  # all of them as floats have 10 MB


def test_memory_of_an_inversion_does_not_grow_with_the_starts(monkeypatch):
    monkeypatch.setattr(inversion, 'GUESSES_PER_PASS', 16)
    gen = gg.dense_generator([2, 4, 1024], batchnorm=False)
    x = np.zeros((8, 1, 32, 32), np.float32)
    peaks = []
    for starts in (2, 2, 32):
        tracemalloc.start()
        Inverter(gen, 2, starts=starts, steps=1).invert(x)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < peaks[1] + 100_000  # 256 images take 1,000,000 bytes


def test_too_many_images_are_counted_before_they_are_read(runs, here, monkeypatch):
    (here / 'many').mkdir()
    for number in range(257):
        (here / 'many' / f'{number}.png').touch()  # not even pictures
    message = tiny.refused('invert', runs['TINY'], '--images', 'many')
    assert message == '--images many: holds 257 images; must be at most 256'
