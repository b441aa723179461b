"""Anything at all where a run is wanted, and a working folder that is gone: one sentence."""

from __future__ import annotations

import os

import numpy as np
import pytest
import tiny


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'file').write_text('mine')
    (tmp_path / 'folder').mkdir()
    return tmp_path


RUNS = {
    'sample': ['sample', 'X'],
    'interpolate': ['interpolate', 'X', '--seeds', '0,1'],
    'invert': ['invert', 'X'],
    'density': ['density', 'X'],
    'export': ['export', 'X', '--out', 'new'],
    'plot': ['plot', 'X'],
    'compare': ['compare', 'X', 'other'],
    'resume': ['train', '--resume', 'X'],
}


@pytest.mark.parametrize('words', RUNS.values(), ids=RUNS)
def test_what_is_no_run_is_refused_as_such(words):
    def refused(name):
        return tiny.refused(*(name if word == 'X' else word for word in words))

    assert refused('file').startswith('file: is not a folder; must be a run folder')
    assert refused('folder').startswith('folder: is not a run folder (it has no ')
    assert 'nowhere: does not exist; must be a run folder' in refused('nowhere')


def test_images_in_idx_files_are_refused_by_what_was_given(here):
    run = tiny.begun(here / 'runs', iterations=1).folder
    content = bytes([0, 0, 8, 3, *np.array([2, 8, 8], '>u4').tobytes()]) + bytes(128)
    (here / 'idx').mkdir()
    (here / 'idx' / 'train-images-idx3-ubyte').write_bytes(content)
    message = tiny.refused('invert', run, '--images', 'idx')
    assert message == '--images idx: is a folder of idx files; must be one of pictures'


@pytest.mark.parametrize('words', [['bench'], ['compare', 'a'], ['train', '--data', 'synthetic']])
def test_working_folder_that_is_gone_is_named(words, here, monkeypatch):
    def gone():
        raise FileNotFoundError(2, os.strerror(2))

    monkeypatch.setattr(os, 'getcwd', gone)
    message = tiny.gluongan(*words).stderr.splitlines()[-1]
    assert message == 'Error: the working folder: no longer exists; must be one that exists'
