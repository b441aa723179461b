"""Folders within .zip and .tar archives, read in place: nothing is unpacked to disk.

A `Member` stands for a Path wherever pictures are listed and read.
"""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from ..errors import reason
from ..files import read_at_most
from .dataset import DataError
from .reading import GZIP_MAGIC, MAX_UNPACKED

ENDINGS = ('.zip', '.tar', '.tar.gz', '.tgz')
MAX_ENTRIES = 1_000_000
MAX_DEPTH = 64
MAX_FILE = 2**28  # bytes of one file within an archive, which is read into memory
MAX_HEADER = 2**20  # bytes that tarfile may ask for at once
MAX_RATIO = 100  # of all that is unpacked to the archive; pictures are packed already

Parts = tuple[str, ...]
Read = Callable[['Entry'], bytes]


class Entry(NamedTuple):
    """A file within an archive: its name there, its size, and where it lies."""

    name: str
    size: int
    position: int


class Index:
    """The files of an archive as a tree. Raises DataError for names that leave it, and for more
    than an honest archive holds."""

    def __init__(self, path: Path, entries: Iterator[tuple[Parts, Entry]]) -> None:
        self.path = path
        self.files: dict[Parts, Entry] = {}
        self.children: dict[Parts, dict[str, None]] = {(): {}}
        limit = max(MAX_UNPACKED, MAX_RATIO * path.stat().st_size)
        total = 0
        for parts, entry in entries:
            total += entry.size
            if total > limit:
                raise DataError(f'{path}: unpacks to over {limit:,} bytes; must be less')
            self._add(parts, entry)

    def _add(self, parts: Parts, entry: Entry) -> None:
        self.files[parts] = entry
        if len(self.files) > MAX_ENTRIES:
            raise DataError(f'{self.path}: has over {MAX_ENTRIES:,} files; must be fewer')
        for depth in range(len(parts)):
            self.children.setdefault(parts[:depth], {})[parts[depth]] = None


class Member:
    """A file or folder within an archive, with those methods of a Path that reading needs."""

    def __init__(self, index: Index, read: Read, parts: Parts = (), name: str = '') -> None:
        self._index = index
        self._read = read
        self.parts = parts
        self._name = name

    def __str__(self) -> str:
        return '/'.join((str(self._index.path), *self.parts))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Member) and self.parts == other.parts

    def __hash__(self) -> int:
        return hash(self.parts)

    def __truediv__(self, name: str) -> Member:
        return Member(self._index, self._read, (*self.parts, name))

    @property
    def name(self) -> str:
        """The last part of its path; the root of an archive is called as the archive."""
        return self._name or self.parts[-1]

    @property
    def suffix(self) -> str:
        """The ending of its name."""
        return PurePosixPath(self.name).suffix

    @property
    def parent(self) -> Member:
        """The folder in which it lies."""
        return Member(self._index, self._read, self.parts[:-1])

    @property
    def position(self) -> int:
        """Where it lies in the archive: reading in this order never goes back."""
        return self._index.files[self.parts].position

    @property
    def identity(self) -> tuple[int, ...]:
        """What changes when the file does: its size and place, and the time of the archive."""
        entry = self._index.files[self.parts]
        return entry.size, entry.position, self._index.path.stat().st_mtime_ns

    def resolve(self) -> Member:
        """Return itself: there are no links."""
        return self

    def is_dir(self) -> bool:
        """Return whether it is a folder."""
        return self.parts in self._index.children

    def is_file(self) -> bool:
        """Return whether it is a file."""
        return self.parts in self._index.files

    def exists(self) -> bool:
        """Return whether it is there."""
        return self.is_dir() or self.is_file()

    def is_symlink(self) -> bool:
        """Return False: an archive with links is refused."""
        return False

    def iterdir(self) -> Iterator[Member]:
        """Yield what is in a folder."""
        return (self / name for name in self._index.children[self.parts])

    def relative_to(self, other: Member) -> PurePosixPath:
        """Return its path from a folder above it."""
        return PurePosixPath(*self.parts[len(other.parts) :])

    def open(self, mode: str = 'rb') -> BinaryIO:
        """Return the whole content as a stream. Raises DataError where it is too long."""
        entry = self._index.files[self.parts]
        if entry.size > MAX_FILE:
            raise DataError(f'{self}: has {entry.size:,} bytes; must be at most {MAX_FILE:,}')
        content = self._read(entry)
        if len(content) != entry.size:
            raise DataError(
                f'{self}: has other than the {entry.size:,} bytes that the archive states; '
                'must be complete'
            )
        return io.BytesIO(content)


def storage_order(paths: Sequence[Path | Member]) -> list[int]:
    """Return the indices of files in the order in which they are best read."""
    return sorted(range(len(paths)), key=lambda index: getattr(paths[index], 'position', 0))


def is_archive(path: Path) -> bool:
    """Return whether a path is called as an archive.

    >>> is_archive(Path('cats.tar.gz')), is_archive(Path('cats.rar'))
    (True, False)
    """
    return path.name.lower().endswith(ENDINGS)


