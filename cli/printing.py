"""The only way to the terminal: what a user called something never moves the cursor there.

Names of files, classes and runs may hold newlines, sequences that clear the screen, letters that
turn the direction of text, or bytes that are no text. Here they become escapes that can be read.
"""

from __future__ import annotations

import json
from typing import Any

import click

from gluongan.errors import as_printable
from gluongan.ranks.launched import rank


def echo(*lines: object, err: bool = False) -> None:
    """Print lines, each as one, whatever names are in it; to stderr if `err`.

    Of several ranks the first prints, and the others only what has gone wrong.
    """
    for line in lines:
        if rank() and not str(line).startswith('Error: '):
            continue
        click.echo(as_printable(str(line)), err=err)


def echo_text(text: str, *, err: bool = False) -> None:
    """Print a text of several lines whose names are printable already, such as a table."""
    echo(*text.split('\n'), err=err)


def echo_json(values: Any) -> None:
    """Print JSON, one value a line, its letters of all languages as they are."""
    for line in json.dumps(values, indent=1, ensure_ascii=False).split('\n'):
        click.echo(''.join(each if each.isprintable() else json.dumps(each)[1:-1] for each in line))
