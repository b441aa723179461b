"""gluongan doctor."""

from __future__ import annotations

import sys
from types import ModuleType

import click

from gluongan.errors import GluonganError

from .options import THREADS
from .printing import echo

PACKAGES = ('mxnet', 'gluoncv', 'numpy', 'matplotlib', 'click', 'pillow')


@click.command(short_help='Check this machine, and say how to fix what is wrong.')
@THREADS
def doctor() -> None:
    """Print versions, MXNet's features, threads, devices and data, and how to fix each problem.

    The exit code is 1 if training would not work.
    """
    problems = [*_check_versions(), *_check_builds(), *_check_mxnet(), *_check_data()]
    for problem in problems:
        _line('problem', problem)
    if problems:
        echo(f'problems found: {len(problems)}')
        sys.exit(1)
    echo('no problems found')


def _line(title: str, text: object) -> None:
    echo(f'{title:<13} {text}')


def _check_versions() -> list[str]:
    from importlib import metadata  # here, as it takes a fifth of what all commands import

    problems = []
    _line('python', sys.version.split()[0])
    if not (3, 9) <= sys.version_info < (3, 13):
        problems.append('MXNet 1.9.1 needs Python 3.9 to 3.12: install one of them')
    for name in PACKAGES:
        try:
            _line(name, metadata.version(name))
        except metadata.PackageNotFoundError:
            _line(name, 'missing')
            problems.append(f'{name} is not installed: pip install {name}')
    return problems


def _check_builds() -> list[str]:
    """Say what NVIDIA's driver says, which needs no MXNet; return what is wrong with the build."""
    from gluongan.devices import builds, driver

    kind = 'CUDA' if builds.is_cuda_build() else 'CPU'
    _line('build', f'for {"the CPU" if kind == "CPU" else kind}')
    found = driver.ask()
    _line('driver', found if found.cuda else found.problem)
    if found.cuda and found.problem:
        _line('', found.problem)
    for index, card in enumerate(found.cards):
        _line(f'card {index}', f'{card}')
        _line('', _verdict(found.fault(index), kind))
    fault = builds.fault()
    return [fault] if fault else []


def _verdict(fault: str | None, kind: str) -> str:
    """Return whether a card can be used, and what to install for that."""
    if fault:
        return fault
    if kind == 'CUDA':
        return "MXNet's CUDA build has code for it"
    return "MXNet's CUDA build has code for it, and this is the CPU build: docs/gpu.md"


def _check_mxnet() -> list[str]:
    try:
        from gluongan import runtime
    except (ImportError, OSError, AttributeError) as error:
        return [f'MXNet cannot be imported ({error}): {_import_remedy(error)}']
    except GluonganError as error:
        return [str(error)]
    facts = runtime.describe()
    _line('processor', f'{facts["processor"]}, {facts["cores"]} cores available to this process')
    owner = {'gluongan': "in gluongan's pool", 'OpenMP': "OpenMP's"}[facts['threads_of']]
    _line('threads', f'{facts["threads"]} ({facts["threads_from"]}), {owner}')
    for variable in facts['threads_ignored']:
        _line('', f'without effect on threads: {variable}')
    _line('operators', _operators())
    _line('features', ' '.join(facts['features']))
    _line('bfloat16', _bfloat16(runtime))
    _line('devices', ', '.join(['cpu', *(f'gpu({i})' for i in runtime.usable_gpus())]))
    if not runtime.usable_gpus():
        _line('', f'no GPU: {runtime.why_no_gpu()}')
    if 'MKLDNN' not in facts['features']:
        return [
            'this build of MXNet has no oneDNN, which makes it many times slower: '
            'pip install mxnet==1.9.1'
        ]
    return []


def _import_remedy(error: Exception) -> str:
    if 'libgomp' in str(error):
        return 'apt-get install libgomp1'
    return 'pip install mxnet==1.9.1 "numpy<2"'


def _operators() -> str:
    from gluongan import native

    reason = native.reason_missing()
    if reason is not None:
        return f"MXNet's own; {reason}"
    return f'in C++ (gluongan/native): {", ".join(native.parts_in_use()) or "none"}'


def _bfloat16(runtime: ModuleType) -> str:
    if runtime.HAS_AMX:
        return 'available with --precision bfloat16 (this processor has AMX matrix units)'
    return 'not available (no AMX matrix units that this process may use); use float32'


def _check_data() -> list[str]:
    from gluongan.data import locate_datasets

    states = dict(locate_datasets())
    for name, state in states.items():
        _line(name, state)
    if states['mnist'].startswith('bundled'):
        return []
    return [f'{states["mnist"]}: pip install --force-reinstall gluongan']
