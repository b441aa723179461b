"""The process of a live view that `Beside` starts: the number of its socket, its host, its run.

It ends once the process that started it has ended and nobody has looked for a while.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

from .server import LiveServer

PATIENCE = 15  # seconds without a request
NICE = 10  # it gives way to the training
CHECKED = 0.5  # seconds


def serve(number: int, host: str, run: Path, *, patience: float = PATIENCE) -> None:
    """Serve the view of a run on a socket until nobody needs it."""
    with socket.socket(fileno=number) as bound, LiveServer(run, bound, host) as server:
        threading.Thread(target=_end_with, args=(server, patience), daemon=True).start()
        server.serve_forever()


def _end_with(server: LiveServer, patience: float) -> None:
    """End a server after standard input is closed and no request has come for `patience` s."""
    while os.read(0, 1024):
        pass
    while time.monotonic() - server.newest_request < patience:
        time.sleep(CHECKED)
    server.shutdown()


if __name__ == '__main__':
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICE)
    serve(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
