"""The shape of the source itself: who may import whom, how long things may be, what must never be in it."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / 'gluongan'
MODULES = {
    '.'.join(path.relative_to(ROOT).with_suffix('').parts).removesuffix('.__init__'): path
    for path in sorted(PACKAGE.rglob('*.py'))
}
COMMANDS = sorted((ROOT / 'cli').rglob('*.py'))
SOURCES = [*MODULES.values(), *COMMANDS]
TREES = {path: ast.parse(path.read_text(encoding='utf-8')) for path in SOURCES}
NAMES = [str(path.relative_to(ROOT)) for path in SOURCES]

FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


def is_for_types_only(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == 'TYPE_CHECKING'


def running(tree):
    """Every node but those beneath `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        if not is_for_types_only(node):
            yield node
            yield from running(node)


def imports(path):
    """The dotted names of what a source imports, also inside of functions; `from .x import y` gives its x and x.y."""
    inside = path.relative_to(ROOT).with_suffix('').parts
    found = set()
    for node in running(TREES[path]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = inside[: len(inside) - node.level] if node.level else ()
            base = '.'.join([*above, *filter(None, [node.module])])
            found |= {base} | {f'{base}.{alias.name}' for alias in node.names}
    return found


def room(name):
    """Which room of the house a dotted name is of: gluongan.data.idx is of `data`."""
    parts = name.split('.')
    return (
        parts[1]
        if parts[0] == 'gluongan' and len(parts) > 1 and f'gluongan.{parts[1]}' in MODULES
        else None
    )


ROOMS = {room(name) for name in MODULES} - {None}
NEEDS = {
    here: {
        room(name)
        for module, path in MODULES.items()
        if room(module) == here
        for name in imports(path)
    }
    - {here, None}
    for here in ROOMS
}


# Imports point one way


def test_no_room_needs_itself_by_way_of_others():
    order, waiting = [], dict(NEEDS)
    while ready := [here for here, needs in waiting.items() if needs <= set(order)]:
        order += ready
        for here in ready:
            del waiting[here]
    circle = {here: needs - set(order) for here, needs in waiting.items()}
    assert circle == {}, 'these import each other in a circle'


@pytest.mark.parametrize(
    'here',
    ['data', 'layers', 'losses', 'metrics', 'nets', 'noise', 'optimizer', 'sampling', 'update'],
)
def test_what_computes_never_sees_a_config(here):
    def all_needs(name, seen):
        for needed in NEEDS[name] - seen:
            all_needs(needed, seen | {needed})
            seen.add(needed)
        return seen

    assert (
        all_needs(here, set())
        & {'config', 'recipes', 'runs', 'build', 'trainer', 'extensions', 'snapshot'}
        == set()
    )


def test_the_package_imports_nothing_that_stands_outside_of_it():
    outside = {
        name
        for path in MODULES.values()
        for name in imports(path)
        if name.split('.')[0] in ('cli', 'tests', 'benchmarks') or name.startswith('gluongan.cli')
    }
    assert outside == set()


def test_mxnet_comes_in_by_one_door():
    doors = {
        str(path.relative_to(ROOT))
        for path in SOURCES
        if any(name.split('.')[0] == 'mxnet' for name in imports(path))
    }
    assert doors == {'gluongan/runtime.py'}


WITHOUT_MXNET = [
    'comparison',
    'config',
    'recipes',
    'trainer',
    'runs',
    *(
        name.removeprefix('gluongan.')
        for name in MODULES
        if room(name) in ('evaluation', 'figures', 'metrics')
    ),
    *(f'bench.{name}' for name in ('trial', 'trials', 'cases', 'measure', 'report', 'chart')),
]


@pytest.mark.parametrize('names', [WITHOUT_MXNET], ids=['figures, metrics, trainer, runs, trials'])
def test_what_needs_no_mxnet_does_not_import_it(python, names):
    code = (
        f'import sys\nfrom importlib import import_module\nfor name in {names}:\n'
        '    import_module("gluongan." + name)\n    print(name if "mxnet" in sys.modules else "")'
    )
    assert python(code).split() == []


def test_importing_gluongan_imports_neither_mxnet_nor_numpy(python):
    assert (
        python(
            'import sys, gluongan; dir(gluongan); print({"mxnet", "numpy", "PIL"} & set(sys.modules))'
        )
        == 'set()'
    )


def test_every_public_name_is_there_and_no_other(python):
    code = (
        'import gluongan\nfor name in gluongan.__all__:\n    assert getattr(gluongan, name) is not None\n'
        'print(set(gluongan.__all__) <= set(dir(gluongan)), callable(gluongan.export), hasattr(gluongan, "nope"))'
    )
    assert python(code) == 'True True False'


# What must never be in it

FORBIDDEN_MODULES = {
    'pickle',
    'cPickle',
    'dill',
    'joblib',
    'shelve',
    'marshal',
    'yaml',
    'cloudpickle',
}


@pytest.mark.parametrize('path', SOURCES, ids=NAMES)
def test_no_pickle_no_yaml_and_nothing_that_runs_text(path):
    assert {name.split('.')[0] for name in imports(path)} & FORBIDDEN_MODULES == set()
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in (
                'eval',
                'exec',
                'compile',
                '__import__',
                'os.system',
            ), node.lineno
            for word in node.keywords:
                assert (
                    word.arg not in ('allow_pickle', 'shell') or ast.unparse(word.value) == 'False'
                ), node.lineno
            if ast.unparse(node.func) == 'np.load':
                assert 'allow_pickle' in {word.arg for word in node.keywords}, node.lineno


@pytest.mark.parametrize('path', MODULES.values(), ids=MODULES)
def test_nothing_swallows_a_typo(path):
    """Only a private helper may take `**kwargs`; a public function or constructor names all that it takes."""
    body = TREES[path].body
    outer = [
        *body,
        *(inner for each in body if isinstance(each, ast.ClassDef) for inner in each.body),
    ]
    named = [
        node
        for node in outer
        if isinstance(node, FUNCTION) and (node.name == '__init__' or not node.name.startswith('_'))
    ]
    assert [f'{node.name} in line {node.lineno}' for node in named if node.args.kwarg] == []


def test_no_drawer_for_odds_and_ends():
    parts = {part for path in SOURCES for part in (path.stem, *path.relative_to(ROOT).parts)}
    assert parts & {'utils', 'util', 'helpers', 'common', 'misc'} == set()


# How long things may be


@pytest.mark.parametrize(
    'path',
    [*SOURCES, *sorted((ROOT / 'tests').rglob('*.py'))],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_a_file_has_at_most_250_lines(path):
    assert len(path.read_text(encoding='utf-8').splitlines()) <= 250


def functions(path):
    return [node for node in ast.walk(TREES[path]) if isinstance(node, FUNCTION)]


def length(function):
    """Lines of a function's body without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def test_no_function_is_longer_than_50_lines_and_half_of_them_not_than_8():
    lengths = {
        f'{path.relative_to(ROOT)}:{node.lineno} {node.name}': length(node)
        for path in SOURCES
        for node in functions(path)
    }
    assert {name: lines for name, lines in lengths.items() if lines > 50} == {}
    assert statistics.median(lengths.values()) <= 8 and len(lengths) > 150


# What a reader may count on


@pytest.mark.parametrize('path', SOURCES, ids=NAMES)
def test_what_is_public_is_documented_and_typed(path):
    tree = TREES[path]
    assert ast.get_docstring(tree), 'the module has no docstring'
    for node in tree.body:
        if isinstance(node, (*FUNCTION, ast.ClassDef)) and not node.name.startswith('_'):
            assert ast.get_docstring(node), f'line {node.lineno}: {node.name} has no docstring'
    classes = [
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith('_')
    ]
    for node in [*tree.body, *(inner for each in classes for inner in each.body)]:
        if isinstance(node, FUNCTION):
            assert node.returns is not None, (
                f'line {node.lineno}: {node.name} does not say what it returns'
            )
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            untyped = [
                arg.arg
                for arg in given
                if arg.annotation is None and arg.arg not in ('self', 'cls')
            ]
            assert untyped == [], f'line {node.lineno}: {node.name} has untyped {untyped}'


@pytest.mark.parametrize('path', SOURCES, ids=NAMES)
def test_annotations_are_never_evaluated(path):
    assert len(TREES[path].body) < 2 or 'from __future__ import annotations' in path.read_text(
        encoding='utf-8'
    )
