"""The writing commands: what they are given, how they go on after a failure, what they must leave.

Each runs in a fork of this process, which has imported everything but computed nothing yet: a
start takes milliseconds, and a SIGKILL hits the same code as in a process of its own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
import time
import traceback
from typing import NamedTuple

import numpy as np
import tiny
from PIL import Image

LAST = 24
EVERY = {'log_every': 4, 'sample_every': 6, 'eval_every': 6, 'snapshot_every': 3}
RUN = 'runs/00000-dense-synthetic'
SMALL = {
    'dense': {'gen_hidden': (16,), 'dis_hidden': (16,), 'image_size': 8},
    'conv': {'conv_width': 4, 'image_size': 8},
    'points': {'data': 'ring8', 'gen_hidden': (16,), 'dis_hidden': (16,), 'image_size': None},
}
RECIPES = {
    **{name: SMALL['dense'] for name in ('dense', 'vanilla', 'binarized', 'goodfellow', 'wgan')},
    **{name: SMALL['dense'] for name in ('conditional', 'wgan_gp', 'projection')},
    **{name: SMALL['conv'] for name in ('dcgan', 'lsgan', 'dragan', 'sngan', 'sn_projection')},
    **{name: SMALL['conv'] for name in ('modulated', 'modulated_projection')},
    'mixture': SMALL['points'],
}
# Of these the clock is a part.
TIMES = ('seconds', 'elapsed', 'time', 'started', 'images_per_second', 'iterations_per_second')


class Command(NamedTuple):
    """words: of the command line. run: whether it is given a finished run to work on.

    trains: it continues with `train --resume`, all others by being repeated.
    """

    words: list
    run: bool = True
    trains: bool = False


def commands():
    """Return {name: Command}: every recipe, and every command that writes."""
    found = {}
    for name, small in RECIPES.items():
        threads = 1 if len(found) % 2 else 2
        found[f'train {name}'] = Command(train_words(name, small, threads), False, True)
    return {
        **found,
        'train --resume': Command(
            ['train', '--resume', RUN, '--iterations', LAST + 12], True, True
        ),
        'export': Command(['export', RUN, '--out', 'new']),
        'export onnx': Command(['export', RUN, '--out', 'new', '--format', 'onnx']),
        'judge train': Command(
            [
                *['judge', 'train', '--data', 'synthetic', '--image-size', 12],
                *['--epochs', 1, '--out', 'x.judge'],
            ],
            False,
        ),
        'judge calibrate': Command(
            [
                *['judge', 'calibrate', '--data', 'synthetic', '--image-size', 12],
                *['--samples', 100, '--draws', 1, '--out', 'x.json'],
            ],
            False,
        ),
        'bench': Command(
            ['bench', '--devices', 'cpu', '--modes', 'hybrid', '--seconds', 0.1, '--out', 'new'],
            False,
        ),
        'compare': Command(['compare', RUN, 'twin', '--out', 'new']),
        'evaluate': Command(['evaluate', RUN, '--samples', 100]),
        'sample': Command(['sample', RUN, '--seeds', '0-7']),
        'sample --to folder': Command(['sample', RUN, '--to', 'new', '--count', 12]),
        'sample --to npz': Command(['sample', RUN, '--to', 'new.npz', '--count', 12]),
        'interpolate': Command(['interpolate', RUN, '--seeds', '0,1', '--steps', 3]),
        'invert': Command(['invert', RUN, '--test', 2, '--steps', 2, '--starts', 1]),
        'plot': Command(['plot', RUN]),
    }


def train_words(recipe, small, threads):
    settings = {'data': 'synthetic', 'batch': 32, 'iterations': LAST, 'samples': 4, 'latent': 5}
    words = tiny.typed({**settings, **EVERY, **small})
    return ['train', '--recipe', recipe, *words, '--threads', threads, '--out', 'runs']


# Running them


class Place:
    """A new folder to work in, with a folder for temporary files and what was printed beside it."""

    def __init__(self, folder, trained=None):
        self.work, self.temporary = folder / 'work', folder / 'temporary'
        self.printed = folder / 'printed.txt'
        shutil.rmtree(folder, ignore_errors=True)
        self.temporary.mkdir(parents=True)
        if trained is None:
            self.work.mkdir()
        else:
            shutil.copytree(trained, self.work)

    def start(self, words, prepare=None):
        """Start a command here and return the number of its process."""
        sys.stdout.flush()
        sys.stderr.flush()
        process = os.fork()
        if process == 0:
            self._be(words, prepare)
        return process

    def run(self, words, prepare=None):
        """Run a command here to its end and return its exit code, -9 where it was killed."""
        return ended(self.start(words, prepare))

    def _be(self, words, prepare):
        """Be the command; never returns."""
        code = 120
        try:
            output = os.open(self.printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.chdir(self.work)
            os.environ['TMPDIR'] = str(self.temporary)
            tempfile.tempdir = None
            code = _main([str(word) for word in words], prepare)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def last_line(self):
        lines = self.printed.read_text(errors='replace').splitlines()
        return lines[-1] if lines else ''


def _main(words, prepare):
    from gluongan.cli import main

    sys.argv = ['gluongan', *words]
    if words[0] == 'train':
        _draw_few()
    if prepare is not None:
        prepare()
    try:
        main(args=words, prog_name='gluongan')
    except SystemExit as end:
        return end.code or 0
    return 0


def _draw_few():
    """Let a run draw three of its figures; `plot` draws all of them, and takes a second."""
    from gluongan import figures

    kept = {name: figures.FIGURES[name] for name in ('samples', 'losses', 'training')}
    figures.FIGURES.clear()
    figures.FIGURES.update(kept)


def ended(process):
    """Wait for a process and return its exit code; a signal is negative."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def next_words(place, command):
    """Return the words that go on with a command after a failure, and `resumed` or `repeated`."""
    if command.words[0] == 'bench':  # each makes a folder of its own, whole or not at all
        for folder in (place.work / 'new').glob('[0-9]*'):
            if {path.name for path in folder.iterdir()} in (set(), {'trials.json', 'speed.png'}):
                shutil.rmtree(folder)
    if not command.trains or command.run:
        return command.words, 'resumed' if command.trains else 'repeated'
    runs = [path for path in sorted((place.work / 'runs').glob('*')) if path.is_dir()]
    if runs and list((runs[0] / 'snapshots').glob('*.snapshot')):
        words = ['train', '--resume', runs[0].relative_to(place.work), *_threads(command)]
        return words, 'resumed'
    shutil.rmtree(place.work / 'runs', ignore_errors=True)  # there is nothing to go on from
    return command.words, 'repeated'


