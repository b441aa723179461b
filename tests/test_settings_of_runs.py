"""Every setting of a run changes what is in its folder; and no setting is left untried."""

from __future__ import annotations

import json

import pytest
import tiny
from test_settings_arrive import CONV, DATA, DENSE, GAME, SHARED

from gluongan import figures, launch
from gluongan.config import QUICK_METRICS, knobs
from gluongan.recipes import recipe
from gluongan.runs.snapshots import list_snapshots
from gluongan.trainer import Extension


def iterations_in(path):
    return [row['iteration'] for row in tiny.rows(path)]


def logged(folder):
    return iterations_in(folder / 'log.jsonl')


def measured(folder):
    return iterations_in(folder / 'metrics.jsonl')


def snapshots(folder):
    return [iteration for iteration, _ in list_snapshots(folder)]


def sheets(folder):
    return sorted(int(path.stem) for path in (folder / 'samples').iterdir())


def width_of_a_sheet(folder):
    with figures.grids.Image.open(folder / 'reals.png') as image:
        return image.size


RUN = {
    'iterations': (4, 6, snapshots, [[4], [6]]),
    'log_every': (2, 3, logged, [[2, 4, 6], [3, 6]]),
    'sample_every': (2, 3, sheets, [[0, 2, 4, 6], [0, 3, 6]]),
    'eval_every': (
        2,
        3,
        measured,
        [[0, 2, 4, 6], [0, 3, 6]],
    ),
    'snapshot_every': (2, 5, snapshots, [[2, 4, 6], [5, 6]]),
    'keep': (1, 9, snapshots, [[6], [1, 2, 3, 4, 5, 6]]),
    'samples': (1, 9, width_of_a_sheet, [(12, 12), (32, 32)]),
}


@pytest.mark.parametrize('name', RUN)
def test_a_setting_of_the_run_changes_what_is_in_its_folder(name, tmp_path, undrawn):
    *values, observe, expected = RUN[name]
    base = {'iterations': 6, 'log_every': 6, 'sample_every': 6, 'eval_every': 6, 'keep': 9}
    base['snapshot_every'] = 1 if name == 'keep' else 6
    found = []
    for value in values:
        run = tiny.begun(tmp_path, **{**base, name: value})
        found.append(observe(run.folder))
    if name == 'keep':  # the best one is kept too
        assert found[0][-1] == 6 and len(found[0]) <= 2
        found[0] = [6]
    assert found == expected


def test_a_recipe_is_in_the_folders_name_and_facts(tmp_path, undrawn):
    folders = [tiny.begun(tmp_path, iterations=1, recipe=name).folder for name in ('wgan', 'lsgan')]
    assert [folder.name.split('-')[1] for folder in folders] == ['wgan', 'lsgan']
    facts = [json.loads((folder / 'run.json').read_text())['recipe'] for folder in folders]
    assert facts == ['wgan', 'lsgan']


POINTS = {'data': 'ring8', 'image_size': None, 'gen_batchnorm': False, 'eval_every': 1}


@pytest.mark.parametrize('patience, last', [(None, 6), (2, 2), (3, 3)])
def test_a_run_stops_when_its_patience_is_over(tmp_path, undrawn, no_accuracy, patience, last):
    still = {'lr': 1e-8, 'best': 'modes/caught', 'iterations': 6}
    folder = tiny.begun(tmp_path, patience=patience, **POINTS, **still).folder
    assert snapshots(folder)[-1] == last


@pytest.mark.parametrize('best', QUICK_METRICS)
def test_snapshots_are_scored_by_the_best_metric(tmp_path, undrawn, no_accuracy, best):
    folder = tiny.begun(tmp_path, best=best, iterations=2, **POINTS).folder
    values = {row['iteration']: row[best] for row in tiny.rows(folder / 'metrics.jsonl')}
    scores = json.loads((folder / 'snapshots' / 'scores.json').read_text())
    assert scores.pop('metric') == best
    assert list(scores) == ['2']
    assert scores['2'] == pytest.approx(values[2], rel=1e-4)


class Judged(Extension):
    """Stands for an Evaluation; it notes when it was called."""

    real = {'lenet_fd2k_test': 1.0}  # noqa: RUF012

    def __init__(self, reference, count):
        self.count = count
        self.called_at = []

    def __call__(self, trainer):
        self.called_at.append(trainer.updater.iteration)


@pytest.mark.parametrize('every', [2, 3])
def test_the_settings_of_the_judge_reach_it(tmp_path, undrawn, monkeypatch, every):
    made, files = [], []

    def make(reference, count):
        made.append(Judged(reference, count))
        return made[-1]

    monkeypatch.setattr(launch, 'Evaluation', make)
    monkeypatch.setattr(launch, 'Reference', lambda *_: None)
    monkeypatch.setattr(launch.classifier, 'find_judge', lambda data, file, _: files.append(file))
    count = 100 * every
    tiny.begun(
        tmp_path, iterations=6, judge_every=every, judge_samples=count, judge=f'{every}.judge'
    )
    (evaluation,) = made
    assert evaluation.called_at == list(range(every, 7, every))
    assert evaluation.count == count
    assert [file.name for file in files] == [f'{every}.judge']


ELSEWHERE = {
    'network',
    'precision',
    'device',
    'data_dir',
    'recipe',
    'patience',
    'best',
    'judge_every',
    'judge_samples',
    'judge',
    *('fit', 'background', 'frames'),  # test_pictures
}


def test_every_setting_is_tried_here():
    tried = {*DENSE, *CONV, *SHARED, *GAME, *DATA, *RUN, *ELSEWHERE}
    assert tried == set(knobs())
    assert recipe('dense').to_dict().keys() == tried
