"""Products in bfloat16: what they compute, what stays float32, and what is refused."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
import tiny

import gluongan as gg
from gluongan import build, launch, loading, runtime, threads
from gluongan.bench.cases import MODES, Case
from gluongan.bench.subjects import make_subjects
from gluongan.config import ConfigError
from gluongan.nn.layers import Chain, Dense, all_blocks, in_float32, use_precision
from gluongan.runtime import mx

amx = pytest.mark.skipif(not runtime.HAS_AMX, reason='this processor has no matrix units (AMX)')

TRAIN = """
import hashlib
from gluongan import build
from gluongan.recipes import recipe
settings = {'data': 'synthetic', 'image_size': 8, 'batch': 32, 'device': 'cpu'}
config = recipe('dense').with_settings(settings)
updater = build.make_updater(config, build.load_data(config))
for _ in range(5):
    updater.update()
arrays, _ = updater.state()
print(hashlib.sha256(b''.join(value.tobytes() for value in arrays.values())).hexdigest())
"""


def make_updater(**changes):
    config = tiny.tiny(**changes)
    return build.make_updater(config, build.load_data(config))


def dense_precisions(net):
    """The precisions of a network's Dense layers."""
    return {block.precision for block in all_blocks(net) if isinstance(block, Dense)}


def rounded(x):
    """The nearest bfloat16, ties to even, by the bits of float32."""
    bits = np.asarray(x, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).view(np.float32)


def make_net(precision, units=48, inputs=200):
    runtime.seed(3)
    net = Chain(Dense(units, in_units=inputs), shape_in=(inputs,))
    net.initialize(mx.init.Normal(0.3))
    net[0].bias.data()[:] = mx.nd.random.normal(0, 1, (units,))
    use_precision(net, precision)
    net.hybridize(static_alloc=True)
    return net


def gradients(net, x):
    x = x.copy()
    x.attach_grad()
    with mx.autograd.record():
        value = (net(x) * mx.nd.arange(48) / 48).sum()
    value.backward()
    return x.grad.asnumpy(), net[0].weight.grad().asnumpy(), net[0].bias.grad().asnumpy()


@amx
def test_a_product_has_factors_and_result_rounded_to_bfloat16():
    net = make_net('bfloat16')
    x = mx.nd.random.normal(0, 1, (32, 200))
    weight, bias = (p.data().asnumpy() for p in (net[0].weight, net[0].bias))
    exact = rounded(x.asnumpy()).astype(np.float64) @ rounded(weight).T + rounded(bias)
    y = net(x).asnumpy()
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, rounded(y))  # the result is rounded
    # Rounded by half a unit in the last place, or by one unit at a tie.
    np.testing.assert_allclose(y, exact, rtol=2**-8, atol=1e-4)
    difference = np.abs(y - make_net('float32')(x).asnumpy()).max()
    assert 1e-3 < difference < 0.3  # the factors are rounded too: this is not float32


@amx
def test_its_gradients_are_those_of_float32_to_two_digits():
    x = mx.nd.random.normal(0, 1, (32, 200))
    rounded_gradients = gradients(make_net('bfloat16'), x)
    for gradient, exact in zip(rounded_gradients, gradients(make_net('float32'), x)):
        assert 0 < np.linalg.norm(gradient - exact) / np.linalg.norm(exact) < 0.01


@amx
def test_weights_and_moments_stay_float32_and_training_moves_them():
    updater = make_updater(precision='bfloat16')
    before, _ = updater.state()
    for _ in range(3):
        updater.update()
    after, _ = updater.state()
    assert {value.dtype for value in after.values()} == {np.dtype(np.float32)}
    names = [name for name in after if name.endswith('weight')]
    moved = [name for name in names if not np.array_equal(before[name], after[name])]
    assert len(moved) >= 4
    # Steps smaller than bfloat16's last digit count.
    assert any(not np.array_equal(value, rounded(value)) for value in after.values())


@amx
def test_every_dense_layer_of_both_networks_and_of_the_frozen_view_uses_bfloat16():
    updater = make_updater(precision='bfloat16', data='synthetic')
    z = mx.nd.array(updater.fixed_inputs(4))
    difference = updater.gen(z) - make_updater(data='synthetic').gen(z)
    assert 0 < np.abs(difference.asnumpy()).max() < 0.05
    for net in (updater.gen, updater.dis, updater.dis_view):
        graph = net(mx.sym.var('x')).tojson(remove_amp_cast=False)
        assert graph.count('"op": "amp_cast"') == 2 * 4  # input, weight, bias, result of two layers


@amx
def test_a_benchmark_uses_bfloat16_in_every_mode():
    for mode in MODES:
        updater = make_subjects([Case(tiny.tiny(precision='bfloat16'), mode)])[0].updater
        for net in (updater.gen, updater.dis, updater.dis_view):
            assert 'amp_cast' in net(mx.sym.var('x')).tojson(remove_amp_cast=False), mode


