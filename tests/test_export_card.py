"""README.md of an export: what it shows works as printed; its numbers say what they are of."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import tiny
import yaml
from PIL import Image

from gluongan import figures
from gluongan.evaluation import card as of_evaluation
from gluongan.exports import card, manifest
from gluongan.exports.making import export_run
from gluongan.figures import tiles


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, 'draw_all', lambda run: [])  # takes a second
        return tiny.begun(tmp_path_factory.mktemp('card'), iterations=20, conditional=True).folder


@pytest.fixture(scope='module')
def exports(run, tmp_path_factory):
    """An export in each format, by its name; verified in this process alone."""
    out = tmp_path_factory.mktemp('exports')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('gluongan.exports.verify.same_bits', lambda *_: None)
        for format in ('mxnet', 'onnx', 'safetensors'):
            export_run(run, out / format, format=format)
        export_run(run, out / 'dis', network='dis')
    return out


def code(folder, language='python'):
    return re.findall(rf'```{language}\n(.*?)```', (folder / card.CARD).read_text(), flags=re.S)


@pytest.mark.filterwarnings('ignore:Cannot decide type')  # of MXNet, at every import of a graph
@pytest.mark.parametrize('format', ['mxnet', 'safetensors', 'onnx'])
def test_the_lines_of_a_card_make_samples_as_printed(exports, monkeypatch, format):
    from gluongan.runtime import mx

    monkeypatch.chdir(exports / format)
    lines = code(exports / format)[0]
    assert len(lines.splitlines()) == 3
    names = {}
    exec(lines, names)
    y = names['y']
    y = y.asnumpy() if isinstance(y, mx.nd.NDArray) else y
    shape = manifest.read(exports / format).output.shape
    assert y.shape == (16, *shape) and 0 <= y.min() <= y.max() <= 1


def test_the_lines_for_the_browser_name_the_input_and_the_output(exports):
    (lines,) = code(exports / 'onnx', 'js')
    described = manifest.read(exports / 'onnx')
    assert f'.{described.output.name}.data' in lines and f'[1, {described.input.shape[0]}]' in lines
    assert len(lines.splitlines()) == 3
    (command,) = code(exports / 'mxnet', 'bash')
    assert command == 'gluongan play .\n'


def test_the_head_is_yaml_that_says_what_is_known_and_no_more(exports):
    text = (exports / 'mxnet' / card.CARD).read_text()
    head = yaml.safe_load(text.split('---\n')[1])
    assert head['library_name'] == 'gluongan' and head['datasets'] == ['synthetic']
    assert head['license'] == 'unknown'  # of the weights: nobody has chosen one


def test_the_picture_has_a_class_in_each_row(exports, run):
    described = manifest.read(exports / 'mxnet')
    picture = Image.open(exports / 'mxnet' / card.PICTURE)
    shown = tiles(picture, described.output.shape)
    assert len(shown) == card.COLS * len(described.classes)
    assert f']({card.PICTURE})' in (exports / 'mxnet' / card.CARD).read_text()
    assert not (exports / 'dis' / card.PICTURE).exists()
    assert card.PICTURE not in (exports / 'dis' / card.CARD).read_text()


def test_a_card_without_an_evaluation_says_so(exports, run):
    assert of_evaluation.measured(run, 20) == ''
    assert 'Not measured' in (exports / 'mxnet' / card.CARD).read_text()


def evaluated(folder, **changes):
    """A report as `gluongan evaluate` writes it, of 300 samples at iteration 20."""
    report = {
        'data': 'mnist',
        'iteration': 20,
        'samples': 300,
        'metrics': {'lenet_fd300_test': 12.25, 'lenet_classes300': 10.0},
        'intervals': {'lenet_fd300_test': [11.0, 13.5]},
        'gluongan': '0.1.0',
        **changes,
    }
    name = changes.pop('name', 'evaluation.json')
    (folder / name).write_text(json.dumps(report))


def test_metrics_stand_with_their_interval_and_what_they_are_of(tmp_path):
    evaluated(tmp_path)
    text = of_evaluation.measured(tmp_path, 20)
    assert '300 samples at iteration 20, against mnist' in text
    row = next(line for line in text.splitlines() if 'lenet_fd300_test' in line)
    assert [cell.strip() for cell in row.split('|')[1:4]] == [
        '`lenet_fd300_test`',
        '12.2',
        '11.0 to 13.5',
    ]
    assert '12.2' in card.card(manifest_of_mnist(), 'generator', text)


def test_metrics_of_another_snapshot_or_a_broken_report_are_not_shown(tmp_path):
    evaluated(tmp_path)
    assert of_evaluation.measured(tmp_path, 10) == ''
    (tmp_path / 'evaluation.json').write_text('{')
    assert of_evaluation.measured(tmp_path, 20) == ''


def manifest_of_mnist(**changes):
    described = manifest.Manifest(
        format='mxnet',
        network='gen',
        input=manifest.Port('data', (100,), None),
        output=manifest.Port('sample_output', (1, 28, 28), (0.0, 1.0)),
        latent=100,
        noise='normal',
        classes=(),
        pack=1,
        recipe='dense',
        data='mnist',
        iteration=20,
        ema=True,
        opset=None,
        versions={'gluongan': '0.1.0'},
        files={},
    )
    return replace(described, **changes)


def test_known_data_come_with_their_licence_and_others_with_a_question():
    assert 'CC BY-SA 3.0' in card.card(manifest_of_mnist(), 'generator')
    assert 'for its owner to say' in card.card(manifest_of_mnist(data='./faces'), 'generator')


HOSTILE = "x'\n---\n<script>`![a](http://b)`|"


def test_names_of_a_user_are_no_markdown_html_or_yaml():
    described = manifest_of_mnist(data=HOSTILE, classes=(HOSTILE, 'cat'), latent=98)
    text = card.card(described, 'generator')
    assert '<script>' not in text and 'http://b' not in text and '![a]' not in text
    assert text.count('---\n') == 2
    assert isinstance(yaml.safe_load(text.split('---\n')[1]), dict)


@pytest.mark.parametrize('noise', sorted(card.DRAWS))
def test_every_noise_has_its_lines(noise):
    from gluongan.gan.noise import DISTRIBUTIONS

    assert set(card.DRAWS) == set(DISTRIBUTIONS)
    names = {'np': np, 'random': np.random.default_rng(0)}
    z = eval(card.DRAWS[noise][1].format((1000, 3)), names)
    assert z.shape == (1000, 3) and (noise == 'normal' or abs(z).max() <= 2)


@pytest.mark.parametrize('format', ['mxnet', 'onnx'])
def test_a_card_has_each_tag_once_and_says_how_its_picture_is_ordered(exports, format):
    about = manifest.read(exports / format)
    text = (exports / format / card.CARD).read_text()
    tags = yaml.safe_load(text.split('---')[1])['tags']
    assert len(set(tags)) == len(tags) and {'gan', 'mxnet', format} == set(tags)
    assert 'a class in each row](samples.png)' in text
    plain = card.card(replace(about, classes=()), 'gen', has_picture=True)
    assert 'class' not in re.search(r'!\[(.*)]\(samples.png\)', plain)[1]
