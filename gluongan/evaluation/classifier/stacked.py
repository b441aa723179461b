"""The judge of stacked digits: the judge of digits, asked about each colour by itself."""

from __future__ import annotations

import numpy as np

from .judge import About, Judge, Judgement


class Stacked(Judge):
    """Sees (N, 3, H, W) as three grey pictures: features (N, 3 D), and a probability for each of the K³ triples of classes."""

    def __init__(self, single: Judge) -> None:
        own = single.about
        names = [a + b + c for a in own.classes for b in own.classes for c in own.classes]
        about = About(
            own.net,
            f'stacked-{own.data}',
            (3, *own.shape[1:]),
            tuple(names),
            own.accuracy**3,
            own.split,
            own.seed,
            own.epochs,
            own.command,
        )
        super().__init__(about, single.net, sha256=single.sha256)
        self._single = single

    def __call__(self, x: np.ndarray) -> Judgement:
        self.check(x.shape[1:])
        features, p = self._single(x.reshape(-1, 1, *x.shape[2:]))
        p = p.reshape(len(x), 3, -1)
        triples = np.einsum('na,nb,nc->nabc', p[:, 0], p[:, 1], p[:, 2])
        return Judgement(features.reshape(len(x), -1), triples.reshape(len(x), -1))
