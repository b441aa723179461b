"""`gluongan sample --to` writes samples as data, which is read back as those of the seeds."""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import logging
import os
import shutil
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tiny
from full_disk import Disk

import gluongan as gg
from gluongan import data
from gluongan.data import progress, writing
from gluongan.exports import samples, verify
from gluongan.exports.samples import Request, write_samples
from gluongan.gan.labels import spread, spread_one_by_one
from gluongan.gan.sampling import Sampler, pixels
from gluongan.runs.reading import class_names

TARGETS = ['made', 'made.npz']


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    out = tmp_path_factory.mktemp('runs')
    uneven = out / 'uneven.npz'
    images = np.random.RandomState(0).randint(0, 256, (64, 8, 8), np.uint8)
    np.savez(uneven, images=images, labels=np.repeat([0, 1], [48, 16]))
    settings = {'until': 2, 'init': 'he', 'lr': 0.01}
    return {
        'plain': tiny.begun(out, **settings).folder,
        'conditional': tiny.begun(out, conditional=True, snapshot_every=1, **settings).folder,
        'colour': tiny.begun(out, channels=3, **settings).folder,
        'uneven': tiny.begun(
            out, data=str(uneven), image_size=None, conditional=True, **settings
        ).folder,
        'points': tiny.begun(out, data='ring8', image_size=None, until=2).folder,
    }


def sheet(run, *words):
    """The bytes of what `gluongan sample --seeds` makes."""
    result = tiny.gluongan('sample', run, *words, '--out', 'sheet.png')
    assert result.exit_code == 0, result.stderr
    return pixels(np.load('sheet.npy'))


def made(run, target, *words):
    result = tiny.gluongan('sample', run, '--to', target, *words)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.split() == [target, 'made.json']
    assert f'gluongan train --data {target}' in result.stderr
    return data.load(target)


# What is read back


@pytest.mark.parametrize('target', TARGETS)
@pytest.mark.parametrize('name', ['plain', 'colour'])
def test_what_is_read_back_are_the_samples_of_the_seeds(runs, name, target):
    read = made(runs[name], target, '--count', 23, '--seed', 95)
    assert np.array_equal(read.samples, sheet(runs[name], '--seeds', '95-117'))
    assert read.labels is None and read.classes == ()


@pytest.mark.parametrize('target', TARGETS)
def test_each_sample_is_that_of_its_seed_and_of_its_class(runs, target):
    run = runs['conditional']
    read = made(run, target, '--count', 3, '--per-class', '--seed', 7)
    classes = class_names(run)
    in_order = classes if target == 'made.npz' else sorted(classes)  # as of any folder
    assert read.classes == tuple(in_order) and len(classes) == 4
    assert Counter(read.labels.tolist()) == {0: 3, 1: 3, 2: 3, 3: 3}
    of_each_class = sheet(run, '--seeds', '7-18').reshape(4, 12, 1, 8, 8)
    for number, name in enumerate(classes):
        of_class = read.labels == read.classes.index(name)
        assert np.array_equal(read.samples[of_class], of_each_class[number, number::4])


def test_folder_and_file_hold_the_same_by_seed(runs):
    run = runs['conditional']
    by_seed = made(run, 'made.npz', '--count', 40)
    Path('made.json').unlink()
    made(run, 'made', '--count', 40)
    names = {path.stem: path for path in Path('made').glob('*/*.png')}
    assert sorted(map(int, names)) == list(range(40))
    for seed, name in enumerate(sorted(names)):
        assert names[name].parent.name == by_seed.classes[by_seed.labels[seed]]


@pytest.mark.parametrize('target', TARGETS)
@pytest.mark.parametrize(
    'words, counts',
    [
        (['--count', 40], {'0': 30, '1': 10}),
        (['--count', 40, '--per-class'], {'0': 40, '1': 40}),
        (['--count', 5, '--class', '1'], {'1': 5}),
    ],
    ids=str,
)
def test_classes_are_in_the_proportions_of_the_data_unless_others_are_asked_for(
    runs, target, words, counts
):
    read = made(runs['uneven'], target, *words)
    assert {read.classes[n]: c for n, c in Counter(read.labels.tolist()).items()} == counts
    described = json.loads(Path('made.json').read_text())
    said = {entry['name']: entry['count'] for entry in described['classes'] if entry['count']}
    assert said == counts


