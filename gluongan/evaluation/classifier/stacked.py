"""The judge of stacked digits: the judge of digits, applied to each colour channel."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np

from .judge import Judge, Judgement


class Stacked(Judge):
    """A judge of (N, 3, H, W), which it treats as three grey pictures.

    It returns features (N, 3 D), and a probability for each of the K³ triples of classes.
    """

    def __init__(self, single: Judge) -> None:
        about = replace(
            single.about,
            data=f'stacked-{single.about.data}',
            shape=(3, *single.about.shape[1:]),
            classes=tuple(''.join(names) for names in product(single.about.classes, repeat=3)),
            accuracy=single.about.accuracy**3,
        )
        super().__init__(about, single.net, sha256=single.sha256)
        self._single = single

    def __call__(self, x: np.ndarray) -> Judgement:
        self.check(x.shape[1:])
        features, p = self._single(x.reshape(-1, 1, *x.shape[2:]))
        p = p.reshape(len(x), 3, -1)
        triples = np.einsum('na,nb,nc->nabc', p[:, 0], p[:, 1], p[:, 2])
        return Judgement(features.reshape(len(x), -1), triples.reshape(len(x), -1))
