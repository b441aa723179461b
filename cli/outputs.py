"""Where a command writes: names that no two different commands share, and nothing of another's."""

from __future__ import annotations

import re
from collections.abc import Collection
from hashlib import sha256
from pathlib import Path

import click

from gluongan.errors import as_typed
from gluongan.files import check_writable
from gluongan.runs.folder import check_not_of_run, is_run

from .faults import Usage, refusals

LONGEST = 80  # bytes of a part of a name
# Options that change where or how a result is computed, and not what it is.
WITHOUT_NAME = ('out', 'device')


def check_target(path: Path, *, folder: bool = False, setting: str | None = None) -> None:
    """Raise InputError where a file, or files in a folder, cannot or must not be written at `path`.

    setting: the option that gave `path`, if any. Then `path` must not be among what a run made.
    """
    if setting:
        check_not_of_run(path, setting)
    check_writable(path, folder=folder, setting=setting)


def output(
    out: Path | None,
    default: Path,
    ending: str,
    *,
    flag: str = '--out',
    beside: Collection[str] = (),
) -> Path:
    """Return the path of an output file that can be written. Raises Usage for another ending.

    beside: endings of further files that are written after it, under the same name. Those of
    another origin, which are there without it, are not overwritten.
    """
    path = out or default
    if path.suffix != ending:
        raise Usage(f'{flag} {path}: must end in {ending}')
    setting = out and flag[2:].replace('-', '_')
    with refusals():
        check_target(path, setting=setting)
        for other in (path.with_suffix(each) for each in beside):
            check_target(other, setting=setting)
            if other.exists() and not path.exists():
                raise Usage(
                    f'{flag} {path}: would overwrite {other}, which another command made; '
                    'must be another name'
                )
    return path


def unused(default: Path) -> Path:
    """Return a path that was not asked for, if nothing is there. Raises Usage."""
    if default.exists():
        raise Usage(
            f'{default}: exists already, perhaps from other settings; '
            'must be removed, or be named with --out to be replaced'
        )
    return default


def at_snapshot(run: Path, which: str) -> str:
    """Return a part of a name that says which iteration of a run an output is of.

    An export has only one.
    """
    from gluongan.runs.snapshots import find_snapshot

    return f'-at-{int(find_snapshot(run, which).stem)}' if is_run(run) else ''


def default_stem(base: str, without: Collection[str] = ()) -> str:
    """Return a name for what the running command writes: `base`, and each option that was given.

    So commands with different options have different names.
    without: the options that are in `base` already.
    """
    context = click.get_current_context()
    parts = [base]
    for option in context.command.params:
        value = context.params.get(option.name or '')
        is_named = isinstance(option, click.Option) and option.name not in (*WITHOUT_NAME, *without)
        if is_named and value not in (None, option.get_default(context)):
            parts.append(f'{max(option.opts, key=len)[2:]}-{safe(_text(value))}')
    return '-'.join(parts)


def _text(value: object) -> str:
    return str(value.resolve()) if isinstance(value, Path) else as_typed(value)


def safe(text: str) -> str:
    """Return a part of a file's name that no other text has.

    Letters of all languages, digits and some signs stay. Where something must go, or the text is
    long, a hash of the whole text is added.

    >>> safe('0-3,7'), safe('猫')
    ('0-3,7', '猫')
    >>> safe('a/b') == safe('ab')
    False
    """
    kept = re.sub(r'[^\w,.-]', '', text)
    short = kept.encode()[:LONGEST].decode(errors='ignore')
    # Some file systems take A and a for the same, or ä in one character and in two.
    if short == text and (text.isascii() or text.isalnum()) and text == text.lower():
        return text
    return f'{short[: LONGEST // 2]}-{sha256(text.encode()).hexdigest()[:8]}'


def sheet_title(kind: str, run: Path, name: str | None, which: str) -> str:
    """Return what a sheet shows: the run, the class that was asked for, and the snapshot."""
    parts = [f'{kind} {run.resolve().name}']
    if name is not None:
        parts.append(f'class {name}')
    if which != 'last':
        parts.append(f'snapshot {which}')
    return ', '.join(parts)
