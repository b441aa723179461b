"""What the package tells type checkers is what it does: a typed program of a user runs."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import typed_program

import gluongan

ROOT = Path(__file__).parent.parent
STUBS = sorted((ROOT / 'gluongan' / '_mxnet').rglob('*.pyi'))


def test_a_typed_program_trains_samples_evaluates_and_exports(tmp_path):
    values = typed_program.main(tmp_path)
    assert values and all(isinstance(value, float) for value in values.values())
    assert list(tmp_path.glob('runs/00000-run/log.jsonl'))


def names_for_type_checkers():
    """Those that gluongan/__init__.py imports for type checkers alone, with their modules."""
    tree = ast.parse((ROOT / 'gluongan' / '__init__.py').read_text(encoding='utf-8'))
    block = next(
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == 'TYPE_CHECKING'
    )
    return [(alias.asname, node.module, alias.name) for node in block.body for alias in node.names]


FOR_TYPE_CHECKERS = names_for_type_checkers()


def test_type_checkers_see_every_public_name_and_no_other():
    assert sorted(name for name, *_ in FOR_TYPE_CHECKERS) == sorted(gluongan.__all__)


@pytest.mark.parametrize(
    ('name', 'module', 'original'),
    FOR_TYPE_CHECKERS,
    ids=[name for name, *_ in FOR_TYPE_CHECKERS],
)
def test_a_public_name_is_what_type_checkers_take_it_for(name, module, original):
    from importlib import import_module

    home = import_module(f'gluongan.{module}' if module else 'gluongan')
    assert getattr(gluongan, name) is getattr(home, original)


def described(stub):
    """The functions, classes and methods that a stub of MXNet describes, as dotted names."""
    made_up = ('__getattr__', '__iter__')  # mypy wants the second, Python iterates by __getitem__
    for node in ast.parse(stub.read_text(encoding='utf-8')).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name not in made_up:
            yield node.name
        for member in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(member, ast.FunctionDef) and member.name not in made_up:
                yield f'{node.name}.{member.name}'


@pytest.mark.parametrize('stub', STUBS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_the_types_say_of_mxnet_exists_in_mxnet(stub):
    from gluongan.runtime import mx

    module = mx
    for part in stub.relative_to(ROOT / 'gluongan' / '_mxnet').with_suffix('').parts:
        module = module if part == '__init__' else getattr(module, part)
    missing = []
    for name in described(stub):
        found = module
        for part in name.split('.'):
            found = getattr(found, part, None)
        if found is None:
            missing.append(name)
    assert list(described(stub)) and missing == []
