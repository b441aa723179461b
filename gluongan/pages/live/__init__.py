"""The live view: the page of a run, served on this machine while it trains, updating by itself.

It reads the run folder and nothing else, in a process of its own: it cannot slow the training much,
and cannot break it.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from ..templates import check_installed
from .server import LiveServer, address_of, listen

END_OF_PATH = b'\0'  # which no path has

__all__ = ['Beside', 'LiveServer', 'address_of', 'check_installed', 'listen']


class Beside:
    """A live view in a process of its own, for as long as this process lives and somebody looks.

    address: of the page. The socket listens at once. A page that asks for patience comes when the
    other process has started, and that of a run after `show`. Raises ListenError where the host
    or the port cannot be listened on.
    """

    def __init__(self, host: str, port: int) -> None:
        self.shows_run = False
        with listen(host, port) as bound:
            self.address = address_of(bound, host)
            self._process = self._start(bound, host)

    def _start(self, bound: socket.socket, host: str) -> subprocess.Popen:
        number = bound.fileno()
        words = [sys.executable, '-m', __name__, str(number), host]
        return subprocess.Popen(
            words,
            pass_fds=(number,),
            stdin=subprocess.PIPE,  # closed when this process ends, however it ends
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the training
        )

    def show(self, run: Path) -> None:
        """Serve the page of a run from now on."""
        with suppress(OSError):  # the view has ended, which is no fault of the training
            self._process.stdin.write(os.fsencode(run) + END_OF_PATH)
            self._process.stdin.flush()
        self.shows_run = True

    def end(self) -> None:
        """End the view at once; otherwise it ends when nobody looks any more."""
        self._process.terminate()
        self.leave()
        self._process.wait()

    def leave(self) -> None:
        """Let the view end when nobody looks any more."""
        with suppress(OSError):
            self._process.stdin.close()
