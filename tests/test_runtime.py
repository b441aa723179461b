"""The import of MXNet, devices and seeds; and defects of MXNet that matter here."""

from __future__ import annotations

import os

import numpy as np
import pytest

from gluongan import runtime
from gluongan.errors import as_printable, as_typed
from gluongan.runtime import DeviceError, device, mx

# The interpreter, in new processes

ENGINE = """
import os, time
{}
from gluongan.runtime import mx
a = mx.nd.ones((3000, 3000))
mx.nd.waitall()
start = time.perf_counter()
b = mx.nd.dot(a, a)
called = time.perf_counter()
b.wait_to_read()
engine = 'naive' if called - start > time.perf_counter() - called else 'threaded'
print(engine, os.environ.get('MXNET_ENGINE_TYPE'))
"""


def test_without_a_gpu_the_calling_thread_computes_unless_the_user_has_chosen_an_engine(python):
    unset = 'os.environ.pop("MXNET_ENGINE_TYPE", None)'
    assert python(ENGINE.format(unset)) == 'naive None'  # and later processes do not inherit it
    chosen = python(ENGINE.format(''), MXNET_ENGINE_TYPE='ThreadedEngine')
    assert chosen == 'threaded ThreadedEngine'


def test_a_gpu_keeps_the_usual_engine(tmp_path, monkeypatch):
    monkeypatch.delenv('MXNET_ENGINE_TYPE', raising=False)
    (tmp_path / 'nvidia0').touch()
    for pattern, engine in (('nvidia[0-9]*', None), ('amd*', 'NaiveEngine')):
        with runtime._choose_engine(str(tmp_path / pattern)):
            assert os.environ.get('MXNET_ENGINE_TYPE') == engine
        assert 'MXNET_ENGINE_TYPE' not in os.environ


def test_the_line_about_the_engine_is_kept_back_and_every_other_is_passed_on(capfd):
    with runtime._without_line(b'engine'):
        os.write(2, b'one\nMXNet start using engine: x\ntwo\n')
    os.write(2, b'three\n')
    assert capfd.readouterr().err == 'one\ntwo\nthree\n'


def test_engines_change_no_bit(python):
    code = (
        'import hashlib, sys; sys.path.insert(0, %r); import tiny; from gluongan import build\n'
        'config = tiny.tiny(gen_dropout=0.3, penalty="gp", dis_steps=2, ema=0.9)\n'
        'updater = build.make_updater(config, build.load_data(config))\n'
        'for _ in range(30): updater.update()\n'
        'digest = hashlib.sha256()\n'
        'for name, array in sorted(updater.state()[0].items()): digest.update(array.tobytes())\n'
        'print(digest.hexdigest())'
    )
    code %= os.path.dirname(__file__)
    digests = set()
    for engine in ('NaiveEngine', 'ThreadedEngine'):
        # The operators in C++ that round otherwise are used with NaiveEngine alone.
        printed = python(code, MXNET_ENGINE_TYPE=engine, GLUONGAN_NATIVE='threads,updates')
        digests.add(printed.split()[-1])
    assert len(digests) == 1


def test_mxnet_does_not_bring_slow_packages_in_and_takes_them_where_they_are(python):
    code = (
        'import sys; {}from gluongan.runtime import mx\n'
        'print(*(name in sys.modules for name in ("sklearn", "scipy.stats")))\n'
        'import sklearn.base, scipy.stats; print(scipy.stats.norm.cdf(0))\n'
        'print(mx.model.BASE_ESTIMATOR is not object, mx.contrib.quantization.stats is scipy.stats)'
    )
    assert python(code.format('')).split() == ['False', 'False', '0.5', 'False', 'False']
    before = code.format('import sklearn, scipy.stats; ')
    assert python(before).split() == ['True', 'True', '0.5', 'True', 'True']


def test_mxnet_comes_in_silently_even_where_numpy_lacks_its_alias(python):
    code = (
        'import warnings; warnings.simplefilter("error")\n'
        'import numpy as np; vars(np).pop("bool", None)\n'
        'from gluongan.runtime import mx; print(np.bool is bool, mx.nd.ones((2,)).sum().asscalar())'
    )
    assert python(code) == 'True 2.0'


# Devices


@pytest.fixture
def gpus(monkeypatch):
    """Returns a function: pretend that MXNet sees this number of GPUs."""
    return lambda count: monkeypatch.setattr(mx.context, 'num_gpus', lambda: count)


@pytest.mark.parametrize(
    ('count', 'name', 'context'),
    [
        (0, 'auto', mx.cpu()),
        (0, 'cpu', mx.cpu()),
        (2, 'auto', mx.gpu(0)),
        (2, 'cpu', mx.cpu()),
        (2, 'gpu', mx.gpu(0)),
        (2, 'gpu(1)', mx.gpu(1)),
        (1, 'gpu(0)', mx.gpu(0)),
    ],
)
def test_a_name_is_its_device(gpus, count, name, context):
    gpus(count)
    assert device(name) == context


def test_auto_is_the_default_and_a_context_stays_itself(gpus):
    gpus(0)
    assert device() == mx.cpu() and device(mx.cpu(0)) == mx.cpu()


