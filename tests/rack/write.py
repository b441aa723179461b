"""Writes that fail in every way: a command says so in one sentence, and goes on from where it was.

A failure is injected at one write of a command, or is real: a small tmpfs, a limit on the size of
files, folders without permission. A clock that goes backward and two commands at once must change
nothing.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from functools import cache, partial

from full_disk import Disk, failing

from .commands import contents, differences, ended, finish, left_behind, unreadable

INJECTED = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS, errno.EACCES)
OVERRIDE, SEARCH = 1, 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
CAPABILITIES = 0x20080522  # the version of the two structures
CONTENDED = ('is being trained', 'exists', 'is already at', 'not empty')


def torture(random, name, command, expected, place):
    """Let a write of a command fail, finish the command, and return (counts, findings)."""
    kinds = sorted(FAILURES) if can_mount() else sorted(set(FAILURES) - {'small disk'})
    kind = kinds[random.integers(len(kinds))]
    before = snapshots(place)
    with FAILURES[kind](random, command, expected, place) as results:
        findings = [finding for result in results for finding in said(place, *result)]
    findings += [f'unreadable: {file}' for file in unreadable(place)]
    if not set(before) <= set(snapshots(place)) and not command.trains:
        findings.append('different: a snapshot is gone')
    how, problem = finish(place, command)
    if problem and not (kind == 'two at once' and any(part in problem for part in CONTENDED)):
        findings.append(f'failed: {how}, {problem}')
    if kind != 'two at once' or command.run or not command.trains:
        findings += [f'different: {file}' for file in differences(expected.files, place)]
        findings += [f'left: {file}' for file in left_behind(expected, place)]
    return {kind: 1, how: 1}, [f'{kind}: {finding}' for finding in findings]


def snapshots(place):
    """Return the content of every snapshot."""
    return {path: path.read_bytes() for path in place.work.rglob('*.snapshot')}


def said(place, code, allowed=(), line=None):
    """Return what is wrong with how a command ended; it has failed unless that is allowed."""
    line = place.last_line() if line is None else line
    if code == 0:
        return [] if 0 in allowed else [f'silent: exit code 0, {line}']
    if code not in (1, 2) or not line.startswith('Error: ') or 'traceback' in line:
        return [f'badly said: exit code {code}, {line}']
    if '.tmp' in line or not re.search(r'[\w-]+\.\w+|runs|new', line):
        return [f'names no file: {line}']
    return []


# Injected


@contextlib.contextmanager
def injected(random, command, expected, place):
    """An error of the system at one write."""
    number = INJECTED[random.integers(len(INJECTED))]
    at = int(random.integers(1, expected.writes + 1))
    # An empty file needs no room, and a lost traceback is no lost result.
    code = place.run(command.words, lambda: _exit_code_if_full(Disk(setattr, at, failing(number))))
    yield [(code, _allowed(place))]


def _exit_code_if_full(disk):
    """Let the process write down beside its work whether the fault has happened."""
    fault = disk._fault

    def noted(path):
        os.close(os.open('../failed', os.O_CREAT | os.O_WRONLY))
        fault(path)

    disk._fault = noted


def _allowed(place):
    """Return the exit codes that are right beside a failure: 0 only where none has happened."""
    return () if (place.work.parent / 'failed').exists() else (0,)


@contextlib.contextmanager
def permission_lost(random, command, expected, place):
    """From one write on, no folder may be written to."""
    at = int(random.integers(1, expected.writes + 1))

    def prepare():
        Disk(setattr, at, lambda path: set_modes(place.work, 0o555))
        drop_override()

    code = place.run(command.words, prepare)
    set_modes(place.work, 0o755)
    yield [(code, (0,))]  # after the last new file, permission is of no importance


def set_modes(folder, mode):
    """Change the mode of a folder and of all folders in it."""
    for path in [folder, *folder.rglob('*')]:
        if path.is_dir():
            path.chmod(mode)


def drop_override():
    """Let root obey the modes of files, as other users do."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(CAPABILITIES, 0)
    sets = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0
    sets[0] &= ~(1 << OVERRIDE | 1 << SEARCH)
    assert libc.capset(header, sets) == 0


