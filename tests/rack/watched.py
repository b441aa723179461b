"""Judges mutated files in a process that is watched for its errors, its time and its memory."""

from __future__ import annotations

import collections
import contextlib
import multiprocessing
import os
import re
import resource
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, NamedTuple

import numpy as np

SECONDS = 10  # of processor time, for one case
MEMORY = 2**30  # bytes that a case may use beyond what the process has at the start
ADDRESSES = 6 * 2**30  # bytes that the process may ask for; MXNet reserves much that it never uses
MOST_HANGS = 3

Files = dict  # {name in the folder: content}


class Subject(NamedTuple):
    """What is mutated, and how it is read.

    seeds: intact examples, {name: bytes} each. tamper: (random, seeds) → a mutated example.
    judge: (example, folder that holds it) → `refused`, `loaded`, or what is wrong.
    """

    seeds: list
    tamper: Callable[[np.random.Generator, list], Files]
    judge: Callable[[Files, Path], str]


class Watched(NamedTuple):
    """What came of the cases: {verdict: case numbers}, their number, and the two peaks."""

    verdicts: dict
    cases: int
    seconds: float  # of processor time, of the slowest case
    memory: int  # bytes beyond the start, of the largest case


def watch(subject, cases, *, seed=0, first=0, until=float('inf')):
    """Judge the cases from `first` on. Stops at three hangs, or when `time.time()` is `until`."""
    verdicts = collections.defaultdict(list)
    number, stop, peaks = first, first + cases, [0.0, 0]
    while number < stop and len(verdicts['hang']) < MOST_HANGS and time.time() < until:
        work = (subject, number, stop, seed, until)
        number = _watch_until_it_fails(work, verdicts, peaks)
    kept = {verdict: numbers for verdict, numbers in verdicts.items() if numbers}
    return Watched(kept, number - first, *peaks)


def _watch_until_it_fails(work, verdicts, peaks):
    """Judge cases in one new process, and return the number of the next case."""
    _, number, stop, _, _ = work
    context = multiprocessing.get_context('spawn')
    pipe, far_end = context.Pipe(duplex=False)
    process = context.Process(target=_judge_all, args=(far_end, *work))
    process.start()
    far_end.close()
    failed = 1
    try:
        while number < stop:
            if _hangs(pipe, process):
                verdicts['hang'].append(number)
                break
            number, verdict, seconds, memory = pipe.recv()
            if verdict == 'no time left':
                failed = 0
                break
            if verdict:
                verdicts[verdict].append(number)
                peaks[:] = max(peaks[0], seconds), max(peaks[1], memory)
                number += 1
    except EOFError:
        process.join()
        verdicts[f'crash {process.exitcode}'].append(number)
    process.kill()
    process.join()
    return min(number + failed, stop)


def _hangs(pipe, process):
    """Wait for the next message; return whether none came in time."""
    start, used = time.monotonic(), _processor_seconds(process)
    while not pipe.poll(1):
        spent = _processor_seconds(process) - used
        if spent > 2 * SECONDS or time.monotonic() - start > 15 * SECONDS:
            return True
    return False


def _processor_seconds(process):
    """On a busy machine a case may wait for long; it hangs only if it computes for long."""
    with contextlib.suppress(OSError):
        fields = Path(f'/proc/{process.pid}/stat').read_text().rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')
    return 0


# In the process that is watched


def _judge_all(pipe, subject, start, stop, seed, until):
    """Judge cases with limited memory; send the number of each before, and its verdict after."""
    import gluongan.exports  # noqa: F401 -- before the limit

    pages = int(Path('/proc/self/statm').read_text().split()[0])
    limit = pages * resource.getpagesize() + ADDRESSES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # warnings about the data
    before = 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(start, stop):
            if time.time() > until:
                pipe.send((number, 'no time left', 0, 0))
                break
            pipe.send((number, None, 0, 0))
            before = before or _memory('VmRSS')
            verdict, seconds, memory = judge_one(
                subject, number, seed, Path(folder, 'case'), before
            )
            pipe.send((number, verdict, seconds, memory))


def judge_one(subject, number, seed, folder, before):
    """Return the verdict about one case, its processor time, and its memory beyond `before`."""
    files = subject.tamper(np.random.default_rng([seed, number]), subject.seeds)
    lay(files, folder)
    _forget_peak()
    start = time.process_time()
    try:
        verdict = subject.judge(files, folder)
    except Exception as error:
        verdict = f'{type(error).__name__}: {_without_numbers(error)}'
    seconds, memory = time.process_time() - start, _memory('VmHWM') - before
    if seconds > SECONDS:
        verdict = f'took {seconds:.0f} s ({verdict:.40})'
    if memory > MEMORY:
        verdict = f'took {memory / 2**30:.1f} GB ({verdict:.40})'
    return verdict, seconds, memory


def lay(files, folder):
    """Make `folder` hold these files and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def refusal(error: Any) -> str:
    """Return `refused` for an error of one sentence, else what is wrong with it."""
    message = str(error)
    if '\n' in message or len(message) >= 1000:
        return f'not one sentence: {message:.300}'
    return 'refused'


def _without_numbers(error):
    """Return the words of an error so that the same fault reads the same."""
    return re.sub(r'0x[0-9a-f]+|[0-9]+', 'N', str(error))[:160]


def _memory(entry):
    """Return an amount in bytes of /proc/self/status; VmHWM is the peak of VmRSS."""
    match = re.search(rf'{entry}:\s+(\d+) kB', Path('/proc/self/status').read_text())
    return int(match[1]) * 1024 if match else 0


def _forget_peak():
    with contextlib.suppress(OSError):
        Path('/proc/self/clear_refs').write_text('5')
