"""Cases made ready: a run's algorithm in one of the ways in which MXNet can run a network, and where it runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from .. import __version__, build, runtime
from ..data import Dataset
from ..gan.updater import GANUpdater
from ..nn.layers import Chain, use_precision
from ..runtime import mx
from .cases import Case
from .measure import Subject


def subjects(cases: Sequence[Case]) -> list[Subject]:
    """Return the cases ready to be measured, their data on their devices. Raises ConfigError, DataError, DeviceError.

    Cases of the same data share one copy of it: fifty of the 60,000 digits would fill a laptop.
    """
    loaded: dict[Any, Dataset] = {}
    resident: dict[Any, mx.nd.NDArray] = {}
    found = []
    for case in cases:
        config = case.config
        key = (config.data, config.data_dir, config.binarize, config.image_size, config.channels)
        if key not in loaded:
            loaded[key] = build.load_data(config)
        algorithm = updater(case, loaded[key])
        batches = algorithm.real
        batches.resident = resident.setdefault((key, str(batches.device)), batches.resident)
        found.append(
            Subject(
                case.name,
                case.facts,
                config.batch * config.dis_steps,
                algorithm.update,
                algorithm.drain,
                algorithm,
            )
        )
    return found


def environment(command: Sequence[str]) -> dict[str, Any]:
    """Return what a speed depends on beside the case: versions, machine, threads, the load at this moment, the command."""
    return {
        'gluongan': __version__,
        **runtime.describe(),
        'load': list(os.getloadavg()),
        'command': list(command),
    }


def updater(case: Case, dataset: Dataset) -> GANUpdater:
    """Return the algorithm of a case on `dataset`, its networks run in the case's mode; the numbers are the same in each."""
    algorithm = build.make_updater(case.config, dataset)
    if case.mode == 'imperative':
        view = _view(case, algorithm)
        algorithm.dis_view = view
        if algorithm.penalty:
            algorithm.penalty._view = view
    if case.mode != 'static':
        for block in _blocks(algorithm):
            block.hybridize(active=case.mode == 'hybrid')
    return algorithm


def _blocks(algorithm: GANUpdater) -> list[mx.gluon.HybridBlock]:
    tangents = [algorithm.penalty._tangent] if algorithm.penalty else []
    return [algorithm.gen, algorithm.dis, algorithm.dis_view, algorithm.real.gather, *tangents]


def _view(case: Case, algorithm: GANUpdater) -> Chain:
    """Return D without gradients for its weights, as layers: `frozen` makes a graph, which no mode runs imperatively."""
    shape, classes = algorithm.real.dataset.shape, algorithm.classes
    view = build.make_discriminator(case.config, shape, classes, algorithm.real.device)
    use_precision(view, case.config.precision)
    own = algorithm.dis._collect_params_with_prefix()
    for name, parameter in view._collect_params_with_prefix().items():
        parameter.grad_req = 'null'
        parameter._data = [value.detach() for value in own[name].list_data()]  # the same memory
    return view
