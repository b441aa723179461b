"""`gluongan watch` and `train --watch`: the process of the live view, and what the commands say."""

from __future__ import annotations

import errno
import http.client
import json
import os
import re
import time
from pathlib import Path

import pages
import pytest
import tiny

from gluongan.pages import live
from gluongan.pages.live import __main__ as process


@pytest.fixture
def run(tmp_path):
    return pages.make_run(tmp_path / '00000-dense-synthetic')


def test_watch_says_where_the_page_is(run, monkeypatch):
    monkeypatch.setattr(live.LiveServer, 'serve_forever', lambda server: None)
    result = tiny.gluongan('watch', run)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(f'{run} is at http://127.0.0.1:')


def test_watch_refuses_what_is_no_run_and_a_port_that_is_taken(run, tmp_path):
    assert 'is not a run folder' in tiny.refused('watch', tmp_path)
    with live.listen() as bound:
        port = bound.getsockname()[1]
        sentence = tiny.refused('watch', run, '--port', port, code=1)
    in_use = os.strerror(errno.EADDRINUSE)
    assert sentence == (
        f'--port {port}: cannot be listened on at 127.0.0.1 ({in_use}); '
        'must be a free port, or 0 for any'
    )


@pytest.mark.parametrize('host', ['no.such.host.invalid', '192.0.2.1', '', 'x' * 70, 'a b', '::g'])
@pytest.mark.parametrize('words', [['watch', 'RUN'], ['train', '--watch', '-n']], ids=' '.join)
def test_a_host_that_is_none_of_this_machine_is_named_and_not_the_port(run, words, host):
    words = [run if word == 'RUN' else word for word in words]
    sentence = tiny.refused(*words, '--host', host, '--port', '8', code=1)
    name = host or "''"
    assert re.fullmatch(
        f'--host {name}: cannot be listened on \\([^()]+\\); '
        'must be an address of this machine, such as 127.0.0.1',
        sentence,
    )


def test_training_is_watched_from_its_start_to_its_end(tmp_path, undrawn, monkeypatch):
    seen = []

    def look_and_end(beside):
        port = int(beside.address.rstrip('/').rpartition(':')[2])
        answer, deadline = b'', time.monotonic() + 60
        while not answer.startswith(b'{') and time.monotonic() < deadline:  # its process starts
            connection = http.client.HTTPConnection('127.0.0.1', port, timeout=60)
            connection.request('GET', '/state.json')
            answer = connection.getresponse().read()
            connection.close()
            time.sleep(0.05)
        seen.append(json.loads(answer))
        beside._process.stdin.close()
        beside._process.kill()
        beside._process.wait()

    monkeypatch.setattr(live.Beside, 'leave', look_and_end)
    result = tiny.gluongan('train', *tiny.flags(), '--watch', '--out', tmp_path)
    assert result.exit_code == 0, result.stderr
    assert 'Watch      http://127.0.0.1:' in result.stderr
    assert [(now['state'], now['last']) for now in seen] == [('complete', 20)]


@pytest.mark.parametrize('words', [('--host', '127.0.0.1'), ('--port', '8000')])
def test_options_of_a_view_need_one(tmp_path, words):
    sentence = tiny.refused('train', *tiny.flags(), *words, '--out', tmp_path / 'runs')
    assert sentence == f'{words[0]}: applies to the live view alone; must be used with --watch'


def follow(monkeypatch, *parts, seen=None):
    """Run the process of a view in this one, with these parts on standard input; return seconds."""
    rest = [*parts, b'']
    monkeypatch.setattr(process.os, 'read', lambda file, count: rest.pop(0))
    monkeypatch.setattr(process, 'CHECKED', 0.01)
    monkeypatch.setattr(live.LiveServer, 'show', lambda server, run: seen.append(run))
    started = time.monotonic()
    process.serve(live.listen().detach(), '127.0.0.1', patience=0.2)
    return time.monotonic() - started


def test_the_process_of_a_view_ends_when_nobody_looks(monkeypatch):
    seen = []
    name = os.fsdecode(b'runs/a\n\xff')
    assert 0.2 <= follow(monkeypatch, b'runs/a\n', b'\xff\0', seen=seen) < 20
    assert seen == [Path(name)]


def test_the_process_of_a_view_ends_at_once_without_a_run(monkeypatch):
    monkeypatch.setattr(process.time, 'sleep', None)  # which waits for somebody to look
    follow(monkeypatch, b'runs/ha', seen=[])


def test_the_view_of_a_training_that_does_not_begin_ends_with_it(tmp_path, monkeypatch):
    made = []
    begin = live.Beside.__init__
    monkeypatch.setattr(
        live.Beside, '__init__', lambda self, *rest: made.append(self) or begin(self, *rest)
    )
    tiny.refused('train', '--watch', '--data', 'nowhere', '--out', tmp_path / 'runs')
    (beside,) = made
    assert beside._process.poll() is not None


def test_a_view_that_has_ended_stops_no_training(run):
    beside = live.Beside('127.0.0.1', 0)
    beside._process.kill()
    beside._process.wait()
    beside.show(run)
    beside.leave()


def test_the_files_of_the_view_are_part_of_the_package():
    folder = Path(live.__file__).parent
    assert (folder / 'live.js').is_file() and (folder / 'waiting.html').is_file()