def test_proportions_need_the_data_where_it_is_and_as_it_was(runs):
    shutil.copytree(runs['uneven'], 'run')
    config = json.loads(Path('run/config.json').read_text())
    there = Path(config['data'])
    config['data'] = 'elsewhere.npz'
    Path('run/config.json').write_text(json.dumps(config))
    words = ['sample', 'run', '--to', 'made', '--count', 8]
    assert 'no longer at elsewhere.npz' in tiny.refused(*words)
    np.savez('other.npz', images=np.zeros((9, 8, 8), np.uint8), labels=np.arange(9) % 2)
    assert 'changed since it began' in tiny.refused(*words, '--data', 'other.npz')
    for target, options in (('a', ['--data', there]), ('b', ['--data', 'other.npz'])):
        changed = ['--changed-data'] if target == 'b' else []
        result = tiny.gluongan('sample', 'run', '--to', target, '--count', 9, *options, *changed)
        assert result.exit_code == 0, result.stderr
    assert len(list(Path('a/0').iterdir())) == 7 and len(list(Path('b/0').iterdir())) == 5


def test_an_export_makes_the_same_files_as_its_run(runs, monkeypatch):
    monkeypatch.setattr(verify, 'same_bits', lambda *_: None)  # a new process
    gg.exports.export_run(runs['conditional'], 'export')
    for source, folder in ((runs['conditional'], 'a'), ('export', 'b')):
        write_samples(source, f'{folder}/x.npz', Request(10))
    assert Path('a/x.npz').read_bytes() == Path('b/x.npz').read_bytes()
    said = [json.loads(Path(f'{folder}/x.json').read_text()) for folder in 'ab']
    assert said[0].pop('run') == runs['conditional'].name and said[1].pop('export') == 'export'
    assert said[0] == said[1]


def test_an_export_of_unknown_data_has_no_proportions(runs, monkeypatch):
    monkeypatch.setattr(verify, 'same_bits', lambda *_: None)
    gg.exports.export_run(runs['uneven'], 'export')
    words = ['sample', 'export', '--to', 'made.npz', '--count', 8]
    message = tiny.refused(*words)
    assert message.startswith('--data: is not given') and 'or set --per-class' in message
    there = json.loads((runs['uneven'] / 'config.json').read_text())['data']
    message = tiny.refused(*words, '--data', 'ring8')
    assert (
        message == 'export: its classes are 0, 1; must be 0, 1, 2, 3, 4, 5, 6, 7, as those of ring8'
    )
    assert tiny.gluongan(*words, '--data', there).exit_code == 0


@pytest.mark.parametrize('option', [['--trunc', 0.1], ['--snapshot', 1]], ids=str)
def test_truncation_and_snapshot_are_those_of_the_sheet(runs, option):
    run, words = runs['conditional'], ['--class', '#1', *option]
    read = made(run, 'made.npz', '--count', 5, *words)
    assert np.array_equal(read.samples, sheet(run, '--seeds', '0-4', *words))
    assert not np.array_equal(read.samples, sheet(run, '--seeds', '0-4', '--class', '#1'))


def test_manifest_says_what_the_samples_are_and_names_no_place(runs, here):
    run = runs['conditional']
    read = made(run, 'made.npz', '--count', 20, '--seed', 5, '--trunc', 1.5, '--snapshot', 1)
    text = Path('made.json').read_text()
    said = json.loads(text)
    digest = hashlib.sha256(read.samples.tobytes()).hexdigest()
    assert said['sha256 of all pixels, by seed'] == digest
    assert (said['run'], said['recipe'], said['iteration']) == (run.name, 'dense', 1)
    assert (said['seeds'], said['samples'], said['trunc']) == ([5, 24], 20, 1.5)
    assert (said['data'], said['version']) == ('synthetic', gg.__version__)
    assert str(here) not in text and str(run.parent) not in text


def test_data_in_a_folder_on_this_machine_is_described_without_its_place(runs):
    made(runs['uneven'], 'made', '--count', 4)
    text = Path('made.json').read_text()
    assert json.loads(text)['data'] == './uneven.npz' and str(runs['uneven'].parent) not in text


@pytest.mark.parametrize('target', TARGETS)
def test_training_on_samples_begins(runs, target):
    write_samples(runs['conditional'], target, Request(40, per_class=True))
    words = tiny.flags(data=target, image_size=None, conditional=True)
    result = tiny.gluongan('train', '--dry-run', *words)
    assert result.exit_code == 0, result.stderr
    assert '160 pictures, 4 classes' in result.stderr


