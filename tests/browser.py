"""A page in headless Chromium: the few DevTools messages that a test needs, over a pipe."""

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

PROGRAMS = ('chromium', 'chromium-browser', 'google-chrome')
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
    """Return the path of the program, or None."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Page:
    """A folder served on localhost, and a page in it in a new browser."""

    def __init__(self, folder, page='index.html'):
        handler = partial(_QuietHandler, directory=str(folder))
        self._server = ThreadingHTTPServer(('127.0.0.1', 0), handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._number = 0
        self._session = None
        self._start_browser()
        target = self._send('Target.createTarget', url='about:blank')['targetId']
        attached = self._send('Target.attachToTarget', targetId=target, flatten=True)
        self._session = attached['sessionId']
        address = f'http://127.0.0.1:{self._server.server_port}/{page}'
        self._send('Page.navigate', url=address)

    def _start_browser(self):
        """Start Chromium; it reads messages from file 3 and answers in file 4."""
        self._profile = tempfile.mkdtemp()
        browser_in, self._requests = os.pipe()
        answers, browser_out = os.pipe()
        self._process = subprocess.Popen(
            [chromium(), *FLAGS, f'--user-data-dir={self._profile}'],
            pass_fds=(3, 4),
            preexec_fn=lambda: (os.dup2(browser_in, 3), os.dup2(browser_out, 4)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(browser_in)
        os.close(browser_out)
        self._answers = os.fdopen(answers, 'rb')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._answers.close()
        os.close(self._requests)
        self._server.shutdown()
        self._server.server_close()
        shutil.rmtree(self._profile, ignore_errors=True)

    def _send(self, method, **params):
        """Send a message and return the result of its answer."""
        self._number += 1
        message = {'id': self._number, 'method': method, 'params': params}
        if self._session:
            message['sessionId'] = self._session
        os.write(self._requests, json.dumps(message).encode() + b'\0')
        while True:
            answer = json.loads(self._next_message())
            if answer.get('id') == self._number:
                assert 'error' not in answer, answer
                return answer['result']

    def _next_message(self):
        message = bytearray()
        while True:
            byte = self._answers.read(1)
            assert byte, 'the browser has ended'
            if byte == b'\0':
                return bytes(message)
            message += byte

    def evaluate(self, script):
        """Return the value of a JavaScript expression; a promise is awaited."""
        answer = self._send(
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
        """Click with the mouse in the middle of an element."""
        box = f'document.querySelector({json.dumps(selector)}).getBoundingClientRect()'
        x, y = self.evaluate(
            f'(() => {{ const b = {box}; return [b.x + b.width / 2, b.y + b.height / 2] }})()'
        )
        for kind in ('mousePressed', 'mouseReleased'):
            self._send('Input.dispatchMouseEvent', type=kind, x=x, y=y, button='left', clickCount=1)

    def screenshot(self, path):
        """Write a screenshot as PNG."""
        path.write_bytes(base64.b64decode(self._send('Page.captureScreenshot')['data']))
