"""The shape of the source: who may import whom, how long things may be, what is forbidden."""

from __future__ import annotations

import ast
import re
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / 'gluongan'


def module_name(path):
    name = '.'.join(path.relative_to(ROOT).with_suffix('').parts)
    return name.removesuffix('.__init__')


START = PACKAGE / '__main__.py'  # `python -m gluongan`: a door of the command line, and no room
MODULES = {module_name(path): path for path in sorted({*PACKAGE.rglob('*.py')} - {START})}
COMMANDS = [START, *sorted((ROOT / 'cli').rglob('*.py'))]
SOURCES = [*MODULES.values(), *COMMANDS]
TESTS = sorted((ROOT / 'tests').rglob('*.py'))
TREES = {path: ast.parse(path.read_text(encoding='utf-8')) for path in SOURCES}
NAMES = [str(path.relative_to(ROOT)) for path in SOURCES]

FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


def is_for_types_only(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == 'TYPE_CHECKING'


def running_nodes(tree):
    """Every node but those beneath `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        if not is_for_types_only(node):
            yield node
            yield from running_nodes(node)


def imports(path):
    """The dotted names that a source imports, also inside functions.

    `from .x import y` gives both its x and x.y.
    """
    inside = path.relative_to(ROOT).with_suffix('').parts
    names = set()
    for node in running_nodes(TREES[path]):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = inside[: len(inside) - node.level] if node.level else ()
            base = '.'.join([*above, *filter(None, [node.module])])
            names |= {base} | {f'{base}.{alias.name}' for alias in node.names}
    return names


def room(name):
    """The room that a dotted name belongs to: gluongan.data.idx is in `data`."""
    parts = name.split('.')
    if parts[0] != 'gluongan' or len(parts) < 2:
        return None
    return parts[1] if f'gluongan.{parts[1]}' in MODULES else None


ROOMS = {room(name) for name in MODULES} - {None}


def needs(this_room):
    """The other rooms that the modules of a room import from."""
    modules = [path for name, path in MODULES.items() if room(name) == this_room]
    needed = {room(name) for path in modules for name in imports(path)}
    return needed - {this_room, None}


def floors():
    """The floor of each room, as ARCHITECTURE.md draws them."""
    text = (ROOT / 'ARCHITECTURE.md').read_text(encoding='utf-8')
    lines = re.findall(r'^\| (\d+) \| `(\w+)(?:\.py|/)` \|', text, flags=re.M)
    return {name: int(floor) for floor, name in lines}


# The rooms


def test_the_top_level_is_the_one_that_the_architecture_draws():
    assert set(floors()) == ROOMS
    packages = {name for name in ROOMS if (PACKAGE / name).is_dir()}
    assert (len(ROOMS - packages), len(packages)) == (13, 15)


@pytest.mark.parametrize('this_room', sorted(ROOMS))
def test_a_room_imports_from_lower_floors_alone(this_room):
    floor = floors()
    above = {name for name in needs(this_room) if floor[name] >= floor[this_room]}
    assert above == set()


@pytest.mark.parametrize('this_room', ['nn', 'data', 'gan'])
def test_what_computes_never_sees_a_config(this_room):
    below, waiting = set(), {this_room}
    while waiting:
        name = waiting.pop()
        below.add(name)
        waiting |= needs(name) - below
    assert below & {'config', 'recipes', 'runs', 'build', 'trainer', 'extensions'} == set()


def test_the_package_imports_nothing_that_stands_outside_of_it():
    outside = set()
    for path in MODULES.values():
        for name in imports(path):
            top = name.split('.')[0]
            if top in ('cli', 'tests', 'benchmarks') or name.startswith('gluongan.cli'):
                outside.add(name)
    assert outside == set()


# The doors


def test_mxnet_comes_in_by_one_door():
    doors = set()
    for path in SOURCES:
        if any(name.split('.')[0] == 'mxnet' for name in imports(path)):
            doors.add(str(path.relative_to(ROOT)))
    assert doors == {'gluongan/runtime.py'}


def test_no_path_is_resolved_by_what_raises_for_a_loop_of_links():
    resolving = set()
    for path in SOURCES:
        for node in ast.walk(TREES[path]):
            if isinstance(node, ast.Attribute) and node.attr == 'resolve':
                resolving.add(str(path.relative_to(ROOT)))
    # Folders that are there, on disk or in an archive.
    assert resolving == {f'gluongan/data/{name}.py' for name in ('cifar', 'folder', 'idx')}


PRINTING = ('click.echo', 'click.secho', 'print', 'sys.stdout.write', 'sys.stderr.write')


def test_what_is_printed_goes_through_what_makes_it_printable():
    """Names of the user may move the cursor; the package prints nothing but text made printable."""
    bare = set()
    for path in SOURCES:
        for node in ast.walk(TREES[path]):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in PRINTING:
                argument = ast.unparse(node.args[0]) if node.args else ''
                if not argument.startswith('as_printable('):
                    bare.add(str(path.relative_to(ROOT)))
    own_text = {'gluongan/extensions/collapse_alarm.py', 'gluongan/data/bundled.py'}
    assert bare == {'cli/printing.py'} | own_text


def without_mxnet():
    """The modules that promise to work without MXNet."""
    rooms = ('errors', 'files', 'knob', 'config', 'recipes', 'metric_names', 'trainer', 'figures')
    names = [name for name in MODULES if room(name) in (*rooms, 'runs', 'snapshot', 'devices')]
    needing = ('classifier', 'source', 'from_updater', 'density', 'utility', 'latent')
    for name in MODULES:
        if room(name) == 'evaluation' and not any(word in name for word in needing):
            names.append(name)
    names += [
        name
        for name in MODULES
        if name.startswith(('gluongan.pages.report', 'gluongan.pages.live', 'gluongan.jobs'))
    ]
    bench = ('trial', 'trials', 'cases', 'measure', 'report', 'chart')
    return [*names, *(f'gluongan.bench.{name}' for name in bench)]


def test_what_needs_no_mxnet_does_not_import_it(python):
    code = (
        f'import sys\nfrom importlib import import_module\nfor name in {without_mxnet()}:\n'
        '    import_module(name)\n    print(name if "mxnet" in sys.modules else "")'
    )
    assert python(code).split() == []


def test_importing_gluongan_imports_neither_mxnet_nor_numpy(python):
    code = (
        'import sys, gluongan; dir(gluongan); print({"mxnet", "numpy", "PIL"} & set(sys.modules))'
    )
    assert python(code) == 'set()'


def test_every_public_name_exists_and_no_other(python):
    code = (
        'import gluongan\nfor name in gluongan.__all__:\n'
        '    assert getattr(gluongan, name) is not None\n'
        'print(set(gluongan.__all__) <= set(dir(gluongan)), callable(gluongan.export), '
        'hasattr(gluongan, "nope"))'
    )
    assert python(code) == 'True True False'


def spelt_file_names(path):
    """The names of files of a run in the texts of a source, docstrings aside."""
    from gluongan.runs import folder

    names = {value for value in vars(folder).values() if isinstance(value, str)}
    names = {name for name in names if re.search(r'\w\.(json|jsonl|csv|gif)$', name)}
    assert len(names) >= 10
    tree = ast.parse(path.read_text(encoding='utf-8'))
    docstrings = set(map(id, docstring_nodes(tree)))
    spelt = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            name = node.value.rpartition('/')[2]
            if id(node) not in docstrings and name in names:
                spelt.append(f'line {node.lineno}: {name}')
    return spelt


OUTSIDE_RUNS = [path for name, path in MODULES.items() if room(name) != 'runs']
OUTSIDE_RUNS += [*COMMANDS, *sorted((ROOT / 'benchmarks').rglob('*.py'))]


@pytest.mark.parametrize('path', OUTSIDE_RUNS, ids=lambda path: str(path.relative_to(ROOT)))
def test_runs_alone_names_the_files_of_a_run(path):
    assert spelt_file_names(path) == []


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
FORBIDDEN_CALLS = ('eval', 'exec', 'compile', '__import__', 'os.system')


@pytest.mark.parametrize('path', SOURCES, ids=NAMES)
def test_no_pickle_no_yaml_and_nothing_that_runs_text(path):
    assert {name.split('.')[0] for name in imports(path)} & FORBIDDEN_MODULES == set()
    for node in ast.walk(TREES[path]):
        if not isinstance(node, ast.Call):
            continue
        function = ast.unparse(node.func)
        keywords = {word.arg: ast.unparse(word.value) for word in node.keywords}
        assert function not in FORBIDDEN_CALLS, node.lineno
        assert keywords.get('allow_pickle', 'False') == 'False', node.lineno
        assert keywords.get('shell', 'False') == 'False', node.lineno
        if function == 'np.load':
            assert 'allow_pickle' in keywords, node.lineno


@pytest.mark.parametrize('path', MODULES.values(), ids=MODULES)
def test_nothing_swallows_a_typo(path):
    """Only a private helper may take `**kwargs`; a public function names all that it takes."""
    body = TREES[path].body
    classes = [node for node in body if isinstance(node, ast.ClassDef)]
    methods = [node for each in classes for node in each.body]
    swallowing = []
    for node in [*body, *methods]:
        if not isinstance(node, FUNCTION) or node.args.kwarg is None:
            continue
        if node.name == '__init__' or not node.name.startswith('_'):
            swallowing.append(f'{node.name} in line {node.lineno}')
    assert swallowing == []


def docstring_nodes(tree):
    """The constants that are docstrings."""
    for node in ast.walk(tree):
        if isinstance(node, (*FUNCTION, ast.ClassDef, ast.Module)) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                yield first.value


@pytest.mark.parametrize('path', MODULES.values(), ids=MODULES)
def test_the_package_names_settings_and_the_command_line_alone_names_flags(path):
    """A command to run, `gluongan ...` or `pip install ...`, may have its flags."""
    docstrings = set(map(id, docstring_nodes(TREES[path])))
    flags = []
    for node in ast.walk(TREES[path]):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        text = re.sub(r'(gluongan|pip) [^`\'";]*', '', node.value)
        if id(node) not in docstrings and re.search(r'(^|[\s(`])--[a-z]', text):
            flags.append(f'line {node.lineno}: {node.value}')
    assert flags == []


def test_no_drawer_for_odds_and_ends():
    parts = set()
    for path in SOURCES:
        parts |= {path.stem, *path.relative_to(ROOT).parts}
    assert parts & {'utils', 'util', 'helpers', 'common', 'misc'} == set()


def test_networks_run_as_graphs_whose_memory_is_allocated_once():
    """Which is faster, and nothing else: no test of numbers would notice. `bench` measures it."""
    calls = []
    for path in MODULES.values():
        nodes = [node for node in ast.walk(TREES[path]) if isinstance(node, ast.Call)]
        if room(module_name(path)) != 'bench':
            calls += [ast.unparse(node) for node in nodes]
    calls = {call.partition('.hybridize')[2] for call in calls if '.hybridize(' in call}
    assert calls == {'(static_alloc=True)'}


# How long things may be


@pytest.mark.parametrize('path', [*SOURCES, *TESTS], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_has_at_most_400_lines(path):
    assert len(path.read_text(encoding='utf-8').splitlines()) <= 400


def length(function):
    """Lines of a function's body without its docstring."""
    body = function.body
    if ast.get_docstring(function) is not None:
        body = body[1:]
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def test_no_function_is_longer_than_50_lines_and_half_of_them_not_than_8():
    lengths = {}
    for path in SOURCES:
        for node in ast.walk(TREES[path]):
            if isinstance(node, FUNCTION):
                lengths[f'{path.relative_to(ROOT)}:{node.lineno} {node.name}'] = length(node)
    assert {name: lines for name, lines in lengths.items() if lines > 50} == {}
    assert statistics.median(lengths.values()) <= 8 and len(lengths) > 150


def lines_of_code(path):
    """The number of lines that are neither blank nor a comment nor part of a docstring."""
    text = path.read_text(encoding='utf-8')
    documentation = set()
    for node in docstring_nodes(ast.parse(text)):
        documentation |= set(range(node.lineno, node.end_lineno + 1))
    count = 0
    for number, line in enumerate(text.splitlines(), start=1):
        is_code = line.strip() and not line.strip().startswith('#')
        if is_code and number not in documentation:
            count += 1
    return count


def test_there_is_more_code_in_tests_than_in_the_package():
    source, tests = (sum(map(lines_of_code, paths)) for paths in (SOURCES, TESTS))
    assert tests >= 1.1 * source, f'{tests} lines of tests, {source} of source'


# What a reader may count on


@pytest.mark.parametrize('path', SOURCES, ids=NAMES)
def test_what_is_public_is_documented_and_typed(path):
    tree = TREES[path]
    assert ast.get_docstring(tree), 'the module has no docstring'
    for node in tree.body:
        if isinstance(node, (*FUNCTION, ast.ClassDef)) and not node.name.startswith('_'):
            assert ast.get_docstring(node), f'line {node.lineno}: {node.name} has no docstring'
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    methods = [node for each in classes if not each.name.startswith('_') for node in each.body]
    for node in [*tree.body, *methods]:
        if not isinstance(node, FUNCTION):
            continue
        assert node.returns is not None, f'line {node.lineno}: {node.name} has no return type'
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        for argument in arguments:
            typed = argument.annotation is not None or argument.arg in ('self', 'cls')
            assert typed, f'line {node.lineno}: {node.name} has an untyped {argument.arg}'


@pytest.mark.parametrize('path', SOURCES, ids=NAMES)
def test_annotations_are_never_evaluated(path):
    is_trivial = len(TREES[path].body) < 2
    text = path.read_text(encoding='utf-8')
    assert is_trivial or 'from __future__ import annotations' in text


def test_a_dataclass_is_frozen():
    thawed = set()
    for path in SOURCES:
        for node in ast.walk(TREES[path]):
            if isinstance(node, ast.ClassDef):
                for decorator in map(ast.unparse, node.decorator_list):
                    if 'dataclass' in decorator and 'frozen=True' not in decorator:
                        thawed.add(f'{path.stem} {node.name}')
    assert thawed == set()
