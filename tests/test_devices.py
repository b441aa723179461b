"""What NVIDIA's driver and the build of MXNet say of a GPU, and how commands refuse one.

The driver is a stub, see stub_driver.py.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from email.message import Message
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
import stub_driver
import tiny

from gluongan import runtime
from gluongan.devices import builds, driver, libraries
from gluongan.devices.driver import Card, Driver
from gluongan.runtime import mx

HERE = Path(__file__).parent
needs_compiler = pytest.mark.skipif(stub_driver.COMPILER is None, reason='no C compiler')


@pytest.fixture(scope='module')
def stub(tmp_path_factory):
    return stub_driver.build(tmp_path_factory.mktemp('driver'))


@pytest.fixture
def installed(stub, monkeypatch):
    """Returns a function: the driver is the stub, with a card of this capability, or none."""

    def install(capability=None, cuda=None):
        monkeypatch.setattr(driver, 'LIBRARY', str(stub))
        for name, value in (('STUB_CAPABILITY', capability), ('STUB_CUDA', cuda)):
            monkeypatch.delenv(name, raising=False)
            if value is not None:
                monkeypatch.setenv(name, str(value))
        driver.ask.cache_clear()

    yield install
    driver.ask.cache_clear()


# Which cards MXNet has code for

WORK = [(5, 0), (5, 2), (6, 1), (7, 0), (7, 5), (8, 0), (8, 6), (8, 9)]
NEVER = {
    (3, 7): 'capability 3.7: MXNet 1.9.1 has no code for Kepler; 5.0 to 8.9 work',
    (9, 0): 'capability 9.0: MXNet 1.9.1 has no code for Hopper; 5.0 to 8.9 work',
    (10, 0): 'capability 10.0: MXNet 1.9.1 has no code for Blackwell; 5.0 to 8.9 work',
    (12, 0): 'capability 12.0: MXNet 1.9.1 has no code for Blackwell; 5.0 to 8.9 work',
}


def test_maxwell_to_ada_work_and_no_others():
    assert {Card('', capability).fault() for capability in WORK} == {None}
    assert {capability: Card('', capability).fault() for capability in NEVER} == NEVER


@needs_compiler
@pytest.mark.parametrize('capability', ['3.7', '7.5', '8.9', '9.0', '12.0'])
def test_the_driver_is_asked_for_its_cards(installed, capability):
    installed(capability, cuda=11040)
    found = driver.ask()
    numbers = tuple(map(int, capability.split('.')))
    assert found == Driver((11, 4), found.version, (Card('Stub of a card', numbers),), None)
    assert found.fault() == NEVER.get(numbers)
    assert found.fault(1) == "NVIDIA's driver has 1 card, counted from 0"


@needs_compiler
def test_a_driver_without_a_card_and_an_old_one_say_so(installed):
    installed()
    assert driver.ask().fault() == "NVIDIA's driver finds no card"
    installed('7.5', cuda=10020)
    assert (
        driver.ask().fault()
        == "NVIDIA's driver runs CUDA up to 10.2, and MXNet needs 11.0 or later"
    )


def test_no_driver_is_said_so(tmp_path):
    found = driver.ask(str(tmp_path / 'libcuda.so.1'))
    assert found.fault() == "NVIDIA's driver is not installed (no libcuda.so.1)"
    assert found.cards == () and found.cuda is None


def test_the_kernel_says_the_version_of_the_driver(tmp_path):
    line = (
        'NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023'
    )
    (tmp_path / 'version').write_text(f'{line}\nGCC version:  gcc version 11.4.0\n')
    assert driver._kernel_version(tmp_path / 'version') == '535.104.05'
    assert driver._kernel_version(tmp_path / 'none') is None
    assert str(Driver((12, 2), '535.104.05', (), None)) == '535.104.05, for CUDA up to 12.2'


# What `doctor` says, and how `--device gpu` is refused

CPU_BUILD = "MXNet's CPU build is installed, and the GPU needs the CUDA build"


@needs_compiler
@pytest.mark.parametrize('capability', ['3.7', '7.5', '8.9', '9.0'])
def test_doctor_names_the_card_and_says_what_it_lacks(installed, capability):
    installed(capability)
    lines = tiny.gluongan('doctor').stdout.splitlines()
    (at,) = (number for number, line in enumerate(lines) if line.startswith('card 0'))
    assert lines[at] == f'card 0        Stub of a card, capability {capability}'
    numbers = tuple(map(int, capability.split('.')))
    lacks = "MXNet's CUDA build has code for it, and this is the CPU build: docs/gpu.md"
    assert lines[at + 1].strip() == NEVER.get(numbers, lacks)
    assert 'driver        for CUDA up to 12.2' in lines or driver.ask().version
    assert 'build         for the CPU' in lines
    (reason,) = (line for line in lines if 'no GPU: ' in line)
    assert reason.partition(': ')[2].startswith(NEVER.get(numbers, CPU_BUILD))
    assert lines[-1] == 'no problems found'


GPU = ['--device', 'gpu']
WITH_A_RUN = {
    'sample': ['--seeds', '0'],
    'interpolate': ['--seeds', '0,1'],
    'evaluate': [],
    'directions': [],
    'invert': ['--test', 1],
}


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    from gluongan import figures

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, 'draw_all', lambda run: [])
        return tiny.begun(tmp_path_factory.mktemp('runs'), iterations=2).folder


@needs_compiler
@pytest.mark.parametrize(
    ('capability', 'reason'),
    [
        (None, "NVIDIA's driver finds no card"),
        ('3.7', NEVER[3, 7]),
        ('7.5', f'{CPU_BUILD}; docs/gpu.md says how to change builds'),
        ('9.0', NEVER[9, 0]),
    ],
)
def test_train_refuses_a_gpu_in_one_sentence(installed, tmp_path, monkeypatch, capability, reason):
    monkeypatch.chdir(tmp_path)
    installed(capability)
    words = [*tiny.flags(device='gpu'), '--out', 'runs']
    assert tiny.refused('train', *words) == f'--device gpu: {reason}; must be cpu or auto here'
    assert runtime.device('auto') == mx.cpu()


@needs_compiler
@pytest.mark.parametrize('command', [*WITH_A_RUN, 'density', 'judge', '--resume'])
def test_every_command_refuses_it_before_anything_is_written(
    installed, run, tmp_path, monkeypatch, command
):
    installed('9.0')
    monkeypatch.chdir(run)
    words = [command, '.', *WITH_A_RUN.get(command, []), *GPU]
    if command == 'judge':
        words = ['judge', 'train', '--data', 'synthetic', *GPU]
    elif command == '--resume':
        words = ['train', '--resume', '.', '--iterations', 4, *GPU]
    message = tiny.refused(*words)
    if command != 'density':  # of points, which these are not
        assert message == f'--device gpu: {NEVER[9, 0]}; must be cpu or auto here'


def test_auto_is_the_first_card_that_works(monkeypatch):
    cards = Card('new', (9, 0)), Card('old', (7, 5))
    monkeypatch.setattr(driver, 'ask', lambda: Driver((12, 2), None, cards, None))
    monkeypatch.setattr(mx.context, 'num_gpus', lambda: 2)
    assert runtime.device('auto') == mx.gpu(1) == runtime.device('gpu(1)')
    with pytest.raises(runtime.DeviceError, match='no code for Hopper'):
        runtime.device('gpu')
    assert runtime.describe()['cards'] == ['new, capability 9.0', 'old, capability 7.5']


# Libraries


def test_what_a_library_needs_is_read_from_it(tmp_path):
    mxnet = builds.mxnet_library()
    names = libraries.needed(mxnet)
    assert {'libopenblas.so.0', 'libgomp.so.1', 'libc.so.6'} <= set(names)
    assert builds.is_cuda_build() == ('libcuda.so.1' in names)
    content = mxnet.read_bytes()[:4096]
    for damaged in (b'', b'\x7fELF', content, content[:64] + b'\xff' * 4032, b'text' * 99):
        (tmp_path / 'damaged.so').write_bytes(damaged)
        assert libraries.needed(tmp_path / 'damaged.so') == []


def library(path, *, needs=()):
    """Compile an empty library that needs others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    source = path.with_suffix('.c')
    source.write_text('int nothing;\n')
    links = [str(each) for each in needs]
    command = [stub_driver.COMPILER, '-shared', '-fPIC', f'-Wl,-soname,{path.name}', str(source)]
    subprocess.run([*command, '-Wl,--no-as-needed', *links, '-o', str(path)], check=True)
    return path


