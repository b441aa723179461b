"""Config: every setting of a run, declared once with its default, range, unit and help.

The API, the command line, the JSON file and the documentation derive from these lines, so they
cannot disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, NoReturn

from ..errors import InputError, as_typed, did_you_mean
from ..knob import Knob
from .settings import Settings

MIXTURES = ('ring8', 'grid25')

# Measured every `eval_every` iterations; the last three only for mixtures.
QUICK_METRICS = ('samples/swd', 'modes/caught', 'modes/good', 'modes/kl')

ADAPTIVE = ('minimax', 'nonsaturating', 'hinge')  # losses with which `augment_target` works


class ConfigError(InputError):
    """An impossible setting: one sentence that names it, its value and what is allowed."""


@dataclass(frozen=True)
class Config(Settings):
    """Every setting of a run. Raises ConfigError for an impossible value or combination.

    >>> config = Config(latent=64, lr=1e-4)
    >>> config.latent, config.batch
    (64, 128)
    >>> Config(batch=0)
    Traceback (most recent call last):
    gluongan.config.ConfigError: batch 0: must be a whole number from 1 to 65,536
    """

    def __post_init__(self) -> None:
        for name, knob in knobs().items():
            value = getattr(self, name)
            if isinstance(value, list):
                value = tuple(value)
                object.__setattr__(self, name, value)
            if not knob.accepts(value):
                given = repr(value) if knob.is_misplaced_text(value) else as_typed(value)
                near = did_you_mean(value, knob.choices)
                raise ConfigError(f'must be {knob.allowed()}{near}', setting=name, value=given)
        self._check_discriminator()
        self._check_batch()
        self._check_length()
        self._check_metrics()
        if self.network == 'conv':
            self._check_conv()
        if self.makes_points:
            self._check_points()

    @property
    def makes_points(self) -> bool:
        """Whether the data is a 2-D mixture rather than images."""
        return self.data in MIXTURES

    def _refuse(self, setting: str, message: str) -> NoReturn:
        raise ConfigError(message, setting=setting, value=getattr(self, setting))

    def _check_discriminator(self) -> None:
        mixing = ('dis_batchnorm', 'dis_kernels', 'dis_stddev', 'dis_dropout')
        on = [f'`{name}`' for name in mixing if getattr(self, name)]
        if self.penalty and on:
            self._refuse(
                'penalty',
                "needs the gradient of each sample's score by that sample alone, but "
                f'{" and ".join(on)} would mix samples or drop units at random; '
                'must be left out, or used without',
            )
        if self.loss in ('wasserstein', 'hinge', 'relativistic'):
            reason = f'`loss` {self.loss} has no targets to smooth'
            if self.real_target != 1.0:
                self._refuse('real_target', f'{reason}; must be 1')
            if self.fake_target != 0.0:
                self._refuse('fake_target', f'{reason}; must be 0')
        if self.augment_target is not None and self.loss not in ADAPTIVE:
            self._refuse(
                'augment_target',
                f'needs scores above 0 for real samples, unlike `loss` {self.loss}; '
                f'must be used with one of {", ".join(ADAPTIVE)}',
            )
        if self.precision == 'float16' and self.penalty:
            self._refuse('precision', 'is too coarse for `penalty`; must be float32')
        if self.dis_head == 'softmax' and self.loss not in ('minimax', 'nonsaturating'):
            self._refuse('dis_head', f'{self.loss} needs an unbounded score; must be logit')
        projects_alone = self.conditional and self.pack == 1 and self.dis_head == 'logit'
        if self.dis_projection and not projects_alone:
            raise ConfigError(
                'must be used with `conditional`, `pack` 1 and `dis_head` logit',
                setting='dis_projection',
            )

    def _check_batch(self) -> None:
        if self.batch % self.pack != 0:
            self._refuse('pack', f'must be a divisor of `batch` {self.batch}')
        if self.batch == self.pack > 1 and self.dis_batchnorm:
            self._refuse(
                'pack',
                "leaves the discriminator's BatchNorm a batch of one; "
                f'must be smaller than `batch` {self.batch}',
            )
        if self.batch == 1 and (self.gen_batchnorm or self.dis_batchnorm):
            self._refuse(
                'batch',
                'is too small for BatchNorm; must be at least 2, or turn `gen_batchnorm` and '
                '`dis_batchnorm` off',
            )

    def _check_length(self) -> None:
        if self.schedule != 'constant' and self.iterations > self.schedule_iterations:
            self._refuse(
                'schedule_iterations',
                'the learning rates reach 0 before training ends; '
                f'must be at least `iterations` {self.iterations}',
            )

    def _check_metrics(self) -> None:
        metrics = QUICK_METRICS if self.makes_points else QUICK_METRICS[:1]
        if self.judge_every is None and self.best not in metrics:
            names = metrics[0] if len(metrics) == 1 else f'one of {", ".join(metrics)}'
            near = did_you_mean(self.best, metrics)
            self._refuse('best', f'must be {names}; other metrics need `judge_every`{near}')

    def _check_conv(self) -> None:
        if self.precision == 'bfloat16':
            self._refuse('precision', 'needs `network` dense; must be float32')
        if self.makes_points:
            self._refuse('network', f'{self.data} is made of points; must be dense')
        if self.dis_head == 'softmax':
            self._refuse('dis_head', 'needs `network` dense; must be logit')

    def _check_points(self) -> None:
        if self.judge_every:
            self._refuse('judge_every', f'{self.data} is made of points; must be left out')
        if self.gen_output not in (None, 'identity'):
            self._refuse('gen_output', f'{self.data} has points outside [0, 1]; must be identity')
        reason = f'{self.data} is made of points, not images'
        for name in ('binarize', 'mirror'):
            if getattr(self, name):
                raise ConfigError(f'{reason}; must be off', setting=name)
        if self.augment:
            self._refuse('augment', f'{reason}; must be none')

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    def with_settings(self, settings: Mapping[str, Any]) -> Config:
        """Return a copy with some settings changed. Raises ConfigError for an unknown name."""
        for name in settings:
            if name not in knobs():
                raise ConfigError(
                    f'{name!r} is not a setting; see `gluongan train --help` for all of them'
                    f'{did_you_mean(name, knobs())}'
                )
        return replace(self, **settings)

    def differences(self, other: Config) -> dict[str, tuple[Any, Any]]:
        """Return {name: (mine, theirs)} for every setting that differs.

        >>> Config(lr=0.001).differences(Config(lr=0.002))
        {'lr': (0.001, 0.002)}
        """
        differences = {}
        for name in knobs():
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                differences[name] = (mine, theirs)
        return differences


def knobs() -> dict[str, Knob]:
    """Return every knob by name, in the order in which they are declared."""
    return {f.name: f.metadata['knob'] for f in fields(Config)}


def defaults() -> dict[str, Any]:
    """Return every knob's default."""
    return {f.name: f.default for f in fields(Config)}
