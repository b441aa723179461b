"""What the tests of benchmarks.search share: a search whose commands are played.

Their part has a function that writes what they would write.
"""

from __future__ import annotations

import csv
import json
import math
import os
import sys
from collections import Counter
from pathlib import Path
from typing import ClassVar

sys.path.append(str(Path(__file__).resolve().parents[1]))

from benchmarks import search as program
from benchmarks.searching.commands import Outcome
from gluongan.runs.folder import METRICS
from gluongan.runs.snapshots import list_snapshots, snapshot_path

SPEC = {
    'recipe': 'dense',
    'metric': 'samples/swd',
    'settings': {'data': 'synthetic', 'eval_every': 10},
    'search': {
        'lr': {'low': 1e-4, 'high': 1e-1, 'log': True},
        'gen_hidden': [[16], [32, 16], []],
        'beta1': {'low': 0.0, 'high': 0.9, 'step': 0.1},
    },
    'rungs': {'first': 10, 'factor': 3, 'iterations': 90},
}
FD = 'lenet_fd2k_test'
MINUTES_OF_TEN = 1.0  # that ten iterations take in the play below


class Killed(BaseException):
    """What ends a search at once, as SIGKILL would: nothing of it catches this."""


def swd(config, iterations):
    """The metric of the play: a learning rate of 0.01 is best."""
    return abs(math.log10(config['lr']) + 2) + config['beta1'] / 10 + 1 / iterations


class Play:
    """In place of Runner: it makes the files of `gluongan train` and `gluongan evaluate` at once.

    said: {trial: error} of commands that fail. words: all that were run.
    """

    said: ClassVar[dict[int, str]] = {}
    words: ClassVar[list[list[str]]] = []
    # Numbers of trials' commands, at whose ends the search is killed.
    kills: ClassVar[list[int]] = []

    def __init__(self, stop, keep=()):
        self.stop = stop

    def __call__(self, words, output, *, seconds, on_time=lambda elapsed: None):
        Play.words.append(list(words))
        number = int(output.parent.name) if output.parent.name.isdecimal() else -1
        if number in self.said:
            return Outcome(1, self.said[number], False)
        minutes = self.train(words) if words[0] == 'train' else self.evaluate(words)
        if 60 * minutes > seconds:
            on_time(seconds)
            return Outcome(130, 'Stopped', True)
        on_time(60 * minutes)
        if sum('/trials/' in ' '.join(each) for each in Play.words) in self.kills:
            raise Killed
        return Outcome(0, '', False)

    def train(self, words):
        option = dict(zip(words[1::2], words[2::2]))
        if '--resume' in option:
            run = Path(option['--resume'])
            config = json.loads((run / 'config.json').read_text())
            config['iterations'] = int(option['--iterations'])
        else:
            config = json.loads(Path(option['--config']).read_text())
            run = Path(option['--out'], '00000-dense-synthetic')
            (run / 'snapshots').mkdir(parents=True)
        before = max([iteration for iteration, _ in list_snapshots(run)], default=0)
        (run / 'config.json').write_text(json.dumps(config))
        iterations = config['iterations']
        snapshot_path(run, iterations).write_text('')
        with open(run / METRICS, 'a') as file:
            row = {'iteration': iterations, 'samples/swd': swd(config, iterations)}
            file.write(json.dumps(row) + '\n')
        return (iterations - before) / 10 * MINUTES_OF_TEN

    def evaluate(self, words):
        option = dict(zip(words[2::2], words[3::2]))
        config = json.loads((Path(words[1]) / 'config.json').read_text())
        value = swd(config, config['iterations'])
        Path(option['--json']).write_text(json.dumps({'metrics': {FD: value, 'pixel_mean2k': 1}}))
        return 0.1


def go(tmp_path, *, out='out', minutes=1e4, most=9, stop=lambda: False, runner=Play, **changes):
    """Search with changes of SPEC, and return the folder. None takes a part away."""
    content = {name: part for name, part in {**SPEC, **changes}.items() if part is not None}
    file = tmp_path / 'spec.json'
    file.write_text(json.dumps(content))
    folder = tmp_path / out
    program.search(
        file,
        folder,
        command='python -m benchmarks.search',
        interrupt=stop,
        minutes=minutes,
        most=most,
        runner=runner,
    )
    return folder


def rows(folder):
    """The rows of trials.csv by the number of the trial."""
    with open(folder / 'trials.csv', newline='') as file:
        return {int(row['trial']): row for row in csv.DictReader(file)}


def without_minutes(folder):
    return [{**row, 'minutes': ''} for row in rows(folder).values()]


def states(folder):
    return Counter(row['state'] for row in rows(folder).values())


def new_play(monkeypatch):
    """Begin a new Play, without what takes long: waiting for the disk, figures, importance."""
    from benchmarks.searching import page

    monkeypatch.setattr(os, 'fsync', lambda file: None)
    monkeypatch.setattr(page, 'parallel', lambda spec, rows, path: None)
    monkeypatch.setattr(page, 'importance', lambda spec, rows: None)
    for name, value in (('said', {}), ('words', []), ('kills', [])):
        monkeypatch.setattr(Play, name, value)
    return Play
