"""MXNet's real CUDA build, installed as docs/gpu.md says, on a machine without a card.

It downloads 2.1 GB, so it is not part of a plain `pytest`: run `pytest -m cuda_wheel`. The driver
is a stub, see stub_driver.py.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import stub_driver

ROOT = Path(__file__).resolve().parents[1]
pytestmark = [
    pytest.mark.cuda_wheel,
    pytest.mark.skipif(stub_driver.COMPILER is None, reason='no C compiler'),
]
HOPPER = 'capability 9.0: MXNet 1.9.1 has no code for Hopper; 5.0 to 8.9 work'
KEPLER = 'capability 3.7: MXNet 1.9.1 has no code for Kepler; 5.0 to 8.9 work'
WORKS = "MXNet's CUDA build has code for it"


def documented():
    """The commands in the first block of code behind the heading `Install`."""
    text = (ROOT / 'docs' / 'gpu.md').read_text()
    (block, *_) = re.findall('```bash\n(.*?)```', text.partition('## Install')[2], flags=re.S)
    return [shlex.split(line) for line in block.splitlines()]


class Environment:
    """A virtual environment beside a copy of the checkout, with a driver that is a stub."""

    def __init__(self, folder):
        self.checkout = folder / 'checkout'
        listed = ['git', '-C', str(ROOT), 'ls-files', '-z']
        files = subprocess.run(listed, check=True, capture_output=True).stdout.decode()
        for name in files.split('\0')[:-1]:
            (self.checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, self.checkout / name)
        subprocess.run([sys.executable, '-m', 'venv', folder / 'venv'], check=True)
        (folder / 'driver').mkdir()
        stub_driver.build(folder / 'driver')
        self._folder = folder

    def run(self, *words, code=0, driver=True, at=None, **variables):
        """Run a command of the environment; return stdout and stderr."""
        environment = {**os.environ, 'LD_LIBRARY_PATH': '', 'PYTHONPATH': '', **variables}
        if driver:
            environment['LD_LIBRARY_PATH'] = str(self._folder / 'driver')
        command = [self._folder / 'venv' / 'bin' / words[0], *words[1:]]
        process = subprocess.run(
            command,
            cwd=at or self._folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert process.returncode == code, process.stdout
        return process.stdout


@pytest.fixture(scope='module')
def cuda(tmp_path_factory):
    environment = Environment(tmp_path_factory.mktemp('cuda'))
    for command in documented():
        print(environment.run(*command, at=environment.checkout))
    return environment


def test_pip_is_content_and_an_upgrade_leaves_the_build_as_it_is(cuda):
    assert 'No broken requirements' in cuda.run('pip', 'check')
    cuda.run('pip', 'install', '-U', '.', at=cuda.checkout)
    assert 'No broken requirements' in cuda.run('pip', 'check')
    installed = cuda.run('pip', 'list', '--format', 'freeze').splitlines()
    assert {'mxnet==1.9.1+cu117', 'mxnet-cu117==1.9.1'} <= set(installed)
    said = cuda.run('gluongan', 'doctor')
    assert 'build         for CUDA' in said
    assert said.splitlines()[-1] == 'no problems found'  # and nothing of an engine


def test_the_stub_has_what_the_library_wants(cuda):
    code = 'from gluongan.devices import builds; print(builds.mxnet_library())'
    library = cuda.run('python', '-c', code).strip()
    nm = ['nm', '-D', '--undefined-only', library]
    symbols = subprocess.run(nm, check=True, capture_output=True, text=True).stdout.split()
    wanted = [symbol for symbol in symbols if re.fullmatch('cu[A-Z].*', symbol)]
    assert tuple(sorted(wanted)) == stub_driver.WANTED


def test_it_is_imported_and_computes_on_the_cpu(cuda):
    code = (
        'from gluongan.runtime import mx, has_feature, describe\n'
        'print(has_feature("CUDA"), mx.nd.dot(mx.nd.ones((2, 3)), mx.nd.ones((3, 1))).asnumpy())'
    )
    assert cuda.run('python', '-c', code).startswith('True [[3.]')
    words = ['--iterations', '20', '--batch', '32', '--out', 'runs']
    cuda.run('gluongan', 'train', '--recipe', 'vanilla', *words)
    run = 'runs/00000-vanilla-mnist'
    cuda.run('gluongan', 'train', '--resume', run, '--iterations', '30')
    cuda.run('gluongan', 'export', run, '--out', 'exported')


def test_without_a_driver_one_sentence_says_so(cuda):
    assert "NVIDIA's driver is not (no libcuda.so.1)" in cuda.run(
        'gluongan', 'doctor', code=1, driver=False
    )
    words = ['sample', 'mnist', '--seeds', '0']
    error = cuda.run('gluongan', *words, code=1, driver=False).splitlines()[-1]
    assert error.startswith("Error: MXNet's CUDA build is installed, and NVIDIA's driver is not")


@pytest.mark.parametrize(
    ('capability', 'verdict'), [('3.7', KEPLER), ('7.5', WORKS), ('8.9', WORKS), ('9.0', HOPPER)]
)
def test_doctor_answers_for_each_card_and_what_has_no_code_is_refused(cuda, capability, verdict):
    lines = cuda.run('gluongan', 'doctor', STUB_CAPABILITY=capability).splitlines()
    at = lines.index(f'card 0        Stub of a card, capability {capability}')
    assert lines[at + 1].strip() == verdict
    words = ['train', '--device', 'gpu', '--out', 'refused']
    error = cuda.run('gluongan', *words, code=2, STUB_CAPABILITY=capability).splitlines()[-1]
    reason = verdict if verdict != WORKS else 'MXNet sees 0 GPUs'  # CUDA needs more than the stub
    assert error == f'Error: --device gpu: {reason}; must be cpu or auto here'
    assert not (cuda._folder / 'refused').exists()


def test_what_another_build_has_overwritten_is_noticed_and_mended(cuda):
    cuda.run('pip', 'install', '--force-reinstall', '--no-deps', 'mxnet===1.9.1')
    said = cuda.run('gluongan', 'doctor', code=1)
    assert 'problem       mxnet and mxnet-cu117 are both installed and own the same files' in said
    cuda.run('pip', 'uninstall', '-y', 'mxnet', 'mxnet-cu117')
    for command in documented():
        cuda.run(*command, at=cuda.checkout)
    assert 'no problems found' in cuda.run('gluongan', 'doctor')


def test_a_library_that_is_gone_is_named_with_its_wheel(cuda):
    cuda.run('pip', 'uninstall', '-y', 'nvidia-cudnn-cu11')
    said = cuda.run('gluongan', 'doctor', code=1)
    assert "MXNet's CUDA build needs libcudnn.so.8 (nvidia-cudnn-cu11); must be installed" in said
