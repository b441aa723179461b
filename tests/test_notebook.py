"""examples/first_digits.ipynb runs, at a small size: command by command, and in Jupyter."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from pathlib import Path

import pytest
import tiny
from test_walkthroughs import few  # noqa: F401 (a fixture)

from gluongan import figures

NOTEBOOK = Path(__file__).parent.parent / 'examples' / 'first_digits.ipynb'
CELLS = json.loads(NOTEBOOK.read_text(encoding='utf-8'))['cells']
ELSEWHERE = ('doctor', 'evaluate', 'play')
ROOT = NOTEBOOK.parent.parent


SMALL = 'train --gen-hidden 16 --dis-hidden 16 --batch 16 --samples 16 --iterations 4'


def code_of(cell):
    """The source of a cell, with few iterations and samples."""
    code = ''.join(cell['source']).replace('train --iterations 1000', SMALL)
    return code.replace('--iterations 1500', '--iterations 6').replace('1000', '100')


CODE = [code_of(cell) for cell in CELLS if cell['cell_type'] == 'code']


def test_the_notebook_is_kept_without_outputs():
    assert len(CODE) >= 8 and all(not cell.get('outputs') for cell in CELLS)


def test_every_cell_runs_in_order(few, tmp_path, monkeypatch):  # noqa: F811
    """Commands by click in this process; Python with a display that notes what it shows.

    Other tests run the commands of ELSEWHERE, which take longest; Jupyter below runs all.
    """
    monkeypatch.chdir(tmp_path)
    shown_figures = {name: figures.FIGURES[name] for name in ('samples', 'losses', 'training')}
    monkeypatch.setattr(figures, 'FIGURES', shown_figures)
    shown = []
    names = {'Image': lambda filename, width: Path(filename).read_bytes(), 'display': shown.append}
    for code in CODE:
        for line in re.findall(r'^!gluongan (.+)$', code, flags=re.M):
            if line.split()[0] in ELSEWHERE:
                continue
            result = tiny.gluongan(*shlex.split(line))
            assert result.exit_code == 0, (line, result.stderr)
        code = re.sub(r'^(!.*|from IPython.*)$', '', code, flags=re.M)
        exec(code.replace('%pip', 'pass  # %pip'), names)
    assert len(shown) == 5 and all(re.match(b'\x89PNG|GIF', picture) for picture in shown)


def test_it_runs_in_jupyter(tmp_path, monkeypatch):
    """With `pip install '.[docs]'`, as .ci/run has it."""
    nbclient = pytest.importorskip('nbclient')
    pytest.importorskip('ipykernel')
    import nbformat

    program = tmp_path / 'bin' / 'gluongan'
    program.parent.mkdir()
    lines = [f'#!{sys.executable}', 'from gluongan.cli import main', "main(prog_name='gluongan')"]
    program.write_text('\n'.join(lines) + '\n')
    program.chmod(0o755)
    monkeypatch.setenv('PATH', f'{program.parent}{os.pathsep}{os.environ["PATH"]}')
    monkeypatch.setenv('IPYTHONDIR', str(tmp_path / 'ipython'))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell, code in zip([c for c in notebook.cells if c.cell_type == 'code'], CODE):
        cell.source = code
    nbclient.NotebookClient(
        notebook, timeout=600, resources={'metadata': {'path': tmp_path}}
    ).execute()
    texts = [
        output.get('text', '') for cell in notebook.cells for output in cell.get('outputs', ())
    ]
    assert not any('Error' in text for text in texts), texts
    assert (tmp_path / 'digits.html').exists()
