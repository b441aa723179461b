"""benchmarks.search: an impossible search is refused in one sentence, and writes nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip('optuna', reason="needs pip install 'gluongan[search]'")

import searches
from searches import FD, SPEC, Play, go, rows, without_minutes

from benchmarks import search as program
from benchmarks.searching.folder import held
from benchmarks.searching.spec import PARTS, make_spec
from gluongan.errors import GluonganError, InputError

HOME = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def play(monkeypatch):
    return searches.new_play(monkeypatch)


def refused(tmp_path, **changes):
    """The sentence with which a search is refused; nothing may be written."""
    with pytest.raises(InputError) as error:
        go(tmp_path, **changes)
    assert not (tmp_path / 'out').exists()
    assert [words for words in Play.words if words[0] != 'train'] == [] or 'metric' in changes
    return str(error.value)


RANGE = {'low': 1e-4, 'high': 1e-1}
REFUSED = {
    'is missing': {'recipe': None},
    "'budget' is no part of a search": {'budget': 3},
    'recipe dance: must be one of': {'recipe': 'dance'},
    'recipe 7: must be text': {'recipe': 7},
    'search: must be a JSON object': {'search': []},
    'search: is empty': {'search': {}},
    "'learning' is not a setting": {'search': {'learning': RANGE}},
    "'teaching' is not a setting": {'settings': {'teaching': 1}},
    'lr 20: must be a number from': {'search': {'lr': {'low': 1e-4, 'high': 20}}},
    'lr -1: must be a number from': {'settings': {'lr': -1}},
    "lr '0.1': must be a number": {'search': {'lr': ['0.1']}},
    'lr: a range needs': {'search': {'lr': {'low': 0.1}}},
    'lr: low 0.1: must be below `high` 0.1': {'search': {'lr': {'low': 0.1, 'high': 0.1}}},
    "lr: 'steps' is no part": {'search': {'lr': {**RANGE, 'steps': 3}}},
    'lr: step 0.06: must lead': {'search': {'lr': {'low': 0.1, 'high': 0.2, 'step': 0.06}}},
    'batch: step 0.5: must lead': {'search': {'batch': {'low': 1, 'high': 9, 'step': 0.5}}},
    'beta1: log goes with': {'search': {'beta1': {'low': 0.0, 'high': 0.5, 'log': True}}},
    'lr: log 1: must be true or false': {'search': {'lr': {**RANGE, 'log': 1}}},
    'lr 0.1: must be a list of choices, or a range': {'search': {'lr': 0.1}},
    'channels: has no range': {'search': {'channels': {'low': 1, 'high': 3}}},
    'lr: has no choices': {'search': {'lr': []}},
    'lr 0.1: is a choice twice': {'search': {'lr': [0.1, 0.2, 0.1]}},
    'eval_every: is both in': {'search': {'eval_every': [10]}},
    'iterations: must be the same': {'search': {'iterations': [10, 20]}},
    'iterations: are given by `rungs`': {'settings': {'iterations': 100}},
    'patience 3: a trial ends where': {'settings': {'patience': 3}},
    'rungs: first 90: must be below': {'rungs': {'first': 90, 'iterations': 90}},
    'rungs: factor 1: must be a whole number of at least 2': {
        'rungs': {'first': 10, 'iterations': 90, 'factor': 1}
    },
    "rungs: 'last' is no part": {'rungs': {'first': 10, 'last': 90}},
    'rungs: iterations: must be': {'rungs': {'first': 10}},
    'sampler grid: must be random or tpe': {'sampler': 'grid'},
    'seed -1: must be a whole number': {'seed': -1},
    'metric quality: is no metric': {'metric': 'quality'},
    'metric lenet_share2k_3: is best where': {'metric': 'lenet_share2k_3'},
    'metric modes/caught: is of mixtures': {'metric': 'modes/caught'},
    'metric samples/swd: is not measured after 10': {'settings': {'data': 'synthetic'}},
    'metric pixel_precision5k_k5_test: is not reported': {'metric': 'pixel_precision5k_k5_test'},
    'samples 99: must be a whole number from 100': {'samples': 99, 'metric': FD},
    'samples 500: is not used': {'samples': 500},
    'each of the first combinations is refused': {'search': {'batch': [1], 'ema': [0.5]}},
    'minutes 0: must be a number above 0': {'minutes': 0},
    'trials 0: must be a whole number': {'most': 0},
}


@pytest.mark.parametrize('sentence', REFUSED)
def test_an_impossible_search_is_refused_before_anything_is_written(tmp_path, sentence):
    assert sentence in refused(tmp_path, **REFUSED[sentence])


@pytest.mark.parametrize('text', [None, '', '[]', '{"recipe": "dense", "recipe": "dense"}', '\x80'])
def test_a_spec_that_cannot_be_read_is_named(tmp_path, text):
    file = tmp_path / 'spec.json'
    if text is not None:
        file.write_text(text, encoding='latin-1')
    with pytest.raises(InputError, match=r'spec\.json: '):
        program.read_spec(file)


def test_the_specs_that_come_with_it_are_possible_and_the_page_of_docs_has_one():
    found = {path.stem: program.read_spec(path) for path in (HOME / 'benchmarks/specs').glob('*')}
    assert found['sn_projection'].rungs == (500, 1500, 4500)
    text = (HOME / 'docs/search.md').read_text()
    shown = text.split('```json\n')[1].split('```')[0]
    assert shown == (HOME / 'benchmarks/specs/sn_projection.json').read_text()
    assert all(f'| `{part}` |' in text for part in PARTS)


def test_another_search_in_the_same_folder_is_refused(tmp_path):
    folder = go(tmp_path, most=1)
    before = {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()}
    with pytest.raises(InputError, match=r'another `seed` \(0, not 3\)') as error:
        go(tmp_path, most=2, seed=3)
    assert error.value.exit_code == 2
    assert {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()} == before


def test_the_order_of_settings_in_the_file_may_change(tmp_path):
    one = go(tmp_path, out='one', most=4)
    go(tmp_path, most=2)
    turned = dict(reversed(list(SPEC['search'].items())))
    assert without_minutes(go(tmp_path, most=4, search=turned)) == without_minutes(one)


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/thesis.tex').write_text('')
    with pytest.raises(InputError, match='holds something else than a search'):
        go(tmp_path)
    assert [path.name for path in (tmp_path / 'out').iterdir()] == ['thesis.tex']


def test_a_folder_in_which_another_process_searches_is_refused(tmp_path):
    folder = go(tmp_path, most=1)
    with held(folder, make_spec(SPEC)), pytest.raises(InputError, match='is being searched by'):
        go(tmp_path, most=2)
    assert len(rows(go(tmp_path, most=2))) == 2


def test_a_probe_that_fails_stops_the_search_before_it_is_written(tmp_path, play):
    play.said = {-1: 'data x.npz: does not exist'}
    with pytest.raises(GluonganError, match='train` failed: data x'):
        go(tmp_path, metric=FD)
    assert not (tmp_path / 'out').exists()


def test_without_optuna_one_sentence_says_how_to_get_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'optuna', None)
    assert main(tmp_path, monkeypatch) == 1
    assert "pip install 'gluongan[search]'" in capsys.readouterr().err


def main(tmp_path, monkeypatch, *more):
    """The exit code of the program with SPEC."""
    file = tmp_path / 'spec.json'
    if not file.exists():
        file.write_text(json.dumps(SPEC))
    words = ['search', str(file), '--out', str(tmp_path / 'out'), *more]
    monkeypatch.setattr(sys, 'argv', words)
    try:
        program.main()
    except SystemExit as ending:
        return ending.code
    return 0


def test_the_program_says_one_sentence_and_exits_with_2(tmp_path, monkeypatch, capsys):
    assert main(tmp_path, monkeypatch, '--trials', '0') == 2
    assert capsys.readouterr().err == 'Error: trials 0: must be a whole number of at least 1\n'
    assert not (tmp_path / 'out').exists()
