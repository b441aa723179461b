"""Pages made from templates: everything escaped, everything inside the one file.

A page needs nothing from anywhere: styles, scripts and pictures are in it, and its policy lets no
request leave it. What a user called something, or a file of a run says, is text and nothing else.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import FailureError, as_printable

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent
CHARTS = HERE / 'vendor' / 'uplot'  # https://github.com/leeoniya/uPlot, MIT licence
MISSING = "the report of a run needs the package jinja2; pip install 'gluongan[report]'"


class PageError(FailureError):
    """A page that cannot be made: a package is missing."""


def check_installed() -> None:
    """Raise PageError where the template engine is not installed."""
    try:
        import jinja2  # noqa: F401
    except ImportError:
        raise PageError(MISSING) from None


@lru_cache
def _environment() -> Environment:
    check_installed()
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _shown(value: Any) -> Any:
    """Return a text with escapes for what cannot be printed; what is HTML already stays."""
    from markupsafe import Markup

    return as_printable(value) if isinstance(value, str) and type(value) is not Markup else value


def render(
    template: str,
    values: Mapping[str, Any],
    *,
    styles: Sequence[Path],
    scripts: Sequence[Path],
    data: Any,
    policy: Sequence[str] = (),
) -> str:
    """Return a page.

    template: its file in this folder. values: what it shows. styles, scripts: files that are
    written into it. data: what its scripts read, as JSON. policy: what it may do beside showing
    what it holds, such as "connect-src 'self'".
    Raises PageError where the template engine is missing.
    """
    from_files = {
        'style': '\n'.join(path.read_text(encoding='utf-8') for path in styles),
        'script': '\n'.join(path.read_text(encoding='utf-8') for path in scripts),
    }
    environment = _environment()
    from markupsafe import Markup

    inside = {name: Markup(text) for name, text in from_files.items()}
    page = environment.get_template(template)
    return page.render(
        **values, **inside, data=Markup(as_data(data)), policy=_policy(from_files, policy)
    )


def _policy(texts: Mapping[str, str], more: Sequence[str]) -> str:
    """Return the Content-Security-Policy: these texts alone may run, and nothing is fetched."""
    rules = ["default-src 'none'", 'img-src data:', "base-uri 'none'", "form-action 'none'"]
    for kind, text in texts.items():
        digest = base64.b64encode(sha256(text.encode()).digest()).decode()
        rules.append(f"{kind}-src 'sha256-{digest}'")
    named = {rule.split()[0] for rule in more}
    return '; '.join([*(rule for rule in rules if rule.split()[0] not in named), *more])


def as_data(values: Any) -> str:
    r"""Return values as JSON that may stand inside a page: no text in it ends its element.

    Numbers that are not finite become null; texts become printable.

    >>> as_data({'</script>': [1.5, float('nan')]})
    '{"\\u003c/script\\u003e":[1.5,null]}'
    """
    text = json.dumps(_plain(values), separators=(',', ':'), allow_nan=False)
    for character in '<>&':
        text = text.replace(character, f'\\u{ord(character):04x}')
    return text


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {as_printable(str(name)): _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return float(f'{value:.6g}') if isfinite(value) else None
    return as_printable(value) if isinstance(value, str) else value