@amx
def test_a_trained_network_is_loaded_and_sampled_in_float32(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert tiny.gluongan('train', *tiny.flags(precision='bfloat16'), '--out', 'runs').exit_code == 0
    run = next((tmp_path / 'runs').iterdir())
    config, gen = loading.load_run(run)
    assert config.precision == 'bfloat16'
    assert dense_precisions(gen) == {'float32'}
    monkeypatch.setattr(runtime, 'HAS_AMX', False)  # on another machine
    assert tiny.gluongan('sample', str(run), '--seeds', '0-3').exit_code == 0
    dis = loading.load_updater(run, build.load_data(config)).dis
    assert dense_precisions(dis) == {'float32'}
    refused = tiny.gluongan('train', '--resume', str(run), '--iterations', '40')
    assert refused.exit_code == 2
    assert '--precision bfloat16: needs' in refused.stderr


@amx
def test_an_export_is_float32_and_leaves_the_network_in_bfloat16(tmp_path):
    gen = make_updater(precision='bfloat16').gen
    z = mx.nd.random.normal(0, 1, (4, 5))
    in_bfloat16 = gen(z).asnumpy()
    gg.export(gen, tmp_path / 'gen')
    exported = gg.load_export(tmp_path).network()(z).asnumpy()
    assert 0 < np.abs(exported - in_bfloat16).max() < 0.05
    np.testing.assert_array_equal(gen(z).asnumpy(), in_bfloat16)
    with in_float32(gen):
        np.testing.assert_array_equal(gen(z).asnumpy(), exported)


def test_without_matrix_units_it_is_refused_before_a_folder_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, 'HAS_AMX', False)
    message = '^precision bfloat16: needs a CPU with matrix units .* must be float32 here$'
    with pytest.raises(runtime.DeviceError, match=message):
        launch.begin(tiny.tiny(precision='bfloat16'), tmp_path, [])
    assert not list(tmp_path.iterdir())
    make_updater()  # float32 needs no matrix units


@pytest.mark.parametrize(
    ('has_amx', 'line'), [(True, 'available with --precision'), (False, 'not available (no AMX')]
)
def test_doctor_says_whether_bfloat16_is_available(monkeypatch, has_amx, line):
    monkeypatch.setattr(runtime, 'HAS_AMX', has_amx)
    assert f'bfloat16      {line}' in tiny.gluongan('doctor').stdout


def test_a_gpu_is_refused(monkeypatch):
    monkeypatch.setattr(runtime, 'HAS_AMX', True)
    with pytest.raises(runtime.DeviceError, match=r'^precision bfloat16: needs a CPU'):
        build._check_precision('bfloat16', mx.gpu(0))
    build._check_precision('bfloat16', mx.cpu())
    build._check_precision('float32', mx.gpu(0))


def test_convolutions_are_refused():
    message = '^precision bfloat16: needs `network` dense; must be float32$'
    with pytest.raises(ConfigError, match=message):
        tiny.tiny(network='conv', precision='bfloat16')
    tiny.tiny(network='conv', precision='float32')


def test_amx_is_only_asked_for_where_the_processor_lists_its_bfloat16(tmp_path, monkeypatch):
    monkeypatch.delenv('DNNL_MAX_CPU_ISA', raising=False)
    (tmp_path / 'cpuinfo').write_text('flags : fpu avx512f amx_int8 amx_tile\n')
    assert not runtime.ask_for_amx(tmp_path / 'cpuinfo')
    assert not runtime.ask_for_amx(tmp_path / 'missing')


def test_an_instruction_set_that_the_user_has_set_stays(monkeypatch):
    monkeypatch.setenv('DNNL_MAX_CPU_ISA', 'AVX2')
    assert not runtime.ask_for_amx()
    with threads.environment({'DNNL_MAX_CPU_ISA': 'AVX512_CORE'}):
        assert os.environ['DNNL_MAX_CPU_ISA'] == 'AVX2'
    assert os.environ['DNNL_MAX_CPU_ISA'] == 'AVX2'


def test_the_setting_is_not_passed_on_to_child_processes(python):
    code = (
        'import os; os.environ.pop("DNNL_MAX_CPU_ISA", None); import gluongan.runtime; '
        'print(os.environ.get("DNNL_MAX_CPU_ISA"))'
    )
    assert python(code) == 'None'


@amx
def test_onednn_uses_the_matrix_units(python):
    code = 'import os; {}; import gluongan.runtime'
    unset = code.format('os.environ.pop("DNNL_MAX_CPU_ISA", None)')
    assert 'AMX' in python(unset, DNNL_VERBOSE='1')
    default = code.format('pass')
    assert 'AMX' not in python(default, DNNL_VERBOSE='1', DNNL_MAX_CPU_ISA='DEFAULT')


@amx
def test_float32_computes_the_same_bits_with_and_without_the_matrix_units():
    def train(**variables):
        environment = {**os.environ, **variables}
        if not variables:
            environment.pop('DNNL_MAX_CPU_ISA', None)
        process = subprocess.run(
            [sys.executable, '-c', TRAIN], capture_output=True, text=True, env=environment
        )
        return process.stdout.strip()

    digest = train()
    assert len(digest) == 2 * hashlib.sha256().digest_size
    assert train(DNNL_MAX_CPU_ISA='DEFAULT') == digest
