"""What the live view of a run says beside its numbers: how far it is, and how good it is."""

from __future__ import annotations

import pages
import pytest

from gluongan.pages.live import state
from gluongan.pages.report import contents
from gluongan.runs import folder
from gluongan.runs.lock import RunLock


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


def test_numbers_are_those_of_the_report(run):
    row = {'iteration': 600, 'samples/support': 3.792, 'samples/spread': 0.56694}
    pages.write_rows(run / folder.METRICS, [row])
    numbers = state.newest_numbers(run, contents.Notes())
    shown_ones = {label: value for label, value, _ in numbers}
    assert shown_ones['distinct images, at most 10,000'] == '4'
    assert shown_ones['mean distance between samples'] == '0.5669'


def test_after_the_last_iteration_the_view_says_what_is_done_until_the_run_ends(run):
    lock = RunLock(run)
    lock.take()
    try:
        words = state.read_state(run)['words']
    finally:
        lock.release()
    assert words == (
        'iteration 600 of 600; the last measurements, figures and this report are being made'
    )
    assert 'left' not in words
    assert state.read_state(run)['words'] == 'iteration 600 of 600'


def test_the_footer_of_the_view_promises_nothing_below_it(run):
    (footer,) = shown(run).all('footer')
    assert 'This page asks no machine but the one that serves it.' in ' '.join(footer[2].split())
    assert 'follows' not in footer[2]
