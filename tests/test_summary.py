"""Tables tell what a network has and what a sample costs, the same from a recipe, a run and its export; drawings show it."""

from __future__ import annotations

import shutil
from xml.etree import ElementTree

import numpy as np
import pytest
import tiny

import gluongan as gg
from gluongan.exports import summary
from gluongan.exports import verify as comparing
from gluongan.nn import models as nets
from gluongan.runtime import mx


def cost(net):
    return sum(row.flops for row in net.rows())


# FLOPs, by hand: 2 × multiply-adds


@pytest.mark.parametrize(
    'net, multiply_adds',
    [
        (lambda: nets.dense_generator([100, 256, 784]), 100 * 256 + 256 * 784),
        (
            lambda: nets.conv_generator(10, (3, 8, 8), width=4, depth=1),
            10 * 64 + 4 * 3 * 16 * 4 * 4,
        ),
        (
            lambda: nets.conv_generator(10, (1, 8, 8), width=8, depth=1),
            10 * 128 + 8 * 1 * 16 * 4 * 4,
        ),
        (
            lambda: nets.conv_discriminator((3, 16, 8), width=4, depth=2),
            3 * 4 * 16 * 32 + 4 * 8 * 16 * 8 + 64,
        ),
        (
            lambda: nets.conv_discriminator((3, 16, 8), width=4, depth=2, spectral=True),
            3 * 4 * 16 * 32 + 4 * 8 * 16 * 8 + 64,
        ),
        (lambda: nets.dense_discriminator([16, 8, 1], pack=4), (64 * 8 + 8) / 4),
        (lambda: nets.dense_discriminator([16, 8, 1], kernels=3), 16 * 8 + 8 * 15 + 11),
        (
            lambda: nets.dense_discriminator([19, 8, 1], shape=(19,), projected=3),
            16 * 8 + 8 + 3 * 8,
        ),
    ],
    ids=[
        'dense G',
        'conv G',
        'grey conv G',
        'conv D',
        'spectral D',
        'packed D',
        'kernels',
        'projection',
    ],
)
def test_flops_of_a_sample_are_those_counted_by_hand(net, multiply_adds):
    assert cost(net()) == 2 * multiply_adds


def test_flops_of_a_convolution_are_those_of_its_loops():
    """Every product that the definition of a convolution takes, those with the border's zeros too."""
    net = nets.conv_discriminator((2, 8, 8), width=3, depth=1, batchnorm=False)
    conv = next(row for row in net.rows() if row.layer == 'Conv')
    channels, height, width = conv.output
    loops = sum(1 for _ in np.ndindex(channels, height, width, 2, 4, 4))
    assert conv.flops == 2 * loops


def test_a_slice_tells_no_flops():
    assert 'FLOPs' in repr(nets.dense_generator([5, 8, 16])[:1])
    assert all(row.flops is not None for row in nets.dense_generator([5, 8, 16]).rows())


# The command


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    changes = {'network': 'conv', 'conv_width': 8, 'dis_spectral': True, 'pack': 2}
    return tiny.begun(tmp_path_factory.mktemp('summary'), until=2, **changes).folder


@pytest.fixture
def exports(run, tmp_path, monkeypatch):
    """G and D of the run."""
    monkeypatch.setattr(comparing, 'same_bits', lambda *_: None)
    for network in ('gen', 'dis'):
        assert (
            tiny.gluongan(
                'export', run, '--out', tmp_path / network, '--network', network
            ).exit_code
            == 0
        )
    return tmp_path


def totals(*words):
    result = tiny.gluongan('summary', *words)
    assert result.exit_code == 0, result.stderr
    return [line.split()[1:] for line in result.stdout.splitlines() if line.startswith('total')]


def test_an_export_has_the_totals_of_its_run(run, exports):
    gen, dis = totals(run)
    assert totals(exports / 'gen') == [gen] and totals(exports / 'dis') == [dis]
    assert totals(run, '--network', 'dis') == [dis] and gen != dis


def test_default_recipe_has_its_counts(run):
    assert [row[0] for row in totals('dense')] == ['1,493,520', '533,505']


def test_what_is_not_there_is_refused(exports, monkeypatch):
    monkeypatch.chdir(exports)
    assert 'discriminator' in tiny.refused('summary', 'dis', '--network', 'gen')
    assert '--graph x.png' in tiny.refused('summary', 'dense', '--graph', 'x.png')
    (exports / 'gen' / 'generator-symbol.json').write_text('{}')
    assert 'generator-symbol.json' in tiny.refused('summary', 'gen', code=1)


@pytest.mark.skipif(not shutil.which('dot'), reason='needs apt-get install graphviz')
@pytest.mark.parametrize('words', [('gen',), ('dis',), ('sngan', '--network', 'dis')], ids=str)
def test_drawing_has_a_box_for_every_step_and_an_arrow_into_it(exports, monkeypatch, words):
    monkeypatch.chdir(exports)
    assert tiny.gluongan('summary', *words, '--graph', 'x.svg').exit_code == 0
    texts = [
        each.text for each in ElementTree.parse('x.svg').iter('{http://www.w3.org/2000/svg}text')
    ]
    if len(words) == 1:
        graph = gg.load_export(words[0]).graph
        assert [
            op for op in (node.op for node in graph.nodes) if op in ('Deconvolution', 'Convolution')
        ] == [text for text in texts if text in ('Deconvolution', 'Convolution')]
    assert 'data' in texts and any(text.startswith('gives ') for text in texts)


def test_drawing_without_graphviz_names_the_package(monkeypatch, tmp_path):
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.chdir(tmp_path)
    result = tiny.gluongan('summary', 'dense', '--graph', 'x.svg')
    assert (
        result.exit_code == 1
        and 'apt-get install graphviz' in result.stderr
        and not list(tmp_path.iterdir())
    )


def test_names_out_of_a_file_stay_text_in_the_drawing(tmp_path):
    graph, found = summary.graph_of(nets.dense_generator([4, 8, 16]), 1)
    odd = [
        node._replace(name='<b>\\N"&') if node.name == 'layer0_bias' else node
        for node in graph.nodes
    ]
    if not shutil.which('dot'):
        pytest.skip('needs apt-get install graphviz')
    ElementTree.parse(
        summary.draw(type(graph)(tuple(odd), graph.output), found, tmp_path / 'x.svg')
    )


def test_rows_of_a_graph_count_each_weight_once(exports):
    loaded = gg.load_export(exports / 'dis')
    table = summary.rows(loaded.graph, loaded.weights, loaded.shapes, loaded.rows)
    assert sum(row.parameters for row in table) == sum(
        each.size for each in loaded.weights.values()
    )
    assert table[0].output == loaded.manifest.input.shape and table[-1].output == ()
    assert loaded.network()(mx.nd.zeros((loaded.rows, *table[0].output))).shape == (
        loaded.rows // 2,
    )
