"""What the ranks do beside training: they keep in step."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ..trainer import Extension

if TYPE_CHECKING:
    from ..gan.updater import GANUpdater
    from ..trainer import Trainer


class Confirm(Extension):
    """Lets no rank go on before all have come to this iteration; every rank has it.

    An exchange that breaks off may leave anything in the weights, and only the next one tells.
    So there is one more, of nothing, before a snapshot is written.
    """

    def __call__(self, trainer: Trainer) -> None:
        cast('GANUpdater', trainer.updater).ranks.average(())

    def finish(self, trainer: Trainer) -> None:
        self(trainer)


class Follow(Confirm):
    """All that a rank does that writes nothing: it forgets the numbers of its iterations, too."""

    def __call__(self, trainer: Trainer) -> None:
        super().__call__(trainer)
        cast('GANUpdater', trainer.updater).take()
