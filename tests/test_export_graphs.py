"""A graph from a file is computed only where gluongan's networks have all of its operators."""

from __future__ import annotations

import pytest
from tampering import SYMBOL, assert_refused, edit, export_small, reseal

import gluongan as gg
from gluongan.exports.onnx_ops import CONVERTERS
from gluongan.exports.operators import MAX_VALUES, OPERATORS, infer_shapes
from gluongan.nn.graph import VARIABLE, Graph, Node
from gluongan.runtime import mx


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The export of a small generator."""
    return export_small(tmp_path, monkeypatch)


def test_every_operator_that_may_be_loaded_can_be_written_as_onnx():
    assert set(OPERATORS) == set(CONVERTERS)


@pytest.mark.parametrize(
    'op', ['Custom', '_CustomFunction', '_Native', 'Embedding', '_zeros', '_foreach', 'RNN']
)
def test_an_operator_that_our_networks_do_not_use_is_refused(folder, op):
    edit(folder / SYMBOL, lambda graph: graph['nodes'][3].update(op=op, attrs={'op_type': 'os'}))
    reseal(folder)
    assert_refused(folder, SYMBOL, op, "must be one that gluongan's networks use")


@pytest.mark.parametrize('shape', [(0, 4), (1, 0, 28), ()])
def test_a_shape_without_a_value_is_refused(shape):
    graph = Graph((Node(VARIABLE, 'data', {}, ()),), output=0)
    with pytest.raises(ValueError, match='the node data, which does not fit'):
        infer_shapes(graph, {'data': shape}, batch=1)


@pytest.mark.parametrize(
    'attrs',
    [
        {'num_hidden': '999999999'},
        {'num_hidden': '-1'},
        {'num_hidden': '8', 'no_bias': 'yes'},
        {},
        {'num_hidden': '8', 'no_bias': 'False', 'flatten': 'False'},
        {'num_hidden': '8', 'no_bias': 'False', 'lib': 'x.so'},
    ],
    ids=str,
)
def test_attributes_that_our_networks_do_not_have_are_refused(folder, attrs):
    edit(folder / SYMBOL, lambda graph: graph['nodes'][3].update(attrs=attrs))
    reseal(folder)
    assert_refused(folder)


@pytest.mark.parametrize(
    'change',
    [
        lambda graph: graph['nodes'][3].update(inputs=[[3, 0, 0], [1, 0, 0], [2, 0, 0]]),
        lambda graph: graph['nodes'][3].update(inputs=[[9, 0, 0], [1, 0, 0], [2, 0, 0]]),
        lambda graph: graph['nodes'][3].update(inputs=[[-1, 0, 0], [1, 0, 0], [2, 0, 0]]),
        lambda graph: graph['nodes'][3].update(inputs=[[0, 1, 0], [1, 0, 0], [2, 0, 0]]),
        lambda graph: graph.update(heads=graph['heads'] * 2),
        lambda graph: graph.update(heads=[]),
        lambda graph: graph.update(heads=[[3, 0, 0]]),
        lambda graph: graph['nodes'][1].update(name='data'),
        lambda graph: graph.update(nodes=graph['nodes'] * 1000),
    ],
    ids=[
        'a node that feeds itself',
        'an input from a later node',
        'a negative index',
        'a second output of a node',
        'two outputs',
        'no output',
        'another output',
        'two nodes of one name',
        'too many nodes',
    ],
)
def test_an_impossible_graph_is_refused(folder, change):
    edit(folder / SYMBOL, change)
    reseal(folder)
    assert_refused(folder)


def test_a_node_that_the_output_does_not_depend_on_is_refused(folder):
    """MXNet would drop it without a word."""
    unused = {'op': 'exp', 'name': 'unused', 'inputs': [[0, 0, 0]]}
    edit(folder / SYMBOL, lambda graph: graph['nodes'].append(unused))
    reseal(folder)
    assert_refused(folder, 'does not depend on')


@pytest.mark.parametrize(
    'text',
    ['[' * 10**6, '9' * 10_000, '{}', 'null', '{"nodes": [], "heads": []}'],
    ids=lambda text: text[:9],
)
def test_json_that_is_not_a_graph_is_refused(folder, text):
    (folder / SYMBOL).write_text(text)
    reseal(folder)
    assert_refused(folder, SYMBOL)


def test_a_graph_that_would_fill_the_memory_is_refused_before_anything_is_computed(folder):
    """Each node doubles the values: after 40 of them there are 10^13."""

    def grow(graph):
        nodes = graph['nodes']
        for step in range(40):
            last = len(nodes) - 1
            node = {
                'op': 'Concat',
                'name': f'concat{step}',
                'attrs': {'dim': '1', 'num_args': '2'},
                'inputs': [[last, 0, 0]] * 2,
            }
            nodes.append(node)
        graph['heads'] = [[len(nodes) - 1, 0, 0]]

    edit(folder / SYMBOL, grow)
    reseal(folder)
    assert_refused(folder, f'{MAX_VALUES:,} values')


def test_a_graph_of_thousands_of_nodes_loads(folder):
    def grow(graph):
        nodes = graph['nodes']
        nodes[-1]['name'] = 'before'
        for step in range(4900):
            last = len(nodes) - 1
            nodes.append({'op': 'Flatten', 'name': f'flat{step}', 'inputs': [[last, 0, 0]]})
        output = {
            'op': 'Reshape',
            'name': 'sample',
            'attrs': {'shape': '(-1, 1, 8, 8)'},
            'inputs': [[len(nodes) - 1, 0, 0]],
        }
        nodes.append(output)
        graph['heads'] = [[len(nodes) - 1, 0, 0]]

    edit(folder / SYMBOL, grow)
    reseal(folder)
    assert gg.load_export(folder).network()(mx.nd.zeros((64, 6))).shape == (64, 1, 8, 8)
