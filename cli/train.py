"""gluongan train."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from gluongan.config import Config, ConfigError, parse_json
from gluongan.files import as_json, check_out, next_number
from gluongan.recipes import RECIPES, recipe
from gluongan.runs.folder import check_resumable, read_config, run_name
from gluongan.trainer import Interrupt

from .compare import print_comparison
from .faults import Usage, refusals, with_flags
from .knobs import Grouped, knob_flags, typed
from .options import parse_seeds


@click.command(cls=Grouped, short_help='Train a GAN and keep everything about it in a run folder.')
@click.option(
    '--recipe',
    'name',
    metavar=f'[{"|".join(RECIPES)}]',
    help='Start from a named system; see `gluongan recipes`. [default: dense]',
)
@click.option(
    '--config',
    'file',
    type=click.Path(path_type=Path),
    metavar='FILE.json',
    help='Settings in a JSON object; a '
    "run's config.json is one. Flags win over it, and it wins over the recipe.",
)
@click.option(
    '--resume',
    type=click.Path(path_type=Path),
    metavar='RUN',
    help='Go on with a run where its newest snapshot left it, exactly; --iterations may be raised.',
)
@click.option(
    '--out',
    type=click.Path(path_type=Path),
    default=Path('runs'),
    show_default=True,
    metavar='DIR',
    help='Where the numbered run folder is made.',
)
@click.option(
    '--seeds',
    metavar='LIST',
    help='Train once with each of these seeds, such as 0-4, one run after the other, and '
    'compare them.',
)
@click.option(
    '-n',
    '--dry-run',
    is_flag=True,
    help='Check everything, print the settings and the folder, and stop.',
)
@knob_flags
def train(
    name: str | None,
    file: Path | None,
    resume: Path | None,
    out: Path,
    seeds: str | None,
    dry_run: bool,
    **flags: Any,
) -> None:
    """Train a GAN and keep everything about it in a run folder: settings, logs, samples, figures, snapshots.

    \b
    gluongan train                                                   dense, on the bundled digits
    gluongan train --recipe vanilla --iterations 20000 --lr 0.0005
    gluongan train --gen-hidden 128,512 --dis-hidden 512 --loss minimax
    gluongan train --data path/to/pictures --image-size 32 --channels 3
    gluongan train --resume runs/00000-dense-mnist --iterations 30000
    gluongan train --seeds 0-4 --judge-every 1000                    five runs, and a table with mean ± deviation
    """
    given = typed(flags)
    if seeds is not None and (resume or 'seed' in given):
        raise Usage(
            f'--seeds {seeds}: makes new runs, each with its own seed; leave out {"--resume" if resume else "--seed"}'
        )
    with refusals():
        config = (
            _resumed_config(resume, name, file, given) if resume else _config(name, file, given)
        )
        configs = (
            [config]
            if seeds is None
            else [config.with_settings({'seed': seed}) for seed in parse_seeds(seeds)]
        )
        with (
            Interrupt() as interrupt
        ):  # from here on, so that a Ctrl-C while things load ends the run as any other does
            runs = [
                _begin(config, resume, out, dry_run, interrupt)
                for config in (configs[:1] if dry_run else configs)
            ]
        if len(runs) > 1:
            print_comparison(runs, out / f'compared-{runs[0].name}')


def _config(name: str | None, file: Path | None, flags: dict[str, Any]) -> Config:
    settings = _read(file) if file else {}
    chosen = settings.get('recipe', 'dense') if name is None else name
    try:
        return recipe(chosen).with_settings({**settings, **flags, 'recipe': chosen})
    except ConfigError as error:
        if file and not flags:  # with flags beside the file, either may be at fault
            raise ConfigError(f'--config {file}: {error}') from None
        raise


def _read(file: Path) -> dict[str, Any]:
    try:
        return parse_json(file.read_text(encoding='utf-8'), f'--config {file}')
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f'--config {file}: cannot be read ({getattr(error, "strerror", "not UTF-8 text")})'
        ) from None


def _resumed_config(
    run: Path, name: str | None, file: Path | None, flags: dict[str, Any]
) -> Config:
    saved = read_config(run)
    given = {**(_read(file) if file else {}), **flags}
    if name is not None:
        given = {**recipe(name).to_dict(), **given}
    config = saved.with_settings(given)
    check_resumable(run, saved, config)
    return config


def _begin(
    config: Config, resume: Path | None, out: Path, dry_run: bool, interrupt: Interrupt
) -> Path:
    """Train one run to its end and return its folder."""
    check_out(out)
    from gluongan.data import bundled

    if config.data == 'mnist':
        bundled.prefetch()  # decodes on the other core while MXNet is imported
    from gluongan import launch

    if dry_run:
        launch.prepare(config)
        click.echo(as_json(config.to_dict()), nl=False)
        click.echo(
            f'would {"go on in" if resume else "make"} {resume or out / _next(out, config)}',
            err=True,
        )
        return out
    if resume:
        run = launch.resume(resume, config, _warn)
    else:
        run = launch.begin(config, out, sys.argv, _warn)
    if run.done():
        click.echo(
            f'{run.folder} is at {run.updater.iteration:,} already; to go on, raise --iterations',
            err=True,
        )
    click.echo(
        f'{config.recipe} on {config.data}: iterations {run.updater.iteration:,} to {config.iterations:,} in '
        f'{run.folder}',
        err=True,
    )
    _train(run, interrupt)
    return run.folder


def _next(out: Path, config: Config) -> str:
    return f'{next_number(out):05d}-{run_name(config)}'


def _train(run: Any, interrupt: Interrupt) -> None:
    from gluongan.gan.updater import NonFinite
    from gluongan.snapshot import SnapshotError

    try:
        run.run(interrupt)
    except (NonFinite, SnapshotError) as error:
        raise type(error)(f'{error}; {_rescue(run.folder)}') from None
    if run.interrupted:
        click.echo(
            f'Stopped at iteration {run.updater.iteration:,}; go on with\n'
            f'  gluongan train --resume {shlex.quote(str(run.folder))}',
            err=True,
        )
        sys.exit(128 + interrupt.signal)
    if run.stopped:
        click.echo(f'Stopped at iteration {run.updater.iteration:,}: {run.stopped}', err=True)
    folder = shlex.quote(str(run.folder))
    click.echo(
        f'Pictures   {run.folder / "figures"} and {run.folder / "training.gif"}\n'
        f'New ones   gluongan sample {folder} --seeds 0-63\n'
        f'Any good?  gluongan evaluate {folder}\n'
        f'Go on      gluongan train --resume {folder} --iterations {2 * run.total}'
    )


def _rescue(run: Path) -> str:
    from gluongan.runs.snapshots import list_snapshots

    kept = list_snapshots(run)
    return (
        f'the last good snapshot is {kept[-1][1]}'
        if kept
        else f'it came before the first snapshot in {run}'
    )


def _warn(text: str) -> None:
    click.echo(f'Warning: {with_flags(text)}', err=True)
