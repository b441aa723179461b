"""Cases made ready to be timed: an updater in one of the modes in which MXNet runs networks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from .. import __version__, build, runtime
from ..data import Dataset
from ..gan.updater import GANUpdater
from ..nn.layers import Classifying, use_precision
from ..runtime import mx
from .cases import Case
from .measure import Subject


def make_subjects(cases: Sequence[Case]) -> list[Subject]:
    """Return the cases ready to be measured, with their data on their devices.

    Cases of the same data share one copy of it: fifty copies of 60,000 digits would fill a laptop.
    Raises ConfigError, DataError, DeviceError.
    """
    loaded: dict[Any, Dataset] = {}
    resident: dict[Any, mx.nd.NDArray] = {}
    subjects = []
    for case in cases:
        config = case.config
        key = (config.data, config.data_dir, config.binarize, config.image_size, config.channels)
        if key not in loaded:
            loaded[key] = build.load_data(config)
        updater = make_updater(case, loaded[key])
        batches = updater.real
        batches.resident = resident.setdefault((key, str(batches.device)), batches.resident)
        images = config.batch * config.dis_steps
        subjects.append(
            Subject(case.name, case.facts, images, updater.update, updater.drain, updater)
        )
    return subjects


def environment(command: Sequence[str]) -> dict[str, Any]:
    """Return what a speed depends on apart from the case.

    That is: versions, machine, threads, the current load, and the command.
    """
    return {
        'gluongan': __version__,
        **runtime.describe(),
        'load': list(os.getloadavg()),
        'command': list(command),
    }


def make_updater(case: Case, dataset: Dataset) -> GANUpdater:
    """Return the updater of a case on `dataset`, whose networks run in the mode of the case.

    The mode does not change the numbers.
    """
    updater = build.make_updater(case.config, dataset)
    if case.mode == 'imperative':
        updater.dis_view = _view(case, updater)
    if case.mode != 'static':
        for block in updater.blocks():
            block.hybridize(active=case.mode == 'hybrid')
    return updater


def _view(case: Case, updater: GANUpdater) -> mx.gluon.HybridBlock:
    """Return the discriminator as layers, without gradients of its weights.

    `frozen` would make a graph, which no mode runs imperatively.
    """
    shape, classes = updater.real.dataset.shape, updater.classes
    view = build.make_discriminator(case.config, shape, classes, updater.real.device)
    use_precision(view, case.config.precision)
    weights = updater.dis._collect_params_with_prefix()
    for name, parameter in view._collect_params_with_prefix().items():
        parameter.grad_req = 'null'
        # The same memory as the discriminator's own weights.
        parameter._data = [value.detach() for value in weights[name].list_data()]
    return Classifying(view) if updater.gen_objective.class_weight else view
