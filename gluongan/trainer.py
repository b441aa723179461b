"""The loop: while not stop, update; then call every extension whose trigger fires.

Nothing here knows of MXNet or of GANs.
"""

from __future__ import annotations

import errno
import signal
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from math import ceil
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, Protocol, Union

from .errors import InputError, did_you_mean
from .files import next_folder

UNITS = ('iteration', 'epoch')


class Updater(Protocol):
    """What the loop needs of an updater; epochs need not be whole numbers."""

    iteration: int

    @property
    def iterations_per_epoch(self) -> float: ...
    @property
    def epoch(self) -> float: ...
    @property
    def previous_epoch(self) -> float: ...
    def update(self) -> None: ...
    def drain(self) -> None: ...


class Fires(Protocol):
    """A function of the updater that says whether a trigger fires."""

    def __call__(self, updater: Updater, /) -> bool: ...


class Every(NamedTuple):
    """A trigger without memory: fires every `period` iterations, or every `period` epochs.

    unit: 'iteration' or 'epoch'.

    >>> from types import SimpleNamespace
    >>> [Every(100)(SimpleNamespace(iteration=i)) for i in (99, 100, 200)]
    [False, True, True]
    >>> Every(1, 'epoch')(SimpleNamespace(previous_epoch=0.9, epoch=1.1))
    True
    """

    period: int
    unit: str = 'iteration'

    def __call__(self, updater: Updater) -> bool:
        if self.unit == 'iteration':
            return updater.iteration % self.period == 0
        return updater.epoch // self.period > updater.previous_epoch // self.period


class EpochEnds(NamedTuple):
    """A trigger that fires at the end of every epoch, or of every few where epochs are short.

    least: iterations between two firings, at least, on average.

    >>> from types import SimpleNamespace
    >>> def ends(epoch):
    ...     return SimpleNamespace(
    ...         previous_epoch=epoch - 0.1, epoch=epoch, iterations_per_epoch=10
    ...     )
    >>> [EpochEnds(least=25)(ends(epoch)) for epoch in (1.0, 2.0, 3.0)]
    [False, False, True]
    """

    least: int

    def __call__(self, updater: Updater) -> bool:
        period = max(1, ceil(self.least / updater.iterations_per_epoch))
        return Every(period, 'epoch')(updater)


class AnyOf(NamedTuple):
    """A trigger that fires when any of several does.

    >>> from types import SimpleNamespace
    >>> trigger = AnyOf((Every(4), Every(6)))
    >>> [i for i in range(1, 13) if trigger(SimpleNamespace(iteration=i))]
    [4, 6, 8, 12]
    """

    triggers: tuple[Fires, ...]

    def __call__(self, updater: Updater) -> bool:
        return any(trigger(updater) for trigger in self.triggers)


Trigger = Union[tuple[int, str], Fires]


def as_trigger(trigger: Trigger, setting: str = 'trigger') -> Fires:
    """Return a trigger from (period, 'iteration' | 'epoch'), or from any function of the updater.

    Raises InputError where the period is not a whole number of at least 1, or the unit is unknown.
    setting: what the message calls it.

    >>> as_trigger((2, 'epoch'))
    Every(period=2, unit='epoch')
    """
    if callable(trigger):
        return trigger
    is_pair = isinstance(trigger, (tuple, list)) and len(trigger) == 2
    period, unit = trigger if is_pair else (0, '')
    if unit not in UNITS or type(period) is not int or period < 1:
        raise InputError(
            f'{setting} {trigger}: must be a whole number of at least 1, and iteration or epoch, '
            f"such as (100, 'iteration'){did_you_mean(unit, UNITS)}"
        )
    return Every(period, unit)


class Extension:
    """What happens beside training: override what you need.

    Extensions are called in the order in which they were added.

    >>> class LossPrinter(Extension):
    ...     trigger = (100, 'iteration')
    ...
    ...     def __call__(self, trainer):
    ...         print(f'{trainer.updater.iteration}: {trainer.report["gen/loss"]:.3f}')
    """

    trigger: Trigger = (1, 'iteration')

    def start(self, trainer: Trainer) -> None:
        """Called once before the first update, also when a run is resumed."""

    def __call__(self, trainer: Trainer) -> None:
        """Called after an update when the trigger fires."""

    def flush(self, trainer: Trainer) -> None:
        """Called before a snapshot: all that was recorded must be on disk when this returns."""

    def finish(self, trainer: Trainer) -> None:
        """Called once at the end, but not after an error; see `trainer.interrupted`."""

    def announced(self, trainer: Trainer, what: str) -> None:
        """Called when an extension begins what takes a while; see `trainer.announce`."""

    def close(self, trainer: Trainer) -> None:
        """Called last, also after an error, but not where `start` has failed."""


