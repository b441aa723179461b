"""The examples make the pictures that gluongan makes, and know nothing of it."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import browser
import numpy as np
import pytest
import tiny
from test_export_combinations import has_onnx

from gluongan import figures
from gluongan.exports import load_sampler
from gluongan.exports import verify as comparing
from gluongan.gan.sampling import pixels

EXAMPLES = Path(__file__).parent.parent / 'examples'
PROGRAMS = sorted(EXAMPLES.glob('*.py'))
WEB = EXAMPLES / 'web'
SIDE = 8


def begun(place, **changes):
    """A run whose pictures are not all of one grey."""
    return tiny.begun(place, until=20, init='he', **changes).folder


def exported(run, out, format='mxnet'):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparing, 'same_bits', lambda *_: None)
        result = tiny.gluongan('export', run, '--out', out, '--format', format)
    assert result.exit_code == 0, result.stderr
    return out


def shown(program, folder, out):
    """The 64 pictures that a program writes, as it is run by somebody without gluongan's folder on the path."""
    environment = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / program), str(folder), str(out)],
        cwd=out.parent,
        timeout=120,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    with figures.grids.Image.open(out) as picture:
        sheet = np.asarray(picture)
    return sheet.reshape(8, SIDE, 8, SIDE).transpose(0, 2, 1, 3).reshape(64, 1, SIDE, SIDE)


def expected(run):
    """Seeds 0 to 63; of a conditional run the classes in turn."""
    sampler = load_sampler(run)
    x, width = sampler.sheet(list(range(64)))
    if width:
        x = x.reshape(len(sampler.classes), 64, *x.shape[1:])[
            np.arange(64) % len(sampler.classes), np.arange(64)
        ]
    return pixels(x)


@pytest.mark.parametrize('path', PROGRAMS, ids=lambda path: path.name)
def test_no_example_imports_gluongan(path):
    names = [
        name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in [getattr(node, 'module', None), *(alias.name for alias in node.names)]
        if name
    ]
    assert 'numpy' in names and not any(name.startswith('gluongan') for name in names)


def test_fifteen_lines_are_fifteen_at_most():
    tree = ast.parse((EXAMPLES / 'onnxruntime_15_lines.py').read_text())
    assert len(tree.body) - 1 <= 15 and all(node.lineno == node.end_lineno for node in tree.body)


@pytest.mark.same_bits
@pytest.mark.parametrize(
    'program, changes',
    [
        ('mxnet_symbolblock.py', {'conditional': True, 'noise': 'uniform'}),
        ('mxnet_module.py', {'noise': 'truncated'}),
        ('mxnet_module.py', {}),
    ],
    ids=str,
)
def test_plain_mxnet_makes_the_same_pictures(tmp_path, program, changes):
    run = begun(tmp_path, **changes)
    assert np.array_equal(
        shown(program, exported(run, tmp_path / 'gen'), tmp_path / 'x.png'), expected(run)
    )


@pytest.mark.skipif(not has_onnx(), reason="needs pip install 'gluongan[onnx]'")
def test_onnxruntime_makes_the_same_pictures(tmp_path):
    run = begun(tmp_path, conditional=True)
    found = shown(
        'onnxruntime_15_lines.py', exported(run, tmp_path / 'gen', 'onnx'), tmp_path / 'x.png'
    )
    assert (np.abs(found.astype(int) - expected(run)) <= 1).all()


# The page


def page_is_there():
    return has_onnx() and browser.chromium() and (WEB / 'ort').is_dir()


@pytest.mark.skipif(
    not page_is_there(),
    reason='needs chromium, gluongan[onnx], and `npm install && npm run copy` in examples/web',
)
@pytest.mark.parametrize(
    'changes', [{}, {'conditional': True, 'channels': 3}], ids=['grey', 'colour, classes']
)
def test_page_draws_another_picture_at_each_click(tmp_path, changes):
    run = begun(tmp_path, **changes)
    shutil.copytree(WEB, tmp_path / 'web', ignore=shutil.ignore_patterns('node_modules', 'model'))
    exported(run, tmp_path / 'web' / 'model', 'onnx')
    canvas = 'document.getElementById("picture")'
    with browser.Page(tmp_path / 'web') as page:
        drawn = []
        for count in (1, 2, 3):
            page.wait(f'{canvas}?.dataset.drawn === "{count}"')
            drawn.append(
                page.evaluate(
                    f'Array.from({canvas}.getContext("2d").getImageData(0, 0, {SIDE}, {SIDE}).data)'
                )
            )
            page.click('#picture')
        assert len({tuple(each) for each in drawn}) == 3 and len(set(drawn[0])) > 10
        told = page.evaluate('document.getElementById("told").textContent')
        assert 'dense on synthetic, iteration 20' in told
        assert page.evaluate('document.getElementById("choice").hidden') == (not changes)
        sampler = load_sampler(run)
        z = sampler._seeded([5], None)
        z = sampler._labelled(z, sampler.classes[1] if changes else None)
        made = page.evaluate(
            f'import("/draw.mjs").then(async (m) => Array.from(await m.picture({z[0].tolist()})))'
        )
    from gluongan.gan.sampling import generate

    np.testing.assert_allclose(np.array(made), generate(sampler._gen, z).ravel(), atol=1e-5)
