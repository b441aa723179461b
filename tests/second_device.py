"""A second device that is no GPU: MXNet takes `mx.cpu(1)` for another device than `mx.cpu(0)`."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from gluongan.devices import driver
from gluongan.devices.driver import Card, Driver
from gluongan.runtime import mx

SECOND = mx.cpu(1)
DRIVER = Driver((12, 2), None, (Card('mx.cpu(1)', (7, 5)),), None)


@contextmanager
def as_gpu(*, first=False):
    """Within the block, `gpu` is `mx.cpu(1)`, and an array on `mx.cpu(0)` is an AssertionError.

    first: `mx.cpu(0)` may be used, too.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mx.context, 'num_gpus', lambda: 1)
        patch.setattr(mx, 'gpu', lambda index=0: SECOND)
        patch.setattr(driver, 'ask', lambda: DRIVER)
        if not first:
            _forbid_first_device(patch)
        yield


def _forbid_first_device(patch):
    inside = []  # what of MXNet's own is running that computes on the CPU by intention

    def check(array, *arguments, **settings):
        make(array, *arguments, **settings)
        if array.handle is not None and array.context == mx.cpu(0) and not inside:
            raise AssertionError('an array has landed on mx.cpu(0)')

    make = mx.nd.NDArray.__init__
    patch.setattr(mx.nd.NDArray, '__init__', check, raising=False)
    for name in ('_finish_deferred_init', '_reduce'):  # initial weights; weights to be exported
        patch.setattr(mx.gluon.Parameter, name, _noted(inside, getattr(mx.gluon.Parameter, name)))


def _noted(inside, function):
    def run(*arguments, **settings):
        inside.append(function)
        try:
            return function(*arguments, **settings)
        finally:
            inside.pop()

    return run
