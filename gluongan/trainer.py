"""The loop: while not stop, update; then call every extension whose trigger fires. Nothing here knows of MXNet or of GANs."""

from __future__ import annotations

import signal
from collections.abc import Callable
from math import ceil
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, Protocol, Union

from .files import next_folder


class Updater(Protocol):
    """What the loop needs of an algorithm."""

    iteration: int

    @property
    def iterations_per_epoch(self) -> float: ...
    @property
    def epoch(self) -> float: ...
    @property
    def previous_epoch(self) -> float: ...
    def update(self) -> None: ...
    def drain(self) -> None: ...


class Every(NamedTuple):
    """A trigger: fires every `period` iterations, or when that many epochs more are complete; it remembers nothing."""

    period: int
    unit: str = 'iteration'

    def __call__(self, updater: Updater) -> bool:
        if self.unit == 'iteration':
            return updater.iteration % self.period == 0
        return updater.epoch // self.period > updater.previous_epoch // self.period


class AnyOf(NamedTuple):
    """A trigger that fires when any of several does."""

    triggers: tuple[Callable[[Updater], bool], ...]

    def __call__(self, updater: Updater) -> bool:
        return any(trigger(updater) for trigger in self.triggers)


Trigger = Union[tuple[int, str], Callable[[Updater], bool]]


def as_trigger(trigger: Trigger) -> Callable[[Updater], bool]:
    """Return a trigger from what `extend` takes: (period, 'iteration' | 'epoch'), or any function of the updater."""
    if callable(trigger):
        return trigger
    period, unit = trigger
    if unit not in ('iteration', 'epoch') or type(period) is not int or period < 1:
        raise ValueError(
            f'trigger {trigger}: must be a whole number of at least 1, and iteration or epoch'
        )
    return Every(period, unit)


class Extension:
    """What happens beside training: override what you need. Extensions are called in the order they were added."""

    trigger: Trigger = (1, 'iteration')

    def start(self, trainer: Trainer) -> None:
        """Called once before the first update, also when a run is resumed."""

    def __call__(self, trainer: Trainer) -> None:
        """Called after an update when the trigger fires."""

    def flush(self, trainer: Trainer) -> None:
        """Called before a snapshot: what has been seen so far must be on disk when this returns."""

    def finish(self, trainer: Trainer) -> None:
        """Called once at the end, not after an error; `trainer.interrupted` tells which end it is."""

    def close(self, trainer: Trainer) -> None:
        """Called last of all, also after an error."""


class Trainer:
    """Runs an updater until `stop` and keeps what the extensions write in the folder `out`/00000-run, or in `folder`.

    stop: (number, 'iteration' | 'epoch'). `report` holds the newest numbers that an extension has published.
    """

    def __init__(
        self,
        updater: Updater,
        *,
        stop: tuple[int, str],
        out: str | Path = 'runs',
        folder: Path | None = None,
    ) -> None:
        if callable(stop):
            raise ValueError(
                "stop: must be a number and iteration or epoch, such as (15_000, 'iteration')"
            )
        as_trigger(stop)
        self.updater, self.stop = updater, stop
        self.extensions: list[tuple[Extension, Callable[[Updater], bool]]] = []
        self.report: dict[str, float] = {}
        self.interrupted, self.stopped = False, ''
        self.folder = folder or next_folder(Path(out), 'run')

    def extend(self, extension: Extension, *, trigger: Trigger | None = None) -> None:
        """Add an extension; `trigger` replaces its own."""
        self.extensions.append((extension, as_trigger(trigger or extension.trigger)))

    @property
    def total(self) -> int:
        """The number of iterations after which it stops."""
        number, unit = self.stop
        # Rounded first: 7 × (29 / 7) is a hair above 29.
        return (
            number
            if unit == 'iteration'
            else ceil(round(number * self.updater.iterations_per_epoch, 6))
        )

    def done(self) -> bool:
        """Return whether `stop` has been reached, or an extension has stopped the run early."""
        return self.updater.iteration >= self.total or bool(self.stopped)

    def stop_early(self, reason: str) -> None:
        """End the run after this iteration, as if `stop` had been reached; `stopped` holds the reason."""
        self.stopped = reason

    def run(self, interrupt: Callable[[], bool] = lambda: False) -> None:
        """Train until `stop`, or until `interrupt()` is true after some update.

        It stands for: while not done: updater.update(), then every extension whose trigger fires.
        """
        try:
            self._call('start')
            while not self.done() and not self.interrupted:
                self.updater.update()
                for extension, fires in self.extensions:
                    if fires(self.updater):
                        extension(self)
                self.interrupted = interrupt()
            self.updater.drain()
            self._call('finish')
        finally:
            self._call('close')

    def flush(self) -> None:
        """Have every extension put on disk what it has seen."""
        self.updater.drain()
        self._call('flush')

    def _call(self, event: str) -> None:
        for extension, _ in self.extensions:
            getattr(extension, event)(self)


class Interrupt:
    """Turns the first Ctrl-C or SIGTERM into a question that the loop asks; a second one ends the process at once.

        with Interrupt() as interrupt:
            trainer.run(interrupt)

    A KeyboardInterrupt will not do: raised inside one of MXNet's destructors, it is swallowed and training runs on.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.signal: int | None = None
        self._before: dict[int, Any] = {}

    def __call__(self) -> bool:
        return self.signal is not None

    def __enter__(self) -> Interrupt:
        self._before = {number: signal.signal(number, self._note) for number in self.SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        for each in self.SIGNALS:
            signal.signal(each, signal.SIG_DFL)
