"""Files written whole, and rows of cells as text."""

from __future__ import annotations

import pytest

from gluongan.files import text_table

HEADING = ('case', 'ms', 'verdict')
ROW = ('sync', '12.5', 'same')


def test_a_table_pads_its_columns_and_aligns_all_but_the_first_to_the_right():
    assert text_table([HEADING, ROW]) == 'case    ms  verdict\nsync  12.5     same'


def test_a_table_aligns_to_the_left_what_it_is_told_to():
    assert text_table([HEADING, ROW], left=(0, 2)) == 'case    ms  verdict\nsync  12.5  same'


@pytest.mark.parametrize('left', [(), (0, 1, 2)])
def test_no_line_of_a_table_ends_in_blanks(left):
    lines = text_table([HEADING, ('sync', '', '')], left=left).splitlines()

    assert [line.rstrip() for line in lines] == lines


def test_a_table_of_its_heading_alone_is_one_line():
    assert text_table([HEADING]) == 'case  ms  verdict'