def test_labels_one_by_one_are_those_of_the_whole_array():
    random = np.random.RandomState(0)
    for classes in (1, 2, 7, 100):
        for most in (1, 3, 50):
            numbers = random.randint(0, most + 1, classes)
            assert list(spread_one_by_one(numbers)) == spread(numbers).tolist()


# What is refused


@pytest.mark.parametrize(
    'words, part',
    [
        (['--seeds', '0-9'], '--seeds: is of a sheet'),
        (['--cols', '3'], '--cols: is of a sheet'),
        (['--scale', '3'], '--scale: is of a sheet'),
        (['--out', 'x.png'], '--out: is of a sheet'),
        (['--count', '0'], '--count'),
        (['--seed', '-1'], '--seed'),
        (['--seed', 10**10 - 5], 'must be at most 9,999,990,000'),
        (['--per-class'], '--per-class: '),
        (['--class', '1'], '--class 1: this run is not conditional'),
        (['--data', 'mnist'], '--data mnist: is not needed'),
        (['--trunc', '0'], '--trunc 0'),
        (['--snapshot', '7'], '--snapshot 7'),
    ],
    ids=str,
)
def test_options_that_do_not_fit_are_refused(runs, words, part):
    message = tiny.refused('sample', runs['plain'], '--to', 'x', *words)
    assert part in message


@pytest.mark.parametrize('option', [['--count', 5], ['--per-class'], ['--seed', 5]], ids=str)
def test_options_of_data_need_a_place_for_it(runs, option):
    message = tiny.refused('sample', runs['plain'], *option)
    assert message == f'{option[0]}: has no effect without --to; must be left out'


def test_one_class_and_each_class_contradict_each_other(runs):
    words = ['--class', '#1', '--per-class']
    message = tiny.refused('sample', runs['conditional'], '--to', 'x', *words)
    assert message == '--per-class: is given together with --class; must be only one of them'


@pytest.mark.parametrize('target', ['x.zip', 'x.tar.gz', 'x.npy', 'x.NPZ', 'x.png', 'x.json'])
def test_other_kinds_of_files_are_refused(runs, target):
    message = tiny.refused('sample', runs['plain'], '--to', target)
    assert message.endswith('; must be a new folder or a new file .npz')


@pytest.mark.parametrize('target', TARGETS)
def test_what_is_there_stays(runs, here, target):
    Path('made').mkdir()
    Path('made.npz').write_text('mine')
    assert 'exists already; must be' in tiny.refused('sample', runs['plain'], '--to', target)
    shutil.rmtree('made')
    Path('made.npz').unlink()
    Path('made.json').write_text('mine')
    message = tiny.refused('sample', runs['plain'], '--to', target)
    assert 'its manifest would be made.json, which exists already' in message
    assert [path.read_text() for path in here.iterdir()] == ['mine']


@pytest.mark.parametrize('target', TARGETS)
def test_a_manifest_without_its_data_is_left_over_and_replaced(runs, monkeypatch, target):
    made(runs['plain'], 'made.npz', '--count', 2)
    message = tiny.refused('sample', runs['plain'], '--to', 'made')  # it is that of made.npz
    assert 'its manifest would be made.json' in message
    Path('made.npz').unlink()
    for content in ('[]', '{}', '{', '1'):
        Path('made.json').write_text(content)
        assert 'exists already' in tiny.refused('sample', runs['plain'], '--to', target)
    Path('made.json').write_text('{"gluongan samples": 1}')
    assert len(made(runs['plain'], target, '--count', 3)) == 3


@pytest.mark.parametrize('second', TARGETS)
@pytest.mark.parametrize('first', TARGETS)
def test_what_another_process_wrote_meanwhile_stays(runs, here, monkeypatch, first, second):
    write = writing.write

    def slowly(*words):
        monkeypatch.setattr(writing, 'write', write)
        made(runs['plain'], second, '--count', 3)
        write(*words)

    monkeypatch.setattr(writing, 'write', slowly)
    result = tiny.gluongan('sample', runs['plain'], '--to', first, '--count', 2)
    assert result.exit_code == 2 and 'exists already; must be' in result.stderr
    assert {path.name for path in here.iterdir()} == {second, 'made.json'}
    assert len(data.load(second)) == json.loads(Path('made.json').read_text())['samples'] == 3


