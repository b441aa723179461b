"""The cases of a session: recipes, batches, devices and modes, each with each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from ..config import Config, knobs
from ..recipes import recipe

# How MXNet runs a network. imperative: operator by operator from Python. hybrid: as a graph (`hybridize()`).
# static: as a graph whose memory is planned once (`hybridize(static_alloc=True)`), which is what training does. The view of D
# that G's update goes through is a graph in the last two and layers in the first; it computes no gradient of D in any.
MODES = ('imperative', 'hybrid', 'static')


@dataclass(frozen=True)
class Case:
    """One thing to time: iterations of a run of `config`, batch and device among its settings, in a mode of MODES."""

    config: Config
    mode: str = 'static'

    @property
    def name(self) -> str:
        """Say it in four words, such as `dense 128 cpu static`."""
        return f'{self.config.recipe} {self.config.batch} {self.config.device} {self.mode}'

    @property
    def facts(self) -> dict[str, Any]:
        """All that its speed may depend on: the recipe, the mode, the device and every setting of an update."""
        settings = self.config.to_dict()
        beside = [
            name for name, knob in knobs().items() if knob.group == 'run'
        ]  # how often to log, and such
        return {
            **{name: settings[name] for name in ('recipe', 'device')},
            'mode': self.mode,
            **{name: value for name, value in settings.items() if name not in beside},
        }


def cases(
    recipes: Sequence[str],
    batches: Sequence[int] = (),
    devices: Sequence[str] = ('cpu',),
    modes: Sequence[str] = ('static',),
) -> list[Case]:
    """Return a case for each recipe, batch (none given: the recipe's own), device and mode. Raises ConfigError."""
    found = []
    for name, device, mode in product(
        dict.fromkeys(recipes), dict.fromkeys(devices), dict.fromkeys(modes)
    ):
        own = recipe(name)
        for batch in dict.fromkeys(batches or [own.batch]):
            found.append(
                Case(own.with_settings({'recipe': name, 'batch': batch, 'device': device}), mode)
            )
    return found
