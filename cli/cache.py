"""gluongan cache."""

from __future__ import annotations

import click

from gluongan.errors import FailureError, reason
from gluongan.files import text_table

from .faults import refusals
from .printing import echo, echo_text

MB = 10**6


@click.command(short_help='List or remove the decoded pictures that are kept on disk.')
@click.option('--remove', is_flag=True, help='Remove all of them.')
def cache(remove: bool) -> None:
    """List the decoded pictures that are kept in files.

    Folders of pictures that take more than 0.5 GB when they are decoded are read once and kept in
    a folder: $GLUONGAN_CACHE, else gluongan in $XDG_CACHE_HOME or in ~/.cache.

    \b
    gluongan cache
    gluongan cache --remove
    """
    from gluongan.data import cache as kept

    with refusals():
        if remove:
            _remove()
            return
        entries = kept.entries()
        place = kept.place()
    if not entries:
        echo(f'{place}: is empty')
        return
    rows = [('pictures of', 'number', 'MB', 'in')]
    for entry in entries:
        size = f'{entry.size / MB:,.0f}'
        rows.append((entry.source, f'{entry.pictures:,}', size, str(entry.path)))
    echo_text(text_table(rows, left=(0, 3)))


def _remove() -> None:
    from gluongan.data import cache as kept

    try:
        removed = kept.remove_all()
    except OSError as error:
        what = error.filename or kept.place()
        raise FailureError(f'{what}: cannot be removed ({reason(error)})') from error
    size = sum(entry.size for entry in removed)
    echo(f'removed {len(removed)} from {kept.place()}: {size / MB:,.0f} MB')
