"""Whatever the environment says about threads, a run computes what one thread computes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gluongan.threads import HIDDEN, Request, choose_threads, usable_cores

CORES = usable_cores()
limits = pytest.mark.skipif(CORES == 1, reason='one core has one thread, without any limit')
FIRST = min(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else 0
ABOUT_THREADS = ('OMP_', 'GOMP_', 'KMP_', 'MKL_', 'MXNET_')


def run(code, **environment):
    """Run code in a new process whose environment says about threads only what is given."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(ABOUT_THREADS)
    }
    return subprocess.run(
        [sys.executable, '-c', code],
        capture_output=True,
        text=True,
        timeout=60,
        env={**clean, **environment},
        cwd=Path(__file__).parent,
        check=False,
    )


# The cores

AFFINE = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()


@pytest.fixture
def cores(monkeypatch):
    """Returns a function: pretend that the affinity mask allows this number."""

    def allow(count):
        mask = set(range(count))
        monkeypatch.setattr(os, 'sched_getaffinity', lambda pid: mask, raising=False)

    return allow


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


# The choice


@pytest.mark.parametrize(
    ('text', 'count', 'source'),
    [
        ('1', 1, 'OMP_NUM_THREADS'),
        ('3', 3, 'OMP_NUM_THREADS'),
        ('4', 4, 'OMP_NUM_THREADS'),
        (' 2 ', 2, 'OMP_NUM_THREADS'),
        ('+2', 2, 'OMP_NUM_THREADS'),
        ('02', 2, 'OMP_NUM_THREADS'),
        ('2,1', 2, 'OMP_NUM_THREADS'),
        ('1,4', 1, 'OMP_NUM_THREADS'),
        (' 3 , 2', 3, 'OMP_NUM_THREADS'),
        ('5', 4, 'one per core'),
        ('64', 4, 'one per core'),
        ('99999999999999999999', 4, 'one per core'),
        ('9' * 5000, 4, 'one per core'),
        ('1e9', 4, 'one per core'),
        ('2.0', 4, 'one per core'),
        ('0', 4, 'one per core'),
        ('-1', 4, 'one per core'),
        ('abc', 4, 'one per core'),
        (',2', 4, 'one per core'),
    ],
)
def test_number_of_threads_is_the_first_number_given_and_at_most_one_per_core(text, count, source):
    threads = choose_threads({'OMP_NUM_THREADS': text}, 4)
    assert threads[:3] == (count, source, 4)
    assert threads.ignored == (() if source == 'OMP_NUM_THREADS' else (f'OMP_NUM_THREADS={text}',))


@pytest.mark.parametrize('text', ['', ' '])
@pytest.mark.parametrize('name', ['OMP_NUM_THREADS', *HIDDEN])
def test_empty_variable_is_as_good_as_none(name, text):
    assert choose_threads({name: text}, 4) == choose_threads({}, 4)


@pytest.mark.parametrize(
    ('name', 'text', 'count'),
    [
        ('OMP_THREAD_LIMIT', '1', 1),
        ('OMP_THREAD_LIMIT', '2', 2),
        ('OMP_THREAD_LIMIT', '9', 3),
        ('OMP_THREAD_LIMIT', '0', 3),
        ('OMP_THREAD_LIMIT', 'abc', 3),
        ('MXNET_OMP_MAX_THREADS', '2', 2),
        ('MXNET_OMP_MAX_THREADS', 'abc', 3),
        ('OMP_MAX_ACTIVE_LEVELS', '0', 1),
        ('OMP_MAX_ACTIVE_LEVELS', '1', 3),
        ('OMP_DYNAMIC', 'true', 3),
        ('OMP_STACKSIZE', '1', 3),
    ],
)
def test_limits_are_kept_and_everything_else_is_named_as_ignored(name, text, count):
    threads = choose_threads({name: text, 'OMP_NUM_THREADS': '3', 'MKL_NUM_THREADS': '1'}, 4)
    limits = count < 3
    assert threads.count == count
    assert threads.source == (name if limits else 'OMP_NUM_THREADS')
    assert threads.ignored == (('OMP_NUM_THREADS=3',) if limits else (f'{name}={text}',))


