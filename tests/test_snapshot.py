"""A snapshot comes back exactly, or is refused by name and without taking memory."""

from __future__ import annotations

import hashlib
import io
import random
import resource
import sys
import zipfile

import numpy as np
import pytest

from gluongan import snapshot
from gluongan.runs import snapshots
from gluongan.runs.folder import RunError
from gluongan.snapshot import MAGIC, SnapshotError

META = {'iteration': 7, 'noise': [2**64 - 1, 2**63, 0], 'real': {'state': 2**128 - 1}, 'text': 'é'}


@pytest.fixture
def arrays():
    """A few arrays as a run has them, of every kind that could occur."""
    draw = np.random.RandomState(0)
    return {
        'gen/0.weight': draw.randn(6, 5).astype(np.float32),
        'dis/0.bias': draw.randn(3),
        'half': draw.randn(4).astype('f2'),
        'long': np.array([2**64 - 1, 0], np.uint64),
        'int': np.arange(-2, 2),
        'on': np.array([True, False]),
        'empty': np.zeros((0, 3), np.float32),
        'one': np.float32(-0.0).reshape(()),
        'denormal': np.array([5e-324, 1e-45]),
    }


@pytest.fixture
def written(tmp_path, arrays):
    """A run folder's first snapshot."""
    path = tmp_path / 'snapshots' / '000007.snapshot'
    snapshot.write(path, arrays, META)
    return path


def sealed(path, body):
    """Write a file with the right name and the right hash, whatever is inside."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(MAGIC + hashlib.sha256(body).digest() + body)
    return path


def refused(path):
    """Reading must fail in one line that names the file, and take no memory. Returns the line."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(SnapshotError) as caught:
        snapshot.read(path)
    unit = 1 if sys.platform == 'darwin' else 1024
    growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit
    assert growth < 100e6, 'it took memory for a file that it refused'
    message = str(caught.value)
    assert message.startswith(f'{path}: ') and '\n' not in message
    return message


def test_arrays_and_meta_come_back_bit_for_bit(written, arrays):
    restored, meta = snapshot.read(written)
    assert meta == META
    assert list(restored) == list(arrays)
    assert list(written.parent.iterdir()) == [written]
    for name, value in arrays.items():
        copy = restored[name]
        assert (copy.dtype, copy.shape) == (value.dtype, value.shape)
        assert copy.tobytes() == value.tobytes()
        assert copy.flags.writeable


# Damage


