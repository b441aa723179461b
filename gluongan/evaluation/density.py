"""The Parzen window log-likelihood of a run's samples, by the protocol of the first GAN paper.

Goodfellow et al. 2014 (arXiv 1406.2661, section 5) put windows around 10,000 samples, and choose
their width on images that were held out of training: 1,000 of the last 10,000 training images. The
result is the log-likelihood of 10,000 test images.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ..build import Device, load_data, require_test
from ..gan.labels import labels_in_proportion
from ..loading import check_data, load_sampler, settle
from ..runs.folder import RunError
from .memory import check_memory
from .metrics import Parzen, parzen

TRAIN = 60_000
TEST = 10_000
VALID = slice(50_000, 51_000)
SAMPLES = 10_000

MNIST_VALUES = """\
225 ± 2   published for adversarial nets (Goodfellow et al. 2014, arXiv 1406.2661, Table 1)
242 ± 2   10,000 real training images as samples (our measurement)
299 ± 2   2,000 k-means centres of the training images (our measurement)
Blurred images score above the data itself, so this number is history, not a measure of quality."""


class Density(NamedTuple):
    """The result of the protocol.

    parzen: the log-likelihood in nats, its error and the window's width. samples: their number.
    iteration: of the snapshot that made them. is_mnist: whether the data is that of MNIST_VALUES.
    """

    parzen: Parzen
    samples: int
    iteration: int
    is_mnist: bool


def measure_density(
    run: Path,
    *,
    which: str = 'last',
    device: Device = 'cpu',
    data_at: str | None = None,
    changed_data: bool = False,
) -> Density:
    """Return the Parzen window log-likelihood of a run's test images under its samples.

    which: `last`, `best` or the iteration of a snapshot. It takes about 10 seconds.
    data_at: where the run's data is, if it moved. changed_data: allow that it is another.
    Raises RunError for data with fewer images than the protocol takes, and SnapshotError.
    """
    config = settle(run, data_at=data_at)
    train = load_data(config, 'train')
    check_data(run, train, changed_data=changed_data)
    test = require_test(config, train)
    if len(train) < TRAIN or len(test) < TEST:
        raise RunError(
            f'{run}: its data has {len(train):,} training and {len(test):,} test images; '
            f'must be at least {TRAIN:,} and {TEST:,} for this protocol'
        )
    check_memory(SAMPLES, train.shape, copies=3, setting='data')
    sampler = load_sampler(run, which=which, device=device)
    if sampler.classes:
        x, _ = sampler.sample(SAMPLES, 0, labels_in_proportion(train.labels, SAMPLES))
    else:
        x, _ = sampler.sample_grid(list(range(SAMPLES)))
    result = parzen(x, train.floats(VALID), test.floats(slice(TEST)))
    is_mnist = config.data == 'mnist' and not config.binarize
    return Density(result, len(x), sampler.iteration, is_mnist)
