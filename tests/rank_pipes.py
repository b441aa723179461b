"""Ranks without Horovod: forked processes, whose exchanges go through pipes to rank 0 and back."""

from __future__ import annotations

import multiprocessing
import traceback

import numpy as np

from gluongan.ranks.exchange import Together

LONGEST = 60  # seconds


class Pipes(Together):
    """The ranks of `together`. pipes: of rank 0, one to each other; of the others, one to rank 0.

    exchanges: how many numbers went in each mean.
    """

    def __init__(self, rank, size, pipes):
        super().__init__(rank, size)
        self.pipes = pipes
        self.exchanges = []

    def mean_of(self, buffer):
        self.exchanges.append(buffer.size)
        if self.rank > 0:
            return self.ask(buffer)
        total = buffer.copy()
        for pipe in self.pipes:
            total += receive(pipe)
        return self.answer(total / np.float32(self.size))

    def first_of(self, buffer):
        if self.rank > 0:
            return self.ask(buffer)
        for pipe in self.pipes:
            receive(pipe)
        return self.answer(buffer)

    def ask(self, buffer):
        self.pipes[0].send(buffer)
        return receive(self.pipes[0])

    def answer(self, buffer):
        for pipe in self.pipes:
            pipe.send(buffer)
        return buffer


def receive(pipe):
    assert pipe.poll(LONGEST), 'the other rank does not answer'
    return pipe.recv()


def together(work, size=2):
    """Return [work(ranks) of each rank], each called in a process of its own."""
    context = multiprocessing.get_context('fork')
    pairs = [context.Pipe() for _ in range(size - 1)]
    results = [context.Pipe() for _ in range(size)]
    processes = []
    for rank in range(size):
        pipes = [ours for ours, _ in pairs] if rank == 0 else [pairs[rank - 1][1]]
        ranks = Pipes(rank, size, pipes)
        process = context.Process(target=run, args=(work, ranks, results[rank][1]))
        process.start()
        processes.append(process)
    answers = [receive(theirs) for theirs, _ in results]
    for process in processes:
        process.join()
    faults = [fault for fault, _ in answers if fault]
    assert not faults, '\n'.join(faults)
    return [answer for _, answer in answers]


def run(work, ranks, result):
    try:
        result.send(('', work(ranks)))
    except BaseException:
        result.send((traceback.format_exc(), None))
