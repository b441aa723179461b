"""The log files, and the progress that a person watches."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, TextIO

import click
import numpy as np

from ..metric_names import find_metric
from ..runs.folder import BATCHES, LOG, LOG_TABLE
from ..runs.records import Records, csv_row, json_row
from ..trainer import AnyOf, Every, Extension

if TYPE_CHECKING:
    from ..trainer import Trainer

LOSSES = ('dis/loss', 'gen/loss', 'dis/real', 'dis/fake')
SHOWN = (
    *zip(LOSSES, ('D loss', 'G loss', 'D(x)', 'D(G(z))'), ['.3f'] * 4),
    ('modes/caught', 'modes', '.0f'),
    ('modes/good', 'good', '.1%'),
    ('samples/spread', 'spread', '.2f'),
    ('samples/support', 'support', ',.0f'),
    ('judge/seconds', 'judged in', '.1f s'),
)
JUDGED = (
    ('fd', 'FD', '.1f'),
    ('classes', 'classes', '.0f'),
    ('modes', 'modes', '.0f'),
    ('kl', 'KL', '.2f'),
)
AROUND = 40  # columns of a terminal that the bar and its percentage take
COLUMNS = ('iteration', 'epoch', 'elapsed', 'iterations_per_second', *LOSSES)


class LogReport(Extension):
    """Writes every mini-batch's losses and scores to batches.csv, and their means since the last call to log.jsonl and log.csv.

    It publishes the means in `trainer.report`. elapsed: seconds of training, those before a resume among them.
    """

    trigger = (100, 'iteration')

    def start(self, trainer: Trainer) -> None:
        at = trainer.updater.iteration
        self._batches = Records(
            trainer.folder / BATCHES, header=csv_row(('iteration', *LOSSES)) + '\n'
        )
        self._rows = Records(trainer.folder / LOG)
        self._table = Records(trainer.folder / LOG_TABLE, header=csv_row(COLUMNS) + '\n')
        logged = [[float(cell) for cell in row.split(',')] for row in self._table.start(at)]
        self._rows.start(at)
        done, self._before = (logged[-1][0], logged[-1][2]) if logged else (0, 0.0)
        # The mean at the next call spans what was seen since the last one, also when a resume lies between.
        self._window = [
            row for row in map(_numbers, self._batches.start(at)[-10_000:]) if row[0] > done
        ]
        self._clock, self._timed = time.perf_counter(), (at, time.perf_counter())

    def __call__(self, trainer: Trainer) -> None:
        trainer.updater.drain()
        self._collect(trainer)
        if not self._window:  # nothing was trained since the last row
            return
        updater, now = trainer.updater, time.perf_counter()
        means = np.mean([row[1:] for row in self._window], axis=0).tolist()
        rate = (updater.iteration - self._timed[0]) / max(now - self._timed[1], 1e-9)
        self._window, self._timed = [], (updater.iteration, now)
        row = dict(
            zip(
                COLUMNS,
                (updater.iteration, updater.epoch, self._before + now - self._clock, rate, *means),
            )
        )
        trainer.report.update(row)
        self._rows.append([json_row(row)])
        self._table.append([csv_row(row.values())])

    def flush(self, trainer: Trainer) -> None:
        self._collect(trainer)

    def close(self, trainer: Trainer) -> None:
        self._collect(trainer)

    def _collect(self, trainer: Trainer) -> None:
        rows = trainer.updater.take()
        self._window += rows
        self._batches.append(map(csv_row, rows))


def _numbers(row: str) -> tuple[float, ...]:
    return tuple(float(cell) for cell in row.split(','))


class Progress(Extension):
    """A bar with speed, time left, losses and scores on a terminal; elsewhere a plain line at each report."""

    def __init__(self, *, lines_every: int = 100, stream: TextIO | None = None) -> None:
        self.trigger = AnyOf((Every(10), Every(lines_every)))
        self._every, self._stream = lines_every, stream or sys.stderr
        self._bar: Any = None

    def start(self, trainer: Trainer) -> None:
        self._begun, self._shown = time.perf_counter(), trainer.updater.iteration
        self._first = trainer.updater.iteration
        if self._stream.isatty():
            self._bar = click.progressbar(
                length=trainer.total,
                file=self._stream,
                show_eta=False,
                width=24,
                item_show_func=lambda text: text,
                update_min_steps=10,
            )
            self._bar.__enter__()
            self._bar.update(self._first)

    def __call__(self, trainer: Trainer) -> None:
        at = trainer.updater.iteration
        if self._bar:
            room = max(
                20, get_terminal_size().columns - AROUND
            )  # a line that wraps is not overwritten by the next one
            self._bar.update(at - self._shown, self._numbers(trainer)[:room])
            self._shown = at
        elif at % self._every == 0:
            click.echo(f'{at:>9,}/{trainer.total:,}  {self._numbers(trainer)}', file=self._stream)

    def close(self, trainer: Trainer) -> None:
        if self._bar:
            self._bar.update(trainer.updater.iteration - self._shown)
            self._bar.__exit__(None, None, None)

    def _numbers(self, trainer: Trainer) -> str:
        rate = (trainer.updater.iteration - self._first) / max(
            time.perf_counter() - self._begun, 1e-9
        )
        left = timedelta(
            seconds=round((trainer.total - trainer.updater.iteration) / max(rate, 1e-9))
        )
        text = f'{rate:6.1f} it/s  {left} left'
        return text + ''.join(f'  {part}' for part in _shown(trainer.report))


def _shown(report: dict[str, Any]) -> Iterator[str]:
    """Return the newest numbers as the training line says them, and the alarm if it is on."""
    if 'alarm' in report:
        yield f'! {report["alarm"]}'
    judged = {key: value for key, value in report.items() if '/' not in key}
    for key, name, form in (*SHOWN, *JUDGED):
        value = report.get(key) if '/' in key else find_metric(judged, key)
        if value is not None:
            number, _, unit = form.partition(' ')
            yield f'{name} {value:{number}} {unit}'.rstrip()
