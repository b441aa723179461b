"""The snapshots of a run: which ones there are, the newest, the best, and which ones to keep."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from .. import snapshot
from ..files import read_text
from ..metric_names import metric_meaning
from ..snapshot import SUFFIX, SnapshotError, State
from .folder import SCORES, SNAPSHOTS_FOLDER, RunError


def list_snapshots(run: Path) -> list[tuple[int, Path]]:
    """Return (iteration, file) of each snapshot in a run folder, oldest first."""
    snapshots = []
    for path in (run / SNAPSHOTS_FOLDER).glob('*' + SUFFIX):
        if re.fullmatch(r'\d+', path.stem):
            snapshots.append((int(path.stem), path))
    return sorted(snapshots)


def has_snapshot_files(run: Path) -> bool:
    """Return whether a run has snapshots, also where they are damaged or were set aside."""
    return any(path.suffix != '.json' for path in (run / SNAPSHOTS_FOLDER).glob('*'))


def snapshot_path(run: Path, iteration: int) -> Path:
    """Return the file of the snapshot of an iteration.

    >>> snapshot_path(Path('runs/00000-dense-mnist'), 15_000).as_posix()
    'runs/00000-dense-mnist/snapshots/015000.snapshot'
    """
    return run / SNAPSHOTS_FOLDER / f'{iteration:06d}{SUFFIX}'


def find_snapshot(run: Path, which: str) -> Path:
    """Return the file of a snapshot; which: `last`, `best` or an iteration.

    Raises RunError where there is none.
    """
    files = dict(list_snapshots(run))
    if not files:
        raise RunError(f'{run}: has no snapshot yet; must have one, which training writes')
    if which == 'last':
        return files[max(files)]
    numbers = {text: each for each in files for text in (f'{each}', f'{each:06d}')}
    iteration = best_snapshot(run) if which == 'best' else numbers.get(which)
    if which == 'best' and iteration is None:
        raise RunError(
            f'{run}: no snapshot has a score; must be last or one of {_listed(files)}',
            setting='snapshot',
            value=which,
        )
    if iteration not in files:
        message = f'must be last, best or one of {_listed(files)}'
        raise RunError(message, setting='snapshot', value=which, names=('last', 'best'))
    return files[iteration]


def _listed(iterations: Iterable[int]) -> str:
    return ', '.join(map(str, iterations))


def read_newest(run: Path, warn: Callable[[str], object] = print) -> tuple[Path, State]:
    """Return the file and the content of the newest intact snapshot; `warn` hears of damaged ones.

    Raises SnapshotError where none is intact.
    """
    for _, path in reversed(list_snapshots(run)):
        try:
            return path, snapshot.read(path)
        except SnapshotError as error:
            warn(f'{error}; falling back to the previous snapshot')
    raise SnapshotError(f'{run}: has no snapshot that can be used; start the run again')


def set_aside(run: Path, iteration: int) -> None:
    """Rename the snapshots beyond `iteration` to ITERATION.damaged.

    A resumed run has skipped them. If they stayed, they would count as the newest ones, and intact
    snapshots would be deleted in their place.
    """
    for number, path in list_snapshots(run):
        if number > iteration:
            path.rename(path.with_suffix('.damaged'))


def keep(run: Path, last: int, best: int | None) -> None:
    """Delete all snapshots of a run except the `last` newest and the one of iteration `best`."""
    for iteration, path in list_snapshots(run)[:-last]:
        if iteration != best:
            path.unlink()


def read_scores(run: Path) -> tuple[str, dict[int, float]]:
    """Return the metric of a run's scores, and {iteration: score}.

    Both are empty where the file is missing or broken.
    """
    try:
        content = json.loads(read_text(run / SCORES))
        metric = str(content.pop('metric', 'samples/swd'))
        return metric, {int(iteration): float(score) for iteration, score in content.items()}
    except (OSError, ValueError, AttributeError, TypeError, OverflowError, RecursionError):
        return '', {}


def best_snapshot(run: Path) -> int | None:
    """Return the iteration of the snapshot with the best score, None where none has a score."""
    metric, scores = read_scores(run)
    sign = -1 if metric_meaning(metric).better == 'high' else 1
    scored = [iteration for iteration, _ in list_snapshots(run) if iteration in scores]
    return min(scored, key=lambda iteration: sign * scores[iteration], default=None)
