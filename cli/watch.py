"""gluongan watch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import click
from click.core import ParameterSource

from gluongan.runs.folder import check_folder

from .faults import Usage, flag, refusals
from .options import RUN
from .printing import echo

WATCH = click.option(
    '--watch',
    is_flag=True,
    help='Serve a page that shows the training as it goes on, at an address of this machine that '
    'is printed; see `gluongan watch`.',
)
HOST = click.option(
    '--host',
    default='127.0.0.1',
    show_default=True,
    metavar='ADDRESS',
    help='The address to listen on. Any other than the default lets other machines see the run.',
)
PORT = click.option(
    '--port',
    type=click.IntRange(0, 65_535),
    default=0,
    show_default='any that is free',
    help='The port to listen on.',
)


@click.command(short_help='Serve the page of a run that trains, updating by itself.')
@RUN
@HOST
@PORT
def watch(run: Path, host: str, port: int) -> None:
    """Serve the page of RUN to browsers on this machine, updating by itself, until Ctrl-C.

    It shows progress and the time left, the newest losses, D(x) and D(G(z)), the newest samples,
    the alarm and the judge, and everything that `gluongan report` has. RUN may be training in
    another process, or have ended, or have been killed. The folder is only read, and MXNet is not
    needed. `gluongan train --watch` does the same for a run that it begins.

    It answers requests for its own address alone, and no method but GET and HEAD.

    \b
    gluongan watch runs/00000-dense-mnist
    gluongan watch runs/00000-dense-mnist --port 8000
    """
    with refusals():
        from gluongan.pages import live

        check_folder(run)
        live.check_installed()
        with live.listen(host, port) as bound, live.LiveServer(run, bound, host) as server:
            echo(f'{run} is at {live.address_of(bound, host)} until Ctrl-C')
            server.serve_forever()


class View(NamedTuple):
    """Where a live view is served, and whether it stays after the training while somebody looks."""

    host: str
    port: int
    stays: bool


def view_of(watch: bool, host: str, port: int, *, stays: bool) -> View | None:
    """Return the live view that a training is to have, None for none.

    Raises Usage for options of a view that there is not, and for a port that is taken.
    """
    context = click.get_current_context()
    for name in ('host', 'port'):
        is_given = context.get_parameter_source(name) != ParameterSource.DEFAULT
        if is_given and not watch:
            raise Usage(f'{flag(name)}: applies to the live view alone; must be used with --watch')
    if not watch:
        return None
    with refusals():
        from gluongan.pages import live

        live.check_installed()
        live.listen(host, port).close()
    return View(host, port, stays)


@contextmanager
def watching(view: View | None) -> Iterator[Callable[[Path], None]]:
    """Serve a live view while the block runs, and then for as long as somebody looks.

    The block is given a function that takes the run, as soon as there is one. Without a run the
    view ends with the block.
    """
    if view is None:
        yield lambda run: None
        return
    from gluongan.pages import live

    beside = live.Beside(view.host, view.port)
    echo(f'Watch      {beside.address}', err=True)
    try:
        yield beside.show
    finally:
        if view.stays and beside.shows_run:
            beside.leave()
        else:
            beside.end()
