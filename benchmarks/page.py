"""Writes benchmarks/README.md and its figures from benchmarks/results.

The page can therefore not drift from what was measured.

    python -m benchmarks.page
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from gluongan.files import write_text

from . import charts, origins, tables, verdicts
from .compare import RESULTS
from .driver import HERE
from .findings import Findings, read_findings
from .origins import Origin

NOTE = 'Written by `python -m benchmarks.page` from `benchmarks/results/`; do not edit.'

QUESTION = """\
How fast does gluongan train a GAN on a CPU? Iterations per second mean little by themselves,
because they hold for one machine at one hour. So each case is also written in PyTorch, JAX and
TensorFlow, as an experienced user of each would write it for speed, and the page reports the
ratio of two speeds that were measured in turn. And how fast could it be: how long would an
iteration take if only the matrix products were left?"""

PROTOCOL = """\
- A case is a recipe at a batch size (`benchmarks/cases.py`): `vanilla`, `dense`, `binarized`,
  `wgan`, `dcgan`, `conditional`, `projection` at 64, 128 and 512. Any other batch size can be asked
  for by name, such as `--cases dense-200`.
- Every form runs the same algorithm: layers, loss, order of updates, one G(z) per iteration where
  the recipe shares its noise, the discriminator's update on the detached samples, the generator's
  update backward through that same pass and through the updated discriminator, Adam with its
  epsilon outside the root, RMSProp with it inside, clipping, BatchNorm's biased running variance,
  the average of the generator. A test proves it (below).
- All use float32 and the same number of threads, by affinity and by each framework's own setting.
  Data and labels are in memory in the format that the framework prefers. Each draws its noise and
  its data order with its own generator.
- `torch`: eager, fused Adam, channels last. `torch-compile`: the same with both networks and
  losses compiled by `torch.compile`. `jax`: an iteration is one jitted function with donated
  state; strided convolutions are matrix products over patches, which is three times as fast on a
  CPU as `lax.conv` and its gradients. `tensorflow`: an iteration is one `tf.function` of the
  operators that Keras calls, with TensorFlow's fused optimiser kernels, channels last.
  `tensorflow-xla`: the same compiled by XLA.
- Every form is a separate process. All are warmed up, then timed in turn, A B C D E A B C D E; a
  sample is a block of iterations between two fences. The result is the median over the rounds of
  the ratio within a round. All samples are in `results/`."""


class Section(NamedTuple):
    """A section of measurements: its title, its results, their table, origin and command, a chart.

    origin: where the results were measured. command: how to measure.
    """

    title: str
    results: Callable[[Findings], object]
    table: Callable[[Findings], str]
    origin: Callable[[Findings], list[Origin]]
    command: str
    chart: Callable[[Findings, Path], Path] | None = None
    caption: str = ''


def _growth(findings: Findings) -> list[Any]:
    return [row for row in findings.growth if row['axis'] != 'sampling']


def _sampling(findings: Findings) -> list[Any]:
    return [row for row in findings.growth if row['axis'] == 'sampling']


def _of_growth(findings: Findings) -> list[Origin]:
    return origins.of_file(findings, 'growth')


SECTIONS = (
    Section(
        'Against PyTorch, JAX and TensorFlow',
        lambda findings: findings.compare,
        lambda findings: tables.against(findings.compare),
        lambda findings: origins.of_trials('compare', findings.compare),
        'python -m benchmarks.setup_peers && python -m benchmarks.compare',
        charts.compare,
        'Speed relative to each peer',
    ),
    Section(
        'With one thread',
        lambda findings: findings.one_thread,
        lambda findings: tables.against(findings.one_thread),
        lambda findings: origins.of_trials('one-thread', findings.one_thread),
        'python -m benchmarks.compare --threads 1',
    ),
    Section(
        'On a busy machine',
        lambda findings: findings.busy,
        tables.busy_machine,
        lambda findings: origins.of_trials('busy', findings.busy),
        'python -m benchmarks.busy',
    ),
    Section(
        'The same algorithm',
        lambda findings: findings.equivalence,
        tables.equivalence,
        origins.of_equivalence,
        'python -m benchmarks.equivalence --out benchmarks/results/equivalence.json',
    ),
    Section(
        'Limits',
        lambda findings: findings.limits,
        tables.limits,
        origins.of_limits,
        'python -m benchmarks.limits',
        charts.limits,
        'Products as a share of an iteration',
    ),
    Section(
        'Where the rest goes',
        lambda findings: findings.limits,
        tables.operators,
        origins.of_limits,
        'python -m benchmarks.limits',
    ),
    Section(
        'What the operators in C++ give',
        lambda findings: findings.native,
        tables.native_parts,
        lambda findings: origins.of_trials('native', findings.native),
        'python -m benchmarks.native',
    ),
    Section(
        'Growth',
        _growth,
        tables.growth,
        _of_growth,
        'python -m benchmarks.growth',
        charts.growth,
        'Growth of time and memory',
    ),
    Section('Sampling', _sampling, tables.sampling, _of_growth, 'python -m benchmarks.growth'),
    Section(
        'Products in bfloat16',
        lambda findings: findings.precision,
        tables.precision,
        lambda findings: origins.of_file(findings, 'precision'),
        'python -m benchmarks.precision',
    ),
    Section(
        'The whole command',
        lambda findings: findings.overhead,
        tables.command,
        lambda findings: origins.of_file(findings, 'overhead'),
        'python benchmarks/overhead.py --iterations 5000 '
        '--memory 50000 --out benchmarks/results/overhead.json',
    ),
)


def page(findings: Findings, folder: Path) -> str:
    """Return the page; the figures that it shows are drawn into `folder`/figures."""
    texts = {
        'What to take away': verdicts.verdicts(findings),
        'The question': QUESTION,
        'Protocol': PROTOCOL,
        'Machine': origins.machine(findings),
    }
    for section in SECTIONS:
        texts[section.title] = _text(section, findings, folder)
    parts = [f'# How fast gluongan trains\n\n{NOTE}\n']
    parts += [f'## {title}\n\n{text}\n' for title, text in texts.items()]
    return '\n'.join(parts)


def _text(section: Section, findings: Findings, folder: Path) -> str:
    if not section.results(findings):
        return f'Not measured yet: `{section.command}`.'
    text = f'{section.table(findings)}\n\n{origins.line(section.origin(findings))}'
    if section.chart is None:
        return text
    figure = section.chart(findings, folder / 'figures' / f'{section.chart.__name__}.png')
    return f'![{section.caption}](figures/{figure.name})\n\n{text}'


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--results', type=Path, default=RESULTS)
    parser.add_argument(
        '--out', type=Path, default=HERE, help='the folder of README.md and figures/'
    )
    args = parser.parse_args()
    path = args.out / 'README.md'
    write_text(path, page(read_findings(args.results), args.out))
    print(path)


if __name__ == '__main__':
    main()
