"""The live view of a run: what it serves, what it refuses, and that it only reads."""

from __future__ import annotations

import errno
import http.client
import json
import os
import socket
import threading
import time
from contextlib import contextmanager

import pages
import pytest

from gluongan.files import HOST
from gluongan.pages import live
from gluongan.pages.live import server as server_module
from gluongan.pages.live import state as state_module
from gluongan.runs import folder
from gluongan.runs.lock import RunLock, is_training


@pytest.fixture(autouse=True)
def _nothing_is_kept(monkeypatch):
    """Each answer is read anew, which otherwise happens once a second."""
    monkeypatch.setattr(state_module, 'OFTEN', -1.0)


@pytest.fixture
def run(tmp_path):
    return pages.make_run(tmp_path / '00000-dense-synthetic')


@contextmanager
def serving(run, host='127.0.0.1'):
    """Serve a run in this process."""
    with live.listen(host) as bound, live.LiveServer(run, bound, host) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def view(run):
    with serving(run) as server:
        yield server


def asked(server, path='/', method='GET', host=None, **headers):
    """Ask a server; return status, headers and content."""
    name, port = server.socket.getsockname()[:2]
    connection = http.client.HTTPConnection(name, port, timeout=20)
    headers['Host'] = f'127.0.0.1:{port}' if host is None else host.replace('PORT', str(port))
    connection.putrequest(method, path, skip_host=True)
    for each, value in headers.items():
        connection.putheader(each, value)
    connection.endheaders()
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), content


def state_of(server):
    return json.loads(asked(server, '/state.json')[2])


# What it serves


def test_the_page_is_that_of_the_run_and_follows_it(view, run):
    status, headers, content = asked(view)
    page = pages.Parsed(content.decode())
    assert status == 200 and headers['Content-Type'] == 'text/html; charset=utf-8'
    assert run.name in page.text() and page.has('samples') and page.has('live-words')
    (policy,) = [a['content'] for _, a, _ in page.all('meta') if 'http-equiv' in a]
    assert "connect-src 'self'" in policy and "default-src 'none'" in policy
    assert "img-src 'self' data:" in policy and policy.count('img-src') == 1
    assert page.data()['live']['parts'] == state_of(view)['parts']


def test_the_state_has_the_newest_numbers(view, run):
    now = state_of(view)
    assert now['state'] == 'complete' and (now['last'], now['total']) == (600, 600)
    assert now['numbers'][:2] == [['D loss', '1.25', '600'], ['G loss', '2.6', '600']]
    assert ['mean distance between samples', '0.9000', '600'] in now['numbers']
    (losses,) = [chart for chart in now['charts'] if chart['key'] == 'losses']
    assert losses['y'][1][-1] == 2.6 and losses['rows'][-1] == ['600', '1.25', '2.6']
    assert now['samples'] == [0, 100, 200, 300, 400, 500, 600]


def test_what_the_training_writes_is_seen(tmp_path):
    run = pages.make_run(tmp_path / 'run', iterations=300)
    config = json.loads((run / folder.CONFIG).read_text())
    (run / folder.CONFIG).write_text(json.dumps({**config, 'iterations': 1_000}))
    with RunLock(run), serving(run) as server:
        before = state_of(server)
        assert before['state'] == 'training'
        said = 'iteration 300 of 1,000, 10 iterations per second, 0:01:10 left'
        assert before['words'] == said
        pages.write_log(run, range(100, 401, 100))
        (run / 'samples/000300.png').rename(run / 'samples/000400.png')
        rows = [{'iteration': step, 'samples/spread': 0.01} for step in (300, 400)]
        pages.write_rows(run / folder.METRICS, rows)
        after = state_of(server)
        assert (after['last'], after['samples'][-1]) == (400, 400)
        assert after['alarm'] == 'samples are 1% as far apart as the data'
        assert after['is'] != before['is']


def test_nothing_is_sent_where_nothing_is_new(view):
    mark = state_of(view)['is']
    assert asked(view, f'/state.json?have={mark}')[::2] == (204, b'')
    for other in ('0' * 16, '', mark[:8], 'x' * 99):
        assert asked(view, f'/state.json?have={other}')[0] == 200


def test_new_figures_and_evaluations_ask_for_the_page_again(view, run):
    marks = [state_of(view)['parts'], state_of(view)['parts']]
    assert marks[0] == marks[1]
    pages.write_evaluation(run)
    marks.append(state_of(view)['parts'])
    pages.write_judged(run, [0, 600])
    marks.append(state_of(view)['parts'])
    assert len(set(marks)) == 3


