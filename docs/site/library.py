"""The reference of the library: every public name with its signature, docstring and example."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from .commands import escape

# The groups, by the modules that public names come from.
GROUPS = {
    'Networks': ('gluongan.nn',),
    'The game': ('gluongan.gan',),
    'The loop': ('gluongan.trainer', 'gluongan.extensions'),
    'Settings': ('gluongan.config', 'gluongan.recipes', 'gluongan.runtime'),
    'Results': ('gluongan.loading', 'gluongan.exports'),
    'Errors': ('gluongan.errors', 'gluongan.snapshot'),
}
# What is a table rather than a function or a class: where its docstring would stand.
TABLES = {
    'LOSSES': 'The objectives by name, each a `Loss`: {names}.',
    'PENALTIES': 'The gradient penalties by name: {names}.',
    'RECIPES': 'The functions that make the recipes, by name: {names}.',
}
ARGUMENT = re.compile(r'([a-z_][\w, *]*): ')


def library_pages() -> dict[str, str]:
    """Return the pages of the library as Markdown, by the names of their files."""
    pages, links = {}, []
    for title, names in _groups().items():
        stem = 'library-' + title.lower().replace(' ', '-')
        blocks = [_entry(f'gluongan.{name}', value) for name, value in names.items()]
        pages[f'{stem}.md'] = f'# {title}\n\n' + '\n\n'.join(blocks) + '\n'
        links.append((stem, title, names))
    for name, module in _modules().items():
        stem = f'library-{name}'
        pages[f'{stem}.md'] = _module_page(name, module)
        links.append((stem, f'gluongan.{name}', _public(module)))
    rows = [
        f'- [{title}]({stem}.md): {", ".join(map(_code, names))}' for stem, title, names in links
    ]
    contents = ['```{toctree}', ':hidden:', '', *(stem for stem, _, _ in links), '```']
    head = [
        '# Every public name',
        '',
        '`import gluongan as gg` gives all of these as `gg.NAME`.',
        '',
    ]
    pages['library.md'] = '\n'.join([*head, *rows, '', *contents]) + '\n'
    return pages


def _code(name: str) -> str:
    return f'`{name}`'


def _groups() -> dict[str, dict[str, Any]]:
    """The public names that are no modules, by group. A name without a group is a KeyError."""
    import gluongan

    groups: dict[str, dict[str, Any]] = {title: {} for title in GROUPS}
    for name in gluongan.__all__:
        value = getattr(gluongan, name)
        if not isinstance(value, ModuleType):
            groups[_group(name, value)][name] = value
    return groups


def _group(name: str, value: Any) -> str:
    import gluongan

    home = f'gluongan.{gluongan._HOMES[name]}'
    if inspect.isclass(value) and issubclass(value, Exception):
        return 'Errors'
    return next(title for title, homes in GROUPS.items() if home.startswith(homes))


def _modules() -> dict[str, ModuleType]:
    import gluongan

    values = {name: getattr(gluongan, name) for name in gluongan.__all__}
    return {name: value for name, value in values.items() if isinstance(value, ModuleType)}


def _public(module: ModuleType) -> list[str]:
    """The public names of a module: its __all__, else what it defines itself."""
    if hasattr(module, '__all__'):
        return list(module.__all__)
    own = inspect.getmembers(
        module, lambda value: getattr(value, '__module__', '') == module.__name__
    )
    return [name for name, _ in own if not name.startswith('_')]


def _module_page(name: str, module: ModuleType) -> str:
    parts = [f'# gluongan.{name}', *docstring(inspect.getdoc(module) or '')]
    for public in _public(module):
        parts.append(_entry(f'gluongan.{name}.{public}', getattr(module, public)))
    return '\n\n'.join(parts) + '\n'


def _entry(name: str, value: Any) -> str:
    """One public name, with the methods of a class, in the words of Sphinx's domain of Python."""
    short = name.rpartition('.')[2]
    if inspect.isclass(value):
        body = [*docstring(_own_doc(value)), *_methods(value)]
        return _block('class', f'{name}{_signature(value)}', body, colons=4)
    if inspect.isfunction(value):
        return _block(
            'function', f'{name}{_signature(value)}', docstring(inspect.getdoc(value) or '')
        )
    if short in TABLES:
        names = ', '.join(map(_code, value))
        return _block('data', name, [TABLES[short].format(names=names)])
    return _block('data', name, [f'```python\n{_shortened(value)}\n```'])


