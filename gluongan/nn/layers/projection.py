"""The projection discriminator: the label meets the features at the end instead of the pixels at the start."""

from __future__ import annotations

from typing import Any

from ...runtime import mx
from .chain import Chain
from .dense import Dense


class Projection(mx.gluon.HybridBlock):
    """logit = w · φ(x) + b + (V label) · φ(x): (N, C + K, ...) -> (N, 1) (Miyato and Koyama 2018, arXiv 1802.05637, eq. 3).

    The last K channels (or values) of the input are the one-hot label, as `append_labels` appends it; `body` is φ, from the first
    C to `features` numbers.
    """

    def __init__(
        self,
        body: Chain,
        features: int,
        classes: int,
        *,
        planes: bool = False,
        spectral: bool = False,
    ) -> None:
        """planes: each number of the label is a whole plane (N, K, H, W), as beside pictures."""
        super().__init__()
        self._classes, self._planes = classes, planes
        self.body, self.head = body, Dense(1, in_units=features, spectral=spectral)
        self.embed = Dense(features, in_units=classes, bias=False, spectral=spectral)

    def split(self, F: Any, x: Any) -> tuple[Any, Any]:
        """Return the sample and its label (N, K): of a picture, the mean of each label plane."""
        sample = F.slice_axis(x, axis=1, begin=0, end=-self._classes)
        label = F.slice_axis(x, axis=1, begin=-self._classes, end=None)
        # Only where there are planes: OpenCV leaves an axis of 1 in place that a mean should take away.
        return sample, F.mean(F.reshape(label, shape=(0, 0, -1)), axis=2) if self._planes else label

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        sample, label = self.split(F, x)
        features = self.body(sample)
        return self.head(features) + F.sum(self.embed(label) * features, axis=1, keepdims=True)
