"""Which of MXNet's operators run, according to its own profiler."""

from __future__ import annotations

import json
from tempfile import TemporaryDirectory

from gluongan.runtime import mx


def operators(action):
    """How often each of MXNet's operators runs in `action`."""
    mx.nd.waitall()
    # The profiler removes the file of that name: with os.devnull, root would lose /dev/null.
    with TemporaryDirectory() as folder:
        mx.profiler.set_config(
            profile_all=True, aggregate_stats=True, filename=f'{folder}/profile.json'
        )
        mx.profiler.set_state('run')
        action()
        mx.nd.waitall()
        mx.profiler.set_state('stop')
        table = json.loads(mx.profiler.dumps(True, format='json'))['Time']['operator']
    return {name: row['Count'] for name, row in table.items()}
