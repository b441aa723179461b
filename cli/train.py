"""gluongan train."""

from __future__ import annotations

import signal
import sys
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from gluongan.config import Config, knobs
from gluongan.errors import InputError, reason, shell_word
from gluongan.files import as_json, check_writable, next_number, read_text
from gluongan.ranks.launched import rank
from gluongan.recipes import RECIPES, recipe
from gluongan.runs.events import import_packages
from gluongan.runs.folder import (
    CLIP,
    FIGURES_FOLDER,
    check_resumable,
    parse_json,
    read_config,
    run_name,
)
from gluongan.trainer import Interrupt

from .compare import print_comparison
from .effects import what_wins, without_result
from .exits import remember_run, say
from .faults import Usage, refusals, sentence, settings_from, warn
from .jobs import JOBS, Asked, SideBySide, check_jobs
from .knobs import PATH, Grouped, knob_flags, typed
from .notes import say_what_loads
from .options import CHANGED_DATA, THREADS, parse_seeds, remembered
from .outputs import check_target
from .printing import echo, echo_text
from .shell import complete_recipe, complete_run
from .watch import HOST, PORT, WATCH, View, view_of, watching

if TYPE_CHECKING:
    from types import ModuleType

    from gluongan.trainer import Trainer


@click.command(cls=Grouped, short_help='Train a GAN; everything about it goes into a run folder.')
@click.option(
    '--recipe',
    'name',
    metavar=f'[{"|".join(RECIPES)}]',
    shell_complete=complete_recipe,
    help='Start from the settings of this recipe; see `gluongan recipes`. [default: dense]',
)
@click.option(
    '--config',
    'file',
    type=PATH,
    metavar='FILE.json',
    help='Read settings from a JSON object, such as the config.json of a run. Flags override it, '
    'and it overrides the recipe; if it names a recipe, also the choice of --recipe.',
)
@click.option(
    '--resume',
    type=PATH,
    metavar='RUN',
    shell_complete=complete_run,
    callback=remembered,
    help='Continue a run exactly from its newest snapshot; --iterations may be raised, and --data '
    'says where its data is if it has moved.',
)
@click.option(
    '--init-from',
    type=PATH,
    metavar='RUN|EXPORT',
    shell_complete=complete_run,
    help='Begin with the weights of this run (its newest snapshot) or export, where names and '
    'shapes agree, with fresh optimisers.',
)
@click.option(
    '--out',
    type=PATH,
    default=Path('runs'),
    show_default=True,
    metavar='DIR',
    help='Where the numbered run folder is made.',
)
@click.option(
    '--seeds',
    metavar='LIST',
    help='Train once with each of these seeds, such as 0-4, one run after the other or --jobs at '
    'a time, and compare the runs.',
)
@JOBS
@click.option(
    '-n',
    '--dry-run',
    is_flag=True,
    help='Check everything, print the settings and the folder, and stop.',
)
@click.option(
    '--tensorboard',
    is_flag=True,
    help='Write RUN/tensorboard too, for TensorBoard. A resumed run goes on with it by itself.',
)
@WATCH
@HOST
@PORT
@CHANGED_DATA
@THREADS
@knob_flags
def train(
    name: str | None,
    file: Path | None,
    resume: Path | None,
    init_from: Path | None,
    out: Path,
    seeds: str | None,
    jobs: int | None,
    dry_run: bool,
    tensorboard: bool,
    watch: bool,
    host: str,
    port: int,
    changed_data: bool,
    **flags: Any,
) -> None:
    """Train a GAN. Its settings, logs, samples, figures and snapshots go into a run folder.

    \b
    gluongan train                                                   dense, on the bundled digits
    gluongan train --recipe vanilla --iterations 20000 --lr 0.0005
    gluongan train --gen-hidden 128,512 --dis-hidden 512 --loss minimax
    gluongan train --data path/to/pictures --image-size 32 --channels 3
    gluongan train --resume runs/00000-dense-mnist --iterations 30000
    gluongan train --data my/pictures --init-from runs/00000-dcgan-mnist
    gluongan train --seeds 0-4 --judge-every 1000                    five runs, compared
    gluongan train --seeds 0-7 --jobs 2                              two at a time
    """
    given = typed(flags)
    check_jobs(jobs, seeds, resume, watch)
    _check_seeds(seeds, resume, given)
    _check_out(resume, out)
    if init_from is not None and resume:
        raise Usage(
            f'--init-from {init_from}: has no effect with --resume, which continues with the '
            f'weights of {resume}; must be left out'
        )
    if changed_data and not resume:
        raise Usage('--changed-data: a new run has no earlier data; must be used with --resume')
    view = None if rank() else view_of(watch, host, port, stays=seeds is None)
    begin = partial(
        _begin,
        view=view,
        resume=resume,
        init_from=init_from,
        out=out,
        dry_run=dry_run,
        tensorboard=tensorboard,
        changed_data=changed_data,
    )
    with refusals():
        from_file = _read_settings(file) if file else {}
        asked = None if name is None else recipe(name)
        with settings_from(file, _settings_of_file(from_file, given, name, seeds)):
            config = _config(resume, name, from_file, given)
            warnings = [*what_wins(asked, file, from_file), *without_result(config, given)]
            for text in warnings:
                warn(text)
            configs = [config]
            if seeds is not None:
                configs = [config.with_settings({'seed': seed}) for seed in parse_seeds(seeds)]
            side_by_side = None
            if jobs is not None:
                words = Asked(name, file, given, init_from, out, tensorboard, warnings)
                side_by_side = SideBySide(configs, words, jobs)
                side_by_side.announce()
            if dry_run:
                configs = configs[:1]
            # From here on, Ctrl-C ends the run cleanly, even while MXNet and the data are loading.
            with Interrupt() as interrupt:
                if side_by_side and not dry_run:
                    runs = side_by_side.run(interrupt)
                else:
                    runs = [begin(each, interrupt) for each in configs]
        if len(runs) > 1 and not rank():
            print_comparison(runs, out / f'compared-{runs[0].name}')
        if side_by_side:
            side_by_side.check()


