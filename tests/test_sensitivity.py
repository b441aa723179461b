"""Sensitivity: known values for a linear generator, and where it is left out."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tiny

from gluongan import data
from gluongan.evaluation.metrics import sensitivity
from gluongan.evaluation.reference import Reference
from gluongan.evaluation.samples import Samples
from gluongan.evaluation.suite import COUNTS, left_out_of, measure_sensitivity
from gluongan.gan.sensitivity import slopes
from gluongan.nn.layers import Chain, Dense
from gluongan.runtime import mx

LATENT = 6


def linear(weight):
    net = Chain(Dense(len(weight), in_units=weight.shape[1]), shape_in=(weight.shape[1],))
    net.initialize()
    for name, parameter in net.collect_params().items():
        parameter.set_data(mx.nd.array(weight if name.endswith('weight') else np.ones(len(weight))))
    return net


def draw(count, size=LATENT):
    return np.random.RandomState(0).normal(size=(count, size)).astype(np.float32)


def test_the_path_of_a_linear_generator_is_its_frobenius_norm_by_the_root_of_latent():
    weight = np.random.RandomState(1).normal(size=(20, LATENT))
    found = slopes(linear(weight), draw(4_000), LATENT, 0)
    singular = np.linalg.svd(weight, compute_uv=False)
    assert singular[-1] * 0.99 < found.min() and found.max() < singular[0] * 1.01
    expected = np.linalg.norm(weight) / np.sqrt(LATENT)
    assert sensitivity(found).path == pytest.approx(expected, rel=0.02)
    v = np.random.RandomState(2).normal(size=(100_000, LATENT))
    norms = np.linalg.norm(v @ weight.T, axis=1) / np.linalg.norm(v, axis=1)
    assert sensitivity(found).path_spread == pytest.approx(np.log(norms).std(), rel=0.1)


def test_orthogonal_columns_of_one_length_have_no_spread():
    q, _ = np.linalg.qr(np.random.RandomState(0).normal(size=(20, LATENT)))
    path, spread = sensitivity(slopes(linear(3 * q), draw(200), LATENT, 0))
    assert path == pytest.approx(3, rel=1e-3) and spread < 1e-3
    uneven = 3 * q * np.array([1, 1, 1, 1, 1, 0.1])
    assert sensitivity(slopes(linear(uneven), draw(200), LATENT, 0)).path_spread > 0.02


def test_the_classes_of_a_generator_stay_as_they_are():
    weight = np.concatenate([np.eye(3), 1000 * np.ones((3, 2))], axis=1)
    np.testing.assert_allclose(slopes(linear(weight), draw(50, 5), 3, 0), 1, rtol=0.05)


def test_slopes_depend_on_the_seed_alone():
    net, z = linear(np.random.RandomState(1).normal(size=(20, LATENT))), draw(30)
    np.testing.assert_array_equal(slopes(net, z, LATENT, 1), slopes(net, z, LATENT, 1))
    assert not np.array_equal(slopes(net, z, LATENT, 1), slopes(net, z, LATENT, 2))


def evaluated(*words):
    result = tiny.gluongan('evaluate', *words)
    assert result.exit_code == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize('data', ['synthetic', 'ring8'])
def test_evaluate_measures_runs_of_pictures_and_of_points(tmp_path, data):
    size = None if data == 'ring8' else 8
    run = tiny.begun(tmp_path, until=2, data=data, image_size=size, init='he').folder
    printed = evaluated(run, '--samples', 120)
    values = json.loads((run / 'evaluation.json').read_text())['metrics']
    assert values['gen_path120'] > 0 and values['gen_path_spread120'] > 0
    assert 'sample change per latent step' in printed


def test_an_export_has_the_values_of_its_run(tmp_path, unverified):
    run = tiny.begun(tmp_path, until=2, init='he').folder
    assert tiny.gluongan('export', run, '--out', tmp_path / 'export').exit_code == 0
    found = []
    for source in ([run], [tmp_path / 'export', '--data', 'synthetic', '--image-size', 8]):
        evaluated(*source, '--samples', 120, '--json', tmp_path / 'x.json')
        found.append(json.loads((tmp_path / 'x.json').read_text())['metrics'])
    for name in ('gen_path120', 'gen_path_spread120'):
        assert found[0][name] == pytest.approx(found[1][name], rel=1e-2)


def test_it_is_left_out_of_few_samples_and_where_there_is_no_generator(tmp_path):
    ring = Reference(data.load('ring8'))
    few = Samples('few', np.zeros((99, 2)), slopes=np.ones)
    assert left_out_of(few, ring) == [
        'no `path` and no `path_spread`: 99 samples; must be at least 100'
    ]
    assert left_out_of(Samples('enough', np.zeros((100, 2)), slopes=np.ones), ring) == []
    np.save(tmp_path / 'x.npy', np.random.RandomState(0).rand(120, 1, 8, 8).astype('float32'))
    printed = evaluated(tmp_path / 'x.npy', '--data', 'synthetic', '--image-size', 8)
    assert 'x.npy has no generator' in printed and 'gen_path' not in printed


def test_a_constant_generator_has_no_spread_that_would_look_even():
    samples = Samples('flat', np.zeros((100, 2)), slopes=np.zeros)
    assert measure_sensitivity(samples, None, COUNTS) == {'gen_path100': 0}