@pytest.mark.parametrize(
    ('environment', 'count', 'source', 'ignored'),
    [
        ({}, 2, 'who', ()),
        ({'OMP_NUM_THREADS': '1'}, 2, 'who', ('OMP_NUM_THREADS=1',)),
        ({'OMP_NUM_THREADS': '3'}, 2, 'who', ('OMP_NUM_THREADS=3',)),
        ({'OMP_THREAD_LIMIT': '1'}, 1, 'OMP_THREAD_LIMIT', ()),
        ({'OMP_THREAD_LIMIT': '3'}, 2, 'who', ('OMP_THREAD_LIMIT=3',)),
    ],
    ids=str,
)
def test_a_request_beats_the_variable_but_no_limit(environment, count, source, ignored):
    threads = choose_threads(environment, 4, Request(2, 'who'))
    assert threads[:4] == (count, source, 4, ignored)
    assert choose_threads({}, 4, Request(9, 'who'))[:2] == (4, 'one per core')


@pytest.mark.parametrize(
    ('quota', 'count'), [('200000 100000', 2), ('50000 100000', 1), ('max 100000', 8)]
)
def test_quota_of_a_container_limits_the_threads(tmp_path, monkeypatch, quota, count):
    monkeypatch.setattr(os, 'sched_getaffinity', lambda pid: set(range(8)), raising=False)
    (tmp_path / 'cpu.max').write_text(quota)
    cores = usable_cores(tmp_path / 'cpu.max')
    assert choose_threads({'OMP_NUM_THREADS': '64'}, cores).count == count
    assert choose_threads({}, cores)[:3] == (count, 'one per core', count)


# New processes

SHOW = """
import os
os.sched_getaffinity = lambda pid: range(3)
{}
from gluongan import runtime, threads
print(runtime.threads(), os.environ['OMP_NUM_THREADS'], threads.usable_cores())
"""


def test_threads_are_the_usable_cores_unless_the_user_has_chosen(python):
    chosen, inherited, usable = python(SHOW.format(''), OMP_NUM_THREADS='2').split()
    assert int(chosen) == int(inherited) == min(2, int(usable))
    default, inherited, usable = python(SHOW.format('del os.environ["OMP_NUM_THREADS"]')).split()
    assert default == inherited == usable


TRAIN = """
import ctypes, dataclasses, json, os
BEFORE
from gluongan import build, runtime
from gluongan.recipes import recipe
sizes = {'gen_hidden': (64, 128), 'dis_hidden': (128,)}
config = dataclasses.replace(recipe('dense'), data='synthetic', **sizes)
updater = build.make_updater(config, build.load_data(config))
for _ in range(3):
    updater.update()
updater.drain()
losses = [observation[1:3] for observation in updater.take()]
print(json.dumps({**runtime.describe(), 'losses': losses, 'environment': dict(os.environ)}))
"""
LOAD_OPENMP = "ctypes.CDLL('libgomp.so.1').omp_get_max_threads()"


def train(before='', **environment):
    """Return the facts and losses of three iterations in a new process, and its stderr."""
    process = run(TRAIN.replace('BEFORE', before), **environment)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout), process.stderr


@pytest.fixture(scope='module')
def one_thread():
    """The losses of three iterations with one thread."""
    facts, stderr = train(OMP_NUM_THREADS='1')
    assert facts['threads'] == '1' and facts['threads_from'] == 'OMP_NUM_THREADS' and not stderr
    return facts['losses']


@limits
@pytest.mark.parametrize(
    ('environment', 'threads', 'source'),
    [
        ({}, CORES, 'one per core'),
        ({'OMP_THREAD_LIMIT': '1', 'OMP_NUM_THREADS': '2'}, 1, 'OMP_THREAD_LIMIT'),
        ({'OMP_MAX_ACTIVE_LEVELS': '0'}, 1, 'OMP_MAX_ACTIVE_LEVELS'),
        ({'OMP_DYNAMIC': 'true', 'OMP_STACKSIZE': '16k'}, CORES, 'one per core'),
        ({'OMP_NESTED': 'true', 'MXNET_OMP_MAX_THREADS': 'abc'}, CORES, 'one per core'),
        ({'OMP_PLACES': f'{{{FIRST}}}'}, 1, 'one per core'),
        ({'OMP_PROC_BIND': 'true', 'OMP_PLACES': 'threads'}, CORES, 'one per core'),
    ],
    ids=str,
)
def test_run_computes_what_one_thread_computes(one_thread, environment, threads, source):
    facts, stderr = train(**environment)
    assert (facts['threads'], facts['threads_from'], stderr) == (str(threads), source, '')
    np.testing.assert_allclose(facts['losses'], one_thread, rtol=1e-5)
    # Processes that are started later get the same number, and see what the user has set.
    expected = {**environment, 'OMP_NUM_THREADS': str(threads)}
    assert expected.items() <= facts['environment'].items()


