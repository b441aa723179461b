"""Tables show the layers of a network and the cost of a sample; drawings show its graph.

A recipe, a run and an export of the same network have the same table.
"""

from __future__ import annotations

import re
import shutil
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
import tiny

import gluongan as gg
from gluongan.exports import summary, verify
from gluongan.nn import models
from gluongan.nn.graph import Graph
from gluongan.runtime import mx

needs_dot = pytest.mark.skipif(not shutil.which('dot'), reason='needs apt-get install graphviz')


def flops(net):
    return sum(row.flops for row in net.rows())


# FLOPs, by hand: 2 × multiply-adds


@pytest.mark.parametrize(
    'make, multiply_adds',
    [
        (lambda: models.dense_generator([100, 256, 784]), 100 * 256 + 256 * 784),
        (
            lambda: models.conv_generator(10, (3, 8, 8), width=4, depth=1),
            10 * 64 + 4 * 3 * 16 * 4 * 4,
        ),
        (
            lambda: models.conv_generator(10, (1, 8, 8), width=8, depth=1),
            10 * 128 + 8 * 1 * 16 * 4 * 4,
        ),
        (
            lambda: models.conv_discriminator((3, 16, 8), width=4, depth=2),
            3 * 4 * 16 * 32 + 4 * 8 * 16 * 8 + 64,
        ),
        (
            lambda: models.conv_discriminator((3, 16, 8), width=4, depth=2, spectral=True),
            3 * 4 * 16 * 32 + 4 * 8 * 16 * 8 + 64,
        ),
        (lambda: models.dense_discriminator([16, 8, 1], pack=4), (64 * 8 + 8) / 4),
        (lambda: models.dense_discriminator([16, 8, 1], kernels=3), 16 * 8 + 8 * 15 + 11),
        (
            lambda: models.dense_discriminator([19, 8, 1], shape=(19,), projected=3),
            16 * 8 + 8 + 3 * 8,
        ),
    ],
    ids=[
        'dense generator',
        'conv generator',
        'grey conv generator',
        'conv discriminator',
        'spectral discriminator',
        'packed discriminator',
        'kernels',
        'projection',
    ],
)
def test_flops_of_a_sample_are_those_counted_by_hand(make, multiply_adds):
    assert flops(make()) == 2 * multiply_adds


def test_flops_of_a_convolution_are_those_of_its_loops():
    """Every product in the definition of a convolution, with the zeros of the border too."""
    net = models.conv_discriminator((2, 8, 8), width=3, depth=1, batchnorm=False)
    conv = next(row for row in net.rows() if row.layer == 'Conv')
    channels, height, width = conv.output
    loops = sum(1 for _ in np.ndindex(channels, height, width, 2, 4, 4))
    assert conv.flops == 2 * loops


def test_a_slice_of_a_network_has_a_table_with_flops():
    assert 'FLOPs' in repr(models.dense_generator([5, 8, 16])[:1])
    assert all(row.flops is not None for row in models.dense_generator([5, 8, 16]).rows())


# The command


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    changes = {'network': 'conv', 'conv_width': 8, 'dis_spectral': True, 'pack': 2}
    return tiny.begun(tmp_path_factory.mktemp('summary'), until=2, **changes).folder


@pytest.fixture
def exports(run, tmp_path, monkeypatch):
    """A folder with the exports `gen` and `dis` of the run."""
    monkeypatch.setattr(verify, 'same_bits', lambda *_: None)
    for network in ('gen', 'dis'):
        out = tmp_path / network
        result = tiny.gluongan('export', run, '--out', out, '--network', network)
        assert result.exit_code == 0
    return tmp_path


def totals(*arguments):
    """Return the cells of the line `total` of each table that the command prints."""
    result = tiny.gluongan('summary', *arguments)
    assert result.exit_code == 0, result.stderr
    return [line.split()[1:] for line in result.stdout.splitlines() if line.startswith('total')]


def test_an_export_has_the_totals_of_its_run(run, exports):
    gen, dis = totals(run)
    assert totals(exports / 'gen') == [gen]
    assert totals(exports / 'dis') == [dis]
    assert totals(run, '--network', 'dis') == [dis]
    assert gen != dis


def test_the_default_recipe_has_its_parameter_counts():
    assert [total[0] for total in totals('dense')] == ['1,493,520', '533,505']


