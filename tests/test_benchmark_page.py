"""benchmarks/README.md says what the results say, and which command makes what is missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from PIL import Image

sys.path.append(
    str(Path(__file__).resolve().parents[1])
)  # last, so that the installed gluongan is the one that is tested

from benchmarks import findings, page
from gluongan.bench import Trial, Trials

ENVIRONMENT = {
    'processor': 'Abacus',
    'cores': 2,
    'threads': 2,
    'platform': 'Linux',
    'python': '3.11.7',
    'mxnet': '1.9.1',
    'load': [0.25, 0.2, 0.1],
}
HEADS = [
    'What to take away',
    'The question',
    'Protocol',
    'Machine',
    'Against PyTorch, JAX and TensorFlow',
    'The same algorithm',
    'Limits',
    'Where the rest goes',
    'Growth',
    'Sampling',
    'Products in bfloat16',
    'The whole command',
]


def trial(case, form, *seconds):
    facts = {
        'case': case,
        'form': form,
        'threads': 2,
        'versions': {form: '1.0', 'numpy': '2'},
        'megabytes': 100.0,
    }
    return Trial(f'{case} {form}', facts, seconds, 128, 10)


def write(folder, name, content):
    (folder / name).write_text(json.dumps(content))


@pytest.fixture
def results(tmp_path):
    """Results as the programs write them, with numbers that one can check by eye."""
    folder = tmp_path / 'results'
    folder.mkdir()
    # Ours is 2, 2 and 3 times as fast as jax, 1.25 times as fast as torch.
    Trials(
        (
            trial('dense-128', 'gluongan', 0.02, 0.02, 0.02),
            trial('dense-128', 'jax', 0.04, 0.04, 0.06),
            trial('dense-128', 'torch', 0.025, 0.025, 0.025),
        ),
        ENVIRONMENT,
    ).write(folder / 'compare-dense-128.json')
    Trials(
        (trial('dcgan-128', 'gluongan', 0.2), trial('dcgan-128', 'torch', 0.1)), ENVIRONMENT
    ).write(folder / 'compare-dcgan-128.json')
    for case, products in (('dense-128', 0.012), ('dcgan-128', 0.05)):
        write(
            folder,
            f'limits-{case}.json',
            {
                'case': case,
                'iteration': [0.02, 0.02, 0.2],
                'products': products,
                'peak': 3e11,
                'flops': 3e9,
                'rows': [],
                'operators': [
                    ['FullyConnected', 30, 0.010],
                    ['adam_update', 20, 0.004],
                    ['LeakyReLU', 9, 0.001],
                ],
                'environment': ENVIRONMENT,
            },
        )
    rows = [
        {
            'axis': 'batch',
            'at': batch,
            'recipe': 'dense',
            'settings': {},
            'batch': batch,
            'seconds': [batch * each] * 3,
            'megabytes': [100.0 + batch] * 3,
        }
        for batch, each in ((32, 4e-4), (64, 2e-4), (128, 1e-4), (256, 1.2e-4))
    ]
    rows += [
        {
            'axis': axis,
            'at': at,
            'recipe': 'dcgan',
            'settings': {},
            'batch': 128,
            'seconds': [0.1],
            'megabytes': [500.0],
        }
        for axis, at in (('width', 0.5), ('width', 1), ('side', 32), ('side', 64))
    ]
    rows.append(
        {
            'axis': 'sampling',
            'at': 0,
            'recipe': 'dense',
            'settings': {},
            'batch': 128,
            'seconds': [1e-4],
            'megabytes': [100.0],
        }
    )
    write(folder, 'growth.json', {'rows': rows, 'environment': ENVIRONMENT})
    write(
        folder,
        'overhead.json',
        {
            'iterations': 100,
            'import': [1.0],
            'first': [2.0],
            'bare': [40.0, 50.0],
            'whole': [39.0, 49.0],
            'memory': [[1000, 300.0], [5000, 301.0], [10000, 330.0]],
        },
    )
    Trials(
        tuple(
            Trial(
                f'{batch} {name}',
                {'batch': batch, 'gen_hidden': [8, 9], 'dis_hidden': [7]},
                seconds,
                batch,
                1,
            )
            for batch, fine in ((128, 0.02), (512, 0.06))
            for name, seconds in (('float32', (fine,) * 2), ('bfloat16', (0.01, 0.04)))
        ),
        ENVIRONMENT,
    ).write(folder / 'precision.json')
    write(
        folder,
        'equivalence.json',
        {
            'rows': [
                {
                    'case': f'dense-{batch}',
                    'way': 'own',
                    'form': 'torch',
                    'value': value,
                    'tensor': 'gen/0.weight',
                    'tolerance': 2e-3,
                }
                for batch, value in ((64, 5e-5), (128, 6e-5))
            ]
        },
    )
    return folder


def sections(text):
    return {
        part.partition('\n')[0]: part.partition('\n')[2].strip() for part in text.split('\n## ')[1:]
    }


def test_the_page_says_what_was_measured(results, tmp_path):
    told = sections(page.page(findings.read_findings(results), tmp_path))
    assert list(told) == HEADS
    assert (
        '| `dense-128` | 50.0 ±0 % | 40.0 ±0 % | 25.0 ±13 % | **1.25** (1.25 to 1.25), torch | 3 |'
        in told['Against PyTorch, JAX and TensorFlow']
    )
    assert '| `dense-128` | 20.00 | 12.00 | **0.60** | 3.0 | 300 | 0.50 |' in told['Limits']
    assert '| batch | `dense` | 64 | 200.0 | 164 |' in told['Growth']
    assert '| `dense` | 10,000 |' in told['Sampling']
    # 2 and 0.5 times as fast at 128, 6 and 1.5 times at 512.
    assert '| 8, 9 | 7 | 128 | 50.0 | 40.0 | **1.25** (' in told['Products in bfloat16']
    assert '| 8, 9 | 7 | 512 | 16.7 | 40.0 | **3.75** (' in told['Products in bfloat16']
    assert '| bare updates, it/s | 45.00 | 40.00 | 50.00 |' in told['The whole command']
    assert '| `dense` | own | 6.0e-05 | 2e-03 |' in told['The same algorithm']
    assert (
        'Abacus' in told['Machine']
        and 'jax 1.0' in told['Machine']
        and '0.2 to 0.2' in told['Machine']
    )
    assert not any('Not measured yet' in text for text in told.values())


def test_what_is_not_met_is_said_with_the_operator_to_blame(results, tmp_path):
    lines = sections(page.page(findings.read_findings(results), tmp_path))['What to take away'].splitlines()
    said = {line.split(':')[0]: line for line in lines if 'peer' in line}
    assert said['- `dense-128`'].endswith('1.25 × the best peer, `torch`; bar 1.0, met, aim 1.25')
    assert '0.50 × the best peer, `torch`; bar 1.2, **not met**' in said['- `dcgan-128`']
    assert '`adam_update` takes most, 4.0 of 20.0 ms' in said['- `dcgan-128`']
    assert said['- `dcgan-128`'].endswith('4.0 of 20.0 ms, and 5.0 pass between operators')
    assert any('grows at 256' in line and '**not met**' in line for line in lines)
    assert any('+10.0%' in line and '**not met**' in line for line in lines)
    assert any('0.98 × the speed of bare updates' in line and ', met' in line for line in lines)


def test_without_results_each_section_says_how_to_make_them(tmp_path):
    told = sections(page.page(findings.read_findings(tmp_path), tmp_path))
    assert list(told) == HEADS and told['What to take away'] == 'Nothing has been measured yet.'
    missing = [head for head, text in told.items() if text.startswith('Not measured yet: `')]
    assert missing == HEADS[4:] and not (tmp_path / 'figures').exists()


def test_one_result_is_enough_for_its_own_section(results, tmp_path):
    for path in results.glob('*.json'):
        if path.name != 'growth.json':
            path.unlink()
    told = sections(page.page(findings.read_findings(results), tmp_path))
    assert 'Not measured yet' not in told['Growth'] and 'Not measured yet' in told['Limits']


def test_sampling_alone_draws_no_empty_growth(results, tmp_path):
    rows = json.loads((results / 'growth.json').read_text())['rows']
    write(results, 'growth.json', {'rows': [row for row in rows if row['axis'] == 'sampling']})
    told = sections(page.page(findings.read_findings(results), tmp_path))
    assert told['Growth'].startswith('Not measured yet') and '10,000' in told['Sampling']
    assert not (tmp_path / 'figures' / 'growth.png').exists()


def test_the_figures_are_pictures_that_the_page_shows(results, tmp_path):
    text = page.page(findings.read_findings(results), tmp_path)
    drawn = sorted((tmp_path / 'figures').iterdir())
    assert [path.stem for path in drawn] == ['compare', 'growth', 'limits']
    for path in drawn:
        assert f'](figures/{path.name})' in text
        with Image.open(path) as picture:
            assert min(picture.size) > 150 and len(picture.convert('L').getcolors(256)) > 20
