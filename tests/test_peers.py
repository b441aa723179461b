"""The peers of benchmarks/: the same algorithm in every framework whose environment is there, and the protocol by ours alone.

GLUONGAN_PEERS=DIR pytest tests/test_peers.py    # DIR as `python -m benchmarks.setup_peers --environments DIR` made it
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(
    str(Path(__file__).resolve().parents[1])
)  # last, so that the installed gluongan is the one that is tested

from benchmarks import cases, driver, equivalence
from benchmarks.compare import measure_case, summarise
from benchmarks.driver import FORMS, Peer, PeerError, interpreter
from gluongan.gan.steps import record_fake, update_dis, update_gen
from gluongan.gan.updater import weights
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
    name = f'{recipe}-64'
    apart = equivalence.compare_forms(name, [form], ENVIRONMENTS, way)[form]
    assert apart.value <= equivalence.tolerance(name, way), apart


def test_a_difference_is_that_of_the_worst_tensor_by_how_far_it_went():
    initial = {'a': np.zeros(4), 'b': np.zeros(2)}
    ours = {'a': np.array([3.0, 0, 0, 4]), 'b': np.array([1.0, 0])}
    theirs = {'a': np.array([3.0, 0, 0, 4.1]), 'b': np.array([1.0, 0.5])}
    assert equivalence.difference(initial, ours, theirs) == (pytest.approx(0.5), 'b')
    assert equivalence.difference(initial, ours, ours).value == 0


@pytest.mark.parametrize('theirs', [{'a': np.array([np.nan, 1])}, {'a': np.array([np.inf, 1])}])
def test_weights_that_are_no_numbers_are_infinitely_far(theirs):
    assert equivalence.difference({'a': np.zeros(2)}, {'a': np.ones(2)}, theirs).value == float(
        'inf'
    )


@pytest.mark.parametrize('theirs', [{}, {'b': np.ones(2)}, {'a': np.ones(3)}])
def test_other_tensors_are_no_comparison(theirs):
    with pytest.raises(ValueError, match='other tensors'):
        equivalence.difference({'a': np.zeros(2)}, {'a': np.ones(2)}, theirs)


# The protocol, by gluongan's own peer


@pytest.fixture
def small(monkeypatch):
    """The case dense-64 with networks and pictures so small that an iteration takes a moment."""
    whole = cases.config
    monkeypatch.setattr(
        cases, 'config', lambda name, **changes: whole(name, **{**SMALL, **changes})
    )
    return 'dense-64'


def learned_here(case, feed):
    """What a GAN learns from a feed by update_dis and update_gen, written out."""
    _, updater, dataset = cases.load(case)
    gen, dis = updater.gen, updater.dis
    view, opt_gen, opt_dis = frozen(dis), Optimizer(gen, lr=2e-4), Optimizer(dis, lr=2e-4)
    for (z,), (index,) in zip(feed['z'], feed['index']):
        x_fake = record_fake(gen, mx.nd.array(z))
        update_dis(dis, opt_dis, mx.nd.array(dataset.floats(index)), x_fake)
        update_gen(view, opt_gen, x_fake)
    return {
        f'{part}/{name}': value.asnumpy()
        for part, net in (('gen', gen), ('dis', dis))
        for name, value in weights(net).items()
    }


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


def test_ours_learns_what_the_two_updates_learn(small, tmp_path):
    material = equivalence.Material(small, tmp_path)
    with Peer('gluongan', threads=1) as peer:
        theirs = material.train(peer, 0)
        assert peer.ask('run', n=2) == {} and 0 < peer.ask('time', n=2)['seconds'] < 60
        assert peer.ask('memory')['megabytes'] > 10 and set(peer.versions) == {'mxnet', 'numpy'}
        later = peer.weights()
    with np.load(tmp_path / 'feed0.npz') as feed:
        here = learned_here(small, feed)
    assert {name: value.shape for name, value in here.items()} == {
        name: value.shape for name, value in theirs.items()
    }
    assert all((theirs[name] == value).all() for name, value in here.items())
    assert all(
        (material.initial[name] != value).any() and (later[name] != value).any()
        for name, value in theirs.items()
    )


def test_a_feed_is_what_is_learned_from(small, tmp_path):
    material = equivalence.Material(small, tmp_path)
    with Peer('gluongan', threads=1) as peer:
        one, other = material.train(peer, 0), material.train(peer, 1)
    assert all((one[name] != other[name]).any() for name in one)


def test_what_fails_in_a_peer_is_told(small, tmp_path):
    with Peer('gluongan', threads=1) as peer:
        with pytest.raises(PeerError, match=r'gluongan: FileNotFoundError: .*nowhere'):
            peer.load({}, tmp_path / 'nowhere.npz', tmp_path / 'x.npy')
        peer._process.kill()
        with pytest.raises(PeerError, match='gluongan: ended'):
            peer.ask('run', n=1)
            peer.ask('run', n=1)


def test_a_form_without_environment_says_how_to_make_it(tmp_path):
    with pytest.raises(
        PeerError, match=r'torch: has no environment in .*python -m benchmarks\.setup_peers'
    ):
        Peer('torch', environments=tmp_path)


def test_forms_take_turns_and_every_sample_is_kept(small):
    (trial,) = measure_case(small, ['gluongan'], rounds=3, seconds=0.01, threads=1)
    assert trial.name == 'dense-64 gluongan' and len(trial.seconds) == 3 and trial.images == 64
    assert (
        trial.facts['form'] == 'gluongan' and trial.facts['threads'] == 1 and trial.iterations >= 1
    )
    assert 'it/s' in summarise([trial])
