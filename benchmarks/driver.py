"""Starts the peers, each in its own process and environment, and sends them requests."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

import gluongan
from gluongan.errors import FailureError

HERE = Path(__file__).resolve().parent
ENVIRONMENTS = HERE / '.venvs'


PLACES = ('--environments', '--out')  # flags of the programs that are followed by a path


class Form(NamedTuple):
    """One way to run the GAN: a program in peers/, its environment, and its mode.

    environment: None for the one of this process.
    """

    program: str
    environment: str | None
    form: str = ''


FORMS = {
    'gluongan': Form('ours.py', None),
    'torch': Form('torch_gan.py', 'torch', 'eager'),
    'torch-compile': Form('torch_gan.py', 'torch', 'compile'),
    'jax': Form('jax_gan.py', 'jax'),
    'tensorflow': Form('tensorflow_gan.py', 'tensorflow', 'graph'),
    'tensorflow-xla': Form('tensorflow_gan.py', 'tensorflow', 'xla'),
}


class PeerError(FailureError):
    """A peer that could not be started or that failed."""


def interpreter(form: str, environments: Path = ENVIRONMENTS) -> Path | None:
    """Return the Python of a form's environment, or None if it has not been made."""
    environment = FORMS[form].environment
    if environment is None:
        return Path(sys.executable)
    path = environments / environment / 'bin' / 'python'
    return path if path.exists() else None


def _missing(form: str, environments: Path) -> str:
    return (
        f'{form}: has no environment in {environments}; '
        'make it with `python -m benchmarks.setup_peers`'
    )


def choose_forms(names: str | None, environments: Path) -> list[str]:
    """Return the named forms, or all that have an environment. Raises SystemExit for others."""
    if not names:
        return [form for form in FORMS if interpreter(form, environments)]
    forms = names.split(',')
    for form in forms:
        if form not in FORMS:
            raise SystemExit(f'--forms {form}: must be one of {", ".join(FORMS)}')
        if interpreter(form, environments) is None:
            raise SystemExit(f'--forms {_missing(form, environments)}')
    return forms


def typed(program: str, arguments: Sequence[str]) -> list[str]:
    """Return the command of a program without PLACES, which say nothing on another machine."""
    words = list(arguments)
    for place in PLACES:
        if place in words:
            start = words.index(place)
            del words[start : start + 2]
    kept = [word for word in words if not word.startswith(tuple(f'{place}=' for place in PLACES))]
    return ['python', '-m', f'benchmarks.{program}', *kept]


def _environment(name: str, threads: int, changes: Mapping[str, str | None]) -> dict[str, str]:
    """Return the environment variables of a peer.

    Every framework takes its number of threads from here, or from the affinity of the process.
    """
    variables: dict[str, str | None] = {
        **os.environ,
        **changes,
        'OMP_NUM_THREADS': str(threads),
        'CUDA_VISIBLE_DEVICES': '',
        'TF_CPP_MIN_LOG_LEVEL': '2',
    }
    if FORMS[name].environment is None:
        variables['PYTHONPATH'] = str(Path(gluongan.__file__).parents[1])  # this same package
    return {key: value for key, value in variables.items() if value is not None}


class Peer:
    """A running peer, and a context manager that ends it."""

    def __init__(
        self,
        name: str,
        *,
        threads: int = 2,
        environments: Path = ENVIRONMENTS,
        variables: Mapping[str, str | None] | None = None,
    ) -> None:
        """Start a form.

        variables: of its environment, beside those of this process; None takes one away.
        """
        python = interpreter(name, environments)
        if python is None:
            raise PeerError(_missing(name, environments))
        self.name = name
        self.threads = threads
        self.versions: dict[str, str] = {}
        # Set before the process starts: XLA counts its threads by the affinity when it is imported.
        cores = ','.join(map(str, sorted(os.sched_getaffinity(0))[:threads]))
        self._log = tempfile.TemporaryFile('w+')  # noqa: SIM115 - `close` closes it
        self._process = subprocess.Popen(
            ['taskset', '-c', cores, str(python), '-u', str(HERE / 'peers' / FORMS[name].program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            bufsize=1,
            env=_environment(name, threads, variables or {}),
        )

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """Send one request and return the answer. Raises PeerError with the end of its log."""
        try:
            print(json.dumps({'do': do, **request}), file=self._process.stdin)
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ''
        if not line:
            raise PeerError(f'{self.name}: ended; {self._end_of_log()}')
        answer = json.loads(line)
        if 'error' in answer:
            raise PeerError(f'{self.name}: {answer["error"]}')
        return answer

    def load(
        self, case: dict[str, Any], weights: Path, samples: Path, labels: Path | None = None
    ) -> None:
        """Build the GAN of a case in the peer."""
        answer = self.ask(
            'load',
            case=case,
            weights=str(weights),
            samples=str(samples),
            form=FORMS[self.name].form,
            labels=None if labels is None else str(labels),
            threads=self.threads,
        )
        self.versions = answer['versions']

    def weights(self) -> dict[str, np.ndarray]:
        """Return all weights of the peer, by their names in GANUpdater.state."""
        with tempfile.TemporaryDirectory() as folder:
            self.ask('weights', path=f'{folder}/weights.npz')
            with np.load(f'{folder}/weights.npz', allow_pickle=False) as stored:
                return dict(stored)

    def _end_of_log(self) -> str:
        self._log.seek(0)
        return ' '.join(self._log.read().split()[-60:])

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the peer by closing its input, or kill it if that does not help."""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._log.close()