class Trainer:
    """Runs an updater until `stop`, and calls the extensions.

    stop: (number, 'iteration' | 'epoch').
    guard: is entered for as long as the run is trained, such as a lock of its folder.
    out: where the folder OUT/00000-run is made, with the next free number; or `folder` is used.
    report: the newest numbers that the extensions have published, by name; see `publish`.
    interrupted: whether the run was interrupted, by `interrupt()` or because nobody reads what is
    printed any more (a closed pipe or terminal). stopped: why an extension ended it early, else ''.

    >>> class Counter:
    ...     iteration, iterations_per_epoch = 0, 4
    ...     def update(self):
    ...         self.iteration += 1
    ...     def drain(self):
    ...         pass
    >>> class Printer(Extension):
    ...     def __call__(self, trainer):
    ...         print('iteration', trainer.updater.iteration)
    >>> trainer = Trainer(Counter(), stop=(2, 'epoch'), folder=Path('.'))
    >>> trainer.extend(Printer(), trigger=(3, 'iteration'))
    >>> trainer.run()
    iteration 3
    iteration 6
    >>> trainer.updater.iteration
    8
    """

    def __init__(
        self,
        updater: Updater,
        *,
        stop: tuple[int, str],
        out: str | Path = 'runs',
        folder: Path | None = None,
        guard: AbstractContextManager[Any] | None = None,
    ) -> None:
        if callable(stop):
            raise InputError(
                "stop: must be a number and iteration or epoch, such as (15_000, 'iteration')"
            )
        as_trigger(stop, 'stop')
        self.updater = updater
        self.stop = stop
        self.extensions: list[tuple[Extension, Fires]] = []
        self.report: dict[str, Any] = {}
        self._published_at: dict[str, int] = {}
        self.interrupted = False
        self.stopped = ''
        self._guard = guard or nullcontext()
        self.folder = folder or next_folder(Path(out), 'run')

    def extend(self, extension: Extension, *, trigger: Trigger | None = None) -> None:
        """Add an extension. `trigger` replaces its own."""
        if not isinstance(extension, Extension):
            name = getattr(extension, '__name__', type(extension).__name__)
            raise InputError(f'extension {name}: must be an instance of an Extension')
        chosen = extension.trigger if trigger is None else trigger
        self.extensions.append((extension, as_trigger(chosen)))

    def fires(self, extension: Extension) -> bool:
        """Return whether the trigger of an extension fires at this iteration."""
        triggers = [fires for each, fires in self.extensions if each is extension]
        return any(fires(self.updater) for fires in triggers)

    @property
    def total(self) -> int:
        """The number of iterations at `stop`."""
        number, unit = self.stop
        if unit == 'iteration':
            return number
        # Rounded first: 7 × (29 / 7) is a hair above 29.
        return ceil(round(number * self.updater.iterations_per_epoch, 6))

    def done(self) -> bool:
        """Return whether `stop` has been reached, or an extension has ended the run early."""
        return self.updater.iteration >= self.total or bool(self.stopped)

    def publish(self, numbers: Mapping[str, Any], iteration: int | None = None) -> None:
        """Add numbers to `report`; they are of this iteration, or of `iteration`."""
        at = self.updater.iteration if iteration is None else iteration
        self.report.update(numbers)
        self._published_at.update(dict.fromkeys(numbers, at))

    def published_at(self, name: str) -> int | None:
        """Return the iteration that a published number is of, None where there is no such number.

        A number stays in `report` until there is a newer one, and the iterations go on.
        """
        return self._published_at.get(name) if name in self.report else None

    def announce(self, what: str) -> None:
        """Let whoever watches know what an extension does now, beside training.

        what: in a few words, such as `drawing figures`.
        """
        for extension, _ in self.extensions:
            self._attempt(partial(extension.announced, what=what))

    def stop_early(self, reason: str) -> None:
        """End the run after this iteration, as if `stop` had been reached."""
        self.stopped = reason

    def run(self, interrupt: Callable[[], bool] = lambda: False) -> None:
        """Train until `stop`, or until `interrupt()` is true after an update.

        It stands for: while not done: updater.update(), then every extension whose trigger fires.
        """
        with self._guard:
            self._run(interrupt)

    def _run(self, interrupt: Callable[[], bool]) -> None:
        started: list[Extension] = []
        try:
            for extension, _ in self.extensions:
                self._attempt(extension.start)
                started.append(extension)
            while not self.done() and not self.interrupted:
                self.updater.update()
                for extension, fires in self.extensions:
                    if fires(self.updater):
                        self._attempt(extension)
                self.interrupted = interrupt() or self.interrupted
            self.updater.drain()
            self._call('finish')
        finally:
            for extension in started:
                self._attempt(extension.close)

    def flush(self) -> None:
        """Have every extension write what it has recorded to disk."""
        self.updater.drain()
        self._call('flush')

    def _call(self, event: str) -> None:
        for extension, _ in self.extensions:
            self._attempt(getattr(extension, event))

    def _attempt(self, step: Callable[[Trainer], None]) -> None:
        """Call an extension. Where nobody reads what it prints, the run is interrupted."""
        try:
            step(self)
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.EIO) or error.filename is not None:
                raise
            self.interrupted = True


class Interrupt:
    """Turns the first Ctrl-C, SIGTERM or SIGHUP into a flag that the loop checks.

    A second Ctrl-C or SIGTERM kills. SIGHUP, which a closed terminal sends, may come twice from one
    closing, so a second one does nothing; under `nohup` the first does nothing either.

        with Interrupt() as interrupt:
            trainer.run(interrupt)

    signal: the number of the signal that came, None before.
    A KeyboardInterrupt does not work here: raised inside one of MXNet's destructors, it is
    swallowed, and training continues.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self.signal: int | None = None
        self._before: dict[int, Any] = {}

    def __call__(self) -> bool:
        return self.signal is not None

    def __enter__(self) -> Interrupt:
        heard = [each for each in self.SIGNALS if signal.getsignal(each) != signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._handle) for number in heard}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        for each in self._before:
            signal.signal(each, signal.SIG_IGN if each == signal.SIGHUP else signal.SIG_DFL)
