"""The import of MXNet, devices and seeds; and defects of MXNet that matter here."""

from __future__ import annotations

import os

import numpy as np
import pytest

from gluongan import native, runtime
from gluongan.devices import builds, driver
from gluongan.devices.driver import Card, Driver
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


def test_a_gpu_that_mxnet_can_use_keeps_the_usual_engine(gpus, monkeypatch):
    monkeypatch.delenv('MXNET_ENGINE_TYPE', raising=False)
    for is_cuda, count, engine in (
        (True, 1, None),
        (True, 0, 'NaiveEngine'),
        (False, 1, 'NaiveEngine'),
    ):
        gpus(count)
        monkeypatch.setattr(builds, 'is_cuda_build', lambda is_cuda=is_cuda: is_cuda)
        builds.has_gpu.cache_clear()
        with runtime._choose_engine():
            assert os.environ.get('MXNET_ENGINE_TYPE') == engine
        assert 'MXNET_ENGINE_TYPE' not in os.environ
        native.computes_at_once.cache_clear()
        assert native.computes_at_once() == (engine is not None)
    builds.has_gpu.cache_clear()
    native.computes_at_once.cache_clear()


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
    """Returns a function: pretend that MXNet and the driver see this number of GPUs."""

    def pretend(count):
        found = Driver((12, 2), None, (Card('card', (7, 5)),) * count, None if count else 'no card')
        monkeypatch.setattr(mx.context, 'num_gpus', lambda: count)
        monkeypatch.setattr(driver, 'ask', lambda: found)

    return pretend


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
    ('count', 'name', 'reason'),
    [
        (0, 'gpu', 'no card'),
        (0, 'gpu(0)', 'no card'),
        (1, 'gpu(1)', "NVIDIA's driver has 1 card, counted from 0"),
        (2, 'gpu(7)', "NVIDIA's driver has 2 cards, counted from 0"),
    ],
)
def test_a_missing_gpu_is_refused_with_the_reason(gpus, count, name, reason):
    gpus(count)
    with pytest.raises(DeviceError) as caught:
        device(name)
    assert str(caught.value) == f'device {name}: {reason}; must be cpu or auto here'


def test_a_gpu_that_mxnet_does_not_see_is_refused(gpus, monkeypatch):
    gpus(2)
    monkeypatch.setattr(builds, 'is_cuda_build', lambda: True)
    monkeypatch.setattr(mx.context, 'num_gpus', lambda: 1)
    with pytest.raises(
        DeviceError, match=r'^device gpu\(1\): MXNet sees 1 GPU; must be cpu or auto'
    ):
        device('gpu(1)')


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
    machine = {'platform', 'processor', 'cores', 'gpus', 'cards', 'features'}
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
