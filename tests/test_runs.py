"""The run folder: its name, and its config.json."""

from __future__ import annotations

import pytest
from tiny import tiny

from gluongan.files import write_json
from gluongan.runs.folder import RunError, read_config, run_name

# Names


@pytest.mark.parametrize(
    'data, name',
    [
        ('mnist', 'dense-mnist'),
        ('fashion-mnist', 'dense-fashion-mnist'),
        ('/some/where/My Cats!', 'dense-my-cats'),
        ('points.npz', 'dense-points'),
        ('..', 'dense-data'),
        ('/', 'dense-data'),
        ('été', 'dense-t'),
        ('写真', 'dense-data'),
    ],
)
def test_run_is_named_after_recipe_and_data_in_plain_letters(data, name):
    assert run_name(tiny(data=data)) == name


# config.json


def test_config_reads_back_exactly(tmp_path):
    config = tiny(gen_hidden=(), lr=1.23456789012345e-5, clip=0.01, seed=2**31 - 1, binarize=True)
    write_json(tmp_path / 'config.json', config.to_dict())
    assert read_config(tmp_path) == config


@pytest.mark.parametrize(
    'content, words',
    [
        (b'', 'not JSON'),
        (b'{"lr": ', 'not JSON'),
        (b'[1, 2]', 'JSON object'),
        (b'\xff\xfe\x00', ''),
        (b'{"speed": 3}', 'speed'),
        (b'{"lr": "fast"}', '--lr'),
        (b'{"gen_hidden": "16"}', '--gen-hidden'),
        (b'{"batch": 1e99}', '--batch'),
        (b'{"lr": NaN}', '--lr nan'),
        (b'{"seed": null}', '--seed'),
        (b'[' * 100_000, 'not JSON'),
        (b'{"channels": [3]}', '--channels'),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_broken_config_is_a_run_error_that_names_file_and_fault(tmp_path, content, words):
    (tmp_path / 'config.json').write_bytes(content)
    with pytest.raises(RunError) as caught:
        read_config(tmp_path)
    message = str(caught.value)
    assert str(tmp_path / 'config.json') in message and words in message and '\n' not in message, (
        message
    )


@pytest.mark.parametrize(
    'make',
    [
        lambda path: None,
        lambda path: path.mkdir(),
        lambda path: path.write_text('x'),
        lambda path: (path / 'config.json').mkdir(parents=True),
    ],
    ids=['missing', 'empty', 'file', 'folder config.json'],
)
def test_folder_that_is_no_run_is_named(tmp_path, make):
    make(tmp_path / 'x')
    with pytest.raises(RunError, match='no run folder') as caught:
        read_config(tmp_path / 'x')
    assert str(tmp_path / 'x') in str(caught.value)
