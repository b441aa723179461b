"""The cases of a session: every combination of recipe, batch size, device and mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from ..config import Config, knobs
from ..recipes import recipe

# How MXNet runs a network. imperative: operator by operator from Python. hybrid: as a graph
# (`hybridize()`). static: as a graph whose memory is allocated once
# (`hybridize(static_alloc=True)`), which is how training runs it. The view of the discriminator
# that the generator's update goes through is a graph in the last two modes and layers in the
# first; it computes no gradient of the discriminator's weights in any.
MODES = ('imperative', 'hybrid', 'static')


@dataclass(frozen=True)
class Case:
    """One thing to time: iterations of a run of `config`, in one of MODES.

    The batch size and the device are among the settings of `config`.
    """

    config: Config
    mode: str = 'static'

    @property
    def name(self) -> str:
        """Recipe, batch size, device and mode, such as `dense 128 cpu static`."""
        return f'{self.config.recipe} {self.config.batch} {self.config.device} {self.mode}'

    @property
    def facts(self) -> dict[str, Any]:
        """Everything that its speed may depend on: recipe, device, mode and other settings."""
        settings = self.config.to_dict()
        facts = {'recipe': settings['recipe'], 'device': settings['device'], 'mode': self.mode}
        for name, knob in knobs().items():
            if knob.group != 'run':  # how often to log, and the like
                facts[name] = settings[name]
        return facts


def cases(
    recipes: Sequence[str],
    batches: Sequence[int] = (),
    devices: Sequence[str] = ('cpu',),
    modes: Sequence[str] = ('static',),
) -> list[Case]:
    """Return a case for each combination of recipe, device, mode and batch size.

    Without `batches` each recipe has its own batch size. Raises ConfigError.

    >>> [case.name for case in cases(['dense', 'wgan'], [64])]
    ['dense 64 cpu static', 'wgan 64 cpu static']
    """
    chosen = []
    for name, device, mode in product(_unique(recipes), _unique(devices), _unique(modes)):
        config = recipe(name)
        for batch in _unique(batches or [config.batch]):
            changes = {'recipe': name, 'batch': batch, 'device': device}
            chosen.append(Case(config.with_settings(changes), mode))
    return chosen


def _unique(values: Sequence[Any]) -> list[Any]:
    return list(dict.fromkeys(values))
