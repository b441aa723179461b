"""What is packed: one version, honest metadata, and everything that a reader or packager needs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

import gluongan

ROOT = Path(__file__).parent.parent
ADDRESS = 'https://example.org/someone/gluongan'


@cache
def metadata(address=''):
    """What setup.py says of the package, building nothing: four fields, the README the last."""
    fields = ('version', 'description', 'license', 'long-description')
    environment = {**os.environ, 'GLUONGAN_ADDRESS': address, 'PYTHONWARNINGS': 'ignore'}
    command = [sys.executable, 'setup.py', '-q', *(f'--{field}' for field in fields)]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout.split('\n', 3)


def targets(text):
    """Where the links and pictures of a page lead."""
    return re.findall(r'!?\[[^]]*\]\(([^)]*)\)', text)


def test_python_m_gluongan_is_the_command(tmp_path):
    for words, expected in (('--version', gluongan.__version__), ('nope', 'is not a command')):
        command = [sys.executable, '-m', 'gluongan', words]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert expected in run.stdout + run.stderr
        assert run.returncode == (0 if words == '--version' else 2)


def test_the_version_is_the_packages_own():
    assert metadata()[0] == gluongan.__version__
    others = [ROOT / 'setup.py', ROOT / 'pyproject.toml', ROOT / 'CITATION.cff']
    for path in others:
        assert f"'{gluongan.__version__}'" not in path.read_text(encoding='utf-8'), path.name


def test_without_an_address_the_description_leads_nowhere_relative():
    text = metadata()[-1]
    assert 'gluongan train' in text and 'docs/training.md' in text
    assert all(target.startswith('https://') for target in targets(text))


def test_with_an_address_links_and_pictures_lead_to_files_of_the_repository():
    text = metadata(ADDRESS + '/')[-1]
    found = targets(text)
    assert len(found) >= 15
    for target in found:
        if target.startswith(ADDRESS):
            page = target.partition('#')[0].split('/HEAD/')[1]
            assert (ROOT / page).exists(), target
    assert f'{ADDRESS}/raw/HEAD/docs/dense.png' in found
    assert f'{ADDRESS}/blob/HEAD/docs/training.md' in found
    assert not any(target.startswith('docs/') for target in found)


def test_the_citation_is_complete_and_agrees_with_the_package():
    citation = yaml.safe_load((ROOT / 'CITATION.cff').read_text(encoding='utf-8'))
    assert {'cff-version', 'message', 'title', 'authors'} <= citation.keys()
    _, description, licence, _ = metadata()
    assert citation['title'].lower() == f'gluongan: {description}'.lower()
    assert citation['license'] == licence


@pytest.mark.parametrize('folder', ['docs', 'examples', 'benchmarks', 'tests', '.ci'])
def test_the_sdist_has_what_stands_beside_the_package(folder):
    lines = (ROOT / 'MANIFEST.in').read_text(encoding='utf-8').splitlines()
    assert f'graft {folder}' in lines and (ROOT / folder).is_dir()
