"""JSON that people and their editors write: a byte order mark is read, a repeated key refused."""

from __future__ import annotations

import codecs
import json

import pytest
import tiny

from gluongan import figures
from gluongan.bench import trials
from gluongan.config import ConfigError
from gluongan.errors import InputError
from gluongan.evaluation.calibration import read_calibration
from gluongan.runs.folder import CONFIG, FACTS, METRICS, SCORES, parse_json, read_config
from gluongan.runs.reading import json_rows, read_facts
from gluongan.runs.snapshots import read_scores


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def mark(path):
    """Put a byte order mark before a file, as Windows' Notepad and PowerShell do."""
    path.write_bytes(codecs.BOM_UTF8 + path.read_bytes())


def test_config_with_a_byte_order_mark_is_read(here):
    (here / 'mine.json').write_text(json.dumps({'lr': 0.125}))
    mark(here / 'mine.json')
    assert '"lr": 0.125' in tiny.gluongan('train', '--dry-run', '--config', 'mine.json').stdout


def test_files_of_a_run_with_a_byte_order_mark_are_read(here, monkeypatch):
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])
    run = tiny.begun(here, iterations=3).folder
    before = read_facts(run), read_scores(run), json_rows(run / METRICS)
    for name in (CONFIG, FACTS, METRICS, SCORES, 'batches.csv', 'log.jsonl', 'log.csv'):
        mark(run / name)
    assert (read_facts(run), read_scores(run), json_rows(run / METRICS)) == before
    tiny.resumed(run, iterations=5)  # a warning of a damaged line would be a failure
    assert [row['iteration'] for row in tiny.rows(run / 'batches.csv')] == [1, 2, 3, 4, 5]


def test_calibration_and_trials_with_a_byte_order_mark_are_read(here):
    (here / 'c.json').write_text('{"of": {}, "sets": {"real": {"fd": [1, 2]}}}')
    mark(here / 'c.json')
    assert read_calibration(here / 'c.json').sets == {'real': {'fd': (1.0, 2.0)}}
    (here / 't.json').write_text('{}')
    mark(here / 't.json')
    with pytest.raises(trials.TrialError) as caught:
        trials.read(here / 't.json')
    assert 'not JSON' not in str(caught.value)


@pytest.mark.parametrize(
    'text', ['{"lr": 0.1, "batch": 8, "lr": 0.1}', '{"a": {"lr": 1, "lr": 2}}']
)
def test_repeated_setting_is_refused(here, text):
    (here / 'mine.json').write_text(text)
    message = tiny.refused('train', '--dry-run', '--config', 'mine.json')
    assert message.startswith('--config mine.json: ')
    assert "'lr' is given more than once; must be given once" in message
    with pytest.raises(ConfigError, match='more than once'):
        parse_json(text, 'mine.json')


DEEP, LONG, OTHER = b'[' * 10**5, b'{"iteration": 1' + b'0' * 5000 + b'}', b'{"a": "caf\xe9"}'


@pytest.mark.parametrize(
    'content, reason',
    [(DEEP, 'nested too deeply'), (LONG, 'too many digits'), (OTHER, 'is not UTF-8 text')],
    ids=['deep', 'long', 'latin'],
)
def test_no_file_is_refused_in_the_words_of_python(here, content, reason):
    run = here / 'run'
    run.mkdir()
    for name in (CONFIG, FACTS, METRICS, 't.json'):
        (run / name).write_bytes(content + b'\n')
    readers = [
        lambda: trials.read(run / 't.json'),
        lambda: read_config(run),
        lambda: read_facts(run),
        lambda: json_rows(run / METRICS),
    ]
    for read in readers:
        with pytest.raises(InputError) as caught:
            read()
        assert reason in str(caught.value)
        for word in ('codec', 'recursion', 'set_int_max_str_digits', 'Errno'):
            assert word not in str(caught.value)
