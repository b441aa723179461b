"""The examples in the docstrings are true: each one runs, and prints what it shows."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import gluongan

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def examples():
    """Every docstring of the package that holds an example."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    for module in pkgutil.walk_packages(gluongan.__path__, 'gluongan.'):
        for docstring in finder.find(importlib.import_module(module.name)):
            if docstring.examples:
                yield docstring


EXAMPLES = sorted(examples(), key=lambda docstring: docstring.name)


@pytest.mark.parametrize('example', EXAMPLES, ids=lambda docstring: docstring.name)
def test_example_prints_what_it_shows(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = []
    results = doctest.DocTestRunner(optionflags=FLAGS).run(example, out=report.append)
    assert results.failed == 0, ''.join(report)
    assert list(tmp_path.iterdir()) == []


def test_there_are_examples_in_every_room_that_a_user_imports_from():
    assert len(EXAMPLES) >= 40
    rooms = {example.name.split('.')[1] for example in EXAMPLES}
    assert {'nn', 'gan', 'data', 'evaluation', 'trainer', 'config'} <= rooms
