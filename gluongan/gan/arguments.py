"""The arguments of GANUpdater: what is missing is built, what contradicts is refused."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import redirect_stdout
from io import StringIO
from math import prod

from ..data.batches import Batches
from ..errors import InputError, check_count
from ..nn.layers import Chain, Pack, Projection
from ..nn.optimizer import Optimizer
from ..runtime import mx
from .adaptive import AdaptiveProbability, check_loss
from .augmentation import Augmentation
from .losses import LOSSES, Loss
from .penalties import GradientPenalty


def pack_size(dis: Chain) -> int:
    """Return the number of samples that a discriminator judges together."""
    for layer in dis:
        if isinstance(layer, Pack):
            return layer.m
    return 1


def check_types(real: Batches, loss: str | Loss, steps: dict[str, int]) -> None:
    """Raise InputError where an argument is of another kind.

    steps: `dis_steps` and `gen_steps`.
    """
    if not isinstance(real, Batches):
        raise InputError('must be batches, as dataset.batches(128) makes them', setting='real')
    if not isinstance(loss, (str, Loss)):
        raise InputError(
            f'must be one of {", ".join(LOSSES)}, or a Loss', setting='loss', value=loss
        )
    for setting, value in steps.items():
        check_count(setting, value)


def check_networks(gen: Chain, dis: Chain, real: Batches, classes: int) -> None:
    """Raise InputError where the shapes of the networks and of the data do not fit together."""
    shape = real.dataset.shape
    generated = _output_shape('gen', gen, gen.shape_in, real.batch)
    if generated is not None and prod(generated) != prod(shape):
        raise InputError(
            f'generates samples of shape {generated}; must be {shape}, as in {real.dataset.name}',
            setting='gen',
        )
    for samples in (shape, generated):
        if samples is not None:
            _output_shape('dis', dis, _as_seen_by_dis(samples, dis, classes), real.batch)


def _as_seen_by_dis(shape: tuple[int, ...], dis: Chain, classes: int) -> tuple[int, ...]:
    """Return the shape of a sample with its label, see `GANUpdater.as_seen_by_dis`."""
    if not classes:
        return shape
    if len(dis.shape_in) == 1:
        return (prod(shape) + classes,)
    return (shape[0] + classes, *shape[1:])


def _output_shape(
    setting: str, net: Chain, shape: tuple[int, ...], batch: int
) -> tuple[int, ...] | None:
    """Return the shape of one output; None for a network that cannot be traced.

    Raises InputError where the network does not take samples of that shape.
    """
    # The names of the nodes must not depend on what was traced before.
    with mx.name.NameManager(), redirect_stdout(StringIO()):  # MXNet prints its arguments
        try:
            _, outputs, _ = net(mx.sym.var('data')).infer_shape(data=(batch, *shape))
        except mx.MXNetError:
            raise InputError(
                f'does not take samples of shape {shape}; must be built for them', setting=setting
            ) from None
        except (AttributeError, TypeError, ValueError, NotImplementedError):
            return None
    return outputs[0][1:]


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


def check_class_weight(class_weight: float, dis: Chain) -> None:
    """Raise InputError where it is negative, or the discriminator has no classifier to weigh."""
    if class_weight < 0:
        raise InputError('must be at least 0', setting='class_weight', value=class_weight)
    if class_weight and not isinstance(dis[0], Projection):
        raise InputError(
            'has no effect without a discriminator that projects labels; must be 0',
            setting='class_weight',
            value=class_weight,
        )


def make_augmentation(
    names: Collection[str],
    probability: float,
    real: Batches,
    dis: Chain,
    classes: int,
    seed: int,
) -> Augmentation | None:
    """Return the augmentation of samples as a discriminator sees them; None without a name."""
    if not names:
        return None
    return Augmentation(
        names,
        real.dataset.shape,
        probability=probability,
        classes=classes,
        flat_labels=len(dis.shape_in) == 1,
        seed=seed,
    )


def make_adaptive(
    augmentation: Augmentation | None, target: float | None, span: int, loss: Loss
) -> AdaptiveProbability | None:
    """Return what adjusts an augmentation's probability; None without a target."""
    if target is None:
        return None
    if augmentation is None:
        raise InputError(
            'has no effect without `augment`; must be None', setting='augment_target', value=target
        )
    check_loss(loss)
    return AdaptiveProbability(augmentation, target, span)


def make_penalty(
    penalty: str | GradientPenalty | None,
    options: dict[str, float | None],
    dis: Chain,
    view: mx.gluon.HybridBlock,
    classes: int,
) -> GradientPenalty | None:
    """Return the penalty that is given, or the one of that name; None without one.

    options: its `weight`, and in `every` how many updates it is applied; None where not given.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if isinstance(penalty, str):
        return GradientPenalty(dis, view, penalty, classes=classes, **given)
    for name, value in given.items():
        reason = 'has no effect without `penalty`'
        if penalty is not None:
            reason = f'`penalty` is built and has its own {name}'
        raise InputError(f'{reason}; must be None', setting=f'penalty_{name}', value=value)
    if penalty is None:
        return None
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
