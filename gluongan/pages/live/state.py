"""What the live view says of a run: its page, and the little that changes while it trains."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from math import isfinite
from pathlib import Path
from typing import Any

from ...config import Config
from ...errors import reason
from ...evaluation import collapse
from ...evaluation.comparison import format_number
from ...evaluation.report import format_metric
from ...files import read_bytes
from ...metric_names import find_metric_name, metric_meaning
from ...runs import reading
from ...runs.folder import (
    CONFIG,
    FACTS,
    JUDGED,
    LOG_TABLE,
    METRICS,
    RunError,
    drawn_pictures,
    evaluation_files,
    read_config,
)
from ..report import render_run
from ..report.contents import Notes, Progress, charts_of, gather, read_progress, state_word
from ..report.curves import Chart
from ..report.evaluations import HEADLINES
from ..templates import as_data

QUICK = ('samples/swd', 'samples/spread', 'samples/support', 'modes/caught', 'modes/good')
OFTEN = 1.0  # seconds for which what was read counts as new
MOST_SAMPLE = 2**24  # bytes of a picture of samples
FINISHING = 'the last measurements, figures and this report are being made'
NUMBERS = (
    ('dis/loss', 'D loss'),
    ('gen/loss', 'G loss'),
    ('dis/real', 'D(x)'),
    ('dis/fake', 'D(G(z))'),
)


class Watched:
    """A run that is watched. What it says is read at most once a second, whoever asks.

    Raises RunError where the folder is no run.
    """

    def __init__(self, run: Path) -> None:
        self.run = run
        read_config(run)
        self._lock = threading.Lock()
        self._state = _Cached(self._read_state)
        self._page = _Cached(self._render)

    def state(self) -> bytes:
        """Return what changes while a run trains, as JSON; `is` is its mark."""
        with self._lock:
            return self._state.value(time.monotonic())

    def page(self) -> bytes:
        """Return the page of the run as it is now."""
        with self._lock:
            return self._page.value(time.monotonic())

    def sample(self, iteration: int) -> bytes | None:
        """Return the picture of the samples of an iteration, None where there is none."""
        with suppress(RunError, OSError, ValueError):
            facts = reading.read_facts(self.run)
            if facts is not None and not facts.has_points:
                files = dict(reading.sample_files(self.run, facts))
                if iteration in files:
                    return read_bytes(files[iteration], MOST_SAMPLE)
        return None

    def why_not(self, error: Exception) -> str:
        """Return in one line why the page cannot be made."""
        return str(error) if isinstance(error, RunError) else reason(error)

    def _render(self) -> bytes:
        live = {'parts': read_state(self.run)['parts']}
        return render_run(gather(self.run), live=live).encode()

    def _read_state(self) -> bytes:
        state = read_state(self.run)
        mark = hashlib.sha256(as_data(state).encode()).hexdigest()[:16]
        return as_data({'is': mark, **state}).encode()


class _Cached:
    """What a function returned, for a second."""

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read
        self._value = b''
        self._until = -1.0

    def value(self, now: float) -> bytes:
        """Return the value, read again where it is old."""
        if now > self._until:
            self._value = self._read()
            self._until = time.monotonic() + OFTEN
        return self._value


def read_state(run: Path) -> dict[str, Any]:
    """Return what changes of a run while it trains. A broken file is said, and is no error."""
    notes = Notes()
    config = notes.attempt(lambda: read_config(run), Config())
    facts = notes.attempt(lambda: reading.read_facts(run), None)
    progress = notes.attempt(
        lambda: read_progress(run, config), Progress(0, config.iterations, False)
    )
    word = state_word(run, progress)
    charts = charts_of(run, config, notes, facts)
    sampled = [each for each, _ in reading.sample_files(run, facts)] if facts else []
    return {
        'parts': parts_of(run, word, charts, sampled),
        'state': word,
        'last': progress.last,
        'total': progress.total,
        'words': in_words(progress, word),
        'alarm': notes.attempt(lambda: collapse.problem(run, progress.last, progress.total), ''),
        'numbers': newest_numbers(run, notes),
        'charts': [
            {**chart.data(), 'rows': chart.rows(), 'words': chart.words()} for chart in charts
        ],
        'samples': [] if facts is None or facts.has_points else sampled,
        'faults': notes.faults,
    }


def in_words(progress: Progress, word: str) -> str:
    """Return how far a run is, how fast, and how long it will take.

    >>> in_words(Progress(500, 1_000, False, 60.0, 10.0), 'training')
    'iteration 500 of 1,000, 10 iterations per second, 0:00:50 left'
    >>> in_words(Progress(1_000, 1_000, True, 60.0, 10.0), 'training')
    'iteration 1,000 of 1,000; the last measurements, figures and this report are being made'
    """
    said = [f'iteration {progress.last:,} of {progress.total:,}']
    rate = progress.rate
    if word == 'training' and progress.is_complete:
        return f'{said[0]}; {FINISHING}'
    if word == 'training' and rate > 0 and isfinite(rate):
        left = timedelta(seconds=round((progress.total - progress.last) / rate))
        said += [f'{format_number(rate, 3)} iterations per second', f'{left} left']
    return ', '.join(said)


def newest_numbers(run: Path, notes: Notes) -> list[tuple[str, str, str]]:
    """Return the newest numbers of a run: (label, value, iteration)."""
    found = []
    names = [name for name, _ in NUMBERS]
    log = notes.attempt(lambda: reading.table(run / LOG_TABLE, 'iteration', *names), None)
    if log is not None:
        at = f'{log["iteration"][-1]:,.0f}'
        found += [(label, format_number(log[name][-1]), at) for name, label in NUMBERS]
    row = notes.attempt(lambda: reading.newest(run, METRICS), {})
    for name in QUICK:
        if name in row:
            label = metric_meaning(name).text
            found.append((label, format_metric(name, row[name]), f'{row["iteration"]:,}'))
    row = notes.attempt(lambda: reading.newest(run, JUDGED), {})
    for stem, space, label in HEADLINES:
        name = find_metric_name(row, stem, space)
        if name is not None and '/' not in name:
            found.append((label, format_metric(name, row[name]), f'{row["iteration"]:,} ({name})'))
    return found


def parts_of(run: Path, word: str, charts: Sequence[Chart], sampled: Sequence[int]) -> str:
    """Return a mark of what the page of a run shows and no small update renews.

    Where it changes, the page is loaded again. word: of `state_word`. sampled: iterations.
    """
    marks: list[Any] = [word, [chart.key for chart in charts], min(2, len(sampled))]
    paths = [run / CONFIG, run / FACTS, run / JUDGED, *evaluation_files(run), *drawn_pictures(run)]
    for path in paths:
        with suppress(OSError):
            status = path.stat()
            marks.append([str(path), status.st_size, status.st_mtime_ns])
    return hashlib.sha256(json.dumps(marks).encode()).hexdigest()[:16]