# Real


@contextlib.contextmanager
def read_only(random, command, expected, place):
    """A folder that was read-only from the start."""
    set_modes(place.work, 0o555)
    code = place.run(command.words, drop_override)
    set_modes(place.work, 0o755)
    yield [(code,)]


@contextlib.contextmanager
def file_limit(random, command, expected, place):
    """No file may be larger than some of those that the command writes."""
    sizes = [len(content) for content in expected.files.values() if isinstance(content, bytes)]
    largest = max(sizes, default=10_000)
    size = int(random.integers(1, max(2, largest)))
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (size, size))
    yield [(place.run(command.words, limit), (0,))]


@cache
def can_mount():
    """Whether this process may make a file system: root, but not in every container."""
    with tempfile.TemporaryDirectory() as folder:
        words = ['mount', '-t', 'tmpfs', '-o', 'size=64k', 'x', folder]
        try:
            done = subprocess.run(words, capture_output=True, check=False)
        except OSError:
            return False
        if done.returncode == 0:
            subprocess.run(['umount', folder], check=True)
        return done.returncode == 0


@contextlib.contextmanager
def small_disk(random, command, expected, place):
    """A tmpfs that fills up; needs root."""
    held = {path: path.read_bytes() for path in place.work.rglob('*') if path.is_file()}
    used = sum(map(len, held.values())) // 1024 + 8 * len(held)
    size = used + int(random.integers(4, 400))
    subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size}k', 'x', place.work], check=True)
    try:
        for path, content in held.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        code = place.run(command.words)
        left = shutil.copytree(place.work, place.work.with_name('left'))
    finally:
        subprocess.run(['umount', place.work], check=True)
    shutil.rmtree(place.work)
    left.rename(place.work)
    yield [(code, (0,))]


# What must change nothing


@contextlib.contextmanager
def clock_backward(random, command, expected, place):
    """The clock goes back an hour at each look at it."""

    def prepare():
        now, looks = time.time, [0]

        def back():
            looks[0] += 1
            return now() - 3600 * looks[0]

        time.time = back

    for path in place.work.rglob('*'):
        os.utime(path, (2**31, 2**31))
    yield [(place.run(command.words, prepare), (0,))]


@contextlib.contextmanager
def two_at_once(random, command, expected, place):
    """The same command twice at the same time: one may be refused, and nothing is mixed."""
    first = place.start(command.words)
    time.sleep(random.uniform(0, expected.seconds / 2))
    second = place.start(command.words, partial(_print_beside, place))
    results = []
    for process, file in ((first, place.printed), (second, place.printed.with_name('second.txt'))):
        code = ended(process)
        lines = file.read_text(errors='replace').splitlines()
        results.append((code, (0,), lines[-1] if lines else ''))
    runs = [path for path in sorted((place.work / 'runs').glob('*')) if path.is_dir()]
    if command.trains and not command.run:
        own = {
            name.partition('/')[2].partition('/')[2]: text for name, text in expected.files.items()
        }
        for run in runs:
            found = contents(run)
            wrong = [name for name in own if own[name] is not None and own[name] != found.get(name)]
            if wrong or set(own) != set(found):
                results.append((1, (), f'{run.name}: {wrong or set(own) ^ set(found)}'))
    if all(code for code, *_ in results):
        results.append((0, (), 'neither has succeeded'))
    yield results


def _print_beside(place):
    output = os.open(place.printed.with_name('second.txt'), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    sys.stdout.flush()
    os.dup2(output, 1)
    os.dup2(output, 2)


FAILURES = {
    'injected': injected,
    'permission lost': permission_lost,
    'read-only': read_only,
    'limit of file size': file_limit,
    'small disk': small_disk,
    'clock backward': clock_backward,
    'two at once': two_at_once,
}