@pytest.mark.parametrize(
    ('count', 'name', 'number'),
    [
        (0, 'gpu', '0 GPUs'),
        (0, 'gpu(0)', '0 GPUs'),
        (1, 'gpu(1)', '1 GPU'),
        (2, 'gpu(7)', '2 GPUs'),
    ],
)
@pytest.mark.parametrize(('has_cuda', 'build'), [(True, 'with'), (False, 'without')])
def test_a_missing_gpu_is_refused_with_what_mxnet_sees(
    gpus, monkeypatch, count, name, number, has_cuda, build
):
    gpus(count)
    monkeypatch.setattr(runtime, 'has_feature', lambda feature: has_cuda)
    with pytest.raises(DeviceError) as caught:
        device(name)
    reason = f'is not here (MXNet, built {build} CUDA, sees {number})'
    assert str(caught.value) == f'device {name}: {reason}; must be cpu or auto'


@pytest.mark.parametrize(
    'name', ['', 'tpu', 'GPU', 'gpu0', 'gpu(-1)', 'gpu(a)', 'gpu()', 'cpu(0)', ' cpu', 'gpu(1)\n']
)
def test_an_unknown_device_is_refused_with_the_known_ones(name):
    with pytest.raises(DeviceError) as caught:
        device(name)
    given = as_printable(as_typed(name))
    refusal = f'device {given}: must be auto, cpu, gpu or gpu(i)'
    assert str(caught.value).partition(' (did you mean')[0] == refusal


def test_a_driver_that_fails_counts_as_no_gpu(monkeypatch):
    def fail():
        raise mx.MXNetError('CUDA driver version is insufficient')

    monkeypatch.setattr(mx.context, 'num_gpus', fail)
    assert runtime.gpu_count() == 0 and device('auto') == mx.cpu()


# Seeds


def drawn(*numbers):
    runtime.seed(*numbers)
    return mx.nd.random.normal(shape=(50,)).asnumpy().tobytes()


def test_seeds_repeat_and_differ_in_each_of_their_numbers():
    single = [(0,), (1,), (2**31 - 1,)]
    pairs = [(0, 1), (1, 1), (0, 2), (2, 1), (1, 2), (5, 10**9), (5, 10**9 - 1)]
    seeds = [*single, *pairs, (1, 0, 1)]
    draws = [drawn(*numbers) for numbers in seeds]
    assert draws == [drawn(*numbers) for numbers in seeds]
    assert len(set(draws)) == len(seeds)


# What `doctor` and environment.json print


def test_description_has_what_results_depend_on():
    description = runtime.describe()
    versions = {'python', 'mxnet', 'numpy', 'pillow'}
    machine = {'platform', 'processor', 'cores', 'gpus', 'features'}
    threads = {'threads', 'threads_from', 'threads_of', 'threads_ignored'}
    assert versions | machine | threads == set(description)
    assert description['mxnet'] == '1.9.1'
    assert 'MKLDNN' in description['features']
    assert description['threads'] == os.environ['OMP_NUM_THREADS']
    assert description['cores'] >= 1


def test_processor_is_named_by_the_kernel_or_else_by_python(tmp_path):
    cpuinfo = 'processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nmodel name\t: other\n'
    (tmp_path / 'cpuinfo').write_text(cpuinfo)
    assert runtime.processor(tmp_path / 'cpuinfo') == 'Some CPU @ 2 GHz'
    (tmp_path / 'arm').write_text('processor\t: 0\n')
    assert runtime.processor(tmp_path / 'arm') == runtime.processor(tmp_path / 'missing') != ''


# Behaviour of MXNet 1.9.1 that our code depends on: these fail where another build differs


def test_softrelu_does_not_overflow():
    x = mx.nd.array([-1000, 0, 1000])
    x.attach_grad()
    with mx.autograd.record():
        y = mx.nd.Activation(x, act_type='softrelu')
    y.backward()
    np.testing.assert_allclose(y.asnumpy(), [0, np.log(2), 1000], rtol=1e-6)
    np.testing.assert_allclose(x.grad.asnumpy(), [0, 0.5, 1], rtol=1e-6)


def test_batchnorm_moves_its_statistics_in_the_backward_pass_only():
    layer = mx.gluon.nn.BatchNorm(momentum=0.5, in_channels=1)
    layer.initialize()
    with mx.autograd.record():
        y = layer(mx.nd.array([[1.0], [3.0]]))
    assert layer.running_mean.data().asscalar() == 0
    y.backward()
    assert layer.running_mean.data().asscalar() == 1
    assert layer.running_var.data().asscalar() == 1  # biased: 1, not 2


def test_take_returns_bytes_for_bytes_and_seeding_reaches_dropout():
    pixels = mx.nd.array([1, 2], dtype='uint8')
    assert mx.nd.take(pixels, mx.nd.array([1], dtype='int32')).dtype == np.uint8
    masks = []
    for _ in range(2):
        runtime.seed(3, 4)
        with mx.autograd.train_mode():
            masks.append(mx.nd.Dropout(mx.nd.ones((99,)), p=0.5).asnumpy())
    np.testing.assert_array_equal(*masks)
