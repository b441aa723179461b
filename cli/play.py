"""gluongan play."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import click

from gluongan.runs.folder import PLAY

from .faults import Usage, refusals
from .knobs import PATH
from .options import DATA_AT, THREADS, WHICH, find_generator
from .outputs import at_snapshot, default_stem, output, safe
from .printing import echo
from .shell import complete_generator

MOST = 2  # generators in a page


@click.command(short_help='Write a page in which anybody can play with a generator.')
@click.argument(
    'sources',
    type=PATH,
    nargs=-1,
    required=True,
    metavar='RUN|EXPORT [RUN|EXPORT]',
    shell_complete=complete_generator,
)
@click.option(
    '--dis',
    type=PATH,
    metavar='EXPORT',
    help='The exported discriminator that judges the pictures of an exported generator. A run has '
    'its own.',
)
@WHICH
@click.option(
    '--out',
    type=PATH,
    metavar='FILE.html',
    help='The page. [default: RUN/play-at-ITERATION.html, with the options that are given; of two '
    'play-NAME-NAME.html in the current folder]',
)
@click.option('--open', 'opens', is_flag=True, help='Open the page in the browser.')
@DATA_AT
@THREADS
def play(
    sources: tuple[Path, ...],
    dis: Path | None,
    which: str,
    out: Path | None,
    opens: bool,
    data_at: str | None,
) -> None:
    """Write one HTML file that runs the generator of RUN in the browser.

    New pictures, sliders along the principal directions of z, a walk between two pictures, a sheet
    of the classes, truncation, what the discriminator says, the training, and spot the fake with a
    score; for fully connected networks also: draw a digit, and see the nearest that G can make.
    With a second RUN, both stand side by side.

    The file needs no other and no network, and can be mailed. Its pictures are those of
    `gluongan sample` for the same seeds, to 1e-4. RUN may also be an export in MXNet's format, or
    mnist or fashion-mnist, a generator that ships with the package.

    \b
    gluongan play mnist --open
    gluongan play runs/00000-dense-mnist
    gluongan play runs/00000-dense-mnist runs/00001-dcgan-mnist --out both.html
    """
    if len(sources) > MOST:
        raise Usage(f'{len(sources)} generators are given; must be one or two')
    with refusals():
        from gluongan.pages.play import play as write_page

        found = [find_generator(source) for source in sources]
        folders = [folder for folder, _ in found]
        path = output(out, _default(folders, found[0][1], which), '.html')
        write_page(folders, path, which=which, data_at=data_at, dis=dis)
    echo(path)
    if opens:
        webbrowser.open(path.absolute().as_uri())


def _default(folders: list[Path], beginning: str, which: str) -> Path:
    """Return where the page goes that was given no name."""
    if len(folders) == 1:
        base = f'{beginning}{PLAY}{at_snapshot(folders[0], which)}'
        without = ['which', 'opens']
    else:
        base = '-'.join([PLAY, *(safe(folder.name) for folder in folders)])
        without = ['opens']
    return Path(f'{default_stem(base, without)}.html')
