"""`gluongan sample`: a seed always gives the same sample, and the values go beside the picture."""

from __future__ import annotations

import numpy as np
import pytest
import tiny
from PIL import Image
from test_figures_sheets import count_of_sheet

from gluongan import figures
from gluongan.errors import as_typed
from gluongan.gan import sampling
from gluongan.gan.sampling import pixels


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """A run stopped at iteration 30, with snapshots at 10, 20 and 30."""
    out = tmp_path_factory.mktemp('sample')
    settings = {'iterations': 40, 'snapshot_every': 10, 'eval_every': 10, 'keep': 5}
    return tiny.begun(out, until=30, **settings).folder


def sampled(run, tmp_path, *words):
    """The array and the path of the picture that one command writes."""
    picture, array = tmp_path / 'x.png', tmp_path / 'x.npy'
    result = tiny.gluongan('sample', run, *words, '--out', picture)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.split() == [str(picture), str(array)]
    return np.load(array), picture


def test_values_beside_the_picture_are_those_of_the_picture(run, tmp_path):
    x, path = sampled(run, tmp_path, '--seeds', '0-8')
    assert (x.shape, x.dtype) == ((9, 1, 8, 8), np.float32)
    assert 0 <= x.min() < x.max() <= 1
    with Image.open(path) as page:
        assert count_of_sheet(page, figures.grid(pixels(x), 3, scale=7)) == 1


def test_default_is_64_samples_in_the_run_folder(run):
    result = tiny.gluongan('sample', run)
    assert result.exit_code == 0 and str(run / 'seeds-0-63-at-30.png') in result.stdout
    assert np.load(run / 'seeds-0-63-at-30.npy').shape == (64, 1, 8, 8)


@pytest.fixture(scope='module')
def hundred(run, tmp_path_factory):
    """Samples of the seeds 0 to 99."""
    x, _ = sampled(run, tmp_path_factory.mktemp('hundred'), '--seeds', '0-99')
    return x


def test_every_seed_gives_another_sample(hundred):
    assert len(np.unique(hundred.reshape(100, -1), axis=0)) == 100


@pytest.mark.parametrize(
    'text, seeds',
    [
        ('7', [7]),
        ('99,3,7-9', [99, 3, 7, 8, 9]),
        ('5,5', [5, 5]),
        ('64-65', [64, 65]),
        (' 1, 2 ', [1, 2]),
    ],
)
def test_seed_gives_the_same_sample_in_any_list(run, hundred, tmp_path, text, seeds):
    x, _ = sampled(run, tmp_path, '--seeds', text)
    assert np.array_equal(x, hundred[seeds])


def test_snapshot_is_chosen_by_name_or_number(run, tmp_path):
    x = {}
    for which in ('10', '20', '30', 'last', 'best'):
        x[which], _ = sampled(run, tmp_path, '--snapshot', which)
    assert np.array_equal(x['last'], x['30']) and not np.array_equal(x['10'], x['30'])
    measured = [row for row in tiny.rows(run / 'metrics.jsonl') if row['iteration']]
    best = min(measured, key=lambda row: row['samples/swd'])
    assert np.array_equal(x['best'], x[str(int(best['iteration']))])


@pytest.mark.parametrize(
    'which', ['15', '-1', 'first', '', '1e1', '9' * 5000], ids=lambda which: which[:9]
)
def test_missing_snapshot_is_refused_with_those_that_exist(run, which):
    message = tiny.refused('sample', run, '--snapshot', which)
    assert f'--snapshot {which}' in message and '10, 20, 30' in message


@pytest.mark.parametrize(
    'seeds, fault',
    [
        ('', 'a number is missing; '),
        ('x', 'x is no number and no range; '),
        ('3-1', 'the range 3-1 ends before it begins; '),
        ('0, 7-5', 'the range 7-5 ends before it begins; '),
        ('-1', '-1 is no number and no range; '),
        ('1,,2', 'a number is missing; '),
        ('1.5', '1.5 is no number and no range; '),
        ('0-100000', 'has too many numbers; '),
        ('0-9999999999', 'has too many numbers; '),
        ('0,12345678901', 'a number has more than 10 digits; '),
        ('1-2-3', '1-2-3 is no number and no range; '),
        (',', 'a number is missing; '),
        ('0-50000,0-50000', 'has too many numbers; '),
    ],
)
def test_bad_seeds_are_refused_with_the_fault_and_what_is_allowed(run, seeds, fault):
    message = tiny.refused('sample', run, f'--seeds={seeds}')
    assert f'--seeds {as_typed(seeds)}: {fault}must be up to 100,000' in message
    assert '0-63' in message