def test_a_recipe_for_points_has_the_parameter_counts_of_two_coordinates():
    hidden = 2 * (128 * 128 + 128)
    gen = (2 * 128 + 128) + hidden + (128 * 2 + 2)
    dis = (2 * 128 + 128) + hidden + (128 + 1)
    assert [total[0] for total in totals('mixture')] == [f'{gen:,}', f'{dis:,}']


def test_what_is_impossible_is_refused(exports, monkeypatch):
    monkeypatch.chdir(exports)
    message = tiny.refused('summary', 'dis', '--network', 'gen')
    assert '--network gen: dis is the export of a discriminator' in message
    assert '--graph x.png' in tiny.refused('summary', 'dense', '--graph', 'x.png')
    (exports / 'gen' / 'generator-symbol.json').write_text('{}')
    assert 'generator-symbol.json' in tiny.refused('summary', 'gen', code=1)


# The drawing


@needs_dot
@pytest.mark.parametrize('arguments', [('gen',), ('dis',), ('sngan', '--network', 'dis')], ids=str)
def test_the_drawing_has_a_box_for_each_node(exports, monkeypatch, arguments):
    monkeypatch.chdir(exports)
    assert tiny.gluongan('summary', *arguments, '--graph', 'x.svg').exit_code == 0
    elements = ElementTree.parse('x.svg').iter('{http://www.w3.org/2000/svg}text')
    texts = [element.text for element in elements]
    if len(arguments) == 1:
        graph = gg.load_export(arguments[0]).graph
        ops = [node.op for node in graph.nodes]
        for op in ('Deconvolution', 'Convolution'):
            assert texts.count(op) == ops.count(op)
    assert 'data' in texts
    assert any(text.startswith('gives ') for text in texts)


FAKE_DOT = """#!{python}
import sys
assert '-Tsvg' in sys.argv
print('<svg>', sys.stdin.read(), '</svg>')
"""


def test_dot_gets_the_graph_and_its_answer_is_the_file(monkeypatch, tmp_path):
    dot = tmp_path / 'dot'
    dot.write_text(FAKE_DOT.format(python=sys.executable))
    dot.chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.chdir(tmp_path)
    result = tiny.gluongan('summary', 'dense', '--graph', 'x.svg')
    assert result.exit_code == 0, result.stderr
    assert result.stdout.endswith('x.svg\n')
    drawing = (tmp_path / 'x.svg').read_text()
    assert drawing.startswith('<svg> digraph')
    assert drawing.count('FullyConnected') == 4
    assert 'gives 1 × 28 × 28' in drawing
    widths = [label for _, _, label in re.findall(r'(\d+) -> (\d+) \[label="?([^]"]+)', drawing)]
    assert widths[0] == str(gg.recipe('dense').latent) and set(widths) >= {'256', '784'}, widths


def test_a_drawing_without_dot_names_the_package(monkeypatch, tmp_path):
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.chdir(tmp_path)
    result = tiny.gluongan('summary', 'dense', '--graph', 'x.svg')
    assert result.exit_code == 1
    remedy = 'must be installed (apt-get install graphviz)'
    message = f'Error: --graph x.svg: needs the program dot; {remedy}\n'
    assert result.stderr == message
    assert list(tmp_path.iterdir()) == []


@needs_dot
def test_names_from_a_file_stay_text_in_the_drawing(tmp_path):
    graph, shapes = summary.trace_graph(models.dense_generator([4, 8, 16]), 1)
    nodes = []
    for node in graph.nodes:
        name = '<b>\\N"&' if node.name == 'layer0_bias' else node.name
        nodes.append(node._replace(name=name))
    path = summary.draw(Graph(tuple(nodes), graph.output), shapes, tmp_path / 'x.svg')
    ElementTree.parse(path)


def test_the_table_of_a_graph_counts_each_weight_once(exports):
    loaded = gg.load_export(exports / 'dis')
    table = summary.rows(loaded.graph, loaded.weights, loaded.shapes, loaded.batch)
    parameters = sum(row.parameters for row in table)
    assert parameters == sum(weight.size for weight in loaded.weights.values())
    assert table[0].output == loaded.manifest.input.shape
    assert table[-1].output == ()
    y = loaded.network()(mx.nd.zeros((loaded.batch, *table[0].output)))
    assert y.shape == (loaded.batch // 2,)