def finish(place, command):
    """Resume or repeat a command until it ends, and return (`resumed` or `repeated`, problem)."""
    words, how = next_words(place, command)
    code = place.run(words)
    # It was killed after the last rename.
    is_done = any(end in place.last_line() for end in ('is an export already', 'exists already'))
    return how, f'exit code {code}: {place.last_line()}' if code and not is_done else ''


def _threads(command):
    words = command.words
    return (
        words[words.index('--threads') : words.index('--threads') + 2]
        if '--threads' in words
        else []
    )


# What they leave


class Expected(NamedTuple):
    """What a command leaves that nothing happened to: {path: content}, and its time and writes."""

    files: dict
    seconds: float
    writes: int
    temporary: set  # names in the folder for temporary files, such as those of onnxruntime


def expect(folder, command, trained):
    """Run a command twice without a failure. What differs by itself is compared by name only."""
    from full_disk import Disk

    runs, counted = [], folder / 'count'

    def count():
        disk = Disk(setattr)
        os.__dict__['_exit'] = _reporting(os._exit, disk, counted)

    for prepare in (count, None):
        place = Place(folder / 'place', trained if command.run else None)
        start = time.monotonic()
        code = place.run(command.words, prepare)
        seconds = time.monotonic() - start
        assert code == 0, (command, code, place.printed.read_text())
        runs.append(contents(place.work))
        if command.trains and not command.run:  # the names of the recipes' runs
            assert len(list((place.work / 'runs').iterdir())) == 1
    same = {
        name: content if runs[1][name] == content else None for name, content in runs[0].items()
    }
    assert set(runs[0]) == set(runs[1])
    temporary = set(contents(place.temporary))
    return Expected(same, seconds, int(counted.read_text()), temporary)


def _reporting(leave, disk, file):
    """Return an `os._exit` that writes down before how many writes there were."""

    def leave_with_count(code):
        total = disk.count
        file.write_text(str(total))
        leave(code)

    return leave_with_count


def contents(folder):
    """Return {path: content} of all files, without what the clock has a part in."""
    files = [path for path in sorted(folder.rglob('*')) if path.is_file() or path.is_symlink()]
    return {path.relative_to(folder).as_posix(): _without_times(path) for path in files}


def _without_times(path):
    content = path.read_bytes()
    if path.name == 'environment.json':
        return b''
    if path.name == 'report.html':  # it shows the environment, and the time of training
        text = re.sub(rb'(?s)<section id="environment">.*?</section>', b'', content)
        return re.sub(rb'iterations in [0-9:]+', b'', text)
    if path.suffix in ('.json', '.jsonl'):
        try:
            lines = content.splitlines() if path.suffix == '.jsonl' else [content]
            return [_drop_times(json.loads(line)) for line in lines]
        except ValueError:
            return content
    if path.name == 'log.csv' and content:
        rows = [line.split(',') for line in content.decode().splitlines()]
        kept = [number for number, name in enumerate(rows[0]) if name not in TIMES]
        return [[row[number] for number in kept if number < len(row)] for row in rows]
    return content


def _drop_times(value):
    if isinstance(value, dict):
        return {name: _drop_times(inner) for name, inner in value.items() if name not in TIMES}
    return value


def differences(expected, place):
    """Return the paths that differ from what was expected, are missing or are left over."""
    found = contents(place.work)
    wrong = [
        name
        for name, content in expected.items()
        if name in found and content is not None and found[name] != content
    ]
    missing = [f'no {name}' for name in expected if name not in found]
    return wrong + missing


def left_behind(expected, place):
    """Return the files that no command without a failure leaves."""
    found = [name for name in contents(place.work) if name not in expected.files]
    temporary = set(contents(place.temporary)) - expected.temporary
    return found + [f'TMPDIR/{name}' for name in sorted(temporary)]


def unreadable(place):
    """Return the files that cannot be read, apart from temporary ones."""
    broken = []
    for path in sorted(place.work.rglob('*')):
        if path.is_file() and not re.search(r'\.tmp(/|$)', str(path)):
            try:
                _read(path)
            except Exception as error:
                broken.append(f'{path.relative_to(place.work)} ({type(error).__name__}: {error})')
    return broken


def _read(path):
    from gluongan import snapshot
    from gluongan.runs.records import Records

    if path.suffix in ('.png', '.gif'):
        with Image.open(path) as picture:
            picture.load()
    elif path.suffix in ('.snapshot', '.judge'):
        snapshot.read(path)
    elif path.suffix == '.json':
        json.loads(path.read_text())
    elif path.suffix == '.npy':
        np.load(path, allow_pickle=False)
    elif path.suffix in ('.csv', '.jsonl') and path.name != 'accuracy.csv':
        header = path.read_text().partition('\n')[0] + '\n' if path.suffix == '.csv' else ''
        Records(path, header=header).check(_raise)


def _raise(text):
    raise ValueError(text)