def _check_seeds(seeds: str | None, resume: Path | None, given: Collection[str]) -> None:
    if seeds is None:
        return
    numbers = parse_seeds(seeds)
    if len(set(numbers)) < len(numbers):
        raise Usage(f'--seeds {seeds}: has a seed twice, which would be the same run; must be once')
    for flag, is_given in (('--resume', resume is not None), ('--seed', 'seed' in given)):
        if is_given:
            raise Usage(
                f'--seeds {seeds}: makes new runs, each with its own seed; '
                f'must be used without {flag}'
            )


def _check_out(resume: Path | None, out: Path) -> None:
    context = click.get_current_context()
    if resume is not None and context.get_parameter_source('out') != ParameterSource.DEFAULT:
        raise Usage(
            f'--out {out}: has no effect with --resume, which continues in {resume}; '
            'must be left out'
        )


def _read_settings(file: Path) -> dict[str, Any]:
    try:
        text = read_text(file)
    except UnicodeDecodeError:
        raise Usage(f'--config {file}: is not UTF-8 text; must be saved as UTF-8') from None
    except (OSError, ValueError) as error:
        raise Usage(
            f'--config {file}: cannot be read ({reason(error)}); must be a JSON file of settings'
        ) from None
    return parse_json(text, f'--config {file}')


def _settings_of_file(
    from_file: Collection[str], given: Collection[str], name: str | None, seeds: str | None
) -> set[str]:
    """Return the settings whose refusal is the file's fault: those that it gives and no flag does.

    Without any flag that is every setting, as the file may contradict a default.
    """
    flags = set(given)
    if seeds is not None:
        flags.add('seed')
    if not flags and name is None:
        return set(knobs())
    return set(from_file) - flags


def _config(
    resume: Path | None, name: str | None, from_file: dict[str, Any], given: dict[str, Any]
) -> Config:
    """Return the settings: flags override the file, which overrides the recipe (or the run)."""
    if resume is None:
        chosen = from_file.get('recipe', name or 'dense')
        return recipe(chosen).with_settings({**from_file, **given, 'recipe': chosen})
    saved = read_config(resume)
    changes = {**from_file, **given}
    if name is not None:
        changes = {**recipe(name).to_dict(), **changes}
    config = saved.with_settings(changes)
    check_resumable(resume, saved, config)
    return config


