"""One sentence for a user's mistake, and the exit code that goes with it: 2 for usage, 1 for failure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

USAGE = (
    'CalibrationError',
    'ConfigError',
    'DataError',
    'DeviceError',
    'JudgeError',
    'RunError',
    'SamplingError',
    'TrialError',
)


class Usage(click.ClickException):
    """What was asked for is impossible; nothing has been done."""

    exit_code = 2


@contextmanager
def told() -> Iterator[None]:
    """Turn the package's own errors into one line without a traceback; what is no such error stays a bug, and visible."""
    try:
        yield
    except ValueError as error:
        if type(error).__module__.startswith('gluongan.'):
            raise _fault(error) from None
        raise
    except BrokenPipeError:
        raise  # `gluongan ... | head`: click ends it without a word
    except (ArithmeticError, OSError, MemoryError) as error:
        if isinstance(error, ArithmeticError) and not type(error).__module__.startswith(
            'gluongan.'
        ):
            raise
        raise click.ClickException(str(error) or 'out of memory') from None


def _fault(error: ValueError) -> click.ClickException:
    is_usage = type(error).__name__ in USAGE
    return Usage(str(error)) if is_usage else click.ClickException(str(error))