def test_points_are_refused_in_a_sentence(runs):
    for target in TARGETS:
        message = tiny.refused('sample', runs['points'], '--to', target)
        assert 'pictures alone' in message and message.endswith('must be left out for points')


@pytest.mark.parametrize('target', TARGETS)
def test_a_disk_without_room_is_seen_before_anything_is_written(runs, monkeypatch, target):
    usage = shutil.disk_usage('.')
    monkeypatch.setattr(shutil, 'disk_usage', lambda path: usage._replace(free=40 * 4096 - 1))
    message = tiny.refused('sample', runs['plain'], '--to', target, '--count', 10**6)
    most = 39 if target == 'made' else 40 * 4096 // 64 - 1
    assert message.startswith('--count 1000000: takes about ')
    assert message.endswith(f'where 163,839 are free; must be at most {most:,} there')
    made(runs['plain'], target, '--count', 39)


def test_a_disk_without_room_for_so_many_files_is_seen(runs, monkeypatch):
    status = os.statvfs('.')
    few = type(status)((*status[:5], 1000, 12, 12, *status[8:]))
    monkeypatch.setattr(os, 'statvfs', lambda path: few)
    message = tiny.refused('sample', runs['plain'], '--to', 'x', '--count', 13)
    assert 'takes about 13 files' in message and '; must be at most 12 there' in message


# Whole or not at all, and in little memory


@pytest.mark.parametrize('target', TARGETS)
@pytest.mark.parametrize('stopped', [0, 1])
def test_an_interrupt_leaves_nothing(runs, here, monkeypatch, target, stopped):
    calls = itertools.count()

    def stop(*arguments):
        if next(calls) == stopped:
            raise KeyboardInterrupt
        return original(*arguments)

    name = 'as_png' if target == 'made' else '_member'
    original = getattr(writing, name)
    monkeypatch.setattr(writing, 'check_room', lambda *_: None)
    monkeypatch.setattr(writing, name, stop)
    with pytest.raises(KeyboardInterrupt):
        write_samples(runs['conditional'], target, Request(5, per_class=True))
    assert list(here.iterdir()) == []


@pytest.mark.parametrize('target', TARGETS)
def test_a_disk_that_fills_up_leaves_nothing(runs, here, target):
    for number in itertools.count(1):
        with pytest.MonkeyPatch.context() as patch:
            disk = Disk(patch.setattr, number)
            try:
                write_samples(runs['plain'], target, Request(2))
                break
            except OSError as error:
                assert os.strerror(errno.ENOSPC) in error.strerror
                assert error.filename in (target, 'made.json')
        assert disk.was_full and list(here.iterdir()) == []
    assert number > 4 and len(data.load(target)) == 2


@pytest.mark.parametrize('target', TARGETS)
def test_memory_does_not_grow_with_the_count(here, monkeypatch, target):
    class Grey:
        shape = (1, 8, 8)

    def of_seeds(seeds, labels, trunc):
        return np.zeros((len(seeds), 1, 8, 8), np.float32) + labels[:, None, None, None] / 4

    sampler = Sampler(Grey, 'normal', 5, ['a', 'b'])
    sampler.of_seeds = of_seeds
    monkeypatch.setattr(samples, 'load_sampler', lambda *_, **__: sampler)
    monkeypatch.setattr(samples, '_describe_source', lambda *_: {})
    monkeypatch.setattr(samples, 'BLOCK', 48 * 64 * 4)
    monkeypatch.setattr(writing, 'AT_A_TIME', 48)
    monkeypatch.setattr(writing, 'as_png', lambda image: b'')
    peaks = []
    for count in (100, 20, 400):
        tracemalloc.start()
        write_samples('run', f'{count}/{target}', Request(count, per_class=True))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < peaks[1] + 20_000  # 800 samples have 51,200 bytes


def test_progress_is_logged_where_it_takes_a_while(runs, caplog, monkeypatch):
    monkeypatch.setattr(progress, 'FEW', 100)
    with caplog.at_level(logging.INFO, 'gluongan.data.progress'):
        write_samples(runs['plain'], 'x.npz', Request(99))
        assert not caplog.records
        write_samples(runs['plain'], 'y.npz', Request(400))
    done = [record.done for record in caplog.records if record.title == 'samples']
    assert len(done) == 200 and done[-1] == 400 and done == sorted(done)
