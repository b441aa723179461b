"""The server of the live view: a few fixed addresses of one run, for browsers of this machine.

What it refuses: any other address, any method but GET and HEAD, and any name of this machine but
its own, as a page of another site would use after it has turned its name to 127.0.0.1 (DNS
rebinding). A few threads answer everybody, and nobody can hold one for longer than some seconds.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import queue
import re
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import FailureError

if TYPE_CHECKING:
    from .state import Watched

LOOPBACK = '127.0.0.1'
RESERVED, LAST_PORT = 1024, 65_535  # ports below the first are the system's
WORKERS = 32  # threads
NAME = 'gluongan-live'  # of a thread
WAITING = 256  # connections; more are closed
ASKING = 2  # seconds that a client may take to ask
TAKING = 20  # seconds that it may take to take what it is given
HTML = 'text/html; charset=utf-8'
NO_MORE: Mapping[str, str] = {}
WAITING_PAGE = Path(__file__).parent / 'waiting.html'
SAMPLE = re.compile(r'/samples/([0-9]{1,12})\.png')
HEADERS = {
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cross-Origin-Opener-Policy': 'same-origin',
}


class ListenError(FailureError):
    """A port or a host that cannot be listened on."""


def listen(host: str = LOOPBACK, port: int = 0) -> socket.socket:
    """Return a socket that listens. port: 0 for any that is free.

    Raises ListenError, which names the host or the port, where it cannot.
    """
    if not host:  # it would stand for every address of this machine
        raise _of_host(host, 'it is empty')
    if not 0 <= port <= LAST_PORT:
        raise ListenError(f'must be 0 to {LAST_PORT}', setting='port', value=port)
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    try:
        socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
        return socket.create_server((host, port), family=family, backlog=WAITING)
    except socket.gaierror as error:  # no name that is known
        raise _of_host(host, error.strerror) from None
    except UnicodeError:
        raise _of_host(host, 'it is no name of a machine') from None
    except OSError as error:
        why = os.strerror(error.errno)
        if error.errno != errno.EADDRINUSE and not _is_reserved(error, port):
            raise _of_host(host, why) from None
        problem = f'cannot be listened on at {host} ({why}); must be a free port, or 0 for any'
        raise ListenError(problem, setting='port', value=port) from None


def _is_reserved(error: OSError, port: int) -> bool:
    """Return whether a port was refused as one that only the system may take."""
    return error.errno in (errno.EACCES, errno.EPERM) and 0 < port < RESERVED


def _of_host(host: str, why: str) -> ListenError:
    problem = f'cannot be listened on ({why}); must be an address of this machine'
    return ListenError(f'{problem}, such as {LOOPBACK}', setting='host', value=host)


def address_of(bound: socket.socket, host: str = LOOPBACK) -> str:
    """Return the address of the page on a socket.

    >>> with listen() as bound:
    ...     address_of(bound).rpartition(':')[0]
    'http://127.0.0.1'
    """
    name = f'[{host}]' if ':' in host else host
    return f'http://{name}:{bound.getsockname()[1]}/'


class LiveServer(HTTPServer):
    """Serves the live view of a run on a socket that listens, until `shutdown`.

    run: None where there is none yet, see `show`; until then a page asks for patience.
    watched: what is said of it. newest_request: when the last one came, by time.monotonic.
    Raises RunError where `run` is no run.
    """

    def __init__(self, run: Path | None, bound: socket.socket, host: str = LOOPBACK) -> None:
        self.watched: Watched | None = None
        if run is not None:
            self.show(run)
        self.newest_request = time.monotonic()
        self.is_loopback = host == 'localhost' or _is_loopback(host)
        self.host = host
        super().__init__(bound.getsockname()[:2], Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = bound
        self._waiting: queue.Queue[Any] = queue.Queue(WAITING)
        for _ in range(WORKERS):
            threading.Thread(target=self._work, name=NAME, daemon=True).start()

    def show(self, run: Path) -> None:
        """Serve the page of a run from now on. Raises RunError where it is none."""
        from .state import Watched  # here, because it imports much, and a page is there before

        self.watched = Watched(run)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Hand a connection to the threads; close it where too many wait already."""
        self.newest_request = time.monotonic()
        try:
            self._waiting.put_nowait((request, client_address))
        except queue.Full:
            self.shutdown_request(request)

    def _work(self) -> None:
        for request, client_address in iter(self._waiting.get, None):
            with suppress(Exception):  # a client that has gone, or that sends no HTTP
                self.finish_request(request, client_address)
            with suppress(OSError):
                self.shutdown_request(request)

    def server_close(self) -> None:
        """Close the socket and end the threads, those that answer when they have answered."""
        super().server_close()
        for _ in range(WORKERS):
            self._waiting.put(None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that has gone."""

    def allows(self, host: str | None) -> bool:
        """Return whether a request for this host is one for this server.

        Of a server on the loopback interface, no name but its own is allowed. Of another one, any
        address in numbers is, since no other site can turn that into its own.
        """
        name, port = _split(host or '')
        if port != self.socket.getsockname()[1]:
            return False
        if name in ('localhost', self.host):
            return True
        return _is_loopback(name) if self.is_loopback else _is_address(name)


def _split(host: str) -> tuple[str, int]:
    """Return name and port of a Host header; -1 for a port that is none."""
    match = re.fullmatch(r'(\[[0-9a-fA-F:.]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?', host.strip())
    if match is None:
        return '', -1
    return match[1].strip('[]').lower(), int(match[2] or 80)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(name: str) -> bool:
    return _is_address(name) and ipaddress.ip_address(name).is_loopback


class Handler(BaseHTTPRequestHandler):
    """One request. A connection takes one, so that none stays open."""

    server: LiveServer
    timeout = ASKING
    server_version = 'gluongan'
    sys_version = ''

    def do_GET(self) -> None:
        """Answer a request."""
        if not self.server.allows(self.headers.get('Host')):
            self._refuse(403, 'this server answers requests for its own address alone')
            return
        path, _, query = self.path.partition('?')
        watched, match = self.server.watched, SAMPLE.fullmatch(path)
        if watched is None and path == '/':
            self._send_waiting_page()
        elif watched is None:
            self._refuse(503, 'there is no run yet')
        elif path == '/':
            self._send_page(watched)
        elif path == '/state.json':
            self._send_state(watched, query)
        elif match:
            picture = watched.sample(int(match[1]))
            if picture is None:
                self._refuse(404, 'there are no samples of this iteration')
            else:
                self._send(200, picture, 'image/png')
        else:
            self._refuse(404, 'there is nothing here')

    do_HEAD = do_GET

    def _refuse_method(self) -> None:
        self._refuse(405, 'this server answers GET and HEAD alone')

    do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_TRACE = do_CONNECT = _refuse_method

    def _send_waiting_page(self) -> None:
        policy = "default-src 'none'; frame-ancestors 'none'"
        self._send(200, WAITING_PAGE.read_bytes(), HTML, policy, {'Refresh': '1'})

    def _send_page(self, watched: Watched) -> None:
        try:
            page = watched.page()
        except Exception as error:  # the folder may be removed while it is watched
            self._refuse(503, f'the page cannot be made now: {watched.why_not(error)}')
        else:
            self._send(200, page, HTML, "frame-ancestors 'none'")

    def _send_state(self, watched: Watched, query: str) -> None:
        try:
            state = watched.state()
        except Exception as error:
            self._refuse(503, f'the run cannot be read now: {watched.why_not(error)}')
            return
        is_known = query.startswith('have=') and query[5:].encode() in state[:40]
        if is_known and len(query) == 5 + 16:
            self._send(204, b'', 'application/json')
        else:
            self._send(200, state, 'application/json')

    def _refuse(self, code: int, why: str) -> None:
        self._send(
            code, (why + '\n').encode(errors='backslashreplace'), 'text/plain; charset=utf-8'
        )

    def _send(
        self,
        code: int,
        content: bytes,
        kind: str,
        policy: str = "default-src 'none'",
        more: Mapping[str, str] = NO_MORE,
    ) -> None:
        self.send_response(code)
        headers = {**HEADERS, 'Content-Security-Policy': policy, 'Content-Type': kind, **more}
        if code == 405:
            headers['Allow'] = 'GET, HEAD'
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        if self.command != 'HEAD':
            self.connection.settimeout(TAKING)
            self.wfile.write(content)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is no HTTP that this server knows, in plain text."""
        self.close_connection = True
        with suppress(OSError, AttributeError):
            self.command = self.command or 'GET'
            self._refuse(code, message or 'refused')

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the terminal belongs to the training."""