def test_samples_are_those_of_the_run(view, run):
    status, headers, content = asked(view, '/samples/300.png')
    assert status == 200 and headers['Content-Type'] == 'image/png'
    assert content == (run / 'samples/000300.png').read_bytes()
    assert asked(view, '/samples/301.png')[0] == 404


def test_head_is_get_without_its_content(view):
    status, headers, content = asked(view, '/state.json', 'HEAD')
    assert status == 200 and content == b'' and int(headers['Content-Length']) > 500
    with socket.create_connection(view.socket.getsockname()) as client:
        port = view.socket.getsockname()[1]
        client.sendall(f'HEAD / HTTP/1.0\r\nHost: localhost:{port}\r\n\r\n'.encode())
        answer = b''.join(iter(lambda: client.recv(65_536), b''))
    assert answer.startswith(b'HTTP/1.0 200') and answer.endswith(b'\r\n\r\n')


@pytest.mark.parametrize(
    ('lock', 'iterations', 'word'),
    [
        (None, 600, 'complete'),
        (None, 900, 'stopped'),
        ({'process': 2**22 + 1, 'host': HOST}, 900, 'killed'),
        ({'process': os.getpid(), 'host': HOST}, 900, 'killed'),  # its number is another's now
        ({'process': 2**22 + 1, 'host': 'elsewhere'}, 900, 'training'),
    ],
)
def test_a_run_is_training_or_complete_or_stopped_or_was_killed(tmp_path, lock, iterations, word):
    run = pages.make_run(tmp_path / 'run', iterations=600)
    config = json.loads((run / folder.CONFIG).read_text())
    (run / folder.CONFIG).write_text(json.dumps({**config, 'iterations': iterations}))
    if lock:
        (run / folder.LOCK).write_text(json.dumps(lock))
    assert state_module.read_state(run)['state'] == word


def test_a_run_whose_lock_is_held_is_training(tmp_path):
    run = pages.make_run(tmp_path / 'run', iterations=600)
    with RunLock(run):
        assert state_module.read_state(run)['state'] == 'training'


def test_a_lock_that_is_held_is_seen_and_left_alone(run):
    assert is_training(run) is None
    with RunLock(run):
        before = (run / folder.LOCK).read_bytes()
        assert is_training(run) is True
        assert (run / folder.LOCK).read_bytes() == before
    assert is_training(run) is None


def test_a_broken_file_is_said_and_the_rest_goes_on(view, run):
    (run / folder.METRICS).write_text('no\n')
    now = state_of(view)
    assert now['last'] == 0 or now['last'] == 600
    assert any(str(run / folder.METRICS) in fault for fault in now['faults'])
    assert asked(view)[0] == 200


def test_a_folder_that_is_removed_is_an_error_and_no_end(view, run):
    run.rename(run.with_name('gone'))
    assert asked(view)[0] == 503
    run.with_name('gone').rename(run)
    assert asked(view)[0] == 200


def test_nothing_in_the_folder_is_written(view, run):
    before = {path: path.stat().st_mtime_ns for path in run.rglob('*')}
    for path in ('/', '/state.json', '/samples/300.png', '/nothing'):
        asked(view, path)
    assert {path: path.stat().st_mtime_ns for path in run.rglob('*')} == before


def test_before_there_is_a_run_a_page_asks_for_patience_and_then_is_that_of_the_run(run):
    with serving(None) as server:
        status, headers, content = asked(server)
        page = pages.Parsed(content.decode())
        assert status == 200 and headers['X-Frame-Options'] == 'DENY'
        assert 'are being loaded' in page.text() and not page.has('live-words')
        assert headers['Refresh'] == '1'  # seconds, after which a browser asks again
        assert [asked(server, each)[0] for each in ('/state.json', '/samples/0.png')] == [503, 503]
        assert asked(server, host='evil.example:PORT')[0] == 403
        server.show(run)
        _, headers, content = asked(server)
        assert pages.Parsed(content.decode()).has('live-words') and 'Refresh' not in headers


# What it refuses


@pytest.mark.parametrize(
    'path',
    [
        '/config.json',
        '/../config.json',
        '/samples/../config.json',
        '/samples/000300.png/../../config.json',
        '/samples/%2e%2e/config.json',
        '/samples/-1.png',
        '/samples/3e2.png',
        '/samples/300.png%00',
        '/samples/' + '9' * 5_000 + '.png',
        '//etc/passwd',
        '/etc/passwd',
        'config.json',
        'http://127.0.0.1/config.json',
        '/report.html',
        '/state.json/',
        '/.',
    ],
)
def test_no_other_path_leads_anywhere(view, path):
    status, headers, content = asked(view, path)
    assert status == 404 and len(content) < 80
    assert headers['Content-Type'].startswith('text/plain')


