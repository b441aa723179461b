"""SIGKILL at random moments of every writing command; then it is resumed or repeated.

Half of the kills come by the clock. The others come at one of the command's writes, with half of
what it writes in the file. A command may be killed several times before it is let through.
"""

from __future__ import annotations

import os
import signal
import time

from full_disk import Disk

from .commands import differences, ended, finish, left_behind, next_words, unreadable

MOST_KILLS = 3


def torture(random, name, command, expected, place):
    """Kill a command, finish it, and return (counts, findings)."""
    counts, findings = {'kills': 0}, []
    while counts['kills'] < MOST_KILLS:
        was_killed = _kill(random, command, expected, place)
        counts['kills'] += was_killed
        findings += [f'unreadable: {file}' for file in unreadable(place)]
        if not was_killed or random.random() < 0.5:
            break
    how, problem = finish(place, command)
    counts[how] = 1
    if problem:
        findings.append(f'failed: {how}, {problem}')
    findings += [f'different: {file}' for file in differences(expected.files, place)]
    findings += [f'left: {file}' for file in left_behind(expected, place)]
    return counts, findings


def _kill(random, command, expected, place):
    """Run a command and kill it; return whether it was still running."""
    words, _ = next_words(place, command)
    if random.random() < 0.5:
        process = place.start(words)
        time.sleep(random.uniform(0, 1.05 * expected.seconds))
        os.kill(process, signal.SIGKILL)
        return ended(process) == -signal.SIGKILL
    at = int(random.integers(1, expected.writes + 1))
    return place.run(words, lambda: Disk(setattr, at, _kill_itself)) == -signal.SIGKILL


def _kill_itself(path):
    os.kill(os.getpid(), signal.SIGKILL)
