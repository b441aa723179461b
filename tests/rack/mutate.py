"""Mutated files of every kind that the package reads, each read in a process that is watched.

An error of the package, in one sentence, is right, and so is a result. Anything else is a finding:
another error, a crash, more than 10 s of processor time, more than 1 GB of memory.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import shutil
import struct
import warnings
from functools import partial
from pathlib import Path

import fuzz_exports
import numpy as np
import tiny
from PIL import Image

from .formats import tamper
from .watched import Subject, refusal

RUN = {'iterations': 4, 'log_every': 1, 'sample_every': 2, 'eval_every': 2, 'snapshot_every': 2}
RECORDS = (
    'log.jsonl',
    'log.csv',
    'metrics.jsonl',
    'judge.jsonl',
    'batches.csv',
    'accuracy.csv',
    'run.json',
    'config.json',
    'environment.json',
    'evaluation.json',
    'training.lock',
    'snapshots/scores.json',
)


def packed(save, *arguments, **keywords):
    """Return the bytes that a function writes into a file."""
    stream = io.BytesIO()
    save(stream, *arguments, **keywords)
    return stream.getvalue()


def read_all(folder):
    """Return {name: content} of the files of a folder."""
    files = [path for path in sorted(folder.rglob('*')) if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


# Intact examples


def idx_seeds(out):
    """Return folders of idx files, plain and compressed, with and without labels and test split."""
    images = bytes((0, 0, 8, 3)) + struct.pack('>3I', 12, 9, 10) + bytes(range(250)) * 5
    images = images[: 16 + 12 * 90]
    labels = bytes((0, 0, 8, 1)) + struct.pack('>I', 12) + bytes(range(12))
    pair = {'train-images-idx3-ubyte': images, 'train-labels-idx1-ubyte': labels}
    zipped = {f'{name}.gz': gzip.compress(content, 1) for name, content in pair.items()}
    test = {'t10k-images-idx3-ubyte': images, 't10k-labels-idx1-ubyte': labels}
    return [pair, zipped, {**pair, **test}, {'train-images-idx3-ubyte.gz': gzip.compress(images)}]


def npz_seeds(out):
    """Return archives of images of each type and layout, with labels and without."""
    pixels = np.random.RandomState(0).randint(0, 256, (9, 8, 10, 3)).astype(np.uint8)
    labels = np.arange(9) % 3
    archives = [
        {'images': pixels, 'labels': labels},
        {'x_train': pixels[..., 0], 'y_train': labels[:, None], 'x_test': pixels[:4, ..., 0]},
        {'x': pixels.transpose(0, 3, 1, 2) / np.float32(255)},
    ]
    seeds = [{'data.npz': packed(np.savez, **archive)} for archive in archives]
    return [*seeds, {'data.npz': packed(np.savez_compressed, **archives[0])}]


def picture_seeds(out):
    """Return folders of pictures of each format, two classes each."""
    pixels = np.random.RandomState(0).randint(0, 256, (12, 14, 3)).astype(np.uint8)
    colour = Image.fromarray(pixels)
    seeds = []
    for suffix, mode in [
        *[('png', mode) for mode in ('RGB', 'L', 'P', '1', 'RGBA', 'LA')],
        *[('jpg', 'RGB'), ('jpeg', 'L'), ('gif', 'P'), ('bmp', 'RGB'), ('bmp', 'L')],
        *[('webp', 'RGB'), ('tif', 'RGB'), ('ppm', 'RGB')],
    ]:
        content = packed(
            colour.convert(mode).save, format=Image.registered_extensions()[f'.{suffix}']
        )
        seeds.append({f'{name}/1.{suffix}': content for name in 'ab'})
    return seeds


def trained_run(out):
    """Return a run folder with every record."""
    from gluongan import figures

    drawn, figures.draw_all = figures.draw_all, lambda run: []
    try:
        run = tiny.trained(Path(out, 'runs'), **RUN)
    finally:
        figures.draw_all = drawn
    (run / 'judge.jsonl').write_text('{"iteration": 2, "lenet_fd2k_test": 12.5}\n')
    (run / 'training.lock').write_text('{"process": 1, "host": "x"}')
    result = tiny.gluongan('evaluate', run, '--samples', 100)
    assert result.exit_code == 0, result.stderr
    return run


def snapshot_seeds(out):
    """Return the snapshot of a run with what is needed to use it."""
    files = read_all(trained_run(out))
    return [
        {name: files[name] for name in ('config.json', 'run.json', 'snapshots/000004.snapshot')}
    ]


def run_seeds(out):
    """Return a run folder without its snapshots' and samples' files."""
    files = read_all(trained_run(out))
    return [{name: files[name] for name in RECORDS}]


def picture_of_run_seeds(out):
    """Return a run folder with its pictures and the records that its figures need."""
    files = read_all(trained_run(out))
    is_needed = ('samples/', 'reals', 'run.json', 'config.json')
    return [{name: content for name, content in files.items() if name.startswith(is_needed)}]


def config_seeds(out):
    """Return the settings of every recipe."""
    from gluongan import recipes

    configs = [recipes.recipe(name).to_dict() for name in recipes.RECIPES]
    return [{'config.json': json.dumps(config, indent=1).encode()} for config in configs]


def judge_seeds(out):
    """Return judges of both networks."""
    from gluongan.evaluation.classifier import judge
    from gluongan.evaluation.classifier.networks import initialised

    seeds = []
    for net, shape in [('lenet', (1, 12, 12)), ('resnet20', (3, 8, 8))]:
        about = judge.About(net, 'synthetic', shape, ('a', 'b', 'c'), 0.5, 'test', 0, 1, 'x')
        network = initialised(net, shape, 3, 'cpu')
        judge.Judge(about, network).write(Path(out, 'a.judge'))
        seeds.append({'a.judge': Path(out, 'a.judge').read_bytes()})
    return seeds[:1] * 4 + seeds[1:]  # the other is large, and slow to build


def calibration_seeds(out):
    """Return the metrics of known sets."""
    from gluongan.evaluation.calibration import Calibration

    sets = {'real': {'pixel_mean1k': (0.2, 0.01)}, 'noise': {'pixel_mean1k': (0.5, 0.0)}}
    Calibration({'data': 'mnist', 'judge': None}, sets).write(Path(out, 'c.json'))
    return [{'c.json': Path(out, 'c.json').read_bytes()}]


# How each kind is read


def reading(read, files, folder):
    """Judge one reader: it may refuse in one sentence."""
    from gluongan.errors import GluonganError

    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        try:
            read(folder)
        except GluonganError as error:
            return refusal(error)
    return 'loaded'


def read_data(folder, name=''):
    from gluongan import data

    for split in ('train', 'test'):
        try:
            data.load(folder / name, split=split)
        except data.NoSplit:
            if split == 'train':
                raise


def read_settings(folder):
    from gluongan.runs.folder import read_config, run_name

    run_name(read_config(folder))


def read_judge(folder):
    from gluongan.evaluation.classifier import judge

    read = judge.read(folder / 'a.judge')
    read(np.zeros((2, *read.about.shape), np.float32))
    assert f'{read.about.accuracy:.2%}' and len(read.sha256) == 64


def read_known_sets(folder):
    from gluongan.evaluation.calibration import read_calibration

    read_calibration(folder / 'c.json')


def use_snapshot(folder):
    """Draw samples from a run, and then train it for one more iteration."""
    from gluongan import figures, launch, loading
    from gluongan.errors import GluonganError
    from gluongan.runs.folder import read_config

    figures.draw_all = lambda run: []
    refused = None
    try:
        loading.load_sampler(folder).sample_grid([0, 1])
    except GluonganError as error:
        refused = error
    config = read_config(folder).with_settings({'iterations': 6})
    trainer = launch.resume(folder, config, ignore)
    trainer.run(lambda: True)
    if refused:
        raise refused


def read_run(folder):
    """Compare a run, and prepare to resume it."""
    from gluongan import launch
    from gluongan.config import Config
    from gluongan.errors import GluonganError
    from gluongan.evaluation import comparison
    from gluongan.runs import snapshots
    from gluongan.runs.lock import RunLock

    RunLock(folder).take()
    snapshots.best_snapshot(folder)
    launch.check_environment(folder, Config(), ignore)
    refused = None
    try:
        launch.check_records(folder, ignore)
        for records in launch.log_records(folder):
            records.start(3)
    except GluonganError as error:
        refused = error
    groups = comparison.group_runs([comparison.read_run(folder)])
    comparison.make_table(groups)
    if refused:
        raise refused


def draw_run(folder):
    """Draw the figures that hold pictures."""
    from gluongan.errors import GluonganError
    from gluongan.figures import FIGURES

    refused = None
    for name in ('samples', 'epochs', 'spot_the_fake', 'training'):
        try:
            FIGURES[name](folder)
        except GluonganError as error:
            refused = error
    if refused:
        raise refused


def draw_curves(folder):
    """Draw the figures of numbers."""
    from gluongan.errors import GluonganError
    from gluongan.figures import FIGURES

    refused = None
    for name in ('losses', 'accuracy', 'pixels', 'scores'):
        try:
            FIGURES[name](folder)
        except GluonganError as error:
            refused = error
    if refused:
        raise refused


def ignore(text):
    """Hear a warning."""


# {kind: (its intact examples, how one is read, its share of the cases)}. The shares follow the
# time that a case takes.
KINDS = {
    'idx': (idx_seeds, read_data, 24),
    'npz': (npz_seeds, partial(read_data, name='data.npz'), 16),
    'pictures': (picture_seeds, read_data, 16),
    'config': (config_seeds, read_settings, 12),
    'judge': (judge_seeds, read_judge, 4),
    'calibration': (calibration_seeds, read_known_sets, 8),
    'records': (run_seeds, read_run, 8),
    'snapshot': (snapshot_seeds, use_snapshot, 4),
    'pictures of a run': (picture_of_run_seeds, draw_run, 1),
    'curves of a run': (run_seeds, draw_curves, 1),
    'export': (fuzz_exports.seeds, None, 6),
}


def subject(kind, out):
    """Return what is mutated and how it is read."""
    seeds, read, _ = KINDS[kind]
    Path(out).mkdir(parents=True)
    with contextlib.redirect_stdout(None), contextlib.redirect_stderr(None):
        examples = seeds(out)
    shutil.rmtree(out)
    if read is None:
        return Subject(examples, fuzz_exports.tamper, fuzz_exports.judge)
    return Subject(examples, tamper, partial(reading, read))
