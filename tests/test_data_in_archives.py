"""Archives of pictures are read in place as the folder would be; hostile ones are refused."""

from __future__ import annotations

import io
import shutil
import stat
import struct
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image
from refusals import refused

from gluongan.data import NoSplit, has_shape_by_choice, load
from gluongan.data.archives import _index

RANDOM = np.random.RandomState(0)


@pytest.fixture
def pets(tmp_path):
    """A folder with two splits, classes, deeper folders and files that are ignored."""
    folder = tmp_path / 'pets'
    for split in ('train', 'test'):
        for name in ('cats', 'dogs/small/old'):
            (folder / split / name).mkdir(parents=True)
            for number in range(3):
                pixels = RANDOM.randint(0, 256, (12, 9, 3)).astype(np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f'{number}.png')
    (folder / 'train' / 'notes.txt').write_text('x')
    return folder


@pytest.fixture(params=['zip', 'tar', 'gztar'])
def kind(request):
    return request.param


@pytest.mark.parametrize('around', ['', 'pets'])
def test_an_archive_is_the_folder_that_was_packed(pets, tmp_path, kind, around):
    root = pets.parent if around else pets
    path = shutil.make_archive(str(tmp_path / 'packed'), kind, root, around or '.')
    before = sorted(tmp_path.rglob('*'))
    for split in ('train', 'test'):
        packed, folder = load(path, split=split), load(pets, split=split)
        assert np.array_equal(packed.samples, folder.samples)
        assert np.array_equal(packed.labels, folder.labels) and packed.classes == folder.classes
        assert packed.origin.ignored == folder.origin.ignored
        assert packed.origin.merged == folder.origin.merged
        assert packed.name == 'packed'
    assert sorted(tmp_path.rglob('*')) == before
    assert has_shape_by_choice(path)


def test_folders_within_an_archive_count_as_their_class(pets, tmp_path, kind):
    path = shutil.make_archive(str(tmp_path / 'packed'), kind, pets / 'train')
    data = load(path, image_size=8, channels=1)
    assert (data.classes, data.shape) == (('cats', 'dogs'), (1, 8, 8))
    with pytest.raises(NoSplit):
        load(path, split='test')


def test_a_changed_archive_is_read_anew(pets, tmp_path):
    path = shutil.make_archive(str(tmp_path / 'packed'), 'zip', pets)
    assert len(load(path)) == 6
    (pets / 'train' / 'cats' / '0.png').unlink()
    shutil.make_archive(str(tmp_path / 'packed'), 'zip', pets)
    assert len(load(path)) == 5


def png():
    buffer = io.BytesIO()
    Image.new('L', (8, 8), 90).save(buffer, 'PNG')
    return buffer.getvalue()


def write_zip(path, *names, content=None, mode=0, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, 'w', compression) as archive:
        for name in names:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = compression
            archive.writestr(info, png() if content is None else content)


def write_tar(path, *names, kind=tarfile.REGTYPE, mode='w'):
    with tarfile.open(path, mode) as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, '/etc/passwd'
            info.size = len(png()) if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(png()))


NAMES = ['/etc/a.png', '../a.png', 'a/../../b.png', 'C:/a.png', 'a/' * 65 + 'b.png']


@pytest.mark.parametrize('name', NAMES)
def test_names_that_leave_an_archive_are_refused(tmp_path, name):
    write_zip(tmp_path / 'a.zip', 'ok.png', name)
    write_tar(tmp_path / 'a.tar', 'ok.png', name)
    for path in (tmp_path / 'a.zip', tmp_path / 'a.tar'):
        refused(path, path, 'has the name', 'must be names within the archive')


def test_backslashes_of_windows_are_folders_and_leave_it_no_more_than_others(tmp_path):
    write_zip(tmp_path / 'a.zip', 'cats\\1.png', 'dogs\\1.png')
    assert load(tmp_path / 'a.zip').classes == ('cats', 'dogs')
    write_zip(tmp_path / 'b.zip', '..\\1.png')
    refused(tmp_path / 'b.zip', 'must be names within the archive')


