"""Names that are no text in the encoding of the system; letters that a stream does not have."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import tiny
from gluongan.cli.outputs import safe
from PIL import Image

from gluongan import figures
from gluongan.figures import grids
from gluongan.figures.plotting import load_matplotlib

LATIN = os.fsdecode(b'\xe9t\xe9')  # `été` as a system of Latin-1 wrote it: no UTF-8


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])
    return tmp_path


def test_every_step_works_in_a_folder_whose_name_is_no_text(here):
    folder = here / LATIN
    folder.mkdir()
    run = tiny.trained(folder)
    for words in (
        ['sample', run],
        ['export', run, '--out', folder / 'export'],
        ['export', run, '--out', folder / 'onnx', '--format', 'onnx'],
        ['summary', folder / 'export'],
        ['sample', folder / 'export', '--out', folder / 'x.png'],
        ['plot', run],
    ):
        result = tiny.gluongan(*words)
        assert result.exit_code == 0 or 'has begun to train' in result.stderr, result.stderr
    assert (folder / 'x.png').exists() and (folder / 'onnx').is_dir()


@pytest.mark.parametrize('encoding', ['ascii', 'cp1252', 'utf-8'])
def test_output_takes_letters_that_the_stream_does_not_have(here, encoding):
    for name in ('π', 'é'):
        (here / 'data' / name).mkdir(parents=True)
        for number in range(3):
            pixels = np.random.RandomState(number).randint(0, 256, (8, 8)).astype(np.uint8)
            Image.fromarray(pixels).save(here / 'data' / name / f'{number}.png')
    code = 'from gluongan.cli import main; main()'
    command = [sys.executable, '-c', code, 'data', 'data', '--image-size', '8']
    variables = {**os.environ, 'PYTHONIOENCODING': encoding, 'LC_ALL': 'C'}
    result = subprocess.run(command, capture_output=True, env=variables)
    assert result.returncode == 0, result.stderr
    pi = b'\\u03c0' if encoding == 'cp1252' else 'π'.encode()  # click takes UTF-8 for ASCII
    assert b'classes    ' in result.stdout and pi + b': 3' in result.stdout


def test_names_of_files_are_made_of_names_that_are_no_text():
    assert safe(LATIN) == safe(LATIN) != safe(os.fsdecode(b'\xe8t\xe8'))
    safe(LATIN).encode('utf-8')


def test_dollars_and_bad_bytes_in_a_figure_are_drawn_as_they_are(tmp_path):
    load_matplotlib()
    from matplotlib.figure import Figure

    figure = Figure()
    figure.suptitle(f'a$b$ \\alpha $ {LATIN}')
    grids.save(figure, tmp_path / 'x.png')
    assert figure._suptitle.get_text() == 'a$b$ \\alpha $ \\udce9t\\udce9'
    assert not figure._suptitle.get_parse_math()
