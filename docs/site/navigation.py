"""The order of the pages on the site: the way of a person who is new.

Paths are from the root of the repository. A page of docs/ that no section names is the last one
of the section OTHERS.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOME = 'docs/index.md'
SECTIONS: dict[str, tuple[str, ...]] = {
    'Begin': (
        'docs/first-digits.md',
        'docs/your-pictures.md',
        'docs/read-your-curves.md',
        'docs/choose-a-recipe.md',
        'docs/evaluate-honestly.md',
        'docs/questions.md',
    ),
    'Use what you trained': (
        'docs/play.md',
        'docs/export.md',
        'examples/README.md',
        'docs/generators.md',
        'docs/report.md',
    ),
    'In depth': (
        'docs/training.md',
        'docs/data.md',
        'docs/few-pictures.md',
        'docs/recipes.md',
        'docs/evaluation.md',
        'docs/run-folder.md',
        'docs/speed.md',
    ),
    'From Python': (
        'docs/python.md',
        'docs/write-your-own.md',
        'docs/from-other-frameworks.md',
    ),
    'Five write-ups, done again': (
        'docs/walkthroughs/dense.md',
        'docs/walkthroughs/vanilla.md',
        'docs/walkthroughs/failures.md',
        'docs/walkthroughs/binarized.md',
        'docs/walkthroughs/goodfellow.md',
    ),
    'What was measured': (
        'docs/results.md',
        'docs/mixtures.md',
        'docs/search.md',
        'benchmarks/README.md',
    ),
    'The project': (
        'README.md',
        'CHANGELOG.md',
        'ARCHITECTURE.md',
        'CONTRIBUTING.md',
    ),
}
OTHERS = 'In depth'
# Made when the site is built, from the package itself.
GENERATED = {'Reference': ('docs/reference/commands', 'docs/reference/library')}


def sections() -> dict[str, tuple[str, ...]]:
    """Return the pages of each section that are kept as files."""
    named = {HOME, *(page for section in SECTIONS.values() for page in section)}
    kept = {path.relative_to(ROOT).as_posix() for path in (ROOT / 'docs').rglob('*.md')}
    return {**SECTIONS, OTHERS: (*SECTIONS[OTHERS], *sorted(kept - named))}


def pages() -> list[str]:
    """Return every page that is kept as a file, the home page first."""
    return [HOME, *(page for section in sections().values() for page in section)]


def tables_of_contents() -> str:
    """Return the navigation in the words of Sphinx, to be put below the home page."""
    parts = []
    for title, entries in {**sections(), **GENERATED}.items():
        lines = [f'/{entry.removesuffix(".md")}' for entry in entries]
        head = ['```{toctree}', ':hidden:', f':caption: {title}', '']
        parts.append('\n'.join([*head, *lines, '```']))
    return '\n\n'.join(parts) + '\n'
