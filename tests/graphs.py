"""Reads the graphs that training runs."""

import json

from gluongan.nn.chains import CHAIN


def nodes_of(symbol):
    """The nodes of a graph as dictionaries with `op` and `attrs`, those within a chain as well."""
    nodes = []
    for node in json.loads(symbol.tojson(remove_amp_cast=False))['nodes']:
        attributes = node.get('attrs', {})
        if node['op'] == CHAIN:
            nodes += map(_link, attributes['links'].split('\n'))
        else:
            nodes.append({'op': node['op'], 'attrs': attributes})
    return nodes


def _link(line):
    name, *attributes = line.split('\t')
    return {'op': name, 'attrs': dict(each.split('=', 1) for each in attributes)}