def test_file_cut_anywhere_is_refused(written):
    content = written.read_bytes()
    spread = range(1, len(content), max(1, len(content) // 20))
    for length in [*spread, 7, 8, 39, 40, 41, len(content) - 1]:
        written.write_bytes(content[:length])
        refused(written)


def test_every_flipped_bit_is_refused(written):
    content, draw = written.read_bytes(), random.Random(0)
    drawn = [draw.randrange(len(content)) for _ in range(200)]
    for position in [0, 8, 40, len(content) - 1, *drawn]:
        broken = bytearray(content)
        broken[position] ^= 1 << draw.randrange(8)
        written.write_bytes(broken)
        refused(written)
    written.write_bytes(content)
    assert snapshot.read(written)[1] == META


@pytest.mark.parametrize(
    'change',
    [
        lambda content: content + b'\0',
        lambda content: content * 2,
        lambda content: b'',
        lambda content: content[8:],
        lambda content: b'GLUONGAM' + content[8:],
    ],
)
def test_other_content_is_refused(written, change):
    written.write_bytes(change(written.read_bytes()))
    refused(written)


def test_missing_file_and_folder_are_refused(tmp_path, written):
    missing = refused(tmp_path / 'missing.snapshot')
    assert missing.endswith('cannot be read (No such file or directory); must be a readable file')
    assert 'is not a regular file; must be' in refused(written.parent)


# Forgery: the hash is right, so someone made it on purpose


def npy(header):
    """The bytes of an .npy of no data whose header says this."""
    text = (header + ' ' * (-(len(header) + 11) % 64) + '\n').encode()
    return b'\x93NUMPY\x01\x00' + len(text).to_bytes(2, 'little') + text


def archive(compression=zipfile.ZIP_STORED, **members):
    """The bytes of a zip of these members, `meta` among them."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, 'w', compression) as file:
        for name, content in {'meta': good_meta(), **members}.items():
            file.writestr(name if '.' in name else name + '.npy', content)
    return packed.getvalue()


def good_meta(text='{"iteration": 1}'):
    packed = io.BytesIO()
    np.save(packed, np.frombuffer(text.encode(), np.uint8))
    return packed.getvalue()


def pickled():
    packed = io.BytesIO()
    np.save(packed, np.array([{'a': 1}, None], dtype=object), allow_pickle=True)
    return packed.getvalue()


def encrypted():
    content = bytearray(archive(a=good_meta()))
    for flags in (content.find(b'PK\x03\x04') + 6, content.find(b'PK\x01\x02') + 8):
        content[flags] |= 1  # the bit that says so
    return bytes(content)


def damaged_deflate():
    content = bytearray(archive(zipfile.ZIP_DEFLATED, a=good_meta('"' + 'x' * 5000 + '"')))
    content[60:90] = b'\xff' * 30
    return bytes(content)


def bomb():
    packed = io.BytesIO(archive())
    with (
        zipfile.ZipFile(packed, 'a', zipfile.ZIP_DEFLATED, compresslevel=1) as file,
        file.open('a.npy', 'w') as member,
    ):
        member.write(npy(HUGE % (40 * 10**6)))
        for _ in range(160):  # by the megabyte, so that the test itself takes no memory
            member.write(bytes(10**6))
    return packed.getvalue()


HUGE = "{'descr': '<f4', 'fortran_order': False, 'shape': (%s,), }"
FORGED = {
    'not a zip': lambda: b'hello',
    'empty': lambda: b'',
    'a pickle': lambda: b'\x80\x04N.',
    'a lone npy': good_meta,
    'a pickled array': lambda: archive(a=pickled()),
    'a pickled meta': lambda: archive(meta=pickled()),
    'a header of 4 TB': lambda: archive(a=npy(HUGE % 10**12)),
    'a header of 8 GB': lambda: archive(a=npy(HUGE % (2 * 10**9))),
    'a header beyond 64 bits': lambda: archive(a=npy(HUGE % 10**30)),
    'a negative side': lambda: archive(a=npy(HUGE % -4)),
    'a header of code': lambda: archive(a=npy('__import__("os").abort()')),
    'no meta': lambda: archive(meta=b''),
    'a member that is no array': lambda: archive(**{'a.txt': b'hello'}),
    'a name of two lines': lambda: archive(**{'a\n\x1b[31m.npy': npy(HUGE % -4)}),
    'meta that is no JSON': lambda: archive(meta=good_meta('{')),
    'meta that is no object': lambda: archive(meta=good_meta('[1]')),
    'meta as text': lambda: archive(**{'meta': b'{}'}),
    'deep meta': lambda: archive(meta=good_meta('[' * 100_000)),
    'meta of two rows': lambda: archive(meta=npy(HUGE % 1) + b'abcd'),
    'an encrypted member': encrypted,
    'a broken stream': damaged_deflate,
    'a bomb': bomb,
}


@pytest.mark.parametrize('inside', FORGED)
def test_forged_snapshot_with_the_right_hash_is_refused(tmp_path, inside):
    refused(sealed(tmp_path / 'x.snapshot', FORGED[inside]()))


def test_forged_snapshot_that_is_well_made_is_read(tmp_path):
    assert snapshot.read(sealed(tmp_path / 'x.snapshot', archive()))[1] == {'iteration': 1}


# What is not written


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize('dtype', ['f2', 'f4', 'f8'])
def test_array_that_is_not_finite_is_refused_by_name_and_the_old_file_stays(
    written, arrays, bad, dtype
):
    before = written.read_bytes()
    broken = np.zeros((3, 3), dtype)
    broken[1, 2] = bad
    with pytest.raises(SnapshotError, match=r'000007\.snapshot.* gen/9\.weight .*NaN'):
        snapshot.write(written, {**arrays, 'gen/9.weight': broken}, META)
    assert written.read_bytes() == before and len(list(written.parent.iterdir())) == 1


def test_check_names_what_is_of_another_run(tmp_path):
    have, path = {'a': np.zeros((2, 3), np.float32)}, tmp_path / 'x'
    snapshot.check(path, {**have, 'more': np.zeros(1)}, have)
    for expected, message in (
        ({'b': np.zeros(1)}, 'has no b; must be'),
        ({'a': np.zeros((3, 2), np.float32)}, r'has a as .*\(2, 3\); must be .*\(3, 2\)'),
        ({'a': np.zeros((2, 3))}, 'float32.*; must be float64'),
    ):
        with pytest.raises(SnapshotError, match=message) as caught:
            snapshot.check(path, have, expected)
        assert str(path) in str(caught.value)


# Which one is used, and which are kept


@pytest.fixture
def run(tmp_path):
    """Returns a function that writes snapshots of these iterations into a run folder."""

    def write(*iterations):
        for iteration in iterations:
            path = tmp_path / 'snapshots' / f'{iteration:06d}.snapshot'
            snapshot.write(path, {}, {'iteration': iteration})
        return tmp_path

    return write


def numbers(run):
    return [iteration for iteration, _ in snapshots.list_snapshots(run)]


def test_listed_counts_snapshots_alone_and_by_number(run):
    folder = run(20, 3, 1_000_000, 999_999)
    for name in ('scores.json', '.000021.snapshot.77.tmp', 'x.snapshot', '000022.snapshot.bak'):
        (folder / 'snapshots' / name).write_text('')
    assert numbers(folder) == [3, 20, 999_999, 1_000_000]


@pytest.mark.parametrize('which, number', [('20', 20), ('000020', 20), ('1000000', 1_000_000)])
def test_a_snapshot_is_found_by_its_iteration_or_the_number_of_its_file(run, which, number):
    assert snapshots.find_snapshot(run(3, 20, 1_000_000), which).stem == f'{number:06d}'


@pytest.mark.parametrize('which', ['2', '0020', '-20', '20.0', '٢٠', '2' * 9999, ''])
def test_a_snapshot_that_is_not_there_is_refused_with_those_that_are(run, which):
    with pytest.raises(RunError, match=r'must be last, best or one of 3, 20$'):
        snapshots.find_snapshot(run(3, 20), which)


@pytest.mark.parametrize('damaged, used', [((), 30), ((30,), 20), ((30, 20), 10), ((20,), 30)])
def test_newest_intact_snapshot_is_used_and_damaged_ones_are_named_newest_first(run, damaged, used):
    folder, warnings = run(10, 20, 30), []
    for number in damaged:
        (folder / 'snapshots' / f'{number:06d}.snapshot').write_bytes(b'GLUONGAN and no more')
    path, (_, meta) = snapshots.read_newest(folder, warnings.append)
    assert (path.name, meta) == (f'{used:06d}.snapshot', {'iteration': used})
    skipped = sorted((number for number in damaged if number > used), reverse=True)
    assert len(warnings) == len(skipped)
    for number, warning in zip(skipped, warnings):
        assert f'{number:06d}.snapshot' in warning


def test_run_without_a_usable_snapshot_is_named(run, tmp_path):
    with pytest.raises(SnapshotError, match='no snapshot that can be used') as caught:
        snapshots.read_newest(tmp_path, pytest.fail)
    assert str(tmp_path) in str(caught.value)
    folder, warnings = run(1), []
    (folder / 'snapshots' / '000001.snapshot').write_bytes(b'')
    with pytest.raises(SnapshotError, match='no snapshot that can be used'):
        snapshots.read_newest(folder, warnings.append)
    assert len(warnings) == 1


@pytest.mark.parametrize(
    'existing, last, best, kept',
    [
        ([1, 2, 3, 4], 2, None, [3, 4]),
        ([1, 2, 3, 4], 2, 1, [1, 3, 4]),
        ([1, 2, 3, 4], 1, 4, [4]),
        ([1, 2], 5, None, [1, 2]),
        ([1, 2, 3], 2, 9, [2, 3]),
        ([], 2, None, []),
        ([999_999, 1_000_000, 5], 2, None, [999_999, 1_000_000]),
    ],
)
def test_newest_and_best_are_kept_and_nothing_else(run, existing, last, best, kept):
    folder = run(*existing)
    snapshots.keep(folder, last, best)
    assert numbers(folder) == kept
