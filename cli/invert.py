"""gluongan invert."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gluongan.runs.folder import INVERSION, is_run

from .completing import complete, read_known, way_to_read
from .faults import Usage, refusals
from .knobs import PATH, number_option
from .notes import print_progress, say_what_loads
from .options import CHANGED_DATA, DATA_AT, DEVICE, RUN, THREADS, WHICH
from .outputs import at_snapshot, check_beside, check_target, default_stem
from .printing import echo, echo_text

if TYPE_CHECKING:
    import numpy as np

    from gluongan.config import Config
    from gluongan.data import Dataset
    from gluongan.gan.inversion import Inversion, Inverter
    from gluongan.nn.layers import Chain

MOST = 256
COPIES = 8  # of all images as float32, that are in memory at once
ERRORS, Z, SHEET, STRIP, CLIP = 'errors.json', 'z.npy', 'inversion.png', 'walk.png', 'walk.gif'
FILES = (ERRORS, Z, SHEET, STRIP, CLIP)  # in the order in which they are written
HEADING = ('', 'number', 'median error', 'smallest', 'largest', 'found again')


@click.command(short_help='Find the z of images: what a generator can and cannot make.')
@RUN
@click.option(
    '--images',
    type=PATH,
    metavar='FILE|FOLDER',
    help='An image, or a folder of images.',
)
@click.option(
    '--resize',
    is_flag=True,
    help='Crop and resize images, and a mask, of another size. [default: another size is refused]',
)
@click.option(
    '--mask',
    type=PATH,
    metavar='FILE',
    help='Inpainting: a picture of the size of the images, whose white pixels are known and whose '
    'black pixels are missing (greys below 128 of 255 are black).',
)
@click.option(
    '--downsample',
    type=click.IntRange(2, 1024),
    metavar='N',
    help='Super-resolution: of the images, only the means of N × N pixels are known. N divides '
    'their sides.',
)
@click.option(
    '--test',
    type=click.IntRange(1, MOST),
    metavar='N',
    help=f"The first N test images of the run's data, at most {MOST}. [default: 16]",
)
@click.option(
    '--starts',
    type=click.IntRange(1, 64),
    default=4,
    show_default=True,
    help='Starting points per image (and per class of a conditional run); the best result is kept.',
)
@click.option(
    '--steps',
    type=click.IntRange(1, 100_000),
    default=400,
    show_default=True,
    help='Steps of gradient descent on z.',
)
@number_option(
    'prior',
    'Weight of the term that pulls z toward the noise that the generator was trained on.',
    low=0,
    high=100,
    default=1e-3,
)
@click.option(
    '--encoder',
    type=click.IntRange(1, 10**7),
    metavar='N',
    help='First train an encoder from images to z for N iterations, on generated images; '
    'its output is then one of the starting points.',
)
@click.option(
    '--seed',
    type=click.IntRange(0, 2**31 - 1),
    default=0,
    show_default=True,
    help='Seed of the starting points.',
)
@WHICH
@click.option(
    '--out',
    type=PATH,
    metavar='DIR',
    help='Where the files go. '
    '[default: RUN/inversion-at-ITERATION, with the options that are given]',
)
@DATA_AT
@CHANGED_DATA
@DEVICE
@THREADS
def invert(
    run: Path,
    images: Path | None,
    resize: bool,
    mask: Path | None,
    downsample: int | None,
    test: int | None,
    starts: int,
    steps: int,
    prior: float,
    encoder: int | None,
    seed: int,
    which: str,
    out: Path | None,
    data_at: str | None,
    changed_data: bool,
    device: str,
) -> None:
    """Find, for each image, the z whose G(z) is nearest to it, by gradient descent.

    It prints the reconstruction errors of the images, and of two controls: generated images, which
    must be found again, and noise, which must not. It writes the originals, their reconstructions
    and the differences, a walk through the images' z as a PNG and a GIF, and all numbers.

    With --mask or --downsample only a part of each image is looked at. It prints the errors of
    what G makes of the rest, beside those of simpler answers, and says which is better.

    \b
    gluongan invert runs/00000-dense-mnist
    gluongan invert runs/00000-dense-mnist --test 64 --encoder 2000
    gluongan invert runs/00000-dense-mnist --images my-digits/ --out mine
    gluongan invert runs/00000-dense-mnist --downsample 4
    """
    _check_options(images, test, resize, mask, downsample, encoder)
    with refusals():
        say_what_loads()
        from gluongan import loading
        from gluongan.gan.inversion import Inverter
        from gluongan.runs import reading

        folder = _target(run, out, which)
        config, gen, iteration = loading.load_net(run, which=which, device=device)
        shape = reading.sample_shape(run)
        classes = len(reading.class_names(run)) if config.conditional else 0
        if len(shape) != 3:
            raise Usage(f'{run}: is a run of points; must be a run of images')
        known = read_known(run, mask, downsample, shape, resize)
        train = None
        if images is None or known is not None:
            settled, train = _load_data(run, data_at, changed_data)
        if images is None:
            x = _test_images(settled, train, test or 16)
        else:
            x = _read_images(run, images, shape, resize)
        net = None
        if encoder:
            net = _train_encoder(gen, config, encoder, shape, classes, seed)
        inverter = Inverter(
            gen,
            config.latent,
            config.noise,
            classes=classes,
            starts=starts,
            steps=steps,
            prior=prior,
            seed=seed,
            encoder=net,
            known=known,
        )
        title = f'{reading.read_facts(run).about}, iteration {iteration:,}'
        if known is not None:
            echo(title)
            echo_text(complete(x, train, known, inverter.invert(x), folder, title, iteration))
            return
        sets = {'images': x, **inverter.make_controls(len(x))}
        results = {name: inverter.invert(each, title=name) for name, each in sets.items()}
        echo(title)
        echo_text(_table(results))
        _write(folder, title, iteration, x, results, inverter)


def _target(run: Path, out: Path | None, which: str) -> Path:
    """Return the folder to write into, which was checked."""
    stem = f'{INVERSION}{at_snapshot(run, which)}'
    folder = out or run / default_stem(stem, without=['which'])
    if out or is_run(run):  # else the run is at fault
        check_target(folder, folder=True, setting=out and 'out')
        first, *others = (folder / name for name in FILES)
        check_beside(first, others, f'--out {folder}')
    return folder


def _check_options(
    images: Path | None,
    test: int | None,
    resize: bool,
    mask: Path | None,
    downsample: int | None,
    encoder: int | None,
) -> None:
    """Raise Usage for options that contradict each other."""
    if images is not None and test is not None:
        raise Usage('--images and --test: are given together; must be only one of them')
    if resize and images is None and mask is None:
        raise Usage('--resize: must be given together with --images or --mask')
    if mask is not None and downsample is not None:
        raise Usage('--mask and --downsample: are given together; must be only one of them')
    if encoder is not None and (mask is not None or downsample is not None):
        name = '--mask' if mask is not None else '--downsample'
        raise Usage(
            f'--encoder and {name}: are given together; must be only one of them, as an encoder '
            'sees whole images'
        )


def _read_images(run: Path, path: Path, shape: tuple[int, ...], resize: bool) -> np.ndarray:
    from gluongan import data
    from gluongan.data import idx
    from gluongan.data.decoding import Target, read_picture
    from gluongan.data.listing import list_pictures
    from gluongan.evaluation.pictures import check_sizes

    channels, height, width = shape
    if height != width:
        raise Usage(
            f'--images {path}: this run generates images of {width} × {height} pixels; '
            'must be a run with square images'
        )
    if path.is_dir() and idx.is_idx_folder(path):
        raise Usage(f'--images {path}: is a folder of idx files; must be one of pictures')
    if path.is_dir():
        _check_number(path, len(list_pictures(path).paths), shape)
    if not resize:
        check_sizes(path, height, width, str(run))
    way = way_to_read(run)
    if path.is_dir():
        samples = data.load(path, image_size=height, channels=channels, **way).samples
    else:
        samples = read_picture(path, Target(height, channels, **way))[None]
    _check_number(path, len(samples), shape)
    return samples.astype('float32') / 255


def _check_number(path: Path, count: int, shape: tuple[int, ...]) -> None:
    from gluongan.evaluation.memory import check_memory

    if count > MOST:
        raise Usage(f'--images {path}: holds {count:,} images; must be at most {MOST}')
    check_memory(count, shape, copies=COPIES, setting='images')


def _load_data(run: Path, data_at: str | None, changed_data: bool) -> tuple[Config, Dataset]:
    """Return the settings and the training data of a run, wherever its data is now."""
    from gluongan import build, loading

    config = loading.settle(run, data_at=data_at)
    train = build.load_data(config)
    loading.check_data(run, train, changed_data=changed_data)
    return config, train


def _test_images(config: Config, train: Dataset, count: int) -> np.ndarray:
    from gluongan import build
    from gluongan.data import NoSplit
    from gluongan.evaluation.memory import check_memory

    check_memory(count, train.shape, copies=COPIES, setting='test')
    try:
        test = build.require_test(config, train)
    except NoSplit as error:
        raise Usage(f'{error}, or --images must be given') from None
    return test.floats(slice(0, count))


def _train_encoder(
    gen: Chain, config: Config, iterations: int, shape: tuple[int, ...], classes: int, seed: int
) -> Chain:
    from gluongan.gan.inversion import train_encoder

    def report_progress(iteration: int, loss: float) -> None:
        text = f'mean squared error of z {loss:.3f}'
        line = f'encoder, iteration {iteration:,}: {text}'
        print_progress('encoder', iteration, iterations, text, line=line)

    return train_encoder(
        gen,
        config.latent,
        config.noise,
        iterations,
        shape=shape,
        classes=classes,
        seed=seed,
        report_progress=report_progress,
    )


def _table(results: dict[str, Inversion]) -> str:
    from gluongan.files import text_table

    rows = [_table_row(name, result) for name, result in results.items()]
    note = 'error: mean squared error of pixels in [0, 1]; found again: error of at most 0.001'
    return f'{text_table([HEADING, *rows])}\n{note}'


def _table_row(name: str, result: Inversion) -> tuple[str, ...]:
    import numpy as np

    error = result.error
    return (
        name,
        str(len(error)),
        f'{np.median(error):.5f}',
        f'{error.min():.5f}',
        f'{error.max():.5f}',
        f'{result.share_recovered():.0%}',
    )


def _write(
    out: Path,
    title: str,
    iteration: int,
    x: np.ndarray,
    results: dict[str, Inversion],
    inverter: Inverter,
) -> None:
    import numpy as np

    from gluongan import figures
    from gluongan.files import write_array, write_json
    from gluongan.gan.inversion import WALK_IMAGES, WALK_STEPS
    from gluongan.gan.sampling import pixels

    inversion = results['images']
    medians = {name: np.median(result.error) for name, result in results.items()}
    errors = {name: result.error.tolist() for name, result in results.items()}
    write_json(out / ERRORS, {'iteration': iteration, **errors})
    write_array(out / Z, inversion.z)
    sheet = figures.inversions(
        pixels(x),
        pixels(inversion.x),
        out / SHEET,
        note=f'median squared error: these images {medians["images"]:.4f}, '
        f'generated images {medians["generated"]:.5f}, noise {medians["noise"]:.3f}',
        title=f'{title}: images and the nearest that the generator makes',
    )
    echo(sheet)
    if len(x) > 1:
        legs = figures.most_walks(WALK_IMAGES - 1, WALK_STEPS + 1, x.shape[1:])
        _write_walk(out, title, pixels(inverter.walk(inversion.z[: legs + 1])))


def _write_walk(out: Path, title: str, walk: np.ndarray) -> None:
    """Write a walk from image to image as a sheet with a row for each leg, and as a GIF."""
    from gluongan import figures
    from gluongan.gan.inversion import split_walk

    sheet = figures.walks(
        split_walk(walk),
        out / STRIP,
        title=f'{title}: from image to image',
        note='interpolation between the reconstructions',
    )
    echo(sheet)
    echo(figures.walk(walk, out / CLIP))
