"""A table of impossible settings: exit code 2, one sentence with the flag, its value and what is allowed, and no folder."""

from __future__ import annotations

import math
import sys

import pytest
import tiny
from gluongan.cli.faults import flag

from gluongan.config import knobs


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def out_of_range():
    """One row for each end of each knob's range, and one for each knob that takes names or numbers alone."""
    for name, knob in knobs().items():
        if knob.choices:
            yield name, 'nonsense'
        elif knob.kind in ('int', 'sizes'):
            yield from (
                (name, str(value))
                for value in (int(knob.low) - 1, int(knob.high) + 1, '1.5', 'many', '')
            )
        elif knob.kind == 'float':
            above = (
                repr(math.nextafter(knob.high, math.inf)) if sys.version_info >= (3, 9) else '1e9'
            )
            yield from (
                (name, value) for value in (repr(knob.low - 1e-9), above, 'nan', 'inf', 'much')
            )


@pytest.mark.parametrize('name, value', list(out_of_range()))
def test_value_out_of_range_is_refused_with_flag_value_and_range(name, value):
    message = tiny.refused('train', '--dry-run', flag(name), value)
    assert flag(name) in message and value in message and 'must be ' in message


@pytest.mark.parametrize(
    'words, named',
    [
        (['--recipe', 'fancy'], ['--recipe fancy', 'vanilla']),
        (['--data', 'nowhere/at/all'], ['--data', 'nowhere/at/all', 'mnist']),
        (['--data', ''], ['--data', 'mnist']),
        (['--data', 'synthetic', '--batch', '600'], ['--batch 600', '512']),
        (['--data', 'mnist', '--image-size', '32'], ['--image-size', 'mnist']),
        (['--data', 'ring8', '--channels', '3'], ['--channels', 'ring8']),
        (['--data', 'ring8', '--binarize'], ['--binarize', 'ring8']),
        (['--data', 'grid25', '--gen-output', 'sigmoid'], ['--gen-output sigmoid', 'grid25']),
        (['--loss', 'wasserstein', '--dis-head', 'softmax'], ['--dis-head softmax', 'logit']),
        (['--batch', '1'], ['--batch 1', '--gen-batchnorm']),
        (['--data', 'synthetic', '--device', 'gpu'], ['--device gpu', 'cpu']),
        (['--data', 'synthetic', '--device', 'gpu(7)'], ['--device gpu(7)', 'cpu']),
        (['--data', 'synthetic', '--device', 'tpu'], ['--device tpu', 'cpu']),
        (
            ['--data', 'synthetic', '--gen-hidden', '65536,65536,65536'],
            ['--gen-hidden 65536,65536,65536', '500,000,000'],
        ),
        (
            ['--data', 'synthetic', '--dis-hidden', '65536,65536'],
            ['--dis-hidden 65536,65536', '500,000,000'],
        ),
        (['--gen-hidden', ','.join(['8'] * 33)], ['--gen-hidden']),
        (['--config', 'missing.json'], ['--config missing.json']),
        (['--config', '.'], ['--config .']),
        (['--speed', '3'], ['--speed']),
        (['stray'], ['stray']),
    ],
    ids=lambda words: ' '.join(words)[:40],
)
def test_impossible_setting_is_refused_in_one_sentence(words, named):
    message = tiny.refused('train', '--iterations', '1', *words)
    assert all(name in message for name in named), message


@pytest.mark.parametrize('dry', [[], ['--dry-run']])
def test_place_that_cannot_hold_runs_is_refused_before_training(dry):
    tiny.Path('file').write_text('')
    assert 'file' in tiny.refused('train', *tiny.flags(), '--out', 'file', *dry)


@pytest.mark.parametrize(
    'content, named',
    [
        ('', 'not JSON'),
        ('{"lr": 1', 'not JSON'),
        ('[1]', 'JSON object'),
        ('"lr"', 'JSON object'),
        ('null', 'JSON object'),
        ('{"speed": 3}', 'speed'),
        ('{"lr": "0.1"}', '--lr'),
        ('{"lr": true}', '--lr true'),
        ('{"lr": NaN}', '--lr nan'),
        ('{"lr": 1e999}', '--lr inf'),
        ('{"batch": 12.5}', '--batch 12.5'),
        ('{"batch": [1]}', '--batch 1'),
        ('{"gen_hidden": 5}', '--gen-hidden 5'),
        ('{"gen_hidden": [5, "x"]}', '--gen-hidden 5,x'),
        ('{"gen_hidden": [[5]]}', '--gen-hidden'),
        ('{"loss": ["minimax"]}', '--loss'),
        ('{"loss": {}}', '--loss'),
        ('{"binarize": 1}', '--binarize 1'),
        ('{"seed": null}', '--seed'),
        ('{"channels": true}', '--channels'),
        ('{"channels": 1.0}', '--channels'),
        ('{"recipe": "fancy"}', 'fancy'),
        ('{"recipe": 5}', '--recipe 5'),
        ('{"recipe": ["dense"]}', '--recipe'),
        ('{"recipe": {}}', '--recipe'),
        ('{"recipe": ""}', '--recipe'),
        ('{"data": 3}', '--data 3'),
        ('{"data": "a\\u0000b"}', '--data'),
        ('[' * 100_000, 'not JSON'),
        ('{"lr": 0.1, "lr-": 1}', 'lr-'),
        ('{"Lr": 0.1}', 'Lr'),
    ],
    ids=lambda text: text[:30],
)
def test_bad_settings_file_is_refused_in_one_sentence(content, named):
    tiny.Path('f.json').write_text(content)
    message = tiny.refused(
        'train', '--config', 'f.json', '--dry-run'
    )  # else one that passed would train for minutes
    assert named in message, message


def test_settings_file_that_is_no_text_is_refused():
    tiny.Path('f.json').write_bytes(b'\xff\xfe{}')
    assert '--config f.json' in tiny.refused('train', '--config', 'f.json')


def test_dry_run_refuses_what_a_run_refuses():
    for words in (['--batch', '600'], ['--device', 'gpu'], ['--gen-hidden', '65536,65536,65536']):
        assert words[0] in tiny.refused('train', '--dry-run', '--data', 'synthetic', *words)


@pytest.mark.parametrize(
    'words', [[], ['trian'], ['train', '--batch'], ['sample'], ['plot'], ['summary']], ids=str
)
def test_words_that_make_no_command_are_refused_with_code_2(words):
    result = tiny.gluongan(*words)
    assert (
        result.exit_code == (2 if words else result.exit_code) and 'Traceback' not in result.stderr
    )
