"""The peers of benchmarks/: the same algorithm in every framework, and the protocol.

GLUONGAN_PEERS=DIR pytest tests/test_peers.py

DIR is as `python -m benchmarks.setup_peers --environments DIR` makes it. A framework without an
environment is skipped; the protocol is tested with gluongan alone.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

# At the end of the path, so that the installed gluongan is tested.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from benchmarks import busy, cases, driver, equivalence, native
from benchmarks.compare import measure_case, summarise
from benchmarks.driver import FORMS, Peer, PeerError, interpreter
from gluongan.gan.objectives import DisObjective, GenObjective
from gluongan.gan.steps import record_fake, update_dis, update_gen
from gluongan.gan.updater import weights
from gluongan.nn.fused import FusedNet
from gluongan.nn.layers import frozen
from gluongan.nn.optimizer import Optimizer
from gluongan.runtime import mx

ENVIRONMENTS = Path(os.environ.get('GLUONGAN_PEERS', driver.ENVIRONMENTS))
PEERS = [form for form in FORMS if FORMS[form].environment]
SMALL = {
    'data': 'synthetic',
    'image_size': 8,
    'latent': 5,
    'gen_hidden': (16,),
    'dis_hidden': (16,),
}


# The same algorithm


@pytest.mark.parametrize('form', PEERS)
@pytest.mark.parametrize('way', equivalence.WAYS)
@pytest.mark.parametrize('recipe', cases.RECIPES)
def test_a_peer_trains_to_the_same_weights(recipe, way, form):
    if interpreter(form, ENVIRONMENTS) is None:
        pytest.skip(f'{form} has no environment in {ENVIRONMENTS}')
    case = f'{recipe}-64'
    difference = equivalence.compare_forms(case, [form], ENVIRONMENTS, way)[form]
    assert difference.value <= equivalence.tolerance(case, way), difference


@pytest.mark.parametrize('form', PEERS)
def test_dropout_of_a_peer_moves_the_weights_as_far_as_ours(form, tmp_path):
    """The masks differ, but not how far they lead away from a run without dropout."""
    if interpreter(form, ENVIRONMENTS) is None:
        pytest.skip(f'{form} has no environment in {ENVIRONMENTS}')
    material = equivalence.Material('projection-64', tmp_path, samples=512)
    with Peer('gluongan') as ours, Peer(form, environments=ENVIRONMENTS) as theirs:
        trained = material.train(ours, 0)
        others = material.train(theirs, 0)
    off = equivalence.Material('projection-64', tmp_path, samples=512, dis_dropout=0.0)
    with Peer('gluongan') as peer:
        without = off.train(peer, 0)
    name = 'dis/0.head.weight'
    moved = [np.linalg.norm(run[name] - without[name]) for run in (trained, others)]
    assert 0.5 < moved[1] / moved[0] < 2


def test_the_difference_is_that_of_the_worst_tensor_by_how_far_it_went():
    initial = {'a': np.zeros(4), 'b': np.zeros(2)}
    ours = {'a': np.array([3.0, 0, 0, 4]), 'b': np.array([1.0, 0])}
    theirs = {'a': np.array([3.0, 0, 0, 4.1]), 'b': np.array([1.0, 0.5])}
    assert equivalence.difference(initial, ours, theirs) == (pytest.approx(0.5), 'b')
    assert equivalence.difference(initial, ours, ours).value == 0


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_nan_and_infinity_are_infinitely_far(value):
    theirs = {'a': np.array([value, 1])}
    difference = equivalence.difference({'a': np.zeros(2)}, {'a': np.ones(2)}, theirs)
    assert difference.value == np.inf


@pytest.mark.parametrize('theirs', [{}, {'b': np.ones(2)}, {'a': np.ones(3)}])
def test_other_tensors_cannot_be_compared(theirs):
    with pytest.raises(ValueError, match='other tensors'):
        equivalence.difference({'a': np.zeros(2)}, {'a': np.ones(2)}, theirs)


def test_results_of_an_earlier_run_stay_unless_they_were_made_again(tmp_path):
    path = tmp_path / 'equivalence.json'
    old = [
        {'case': case, 'way': 'own', 'form': 'jax', 'value': 1.0}
        for case in ('dense-128', 'wgan-128')
    ]
    assert equivalence.earlier(path, old) == []
    path.write_text(json.dumps({'rows': old}))
    assert equivalence.earlier(path, [{**old[0], 'value': 2.0}]) == [old[1]]
    assert equivalence.earlier(path, [{**old[0], 'form': 'torch'}]) == old


# The protocol, with gluongan as its own peer


@pytest.fixture
def small(monkeypatch):
    """The case dense-64 with networks and images so small that an iteration takes a moment."""
    config = cases.config
    monkeypatch.setattr(
        cases, 'config', lambda name, **changes: config(name, **{**SMALL, **changes})
    )
    return 'dense-64'


@pytest.fixture(scope='module')
def own_peer():
    """One process for several tests, each of which loads its own case and weights into it."""
    with Peer('gluongan', threads=1) as peer:
        yield peer


def train_here(case, feed):
    """Return the weights after update_dis and update_gen on a feed, written out."""
    _, updater, dataset = cases.load(case)
    gen, dis = updater.gen, updater.dis
    dis_objective, gen_objective = DisObjective(dis), GenObjective(frozen(dis))
    fused_gen = FusedNet(gen)
    opt_gen, opt_dis = Optimizer(gen, lr=2e-4), Optimizer(dis, lr=2e-4)
    for (z,), (index,) in zip(feed['z'], feed['index']):
        x_fake = record_fake(fused_gen, mx.nd.array(z))
        update_dis(dis_objective, opt_dis, mx.nd.array(dataset.floats(index)), x_fake)
        update_gen(gen_objective, opt_gen, x_fake)
    arrays = {f'gen/{name}': value.asnumpy() for name, value in weights(gen).items()}
    arrays.update({f'dis/{name}': value.asnumpy() for name, value in weights(dis).items()})
    return arrays


def test_our_peer_learns_what_the_two_updates_learn(small, tmp_path, own_peer):
    material = equivalence.Material(small, tmp_path)
    trained = material.train(own_peer, 0)
    with np.load(tmp_path / 'feed0.npz') as feed:
        expected = train_here(small, feed)
    assert trained.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(trained[name], value)
        assert (material.initial[name] != value).any()


def test_our_peer_trains_on_data_of_its_own(small, tmp_path, own_peer):
    before = equivalence.Material(small, tmp_path).train(own_peer, 0)
    assert own_peer.ask('run', n=2) == {}
    after = own_peer.weights()
    for name, value in before.items():
        assert (after[name] != value).any()


def test_a_peer_reports_time_memory_and_versions(small, tmp_path, own_peer):
    equivalence.Material(small, tmp_path).load(own_peer)
    assert 0 < own_peer.ask('time', n=2)['seconds'] < 60
    assert own_peer.ask('memory')['megabytes'] > 10
    assert set(own_peer.versions) == {'mxnet', 'numpy'}


def test_another_feed_gives_other_weights(small, tmp_path, own_peer):
    material = equivalence.Material(small, tmp_path)
    first, second = material.train(own_peer, 0), material.train(own_peer, 1)
    for name in first:
        assert (first[name] != second[name]).any()


def test_an_error_in_a_peer_is_reported(small, tmp_path):
    with Peer('gluongan', threads=1) as peer:
        with pytest.raises(PeerError, match=r'gluongan: FileNotFoundError: .*nowhere'):
            peer.load({}, tmp_path / 'nowhere.npz', tmp_path / 'x.npy')
        peer._process.kill()
        with pytest.raises(PeerError, match='gluongan: ended'):
            peer.ask('run', n=1)
            peer.ask('run', n=1)


def test_a_form_without_an_environment_says_how_to_make_it(tmp_path):
    message = r'torch: has no environment in .*python -m benchmarks\.setup_peers'
    with pytest.raises(PeerError, match=message):
        Peer('torch', environments=tmp_path)


@pytest.mark.parametrize('forms', ['gluongan,torch', 'abacus'])
def test_forms_that_cannot_run_are_refused_in_one_sentence(forms, tmp_path):
    with pytest.raises(SystemExit, match=r'^--forms (torch: has no env|abacus: must be one)'):
        driver.choose_forms(forms, tmp_path)
    assert driver.choose_forms(None, tmp_path) == ['gluongan']


def test_forms_take_turns_and_every_sample_is_kept(small):
    (trial,) = measure_case(small, ['gluongan'], rounds=3, seconds=0.01, threads=1)
    assert trial.name == 'dense-64 gluongan'
    assert len(trial.seconds) == 3
    assert trial.images == 64
    assert trial.facts['form'] == 'gluongan'
    assert trial.facts['threads'] == 1
    assert trial.iterations >= 1
    assert 'it/s' in summarise([trial])


def test_alone_and_beside_a_loop_are_measured_in_turn(small):
    trials = busy.measure(small, ['gluongan'], rounds=2, seconds=0.01, threads=1)
    ((alone, beside),) = busy.pairs(trials)
    assert (alone.facts['beside'], beside.facts['beside']) == ('alone', 'beside a loop')
    assert len(alone.seconds) == len(beside.seconds) == 2
    assert '× as fast' in busy.summarise(trials)


def test_each_way_of_the_native_benchmark_is_a_trial(small):
    trials = native.measure(small, native.ways([]), rounds=2, seconds=0.01, threads=1)
    assert [native.way(trial) for trial in trials] == ['none', 'all']
    assert list(native.gains(trials)) == ['all']


@pytest.mark.parametrize('value', ['updates', None])
def test_a_peer_gets_the_variables_that_it_is_started_with(value, monkeypatch):
    monkeypatch.setenv('GLUONGAN_NATIVE', '0')
    with Peer('gluongan', threads=1, variables={'GLUONGAN_NATIVE': value}) as peer:
        variables = Path(f'/proc/{peer._process.pid}/environ')
        while not (text := variables.read_text()):  # empty while taskset becomes the peer
            time.sleep(0.01)
        peer._process.kill()
    pairs = text.split('\0')
    switches = [pair for pair in pairs if pair.startswith('GLUONGAN_NATIVE=')]
    assert switches == ([f'GLUONGAN_NATIVE={value}'] if value else [])
