"""One base class for all errors: the sentence, the exit code, and the setting at fault.

Messages of the package never name a command-line flag. They name settings as Python does, `gen_lr`;
the command line turns `setting`, and every setting in backticks, into `--gen-lr`.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from numbers import Integral
from typing import Any

LONGEST_REASON = 160  # letters of what another library says
_NOT_QUOTED = range(0x20, 0x7F)  # bytes that a shell word has as they are


class GluonganError(Exception):
    """What the package raises for a user's mistake or a failed run: one sentence.

    message: what is wrong, and what is allowed; names in it become printable.
    setting: the setting or argument at fault, such as `gen_lr`; None where no single one is.
    value: what it was given; None where that says nothing.
    names: those that it may be, where it is a name; the message ends with the nearest.
    exit_code: that of a command which ends with this error: 2 for usage or bad data, 1 for failure.

    >>> print(GluonganError('must be at least 1', setting='batch', value=0))
    batch 0: must be at least 1
    >>> print(GluonganError('runs/7: is not a run folder'))
    runs/7: is not a run folder
    >>> known = {'value': 'minmax', 'names': ['hinge', 'minimax']}
    >>> print(GluonganError('must be hinge or minimax', setting='loss', **known))
    loss minmax: must be hinge or minimax (did you mean minimax?)
    """

    exit_code = 1

    def __init__(
        self,
        message: str,
        *,
        setting: str | None = None,
        value: Any = None,
        names: Iterable[Any] = (),
    ) -> None:
        message += did_you_mean(value, names)
        super().__init__(message)
        self.message = as_printable(message)
        self.setting = setting
        self.value = value

    def __str__(self) -> str:
        if self.setting is None:
            return self.message
        if self.value is None:
            return f'{self.setting}: {self.message}'
        return f'{self.setting} {as_printable(as_typed(self.value))}: {self.message}'


class InputError(GluonganError, ValueError):
    """The request is impossible, or the data that it names cannot be used: exit code 2."""

    exit_code = 2


class FailureError(GluonganError, ValueError):
    """The request is possible, but it failed: exit code 1."""


def did_you_mean(given: Any, names: Iterable[Any]) -> str:
    """Return ` (did you mean NAME?)` with the name that is most like what was given.

    given: a text, or several, of which the first counts that is not among the names. Capitals and
    dashes make no difference. The result is '' where nothing is alike.

    >>> did_you_mean('WGAN-GP', ['dense', 'wgan_gp']), did_you_mean('vae', ['dense', 'wgan_gp'])
    (' (did you mean wgan_gp?)', '')
    >>> did_you_mean(('flip', 'shfit'), ['flip', 'shift'])
    ' (did you mean shift?)'
    """
    near = nearest_name(given, names)
    return f' (did you mean {near}?)' if near else ''


def nearest_name(given: Any, names: Iterable[Any]) -> str:
    """Return the name that `did_you_mean` asks for, '' for none."""
    known = [name for name in names if isinstance(name, str)]
    texts = [given] if isinstance(given, str) else given
    if not known or not isinstance(texts, (list, tuple)):
        return ''
    from difflib import get_close_matches  # here, as most programs need no such message

    plain = {_without_case(name): name for name in known}
    for text in texts:
        if isinstance(text, str) and text not in known:
            near = get_close_matches(_without_case(text), plain, n=1)
            return plain[near[0]] if near else ''
    return ''


def _without_case(name: str) -> str:
    return name.lower().lstrip('-').replace('-', '_')


def as_typed(value: Any) -> str:
    """Return a value as a user would type it.

    >>> as_typed((256, 512)), as_typed(()), as_typed(None), as_typed(True), as_typed(0.5)
    ('256,512', 'none', 'none', 'true', '0.5')
    >>> print(as_typed(''))
    ''
    """
    if isinstance(value, (tuple, list)):
        return ','.join(map(str, value)) or 'none'
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return str(value) or "''"


def as_printable(text: str) -> str:
    r"""Return a text in which each character that cannot be printed is an escape.

    Those are control characters and line breaks, marks that turn the direction of text, and what
    stands for bytes that are no text. No two characters become the same escape.

    >>> print(as_printable('a' + chr(10) + 'b' + chr(27) + '[2J'), as_printable('café'))
    a\nb\x1b[2J café
    """
    if text.isprintable():
        return text
    return ''.join(each if each.isprintable() else escape(each) for each in text)


def escape(character: str) -> str:
    r"""Return a character as Python writes it where it cannot be shown, such as `\x1b`."""
    return character.encode('unicode_escape').decode('ascii')


def shell_word(path: object) -> str:
    r"""Return a path as a word for a shell; one that cannot be printed as bash's $'...'.

    >>> shell_word('my runs'), shell_word('a\n')
    ("'my runs'", "$'a\\x0a'")
    """
    text = str(path)
    if text.isprintable():
        return shlex.quote(text)
    kept = (each in _NOT_QUOTED and chr(each) not in "'\\" for each in os.fsencode(text))
    parts = (chr(b) if keep else f'\\x{b:02x}' for b, keep in zip(os.fsencode(text), kept))
    return f"$'{''.join(parts)}'"


def reason(error: BaseException) -> str:
    r"""Return what an error of another library says, fit for a part of a sentence.

    Such texts may have many lines, or hold what a file has in place of a name.

    >>> reason(ValueError('bad name ' + 'x' * 1000)).endswith('xxx…')
    True
    >>> reason(OSError(2, 'No such file')), reason(ValueError('a' + chr(10) + 'b'))
    ('No such file', 'a')
    >>> reason(UnicodeDecodeError('utf-8', b'', 0, 1, '')), reason(RecursionError('of Python'))
    ('it is not UTF-8 text', 'it is nested too deeply')
    """
    if isinstance(error, UnicodeDecodeError):
        return 'it is not UTF-8 text'
    if isinstance(error, RecursionError):
        return 'it is nested too deeply'
    if 'set_int_max_str_digits' in str(error):  # a remedy for programmers
        return 'a number has too many digits'
    text = as_printable(getattr(error, 'strerror', None) or str(error).partition('\n')[0])
    return text if len(text) <= LONGEST_REASON else text[:LONGEST_REASON] + '…'


def check_count(setting: str, value: Any, least: int = 1) -> None:
    """Raise InputError where a value is not a whole number of at least `least`.

    >>> check_count('keep', 2)
    >>> check_count('keep', 0)
    Traceback (most recent call last):
    gluongan.errors.InputError: keep 0: must be a whole number of at least 1
    """
    is_whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_whole or value < least:
        raise InputError(
            f'must be a whole number of at least {least}', setting=setting, value=value
        )
