"""What the tests of whole runs share: the smallest settings, and the command line."""

from __future__ import annotations

import contextlib
import inspect
import itertools
import json
import os
import re
from pathlib import Path

from click.testing import CliRunner
from gluongan.cli.faults import flag

from gluongan.config import Config, ConfigError
from gluongan.errors import as_typed

# On a busy machine, threads that spin make these runs 60 times slower (0.1 s becomes 7 s). This
# must come before MXNet is imported.
os.environ.setdefault('OMP_NUM_THREADS', '1')

SETTINGS = {
    'data': 'synthetic',
    'image_size': 8,
    'latent': 5,
    'gen_hidden': (16,),
    'dis_hidden': (16,),
    'batch': 32,
    'iterations': 20,
    'samples': 4,
    'device': 'cpu',
}
# click 8.2 removed this argument, and always keeps both streams apart.
RUNNER = {}
if 'mix_stderr' in inspect.signature(CliRunner).parameters:
    RUNNER = {'mix_stderr': False}


def tiny(**changes):
    """A Config of the smallest run, with changes."""
    return Config(**{**SETTINGS, **changes})


def flags(**changes):
    """The same as arguments of a command line; None omits a flag, () is `none`."""
    return typed({**SETTINGS, **changes})


def mended(**settings):
    """A Config of these settings, without those that contradict others.

    The setting that the error message names first is removed, until no error is left. A message
    that names none of them is a KeyError.
    """
    while True:
        try:
            return Config(**settings)
        except ConfigError as error:
            names = [error.setting, *re.findall('`([a-z0-9_]+)`', error.message)]
            named = [name for name in names if name in settings]
            if not named:
                raise KeyError(str(error)) from None
            del settings[named[0]]


def typed(settings):
    """Settings as arguments of a command line."""
    arguments = []
    for name, value in settings.items():
        if value is True:
            arguments.append(flag(name))
        elif value is False:
            arguments.append('--no-' + flag(name)[2:])
        elif value is not None:
            arguments += [flag(name), as_typed(value)]
    return arguments


def gluongan(*arguments):
    """Run the command line in this process; the result has exit_code, stdout and stderr."""
    from gluongan.cli import main

    result = CliRunner(**RUNNER).invoke(main, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def trained(out, **changes):
    """Run `gluongan train` to its end and return the run folder."""
    before = set(out.glob('*'))
    result = gluongan('train', *flags(**changes), '--out', out)
    assert result.exit_code == 0, result.stderr
    (folder,) = set(out.glob('*')) - before
    return folder


def refused(*arguments, code=2):
    """Run a command that must fail with one sentence on stderr, and return that sentence."""
    with no_new_files():
        result = gluongan(*arguments)
    lines = result.stderr.splitlines()
    assert result.exit_code == code, (result.exit_code, result.stdout, result.stderr)
    assert lines[-1].startswith('Error: '), result.stderr
    before = [line for line in lines[:-1] if not is_about_data(line)]
    assert len(before) <= 3, result.stderr  # click may print its usage first
    assert sum(map(len, before)) < 120, result.output
    assert not result.stdout, result.output
    return lines[-1][len('Error: ') :]


def is_about_data(line):
    """Whether a line on stderr says what was understood of data, or warns of it."""
    return bool(re.match('Warning: |.*: [0-9,]+ (picture|point)s?, ', line))


@contextlib.contextmanager
def no_new_files():
    """Assert that the working directory has the same files and folders after as before."""
    before = _below_here()
    yield
    assert _below_here() == before


def _below_here():
    """The paths of all files and folders; with pathlib, a whole checkout takes 30 ms."""
    walked = os.walk('.')
    return {os.path.join(at, name) for at, *names in walked for name in itertools.chain(*names)}


def rows(path):
    """The rows of a run's .csv or .jsonl as dicts of numbers."""
    lines = Path(path).read_text().splitlines()
    if str(path).endswith('.jsonl'):
        return [json.loads(line) for line in lines]
    names = lines[0].split(',')
    return [dict(zip(names, map(float, line.split(',')))) for line in lines[1:]]


def begun(out, *, until=None, **changes):
    """Train a run of these settings and return its Trainer.

    until: stop after this iteration, as Ctrl-C would; by default the run ends by itself.
    """
    from gluongan import launch

    return _run(launch.begin(tiny(**changes), Path(out), ['gluongan']), until)


def resumed(folder, *, until=None, warn=None, **changes):
    """Resume a run from its newest snapshot, in new objects; by default a warning is a failure."""
    from gluongan import launch
    from gluongan.runs.folder import read_config

    config = read_config(folder).with_settings(changes)
    return _run(launch.resume(folder, config, warn or _no_warning), until)


def _run(trainer, until):
    trainer.run(lambda: trainer.updater.iteration == until)
    return trainer


def _no_warning(text):
    raise AssertionError(text)


def trainer(folder, *extensions, iterations=20, every=None, **changes):
    """Return a Trainer of the tiny run with these extensions and no others.

    every: the period of the first extension, by default its own.
    """
    from gluongan import build
    from gluongan.trainer import Trainer

    config = tiny(iterations=iterations, **changes)
    updater = build.make_updater(config, build.load_data(config))
    run = Trainer(updater, stop=(iterations, 'iteration'), folder=folder)
    trigger = (every, 'iteration') if every else None
    for extension in extensions:
        run.extend(extension, trigger=trigger)
        trigger = None
    return run
