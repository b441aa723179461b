"""Builds the site: python -m docs.site [OUT], without the network and with warnings as errors.

OUT is build/site by default; open OUT/index.html. Needs `pip install '.[docs]'`.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from .commands import command_pages
from .library import library_pages
from .navigation import HOME, pages, tables_of_contents

ROOT = Path(__file__).resolve().parents[2]
REDIRECT = """<!doctype html>
<meta charset="utf-8">
<title>gluongan</title>
<meta http-equiv="refresh" content="0; url=docs/index.html">
<a href="docs/index.html">gluongan</a>
"""
# What pages show or link to beside other pages.
BESIDE = ('docs', 'examples', 'benchmarks', 'LICENSE', 'gluongan/data/mnist/LICENSE-MNIST.md')


def lay_out(folder: Path) -> None:
    """Put everything that Sphinx reads into a folder, as it lies in the repository."""
    ignored = shutil.ignore_patterns(
        '__pycache__', 'node_modules', 'site', '.venvs', 'ort', 'model'
    )
    for name in BESIDE:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=ignored)
        else:
            shutil.copy(source, target)
    for page in pages():
        shutil.copy(ROOT / page, folder / page)
    home = folder / HOME
    home.write_text(
        home.read_text(encoding='utf-8') + '\n' + tables_of_contents(), encoding='utf-8'
    )
    reference = folder / 'docs' / 'reference'
    reference.mkdir()
    for name, text in {**command_pages(), **library_pages()}.items():
        (reference / name).write_text(text, encoding='utf-8')


def read() -> list[str]:
    """Return what Sphinx takes as pages of all that is laid out."""
    return [*pages(), 'docs/reference/*.md']


def build(out: Path) -> int:
    """Build the site into `out`; return Sphinx's exit code."""
    from sphinx.cmd.build import build_main

    with TemporaryDirectory() as folder:
        source = Path(folder) / 'source'
        source.mkdir()
        lay_out(source)
        options = ['-W', '--keep-going', '-q', '-E', '-b', 'html', '-c', str(Path(__file__).parent)]
        options += ['-d', f'{folder}/doctrees', '-D', f'include_patterns={",".join(read())}']
        code = build_main([*options, str(source), str(out)])
    if code == 0:
        (out / 'index.html').write_text(REDIRECT, encoding='utf-8')
    return code


if __name__ == '__main__':
    # The installed package comes before that of the checkout, which lies without its command line.
    sys.path.sort(key=lambda path: Path(path).resolve() == ROOT)
    sys.exit(build(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / 'build' / 'site')))
