"""Measures several things in turn, A B C A B C, so that a machine that drifts affects all alike."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from gluongan.bench import Trial
from gluongan.gan.updater import GANUpdater

from .driver import Peer

Sampler = Callable[[], float]

# Iterations. Compilers are done after the first, caches and allocators after a few more.
WARM_UP = 10
# Seconds between two turns. Threads of the last one spin for up to 0.2 s before they sleep.
PAUSE = 0.3


def time_updates(updater: GANUpdater, iterations: int) -> float:
    """Return the seconds that some iterations take, in this process."""
    start = time.perf_counter()
    for _ in range(iterations):
        updater.update()
    updater.drain()
    updater.take()
    return time.perf_counter() - start


class Block(NamedTuple):
    """A number of iterations of a peer that are timed together, between two fences."""

    peer: Peer
    iterations: int

    def sample(self) -> float:
        """Return the seconds of an iteration, the mean over the block."""
        return self.peer.ask('time', n=self.iterations)['seconds']


def make_block(peer: Peer, seconds: float) -> Block:
    """Warm a peer up, and return the block of its iterations that takes `seconds`."""
    peer.ask('run', n=WARM_UP)
    each = peer.ask('time', n=WARM_UP)['seconds']
    return Block(peer, max(1, math.ceil(seconds / each)))


def take_turns(samplers: Sequence[Sampler], rounds: int) -> list[tuple[float, ...]]:
    """Return the samples of each sampler; a round calls each of them once, in order."""
    samples: list[list[float]] = [[] for _ in samplers]
    for _ in range(rounds):
        for sampler, taken in zip(samplers, samples):
            time.sleep(PAUSE)
            taken.append(sampler())
    return list(map(tuple, samples))


def make_trial(
    case: dict[str, Any], block: Block, samples: tuple[float, ...], label: str, **facts: Any
) -> Trial:
    """Return the trial of a peer. label: what tells it from the case's other trials."""
    peer = block.peer
    known = {
        'case': case['name'],
        'form': peer.name,
        'threads': peer.threads,
        'versions': peer.versions,
        'megabytes': peer.ask('memory')['megabytes'],
    }
    images = case['batch'] * case['dis_steps']
    return Trial(f'{case["name"]} {label}', {**known, **facts}, samples, images, block.iterations)


def measure_peers(
    case: dict[str, Any], peers: Sequence[Peer], labels: Sequence[str], rounds: int, seconds: float
) -> list[Trial]:
    """Return a trial of each peer, which is loaded: `rounds` samples of `seconds`, in turn."""
    blocks = [make_block(peer, seconds) for peer in peers]
    samples = take_turns([block.sample for block in blocks], rounds)
    return list(map(partial(make_trial, case), blocks, samples, labels))
