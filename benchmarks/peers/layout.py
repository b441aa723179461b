"""gluongan's weights are channels first; XLA and TensorFlow want pictures channels last on a CPU. Needs nothing but NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
Change = Callable[[np.ndarray], np.ndarray]


def _order(shape: list[int]) -> np.ndarray:
    """Return the places of (C, H, W) values in the order (H, W, C); of what is no picture, in their own."""
    places = np.arange(int(np.prod(shape))).reshape(shape)
    return (places.transpose(1, 2, 0) if len(shape) == 3 else places).ravel()


def changes(layers: list[dict[str, Any]]) -> dict[str, tuple[Change, Change]]:
    """Return by the name of each weight what brings it into the other layout, and what brings it back.

    Dense (out, in) -> (in, out); Conv (out, in, h, w) -> (h, w, in, out); Deconv (in, out, h, w) -> (h, w, out, in).
    """
    found: dict[str, tuple[Change, Change]] = {}
    for place, layer in enumerate(layers):
        if layer['kind'] == 'Dense':
            after = (
                layers[place + 1]['output']
                if layers[place + 1]['kind'] == 'Reshape'
                else layer['output']
            )
            before = (
                layers[place - 2]['output']
                if place > 1 and layers[place - 1]['kind'] == 'Flatten'
                else []
            )
            found.update(_dense(layer['name'], _order(after or [1]), _order(before)))
        elif layer['kind'] in ('Conv', 'Deconv'):
            found[layer['name'] + '.weight'] = (
                lambda w: w.transpose(2, 3, 1, 0),
                lambda w: w.transpose(3, 2, 0, 1),
            )
    return found


def _dense(name: str, out: np.ndarray, inside: np.ndarray) -> dict[str, tuple[Change, Change]]:
    given = slice(None) if len(inside) < 2 else inside
    back = slice(None) if len(inside) < 2 else np.argsort(inside)
    return {
        f'{name}.weight': (lambda w: w[out][:, given].T, lambda w: w.T[np.argsort(out)][:, back]),
        f'{name}.bias': (lambda b: b[out], lambda b: b[np.argsort(out)]),
    }


class Layout:
    """Turns the arrays of a whole case into the other layout (`there`) and back again (`back`), by their names."""

    def __init__(self, case: dict[str, Any]) -> None:
        parts = {'gen': changes(case['gen']), 'dis': changes(case['dis'])}
        self._changes = {
            f'{part}/{name}': change
            for part, net in (('gen', 'gen'), ('dis', 'dis'), ('ema', 'gen'))
            for name, change in parts[net].items()
        }

    def there(self, arrays: Arrays) -> Arrays:
        """Return gluongan's arrays in the other layout."""
        return {
            name: np.ascontiguousarray(
                self._changes[name][0](value) if name in self._changes else value
            )
            for name, value in arrays.items()
        }

    def back(self, arrays: Arrays) -> Arrays:
        """Return arrays of the other layout in gluongan's."""
        return {
            name: np.ascontiguousarray(
                self._changes[name][1](value) if name in self._changes else value
            )
            for name, value in arrays.items()
        }
