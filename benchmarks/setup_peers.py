"""Makes the environments of the peers, each with its own requirements.

    python -m benchmarks.setup_peers [--environments DIR] [torch] [jax] [tensorflow]

Nothing is installed into the environment of gluongan.
"""

from __future__ import annotations

import argparse
import subprocess
import venv
from pathlib import Path

from .driver import ENVIRONMENTS, HERE

REQUIREMENTS = {path.stem: path for path in sorted((HERE / 'requirements').glob('*.txt'))}


def make_environment(name: str, environments: Path) -> Path:
    """Make one environment, or bring it up to its requirements, and return its folder."""
    folder = environments / name
    venv.create(folder, with_pip=True, symlinks=True)
    subprocess.run(
        [folder / 'bin' / 'python', '-m', 'pip', 'install', '--quiet', '-r', REQUIREMENTS[name]],
        check=True,
    )
    return folder


def main() -> None:
    """Make the named environments, by default all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('names', nargs='*', metavar='NAME', help=', '.join(REQUIREMENTS))
    parser.add_argument('--environments', type=Path, default=ENVIRONMENTS)
    args = parser.parse_args()
    for name in args.names or REQUIREMENTS:
        if name not in REQUIREMENTS:
            parser.error(f'{name}: must be one of {", ".join(REQUIREMENTS)}')
        print(f'{name}: {make_environment(name, args.environments)}', flush=True)


if __name__ == '__main__':
    main()