@limits
@pytest.mark.parametrize(
    ('mode', 'name', 'value', 'threads'),
    [
        ('RTLD_LOCAL', 'OMP_DYNAMIC', 'true', CORES),
        ('RTLD_GLOBAL', 'OMP_DYNAMIC', 'true', CORES),
        ('RTLD_LOCAL', 'OMP_THREAD_LIMIT', '1', 1),
    ],
)
def test_openmp_that_another_library_has_loaded_is_made_true(
    one_thread, mode, name, value, threads
):
    load = f"ctypes.CDLL('libgomp.so.1', mode=ctypes.{mode}).omp_get_max_threads()"
    facts, _ = train(f"{load}; del os.environ['{name}']", **{name: value})
    assert facts['threads'] == str(threads)
    np.testing.assert_allclose(facts['losses'], one_thread, rtol=1e-5)


@pytest.mark.parametrize('text', ['64', 'abc'])
def test_number_that_cannot_be_used_as_it_is_gets_one_sentence(one_thread, text):
    facts, stderr = train(OMP_NUM_THREADS=text)
    assert facts['threads'] == str(CORES)
    assert stderr == (
        f'Warning: OMP_NUM_THREADS={text}: must be a whole number from 1 to {CORES}, '
        f'the usable cores; {CORES} is used\n'
    )
    np.testing.assert_allclose(facts['losses'], one_thread, rtol=1e-5)


def test_affinity_limits_the_threads(one_thread):
    facts, stderr = train(f'os.sched_setaffinity(0, [{FIRST}])', OMP_DYNAMIC='true')
    assert (facts['threads'], facts['cores'], stderr) == ('1', 1, '')
    np.testing.assert_array_equal(facts['losses'], one_thread)


@limits
def test_threads_of_an_engine_are_true_too(one_thread):
    facts, _ = train(OMP_DYNAMIC='true', MXNET_ENGINE_TYPE='ThreadedEnginePerDevice')
    np.testing.assert_allclose(facts['losses'], one_thread, rtol=1e-5)


PRODUCT = """
import numpy as np
np.bool = bool
import mxnet as mx
ones = mx.nd.ones((128, 128))
product = mx.nd.FullyConnected(ones, ones, no_bias=True, num_hidden=128)
print((product.asnumpy() == 128).all())
"""


def test_mxnet_alone_is_wrong_where_openmp_gives_fewer_threads():
    process = run(PRODUCT, OMP_NUM_THREADS='2', OMP_THREAD_LIMIT='1')
    assert process.stdout.split() == ['False'], process.stderr


def test_wrong_products_are_refused_where_threads_of_an_engine_cannot_be_set():
    code = f'import ctypes; {LOAD_OPENMP}; import os; os.sched_getaffinity = lambda pid: {{0, 1}}\n'
    code += "from gluongan.cli import main; main(['doctor'])"
    limit = {'OMP_DYNAMIC': 'true', 'MXNET_ENGINE_TYPE': 'ThreadedEnginePerDevice'}
    limit['GLUONGAN_NATIVE'] = '0'  # in the pool, they are right
    process = run(code, OMP_NUM_THREADS='2', **limit)
    if process.returncode == 0 and os.getloadavg()[0] < 1.5:
        pytest.skip('the less a machine does, the more threads OMP_DYNAMIC gives: here all of them')
    text = 'OMP_DYNAMIC, OMP_THREAD_LIMIT: products are wrong; must be unset'
    assert process.returncode == 1 and f'problem       {text}\n' in process.stdout
    code = code.replace("['doctor']", "['train', '--iterations', '1']")
    process = run(code, OMP_NUM_THREADS='2', **limit)
    assert process.returncode == 2 and process.stderr.endswith(f'Error: {text}\n')


# What users and other processes are told


EXPORT = """
import sys
import gluongan as gg
from pathlib import Path
import numpy as np
from gluongan.exports import verify
from gluongan.runtime import mx, threads
code = 'import sys; import numpy as np; from gluongan.runtime import threads; '
code += 'np.save(sys.argv[1] + "/y.npy", threads())'
gg.use_threads(COUNT)
verify._command = lambda files, folder, device: [sys.executable, '-c', code, str(folder)]
print(threads(), verify.compute([Path('x')], np.zeros(1), mx.cpu()))
"""


@pytest.mark.parametrize('count', sorted({1, CORES}))
def test_export_is_verified_with_as_many_threads_as_it_is_written_with(count):
    code = EXPORT.replace('COUNT', str(count))
    process = run(code, OMP_PROC_BIND='true', OMP_DYNAMIC='true')
    assert process.stdout.split() == [str(count)] * 2, process.stderr
