"""The page itself: one HTML file with everything in it."""

from __future__ import annotations

import html
import json
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from string import Template
from typing import Any

from ... import __version__
from ...errors import InputError
from ...files import write_text
from .contents import describe_source
from .sources import MOST_SOURCES, Request, name_of, read_source

HERE = Path(__file__).parent
# In the order in which they need one another.
SCRIPTS = (
    'operators',
    'gradients',
    'noise',
    'network',
    'player',
    'search',
    'elements',
    'tabs',
    'fake',
    'draw',
    'page',
)


def play(
    sources: Sequence[str | Path],
    out: str | Path,
    *,
    which: str = 'last',
    data_at: str | None = None,
    dis: str | Path | None = None,
) -> Path:
    """Write a page that runs the generators of one or two runs or exports, and return its path.

    It is one HTML file that needs no other, and no network. which: of runs, the snapshot, see
    `gluongan.loading.load_net`. data_at: where the data of a run is, if it moved. dis: the export
    of a discriminator that judges the pictures of an exported generator.

    Raises InputError, ExportError or SnapshotError.
    """
    if not 1 <= len(sources) <= MOST_SOURCES:
        raise InputError(f'must be one or two runs or exports, not {len(sources)}')
    request = Request(which, data_at, None if dis is None else Path(dis))
    read = [read_source(Path(source), request) for source in sources]
    names = [name_of(source.path) for source in read]
    contents = {
        'title': f'Play with {" and ".join(names)}',
        'generators': [describe_source(source) for source in read],
    }
    write_text(Path(out), render(contents))
    return Path(out)


def render(contents: dict[str, Any]) -> str:
    """Return the page with its style, its script and its contents.

    Its policy allows this very script and style, pictures in the page, and no request at all.

    >>> page = render({'title': 'a < b', 'generators': []})
    >>> '<title>a &lt; b</title>' in page, "default-src 'none'" in page
    (True, True)
    """
    style = (HERE / 'page.css').read_text(encoding='utf-8')
    script = script_text()
    policy = (
        f"default-src 'none'; script-src {_digest(script)}; style-src {_digest(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return Template((HERE / 'page.html').read_text(encoding='utf-8')).substitute(
        title=html.escape(contents['title']),
        version=html.escape(__version__),
        policy=policy,
        style=style,
        script=script,
        data=as_data(contents),
    )


def script_text(without: Sequence[str] = ()) -> str:
    """Return the script of the page, which is its parts one after the other.

    without: parts to leave out.
    """
    parts = ["'use strict';\n"]
    for name in SCRIPTS:
        if name not in without:
            parts.append((HERE / 'script' / f'{name}.js').read_text(encoding='utf-8'))
    return '\n'.join(parts)


def as_data(contents: dict[str, Any]) -> str:
    """Return JSON that can stand in a script element: no text in it ends the element.

    >>> as_data({'name': '</script>'})
    '{"name": "\\\\u003c/script>"}'
    """
    return json.dumps(contents).replace('<', '\\u003c')


def _digest(text: str) -> str:
    """Return how a content security policy names an inline script or style."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
