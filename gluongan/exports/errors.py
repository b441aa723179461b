"""The one error of this room."""

from __future__ import annotations

from ..errors import FailureError


class ExportError(FailureError):
    """An export that cannot be made, or that cannot be trusted: one sentence that names the file."""
