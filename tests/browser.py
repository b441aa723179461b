"""A page in headless Chromium: the few messages of the DevTools protocol that a test needs, over a pipe."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

FLAGS = (
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--remote-debugging-pipe',
)
SECONDS = 90


def chromium():
    """The program's path, or None."""
    return next(
        filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None
    )


class _Quiet(SimpleHTTPRequestHandler):
    extensions_map: ClassVar = {
        **SimpleHTTPRequestHandler.extensions_map,
        '.mjs': 'text/javascript',
        '.wasm': 'application/wasm',
    }

    def log_message(self, *_):
        pass


class Page:
    """The folder served on localhost, and its index.html in a browser of its own."""

    def __init__(self, folder):
        self._server = ThreadingHTTPServer(('127.0.0.1', 0), partial(_Quiet, directory=str(folder)))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._profile, self._number = tempfile.mkdtemp(), 0
        (read, self._in), (self._out, write) = os.pipe(), os.pipe()
        self._process = subprocess.Popen(
            [chromium(), *FLAGS, f'--user-data-dir={self._profile}'],
            pass_fds=(3, 4),
            preexec_fn=lambda: (os.dup2(read, 3), os.dup2(write, 4)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read)
        os.close(write)
        self._lines, self._session = os.fdopen(self._out, 'rb'), None
        target = self._ask('Target.createTarget', url='about:blank')['targetId']
        self._session = self._ask('Target.attachToTarget', targetId=target, flatten=True)[
            'sessionId'
        ]
        self._ask('Page.navigate', url=f'http://127.0.0.1:{self._server.server_port}/index.html')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._lines.close()
        os.close(self._in)
        self._server.shutdown()
        self._server.server_close()
        shutil.rmtree(self._profile, ignore_errors=True)

    def _ask(self, method, **params):
        self._number += 1
        message = {'id': self._number, 'method': method, 'params': params}
        os.write(
            self._in,
            json.dumps(
                {**message, **({'sessionId': self._session} if self._session else {})}
            ).encode()
            + b'\0',
        )
        while True:
            answer = json.loads(self._message())
            if answer.get('id') == self._number:
                assert 'error' not in answer, answer
                return answer['result']

    def _message(self):
        read = bytearray()
        while (byte := self._lines.read(1)) != b'\0':
            assert byte, 'the browser has gone'
            read += byte
        return bytes(read)

    def evaluate(self, script):
        """The value of a JavaScript expression, awaited."""
        answer = self._ask(
            'Runtime.evaluate', expression=script, awaitPromise=True, returnByValue=True
        )
        assert 'exceptionDetails' not in answer, answer['exceptionDetails']
        return answer['result'].get('value')

    def wait(self, script):
        """Wait until an expression is true."""
        end = time.monotonic() + SECONDS
        while not self.evaluate(script):
            assert time.monotonic() < end, f'{script} never came true'
            time.sleep(0.1)

    def click(self, selector):
        """A mouse click in the middle of an element."""
        x, y = self.evaluate(
            f'(() => {{ const b = document.querySelector({json.dumps(selector)}).getBoundingClientRect();'
            ' return [b.x + b.width / 2, b.y + b.height / 2] })()'
        )
        for kind in ('mousePressed', 'mouseReleased'):
            self._ask('Input.dispatchMouseEvent', type=kind, x=x, y=y, button='left', clickCount=1)

    def screenshot(self, path):
        """Write what is to be seen as PNG."""
        path.write_bytes(base64.b64decode(self._ask('Page.captureScreenshot')['data']))
