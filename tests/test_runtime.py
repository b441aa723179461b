"""The door to MXNet: cores, threads, devices and seeds; and MXNet's own traps that our code steps around."""

from __future__ import annotations

import os

import numpy as np
import pytest

from gluongan import runtime
from gluongan.runtime import DeviceError, device, mx, usable_cores

# Cores

AFFINE = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()


@pytest.fixture
def cores(monkeypatch):
    """Returns a function: pretend that the affinity mask allows so many."""
    return lambda count: monkeypatch.setattr(
        os, 'sched_getaffinity', lambda pid: set(range(count)), raising=False
    )


@pytest.mark.parametrize(
    ('mask', 'quota', 'usable'),
    [
        (8, '400000 100000', 4),
        (8, '50000 100000', 1),
        (8, '150000 100000', 1),
        (8, '250000 100000\n', 2),
        (2, '1600000 100000', 2),
        (1, '400000 100000', 1),
        (8, 'max 100000', 8),
        (8, '', 8),
        (8, 'nonsense', 8),
        (8, '1 2 3', 8),
    ],
)
def test_usable_cores_are_the_mask_cut_by_the_quota(tmp_path, cores, mask, quota, usable):
    cores(mask)
    (tmp_path / 'cpu.max').write_text(quota)
    assert usable_cores(tmp_path / 'cpu.max') == usable


def test_usable_cores_without_a_cgroup_are_the_mask(tmp_path, cores):
    assert usable_cores(tmp_path / 'missing') == AFFINE
    cores(5)
    assert usable_cores(tmp_path / 'missing') == usable_cores(tmp_path) == 5


def test_usable_cores_without_a_mask_are_all(tmp_path, monkeypatch):
    monkeypatch.delattr(os, 'sched_getaffinity', raising=False)
    monkeypatch.setattr(os, 'cpu_count', lambda: 6)
    assert usable_cores(tmp_path / 'missing') == 6
    monkeypatch.setattr(os, 'cpu_count', lambda: None)
    assert usable_cores(tmp_path / 'missing') == 1


# Threads and the interpreter, in new processes

SHOW = 'import os; {}from gluongan import runtime; print(os.environ["OMP_NUM_THREADS"], runtime.usable_cores())'


def test_threads_are_the_usable_cores_unless_the_user_has_said_otherwise(python):
    said, _ = python(SHOW.format(''), OMP_NUM_THREADS='3').split()
    unsaid, usable = python(SHOW.format('os.environ.pop("OMP_NUM_THREADS", None); ')).split()
    assert said == '3' and unsaid == usable


ENGINE = """
import os, time
{}
from gluongan.runtime import mx
a = mx.nd.ones((3000, 3000))
mx.nd.waitall()
begun = time.perf_counter()
b = mx.nd.dot(a, a)
called = time.perf_counter()
b.wait_to_read()
print('naive' if called - begun > time.perf_counter() - called else 'threaded', os.environ.get('MXNET_ENGINE_TYPE'))
"""


def test_without_a_gpu_the_calling_thread_computes_unless_the_user_has_chosen_an_engine(python):
    free = 'os.environ.pop("MXNET_ENGINE_TYPE", None)'
    assert python(ENGINE.format(free)) == 'naive None'  # and what this process starts is not told
    assert (
        python(ENGINE.format(''), MXNET_ENGINE_TYPE='ThreadedEngine') == 'threaded ThreadedEngine'
    )


def test_a_gpu_keeps_the_usual_engine(tmp_path, monkeypatch):
    monkeypatch.delenv('MXNET_ENGINE_TYPE', raising=False)
    (tmp_path / 'nvidia0').touch()
    for pattern, wanted in ((tmp_path / 'nvidia[0-9]*', None), (tmp_path / 'amd*', 'NaiveEngine')):
        with runtime._engine(str(pattern)):
            assert os.environ.get('MXNET_ENGINE_TYPE') == wanted
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
        'for _ in range(30):\n    updater.update()\n'
        'arrays = updater.state()[0]\n'
        'print(hashlib.sha256(b"".join(arrays[name].tobytes() for name in sorted(arrays))).hexdigest())'
    )
    code %= os.path.dirname(__file__)
    naive, threaded = (
        python(code, MXNET_ENGINE_TYPE=name).split()[-1]
        for name in ('NaiveEngine', 'ThreadedEngine')
    )
    assert naive == threaded


