"""One sentence for a user's mistake, and its exit code: 2 for usage, 1 for failure.

The package names settings as Python does. Here, and only here, they become flags.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import click

from gluongan.config import knobs
from gluongan.errors import GluonganError, as_typed

_SETTING = re.compile(r'`([a-z][a-z0-9_]*)`')


class Usage(click.ClickException):
    """What was asked for is impossible; nothing has been done."""

    exit_code = 2


@contextmanager
def refusals() -> Iterator[None]:
    """Turn the package's own errors into one line without a traceback; any other error is a bug, and stays visible."""
    try:
        yield
    except BrokenPipeError:
        raise  # `gluongan ... | head`: click ends it without a word
    except GluonganError as error:
        exception = click.ClickException(sentence(error))
        exception.exit_code = error.exit_code
        raise exception from None
    except (OSError, MemoryError) as error:
        raise click.ClickException(str(error) or 'out of memory') from None


def sentence(error: GluonganError) -> str:
    """Return what an error says, with its settings as flags."""
    message = with_flags(error.message)
    if error.setting is None:
        return message
    if error.value is None:
        return f'{flag(error.setting)}: {message}'
    return f'{flag(error.setting)} {as_typed(error.value)}: {message}'


def with_flags(text: str) -> str:
    """Return a text of the package with each setting in backticks as its flag: `gen_lr` becomes --gen-lr."""
    settings = {'device', *knobs()}

    def replace(match: re.Match[str]) -> str:
        return flag(match[1]) if match[1] in settings else match[0]

    return _SETTING.sub(replace, text)


def flag(setting: str) -> str:
    """Return the flag of a setting: `gen_lr` is --gen-lr."""
    return '--' + setting.replace('_', '-')
