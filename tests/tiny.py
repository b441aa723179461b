"""What the tests of whole runs share: settings so small that a run takes a moment, and the command line in this process."""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import re
from pathlib import Path

from click.testing import CliRunner
from gluongan.cli.faults import flag

from gluongan.config import Config, ConfigError
from gluongan.errors import as_typed

# Threads that spin on a busy machine make these runs 60 times slower (0.1 s becomes 7 s). Must come before MXNet.
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
# click 8.2 took away the argument that tells both streams apart, and made that the rule.
SEPARATE = {'mix_stderr': False} if 'mix_stderr' in inspect.signature(CliRunner).parameters else {}


def tiny(**changes):
    """A Config of the smallest run, with changes."""
    return Config(**{**SETTINGS, **changes})


def flags(**changes):
    """The same as words of a command line; None leaves a flag out, () is `none`."""
    return typed({**SETTINGS, **changes})


def mended(**settings):
    """A Config of these settings without those that make an impossible pair with others: what its message names first goes.

    A message that names none of them is a KeyError.
    """
    while True:
        try:
            return Config(**settings)
        except ConfigError as error:
            names = [error.setting, *re.findall('`([a-z0-9_]+)`', error.message)]
            del settings[next((name for name in names if name in settings), str(error))]


def typed(settings):
    """Settings as words of a command line."""
    words = []
    for name, value in settings.items():
        if isinstance(value, bool):
            words.append(flag(name) if value else '--no-' + flag(name)[2:])
        elif value is not None:
            words += [flag(name), as_typed(value)]
    return words


def gluongan(*words):
    """Run the command line in this process; the result has exit_code, stdout and stderr."""
    from gluongan.cli import main

    result = CliRunner(**SEPARATE).invoke(main, [str(word) for word in words])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def trained(out, **changes):
    """Run `gluongan train` to its end and return the run folder."""
    before = {path.name for path in out.glob('*')} if out.is_dir() else set()
    result = gluongan('train', *flags(**changes), '--out', out)
    assert result.exit_code == 0, result.stderr
    made = {path.name for path in out.glob('*')} - before
    assert len(made) == 1
    return out / made.pop()


def refused(*words, code=2):
    """Run a command that must fail with one sentence on stderr, and return that sentence."""
    with no_new_files():
        result = gluongan(*words)
    lines = result.stderr.splitlines()
    assert result.exit_code == code, (result.exit_code, result.stdout, result.stderr)
    assert lines[-1].startswith('Error: ') and len(lines) <= 4, (
        result.stderr
    )  # click may put its usage before it
    assert sum(map(len, lines[:-1])) < 120 and not result.stdout, result.output
    return lines[-1][len('Error: ') :]


@contextlib.contextmanager
def no_new_files():
    """Holds that the working directory has the same files and folders after as before."""
    before = sorted(Path().rglob('*'))
    yield
    assert sorted(Path().rglob('*')) == before


def rows(path):
    """The rows of a .csv or .jsonl of a run as dicts of numbers."""
    lines = Path(path).read_text().splitlines()
    if str(path).endswith('.jsonl'):
        return [json.loads(line) for line in lines]
    names = lines[0].split(',')
    return [dict(zip(names, map(float, line.split(',')))) for line in lines[1:]]


def begun(out, *, until=None, **changes):
    """Train a run of these settings to its end, or until after iteration `until`, as a Ctrl-C would; return the Trainer."""
    from gluongan import launch

    return _trained(launch.begin(tiny(**changes), Path(out), ['gluongan']), until)


def resumed(folder, *, until=None, warn=None, **changes):
    """Go on with a run from its newest snapshot, in new objects; by default a warning is a failure."""
    from gluongan import launch
    from gluongan.runs.folder import read_config

    return _trained(
        launch.resume(folder, read_config(folder).with_settings(changes), warn or _no_warning),
        until,
    )


def _trained(trainer, until):
    trainer.run(lambda: trainer.updater.iteration == until)
    return trainer


def _no_warning(text):
    raise AssertionError(text)