def _begin(
    config: Config,
    interrupt: Interrupt,
    *,
    resume: Path | None,
    init_from: Path | None,
    out: Path,
    dry_run: bool,
    tensorboard: bool,
    changed_data: bool,
    view: View | None,
) -> Path:
    """Train one run to its end and return its folder."""
    if tensorboard:
        import_packages()
    if resume:
        check_writable(resume, folder=True, setting='resume')
    else:
        check_target(out, folder=True, setting='out')
    say_what_loads()
    with watching(None if dry_run else view) as show:  # before MXNet, whose import takes seconds
        launch = _load(config)
        if dry_run:
            updater, _ = launch.prepare(config, resume, changed_data=changed_data)
            if init_from is not None:
                launch.begin_with(updater, init_from)
            _print_plan(config, resume, out)
            return out
        if resume:
            run = launch.resume(
                resume, config, warn, changed_data=changed_data, tensorboard=tensorboard
            )
        else:
            run = launch.begin(
                config, out, sys.argv, warn, init_from=init_from, tensorboard=tensorboard
            )
        if not rank():
            show(run.folder)
            remember_run(run.folder)
        _announce(run, config)
        _train(run, interrupt)
    return run.folder


def _load(config: Config) -> ModuleType:
    """Return the module that begins runs, which imports MXNet."""
    from gluongan.data import bundled

    if config.data == 'mnist':
        bundled.prefetch()  # decodes on the other core while MXNet is imported
    from gluongan import launch

    return launch


def _print_plan(config: Config, resume: Path | None, out: Path) -> None:
    echo_text(as_json(config.to_dict()).rstrip())
    if resume:
        echo(f'would continue {resume}', err=True)
        return
    folder = out / f'{next_number(out):05d}-{run_name(config)}'
    echo(f'would make {folder}', err=True)


def _announce(run: Trainer, config: Config) -> None:
    iteration = run.updater.iteration
    if run.done():
        say(
            f'{run.folder} is already at iteration {iteration:,}; '
            'raise --iterations to train further'
        )
        return
    say(
        f'{config.recipe} on {config.data}: '
        f'iterations {iteration:,} to {config.iterations:,} in {run.folder}'
    )


def _train(run: Trainer, interrupt: Interrupt) -> None:
    from gluongan.gan.updater import NonFinite
    from gluongan.snapshot import SnapshotError

    try:
        run.run(run.updater.ranks.agreed(interrupt))
    except (NonFinite, SnapshotError) as error:
        raise type(error)(f'{error}; {_rescue(run.folder)}') from None
    iteration = run.updater.iteration
    folder = shell_word(run.folder)
    if run.interrupted:
        say(
            f'Stopped at iteration {iteration:,}; continue with',
            f'  gluongan train --resume {folder}',
        )
        # Where no signal came here, one came to another rank, or nobody reads.
        other = signal.SIGTERM if run.updater.ranks.size > 1 else signal.SIGPIPE
        sys.exit(128 + (interrupt.signal or other))
    if run.updater.ranks.rank > 0:  # the first writes the report
        return
    if run.stopped:
        echo(f'Stopped at iteration {iteration:,}: {run.stopped}', err=True)
    report = _write_report(run.folder)
    echo(
        f'Figures    {run.folder / FIGURES_FOLDER} and {run.folder / CLIP}',
        f'Report     {report}',
        f'Sample     gluongan sample {folder} --seeds 0-63',
        f'Evaluate   gluongan evaluate {folder}',
        f'Continue   gluongan train --resume {folder} --iterations {2 * run.total}',
    )


def _write_report(run: Path) -> str:
    """Write the page of a run; return its file, or in a sentence why there is none."""
    from gluongan.pages import report

    try:
        report.check_installed()
        say('writing the report')
        path, faults = report.write_report(run)
    except (report.PageError, InputError) as error:
        return sentence(error)
    for fault in faults:
        warn(fault)
    return str(path)


def _rescue(run: Path) -> str:
    """Return what a user can go back to after a failure."""
    from gluongan.runs.snapshots import list_snapshots

    snapshots = list_snapshots(run)
    if not snapshots:
        return f'{run} has no snapshot yet'
    _, newest = snapshots[-1]
    return f'the last good snapshot is {newest}'
