"""gluongan report."""

from __future__ import annotations

from pathlib import Path

import click

from gluongan.runs.folder import REPORT, check_folder

from .compare import beside_runs, runs_among
from .faults import Usage, refusals, warn
from .knobs import PATH
from .outputs import check_target
from .printing import echo
from .shell import complete_run

PAGE = '.html'


@click.command(short_help='Write one page about a run, or about several, for a browser.')
@click.argument(
    'runs', nargs=-1, required=True, type=PATH, metavar='RUN [RUN ...]', shell_complete=complete_run
)
@click.option(
    '--out',
    type=PATH,
    metavar='FILE.html',
    help='The file for the page. [default: RUN/report.html; of several runs report-NUMBERS.html '
    'beside the first]',
)
def report(runs: tuple[Path, ...], out: Path | None) -> None:
    """Write one page about a run: how good it is, samples, training, figures, metrics, curves.

    The page is one file that can be mailed: it opens offline, and nothing on it is fetched from
    anywhere. `gluongan train` writes it at the end of a run; after `gluongan evaluate`, this
    command writes it again with the evaluation. It works without MXNet, and on a run that still
    trains.

    Of several runs, the page compares them as `gluongan compare` does, with their samples side by
    side. Files and folders that are not runs are skipped with a line that says so.

    \b
    gluongan report runs/00000-dense-mnist
    gluongan report runs/00000-dense-mnist runs/00001-dcgan-mnist --out compared.html
    """
    if out is not None and out.suffix != PAGE:
        raise Usage(f'--out {out}: must end in {PAGE}')
    with refusals():
        from gluongan.pages import report as pages

        pages.check_installed()
        if len(runs) == 1:
            check_folder(runs[0])
            kept = list(runs)
            target = out or runs[0] / REPORT
        else:
            kept = runs_among(runs)
            target = out or beside_runs(kept, Path(REPORT).stem, PAGE)
        check_target(target, setting=out and 'out')
        pages.check_replaceable(target, setting=out and 'out')
        if len(kept) == 1:
            path, faults = pages.write_report(kept[0], target)
        else:
            path, faults = pages.write_comparison(kept, target)
    for fault in faults:
        warn(fault)
    echo(path)
