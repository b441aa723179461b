"""Where a command writes: names that no two different commands share, and nothing of another's."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from hashlib import sha256
from pathlib import Path

import click

from gluongan.errors import InputError, as_typed
from gluongan.files import check_writable, real_path
from gluongan.runs.folder import check_not_of_run, is_run

from .faults import Usage, flag, parameter_name, refusals

MANIFEST = 'manifest.json'
PICTURE = '.png'
READ = ('data', 'data_at', 'path')  # options that are text and may name a file
LONGEST = 80  # bytes of a part of a name
# Options that change where or how a result is computed, and not what it is.
WITHOUT_NAME = ('out', 'device')


def check_target(path: Path, *, folder: bool = False, setting: str | None = None) -> None:
    """Raise InputError where a file, or files in a folder, cannot or must not be written at `path`.

    setting: the option that gave `path`, if any. Then `check_not_taken` holds, too.
    """
    if setting:
        check_not_taken(path, setting, folder=folder)
    check_writable(path, folder=folder, setting=setting)


def check_not_taken(path: Path, setting: str, *, folder: bool = False) -> None:
    """Raise InputError where the running command reads `path`, or something else made it.

    That is a run, an export, or another command in the folder of a run.
    """
    _check_not_given_twice(path, setting, folder)
    command = click.get_current_context().command.name
    check_not_of_run(path, setting, folder=folder, command=command)
    _check_not_of_export(path, setting)


def _check_not_given_twice(path: Path, setting: str, folder: bool) -> None:
    """Raise InputError where another argument of the running command names `path` or its folder.

    In a folder of pictures that the command reads, a new picture would be read the next time.
    """
    makes_pictures = folder or path.suffix == PICTURE
    place = real_path(path)
    context = click.get_current_context()
    for parameter in context.command.params:
        given = context.params.get(parameter.name or '')
        is_path = isinstance(given, Path) or parameter.name in READ
        if given in (None, '') or not is_path or flag(setting) in parameter.opts:
            continue
        other = real_path(given)
        is_option = isinstance(parameter, click.Option)
        name = parameter_name(parameter) if is_option else 'the argument'
        is_within = other in (place, *place.parents) and _is_read(other, given)
        if place == other and not place.is_dir():
            problem = f'is also given as {name}; must be another name'
        elif is_within and place.is_file():
            problem = f'is a file in {given}, which the command reads; must be another name'
        elif is_within and makes_pictures:
            problem = f'is in {given}, whose pictures the command reads; must be in another folder'
        else:
            continue
        raise InputError(problem, setting=setting, value=path)


def _is_read(folder: Path, given: object) -> bool:
    """Return whether a path is a folder whose files are read as data."""
    if not folder.is_dir() or is_run(folder) or _is_export(folder):
        return False
    from gluongan.data import NAMES

    return given not in NAMES  # built-in data is no folder


def _check_not_of_export(path: Path, setting: str) -> None:
    """Raise InputError where `path` is one of the files that make up an export."""
    if path.exists() and _is_export(path.parent):
        from gluongan.exports.manifest import is_part

        if is_part(path):
            problem = f'is a file of the export {path.parent}; must be another name'
            raise InputError(problem, setting=setting, value=path)


def _is_export(folder: Path) -> bool:
    """Return what `gluongan.exports.is_export` does, without MXNet."""
    return (folder / MANIFEST).is_file()


def output(
    out: Path | None,
    default: Path,
    ending: str,
    *,
    option: str = '--out',
    beside: Collection[str] = (),
) -> Path:
    """Return the path of an output file that can be written. Raises Usage for another ending.

    beside: endings of further files that are written after it, under the same name. Those of
    another origin, which are there without it, are not overwritten.
    """
    path = out or default
    if path.suffix != ending:
        raise Usage(f'{option} {path}: must end in {ending}')
    setting = out and option[2:].replace('-', '_')
    with refusals():
        check_target(path, setting=setting)
        others = [path.with_suffix(each) for each in beside]
        for other in others:
            check_target(other, setting=setting)
        check_beside(path, others, f'{option} {path}')
    return path


def check_beside(first: Path, others: Iterable[Path], given: str) -> None:
    """Raise Usage where one of `others`, which a command writes after `first`, is there without it.

    given: what was given, as it begins the message.
    """
    for other in others:
        if other.exists() and not first.exists():
            raise Usage(
                f'{given}: would overwrite {other}, which another command made; '
                'must be another name'
            )


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
    return str(real_path(value)) if isinstance(value, Path) else as_typed(value)


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
    # A name that is no text, as Latin-1 under UTF-8, is its bytes.
    content = text.encode(errors='surrogateescape')
    short = kept.encode(errors='ignore')[:LONGEST].decode(errors='ignore')
    # Some file systems take A and a for the same, or ä in one character and in two.
    if short == text and (text.isascii() or text.isalnum()) and text == text.lower():
        return text
    return f'{short[: LONGEST // 2]}-{sha256(content).hexdigest()[:8]}'


def sheet_title(
    kind: str, run: Path, name: str | None, iteration: int | None, which: str = 'last'
) -> str:
    """Return what a sheet shows: the run, the class that was asked for, and the iteration.

    iteration: None where it is not known, as of some exports. which: the snapshot that was asked
    for, which is said of the best one.
    """
    parts = [f'{kind} {real_path(run).name}']
    if name is not None:
        parts.append(f'class {name}')
    if iteration is not None:
        best = ' (best)' if which == 'best' else ''
        parts.append(f'iteration {iteration:,}{best}')
    return ', '.join(parts)