LOAD = """
import ctypes, sys
from pathlib import Path
from gluongan.devices.libraries import LibraryError, load_libraries
sys.path.insert(0, sys.argv[2])
try:
    load_libraries(Path(sys.argv[1]))
    ctypes.CDLL(sys.argv[1])
    print('loaded')
except LibraryError as error:
    print(error)
"""


@needs_compiler
def test_libraries_are_loaded_from_their_wheels_and_missing_ones_are_named(stub, tmp_path):
    wheels = tmp_path / 'wheels'
    made = [
        library(wheels / 'nvidia' / folder / 'lib' / name)
        for name, (_, folder) in libraries.WHEELS.items()
    ]
    mxnet = library(tmp_path / 'libmxnet.so', needs=[stub, *made])

    def load(**variables):
        environment = {**os.environ, 'LD_LIBRARY_PATH': str(stub.parent), **variables}
        command = [sys.executable, '-c', LOAD, str(mxnet), str(wheels)]
        process = subprocess.run(
            command, capture_output=True, text=True, env=environment, cwd=HERE.parent, check=True
        )
        return process.stdout.strip()

    assert load() == 'loaded'
    (wheels / 'nvidia' / 'cudnn' / 'lib' / 'libcudnn.so.8').unlink()
    (wheels / 'nvidia' / 'nvtx' / 'lib' / 'libnvToolsExt.so.1').unlink()
    missing = 'libnvToolsExt.so.1 (nvidia-nvtx-cu11), libcudnn.so.8 (nvidia-cudnn-cu11)'
    assert load().startswith(f"MXNet's CUDA build needs {missing}; must be installed")
    without_driver = load(LD_LIBRARY_PATH='')
    assert "NVIDIA's driver is not (no libcuda.so.1)" in without_driver


