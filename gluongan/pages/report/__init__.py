"""Reports: everything about a run, or about several, in one page that can be mailed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...files import write_text
from ...runs.folder import REPORT
from .. import templates
from ..templates import CHARTS, HERE, PageError, check_installed

__all__ = [
    'PageError',
    'check_installed',
    'check_replaceable',
    'render_run',
    'write_comparison',
    'write_report',
]

STYLES = (CHARTS / 'uPlot.min.css', HERE / 'report' / 'report.css')
SCRIPTS = (CHARTS / 'uPlot.iife.min.js', HERE / 'report' / 'report.js')
LIVE = HERE / 'live' / 'live.js'
LIVE_POLICY = ("img-src 'self' data:", "connect-src 'self'")  # the pictures and numbers that follow
MARK = '<meta name="generator" content="gluongan report">'  # in every page that this makes
MARKED = 1024  # bytes at the start of a page, among which it is


def write_report(run: str | Path, out: str | Path | None = None) -> tuple[Path, list[str]]:
    """Write the page of a run, and return its file and what could not be read for it.

    out: the file, by default that in the run folder. Raises PageError where a package is missing,
    RunError where `run` is no run, and InputError where `out` is a file of another origin.
    """
    from .contents import gather

    target = Path(run) / REPORT if out is None else Path(out)
    check_installed()
    check_replaceable(target)
    page = gather(Path(run))
    write_text(target, render_run(page))
    return target, page['faults']


def write_comparison(runs: Sequence[Path], out: Path) -> tuple[Path, list[str]]:
    """Write the page of several runs; see `write_report`."""
    from .compared import gather

    check_installed()
    check_replaceable(out)
    page = gather(runs)
    write_text(out, _render('comparison', page))
    return out, page['faults']


def check_replaceable(path: Path, setting: str | None = None) -> None:
    """Raise InputError where a file is there that is no page of a report.

    setting: the one that gave `path`, if any.
    """
    if not path.is_file():
        return
    with open(path, 'rb') as file:
        is_report = MARK.encode() in file.read(MARKED)
    if not is_report:
        problem = 'exists, and is no page of `gluongan report`; must be another name'
        message = problem if setting else f'{path}: {problem}'
        raise InputError(message, setting=setting, value=path)


def render_run(page: Mapping[str, Any], live: Mapping[str, Any] | None = None) -> str:
    """Return the page of a run as HTML.

    page: of `contents.gather`. live: what the script of the live view reads, None for a file.
    """
    values = {**page, 'live': live}
    if live is None:
        return _render('run', values)
    return _render('run', values, scripts=(*SCRIPTS, LIVE), policy=LIVE_POLICY)


def _render(
    kind: str,
    page: Mapping[str, Any],
    scripts: Sequence[Path] = SCRIPTS,
    policy: Sequence[str] = (),
) -> str:
    charts = [chart.data() for chart in page['charts']]
    return templates.render(
        f'report/templates/{kind}.html',
        page,
        styles=STYLES,
        scripts=scripts,
        data={'charts': charts, 'live': page.get('live')},
        policy=policy,
    )