@pytest.mark.parametrize(
    'kind', [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
)
def test_links_and_devices_are_refused(tmp_path, kind):
    write_tar(tmp_path / 'a.tar', 'a.png', kind=kind)
    refused(tmp_path / 'a.tar', "holds 'a.png', a link, a device or a sparse file")
    write_zip(tmp_path / 'a.zip', 'a.png', mode=stat.S_IFLNK | 0o777)
    refused(tmp_path / 'a.zip', "holds 'a.png', a link or a device")


def test_archives_that_inflate_beyond_the_limit_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr('gluongan.data.archives.MAX_UNPACKED', 10_000)
    write_zip(tmp_path / 'a.zip', 'a.png', 'b.png', content=bytes(2_000_000))
    with tarfile.open(tmp_path / 'a.tgz', 'w:gz') as archive:
        info = tarfile.TarInfo('a.png')
        info.size = 4_000_000
        archive.addfile(info, io.BytesIO(bytes(info.size)))
    for path in (tmp_path / 'a.zip', tmp_path / 'a.tgz'):
        _index.cache_clear()
        refused(path, path, 'unpacks to over', 'must be less')


def test_one_long_file_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr('gluongan.data.archives.MAX_FILE', 1_000)
    write_zip(tmp_path / 'a.zip', 'a.png', content=bytes(30_000))
    refused(tmp_path / 'a.zip', 'a.zip/a.png: has 30,000 bytes; must be at most 1,000')


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr('gluongan.data.archives.MAX_ENTRIES', 2)
    write_tar(tmp_path / 'a.tar', '1.png', '2.png', '3.png')
    refused(tmp_path / 'a.tar', 'has over 2 files')


def test_a_tar_with_an_endless_name_is_refused(tmp_path):
    info = tarfile.TarInfo('a')
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 2**40
    (tmp_path / 'a.tar').write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(512))
    refused(tmp_path / 'a.tar', 'has a name of', 'must be shorter')


@pytest.mark.parametrize('name', ['a.zip', 'a.tar', 'a.tar.gz', 'a.tgz'])
@pytest.mark.parametrize('content', [b'', b'hello', b'PK\x03\x04' + bytes(99), b'\x1f\x8b\x08'])
def test_what_is_no_archive_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    refused(tmp_path / name, name)


@pytest.mark.parametrize('name', ['a.zip', 'a.tar', 'a.tgz'])
def test_a_truncated_archive_is_refused(tmp_path, name):
    write = write_zip if name == 'a.zip' else write_tar
    options = {'mode': 'w:gz'} if name == 'a.tgz' else {}
    write(tmp_path / name, *(f'{number}.png' for number in range(9)), **options)
    whole = (tmp_path / name).read_bytes()
    end = len(whole.rstrip(b'\0')) if name == 'a.tar' else len(whole)
    (tmp_path / name).write_bytes(whole[: end - 40])
    refused(tmp_path / name, name)


def test_an_encrypted_file_and_a_damaged_picture_are_refused_by_name(tmp_path):
    write_zip(tmp_path / 'a.zip', 'a.png')
    content = bytearray((tmp_path / 'a.zip').read_bytes())
    content[content.rindex(b'PK\1\2') + 8] |= 1
    (tmp_path / 'a.zip').write_bytes(content)
    refused(tmp_path / 'a.zip', "holds 'a.png', which is encrypted")
    write_zip(tmp_path / 'b.zip', 'cats/a.png', 'cats/b.png', content=b'hello')
    refused(tmp_path / 'b.zip', 'b.zip/cats/a.png: is not a readable picture')


def test_a_changed_byte_of_a_picture_is_refused_by_name(tmp_path):
    write_zip(tmp_path / 'a.zip', 'a.png', compression=zipfile.ZIP_STORED)
    content = (tmp_path / 'a.zip').read_bytes()
    (tmp_path / 'a.zip').write_bytes(content.replace(b'IDAT', b'IDAX', 1))
    refused(tmp_path / 'a.zip', 'a.zip/a.png: is not a readable picture')


def test_a_directory_that_states_another_size_is_refused(tmp_path):
    write_zip(tmp_path / 'a.zip', 'a.png')
    content = bytearray((tmp_path / 'a.zip').read_bytes())
    place = content.rindex(b'PK\1\2') + 24
    content[place : place + 4] = struct.pack('<I', len(png()) + 5)
    (tmp_path / 'a.zip').write_bytes(content)
    refused(tmp_path / 'a.zip', 'a.zip/a.png: has other than the')
