"""The examples make the pictures that gluongan makes, without gluongan."""

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
from test_export_combinations import needs_onnx

from gluongan import figures
from gluongan.exports import load_sampler, verify
from gluongan.gan.noise import noise_from_seeds
from gluongan.gan.sampling import generate, pixels

EXAMPLES = Path(__file__).parent.parent / 'examples'
PROGRAMS = sorted(EXAMPLES.glob('*.py'))
WEB = EXAMPLES / 'web'
SIDE = 8


def train(out, **changes):
    """Return a run whose pictures are not all of one grey."""
    return tiny.begun(out, until=20, init='he', **changes).folder


def export(run, out, format='mxnet'):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify, 'same_bits', lambda *_: None)
        result = tiny.gluongan('export', run, '--out', out, '--format', format)
    assert result.exit_code == 0, result.stderr
    return out


def run_example(program, folder, out):
    """Return the 64 pictures that an example writes, without PYTHONPATH."""
    environment = dict(os.environ)
    environment.pop('PYTHONPATH', None)
    process = subprocess.run(
        [sys.executable, str(EXAMPLES / program), str(folder), str(out)],
        cwd=out.parent,
        timeout=120,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert process.returncode == 0, process.stderr
    with figures.grids.Image.open(out) as picture:
        sheet = np.asarray(picture)
    return sheet.reshape(8, SIDE, 8, SIDE).transpose(0, 2, 1, 3).reshape(64, 1, SIDE, SIDE)


def expected_pictures(run):
    """Return the pictures of seeds 0 to 63; of a conditional run, with each class in turn."""
    sampler = load_sampler(run)
    x, _ = sampler.sample_grid(list(range(64)))
    if sampler.classes:
        seeds = np.arange(64)
        x = x.reshape(len(sampler.classes), 64, *x.shape[1:])
        x = x[seeds % len(sampler.classes), seeds]
    return pixels(x)


def imported_modules(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


@pytest.mark.parametrize('path', PROGRAMS, ids=lambda path: path.name)
def test_no_example_imports_gluongan(path):
    modules = {name.split('.')[0] for name in imported_modules(path)}
    assert 'numpy' in modules
    assert 'gluongan' not in modules


def test_fifteen_lines_are_fifteen_at_most():
    _, *statements = ast.parse((EXAMPLES / 'onnxruntime_15_lines.py').read_text()).body
    assert len(statements) <= 15
    for statement in statements:
        assert statement.lineno == statement.end_lineno


@pytest.mark.same_bits
@pytest.mark.parametrize(
    'program, changes',
    [
        ('mxnet_symbolblock.py', {'conditional': True, 'noise': 'uniform'}),
        ('mxnet_symbolblock.py', {'noise': 'truncated'}),
        ('mxnet_module.py', {'noise': 'truncated'}),
        ('mxnet_module.py', {}),
    ],
    ids=str,
)
def test_plain_mxnet_makes_the_same_pictures(tmp_path, program, changes):
    run = train(tmp_path, **changes)
    folder = export(run, tmp_path / 'gen')
    drawn = run_example(program, folder, tmp_path / 'x.png')
    assert np.array_equal(drawn, expected_pictures(run))


@needs_onnx
@pytest.mark.parametrize('changes', [{}, {'conditional': True}], ids=str)
def test_onnxruntime_makes_the_same_pictures(tmp_path, changes):
    run = train(tmp_path, **changes)
    folder = export(run, tmp_path / 'gen', 'onnx')
    drawn = run_example('onnxruntime_15_lines.py', folder, tmp_path / 'x.png')
    assert (np.abs(drawn.astype(int) - expected_pictures(run)) <= 1).all()


# The page


needs_page = pytest.mark.skipif(browser.chromium() is None, reason='needs chromium')
CANVAS = 'document.getElementById("picture")'


def serve_page(run, folder):
    """Lay the page and its scripts out as in the checkout, and export the run into it."""
    scripts = Path('gluongan/pages/play/script')
    web = folder / 'examples/web'
    shutil.copytree(WEB, web, ignore=shutil.ignore_patterns('model'))
    shutil.copytree(EXAMPLES.parent / scripts, folder / scripts)
    export(run, web / 'model')
    return browser.Page(folder, 'examples/web/index.html')


def drawn_pixels(page):
    image = f'{CANVAS}.getContext("2d").getImageData(0, 0, {SIDE}, {SIDE})'
    return tuple(page.evaluate(f'Array.from({image}.data)'))


@needs_page
@pytest.mark.parametrize(
    'changes', [{}, {'conditional': True, 'channels': 3}], ids=['grey', 'colour, classes']
)
def test_the_page_draws_another_picture_at_each_click(tmp_path, changes):
    run = train(tmp_path, **changes)
    drawn = []
    with serve_page(run, tmp_path / 'web') as page:
        for count in (1, 2, 3):
            page.wait(f'{CANVAS}?.dataset.drawn === "{count}"')
            drawn.append(drawn_pixels(page))
            page.click('#picture')
        caption = page.evaluate('document.getElementById("caption").textContent')
        no_choice = page.evaluate('document.getElementById("choice").hidden')
    assert len(set(drawn)) == 3
    assert len(set(drawn[0])) > 10
    assert 'dense on synthetic, iteration 20' in caption
    assert no_choice == (not changes)


@needs_page
@pytest.mark.parametrize(
    'changes',
    [{}, {'conditional': True, 'channels': 3}, {'network': 'conv', 'gen_modulated': True}],
    ids=['grey', 'colour, classes', 'convolutions'],
)
def test_the_page_computes_what_the_run_computes(tmp_path, changes):
    run = train(tmp_path, **changes)
    sampler = load_sampler(run)
    name = sampler.classes[1] if sampler.classes else None
    z = noise_from_seeds([5], sampler.latent, 'normal')
    if name is not None:
        z = np.concatenate([z, np.eye(len(sampler.classes))[[1]]], axis=1).astype(np.float32)
    with serve_page(run, tmp_path / 'web') as page:
        page.wait(f'{CANVAS}?.dataset.drawn === "1"')
        x = page.evaluate(f'Array.from(picture({z[0].tolist()}))')
    np.testing.assert_allclose(np.array(x), generate(sampler.gen, z).ravel(), atol=1e-5)
