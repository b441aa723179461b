"""`python -m gluongan`: the command line, where the command `gluongan` is not on the PATH."""

from __future__ import annotations

from gluongan.cli import main

if __name__ == '__main__':
    main(prog_name='gluongan')
