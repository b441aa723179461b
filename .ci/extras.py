"""Installs each extra of a wheel alone, and tries what it is for.

    python .ci/extras.py gluongan-0.1.0-py3-none-linux_x86_64.whl [--only onnx,report]

An extra that names no try here is installed and imported no further. The extras are read from the
wheel, so that a new one is tried without a change of this file.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

EXPORT = (
    'import gluongan as gg; gen = gg.dense_generator([4, 8, 16]); '
    'print(gg.export(gen, "net", format="onnx"))'
)
TRAIN = ('-m', 'gluongan', 'train', '--data', 'synthetic', '--iterations', '3')
# What each extra is for, as arguments of Python in an empty folder.
TRIES = {
    'onnx': [('-c', EXPORT)],
    'report': [TRAIN, ('-m', 'gluongan', 'report', 'runs/00000-dense-synthetic')],
    'search': [('-c', 'import optuna.storages.journal, sklearn')],
    'tensorboard': [(*TRAIN, '--tensorboard')],
    'test': [('-m', 'pytest', '--version'), ('-c', 'import prdc, hypothesis, sklearn')],
    'docs': [('-c', 'import mkdocs')],
}
# A CUDA build of MXNet takes the place of the CPU's, and Horovod is compiled: by hand, see docs/.
APART = ('cuda', 'horovod')


def main() -> None:
    """Try the extras; end with the number of those that fail."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('wheel', type=Path)
    parser.add_argument('--only', help='such as onnx,report')
    options = parser.parse_args()
    chosen = options.only.split(',') if options.only else extras_of(options.wheel)
    failed = [extra for extra in chosen if not works(options.wheel.resolve(), extra)]
    sys.exit(f'failed: {", ".join(failed)}' if failed else 0)


def extras_of(wheel: Path) -> list[str]:
    """Return the names of the extras in a wheel's metadata, without those that stand apart."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith('.dist-info/METADATA'))
        metadata = archive.read(name).decode()
    extras = re.findall(r'^Provides-Extra: (\S+)$', metadata, flags=re.M)
    return [extra for extra in extras if extra not in APART]


def works(wheel: Path, extra: str) -> bool:
    """Install an extra into a new environment, run its tries, and say how that went."""
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder, 'venv', 'bin', 'python')
        commands = [
            [sys.executable, '-m', 'venv', str(python.parents[1])],
            [str(python), '-m', 'pip', 'install', '--quiet', f'{wheel}[{extra}]'],
            *([str(python), *words] for words in TRIES.get(extra, [])),
            [str(python), '-m', 'pip', 'check'],
        ]
        for command in commands:
            run = subprocess.run(command, cwd=folder, capture_output=True, text=True)
            if run.returncode != 0:
                print(f'[{extra}] {" ".join(command)}\n{run.stdout[-2000:]}{run.stderr[-2000:]}')
                return False
    print(f'[{extra}] installs alone; {len(TRIES.get(extra, []))} tries passed')
    return True


if __name__ == '__main__':
    main()
