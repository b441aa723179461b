"""The loop without a model: when triggers fire, the order of calls, and where it stops."""

from __future__ import annotations

import errno
import os
import re
import signal
import threading
from fractions import Fraction

import pytest

from gluongan.errors import InputError
from gluongan.trainer import AnyOf, Every, Extension, Interrupt, Trainer, as_trigger


class FakeUpdater:
    """Counts iterations. An epoch has `per_epoch` of them, which need not be a whole number."""

    def __init__(self, per_epoch=10, *, fail_at=None, events=None):
        self.iteration = 0
        self.per_epoch = Fraction(per_epoch)
        self.fail_at = fail_at
        self.events = [] if events is None else events

    @property
    def iterations_per_epoch(self):
        return float(self.per_epoch)

    @property
    def epoch(self):
        return float(self.iteration / self.per_epoch)

    @property
    def previous_epoch(self):
        return float(max(0, self.iteration - 1) / self.per_epoch)

    def update(self):
        if self.iteration + 1 == self.fail_at:
            raise ArithmeticError('the update failed')
        self.iteration += 1
        self.events.append(f'update {self.iteration}')

    def drain(self):
        self.events.append('drain')


class Recorder(Extension):
    """Records each call with its iteration."""

    def __init__(self, name, events, *, fail_at=None):
        self.name = name
        self.events = events
        self.fail_at = fail_at

    def start(self, trainer):
        self.events.append(f'{self.name} start')

    def __call__(self, trainer):
        self.events.append(f'{self.name} {trainer.updater.iteration}')
        if self.fail_at == trainer.updater.iteration:
            raise OSError('the disk is full')

    def flush(self, trainer):
        self.events.append(f'{self.name} flush')

    def finish(self, trainer):
        self.events.append(f'{self.name} finish')

    def close(self, trainer):
        self.events.append(f'{self.name} close')


def make_trainer(tmp_path, *, stop=(3, 'iteration'), per_epoch=10, fail_at=None):
    """Return a Trainer, and the list of events that its updater and its Recorders write to."""
    events = []
    updater = FakeUpdater(per_epoch, fail_at=fail_at, events=events)
    return Trainer(updater, stop=stop, folder=tmp_path), events


def calls(events, name):
    """The iterations at which the Recorder of that name was called."""
    matches = [re.fullmatch(rf'{name} (\d+)', event) for event in events]
    return [int(match[1]) for match in matches if match]


def fired(tmp_path, trigger, iterations, per_epoch):
    trainer, events = make_trainer(tmp_path, stop=(iterations, 'iteration'), per_epoch=per_epoch)
    trainer.extend(Recorder('x', events), trigger=trigger)
    trainer.run()
    return calls(events, 'x')


# Triggers


@pytest.mark.parametrize(
    'trigger, iterations, per_epoch, expected',
    [
        ((1, 'iteration'), 4, 10, [1, 2, 3, 4]),
        ((3, 'iteration'), 10, 10, [3, 6, 9]),
        ((10, 'iteration'), 10, 4, [10]),
        ((11, 'iteration'), 10, 4, []),
        ((1, 'epoch'), 10, 4, [4, 8]),
        ((2, 'epoch'), 20, 4, [8, 16]),
        ((1, 'epoch'), 3, 1, [1, 2, 3]),
        # 2.5 iterations per epoch: five batches, two in each iteration
        ((1, 'epoch'), 10, Fraction(5, 2), [3, 5, 8, 10]),
        ((2, 'epoch'), 10, Fraction(5, 2), [5, 10]),
        # three epochs in one iteration fire once
        ((1, 'epoch'), 4, Fraction(1, 3), [1, 2, 3, 4]),
        ((2, 'epoch'), 4, Fraction(1, 3), [1, 2, 3, 4]),
        # 3, 6, 9, 12 and 15 epochs: the 4th, the 8th and the 12th end in between
        ((4, 'epoch'), 5, Fraction(1, 3), [2, 3, 4]),
        ((1, 'epoch'), 15, Fraction(29, 7), [5, 9, 13]),
        (AnyOf((Every(4), Every(1, 'epoch'))), 12, 6, [4, 6, 8, 12]),
        (lambda updater: updater.iteration in (2, 5), 6, 10, [2, 5]),
    ],
)
def test_trigger_fires_at_these_iterations_and_no_others(
    tmp_path, trigger, iterations, per_epoch, expected
):
    assert fired(tmp_path, trigger, iterations, per_epoch) == expected