def test_mxnet_does_not_bring_scikit_learn_in_and_takes_it_where_it_is(python):
    code = (
        'import sys; {}from gluongan.runtime import mx; print("sklearn" in sys.modules); '
        'import sklearn.base; print(mx.__name__)'
    )
    assert python(code.format('')).split() == ['False', 'mxnet']
    assert python(code.format('import sklearn; ')).split() == ['True', 'mxnet']


def test_mxnet_comes_in_silently_even_where_numpy_lacks_its_alias(python):
    code = (
        'import warnings; warnings.simplefilter("error"); import numpy as np; vars(np).pop("bool", None); '
        'from gluongan.runtime import mx; print(np.bool is bool, mx.nd.ones((2,)).sum().asscalar())'
    )
    assert python(code) == 'True 2.0'


# Devices


@pytest.fixture
def gpus(monkeypatch):
    """Returns a function: pretend that MXNet sees so many GPUs."""
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
    ('count', 'name', 'there'),
    [
        (0, 'gpu', 'are 0 GPUs'),
        (0, 'gpu(0)', 'are 0 GPUs'),
        (1, 'gpu(1)', 'is 1 GPU '),
        (2, 'gpu(7)', 'are 2 GPUs'),
    ],
)
def test_a_gpu_that_is_not_there_is_refused_with_what_is(gpus, count, name, there):
    gpus(count)
    with pytest.raises(DeviceError) as caught:
        device(name)
    message = str(caught.value)
    assert (
        message.startswith(f'--device {name}: ')
        and there in message
        and 'CUDA' in message
        and 'cpu' in message
    )


@pytest.mark.parametrize(
    'name', ['', 'tpu', 'GPU', 'gpu0', 'gpu(-1)', 'gpu(a)', 'gpu()', 'cpu(0)', ' cpu', 'gpu(1)\n']
)
def test_a_name_that_is_no_device_is_refused_with_those_that_are(name):
    with pytest.raises(DeviceError) as caught:
        device(name)
    assert str(caught.value) == f'--device {name}: must be auto, cpu, gpu or gpu(i)'


def test_a_driver_that_fails_counts_as_no_gpu(monkeypatch):
    def fail():
        raise mx.MXNetError('CUDA driver version is insufficient')

    monkeypatch.setattr(mx.context, 'num_gpus', fail)
    assert runtime.gpu_count() == 0 and device('auto') == mx.cpu()


# Seeds


def drawn(*words):
    runtime.seed(*words)
    return mx.nd.random.normal(shape=(50,)).asnumpy().tobytes()


def test_seeds_repeat_and_differ_in_each_of_their_words():
    words = [
        (0,),
        (1,),
        (2**31 - 1,),
        (0, 1),
        (1, 0, 1),
        (1, 1),
        (0, 2),
        (2, 1),
        (1, 2),
        (5, 10**9),
        (5, 10**9 - 1),
    ]
    assert [drawn(*each) for each in words] == [drawn(*each) for each in words]
    assert len({drawn(*each) for each in words}) == len(words)


# What `doctor` and environment.json print


def test_facts_hold_what_a_number_depends_on():
    facts = runtime.facts()
    assert {
        'python',
        'mxnet',
        'numpy',
        'platform',
        'processor',
        'cores',
        'threads',
        'gpus',
        'features',
    } <= set(facts)
    assert facts['mxnet'] == '1.9.1' and 'MKLDNN' in facts['features']
    assert facts['threads'] == os.environ['OMP_NUM_THREADS'] and facts['cores'] >= 1


def test_processor_is_named_by_the_kernel_or_else_by_python(tmp_path):
    (tmp_path / 'cpuinfo').write_text(
        'processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nmodel name\t: other\n'
    )
    assert runtime.processor(tmp_path / 'cpuinfo') == 'Some CPU @ 2 GHz'
    (tmp_path / 'arm').write_text('processor\t: 0\n')
    assert runtime.processor(tmp_path / 'arm') == runtime.processor(tmp_path / 'missing') != ''


# Traps of MXNet 1.9.1 that our code counts on, or steps around: these tell when another build differs


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
    assert (
        layer.running_mean.data().asscalar() == 1 and layer.running_var.data().asscalar() == 1
    )  # biased: 1, not 2


def test_take_gives_bytes_back_as_bytes_and_seeding_reaches_dropout():
    assert (
        mx.nd.take(mx.nd.array([1, 2], dtype='uint8'), mx.nd.array([1], dtype='int32')).dtype
        == np.uint8
    )
    masks = []
    for _ in range(2):
        runtime.seed(3, 4)
        with mx.autograd.train_mode():
            masks.append(mx.nd.Dropout(mx.nd.ones((99,)), p=0.5).asnumpy())
    np.testing.assert_array_equal(*masks)
