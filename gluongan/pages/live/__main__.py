"""The process of a live view that `Beside` starts with the number of its socket and its host.

Standard input says which run to show, once there is one. The process ends when that is closed: at
once where there was no run, else once nobody has looked for a while.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from importlib import import_module
from pathlib import Path

from . import END_OF_PATH
from .server import LiveServer

PATIENCE = 15  # seconds without a request
NICE = 10  # it gives way to the training
CHECKED = 0.5  # seconds


def serve(number: int, host: str, *, patience: float = PATIENCE) -> None:
    """Serve the view of a run on a socket until nobody needs it."""
    with socket.socket(fileno=number) as bound, LiveServer(None, bound, host) as server:
        threading.Thread(target=_follow, args=(server, patience), daemon=True).start()
        server.serve_forever()


def _follow(server: LiveServer, patience: float) -> None:
    """Show the run that standard input names, and end the server when it is time."""
    try:
        import_module('.state', __package__)  # which takes a while, beside the import of MXNet
        run = read_path()
        if run is not None:
            server.show(run)
            while os.read(0, 1024):
                pass
            while time.monotonic() - server.newest_request < patience:
                time.sleep(CHECKED)
    finally:
        server.shutdown()


def read_path() -> Path | None:
    """Return the path on standard input, None where it ends before the path does."""
    content = b''
    while not content.endswith(END_OF_PATH):
        part = os.read(0, 1024)
        if not part:
            return None
        content += part
    return Path(os.fsdecode(content[: -len(END_OF_PATH)]))


if __name__ == '__main__':
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICE)
    serve(int(sys.argv[1]), sys.argv[2])