@pytest.mark.parametrize(
    'batches, steps', [(n, steps) for n in (1, 3, 29, 93) for steps in (1, 2, 3, 7, 49)]
)
def test_epoch_trigger_fires_once_in_each_iteration_that_ends_an_epoch(tmp_path, batches, steps):
    """An epoch has `batches`, and an iteration takes `steps` of them."""
    ended = [iteration * steps // batches for iteration in range(121)]
    expected = [i for i in range(1, 121) if ended[i] > ended[i - 1]]
    assert fired(tmp_path, (1, 'epoch'), 120, Fraction(batches, steps)) == expected


def test_extension_brings_its_own_trigger_and_extend_replaces_it(tmp_path):
    trainer, events = make_trainer(tmp_path, stop=(4, 'iteration'))
    for name, trigger in (('own', None), ('given', (4, 'iteration'))):
        extension = Recorder(name, events)
        extension.trigger = (2, 'iteration')
        trainer.extend(extension, trigger=trigger)
    trainer.run()
    assert calls(events, 'own') == [2, 4]
    assert calls(events, 'given') == [4]


@pytest.mark.parametrize(
    'trigger',
    [
        (0, 'iteration'),
        (-1, 'epoch'),
        (1, 'second'),
        (1, ''),
        (1, None),
        (1.5, 'iteration'),
        (float('nan'), 'epoch'),
        ('3', 'iteration'),
        (None, 'epoch'),
    ],
    ids=str,
)
def test_impossible_trigger_is_refused_with_its_value(tmp_path, trigger):
    with pytest.raises(ValueError, match='iteration or epoch') as caught:
        as_trigger(trigger)
    assert str(trigger) in str(caught.value)
    with pytest.raises(ValueError, match='iteration or epoch'):
        make_trainer(tmp_path)[0].extend(Extension(), trigger=trigger)


@pytest.mark.parametrize(
    'stop',
    [(0, 'iteration'), (3, 'batches'), (1.5, 'epoch'), 5, None, (1,), lambda updater: True],
    ids=lambda stop: 'function' if callable(stop) else str(stop),
)
def test_impossible_stop_is_refused_before_a_folder_is_made(tmp_path, stop):
    with pytest.raises(InputError, match=r'^stop.* iteration or epoch'):
        Trainer(FakeUpdater(), stop=stop, out=tmp_path / 'runs')
    assert not (tmp_path / 'runs').exists()


@pytest.mark.parametrize('extension', [Extension, print, None, 5])
def test_what_is_no_instance_of_an_extension_is_refused(tmp_path, extension):
    with pytest.raises(InputError, match=r'^extension .*: must be an instance of an Extension'):
        make_trainer(tmp_path)[0].extend(extension)


# The loop


def test_calls_come_in_the_order_of_the_extensions(tmp_path):
    trainer, events = make_trainer(tmp_path, stop=(2, 'iteration'))
    trainer.extend(Recorder('a', events))
    trainer.extend(Recorder('b', events), trigger=(2, 'iteration'))
    trainer.run()
    assert events == [
        'a start',
        'b start',
        'update 1',
        'a 1',
        'update 2',
        'a 2',
        'b 2',
        'drain',
        'a finish',
        'b finish',
        'a close',
        'b close',
    ]


@pytest.mark.parametrize(
    'stop, per_epoch, total',
    [
        ((1, 'iteration'), 10, 1),
        ((25, 'iteration'), 10, 25),
        ((2, 'epoch'), 10, 20),
        ((1, 'epoch'), Fraction(5, 2), 3),
        ((3, 'epoch'), Fraction(5, 2), 8),
        ((2, 'epoch'), Fraction(1, 3), 1),
        ((7, 'epoch'), Fraction(29, 7), 29),
    ],
)
def test_run_stops_after_this_many_iterations(tmp_path, stop, per_epoch, total):
    trainer, events = make_trainer(tmp_path, stop=stop, per_epoch=per_epoch)
    trainer.run()
    assert trainer.total == trainer.updater.iteration == total
    assert events.count(f'update {total}') == 1
    assert trainer.done()
    assert not trainer.interrupted


def test_run_that_is_done_updates_no_more_and_still_finishes(tmp_path):
    trainer, events = make_trainer(tmp_path, stop=(2, 'iteration'))
    trainer.updater.iteration = 2
    trainer.extend(Recorder('a', events))
    trainer.run()
    assert events == ['a start', 'drain', 'a finish', 'a close']


def test_resumed_run_continues_from_where_its_updater_is(tmp_path):
    trainer, events = make_trainer(tmp_path, stop=(5, 'iteration'))
    trainer.updater.iteration = 3
    trainer.run()
    assert events == ['update 4', 'update 5', 'drain']


def test_interrupt_ends_the_run_after_that_update_and_its_extensions(tmp_path):
    trainer, events = make_trainer(tmp_path, stop=(9, 'iteration'))
    trainer.extend(Recorder('a', events))
    trainer.run(lambda: trainer.updater.iteration == 4)
    assert trainer.interrupted
    assert trainer.updater.iteration == 4
    assert not trainer.done()
    assert events[-5:] == ['update 4', 'a 4', 'drain', 'a finish', 'a close']


def test_an_extension_that_stops_early_ends_the_run_as_if_it_were_done(tmp_path):
    trainer, events = make_trainer(tmp_path, stop=(9, 'iteration'))

    class Stopper(Extension):
        def __call__(self, trainer):
            if trainer.updater.iteration == 2:
                trainer.stop_early('no improvement')

    trainer.extend(Stopper())
    trainer.extend(Recorder('a', events))
    trainer.run()
    assert trainer.stopped == 'no improvement'
    assert trainer.done()
    assert not trainer.interrupted
    assert events[-5:] == ['update 2', 'a 2', 'drain', 'a finish', 'a close']


def test_flush_waits_for_the_updater_before_the_extensions(tmp_path):
    trainer, events = make_trainer(tmp_path)
    trainer.extend(Recorder('a', events))
    trainer.extend(Recorder('b', events))
    trainer.flush()
    assert events == ['drain', 'a flush', 'b flush']


def test_failing_update_closes_and_does_not_finish(tmp_path):
    trainer, events = make_trainer(tmp_path, stop=(5, 'iteration'), fail_at=3)
    trainer.extend(Recorder('a', events))
    with pytest.raises(ArithmeticError, match='the update failed'):
        trainer.run()
    assert events == ['a start', 'update 1', 'a 1', 'update 2', 'a 2', 'a close']


def test_failing_extension_closes_all_and_finishes_none(tmp_path):
    trainer, events = make_trainer(tmp_path, stop=(5, 'iteration'))
    trainer.extend(Recorder('a', events, fail_at=2))
    trainer.extend(Recorder('b', events))
    with pytest.raises(OSError, match='disk is full'):
        trainer.run()
    assert events[-3:] == ['a 2', 'a close', 'b close']
    assert not [event for event in events if 'finish' in event]


# Signals


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupt_keeps_the_signal_and_restores_both_handlers(number):
    before = [signal.getsignal(each) for each in Interrupt.SIGNALS]
    with Interrupt() as interrupt:
        assert not interrupt()
        assert interrupt.signal is None
        os.kill(os.getpid(), number)
        assert interrupt()
        assert interrupt.signal == number
        # A second signal, of either kind, ends the process: the default handlers are back.
        handlers = [signal.getsignal(each) for each in Interrupt.SIGNALS]
        assert handlers == [signal.SIG_DFL, signal.SIG_DFL, signal.SIG_IGN]
    assert [signal.getsignal(each) for each in Interrupt.SIGNALS] == before


def test_a_terminal_that_closes_may_say_so_twice():
    with Interrupt() as interrupt:
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGHUP)
        assert interrupt.signal == signal.SIGHUP


