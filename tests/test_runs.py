"""The run folder: its name, its config.json, and what is read from its other files."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from tiny import mended, tiny

from gluongan.files import write_json
from gluongan.recipes import recipe
from gluongan.runs import reading
from gluongan.runs.folder import BATCHES, METRICS, RunError, read_config, run_name
from gluongan.runs.records import Records

FACTS = {'data': 'toy', 'shape': [1, 4, 4], 'classes': ['a', 'b'], 'count': 9}

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


@pytest.mark.parametrize(
    'name, network, expected',
    [
        ('dcgan', 'conv', 'dcgan-mnist'),
        ('dcgan', 'dense', 'dcgan-dense-mnist'),
        ('wgan_gp', 'dense', 'wgan-gp-mnist'),
        ('wgan_gp', 'conv', 'wgan-gp-conv-mnist'),
    ],
)
def test_run_whose_networks_are_not_the_recipes_is_named_after_them_too(name, network, expected):
    settings = {**recipe(name).to_dict(), 'network': network}
    assert run_name(mended(**settings)) == expected


# config.json


def test_config_reads_back_exactly(tmp_path):
    config = tiny(gen_hidden=(), lr=1.23456789012345e-5, clip=0.01, seed=2**31 - 1, binarize=True)
    write_json(tmp_path / 'config.json', config.to_dict())
    assert read_config(tmp_path) == config


@pytest.mark.parametrize(
    'content, problem',
    [
        (b'', 'not JSON'),
        (b'{"lr": ', 'not JSON'),
        (b'[1, 2]', 'JSON object'),
        (b'\xff\xfe\x00', 'cannot be read'),
        (b'{"speed": 3}', 'speed'),
        (b'{"lr": "fast"}', "lr 'fast'"),
        (b'{"gen_hidden": "16"}', "gen_hidden '16'"),
        (b'{"batch": 1e99}', 'batch 1e+99'),
        (b'{"lr": NaN}', 'lr nan'),
        (b'{"seed": null}', 'seed'),
        (b'[' * 100_000, 'not JSON'),
        (b'{"channels": [3]}', 'channels'),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_broken_config_is_a_run_error_that_names_file_and_fault_once(tmp_path, content, problem):
    path = tmp_path / 'config.json'
    path.write_bytes(content)
    with pytest.raises(RunError) as caught:
        read_config(tmp_path)
    message = str(caught.value)
    assert message.count(str(path)) == 1
    assert problem in message
    assert '\n' not in message


@pytest.mark.parametrize(
    'make, fault',
    [
        (lambda path: None, 'does not exist; must be a run folder'),
        (lambda path: path.mkdir(), 'is not a run folder'),
        (lambda path: path.write_text('x'), 'is not a folder; must be a run folder'),
        (lambda path: (path / 'config.json').mkdir(parents=True), 'is not a run folder'),
    ],
    ids=['missing', 'empty', 'file', 'folder config.json'],
)
def test_a_folder_that_is_not_a_run_is_named(tmp_path, make, fault):
    make(tmp_path / 'x')
    with pytest.raises(RunError, match=fault) as caught:
        read_config(tmp_path / 'x')
    assert str(tmp_path / 'x') in str(caught.value)


# run.json


def test_facts_are_read_and_unknown_keys_are_ignored(tmp_path):
    write_json(tmp_path / 'run.json', FACTS)
    facts = reading.read_facts(tmp_path)
    assert (facts.data, facts.shape, facts.classes) == ('toy', (1, 4, 4), ('a', 'b'))
    assert reading.sample_shape(tmp_path) == (1, 4, 4)
    assert reading.class_names(str(tmp_path)) == ['a', 'b']


@pytest.mark.parametrize(
    'changes',
    [
        {'shape': [2, 4, 4]},
        {'shape': [1, 0, 4]},
        {'shape': [1, 4, 5000]},
        {'shape': [3]},
        {'shape': 'big'},
        {'classes': [1, 2]},
        {'classes': 3},
        {'data': None},
        {'data': 5},
        {'shape': None},
        {'shape': [1, '4', 4]},
        {'shape': [[1], 4, 4]},
        {'shape': {'a': 1}},
        {'iterations_per_epoch': 'x'},
        {'mean': True},
        {'binarize': 1},
        {'loss': []},
    ],
    ids=str,
)
def test_broken_facts_are_a_run_error_that_names_the_file(tmp_path, changes):
    write_json(tmp_path / 'run.json', {**FACTS, **changes})
    with pytest.raises(RunError, match=r'run\.json: ') as caught:
        reading.read_facts(tmp_path)
    (name,) = changes
    assert f'run.json: {name}' in str(caught.value) and 'must be ' in str(caught.value)
    assert 'object' not in str(caught.value) and '__' not in str(caught.value)


@pytest.mark.parametrize('text', ['[]', '3', 'null', '"mnist"', '{', '', '[' * 10_000, '{}'])
def test_facts_of_another_form_are_a_run_error_in_plain_words(tmp_path, text):
    (tmp_path / 'run.json').write_text(text)
    with pytest.raises(RunError, match=r'run\.json: ') as caught:
        reading.read_facts(tmp_path)
    assert '__init__' not in str(caught.value) and 'attribute' not in str(caught.value)


def test_missing_facts_are_none_and_a_run_error_for_those_who_need_them(tmp_path):
    assert reading.read_facts(tmp_path) is None
    with pytest.raises(RunError, match=r'has no run\.json'):
        reading.sample_shape(tmp_path)


# Rows of JSON

READERS = {
    'json_rows': lambda run: reading.json_rows(run / METRICS),
    'newest': reading.newest,
    'series': lambda run: reading.series(run, 'a'),
    'history': lambda run: reading.history(run, 'a'),
}


@pytest.fixture
def write_rows(tmp_path):
    """A function that writes text as metrics.jsonl and returns the run folder."""

    def write(text, file=METRICS):
        (tmp_path / file).write_text(text)
        return tmp_path

    return write


def test_a_last_line_that_was_cut_in_half_is_ignored(write_rows):
    whole = '{"iteration": 5, "a": 1.5}\n'
    for cut in ('', '{"iter', '{"iteration": 10, "a": 2}'):
        run = write_rows(whole + cut)
        assert reading.newest(run) == {'iteration': 5, 'a': 1.5}


def test_values_keep_their_type_and_null_is_nan(write_rows):
    run = write_rows('{"iteration": 5, "a": 3, "b": null}\n')
    row = reading.newest(run)
    assert type(row['a']) is int
    assert math.isnan(row['b'])


@pytest.mark.parametrize('reader', READERS)
@pytest.mark.parametrize(
    'line',
    [
        'not json',
        '[1, 2]',
        '"a"',
        '{"a": 1}',
        '{"iteration": "5", "a": 1}',
        '{"iteration": 1.5, "a": 1}',
        '{"iteration": 5, "a": "high"}',
        '{"iteration": 5, "a": [1]}',
        '{"iteration": 5, "a": 1' + '0' * 400 + '}',
        '[' * 100_000,
    ],
    ids=lambda line: line[:30],
)
def test_a_broken_row_is_a_run_error_that_names_file_and_line(write_rows, reader, line):
    run = write_rows('{"iteration": 1, "a": 1}\n' + line + '\n')
    with pytest.raises(RunError, match=r'metrics\.jsonl: line 2') as caught:
        READERS[reader](run)
    assert len(str(caught.value)) < 400


def test_missing_files_are_empty(tmp_path):
    assert reading.json_rows(tmp_path / METRICS) == []
    assert reading.newest(tmp_path) == {}
    for iterations, values in (reading.series(tmp_path, 'a'), reading.history(tmp_path, 'a')):
        assert len(iterations) == len(values) == 0


def test_series_skips_rows_without_the_column_and_is_ordered(write_rows):
    lines = ['{"iteration": 9, "a": 3}', '{"iteration": 4}', '{"iteration": 2, "a": 1}']
    iterations, values = reading.series(write_rows('\n'.join(lines) + '\n'), 'a')
    assert iterations.tolist() == [2, 9]
    assert values.tolist() == [1, 3]


def test_history_joins_metrics_and_evaluations_and_finds_names_by_stem(write_rows):
    write_rows('{"iteration": 5, "samples/spread": 0.5}\n')
    run = write_rows('{"iteration": 7, "pixel_spread1k_test": 0.7}\n', 'judge.jsonl')
    iterations, values = reading.history(run, 'spread')
    assert iterations.tolist() == [5, 7]
    assert values.tolist() == [0.5, 0.7]


# Tables


@pytest.mark.parametrize(
    'text, problem',
    [
        ('iteration,b\n1,2\n', "columns iteration,b; must have 'a' among them"),
        ('iteration,a\n1,x\n', 'not a number'),
        ('iteration,a\n1\n', 'must be 2 numbers each'),
        ('iteration,a\n1,2,3\n4\n', 'must be 2 numbers each'),
    ],
)
def test_a_broken_table_is_a_run_error_that_names_the_file(write_rows, text, problem):
    run = write_rows(text, BATCHES)
    with pytest.raises(RunError, match=rf'batches\.csv: .*{problem}'):
        reading.table(run / BATCHES, 'iteration', 'a')


def test_of_repeated_iterations_the_last_one_counts(write_rows):
    run = write_rows('iteration,a\n1,1\n2,2\n3,3\n2,20\n3,30\n4,40\n', BATCHES)
    columns = reading.table(run / BATCHES, 'iteration', 'a')
    assert columns['iteration'].tolist() == [1, 2, 3, 4]
    assert columns['a'].tolist() == [1, 20, 30, 40]


def test_a_table_without_rows_is_none(write_rows):
    assert reading.table(write_rows('iteration,a\n', BATCHES) / BATCHES, 'a') is None
    assert reading.table(write_rows('iteration,a\n1,2', BATCHES) / BATCHES, 'a') is None


# Samples


def test_sample_files_are_ordered_by_iteration_and_others_are_ignored(tmp_path):
    (tmp_path / 'samples').mkdir()
    for name in ('000010.png', '1000000.png', '000002.png', 'notes.png', '000003.npy'):
        (tmp_path / 'samples' / name).touch()
    facts = reading.Facts('toy', (1, 4, 4))
    assert [iteration for iteration, _ in reading.sample_files(tmp_path, facts)] == [2, 10, 10**6]
    points = reading.Facts('ring', (2,))
    assert [path.name for _, path in reading.sample_files(tmp_path, points)] == ['000003.npy']


def test_the_file_of_real_samples_is_none_where_it_is_missing(tmp_path):
    facts = reading.Facts('ring', (2,))
    assert reading.reals_file(tmp_path, facts) is None
    np.save(tmp_path / 'reals.npy', np.zeros((1, 2)))
    assert reading.reals_file(tmp_path, facts) == tmp_path / 'reals.npy'


# Records


def test_records_keep_the_rows_up_to_an_iteration_and_drop_unreadable_lines(tmp_path):
    path = tmp_path / METRICS
    rows = [json.dumps({'iteration': iteration}) + '\n' for iteration in (1, 2, 3, 4)]
    path.write_text(rows[0] + '{"broken\n' + ''.join(rows[1:]) + '{"iteration": 2}')
    records = Records(path)
    assert records.start(3) == rows[:3]
    records.append(['{"iteration": 5}'])
    assert path.read_text() == ''.join(rows[:3]) + '{"iteration": 5}\n'


def test_records_write_their_header_once(tmp_path):
    path = tmp_path / BATCHES
    for iteration in (1, 2):
        records = Records(path, header='iteration,a\n')
        records.start(iteration)
        records.append([f'{iteration},0.5'])
    assert path.read_text() == 'iteration,a\n1,0.5\n2,0.5\n'
