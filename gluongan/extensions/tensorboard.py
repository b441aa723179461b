"""TensorBoard: what the run records, also as TensorBoard reads it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..runs import reading
from ..runs.events import EventFile
from ..runs.folder import IMAGES, JUDGED, LOG, METRICS, REALS, samples_path
from ..trainer import AnyOf, Extension

if TYPE_CHECKING:
    from ..trainer import Trainer

FILES = (LOG, METRICS, JUDGED)
LOSSES = ('dis/loss', 'gen/loss')
OF_TIME = ('iteration', 'epoch')  # in each row, and no curves


class TensorBoard(Extension):
    """Writes RUN/tensorboard: losses, scores, metrics, sample grids and hyper-parameters.

    Everything comes from the files that the other extensions write, so it must be added after them;
    see `add_tensorboard`. settings: the hyper-parameters.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._events: EventFile | None = None

    def start(self, trainer: Trainer) -> None:
        self._events = EventFile(trainer.folder)
        self._read = dict.fromkeys(FILES, 0)  # bytes of each file that are written as events
        self._metrics = dict.fromkeys(LOSSES)
        self._elapsed: list[tuple[float, float]] = []  # iteration, seconds of training
        self._write_rows(trainer)
        iteration = trainer.updater.iteration
        self._write_reals(trainer)
        facts = reading.read_facts(trainer.folder)
        files = reading.sample_files(trainer.folder, facts) if facts else []
        self._sampled = -1
        for number, _ in files:
            if number <= iteration:
                self._write_samples(trainer, number)
        self._events.add_settings(self._settings, self._metrics)
        self._events.flush()

    def __call__(self, trainer: Trainer) -> None:
        has_rows = self._write_rows(trainer)
        has_samples = self._write_samples(trainer, trainer.updater.iteration)
        if has_rows or has_samples:
            self._events.flush()

    def finish(self, trainer: Trainer) -> None:
        self(trainer)
        if not trainer.interrupted:
            self._events.end_session()
        self._events.flush()

    def close(self, trainer: Trainer) -> None:
        self._events.close()

    def _write_rows(self, trainer: Trainer) -> bool:
        """Write the rows that the files have gained; return whether there are any."""
        found = False
        for file in FILES:
            rows, self._read[file] = reading.json_rows_from(trainer.folder / file, self._read[file])
            for row in rows:
                self._write_row(file, row)
            found = found or bool(rows)
        return found

    def _write_row(self, file: str, row: reading.Row) -> None:
        iteration = int(row['iteration'])
        if file == LOG:
            self._elapsed.append((iteration, row['elapsed']))
        numbers = {name: value for name, value in row.items() if name not in OF_TIME}
        if file != LOG:
            self._metrics.update(dict.fromkeys(numbers))
        self._events.add_numbers(iteration, numbers, self._time_of(iteration))

    def _time_of(self, iteration: int) -> float:
        """Return when an iteration was, had the run had no break, in seconds since 1970."""
        if not self._elapsed:
            return time.time()
        iterations, seconds = zip(*self._elapsed)
        return time.time() - (seconds[-1] - float(np.interp(iteration, iterations, seconds)))

    def _write_samples(self, trainer: Trainer, iteration: int) -> bool:
        """Write the picture of an iteration, where there is one; return whether there is."""
        path = samples_path(trainer.folder, iteration)
        if iteration == self._sampled or not path.is_file():
            return False
        self._events.add_picture(iteration, 'samples', path, self._time_of(iteration))
        self._sampled = iteration
        return True

    def _write_reals(self, trainer: Trainer) -> None:
        reals = trainer.folder / (REALS + IMAGES)
        if reals.is_file():
            self._events.add_picture(0, 'reals', reals, self._time_of(0))


def add_tensorboard(trainer: Trainer, settings: Mapping[str, Any]) -> None:
    """Add TensorBoard to a run behind its other extensions; it fires when any of them does."""
    others = AnyOf(tuple(fires for _, fires in trainer.extensions))
    trainer.extend(TensorBoard(settings), trigger=others)