def test_under_nohup_a_closed_terminal_is_no_interruption():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupt() as interrupt:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not interrupt()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize('number', [errno.EPIPE, errno.EIO])
@pytest.mark.parametrize('event', ['start', '__call__', 'close'])
def test_nobody_who_reads_is_an_interruption_and_the_other_extensions_finish(
    tmp_path, event, number
):
    class Printer(Extension):
        pass

    def fail(self, trainer):
        raise OSError(number, 'nobody reads')

    setattr(Printer, event, fail)
    trainer, events = make_trainer(tmp_path, stop=(5, 'iteration'))
    trainer.extend(Printer())
    trainer.extend(Recorder('a', events))
    trainer.run()
    assert trainer.interrupted
    assert trainer.updater.iteration == {'start': 0, '__call__': 1, 'close': 5}[event]
    assert events[-2:] == ['a finish', 'a close']


def test_a_broken_file_is_a_failure(tmp_path):
    class Writer(Extension):
        def __call__(self, trainer):
            raise OSError(errno.EIO, 'the disk is broken', 'log.csv')

    trainer, _ = make_trainer(tmp_path, stop=(5, 'iteration'))
    trainer.extend(Writer())
    with pytest.raises(OSError, match='the disk is broken'):
        trainer.run()


def test_interrupt_restores_the_handlers_after_an_error():
    before = [signal.getsignal(each) for each in Interrupt.SIGNALS]
    with pytest.raises(ZeroDivisionError), Interrupt():
        raise ZeroDivisionError
    assert [signal.getsignal(each) for each in Interrupt.SIGNALS] == before


def test_signal_in_the_middle_of_a_run_stops_it(tmp_path):
    trainer, _ = make_trainer(tmp_path, stop=(10**9, 'iteration'))
    timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
    with Interrupt() as interrupt:
        timer.start()
        trainer.run(interrupt)
    assert trainer.interrupted
    assert 0 < trainer.updater.iteration < 10**9


def test_trainer_without_a_folder_makes_the_next_one(tmp_path):
    for name in ('00000-run', '00001-run'):
        trainer = Trainer(FakeUpdater(), stop=(1, 'iteration'), out=tmp_path)
        assert trainer.folder == tmp_path / name
        assert trainer.folder.is_dir()


def test_trainer_needs_no_mxnet_and_no_numpy(python):
    code = (
        'import sys, gluongan.trainer; print([m for m in ("mxnet", "numpy") if m in sys.modules])'
    )
    assert python(code) == '[]'
