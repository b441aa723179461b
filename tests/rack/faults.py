"""What `tests/faults.py` makes wrong in a source, in which order, and what is no fault at all."""

from __future__ import annotations

import ast
import copy
import json
import random
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
EQUIVALENT = Path(__file__).with_name('equivalent_faults.jsonl')
OTHER = {
    **{ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt},
    **{ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is},
    **{ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And},
    **{ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult},
    **{ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult},
}
SYMMETRIC = ('max', 'min', 'maximum', 'minimum', 'array_equal')  # the order changes nothing


class Fault(NamedTuple):
    """The bytes old, which start there, become new; the lines before become after.

    names: of the classes and functions around it.
    """

    path: str
    line: int
    kind: str
    start: int
    old: str
    new: str
    names: tuple[str, ...]
    before: str
    after: str

    @property
    def text(self):
        """What tells a fault from others, also when other lines of its module have changed."""
        return self.path, '.'.join(self.names), self.before, self.after


def change(node):
    """Return (kind, changed copy) of an expression or statement, None where it stays as it is."""
    changed = copy.deepcopy(node)
    if isinstance(node, ast.Compare):
        changed.ops[0] = OTHER[type(node.ops[0])]()
        return 'comparison', changed
    if isinstance(node, (ast.BoolOp, ast.BinOp)) and type(node.op) in OTHER:
        changed.op = OTHER[type(node.op)]()
        return 'and, or' if isinstance(node, ast.BoolOp) else 'arithmetic', changed
    if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float)):
        changed.value = not node.value if isinstance(node.value, bool) else node.value + 1
        return 'constant', changed
    if isinstance(node, ast.Call) and len(node.args) > 1:
        changed.args[:2] = changed.args[1::-1]
        starred = any(isinstance(argument, ast.Starred) for argument in node.args[:2])
        same = ast.dump(changed) == ast.dump(node)
        same |= ast.unparse(node.func).rpartition('.')[2] in SYMMETRIC
        return None if starred or same else ('swapped arguments', changed)
    effect = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    if isinstance(node, ast.Assign):
        effect = isinstance(node.targets[0], (ast.Attribute, ast.Subscript))
    if effect or isinstance(node, (ast.AugAssign, ast.Raise)):
        return 'dropped statement', ast.Pass()
    return None


def faults_of(path):
    """Yield every fault of a module."""
    text = (ROOT / path).read_bytes()
    lines = text.splitlines(keepends=True)

    def walk(node, names, kind=None):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names = (*names, node.name)
        if change(node):
            kind, changed = kind or change(node)[0], change(node)[1]
            first, last = (sum(map(len, lines[:to])) for to in (node.lineno - 1, node.end_lineno))
            start = first + node.col_offset
            end = last - len(lines[node.end_lineno - 1]) + node.end_col_offset
            old, new = text[start:end].decode(), ast.unparse(changed)
            after = text[first:start].decode() + new + text[end:last].decode()
            edit = (text[first:last].decode().strip(), after.strip())
            yield Fault(path, node.lineno, kind, start, old, new, names, *edit)
        for field, value in ast.iter_fields(node):
            for child in value if isinstance(value, list) else [value]:
                # The places of what stands in f-strings are unknown before Python 3.12.
                wanted = isinstance(child, ast.AST) and not isinstance(child, ast.JoinedStr)
                if wanted and field not in ('annotation', 'returns'):
                    yield from walk(child, names, 'default' if 'defaults' in field else None)

    yield from walk(ast.parse(text), ())


def draw(seed, only):
    """Yield faults until none is left: the modules take turns, each kind is as likely."""
    chance = random.Random(seed)
    paths = [*(ROOT / 'gluongan').rglob('*.py'), *(ROOT / 'cli').rglob('*.py')]
    paths = sorted(str(path.relative_to(ROOT)) for path in paths)
    left = {path: list(faults_of(path)) for path in paths if path.startswith(only)}
    while any(left.values()):
        for path in chance.sample(list(left), len(left)):
            if left[path]:
                kind = chance.choice(sorted({fault.kind for fault in left[path]}))
                fault = chance.choice([fault for fault in left[path] if fault.kind == kind])
                left[path].remove(fault)
                yield fault


def equivalent():
    """Return {text of a fault: why nobody can observe it}."""
    rows = map(json.loads, EQUIVALENT.read_text(encoding='utf-8').splitlines())
    return {
        tuple(row[key] for key in ('path', 'function', 'before', 'after')): row['why']
        for row in rows
    }


def found_again(rows):
    """Yield the faults of earlier results that are still possible, wherever they stand now."""
    for row in rows:
        text = (row['path'], '.'.join(row['names']), row['before'], row['after'])
        if (ROOT / row['path']).exists():
            yield from [fault for fault in faults_of(row['path']) if fault.text == text][:1]
