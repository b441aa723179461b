"""Writes benchmarks/README.md and its figures from benchmarks/results, so that the page cannot drift from what was measured.

python -m benchmarks.page
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from gluongan.files import write_text

from . import charts
from .compare import RESULTS
from .driver import HERE
from .findings import Findings, found
from .tables import (
    against,
    alike,
    command,
    growth,
    limits,
    machine,
    operators,
    precision,
    sampling,
    verdicts,
)

QUESTION = """How fast does gluongan train a GAN on a CPU? Iterations per second say little by themselves: they are of one
machine and one hour. So each case is also written in PyTorch, JAX and TensorFlow, as a good user of each
would write it for speed, and what is told is the ratio of two speeds that were measured in turn. And how fast
could it be: what would remain if only the matrix products were left?"""

PROTOCOL = """- A case is a recipe at a batch size (`benchmarks/cases.py`): `vanilla`, `dense`, `binarized`, `wgan`, `dcgan`,
  `conditional` at 64, 128 and 512.
- Every form runs the same algorithm: layers, loss, order of updates, one G(z) an iteration where the recipe shares
  its noise, D's update on the detached samples, G's update backward through that very pass and through the updated D,
  Adam with its epsilon beside the bare root, RMSProp with it beneath, clipping, BatchNorm's biased running variance,
  the average of G. A test proves it (below).
- All are in float32, with the same number of threads, by affinity and by each framework's own setting; data and
  labels are in memory as the framework likes them best; each draws its noise and its data order with its own
  generator.
- `torch`: eager, fused Adam, channels last. `torch-compile`: the same with both networks and losses by
  `torch.compile`. `jax`: an iteration is one jitted function with donated state; strided convolutions are matrix
  products over patches, which is three times as fast on a CPU as `lax.conv` and its gradients. `tensorflow`: an
  iteration is one `tf.function` on the operators that Keras calls, with TensorFlow's fused optimiser kernels,
  channels last. `tensorflow-xla`: the same compiled by XLA.
- Every form is a process of its own. All are warmed up, then timed in turn, A B C D E A B C D E; a sample is a block
  of iterations between two fences. What counts is the median over the rounds of the ratio within a round. All samples
  are in `results/`."""


def page(findings: Findings, folder: Path) -> str:
    """Return the page; the figures that it shows are drawn into `folder`/figures."""
    parts = [
        (
            'How fast gluongan trains',
            'Written by `python -m benchmarks.page` from `benchmarks/results/`; do not edit.',
        ),
        ('What to take away', verdicts(findings)),
        ('The question', QUESTION),
        ('Protocol', PROTOCOL),
        ('Machine', machine(findings)),
        (
            'Against PyTorch, JAX and TensorFlow',
            _shown(
                findings.compare,
                charts.compare,
                findings,
                folder,
                'Speed against each peer',
                against,
                'python -m benchmarks.setup_peers && python -m benchmarks.compare',
            ),
        ),
        (
            'The same algorithm',
            _told(
                findings.equivalence,
                alike,
                findings,
                'python -m benchmarks.equivalence --out benchmarks/results/equivalence.json',
            ),
        ),
        (
            'Limits',
            _shown(
                findings.limits,
                charts.limits,
                findings,
                folder,
                'Products as a share of an iteration',
                limits,
                'python -m benchmarks.limits',
            ),
        ),
        (
            'Where the rest goes',
            _told(findings.limits, operators, findings, 'python -m benchmarks.limits'),
        ),
        (
            'Growth',
            _shown(
                [row for row in findings.growth if row['axis'] != 'sampling'],
                charts.growth,
                findings,
                folder,
                'Time and memory as they grow',
                growth,
                'python -m benchmarks.growth',
            ),
        ),
        (
            'Sampling',
            _told(
                [row for row in findings.growth if row['axis'] == 'sampling'],
                sampling,
                findings,
                'python -m benchmarks.growth',
            ),
        ),
        (
            'Products in bfloat16',
            _told(findings.precision, precision, findings, 'python -m benchmarks.precision'),
        ),
        (
            'The whole command',
            _told(
                findings.overhead,
                command,
                findings,
                'python benchmarks/overhead.py --iterations 5000 '
                '--memory 50000 --out benchmarks/results/overhead.json',
            ),
        ),
    ]
    (title, note), *rest = parts
    return f'# {title}\n\n{note}\n\n' + '\n'.join(f'## {head}\n\n{text}\n' for head, text in rest)


def _told(there: object, tell: Callable[[Findings], str], findings: Findings, how: str) -> str:
    return tell(findings) if there else f'Not measured yet: `{how}`.'


def _shown(
    there: object,
    draw: Callable[[Findings, Path], Path],
    findings: Findings,
    folder: Path,
    title: str,
    tell: Callable[[Findings], str],
    how: str,
) -> str:
    if not there:
        return _told(there, tell, findings, how)
    picture = draw(findings, folder / 'figures' / f'{draw.__name__}.png')
    return f'![{title}](figures/{picture.name})\n\n{tell(findings)}'


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--results', type=Path, default=RESULTS)
    parser.add_argument(
        '--out', type=Path, default=HERE, help='the folder of README.md and figures/'
    )
    given = parser.parse_args()
    write_text(given.out / 'README.md', page(found(given.results), given.out))
    print(given.out / 'README.md')


if __name__ == '__main__':
    main()
