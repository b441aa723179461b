"""What the live view of a run says beside its numbers: how far it is, and how good it is."""

from __future__ import annotations

import pages
import pytest

from gluongan.pages.live import state
from gluongan.pages.report import contents


@pytest.fixture
def run(tmp_path):
    return pages.make_run(tmp_path / '00000-dense-synthetic')


def shown(run):
    """The page of the live view, taken apart."""
    return pages.Parsed(state.Watched(run).page().decode())


def test_the_page_does_not_show_twice_what_a_judge_measured(run):
    pages.write_judged(run, [0, 300])
    page = shown(run)
    assert 'Not evaluated: the numbers above are from while it trained.' in page.text()
    assert len(page.classes('headlines')) == 1  # the script fills it
    numbers = state.newest_numbers(run, contents.Notes())
    assert ('Fréchet distance', '1.661', '300 (lenet_fd2k_test)') in numbers
