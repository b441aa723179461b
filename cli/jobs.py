"""gluongan train --jobs: several seeds at a time, each in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from gluongan.config import Config
from gluongan.errors import as_typed
from gluongan.ranks.launched import size
from gluongan.terminal import Board, is_progress
from gluongan.trainer import Interrupt

from .exits import say
from .faults import Usage, flag, warning
from .outputs import check_target
from .printing import echo

if TYPE_CHECKING:
    from gluongan.jobs.earlier import Earlier
    from gluongan.jobs.processes import Ended, Job

JOBS = click.option(
    '--jobs',
    type=click.IntRange(1, 1024),
    metavar='N',
    help='With --seeds: train N of them at a time, each in a process with its share of the cores. '
    'The same command again resumes what was stopped or killed, and leaves what has finished.',
)


class Asked(NamedTuple):
    """What was typed, as far as it is the same for every seed.

    given: the settings by flags. warned: what the user has been warned of already.
    """

    name: str | None
    file: Path | None
    given: dict[str, Any]
    init_from: Path | None
    out: Path
    tensorboard: bool
    warned: Sequence[str] = ()

    def words(self, seed: int) -> list[str]:
        """Return the command that trains one seed."""
        options = {'recipe': self.name, 'config': self.file, **self.given, 'seed': seed}
        options.update({'init_from': self.init_from, 'out': self.out})
        words = ['train']
        for name, value in options.items():
            if isinstance(value, bool):
                words.append(flag(name) if value else f'--no-{flag(name)[2:]}')
            elif value is not None:
                words.append(f'{flag(name)}={_text(value)}')
        return words + self._further()

    def words_to_resume(self, run: Path) -> list[str]:
        """Return the command that goes on with a run."""
        return ['train', f'--resume={run}', *self._further()]

    def _further(self) -> list[str]:
        return ['--tensorboard'] if self.tensorboard else []


def _text(value: Any) -> str:
    return str(value) if isinstance(value, (str, Path)) else as_typed(value)


def check_jobs(jobs: int | None, seeds: str | None, resume: Path | None, watch: bool) -> None:
    """Raise Usage for jobs where there cannot be any."""
    if jobs is None:
        return
    if resume is not None:
        raise Usage(
            f'--jobs {jobs}: goes on with the runs of an earlier --jobs by itself; '
            'must be used without --resume'
        )
    if seeds is None:
        raise Usage(
            f'--jobs {jobs}: is how many of several runs train at a time; must be used with --seeds'
        )
    if size() > 1:
        raise Usage(
            f'--jobs {jobs}: starts processes of its own; must be used without horovodrun, which '
            f'has started {size()}'
        )
    if watch:
        raise Usage(
            f'--jobs {jobs}: has no live view, which is of one run; must be used without --watch '
            '(`gluongan watch RUN` shows one of the runs)'
        )


class SideBySide:
    """The runs of several seeds: which there are already, and what is left to do.

    Runs of exactly these settings that are in the folder are left if they have finished, and
    resumed otherwise. Raises Usage, RunError and InputError; nothing has begun then.
    """

    def __init__(self, configs: Sequence[Config], asked: Asked, at_once: int) -> None:
        from gluongan.jobs.processes import check_jobs

        self._asked = asked
        self._at_once = at_once
        self._threads = check_jobs(at_once, len(configs))
        check_target(asked.out, folder=True, setting='out')
        self._configs = {name_of(config): config for config in configs}
        self._earlier = {name: self._find(config) for name, config in self._configs.items()}
        self._board = Board()
        self._said = {warning(each) for each in asked.warned}
        self._ended: list[Ended] = []

    def _find(self, config: Config) -> Earlier:
        from gluongan.jobs.earlier import find_earlier

        return find_earlier(self._asked.out, config, self._asked.init_from)

    def announce(self) -> None:
        """Say what there is and what is to be done."""
        states = [each.state for each in self._earlier.values()]
        counts = [(states.count(state), state) for state in sorted(set(states))]
        threads = f'{self._threads} thread{"s" * (self._threads > 1)} each'
        echo(
            f'{len(states)} runs, {self._at_once} at a time with {threads}: '
            + ', '.join(f'{count} {state}' for count, state in counts),
            err=True,
        )
        for name, each in self._earlier.items():
            if each.folder is not None:
                at = f'{each.state} at {each.iteration:,}' if each.is_stopped else each.state
                echo(f'{name}: {each.folder} ({at})', err=True)

    def run(self, interrupt: Interrupt) -> list[Path]:
        """Train what has not finished, and return the runs that have.

        Where some failed, `failure` says so. Exits where it was interrupted.
        """
        from gluongan.jobs.processes import Job, SideBySide

        jobs = []
        for name, each in self._earlier.items():
            if not each.is_finished:
                jobs.append(Job(name, self._words(name, each)))
        processes = SideBySide(self._at_once, self._threads, self._say, self._end)
        self._ended = processes.run(jobs, interrupt)
        if interrupt():
            say('Stopped; the same command goes on with the runs that have not finished')
            sys.exit(128 + interrupt.signal)
        self._refuse()
        found = map(self._find, self._configs.values())
        return [each.folder for each in found if each.folder and each.is_finished]

    def _words(self, name: str, each: Earlier) -> list[str]:
        if each.folder is not None:
            return self._asked.words_to_resume(each.folder)
        return self._asked.words(self._configs[name].seed)

    def _say(self, job: Job, line: str) -> None:
        """Show a line that a run has written; what several say alike, once."""
        if is_progress(line):
            self._board.show(job.name, line)
        elif line.strip() and line not in self._said:
            self._said.add(line)
            self._board.say(f'{job.name}: {line}')

    def _end(self, ended: Ended) -> None:
        name = ended.job.name
        self._board.remove(name)
        if ended.problem:
            self._board.say(f'{name} failed: {ended.problem}')
        elif ended.code == 0:
            self._board.say(f'{name}: finished in {self._find(self._configs[name]).folder}')

    def _refuse(self) -> None:
        """Raise Usage where nothing could be begun, for one reason that all runs have."""
        problems = {ended.problem for ended in self._ended if ended.code == Usage.exit_code}
        if problems and all(ended.code == Usage.exit_code for ended in self._ended):
            raise Usage(min(problems))

    def check(self) -> None:
        """Raise ClickException where runs have failed."""
        failed = [ended for ended in self._ended if ended.problem]
        if failed:
            named = '; '.join(f'{each.job.name}: {each.problem}' for each in failed)
            raise click.ClickException(
                f'{len(failed)} of {len(self._configs)} runs failed ({named}); '
                'the same command goes on with what has not finished'
            )


def name_of(config: Config) -> str:
    """Return what the run of a seed is called in the lines about it."""
    return f'seed {config.seed}'
