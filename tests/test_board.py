"""What a person watches where several things go on at once: a line for each."""

from __future__ import annotations

import io
import re

from gluongan.terminal import Board, progress_line


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_has_one_line_for_each_job_and_lines_that_stay_above(monkeypatch):
    monkeypatch.setenv('COLUMNS', '40')
    board = Board(stream := Terminal())
    board.show('seed 0', progress_line(1, 9, 'x' * 99))
    board.show('seed 10', progress_line(2, 9, 'y'))
    board.say('seed 0: Warning: \x1b[2J')
    board.show('seed 0', progress_line(3, 9, 'z'))
    board.remove('seed 10')
    board.say('done')
    screen = rendered(stream.getvalue())
    assert screen == ['seed 0: Warning: \\x1b[2J', 'done', 'seed 0  3/9  z']
    assert max(map(len, screen)) < 40


def rendered(text):
    """The lines on a screen after `text`: \\x1b[nA goes up n lines, \\x1b[J clears below."""
    lines, at = [], 0
    for up, clear, line in re.findall(r'\x1b\[(\d+)A\r|(\x1b\[J)|([^\n\x1b]*)\n', text):
        if up:
            at -= int(up)
        elif clear:
            del lines[at:]
        else:
            assert at == len(lines) and len(line) < 40
            lines.append(line)
            at += 1
    return lines


def test_elsewhere_each_line_stands_behind_its_name():
    board = Board(stream := io.StringIO())
    board.show('seed 0', progress_line(1, 9, 'x'))
    board.show('seed 1', progress_line(2, 9, 'y'))
    board.remove('seed 1')
    assert stream.getvalue() == 'seed 0: 1/9  x\nseed 1: 2/9  y\n'
