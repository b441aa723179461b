"""How much of an evaluation is done, by what each of its measurements usually takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..data import progress

A_CLASSIFIER = 'a classifier'  # trained on samples
OnStep = Callable[[str, float], None]

# Seconds for 10,000 samples of MNIST on two cores; their ratios are what counts.
COSTS = {
    'features and classes': 5,
    'features': 5,
    'precision, recall, density, coverage of features': 4,
    'precision, recall, density, coverage of pixels': 6,
    'bins': 10,
    'nearest neighbours': 1,
    'diversity': 1,
    'copies of training images': 7,
    'pixels': 1,
    'discriminator': 3,
    'sensitivity': 1,
    'modes': 1,
    A_CLASSIFIER: 60,
}


class Stages:
    """Logs how much of an evaluation is done, see `data.progress`, and calls `on_step`.

    >>> stages = Stages(lambda name, seconds: print(name))
    >>> stages.expect(['bins', 'diversity'])
    >>> stages('bins', 3.5)
    bins
    >>> stages.done, stages.total
    (10, 11)
    """

    def __init__(self, on_step: OnStep) -> None:
        self.on_step = on_step
        self._expected: list[str] = []
        self.done = 0
        self.total = 0

    def expect(self, names: Iterable[str]) -> None:
        """Add measurements that will be made, in their order."""
        names = list(names)
        self._expected += names
        self.total += sum(COSTS[name] for name in names)
        self._report()

    def __call__(self, name: str, seconds: float) -> None:
        """Say that the next of the expected measurements is made."""
        self.advance(name, seconds)
        self.on_step(name, seconds)

    def advance(self, name: str, seconds: float) -> None:
        """Do the same without calling `on_step`."""
        if self._expected:
            self.done += COSTS[self._expected.pop(0)]
        self._report()

    def _report(self) -> None:
        text = self._expected[0] if self._expected else ''
        progress.report('evaluation', self.done, self.total, text)
