"""Where the numbers of the page come from: processor, threads and versions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from gluongan.bench import Trials

from .findings import Findings
from .tables import table

MACHINE = ('processor', 'cores', 'threads', 'platform', 'python')
OURS = ('gluongan', 'mxnet')  # whose versions every environment holds


class Origin(NamedTuple):
    """A result, the environment in which it was measured, and versions by framework."""

    result: str
    environment: dict[str, Any]
    versions: dict[str, str]


def of_trials(kind: str, results: dict[str, Trials]) -> list[Origin]:
    """Return the origins of the trials of one kind, a case each."""
    origins = []
    for case, trials in results.items():
        versions = _own_versions(trials.environment)
        for trial in trials.trials:
            versions |= trial.facts['versions']
        origins.append(Origin(f'{kind} {case}', trials.environment, _without_numpy(versions)))
    return origins


def of_limits(findings: Findings) -> list[Origin]:
    """Return the origins of the limits, a case each."""
    origins = []
    for case, limit in findings.limits.items():
        environment = limit['environment']
        origins.append(Origin(f'limits {case}', environment, _own_versions(environment)))
    return origins


def of_file(findings: Findings, name: str) -> list[Origin]:
    """Return the origin of results that have one file: growth, overhead or precision."""
    environment = findings.environments[name]
    return [Origin(name, environment, _own_versions(environment))]


def of_equivalence(findings: Findings) -> list[Origin]:
    """Return the origin of the comparison of weights, with the versions of the peers."""
    ((name, environment, versions),) = of_file(findings, 'equivalence')
    for row in findings.equivalence:
        versions |= row.get('versions', {})
    return [Origin(name, environment, _without_numpy(versions))]


def _own_versions(environment: dict[str, Any]) -> dict[str, str]:
    return {name: environment[name] for name in OURS if name in environment}


def _without_numpy(versions: dict[str, str]) -> dict[str, str]:
    return {name: version for name, version in versions.items() if name != 'numpy'}


def _list(versions: dict[str, str]) -> str:
    return ', '.join(f'{name} {version}' for name, version in versions.items())


def line(origins: Iterable[Origin]) -> str:
    """Return one line: processors, threads and versions of all that stands in a table."""
    texts: dict[str, None] = {}
    for _, environment, versions in origins:
        if not environment:
            texts['a machine that was not recorded'] = None
            continue
        count = str(environment['threads'])
        threads = '1 thread' if count == '1' else f'{count} threads'
        texts[f'{environment["processor"]}, {threads}, {_list(versions)}'] = None
    return f'Measured on: {"; ".join(texts)}.'


def every(findings: Findings) -> list[Origin]:
    """Return the origins of all results whose machine was recorded."""
    origins = [
        *of_trials('compare', findings.compare),
        *of_trials('one-thread', findings.one_thread),
        *of_trials('native', findings.native),
        *of_trials('busy', findings.busy),
        *of_limits(findings),
        *of_equivalence(findings),
    ]
    for name in ('growth', 'precision', 'overhead'):
        origins += of_file(findings, name)
    return [origin for origin in origins if origin.environment]


def machine(findings: Findings) -> str:
    """Return a table of the machines and versions behind the results."""
    origins = every(findings)
    if not origins:
        return 'None yet.'
    results_by_machine: dict[tuple[str, ...], list[str]] = {}
    for result, environment, versions in origins:
        facts = [str(environment[fact]) for fact in MACHINE]
        results_by_machine.setdefault((*facts, _list(versions)), []).append(result)
    rows = [(*facts, _some(results)) for facts, results in results_by_machine.items()]
    loads = [origin.environment['load'][0] for origin in origins]
    heading = ('processor', 'cores', 'threads', 'system', 'Python', 'versions', 'results')
    return (
        f'{table(heading, rows)}\n\n'
        f'Load of the machine just before each: {min(loads):.1f} to {max(loads):.1f}.'
    )


def _some(results: list[str]) -> str:
    if len(results) < 4:
        return ', '.join(results)
    return f'{results[0]} and {len(results) - 1} more'
