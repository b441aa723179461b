"""The script of `gluongan play` in Node, without a browser: values in and out as JSON."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

needs_node = pytest.mark.skipif(
    shutil.which('node') is None, reason='needs the program node, which runs the script of the page'
)


def node(expression, **given):
    """Return the value of a JavaScript expression, in which `given` has these values."""
    from gluongan.pages.play.page import script_text

    script = script_text(without=['page'])
    program = (
        f'{script}\nconst given = JSON.parse(require("fs").readFileSync(0, "utf8"));\n'
        f'process.stdout.write(JSON.stringify({expression}));'
    )
    result = subprocess.run(
        ['node', '-e', program], input=json.dumps(given), capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr[-2000:]
    return json.loads(result.stdout)
