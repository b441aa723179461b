"""A graph out of a file is computed only where every step of it is one that our networks take, and fits."""

from __future__ import annotations

import pytest
from tampering import SYMBOL, edit, honest, lying, refused

import gluongan as gg
from gluongan.exports.onnx_ops import ENTRIES
from gluongan.exports.operators import MOST_VALUES, OPERATORS
from gluongan.runtime import mx


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The export of a small G."""
    return honest(tmp_path, monkeypatch)


def test_every_operator_that_may_be_loaded_can_be_written_as_onnx():
    assert set(OPERATORS) == set(ENTRIES)


@pytest.mark.parametrize(
    'op', ['Custom', '_CustomFunction', '_Native', 'Embedding', '_zeros', '_foreach', 'RNN']
)
def test_an_operator_that_our_networks_do_not_use_is_refused(folder, op):
    edit(folder / SYMBOL, lambda graph: graph['nodes'][3].update(op=op, attrs={'op_type': 'os'}))
    lying(folder)
    refused(folder, SYMBOL, op, 'none of gluongan')


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
def test_an_operator_told_otherwise_is_refused(folder, attrs):
    edit(folder / SYMBOL, lambda graph: graph['nodes'][3].update(attrs=attrs))
    lying(folder)
    refused(folder)


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
    ids=range(9),
)
def test_a_graph_that_is_none_is_refused(folder, change):
    edit(folder / SYMBOL, change)
    lying(folder)
    refused(folder)


def test_a_step_that_leads_nowhere_is_refused(folder):
    """What MXNet would drop without a word is not looked at by anybody."""
    edit(
        folder / SYMBOL,
        lambda graph: graph['nodes'].append({'op': 'exp', 'name': 'beside', 'inputs': [[0, 0, 0]]}),
    )
    lying(folder)
    refused(folder, 'lead nowhere')


@pytest.mark.parametrize(
    'text',
    ['[' * 10**6, '9' * 10_000, '{}', 'null', '{"nodes": [], "heads": []}'],
    ids=lambda text: text[:9],
)
def test_json_that_is_no_graph_is_refused(folder, text):
    (folder / SYMBOL).write_text(text)
    lying(folder)
    refused(folder, SYMBOL)


def test_a_graph_that_would_fill_the_memory_is_refused_before_anything_is_computed(folder):
    """Each step doubles the values: after 40 of them there are 10^13."""

    def grow(graph):
        nodes = graph['nodes']
        for step in range(40):
            last = len(nodes) - 1
            nodes.append(
                {
                    'op': 'Concat',
                    'name': f'c{step}',
                    'attrs': {'dim': '1', 'num_args': '2'},
                    'inputs': [[last, 0, 0]] * 2,
                }
            )
        graph['heads'] = [[len(nodes) - 1, 0, 0]]

    edit(folder / SYMBOL, grow)
    lying(folder)
    refused(folder, f'{MOST_VALUES:,} values')


def test_a_graph_of_thousands_of_steps_loads_or_is_refused(folder):
    def grow(graph):
        nodes = graph['nodes']
        nodes[-1]['name'], last = 'before', len(nodes) - 1
        for step in range(4900):
            nodes.append({'op': 'Flatten', 'name': f'f{step}', 'inputs': [[last + step, 0, 0]]})
        nodes.append(
            {
                'op': 'Reshape',
                'name': 'sample',
                'attrs': {'shape': '(-1, 1, 8, 8)'},
                'inputs': [[len(nodes) - 1, 0, 0]],
            }
        )
        graph['heads'] = [[len(nodes) - 1, 0, 0]]

    edit(folder / SYMBOL, grow)
    lying(folder)
    assert gg.load_export(folder).network()(mx.nd.zeros((64, 6))).shape == (64, 1, 8, 8)
