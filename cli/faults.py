"""One sentence for each user's mistake, and its exit code: 2 for usage, 1 for failure.

The package names settings as Python does. Here, and only here, they become flags.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from gluongan.config import ConfigError, knobs
from gluongan.errors import GluonganError, as_typed

from .printing import echo

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NO_PATH = (errno.ENAMETOOLONG, errno.ELOOP)  # what was typed can be no path
_SETTING = re.compile(r'`([a-z][a-z0-9_]*)`')


class Usage(click.ClickException):
    """What was asked for is impossible; nothing has been done."""

    exit_code = 2


@contextmanager
def refusals() -> Iterator[None]:
    """Turn the package's own errors into one line without a traceback.

    Any other error is a fault of the package, which exits.py reports.
    """
    try:
        yield
    except BrokenPipeError:
        raise  # `gluongan ... | head`: click exits without a message
    except GluonganError as error:
        raise _refusal(sentence(error), error.exit_code) from None
    except OSError as error:
        raise _refusal(_reason(error), 2 if error.errno in NO_PATH else 1) from None
    except MemoryError as error:
        raise click.ClickException(str(error) or 'out of memory') from None


@contextmanager
def settings_from(file: Path | None, names: Collection[str]) -> Iterator[None]:
    """Let a refusal of a setting that a JSON file gave name the file and the setting, not a flag.

    names: the settings that came from `file` and that no flag overrides.
    """
    try:
        yield
    except GluonganError as error:
        # Flags are known to click, so a name that is not a setting came from the file.
        unknown = error.setting is None and isinstance(error, ConfigError)
        if file is None or not (unknown or error.setting in names):
            raise
        raise _refusal(f'--config {file}: {error}', error.exit_code) from None


def _reason(error: OSError) -> str:
    if error.filename is None and error.errno in NO_ROOM:  # every file is named
        return f'standard output or standard error: cannot be written ({error.strerror})'
    if error.filename is None and error.errno == errno.ENOENT:  # of os.getcwd
        return 'the working folder: no longer exists; must be one that exists'
    if error.filename is None or not error.strerror:
        return str(error)
    if error.errno == errno.ENAMETOOLONG:
        return f'{error.filename}: is too long; must be a path of names of up to 255 bytes each'
    return f'{error.filename}: {error.strerror}'


def _refusal(message: str, exit_code: int) -> click.ClickException:
    exception = click.ClickException(message)
    exception.exit_code = exit_code
    return exception


def sentence(error: GluonganError) -> str:
    """Return what an error says, with its settings as flags."""
    message = with_flags(error.message)
    if error.setting is None:
        return message
    name = flag(error.setting) if _is_flag(error.setting) else error.setting
    if error.value is None:
        return f'{name}: {message}'
    return f'{name} {as_typed(error.value)}: {message}'


def with_flags(text: str) -> str:
    """Return a message with each setting in backticks as its flag: `gen_lr` becomes --gen-lr."""

    def replace(match: re.Match[str]) -> str:
        return flag(match[1]) if _is_flag(match[1]) else match[0]

    return _SETTING.sub(replace, text)


def _is_flag(setting: str) -> bool:
    """Return whether the running command has a flag for a setting, or `train` if none runs."""
    context = click.get_current_context(silent=True)
    if context is None:
        return setting in knobs()
    return any(flag(setting) in parameter.opts for parameter in context.command.params)


def flag(setting: str) -> str:
    """Return the flag of a setting: `gen_lr` is --gen-lr."""
    return '--' + setting.replace('_', '-')


def parameter_name(parameter: click.Parameter | None) -> str:
    """Return what the help calls an option or an argument."""
    if isinstance(parameter, click.Option):
        return max(parameter.opts, key=len)
    if parameter is None:
        return 'an argument'
    return parameter.metavar or (parameter.name or '').upper()


def warning(text: str) -> str:
    """Return the line of a warning of the package, with its settings as flags."""
    return f'Warning: {with_flags(text)}'


def warn(text: str) -> None:
    """Print a warning of the package to stderr, with its settings as flags."""
    echo(warning(text), err=True)
