"""The names that Config allows are those of what exists in the rooms that know what they mean."""

from __future__ import annotations

import pytest

from gluongan.config import ADAPTIVE, MIXTURES, Config, ConfigError, knobs
from gluongan.data import toys
from gluongan.errors import InputError
from gluongan.gan.adaptive import check_loss
from gluongan.gan.augmentation import AUGMENTATIONS
from gluongan.gan.losses import LOSSES, SMOOTHABLE
from gluongan.gan.noise import DISTRIBUTIONS
from gluongan.gan.penalties import PENALTIES
from gluongan.nn.layers import ACTIVATIONS
from gluongan.nn.optimizer import RULES, SCHEDULES

NAMES = {
    'augment': AUGMENTATIONS,
    'loss': LOSSES,
    'penalty': PENALTIES,
    'noise': DISTRIBUTIONS,
    'optimizer': RULES,
    'schedule': SCHEDULES,
    # unit_tanh is what `gen_output` tanh means: scaled to [0, 1].
    'gen_activation': set(ACTIVATIONS) - {'unit_tanh'},
    'dis_activation': set(ACTIVATIONS) - {'unit_tanh'},
}


@pytest.mark.parametrize('setting', NAMES)
def test_choices_are_the_names_of_what_exists(setting):
    assert set(knobs()[setting].choices) == set(NAMES[setting])


@pytest.mark.parametrize('loss', LOSSES)
def test_adaptive_augmentation_takes_the_same_losses_in_a_config_and_in_the_library(loss):
    if loss in ADAPTIVE:
        check_loss(LOSSES[loss])
        assert Config(loss=loss, augment=('shift',), augment_target=0.6).augment_target == 0.6
        return
    with pytest.raises(InputError, match='augment_target: needs logits above 0'):
        check_loss(LOSSES[loss])
    with pytest.raises(ConfigError, match=r'augment_target 0\.6: needs scores above 0'):
        Config(loss=loss, augment=('shift',), augment_target=0.6)


def test_mixtures_are_those_of_the_data():
    assert set(MIXTURES) == set(toys.MIXTURES)


@pytest.mark.parametrize('loss', LOSSES)
@pytest.mark.parametrize('setting', ['real_target', 'fake_target'])
def test_losses_without_targets_are_those_that_refuse_smoothing(loss, setting):
    smoothed = {'loss': loss, setting: {'real_target': 0.9, 'fake_target': 0.1}[setting]}
    if loss in SMOOTHABLE:
        assert getattr(Config(**smoothed), setting) == smoothed[setting]
        return
    with pytest.raises(ConfigError, match='no targets to smooth'):
        Config(**smoothed)
