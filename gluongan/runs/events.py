"""The event file of TensorBoard in a run folder: scalars, pictures, hyper-parameters.

It is written anew at each start, from the records of the run. So nothing in it is doubled, whatever
a killed process had written, and nothing is missing.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import InputError, as_typed
from ..files import naming_target
from .folder import TENSORBOARD_FOLDER

PREFIX = 'events.out.tfevents.'  # by which TensorBoard knows its files
COLOURS = {'L': 1, 'RGB': 3, 'RGBA': 4}


def import_packages() -> tuple[ModuleType, ModuleType, ModuleType, ModuleType]:
    """Return the modules of tensorboardX that write events. Raises InputError without them."""
    names = ('record_writer', 'summary', 'proto.event_pb2', 'proto.summary_pb2')
    try:
        writer, summary, events, summaries = (import_module(f'tensorboardX.{x}') for x in names)
    except ImportError as error:
        raise InputError(
            f"needs the package {error.name or error}; pip install 'gluongan[tensorboard]'",
            setting='tensorboard',
        ) from None
    return writer, summary, events, summaries


def can_continue(run: Path, warn: Callable[[str], object]) -> bool:
    """Return whether a run has events that can be gone on with; `warn` hears why they cannot."""
    if not (run / TENSORBOARD_FOLDER).is_dir():
        return False
    try:
        import_packages()
    except InputError as error:
        warn(f'{run / TENSORBOARD_FOLDER}: is not continued, as it {error.message}')
        return False
    return True


class EventFile:
    """The one event file of a run; those of earlier starts are removed.

    run: its folder. Each number and picture has the iteration and the time that it is of.
    """

    def __init__(self, run: Path) -> None:
        writer, self._summary, self._events, self._summaries = import_packages()
        folder = run / TENSORBOARD_FOLDER
        self.path = folder / f'{PREFIX}{time.time_ns() // 10**6:013d}'  # later names are newer
        with naming_target(self.path):
            folder.mkdir(exist_ok=True)
            earlier = [path for path in folder.iterdir() if path.name.startswith(PREFIX)]
            self._records = writer.RecordWriter(str(self.path))
            self._write(file_version='brain.Event:2')
            # A TensorBoard that shows the run drops what it has of the earlier file.
            begins = self._events.SessionLog(status=self._events.SessionLog.START)
            self._write(session_log=begins, step=0)
            self.flush()
            for path in earlier:
                path.unlink(missing_ok=True)

    def add_numbers(self, iteration: int, numbers: Mapping[str, float], at: float) -> None:
        """Write numbers by name. at: seconds since 1970."""
        values = [
            self._summaries.Summary.Value(tag=name, simple_value=value)
            for name, value in numbers.items()
        ]
        self._write(summary=self._summaries.Summary(value=values), step=iteration, wall_time=at)

    def add_picture(self, iteration: int, name: str, path: Path, at: float) -> None:
        """Write a picture as it is in its PNG file."""
        from PIL import Image

        content = path.read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            width, height = image.size
            colours = COLOURS.get(image.mode, 3)
        picture = self._summaries.Summary.Image(
            height=height, width=width, colorspace=colours, encoded_image_string=content
        )
        value = self._summaries.Summary.Value(tag=name, image=picture)
        self._write(summary=self._summaries.Summary(value=[value]), step=iteration, wall_time=at)

    def add_settings(self, settings: Mapping[str, Any], metrics: Collection[str]) -> None:
        """Write the hyper-parameters, and which numbers stand beside them in a table."""
        plain = {
            name: value if isinstance(value, (bool, int, float)) else as_typed(value)
            for name, value in settings.items()
        }
        experiment, begins, self._ends = self._summary.hparams(plain, dict.fromkeys(metrics, 0.0))
        for summary in (experiment, begins):
            self._write(summary=summary)

    def end_session(self) -> None:
        """Say that the run has come to its end."""
        self._write(summary=self._ends)

    def flush(self) -> None:
        """Have everything on disk."""
        with naming_target(self.path):
            self._records.flush()

    def close(self) -> None:
        """Close the file."""
        with naming_target(self.path):
            self._records.close()

    def _write(self, **content: Any) -> None:
        content.setdefault('wall_time', time.time())
        event = self._events.Event(**content)
        with naming_target(self.path):
            self._records.write(event.SerializeToString())
