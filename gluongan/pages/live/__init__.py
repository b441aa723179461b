"""The live view: the page of a run, served on this machine while it trains, updating by itself.

It reads the run folder and nothing else, in a process of its own: it cannot slow the training much,
and cannot break it.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from ..templates import check_installed
from .server import LiveServer, address_of, listen

__all__ = ['Beside', 'LiveServer', 'address_of', 'check_installed', 'listen']


class Beside:
    """A live view in a process of its own, for as long as this process lives and somebody looks.

    address: of the page. The socket listens at once; the first page comes when the other process
    has started. Raises OSError where the port cannot be listened on.
    """

    def __init__(self, run: Path, host: str, port: int) -> None:
        with listen(host, port) as bound:
            self.address = address_of(bound, host)
            self._process = self._start(run, bound, host)

    def _start(self, run: Path, bound: socket.socket, host: str) -> subprocess.Popen:
        number = bound.fileno()
        words = [sys.executable, '-m', __name__, str(number), host, os.fspath(run)]
        return subprocess.Popen(
            words,
            pass_fds=(number,),
            stdin=subprocess.PIPE,  # closed when this process ends, however it ends
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the training
        )

    def end(self) -> None:
        """End the view at once; otherwise it ends when nobody looks any more."""
        self._process.terminate()
        self.leave()
        self._process.wait()

    def leave(self) -> None:
        """Let the view end when nobody looks any more."""
        if self._process.stdin:
            self._process.stdin.close()
