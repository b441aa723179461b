"""What a rank does beside training that writes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..trainer import Extension

if TYPE_CHECKING:
    from ..trainer import Trainer


class Follow(Extension):
    """Forgets the numbers of the iterations: rank 0 logs its own."""

    trigger = (100, 'iteration')

    def __call__(self, trainer: Trainer) -> None:
        trainer.updater.take()