def _shortened(value: Any) -> str:
    if isinstance(value, dict):
        value = list(value)
    text = re.sub(r' at 0x\w+', '', repr(value))
    return text if len(text) < 300 else text[:300] + ' …'


def _own_doc(cls: type) -> str:
    """The docstring of a class, but not the one that a NamedTuple or dataclass makes itself."""
    doc = cls.__dict__.get('__doc__') or ''
    return '' if doc.startswith(f'{cls.__name__}(') else inspect.cleandoc(doc)


def _methods(cls: type) -> Iterator[str]:
    """The public methods and properties that a class defines itself and documents."""
    for name, member in cls.__dict__.items():
        if name.startswith('_'):
            continue
        if isinstance(member, property) and member.__doc__:
            yield _block('property', name, docstring(inspect.getdoc(member) or ''))
        method = getattr(cls, name)
        if inspect.isroutine(method) and getattr(method, '__doc__', None):
            static = isinstance(member, (classmethod, staticmethod))
            signature = _signature(method, skip=0 if static else 1)
            yield _block('method', f'{name}{signature}', docstring(inspect.getdoc(method) or ''))


def _signature(value: Any, skip: int = 0) -> str:
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):  # a class in C, such as an exception without its own __init__
        return '()'
    parameters = [_readable(parameter) for parameter in list(found.parameters.values())[skip:]]
    answer = (
        inspect.Signature.empty if inspect.isclass(value) else _annotation(found.return_annotation)
    )
    return str(found.replace(parameters=parameters, return_annotation=answer))


def _readable(parameter: inspect.Parameter) -> inspect.Parameter:
    """A parameter whose default is short, and without an address in memory."""
    parameter = parameter.replace(annotation=_annotation(parameter.annotation))
    text = '' if parameter.default is inspect.Parameter.empty else repr(parameter.default)
    return (
        parameter.replace(default=_Bare('...')) if len(text) > 40 or ' at 0x' in text else parameter
    )


class _Bare(str):
    """A text that shows itself without quotes."""

    __slots__ = ()

    __repr__ = str.__str__


def _annotation(annotation: Any) -> Any:
    """An annotation as it is written in the source, without quotes."""
    text = getattr(annotation, '__forward_arg__', annotation)
    return _Written(text) if isinstance(text, str) else annotation


class _Written:
    """An annotation that `inspect.formatannotation` shows as this text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _block(kind: str, head: str, body: Any, colons: int = 3) -> str:
    fence = ':' * colons
    return '\n\n'.join([f'{fence}{{py:{kind}}} {head}\n', *body]) + f'\n{fence}'


def docstring(text: str) -> Iterator[str]:
    """Yield the parts of a docstring as Markdown: prose, arguments, formulas and examples."""
    for paragraph in re.split(r'\n\s*\n', text.strip('\n')):
        lines = paragraph.splitlines()
        if lines and lines[0].lstrip().startswith('>>>'):
            yield '```pycon\n' + inspect.cleandoc(paragraph) + '\n```'
        elif lines and all(line.startswith('    ') for line in lines):
            yield '```text\n' + inspect.cleandoc(paragraph) + '\n```'
        elif lines:
            yield '\n'.join(_with_arguments(lines))


def _with_arguments(lines: list[str]) -> Iterator[str]:
    """The lines of prose; a line that begins as `name: ` begins an item of a list."""
    is_list = False
    for line in lines:
        match = ARGUMENT.match(line)
        if match:
            if not is_list:
                yield ''
            is_list = True
            yield f'- **{escape(match[1])}**: {escape(line[match.end() :])}'
        else:
            yield ('  ' if is_list else '') + escape(line.strip())
