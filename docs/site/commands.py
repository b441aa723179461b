"""The reference of the command line, from click's own help."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

CODE = re.compile(r'(`[^`]*`)')


def command_pages() -> dict[str, str]:
    """Return the pages of all commands as Markdown, by the names of their files."""
    from gluongan.cli import main

    root = click.Context(main, info_name='gluongan', **main.context_settings)
    found = dict(_walk(main, root))
    names = [name for name in found if name]
    contents = ['```{toctree}', ':hidden:', '', *map(_file_name, names), '```']
    rows = [
        f'- [`gluongan {name}`]({_file_name(name)}.md): {_summary(found[name])}' for name in names
    ]
    lines = ['# Every command', '', _body(root), '## Commands', '', *rows, '', *contents]
    pages = {'commands.md': '\n'.join(lines) + '\n'}
    for name in names:
        pages[f'{_file_name(name)}.md'] = f'# gluongan {name}\n\n{_body(found[name])}'
    return pages


def _walk(command: click.Command, context: click.Context) -> Iterator[tuple[str, click.Context]]:
    """Yield each command below `command`, and itself, by what is typed behind `gluongan`."""
    yield context.command_path.removeprefix('gluongan').strip(), context
    for name in command.list_commands(context) if isinstance(command, click.Group) else ():
        below = command.get_command(context, name)
        yield from _walk(below, click.Context(below, parent=context, info_name=name))


def _file_name(name: str) -> str:
    return 'command-' + name.replace(' ', '-')


def _summary(context: click.Context) -> str:
    return escape(context.command.get_short_help_str(limit=300))


def _body(context: click.Context) -> str:
    """Usage, help and options of a command."""
    usage = ' '.join([context.command_path, *context.command.collect_usage_pieces(context)])
    parts = [f'```text\n{usage}\n```', *_paragraphs(context.command.help or '')]
    title = None
    for parameter in context.command.get_params(context):
        record = parameter.get_help_record(context)
        if record is None:
            continue
        if _group(parameter) != title:
            title = _group(parameter)
            parts.append(f'## {title}')
        flags, text = record
        parts.append(f'`{flags}`\n: {escape(text)}')
    return '\n\n'.join(parts) + '\n'


def _paragraphs(help: str) -> Iterator[str]:
    """The paragraphs of a help text; those that click keeps as they are become blocks."""
    for paragraph in re.split(r'\n\s*\n', inspect.cleandoc(help)):
        if paragraph.startswith('\b'):
            yield '```text\n' + paragraph.removeprefix('\b').strip('\n') + '\n```'
        else:
            yield escape(' '.join(paragraph.split()))


def _group(parameter: click.Parameter) -> str:
    from gluongan.config import knobs

    knob = knobs().get(parameter.name or '')
    return knob.group.capitalize() if knob else 'Options'


def escape(text: str) -> str:
    """Return text as Markdown that shows it as it is; what is between backticks stays code."""
    parts = CODE.split(text)
    parts[::2] = [re.sub(r'([\\*_<>\[\]|$#{}~])', r'\\\1', part) for part in parts[::2]]
    return ''.join(parts)
