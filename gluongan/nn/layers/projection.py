"""The projection discriminator, where the label meets the features instead of the pixels."""

from __future__ import annotations

from typing import Any

from ...errors import InputError
from ...runtime import mx
from .chain import Chain
from .dense import Dense


class Projection(mx.gluon.HybridBlock):
    """logit = w · φ(x) + b + (V label) · φ(x): (N, C + K, ...) -> (N, 1).

    Miyato and Koyama 2018 (arXiv 1802.05637), equation 3. The last K channels (or values) of the
    input are the one-hot label, as `append_labels` appends it.

    body: φ, from the first C channels to `features` numbers. classes: K. planes: each number of the
    label is a plane, so the label is (N, K, H, W), as for pictures. spectral: see `Dense`.

    >>> body = Chain(Dense(8, 'tanh', in_units=5))
    >>> net = Projection(body, features=8, classes=3)
    >>> net.initialize()
    >>> net(mx.nd.ones((4, 5 + 3))).shape
    (4, 1)
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
        super().__init__()
        self._classes = classes
        self._planes = planes
        self.body = body
        self.head = Dense(1, in_units=features, spectral=spectral)
        self.embed = Dense(features, in_units=classes, bias=False, spectral=spectral)

    def split(self, F: Any, x: Any) -> tuple[Any, Any]:
        """Return the samples (N, C, ...) and their labels (N, K)."""
        sample = F.slice_axis(x, axis=1, begin=0, end=-self._classes)
        label = F.slice_axis(x, axis=1, begin=-self._classes, end=None)
        # Only for planes: where OpenCV is loaded, a mean over an axis of length 1 may not drop it.
        if self._planes:
            label = F.mean(F.reshape(label, shape=(0, 0, -1)), axis=2)
        return sample, label

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        sample, label = self.split(F, x)
        features = self.body(sample)
        return self.head(features) + F.sum(self.embed(label) * features, axis=1, keepdims=True)

    def classified(self, F: Any, x: Any) -> tuple[Any, Any]:
        """Return the logits (N,), and how badly the classes of the samples are told (N,).

        The latter is the cross entropy of each label and p(label | x) = softmax(V φ(x)), in nats.
        V φ(x) is what each class would add to the logit.
        """
        sample, label = self.split(F, x)
        features = self.body(sample)
        by_class = self.embed(F.eye(self._classes))  # (K, features)
        scores = F.dot(features, by_class, transpose_b=True)
        logits = F.reshape(self.head(features), shape=(-1,)) + F.sum(scores * label, axis=1)
        return logits, -F.sum(F.log_softmax(scores) * label, axis=1)


class Classifying(mx.gluon.HybridBlock):
    """A projecting discriminator with the classifier in it: samples -> (logits, cross entropies).

    (N, C + K, ...) -> (N,) and (N,), see `Projection.classified`. It shares the weights of `net`.
    Raises InputError for a network that does not project labels.

    >>> import gluongan as gg
    >>> net = gg.dense_discriminator([5 + 3, 8, 1], shape=(5 + 3,), projected=3)
    >>> logits, cross_entropies = Classifying(net)(mx.nd.ones((4, 5 + 3)))
    >>> logits.shape, cross_entropies.shape
    ((4,), (4,))
    """

    def __init__(self, net: Chain) -> None:
        super().__init__(prefix='')
        if not isinstance(net, Chain) or not isinstance(net[0], Projection):
            raise InputError('does not project labels', setting='dis')
        self._projection = net[0]
        self.net = net

    def hybrid_forward(self, F: Any, x: Any) -> tuple[Any, Any]:
        return self._projection.classified(F, x)