def test_the_cpu_build_needs_none_of_them():
    libraries.load_libraries(None)
    if not builds.is_cuda_build():
        libraries.load_libraries(builds.mxnet_library())


def test_the_extra_brings_each_library():
    text = (HERE.parent / 'setup.py').read_text()
    for wheel, _ in libraries.WHEELS.values():
        assert f"'nvidia-{wheel}-cu11==" in text


def test_images_for_docker_are_made_by_the_documented_commands():
    page = (HERE.parent / 'docs' / 'gpu.md').read_text()
    for name, install in (('Dockerfile', '/src'), ('Dockerfile.cuda', "/src/cuda '/src[cuda]'")):
        text = (HERE.parent / name).read_text()
        assert f'RUN pip install --no-cache-dir {install} && rm -r /src\n' in text
        commands = re.findall('^#   (docker .*)$', text, flags=re.M)
        assert len(commands) == 2 and all(f'\n{command}\n' in page for command in commands)
    assert "pip install ./cuda '.[cuda]'\n" in page  # the same, in a checkout


# Builds that pip has installed


def distribution(name, size):
    """What pip has installed: a build whose libmxnet.so has that size, None for one without."""
    about, file = Message(), metadata.PackagePath(builds.LIBRARY)
    about['Name'], file.size = name, size
    return SimpleNamespace(metadata=about, files=[] if size is None else [file])


def test_this_environment_has_one_build_of_mxnet():
    assert builds.fault() is None


SIZE = builds.mxnet_library().stat().st_size
FAULTS = [
    ([('mxnet', SIZE)], None),
    ([('mxnet', None), ('mxnet-cu117', SIZE), ('numpy', None)], None),
    ([('mxnet', SIZE), ('mxnet-cu117', 7)], 'mxnet and mxnet-cu117 are both installed and own'),
    ([('mxnet-cu112', SIZE), ('mxnet-cu117', 7)], 'mxnet-cu112 and mxnet-cu117 are both'),
    ([('mxnet', 7)], 'mxnet/libmxnet.so is not the file of mxnet: pip uninstall -y mxnet, then'),
    ([('mxnet', None), ('mxnet-cu117', 7)], 'mxnet/libmxnet.so is not the file of mxnet-cu117'),
    ([('mxnet-cu117', SIZE)], 'mxnet-cu117 is installed without the package that stands for it'),
    ([], None),  # built from source
]


@pytest.mark.parametrize(('found', 'fault'), FAULTS)
def test_a_build_over_another_is_noticed(monkeypatch, found, fault):
    made = [distribution(*each) for each in found]
    monkeypatch.setattr(metadata, 'distributions', lambda: made)
    if fault is None:
        assert builds.fault() is None
    else:
        assert builds.fault().startswith(fault)
        result = tiny.gluongan('doctor')
        assert result.exit_code == 1 and builds.fault() in result.stdout


def test_the_package_that_stands_for_the_cuda_build_is_gone_with_its_build(monkeypatch):
    monkeypatch.setattr(builds, 'mxnet_library', lambda: None)
    monkeypatch.setattr(metadata, 'distributions', lambda: [distribution('mxnet', None)])
    remedy = 'pip uninstall -y mxnet, then pip install mxnet==1.9.1'
    assert builds.fault().startswith(f"MXNet's files are not there: {remedy}")
