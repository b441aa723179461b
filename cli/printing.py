"""The only way to the terminal: what a user called something never moves the cursor there.

Names of files, classes and runs may hold newlines, sequences that clear the screen, letters that
turn the direction of text, or bytes that are no text. Here they become escapes that can be read.
"""

from __future__ import annotations

import json
import os
import shlex
from typing import Any

import click

from gluongan.errors import as_printable

NOT_QUOTED = range(0x20, 0x7F)  # bytes that are printed as they are


def echo(*lines: object, err: bool = False) -> None:
    """Print lines, each as one, whatever names are in it; to stderr if `err`."""
    for line in lines:
        click.echo(as_printable(str(line)), err=err)


def echo_text(text: str, *, err: bool = False) -> None:
    """Print a text of several lines whose names are printable already, such as a table."""
    echo(*text.split('\n'), err=err)


def echo_json(values: Any) -> None:
    """Print JSON, one value a line, its letters of all languages as they are."""
    for line in json.dumps(values, indent=1, ensure_ascii=False).split('\n'):
        click.echo(''.join(each if each.isprintable() else json.dumps(each)[1:-1] for each in line))


def shell_word(path: object) -> str:
    r"""Return a path as a word for a shell; one that cannot be printed as bash's $'...'.

    >>> shell_word('my runs'), shell_word('a\n')
    ("'my runs'", "$'a\\x0a'")
    """
    text = str(path)
    if text.isprintable():
        return shlex.quote(text)
    kept = (each in NOT_QUOTED and chr(each) not in "'\\" for each in os.fsencode(text))
    parts = (chr(b) if keep else f'\\x{b:02x}' for b, keep in zip(os.fsencode(text), kept))
    return f"$'{''.join(parts)}'"
