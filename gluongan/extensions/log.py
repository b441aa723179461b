"""The log files, and the progress that a person watches."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click
import numpy as np

from ..errors import as_printable
from ..metric_names import find_metric_name
from ..runs.folder import BATCHES, LOG, LOG_TABLE
from ..runs.records import Records, as_written, csv_row, json_row
from ..terminal import Bar, Pace, is_terminal, progress_line
from ..trainer import AnyOf, Every, Extension

if TYPE_CHECKING:
    from ..trainer import Trainer

LOSSES = ('dis/loss', 'gen/loss', 'dis/real', 'dis/fake')
COLUMNS = ('iteration', 'epoch', 'elapsed', 'iterations_per_second', *LOSSES)
ADAPTIVE = ('augment/p', 'augment/r')  # of a run with `augment_target`
LONGEST_WINDOW = 10_000  # mini-batches behind the first row after a resume

# What the progress shows: the key or the stem of a metric, its label, its format and its unit.
SHOWN = (
    ('dis/loss', 'D loss', '.3f', ''),
    ('gen/loss', 'G loss', '.3f', ''),
    ('dis/real', 'D(x)', '.3f', ''),
    ('dis/fake', 'D(G(z))', '.3f', ''),
    ('augment/p', 'augmented', '.0%', ''),
    ('modes/caught', 'modes', '.0f', ''),
    ('modes/good', 'good', '.1%', ''),
    ('samples/spread', 'spread', '.2f', ''),
    ('samples/support', 'support', ',.0f', ''),
    ('judge/seconds', 'judged in', '.1f', ' s'),
    ('fd', 'FD', '.1f', ''),
    ('classes', 'classes', '.0f', ''),
    ('modes', 'modes', '.0f', ''),
    ('kl', 'KL', '.2f', ''),
)


def log_records(run: Path, adaptive: bool = False) -> tuple[Records, Records, Records]:
    """Return the files that LogReport writes: every mini-batch, and the means as JSON and CSV.

    adaptive: whether the means have columns for an adaptive augmentation.
    """
    columns = (*COLUMNS, *ADAPTIVE) if adaptive else COLUMNS
    return (
        Records(run / BATCHES, header=csv_row(('iteration', *LOSSES)) + '\n'),
        Records(run / LOG),
        Records(run / LOG_TABLE, header=csv_row(columns) + '\n'),
    )


class LogReport(Extension):
    """Writes the losses and scores of every mini-batch, and their means since the last call.

    The mini-batches go to batches.csv; the means go to log.jsonl, log.csv and `trainer.report`. At
    the end the last row is the mean of the iterations that there are. A resumed run replaces that
    row by the one that a run without a break writes.
    A run with an adaptive augmentation has its probability and its r there too, as they are.
    `elapsed` is in seconds of training, including those before a resume.
    """

    trigger = (100, 'iteration')

    def start(self, trainer: Trainer) -> None:
        iteration = trainer.updater.iteration
        self._adaptive = getattr(trainer.updater, 'adaptive', None)
        records = log_records(trainer.folder, self._adaptive is not None)
        self._batches, self._rows, self._table = records
        batches = self._batches.start(iteration)
        self._elapsed_before = _last_row(self._table.start(iteration))[COLUMNS.index('elapsed')]
        goes_on_amid_a_window = not trainer.done() and not trainer.fires(self)
        kept = iteration - goes_on_amid_a_window
        self._rows.start(kept)
        last_logged = _last_row(self._table.start(kept))[0]
        # The next mean spans all mini-batches since the last row, also those before a resume.
        recent = map(_numbers, batches[-LONGEST_WINDOW:])
        self._window = [batch for batch in recent if batch[0] > last_logged]
        self._started = time.perf_counter()
        self._last_call = (iteration, self._started)

    def __call__(self, trainer: Trainer) -> None:
        trainer.updater.drain()
        self._collect(trainer)
        if not self._window:  # nothing was trained since the last row
            return
        updater, now = trainer.updater, time.perf_counter()
        row = {
            'iteration': updater.iteration,
            'epoch': updater.epoch,
            'elapsed': self._elapsed_before + now - self._started,
            'iterations_per_second': self._speed(updater.iteration, now),
        }
        means = np.mean([batch[1:] for batch in self._window], axis=0).tolist()
        row.update(zip(LOSSES, means))
        if self._adaptive:
            row.update(self._adaptive.numbers())
        self._window = []
        self._last_call = (updater.iteration, now)
        trainer.publish(as_written(row))
        self._rows.append([json_row(row)])
        self._table.append([csv_row(row.values())])

    def flush(self, trainer: Trainer) -> None:
        self._collect(trainer)

    def finish(self, trainer: Trainer) -> None:
        self(trainer)

    def close(self, trainer: Trainer) -> None:
        self._collect(trainer)

    def _speed(self, iteration: int, now: float) -> float:
        last_iteration, last_time = self._last_call
        return (iteration - last_iteration) / max(now - last_time, 1e-9)

    def _collect(self, trainer: Trainer) -> None:
        rows = [csv_row(observation) for observation in trainer.updater.take()]
        self._window += map(_numbers, rows)  # as a resumed run reads them back
        self._batches.append(rows)


def _last_row(rows: list[str]) -> tuple[float, ...]:
    return _numbers(rows[-1]) if rows else (0,) * len(COLUMNS)


def _numbers(row: str) -> tuple[float, ...]:
    return tuple(float(cell) for cell in row.split(','))


class Progress(Extension):
    """Shows speed, time left, losses and scores.

    On a terminal it is a bar; elsewhere it is a plain line every `lines_every` iterations, and at
    the end. Both say what is done after the last iteration.
    stream: where it is written, by default stderr.
    """

    def __init__(self, *, lines_every: int = 100, stream: TextIO | None = None) -> None:
        self.trigger = AnyOf((Every(10), Every(lines_every)))
        self._lines_every = lines_every
        self._stream = stream or sys.stderr
        self._bar: Bar | None = None
        self._said: int | None = None  # the iteration of the newest line
        self._head = (-1, '')  # an iteration, and how fast it was reached

    def start(self, trainer: Trainer) -> None:
        iteration = trainer.updater.iteration
        self._pace = Pace(trainer.total, iteration)
        self._said = iteration
        if is_terminal(self._stream):
            self._bar = Bar(trainer.total, done=iteration, stream=self._stream)

    def __call__(self, trainer: Trainer) -> None:
        iteration = trainer.updater.iteration
        if self._bar:
            self._bar.show(iteration, self._line(trainer))
        elif iteration % self._lines_every == 0:
            self._print(trainer)

    def finish(self, trainer: Trainer) -> None:
        if self._bar:
            self._bar.show(trainer.updater.iteration, self._line(trainer))
        elif self._said != trainer.updater.iteration:
            self._print(trainer)

    def announced(self, trainer: Trainer, what: str) -> None:
        if self._bar:
            self._bar.show(trainer.updater.iteration, what)
        else:
            click.echo(as_printable(what), file=self._stream)

    def close(self, trainer: Trainer) -> None:
        if self._bar:
            self._bar.show(trainer.updater.iteration, self._line(trainer))
            self._bar.close()

    def _print(self, trainer: Trainer) -> None:
        self._said = trainer.updater.iteration
        line = progress_line(self._said, trainer.total, self._line(trainer))
        click.echo(as_printable(line), file=self._stream)

    def _line(self, trainer: Trainer) -> str:
        iteration = trainer.updater.iteration
        if self._head[0] != iteration:  # what comes after the last one is no training
            rate, left = self._pace.rate(iteration), self._pace.left(iteration)
            self._head = (iteration, f'{rate:6.1f} it/s  {left}')
        return '  '.join([self._head[1], *_shown(trainer)])


def _shown(trainer: Trainer) -> Iterator[str]:
    """Yield the alarm if it is on, then the newest numbers, each with its label.

    Those of earlier iterations than the losses stand behind their iteration.
    """
    report = trainer.report
    if 'alarm' in report:
        yield f'! {report["alarm"]}'
    evaluated = [name for name in report if '/' not in name]
    said = trainer.published_at('dis/loss')
    for stem, label, form, unit in SHOWN:
        name = stem if '/' in stem else find_metric_name(evaluated, stem)
        value = report.get(name)
        if value is None:
            continue
        measured = trainer.published_at(name)
        if measured != said:
            said = measured
            yield f'at {measured:,}:'
        yield f'{label} {value:{form}}{unit}'
