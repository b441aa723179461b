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


# Several in one process, as it takes a second to import MXNet: one that is not ignored would end it
# or be printed.
@pytest.mark.parametrize(
    ('role', 'unreadable'),
    [
        (
            'server',
            {
                'MXNET_CPU_PARALLEL_SIZE': '9' * 20,
                'MXNET_CPU_TEMP_COPY': '-1',
                'MXNET_CPU_WORKER_NTHREADS': 'two',
                'MXNET_ENGINE_TYPE': 'nonsense',
                'MXNET_EXEC_BULK_EXEC_TRAIN': '2',
            },
        ),
        (
            'worker',
            {
                'MXNET_DISABLE_MKLDNN_FC_OPT': 'off',
                'MXNET_ENGINE_TYPE': '',
                'MXNET_EXEC_BULK_EXEC_TRAIN': 'maybe',
                'MXNET_MKLDNN_ENABLED': '-1',
                'MXNET_USE_NUM_CORES_OPERATOR_TUNING': '-1',
            },
        ),
        (
            'x',
            {
                'MXNET_CPU_PARALLEL_SIZE': '1.5',
                'MXNET_ENGINE_TYPE': 'true',
                'MXNET_OUTPUT_TUNING_DATA': '2',
                'MXNET_PROFILER_AUTOSTART': 'x',
            },
        ),
    ],
)
def test_variables_that_mxnet_cannot_read_get_a_line_and_a_role_in_a_cluster_none(role, unreadable):
    process = start(TRAIN.format(names=set(unreadable)), DMLC_ROLE=role, **unreadable)
    assert (process.returncode, process.stdout) == (0, '[]\n'), process.stderr
    expected = {f'{name}={value}' for name, value in unreadable.items() if value}
    lines = process.stderr.splitlines()
    assert {line.removeprefix('Warning: ').partition(': must be ')[0] for line in lines} == expected
    assert len(lines) == len(expected)


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
