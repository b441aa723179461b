"""Makes one operator of the many small ones behind a network's last layer, such as a loss."""

from __future__ import annotations

from typing import Any

from .graph import used_nodes

RawNode = dict[str, Any]
Entry = tuple[int, int]  # a node, and which of its outputs

FORMULA = 'gluongan_formula'

# MXNet's operators by what formula.cc calls them.
OF_TWO = {'elemwise_add': 'add', 'elemwise_sub': 'subtract'}
OF_TWO_SHAPES = {'broadcast_add': 'add', 'broadcast_sub': 'subtract'}  # one must be a single number
WITH_SCALAR = {
    '_mul_scalar': 'scale',
    '_plus_scalar': 'plus',
    '_minus_scalar': 'minus',
    '_rminus_scalar': 'from',
}
ALONE = {'square': 'square', 'relu': 'relu', 'BlockGrad': 'constant', 'stop_gradient': 'constant'}
ACTIVATIONS = {'relu': 'relu', 'softrelu': 'softplus'}


def fuse_formula(nodes: list[RawNode], heads: list[list[int]], needing: set[int]) -> bool:
    """Let one operator compute what is behind the last layers; return whether there is such a part.

    It ends in the graph's outputs, has a mean in it, and only operators that formula.cc knows. The
    last of its nodes becomes the operator.

    needing: the nodes whose gradient is wanted.
    """
    used = used_nodes(nodes, heads)
    possible = {index for index in used if _instructions(nodes[index]) is not None}
    possible -= _with_unknown_shapes(nodes)
    part = _last_part(nodes, used, possible)
    if not any(nodes[index]['op'] == 'mean' for index in part):
        return False
    sources = _sources(nodes, part)
    wanted = needing.intersection(source for source, _ in sources)
    if not wanted or _are_read(wanted, nodes, used - part):
        return False
    program = _Program(sources)
    for index in sorted(part):
        program.add(index, nodes[index])
    _end_in(program, heads, last=max(part))
    nodes[max(part)].update(
        op=FORMULA,
        attrs={'inputs': str(len(sources)), 'program': program.text()},
        inputs=[[*source, 0] for source in sources],
    )
    return True


def _end_in(program: _Program, heads: list[list[int]], last: int) -> None:
    """Make outputs of the program those of the graph that it computes."""
    for head in heads:
        value = program.value_of((head[0], head[1]))
        if value is not None:
            head[:2] = [last, program.add_output(value)]


def _with_unknown_shapes(nodes: list[RawNode]) -> set[int]:
    """Return the nodes that may bring two values to a shape that neither of them has."""
    single: set[int] = set()
    unknown: set[int] = set()
    for index, node in enumerate(nodes):
        are_single = [edge[0] in single for edge in node['inputs']]
        is_known = _instructions(node) is not None and bool(are_single)
        if is_known and (node['op'] == 'mean' or all(are_single)):
            single.add(index)
        if node['op'] in OF_TWO_SHAPES and not any(are_single):
            unknown.add(index)
    return unknown


def _last_part(nodes: list[RawNode], used: set[int], possible: set[int]) -> set[int]:
    """Return the used nodes that can be in a formula and that only such nodes read."""
    part: set[int] = set()
    outside: set[int] = set()
    for index in sorted(used, reverse=True):
        if index in outside or index not in possible:
            outside.update(edge[0] for edge in nodes[index]['inputs'])
        else:
            part.add(index)
    return part


def _sources(nodes: list[RawNode], part: set[int]) -> list[Entry]:
    """Return what the nodes of a part read from outside of it."""
    sources: dict[Entry, None] = {}
    for index in sorted(part):
        for source, output, *_ in nodes[index]['inputs']:
            if source not in part:
                sources[source, output] = None
    return list(sources)


def _are_read(sources: set[int], nodes: list[RawNode], readers: set[int]) -> bool:
    """Return whether any of the sources has one of these readers.

    An operator of a library cannot add its gradient to another reader's.
    """
    return any(edge[0] in sources for index in readers for edge in nodes[index]['inputs'])


class _Program:
    """Instructions of formula.cc, one for each value after the inputs."""

    def __init__(self, inputs: list[Entry]) -> None:
        self._values = {entry: value for value, entry in enumerate(inputs)}
        self._count = len(inputs)
        self._lines: list[str] = []
        self._outputs: list[int] = []

    def add(self, index: int, node: RawNode) -> None:
        """Add what a node computes."""
        read = [self._values[source, output] for source, output, *_ in node['inputs']]
        for output, (name, *numbers) in enumerate(_instructions(node) or ()):
            self._lines.append(' '.join([name, *map(str, read), *numbers]))
            self._values[index, output] = self._count
            self._count += 1

    def value_of(self, entry: Entry) -> int | None:
        """Return which value an output of a node is, None where it is none of the program's."""
        return self._values.get(entry)

    def add_output(self, value: int) -> int:
        """Return which output a value becomes."""
        self._outputs.append(value)
        return len(self._outputs) - 1

    def text(self) -> str:
        """Return the program as the operator reads it."""
        outputs = [f'output {value}' for value in self._outputs]
        return ';'.join([*self._lines, *outputs])


def _instructions(node: RawNode) -> list[tuple[str, ...]] | None:
    """Return an instruction for each output of a node, without its values; None if there is none.

    A number is written as MXNet wrote it.
    """
    op, attributes = node['op'], node['attrs']
    name = OF_TWO.get(op) or OF_TWO_SHAPES.get(op) or ALONE.get(op)
    if op == 'Activation':
        name = ACTIVATIONS.get(attributes['act_type'])
    if name is not None:
        return [(name,)]
    if op in WITH_SCALAR:
        return [(WITH_SCALAR[op], attributes['scalar'])]
    if op == 'mean' and _is_of_everything(attributes):
        return [('mean',)]
    if op == 'Reshape' and attributes['shape'] == '(-1,)':
        return [('flat',)]
    if op == 'SliceChannel' and _is_in_halves(attributes):
        return [('part', '0'), ('part', '1')]
    if op == 'slice_axis' and _is_column(attributes):
        return [('column', attributes['begin'])]
    return None


def _is_of_everything(attributes: dict[str, str]) -> bool:
    if attributes.get('axis', '()') not in ('()', 'None'):
        return False
    return all(attributes.get(name, '0') in ('False', '0') for name in ('keepdims', 'exclude'))


def _is_in_halves(attributes: dict[str, str]) -> bool:
    is_squeezed = attributes.get('squeeze_axis', '0') not in ('False', '0')
    return (attributes['num_outputs'], attributes['axis']) == ('2', '0') and not is_squeezed


def _is_column(attributes: dict[str, str]) -> bool:
    begin, end = attributes['begin'], attributes['end']
    if attributes['axis'] != '1' or not begin.isdigit() or not end.isdigit():
        return False
    return int(end) == int(begin) + 1
