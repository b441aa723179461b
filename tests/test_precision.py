"""Products in bfloat16: what they compute, what stays float32, and who is refused."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
import tiny

import gluongan as gg
from gluongan import build, launch, loading, runtime
from gluongan.bench.cases import MODES, Case
from gluongan.bench.subjects import make_subjects
from gluongan.config import ConfigError
from gluongan.nn.layers import Chain, Dense, in_float32, use_precision
from gluongan.runtime import mx

amx = pytest.mark.skipif(not runtime.HAS_AMX, reason='this processor has no matrix units (AMX)')

TRAINED = """
import hashlib, sys
from gluongan import build, launch, loading
from gluongan.recipes import recipe
config = recipe('dense').with_settings({'data': 'synthetic', 'image_size': 8, 'batch': 32, 'device': 'cpu'})
updater = build.make_updater(config, build.load_data(config))
for _ in range(5):
    updater.update()
print(hashlib.sha256(b''.join(value.tobytes() for value in updater.state()[0].values())).hexdigest())
"""


def rounded(x):
    """The nearest bfloat16, ties to even, by the bits of float32."""
    bits = np.asarray(x, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).view(np.float32)


def layer(precision, units=48, inside=200):
    runtime.seed(3)
    net = Chain(Dense(units, in_units=inside), shape_in=(inside,))
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
    net, x = layer('bfloat16'), mx.nd.random.normal(0, 1, (32, 200))
    weight, bias = (p.data().asnumpy() for p in (net[0].weight, net[0].bias))
    exact = rounded(x.asnumpy()).astype(np.float64) @ rounded(weight).T + rounded(bias)
    y = net(x).asnumpy()
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, rounded(y))  # its result is rounded
    np.testing.assert_allclose(
        y, exact, rtol=2**-8, atol=1e-4
    )  # by half a unit in the last place, or at a tie by one
    coarse = np.abs(y - layer('float32')(x).asnumpy()).max()
    assert 1e-3 < coarse < 0.3  # and the factors are: this is not float32


@amx
def test_its_gradients_are_those_of_float32_to_two_digits():
    x = mx.nd.random.normal(0, 1, (32, 200))
    for ours, exact in zip(gradients(layer('bfloat16'), x), gradients(layer('float32'), x)):
        assert 0 < np.linalg.norm(ours - exact) / np.linalg.norm(exact) < 0.01


@amx
def test_weights_and_moments_stay_float32_and_training_moves_them():
    config = tiny.tiny(precision='bfloat16')
    updater = build.make_updater(config, build.load_data(config))
    before, _ = updater.state()
    for _ in range(3):
        updater.update()
    after, _ = updater.state()
    assert {value.dtype for value in after.values()} == {np.dtype(np.float32)}
    moved = [
        name
        for name in after
        if name.endswith('weight') and not np.array_equal(before[name], after[name])
    ]
    assert len(moved) >= 4
    assert any(
        not np.array_equal(value, rounded(value)) for value in after.values()
    )  # steps below bfloat16's digits count


@amx
def test_every_dense_layer_of_both_networks_and_of_the_view_of_d_multiplies_so():
    config = tiny.tiny(precision='bfloat16', data='synthetic')
    updater = build.make_updater(config, build.load_data(config))
    coarse = updater.gen[
        :-1
    ]  # without the reshape: BatchNorm, activation and the rest stay float32
    z = mx.nd.array(updater.fixed_inputs(4))
    fine = build.make_updater(tiny.tiny(), build.load_data(config)).gen
    assert 0 < np.abs(coarse(z).asnumpy() - fine[:-1](z).asnumpy()).max() < 0.05
    casts = [
        net(mx.sym.var('x')).tojson(remove_amp_cast=False).count('"op": "amp_cast"')
        for net in (updater.gen, updater.dis, updater.dis_view)
    ]
    assert casts == [4 * 2, 4 * 2, 4 * 2]  # input, weight, bias and result of two layers


@amx
def test_a_benchmark_multiplies_so_in_every_mode():
    for mode in MODES:
        algorithm = make_subjects([Case(tiny.tiny(precision='bfloat16'), mode)])[0].updater
        for net in (algorithm.gen, algorithm.dis, algorithm.dis_view):
            assert 'amp_cast' in net(mx.sym.var('x')).tojson(remove_amp_cast=False), mode


@amx
def test_what_is_drawn_from_such_a_run_is_float32(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert tiny.gluongan('train', *tiny.flags(precision='bfloat16'), '--out', 'runs').exit_code == 0
    run = next((tmp_path / 'runs').iterdir())
    config, gen = loading.load_run(run)
    assert config.precision == 'bfloat16' and {
        layer.precision for layer in gen if isinstance(layer, Dense)
    } == {'float32'}
    monkeypatch.setattr(runtime, 'HAS_AMX', False)  # on another machine
    assert tiny.gluongan('sample', str(run), '--seeds', '0-3').exit_code == 0
    assert {
        layer.precision
        for net in (gen, loading.load_updater(run, build.load_data(config)).dis)
        for layer in net
        if isinstance(layer, Dense)
    } == {'float32'}
    refused = tiny.gluongan('train', '--resume', str(run), '--iterations', '40')
    assert refused.exit_code == 2 and '--precision bfloat16: needs' in refused.stderr


@amx
def test_an_export_of_a_network_that_trains_in_bfloat16_is_float32_and_leaves_it_as_it_was(
    tmp_path,
):
    config = tiny.tiny(precision='bfloat16')
    gen = build.make_updater(config, build.load_data(config)).gen
    z = mx.nd.random.normal(0, 1, (4, 5))
    coarse = gen(z).asnumpy()
    gg.export(gen, tmp_path / 'gen')
    fine = gg.load_export(tmp_path).network()(z).asnumpy()
    assert 0 < np.abs(fine - coarse).max() < 0.05
    np.testing.assert_array_equal(gen(z).asnumpy(), coarse)
    with in_float32(gen):
        np.testing.assert_array_equal(gen(z).asnumpy(), fine)


def test_without_matrix_units_it_is_refused_before_a_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, 'HAS_AMX', False)
    with pytest.raises(
        runtime.DeviceError,
        match=r'^precision bfloat16: needs a CPU with matrix units .* must be float32 here$',
    ):
        launch.begin(tiny.tiny(precision='bfloat16'), tmp_path, [])
    assert not list(tmp_path.iterdir())
    build.make_updater(tiny.tiny(), build.load_data(tiny.tiny()))  # float32 needs nothing


@pytest.mark.parametrize(
    ('has_amx', 'text'),
    [(True, 'available with --precision bfloat16'), (False, 'not available (no AMX')],
)
def test_doctor_says_whether_it_is_available(monkeypatch, has_amx, text):
    monkeypatch.setattr(runtime, 'HAS_AMX', has_amx)
    assert f'bfloat16      {text}' in tiny.gluongan('doctor').stdout


def test_a_gpu_is_refused(monkeypatch):
    monkeypatch.setattr(runtime, 'HAS_AMX', True)
    with pytest.raises(runtime.DeviceError, match='needs a CPU with matrix units'):
        build._check_precision('bfloat16', mx.gpu(0))
    build._check_precision('bfloat16', mx.cpu())
    build._check_precision('float32', mx.gpu(0))


def test_convolutions_are_refused():
    with pytest.raises(
        ConfigError, match=r'^precision bfloat16: needs `network` dense; must be float32$'
    ):
        tiny.tiny(network='conv', precision='bfloat16')
    tiny.tiny(network='conv', precision='float32')


def test_a_processor_without_matrix_units_has_none(tmp_path, monkeypatch):
    monkeypatch.delenv('DNNL_MAX_CPU_ISA', raising=False)
    (tmp_path / 'cpuinfo').write_text('flags : fpu avx512f amx_int8 amx_tile\n')
    assert not runtime.ask_for_amx(tmp_path / 'cpuinfo') and not runtime.ask_for_amx(
        tmp_path / 'none'
    )


def test_what_the_user_has_set_stays(monkeypatch):
    monkeypatch.setenv('DNNL_MAX_CPU_ISA', 'AVX2')
    assert not runtime.ask_for_amx()
    with runtime._default_environment({'DNNL_MAX_CPU_ISA': 'AVX512_CORE'}):
        assert os.environ['DNNL_MAX_CPU_ISA'] == 'AVX2'
    assert os.environ['DNNL_MAX_CPU_ISA'] == 'AVX2'


def test_what_this_process_starts_is_not_told(python):
    code = (
        'import os; os.environ.pop("DNNL_MAX_CPU_ISA", None); import gluongan.runtime; '
        'print(os.environ.get("DNNL_MAX_CPU_ISA"))'
    )
    assert python(code) == 'None'


@amx
def test_onednn_is_told_of_the_matrix_units(python):
    code = 'import os; {}; import gluongan.runtime'
    told = python(code.format('os.environ.pop("DNNL_MAX_CPU_ISA", None)'), DNNL_VERBOSE='1')
    assert 'AMX' in told and 'AMX' not in python(
        code.format('pass'), DNNL_VERBOSE='1', DNNL_MAX_CPU_ISA='DEFAULT'
    )


@amx
def test_float32_computes_the_same_bits_with_and_without_the_permission():
    def trained(**more):
        environment = {
            name: value for name, value in os.environ.items() if name != 'DNNL_MAX_CPU_ISA'
        }
        done = subprocess.run(
            [sys.executable, '-c', TRAINED],
            capture_output=True,
            text=True,
            env={**environment, **more},
        )
        return done.stdout.strip()

    with_it = trained()
    assert (
        len(with_it) == 2 * hashlib.sha256().digest_size
        and trained(DNNL_MAX_CPU_ISA='DEFAULT') == with_it
    )
