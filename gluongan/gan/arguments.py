"""The arguments of GANUpdater: what is missing is built, what contradicts is refused."""

from __future__ import annotations

from ..data.batches import Batches
from ..errors import InputError
from ..nn.layers import Chain, Pack
from ..nn.optimizer import Optimizer
from ..runtime import mx
from .penalties import GradientPenalty


def pack_size(dis: Chain) -> int:
    """Return the number of samples that a discriminator judges together."""
    for layer in dis:
        if isinstance(layer, Pack):
            return layer.m
    return 1


def check_batches(real: Batches, dis: Chain, conditional: bool) -> None:
    """Raise InputError where the batches do not fill whole packs, or lack labels."""
    pack = pack_size(dis)
    if real.batch % pack:
        raise InputError(
            f'must be a multiple of {pack}, the samples that the discriminator judges together',
            setting='batch',
            value=real.batch,
        )
    if conditional and not real.dataset.classes:
        raise InputError(
            f'{real.dataset.name} has no labels; must be data with classes', setting='conditional'
        )


def check_instance_noise(instance_noise: float, noise_until: int | None) -> None:
    """Raise InputError where one of the two is given without the other, or makes no sense."""
    if instance_noise < 0:
        raise InputError('must be at least 0', setting='instance_noise', value=instance_noise)
    if noise_until is None:
        if instance_noise:
            raise InputError(
                'missing; must be the iteration at which `instance_noise` reaches 0',
                setting='noise_until',
            )
        return
    if not instance_noise:
        raise InputError(
            'has no effect without `instance_noise`; must be None',
            setting='noise_until',
            value=noise_until,
        )
    if noise_until < 1:
        raise InputError('must be at least 1', setting='noise_until', value=noise_until)


def make_penalty(
    penalty: str | GradientPenalty | None,
    weight: float | None,
    dis: Chain,
    view: mx.gluon.HybridBlock,
    classes: int,
) -> GradientPenalty | None:
    """Return the penalty that is given, or the one of that name; None without one."""
    if penalty is None:
        if weight is not None:
            raise InputError(
                'has no effect without `penalty`; must be None',
                setting='penalty_weight',
                value=weight,
            )
        return None
    if isinstance(penalty, str):
        return GradientPenalty(dis, view, penalty, weight, classes=classes)
    if weight is not None:
        raise InputError(
            '`penalty` is built and has its own weight; must be None',
            setting='penalty_weight',
            value=weight,
        )
    if penalty.dis is not dis:
        raise InputError('belongs to another network; must be built for `dis`', setting='penalty')
    if penalty.classes != classes:
        raise InputError(
            f'is built for {penalty.classes} classes; must be built for {classes}',
            setting='penalty',
        )
    return penalty


def make_optimizers(
    gen: Chain,
    dis: Chain,
    opt_gen: Optimizer | None,
    opt_dis: Optimizer | None,
    lr: float | None,
    beta1: float | None,
) -> tuple[Optimizer, Optimizer]:
    """Return the optimisers that are given, or Adam with `lr` and `beta1` for both networks."""
    rates = {'lr': lr, 'beta1': beta1}
    rates = {name: value for name, value in rates.items() if value is not None}
    if opt_gen is None and opt_dis is None:
        return Optimizer(gen, **rates), Optimizer(dis, **rates)
    if opt_gen is None:
        raise InputError('missing; must be given together with `opt_dis`', setting='opt_gen')
    if opt_dis is None:
        raise InputError('missing; must be given together with `opt_gen`', setting='opt_dis')
    for name, value in rates.items():
        raise InputError(
            '`opt_gen` and `opt_dis` have their own; must be None', setting=name, value=value
        )
    _check_optimizer('opt_gen', opt_gen, 'gen', gen)
    _check_optimizer('opt_dis', opt_dis, 'dis', dis)
    return opt_gen, opt_dis


def _check_optimizer(setting: str, optimizer: Optimizer, net_name: str, net: Chain) -> None:
    trainable = {id(p) for p in net.collect_params().values() if p.grad_req != 'null'}
    if {id(parameter) for parameter in optimizer.parameters} != trainable:
        raise InputError(
            f'moves the weights of another network; must be built for `{net_name}`',
            setting=setting,
        )
