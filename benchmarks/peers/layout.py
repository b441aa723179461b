"""Weights with the channels last, as XLA and TensorFlow want them on a CPU. Needs only NumPy.

gluongan's own weights have the channels first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
Layer = dict[str, Any]
Change = Callable[[np.ndarray], np.ndarray]
PARTS = {'gen': 'gen', 'dis': 'dis', 'ema': 'gen'}  # the moving average has the generator's layers


def changes(layers: list[Layer]) -> dict[str, tuple[Change, Change]]:
    """Return two functions for each weight, by its name: into the other layout, and back.

    Dense: (out, in) -> (in, out). Conv: (out, in, h, w) -> (h, w, in, out).
    Deconv: (in, out, h, w) -> (h, w, out, in).
    """
    result: dict[str, tuple[Change, Change]] = {}
    for index, layer in enumerate(layers):
        if layer['kind'] == 'Projection':
            result.update(changes([*layer['body'], layer['head']]))
            result.update(changes([layer['embed']]))
        elif layer['kind'] == 'Dense':
            order_out, order_in = _order_out(layers, index), _order_in(layers, index)
            result.update(_dense(layer['name'], order_out, order_in))
        elif layer['kind'] in ('Conv', 'Deconv'):
            result[f'{layer["name"]}.weight'] = (_channels_last, _channels_first)
    return result


def _channels_last(w: np.ndarray) -> np.ndarray:
    return w.transpose(2, 3, 1, 0)


def _channels_first(w: np.ndarray) -> np.ndarray:
    return w.transpose(3, 2, 0, 1)


def _order_out(layers: list[Layer], index: int) -> np.ndarray:
    """Return the new order of a Dense layer's outputs: changed where a Reshape makes images."""
    shape = layers[index]['output']
    for following in layers[index + 1 : index + 2]:
        if following['kind'] == 'Reshape':
            shape = following['output']
    return _order(shape or [1])


def _order_in(layers: list[Layer], index: int) -> np.ndarray:
    """Return the new order of a Dense layer's inputs: changed where a Flatten had images."""
    if index > 1 and layers[index - 1]['kind'] == 'Flatten':
        return _order(layers[index - 2]['output'])
    return _order([])


def _order(shape: list[int]) -> np.ndarray:
    """Return the indices of (C, H, W) values in the order (H, W, C); other shapes keep theirs."""
    indices = np.arange(int(np.prod(shape))).reshape(shape)
    if len(shape) == 3:
        indices = indices.transpose(1, 2, 0)
    return indices.ravel()


def _dense(
    name: str, order_out: np.ndarray, order_in: np.ndarray
) -> dict[str, tuple[Change, Change]]:
    back_out = np.argsort(order_out)
    columns = back_in = slice(None)
    if len(order_in) > 1:
        columns, back_in = order_in, np.argsort(order_in)
    return {
        f'{name}.weight': (
            lambda w: w[order_out][:, columns].T,
            lambda w: w.T[back_out][:, back_in],
        ),
        f'{name}.bias': (lambda b: b[order_out], lambda b: b[back_out]),
    }


class Layout:
    """Converts the arrays of a whole case, by their names."""

    def __init__(self, case: dict[str, Any]) -> None:
        self._changes = {}
        for part, net in PARTS.items():
            for name, change in changes(case[net]).items():
                self._changes[f'{part}/{name}'] = change

    def channels_last(self, arrays: Arrays) -> Arrays:
        """Return gluongan's arrays in the other layout."""
        return {name: self._convert(name, value, 0) for name, value in arrays.items()}

    def channels_first(self, arrays: Arrays) -> Arrays:
        """Return arrays of the other layout in gluongan's."""
        return {name: self._convert(name, value, 1) for name, value in arrays.items()}

    def _convert(self, name: str, value: np.ndarray, direction: int) -> np.ndarray:
        if name in self._changes:
            value = self._changes[name][direction](value)
        return np.ascontiguousarray(value)
