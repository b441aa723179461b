"""Environment variables that belong to other programs, or make no sense, do not end a command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent  # not the checkout; see conftest.py

DRAW = (
    'from gluongan.figures import curves, text\n'
    'text.font(20); figure, _ = curves.page("title"); figure.canvas.draw()\n'
    'import matplotlib, os\n'
)


@pytest.mark.parametrize(
    'backend', ['module://matplotlib_inline.backend_inline', 'nonsense', 'nonsense,', '']
)
def test_figures_are_drawn_whatever_matplotlibs_backend_is_said_to_be(python, backend):
    assert python(DRAW + 'print(repr(os.environ["MPLBACKEND"]))', MPLBACKEND=backend) == repr(
        backend
    )


def test_a_backend_that_is_there_stays_chosen_for_who_uses_pyplot(python):
    assert python(DRAW + 'print(matplotlib.get_backend())', MPLBACKEND='svg') == 'svg'


TRAIN = (
    'import os; from gluongan.runtime import mx\n'
    'net = mx.gluon.nn.Dense(1); net.hybridize(); net.initialize()\n'
    'with mx.autograd.record(): y = net(mx.nd.ones((1, 2)))\n'
    'y.backward(); print(sorted(name for name in os.environ if name in {names}))'
)


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('MXNET_ENGINE_TYPE', ''),
        ('MXNET_ENGINE_TYPE', 'nonsense'),
        ('MXNET_ENGINE_TYPE', 'true'),
        ('MXNET_EXEC_BULK_EXEC_TRAIN', '2'),
        ('MXNET_CPU_WORKER_NTHREADS', 'two'),
        ('MXNET_CPU_PARALLEL_SIZE', '9' * 20),
        ('MXNET_CPU_TEMP_COPY', '-1'),
        ('MXNET_EXEC_BULK_EXEC_TRAIN', 'maybe'),
        ('MXNET_MKLDNN_ENABLED', '-1'),
        ('MXNET_USE_NUM_CORES_OPERATOR_TUNING', '-1'),
        ('MXNET_OUTPUT_TUNING_DATA', '2'),
        ('MXNET_PROFILER_AUTOSTART', 'x'),
        ('MXNET_CPU_PARALLEL_SIZE', '1.5'),
        ('MXNET_DISABLE_MKLDNN_FC_OPT', 'off'),
    ],
)
def test_a_variable_that_mxnet_cannot_read_is_ignored_with_a_line(name, value):
    process = start(TRAIN.format(names={name}), **{name: value})
    assert (process.returncode, process.stdout) == (0, '[]\n'), process.stderr
    warnings = process.stderr.splitlines()
    assert len(warnings) == bool(value)
    assert not value or warnings[0].startswith(f'Warning: {name}={value}: must be ')


@pytest.mark.parametrize('role', ['server', 'worker', 'x'])
def test_a_role_in_a_cluster_does_not_turn_a_command_into_a_server(role):
    process = start(TRAIN.format(names=set()), DMLC_ROLE=role)
    assert (process.returncode, process.stdout, process.stderr) == (0, '[]\n', '')


def test_a_variable_that_mxnet_can_read_is_left_alone():
    given = {
        'MXNET_ENGINE_TYPE': 'NaiveEngine',
        'MXNET_CPU_WORKER_NTHREADS': '1',
        'MXNET_EXEC_BULK_EXEC_TRAIN': 'true',
        'MXNET_DISABLE_MKLDNN_FC_OPT': 'False',
        'MXNET_TUNING_WEIGHT_SCALE': '0.5',
        'MXNET_MKLDNN_CACHE_NUM': '-1',
        'MXNET_SUBGRAPH_BACKEND': 'NONE',
    }
    process = start(TRAIN.format(names=set(given)), **given)
    assert process.stdout.strip() == str(sorted(given)), process.stderr
    assert 'Warning' not in process.stderr


def start(code, **environment):
    environment = {**os.environ, **environment}
    return subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, env=environment, cwd=HERE
    )
