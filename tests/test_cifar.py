"""CIFAR as it is published, in its binary and python versions; nothing in a pickle is run."""

from __future__ import annotations

import io
import pickle
import shutil
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refused

from gluongan.data import load
from gluongan.data.pickled import read_pickled

RANDOM = np.random.RandomState(0)
COUNT = 4  # pictures in each file
BATCHES = [f'data_batch_{number}' for number in range(1, 6)]
NAMES = {10: [f'thing{number}' for number in range(10)], 100: [f'fine{i}' for i in range(100)]}


def rows():
    return RANDOM.randint(0, 256, (COUNT, 3072)).astype(np.uint8)


def write_binary(folder, classes):
    """Write the binary version; return the rows and the labels of its training files."""
    names = BATCHES if classes == 10 else ['train']
    data, labels = [], []
    for name in [*names, 'test_batch' if classes == 10 else 'test']:
        data.append(rows())
        labels.append(RANDOM.randint(classes, size=COUNT))
        columns = [labels[-1][:, None], data[-1]]
        if classes == 100:
            columns.insert(0, labels[-1][:, None] // 5)
        (folder / f'{name}.bin').write_bytes(np.hstack(columns).astype(np.uint8).tobytes())
    text = 'batches.meta.txt' if classes == 10 else 'fine_label_names.txt'
    (folder / text).write_text('\n'.join(NAMES[classes]) + '\n')
    return data, labels


def write_python(folder, classes, dump=None):
    """Write the python version; return the rows and the labels of its files."""
    dump = dump or (lambda value: pickle.dumps(value, 2))
    key, meta = ('labels', 'batches.meta') if classes == 10 else ('fine_labels', 'meta')
    names = [*BATCHES, 'test_batch'] if classes == 10 else ['train', 'test']
    data, labels = [], []
    for name in names:
        data.append(rows())
        labels.append(RANDOM.randint(classes, size=COUNT))
        batch = {
            b'batch_label': b'training batch 1 of 5',
            key.encode(): labels[-1].tolist(),
            b'data': data[-1],
            b'filenames': [b'a.png'] * COUNT,
        }
        (folder / name).write_bytes(dump(batch))
    key = b'label_names' if classes == 10 else b'fine_label_names'
    about = {b'num_vis': 3072, key: [name.encode() for name in NAMES[classes]]}
    (folder / meta).write_bytes(dump(about))
    return data, labels


@pytest.mark.parametrize('classes', [10, 100])
@pytest.mark.parametrize('write', [write_binary, write_python])
@pytest.mark.parametrize('packed', ['folder', 'gztar', 'zip'])
def test_each_version_is_read_from_a_folder_and_an_archive(tmp_path, classes, write, packed):
    folder = tmp_path / 'cifar-batches'
    folder.mkdir()
    data, labels = write(folder, classes)
    path = folder
    if packed != 'folder':
        path = shutil.make_archive(str(tmp_path / 'cifar'), packed, tmp_path, folder.name)
        shutil.rmtree(folder)
    for split, which in (('train', slice(None, -1)), ('test', slice(-1, None))):
        dataset = load(path, split=split)
        expected = np.concatenate(data[which]).reshape(-1, 3, 32, 32)
        assert np.array_equal(dataset.samples, expected)
        assert np.array_equal(dataset.labels, np.concatenate(labels[which]))
        assert dataset.classes == tuple(NAMES[classes])


def as_python_2(value):
    """What cPickle of Python 2 wrote, and the published files are: texts are byte strings."""

    def text(content):
        if len(content) < 256:
            return b'U' + bytes([len(content)]) + content
        return b'T' + struct.pack('<I', len(content)) + content

    def encode(value):
        if isinstance(value, bytes):
            return text(value)
        if isinstance(value, int):
            return b'M' + struct.pack('<H', value)
        if isinstance(value, list):
            return b']q\1(' + b''.join(map(encode, value)) + b'e'
        if isinstance(value, dict):
            return b'}q\2(' + b''.join(encode(k) + encode(v) for k, v in value.items()) + b'u'
        shape = b''.join(b'M' + struct.pack('<H', side) for side in value.shape)
        head = b'cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\0\x85U\1b\x87R'
        kind = b'cnumpy\ndtype\nU\2u1K\0K\1\x87R(K\3U\1|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb'
        return head + b'(K\1' + shape + b'\x86' + kind + b'\x89' + text(value.tobytes()) + b'tb'

    return b'\x80\x02' + encode(value) + b'.'


WRITERS = {
    'python 2': as_python_2,
    **{f'protocol {n}': lambda value, n=n: pickle.dumps(value, n) for n in (2, 3, 4)},
}


@pytest.mark.parametrize('dump', WRITERS.values(), ids=WRITERS)
def test_pickles_of_every_age_are_read(tmp_path, dump):
    data, _ = write_python(tmp_path, 10, dump)
    assert np.array_equal(load(tmp_path, split='test').samples.reshape(COUNT, -1), data[-1])


def test_a_pickle_is_what_python_itself_reads():
    value = {'a': [1, 300, 70_000, -5, None, True], b'b': (1, (2,), ()), 'c': rows()}
    for protocol in (2, 3, 4):
        again = read_pickled(pickle.dumps(value, protocol))
        assert np.array_equal(again.pop('c'), value['c'])
        assert again == {'a': value['a'], b'b': value[b'b']}


class Evil:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        return (open, ('ran', 'w'))


def test_nothing_in_a_pickle_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / 'evil'
    folder.mkdir()
    write_python(folder, 10)
    for protocol in (2, 4):
        (folder / 'data_batch_1').write_bytes(pickle.dumps({b'data': Evil()}, protocol))
        refused(folder, 'data_batch_1: names', 'open', 'must be numbers, texts and arrays alone')
    assert not (tmp_path / 'ran').exists()


NESTED = b')' + b'q\x01h\x01\x86' * 60 + b'K\x01s.'  # a tuple of 2**60 empty ones
HOSTILE = {
    'text': b'hello',
    'nothing': b'',
    'no stop': pickle.dumps({b'data': rows()}, 2)[:-1],
    'a persistent name': b'\x80\x02K\x01Q.',
    'an extension': b'\x80\x02\x82\x01.',
    'an instance': b'(ios\nsystem\n.',
    'a float': pickle.dumps({'data': 1.5}, 2),
    'keys that are hashed without end': b'\x80\x02}' + NESTED,
    'another type': pickle.dumps({b'data': np.zeros((4, 3072))}, 2),
    'objects': pickle.dumps({b'data': np.array([{}, None], object)}, 2),
    'no dict': pickle.dumps([1], 2),
    'no data': pickle.dumps({b'labels': [0] * COUNT}, 2),
    'other rows': pickle.dumps({b'data': np.zeros((4, 9), np.uint8), b'labels': [0] * 4}, 2),
    'no labels': pickle.dumps({b'data': rows()}, 2),
    'too few labels': pickle.dumps({b'data': rows(), b'labels': [1]}, 2),
    'labels that are texts': pickle.dumps({b'data': rows(), b'labels': ['a'] * COUNT}, 2),
    'a label without a name': pickle.dumps({b'data': rows(), b'labels': [10] * COUNT}, 2),
    'a shape that its bytes have not': as_python_2({b'data': rows()}).replace(
        b'M\x04\0', b'M\x05\0', 1
    ),
}


@pytest.mark.parametrize('content', HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_pickle_is_refused(tmp_path, content):
    write_python(tmp_path, 10)
    (tmp_path / 'data_batch_3').write_bytes(content)
    refused(tmp_path, tmp_path)


def test_files_that_are_cut_or_missing_are_refused(tmp_path):
    write_binary(tmp_path, 10)
    whole = (tmp_path / 'data_batch_2.bin').read_bytes()
    (tmp_path / 'data_batch_2.bin').write_bytes(whole[:-1])
    refused(tmp_path, 'data_batch_2.bin: has 12,291 bytes', 'records of 3,073 bytes each')
    (tmp_path / 'data_batch_2.bin').unlink()
    refused(tmp_path, 'data_batch_2.bin: is missing')


@settings(max_examples=150, deadline=None, database=None)
@given(st.data())
def test_a_mutated_pickle_gives_a_value_or_a_value_error(data):
    value = {b'data': np.zeros((2, 3), np.uint8), b'labels': [1, 2], 'names': ('a', b'b')}
    mutated = bytearray(pickle.dumps(value, data.draw(st.sampled_from([2, 4]))))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(mutated)))
        mutated[start : start + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        read_pickled(bytes(mutated))
    except ValueError as error:
        assert '; must be ' in str(error) and '\n' not in str(error)


def test_a_name_with_an_escape_in_it_is_refused_in_one_line():
    # `pickletools` reads the escape: the name begins with a line break.
    with pytest.raises(ValueError, match=r'^names \\numpy system; must be') as refusal:
        read_pickled(b'c\\numpy\nsystem\n.')
    assert '\n' not in str(refusal.value)


def test_a_stream_of_pickles_is_read_as_its_first():
    assert read_pickled(io.BytesIO(pickle.dumps({}, 2) + b'hello').getvalue()) == {}