@pytest.mark.parametrize(
    'words, part',
    [
        (['--out', 'x.jpg'], '.png'),
        (['--out', 'x'], '.png'),
        (['--cols', '0'], '--cols'),
        (['--scale', '33'], '--scale'),
        (['--device', 'gpu'], '--device gpu'),
        (['--trunc', 'nan'], '--trunc nan'),
        (['--trunc', '0'], '--trunc 0'),
        (['--class', '3'], '--class 3'),
    ],
    ids=str,
)
def test_other_impossible_settings_are_refused(run, words, part):
    assert part in tiny.refused('sample', run, *words)


def test_columns_and_scale_change_the_picture_and_not_the_values(run, tmp_path):
    values = []
    for cols, scale in ((6, 1), (2, 3)):
        words = ['--seeds', '0-5', '--cols', str(cols), '--scale', str(scale)]
        x, path = sampled(run, tmp_path, *words)
        with Image.open(path) as page:
            assert count_of_sheet(page, figures.grid(pixels(x), cols, scale=scale)) == 1
        values.append(x)
    assert np.array_equal(*values)


@pytest.mark.filterwarnings('error::RuntimeWarning')
def test_one_latent_number_is_walked_along_a_line(tmp_path, monkeypatch):
    walked = []

    def generate(gen, z):
        walked.append(z)
        return np.zeros((len(z), 1, 8, 8), np.float32)

    folder = tiny.begun(tmp_path, until=2, latent=1).folder
    monkeypatch.setattr(sampling, 'generate', generate)
    words = ['--seeds', '0-9', '--steps', '4', '--out', tmp_path / 'x.png']
    assert tiny.gluongan('interpolate', folder, *words).exit_code == 0
    z = walked[-1][:, 0]
    assert len(z) == 37
    ends = z[::4]
    assert min(ends) < 0 < max(ends)
    np.testing.assert_allclose(z, np.interp(np.arange(37), np.arange(0, 37, 4), ends), atol=1e-6)


@pytest.mark.parametrize('command', ['sample', 'interpolate'])
def test_truncation_beyond_that_of_the_run_is_refused(tmp_path, monkeypatch, command):
    folder = tiny.begun(tmp_path, until=2, noise='truncated').folder
    monkeypatch.chdir(tmp_path)
    message = tiny.refused(command, folder, '--trunc', '3')
    assert message.startswith('--trunc 3: this run draws truncated noise')
    assert message.endswith('must be at most 2')
    out = tmp_path / 'x.png'
    assert tiny.gluongan(command, folder, '--trunc', '2', '--out', out).exit_code == 0


def test_damaged_snapshot_is_named(tmp_path):
    folder = tiny.begun(tmp_path, until=3).folder
    (folder / 'snapshots' / '000003.snapshot').write_bytes(b'GLUONGAN')
    assert '000003.snapshot' in tiny.refused('sample', folder, code=1)


def test_points_are_drawn_as_a_cloud_beside_their_values(tmp_path):
    folder = tiny.begun(tmp_path, until=2, data='ring8', image_size=None).folder
    x, path = sampled(folder, tmp_path, '--seeds', '0-99')
    assert x.shape == (100, 2)
    with Image.open(path) as picture:
        assert min(picture.size) > 500 and len(picture.getcolors(2**20)) > 20


def test_a_sheet_of_classes_names_its_rows(tmp_path, texts):
    folder = tiny.begun(tmp_path, until=2, conditional=True).folder
    x, path = sampled(folder, tmp_path, '--seeds', '0-5', '--scale', '3')
    assert x.shape == (4 * 6, 1, 8, 8)
    sheet = figures.grid(pixels(x), 6, scale=3)
    with Image.open(path) as page:
        assert count_of_sheet(page, sheet) == 1
    written = [text for text, *_ in texts]
    assert len({'0', '1', '2', '3', '4', '5'} & set(written)) == 6
    assert 'a row for each class, a column for each seed' in written