@pytest.mark.parametrize(
    'host', ['127.0.0.1:PORT', 'localhost:PORT', '127.1.2.3:PORT', '[::1]:PORT']
)
def test_its_own_names_are_allowed(view, host):
    assert asked(view, host=host)[0] == 200


@pytest.mark.parametrize(
    'host',
    [
        '',
        'evil.example:PORT',
        '127.0.0.1',
        '127.0.0.1:1',
        '127.0.0.1.evil.example:PORT',
        'localhost.evil.example:PORT',
        'evil.example@127.0.0.1:PORT',
        '127.0.0.1:PORT@evil.example',
        '192.168.0.1:PORT',
        '0.0.0.0:PORT',
        '127.0.0.1:PORT, evil.example',
        '127.0.0.1:99999',
    ],
)
def test_other_names_are_refused(view, host):
    for path in ('/', '/state.json', '/samples/300.png'):
        status, _, content = asked(view, path, host=host)
        assert status == 403 and len(content) < 80


def test_a_server_for_other_machines_answers_to_numbers_and_to_no_foreign_name(run):
    with serving(run, '0.0.0.0') as server:
        assert asked(server, host='192.168.0.1:PORT')[0] == 200
        assert asked(server, host='evil.example:PORT')[0] == 403


@pytest.mark.parametrize(
    'method', ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'CONNECT', 'X', 'get']
)
def test_no_other_method_is_answered(view, method):
    status, headers, content = asked(view, '/state.json', method)
    assert status == (501 if method in ('X', 'get') else 405) and len(content) < 80
    assert status == 501 or headers['Allow'] == 'GET, HEAD'


def test_other_sites_can_neither_frame_nor_read_what_it_serves(view):
    for path in ('/', '/state.json', '/samples/300.png', '/nothing'):
        _, headers, _ = asked(view, path, Origin='http://evil.example')
        assert headers['Cross-Origin-Resource-Policy'] == 'same-origin'
        assert headers['X-Frame-Options'] == 'DENY'
        assert headers['X-Content-Type-Options'] == 'nosniff'
        assert 'Access-Control-Allow-Origin' not in headers


@pytest.mark.parametrize('sent', [b'garbage\r\n\r\n', b'GET /' + b'a' * 70_000, b'\0\xff\r\n', b''])
def test_what_is_no_http_ends_nothing(view, sent):
    with socket.create_connection(view.socket.getsockname()) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        client.settimeout(10)
        assert len(client.recv(1_000)) < 1_000
    assert asked(view)[0] == 200


# How much it bears


def test_100_clients_are_served_by_a_few_threads(view, monkeypatch):
    monkeypatch.setattr(state_module, 'OFTEN', 60.0)
    codes = []
    clients = [threading.Thread(target=lambda: codes.append(asked(view)[0])) for _ in range(100)]
    for client in clients:
        client.start()
    workers = [each for each in threading.enumerate() if each.name == server_module.NAME]
    for client in clients:
        client.join()
    assert codes == [200] * 100
    assert len(workers) <= 2 * server_module.WORKERS  # those of another test may end now


def test_clients_that_say_nothing_keep_nobody_out(view, monkeypatch):
    assert 0 < server_module.Handler.timeout <= 5
    monkeypatch.setattr(server_module.Handler, 'timeout', server_module.Handler.timeout / 20)
    silent = [socket.create_connection(view.socket.getsockname()) for _ in range(100)]
    started = time.monotonic()
    assert asked(view)[0] == 200
    assert time.monotonic() - started < 5
    for client in silent:
        client.close()


def test_a_run_is_read_once_a_second_whoever_asks(run, monkeypatch):
    monkeypatch.setattr(state_module, 'OFTEN', 60.0)
    reads = []
    read = state_module.read_state
    monkeypatch.setattr(state_module, 'read_state', lambda run: reads.append(1) or read(run))
    with serving(run) as server:
        for _ in range(5):
            assert asked(server, '/state.json')[0] == 200
    assert len(reads) == 1


# What cannot be listened on


def test_a_port_that_only_the_system_may_take_is_named(monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EACCES, "Permission denied (while attempting to bind on ('', 80))")

    monkeypatch.setattr(socket, 'create_server', refuse)
    with pytest.raises(server_module.ListenError) as caught:
        live.listen(port=80)
    assert str(caught.value).startswith('port 80: cannot be listened on at 127.0.0.1 (Permission')
    assert 'attempting' not in str(caught.value)
    monkeypatch.undo()
    with pytest.raises(server_module.ListenError, match=r'^port 70000: must be 0 to 65535$'):
        live.listen(port=70_000)
