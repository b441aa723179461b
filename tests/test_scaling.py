"""What benchmarks say of several processes: the model of an exchange, and the lines of a result."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# Last, so that the installed gluongan is the one that is tested.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from benchmarks import scaling, side_by_side
from gluongan.bench import Trial


def test_bytes_are_those_of_the_weights_and_statistics_of_each_exchange():
    # `gluongan summary dense` counts the running statistics among the parameters of G.
    wgan = scaling.exchanged('wgan-128', data='synthetic', image_size=28)
    dense = scaling.exchanged('dense-128', data='synthetic', image_size=28)
    further = 2
    assert dense == [4 * (533_505 + further), 4 * (1_493_520 + further)]
    *critic, gen = wgan
    assert len(critic) == 5 and len(set(critic)) == 1 and gen > 0


@pytest.mark.parametrize(
    'ranks, expected',
    [
        (1, 0.0),
        # Two steps, each a latency of 1 s and half of 10 bytes at 5 bytes a second.
        (2, 2 * (1 + 1)),
        (5, 8 * (1 + 10 / 5 / 5)),
    ],
)
def test_an_exchange_in_a_ring_is_its_latencies_and_its_bytes(ranks, expected):
    assert scaling.exchange_seconds(10, ranks, scaling.Line(5, 1)) == pytest.approx(expected)


def test_ranks_are_worth_as_many_machines_as_they_do_not_wait():
    free = scaling.Line(float('inf'), 0)
    assert scaling.machines_worth(1.0, [1e6, 1e6], 8, free) == 8
    line = scaling.Line(10, 0)  # two exchanges of 1 s each
    assert scaling.machines_worth(2.0, [10, 10], 2, line) == pytest.approx(1.0)


def test_lines_of_a_result_have_both_speeds_and_both_ratios():
    def trial(name, seconds, used):
        samples = [side_by_side.Sample(each, used, 3.0) for each in seconds]
        return side_by_side.make_trial(name, samples, 128, 10)

    one = trial('dense-128 1 × 2 threads', (0.02, 0.02, 0.04), 0.04)
    two = trial('dense-128 2 × 1 thread', (0.01, 0.01, 0.02), 0.02)
    assert isinstance(one, Trial)
    line = side_by_side.summarise([one, two])
    assert '50.0 it/s' in line and '100.0 it/s' in line
    assert '2.00 × as fast (2.00 to 2.00); 2.00 × by the processor’s time; load 3.0' in line
