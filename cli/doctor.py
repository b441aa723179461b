"""gluongan doctor."""

from __future__ import annotations

import importlib.metadata
import os
import sys

import click

PACKAGES = ('mxnet', 'gluoncv', 'numpy', 'matplotlib', 'click', 'pillow')


@click.command(short_help='Say what this machine has, what is wrong with it, and how to mend it.')
def doctor() -> None:
    """Print versions, MXNet's features, threads, devices and data, and for each what is wrong and how to mend it.

    Exit code 1 where training would not work.
    """
    wrong = [fault for check in (_versions, _mxnet, _data) for fault in check()]
    for fault in wrong:
        click.echo(f'wrong         {fault}')
    click.echo(
        'all is well' if not wrong else f'{len(wrong)} thing{"s" if len(wrong) > 1 else ""} to mend'
    )
    sys.exit(1 if wrong else 0)


def _line(title: str, text: object) -> None:
    click.echo(f'{title:<13} {text}')


def _versions() -> list[str]:
    wrong = (
        []
        if (3, 9) <= sys.version_info < (3, 13)
        else ['Python: install 3.9 to 3.12; MXNet 1.9.1 runs on no other']
    )
    _line('python', sys.version.split()[0])
    for name in PACKAGES:
        try:
            _line(name, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            _line(name, 'missing')
            wrong.append(f'{name} is not installed: pip install {name}')
    return wrong


def _mxnet() -> list[str]:
    users = os.environ.get('OMP_NUM_THREADS')
    try:
        from gluongan import runtime
    except (ImportError, OSError, AttributeError) as error:
        remedy = (
            'apt-get install libgomp1'
            if 'libgomp' in str(error)
            else 'pip install mxnet==1.9.1 "numpy<2"'
        )
        return [f'MXNet does not import ({error}): {remedy}']
    facts = runtime.describe()
    _line('processor', f'{facts["processor"]}, {facts["cores"]} cores for this process')
    _line('threads', f'{facts["threads"]} ({"your OMP_NUM_THREADS" if users else "one a core"})')
    _line('features', ' '.join(facts['features']))
    _line(
        'bfloat16',
        '--precision bfloat16 is there (matrix units, AMX)'
        if runtime.HAS_AMX
        else 'no matrix units (AMX) that this process may use; float32 it is',
    )
    _line('devices', f'cpu{"".join(f", gpu({i})" for i in range(facts["gpus"]))}')
    if not facts['gpus']:
        _line(
            '',
            'no GPU: '
            + (
                'MXNet has CUDA, but finds no device; is the driver there?'
                if runtime.has_feature('CUDA')
                else 'this build of MXNet has no CUDA; training runs on the CPU'
            ),
        )
    if 'MKLDNN' not in facts['features']:
        return ['MXNet has no oneDNN here and is many times slower: pip install mxnet==1.9.1']
    return []


def _data() -> list[str]:
    from gluongan.data import locate_datasets

    states = dict(locate_datasets())
    for name, state in states.items():
        _line(name, state)
    return (
        []
        if states['mnist'].startswith('bundled')
        else [f'{states["mnist"]}: pip install --force-reinstall gluongan']
    )
