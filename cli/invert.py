"""gluongan invert."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .faults import Usage, refusals
from .options import DEVICE, RUN, WHICH

if TYPE_CHECKING:
    import numpy as np

    from gluongan.config import Config
    from gluongan.gan.inversion import Inversion

MOST, CONTROLS, LEG = 256, (16, 64), 12


@click.command(short_help="Find the noise of images: what a run's generator can and cannot make.")
@RUN
@click.option(
    '--images',
    type=click.Path(path_type=Path),
    metavar='FILE|FOLDER',
    help='A picture, or a folder of pictures.',
)
@click.option(
    '--test',
    type=click.IntRange(1, MOST),
    metavar='N',
    help=f"The first N test images of the run's data, up to {MOST}. [default: 16]",
)
@click.option(
    '--starts',
    type=click.IntRange(1, 64),
    default=4,
    show_default=True,
    help='Guesses for each image (and for each class of a conditional run); the best is taken.',
)
@click.option(
    '--steps',
    type=click.IntRange(1, 100_000),
    default=400,
    show_default=True,
    help='Of gradient descent on z.',
)
@click.option(
    '--prior',
    type=click.FloatRange(0, 100),
    default=1e-3,
    show_default=True,
    help='Weight of the pull of z toward the noise that G was trained on.',
)
@click.option(
    '--encoder',
    type=click.IntRange(1, 10**7),
    metavar='N',
    help='First train an encoder from images to z for N '
    'iterations, on pairs that G makes; its guess is then one of the starts.',
)
@click.option(
    '--seed',
    type=click.IntRange(0, 2**31 - 1),
    default=0,
    show_default=True,
    help='Of the guesses.',
)
@WHICH
@click.option(
    '--out',
    type=click.Path(path_type=Path),
    metavar='DIR',
    help='Where the files go. [default: RUN/inversion]',
)
@DEVICE
def invert(
    run: Path,
    images: Path | None,
    test: int | None,
    starts: int,
    steps: int,
    prior: float,
    encoder: int | None,
    seed: int,
    which: str,
    out: Path | None,
    device: str,
) -> None:
    """Find the z whose picture by the generator of RUN is nearest to each image, by gradient descent from several starts.

    Beside the images' errors it prints those of images that the generator made, which must be found again, and of noise, which
    must not. It writes originals, reconstructions and differences, a walk from each image to the next through their z as a
    sheet and a GIF, and all numbers.

    \b
    gluongan invert runs/00000-dense-mnist
    gluongan invert runs/00000-dense-mnist --test 64 --encoder 2000
    gluongan invert runs/00000-dense-mnist --images my-digits/ --out mine
    """
    if images is not None and test is not None:
        raise Usage('--images and --test: must be one of them')
    with refusals():
        from gluongan import loading
        from gluongan.gan.inversion import Inverter
        from gluongan.runs import reading

        config, gen = loading.load_run(run, which=which, device=device)
        shape, classes = (
            reading.sample_shape(run),
            len(reading.class_names(run)) if config.conditional else 0,
        )
        if len(shape) != 3:
            raise Usage(f'{run}: makes points, not pictures; only pictures are inverted')
        x = _given(images, shape) if images is not None else _test(config, test or 16)
        found = _encoder(gen, config, encoder, shape, classes, seed) if encoder else None
        inverter = Inverter(
            gen,
            config.latent,
            config.noise,
            classes=classes,
            starts=starts,
            steps=steps,
            prior=prior,
            seed=seed,
            encoder=found,
        )
        sets = {'images': x, **_controls(gen, config, classes, len(x), shape)}
        results = {name: inverter.invert(each) for name, each in sets.items()}
        click.echo(_table(results))
        _write(out or run / 'inversion', f'{config.recipe} on {config.data}', x, results, inverter)


def _given(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    from gluongan.data import folder

    channels, height, width = shape
    if height != width:
        raise Usage(
            f'--images {path}: this run makes pictures of {width} × {height}; only square ones are read'
        )
    if path.is_dir():
        samples = folder.load(path, image_size=height, channels=channels).samples
    else:
        samples = folder.read_picture(path, height, channels)[None]
    if len(samples) > MOST:
        raise Usage(f'--images {path}: holds {len(samples):,} pictures; must be at most {MOST}')
    return samples.astype('float32') / 255


def _test(config: Config, count: int) -> np.ndarray:
    from gluongan import build

    return build.load_data(config, 'test').floats(slice(0, count))


def _encoder(
    gen: Any, config: Config, iterations: int, shape: tuple[int, ...], classes: int, seed: int
) -> Any:
    from gluongan.gan.inversion import train_encoder

    def told(iteration: int, loss: float) -> None:
        click.echo(
            f'encoder, iteration {iteration:,}: mean squared error of z {loss:.3f}', err=True
        )

    return train_encoder(
        gen,
        config.latent,
        config.noise,
        iterations,
        shape=shape,
        classes=classes,
        seed=seed,
        told=told,
    )


def _controls(
    gen: Any, config: Config, classes: int, count: int, shape: tuple[int, ...]
) -> dict[str, np.ndarray]:
    """As many images as there are, but 16 to 64: some that G made, and some of noise."""
    import numpy as np

    from gluongan.gan.sampling import Sampler

    count = min(max(count, CONTROLS[0]), CONTROLS[1])
    sampler = Sampler(gen, config.noise, config.latent, [str(k) for k in range(classes)])
    made, _ = sampler.sheet(list(range(-(-count // max(1, classes)))))
    return {
        'generated': made[:count],
        'noise': np.random.default_rng(0).random((count, *shape), dtype=np.float32),
    }


def _table(results: dict[str, Inversion]) -> str:
    import numpy as np

    rows = [
        ('', 'number', 'median error', 'smallest', 'largest', 'found again'),
        *(
            (
                name,
                f'{len(each.error)}',
                f'{np.median(each.error):.5f}',
                f'{each.error.min():.5f}',
                f'{each.error.max():.5f}',
                f'{each.found():.0%}',
            )
            for name, each in results.items()
        ),
    ]
    lines = (f'{a:<10}{b:>7}{c:>14}{d:>10}{e:>10}{f:>13}' for a, b, c, d, e, f in rows)
    return '\n'.join(
        [*lines, 'error: mean squared, of pixels in [0, 1]; found again: at most 0.001']
    )


def _write(
    out: Path, about: str, x: np.ndarray, results: dict[str, Inversion], inverter: Any
) -> None:
    import numpy as np

    from gluongan import figures
    from gluongan.files import write_array, write_json
    from gluongan.gan.sampling import pixels

    found = results['images']
    write_json(out / 'errors.json', {name: each.error.tolist() for name, each in results.items()})
    write_array(out / 'z.npy', found.z)
    note = (
        f'median squared error {np.median(found.error):.4f}; of what G made {np.median(results["generated"].error):.5f}, '
        f'of noise {np.median(results["noise"].error):.3f}'
    )
    click.echo(
        figures.inversions(
            pixels(x),
            pixels(found.x),
            out / 'inversion.png',
            note=note,
            title=f'{about}: images and the nearest that G makes',
        )
    )
    if len(x) > 1:
        walk = pixels(inverter.walk(found.z[:9], LEG))
        rows = [walk[at : at + LEG + 1] for at in range(0, len(walk) - 1, LEG)]
        click.echo(
            figures.walks(
                rows,
                out / 'walk.png',
                title=f'{about}: from image to image',
                note='through the z of both',
            )
        )
        click.echo(figures.walk(walk, out / 'walk.gif'))