@contextmanager
def opened(path: Path) -> Iterator[Member]:
    """Yield the folder in an archive that holds the data: below those around everything.

    Raises DataError for damage, links, names that leave the archive, and archives that unpack to
    far more than they are.
    """
    with ExitStack() as stack:
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise DataError(f'{path}: is not a regular file; must be an archive')
            index = _index(path, status.st_mtime_ns, status.st_size)
            read = stack.enter_context((_zip_reader if _is_zip(path) else _tar_reader)(path))
        except DataError:
            raise
        except Exception as error:  # whatever tarfile, zipfile and zlib let through
            raise DataError(
                f'{path}: is not a readable archive ({reason(error)}); must be .zip or .tar'
            ) from error
        name = path.name[: -len(next(end for end in ENDINGS if path.name.lower().endswith(end)))]
        root = Member(index, read, name=name)
        yield Member(index, read, _innermost(root), name)


def _innermost(folder: Member) -> Parts:
    """Return the first folder from the top that holds more than one folder alone."""
    while True:
        inside = [each for each in folder.iterdir() if not each.name.startswith(('.', '__MACOSX'))]
        if len(inside) != 1 or not inside[0].is_dir():
            return folder.parts
        (folder,) = inside


def _is_zip(path: Path) -> bool:
    return path.name.lower().endswith('.zip')


@lru_cache(maxsize=4)
def _index(path: Path, changed_at: int, size: int) -> Index:
    """Return the index of an archive; one that was not changed since is not read again."""
    return Index(path, _zip_entries(path) if _is_zip(path) else _tar_entries(path))


def _parts(path: Path, name: str) -> Parts:
    """Return the parts of a name. Raises DataError where it leaves the archive."""
    parts = tuple(part for part in name.split('/') if part not in ('', '.'))
    is_absolute = name.startswith('/') or name[1:3] == ':/'
    if is_absolute or '..' in parts or len(parts) > MAX_DEPTH:
        raise DataError(f'{path}: has the name {name[:80]!r}; must be names within the archive')
    return parts


def _refuse_kind(path: Path, name: str, kind: str) -> DataError:
    return DataError(f'{path}: holds {name[:80]!r}, {kind}; must be files and folders alone')


def _zip_entries(path: Path) -> Iterator[tuple[Parts, Entry]]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            parts = _parts(path, info.filename.replace('\\', '/'))
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refuse_kind(path, info.filename, 'a link or a device')
            if info.flag_bits & 1:
                raise _refuse_kind(path, info.filename, 'which is encrypted')
            if not info.is_dir() and parts:
                yield parts, Entry(info.filename, info.file_size, info.header_offset)


@contextmanager
def _zip_reader(path: Path) -> Iterator[Read]:
    with zipfile.ZipFile(path) as archive:

        def read(entry: Entry) -> bytes:
            with archive.open(entry.name) as stream:
                return bytes(read_at_most(stream, entry.size))

        yield read


class _Bounded:
    """A stream for tarfile that refuses to be read further than an honest archive goes."""

    def __init__(self, stream: BinaryIO, path: Path) -> None:
        self._stream = stream
        self._path = path
        self._limit = max(MAX_UNPACKED, MAX_RATIO * path.stat().st_size)

    def tell(self) -> int:
        return self._stream.tell()

    def seek(self, position: int) -> int:
        if position > self._limit:
            raise DataError(f'{self._path}: unpacks to over {self._limit:,} bytes; must be less')
        return self._stream.seek(position)

    def read(self, size: int) -> bytes:
        if size > MAX_HEADER:
            raise DataError(f'{self._path}: has a name of {size:,} bytes; must be shorter')
        return self._stream.read(size)


@contextmanager
def _unpacked(path: Path) -> Iterator[BinaryIO]:
    with open(path, 'rb') as file:
        if file.peek(2)[:2] == GZIP_MAGIC:
            with gzip.GzipFile(fileobj=file) as stream:
                yield stream
        else:
            yield file


def _tar_entries(path: Path) -> Iterator[tuple[Parts, Entry]]:
    with ExitStack() as stack:
        stream = _Bounded(stack.enter_context(_unpacked(path)), path)
        archive = stack.enter_context(tarfile.open(fileobj=stream, mode='r:'))
        info = archive.next()
        while info is not None:
            archive.members.clear()  # which tarfile would keep
            parts = _parts(path, info.name)
            if not (info.isdir() or info.isreg()) or info.issparse():
                raise _refuse_kind(path, info.name, 'a link, a device or a sparse file')
            if info.isreg() and parts:
                yield parts, Entry(info.name, info.size, info.offset_data)
            info = archive.next()


@contextmanager
def _tar_reader(path: Path) -> Iterator[Read]:
    with _unpacked(path) as stream:

        def read(entry: Entry) -> bytes:
            stream.seek(entry.position)
            return bytes(read_at_most(stream, entry.size - 1)) if entry.size else b''

        yield read
