"""The page of a run: what is on it, what it is of, and that it is one file that fetches nothing."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re

import numpy as np
import pages
import pytest
from PIL import Image

from gluongan.pages import report, templates
from gluongan.pages.pictures import as_picture
from gluongan.runs import folder
from gluongan.runs.folder import RunError


@pytest.fixture
def run(tmp_path):
    return pages.make_run(tmp_path / '00000-dense-synthetic')


def written(run, out=None):
    """The page of a run, taken apart; nothing may have been unreadable."""
    path, faults = report.write_report(run, out)
    assert faults == []
    return pages.parsed(path)


# One file, from which no request leaves


def test_nothing_on_the_page_comes_from_elsewhere(run):
    pages.write_evaluation(run)
    page = written(run)
    assert not page.all('iframe') and not page.all('base')
    assert [link[1]['href'] for link in page.all('link')] == ['data:,']  # no favicon.ico
    for tag, attributes, _ in page.elements:
        source = attributes.get('src', 'data:')
        assert source.startswith('data:'), (tag, source[:40])
        assert not {name for name in attributes if name.startswith('on') or name == 'style'}
        if 'href' in attributes and tag == 'a':
            assert attributes['href'].startswith(('#', 'https://'))
    styles = ''.join(text for _, _, text in page.all('style'))
    assert 'url(' not in styles and '@import' not in styles


def test_the_policy_lets_nothing_run_but_the_scripts_of_the_page(run):
    page = written(run)
    ((_, attributes, _),) = [
        meta for meta in page.all('meta') if meta[1].get('http-equiv') == 'Content-Security-Policy'
    ]
    rules = dict(rule.split(' ', 1) for rule in attributes['content'].split('; '))
    assert rules['default-src'] == "'none'" and rules['img-src'] == 'data:'
    assert rules['base-uri'] == rules['form-action'] == "'none'"
    scripts = [each for each in page.all('script') if 'type' not in each[1]]
    for name, ((_, _, text),) in (('script-src', scripts), ('style-src', page.all('style'))):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[name] == f"'sha256-{digest}'"


def test_links_on_the_page_lead_to_its_parts(run):
    pages.write_evaluation(run)
    page = written(run)
    links = [attributes['href'][1:] for _, attributes, _ in page.all('a')]
    inside = [link for link in links if link and not link.startswith('ttps')]
    assert len(inside) >= 7
    assert [link for link in inside if not page.has(link)] == []
    identifiers = [a['id'] for _, a, _ in page.elements if 'id' in a]
    assert len(set(identifiers)) == len(identifiers)


def test_the_same_files_give_the_same_page(run, tmp_path):
    first, second = tmp_path / '1.html', tmp_path / '2.html'
    written(run, first)
    written(run, second)
    assert first.read_bytes() == second.read_bytes()


# For everybody


def test_every_picture_says_what_it_shows(run):
    page = written(run)
    shown = [image for image in page.all('img') if image[1].get('id') != 'zoom-picture']
    assert len(shown) >= 10
    assert all(len(attributes['alt']) > 10 for _, attributes, _ in shown)
    assert all(int(attributes['width']) > 0 for _, attributes, _ in shown)


def test_headings_skip_no_level_and_the_language_is_said(run):
    pages.write_evaluation(run)
    page = written(run)
    levels = [int(tag[1]) for tag, _, _ in page.elements if re.fullmatch('h[1-6]', tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in zip(levels, levels[1:]))
    assert page.all('html')[0][1]['lang'] == 'en'
    assert run.name in page.all('title')[0][2]


def test_without_scripts_everything_can_be_read(run):
    page = written(run)
    assert page.all('noscript')
    frames = [each for each in page.all('img') if 'same noise' in each[1]['alt']]
    assert len(frames) == 7
    numbers = page.table('curves', 0)
    assert numbers[0] == ['iteration', 'D (discriminator)', 'G (generator)']
    assert numbers[-1] == ['600', '1.25', '2.6']


# Samples


def test_real_and_newest_samples_are_those_of_the_run_to_the_byte(run):
    page = written(run)
    images = {attributes['alt']: image for image in page.all('img') for attributes in [image[1]]}
    real = images['9 real samples of synthetic']
    newest = images['9 generated samples at iteration 600']
    assert pages.bytes_of(real) == (run / 'reals.png').read_bytes()
    assert pages.bytes_of(newest) == (run / 'samples/000600.png').read_bytes()


def test_a_long_training_is_thinned_and_the_page_says_so(tmp_path):
    run = pages.make_run(tmp_path / 'run', iterations=9_900, every=100)
    page = written(run)
    frames = [each for each in page.all('img') if 'same noise' in each[1]['alt']]
    assert len(frames) == 80
    assert '80 of the 100 pictures of the run, evenly chosen' in page.text('training')
    assert 'iteration 0' in frames[0][1]['alt'] and 'iteration 9,900' in frames[-1][1]['alt']
    assert page.all('input', id='film-place')[0][1]['max'] == '79'


def test_large_pictures_leave_the_page_below_5_mb(tmp_path):
    run = pages.make_run(tmp_path / 'run', facts={'shape': [3, 64, 64]}, every=50)
    sheet = pages.grid(pages.images(36, 1, (3, 64, 64)), 6)  # noise, which no file packs
    for path in (run / 'samples').iterdir():
        sheet.save(path, compress_level=0)
    sheet.save(run / 'reals.png', compress_level=0)
    for number in range(4):
        sheet.save(run / 'figures' / f'more-{number}.png', compress_level=0)
    assert sum(path.stat().st_size for path in run.rglob('*.png')) > 7e6
    path, faults = report.write_report(run)
    assert faults == []
    assert 2e6 < path.stat().st_size < 5e6
    shown = pages.parsed(path).all('img')
    sizes = {Image.open(io.BytesIO(pages.bytes_of(image))).size for image in shown[:2]}
    assert min(min(size) for size in sizes) > 100


def test_a_picture_is_exact_where_there_is_room_and_else_as_large_as_fits():
    image = pages.grid(pages.images(16, 1, (3, 64, 64)), 4)
    exact = as_picture(image, 'noise')
    shown = Image.open(io.BytesIO(base64.b64decode(exact.source.partition(',')[2])))
    assert np.array_equal(np.asarray(shown), np.asarray(image))
    small = as_picture(image, 'noise', most=10_000)
    shown = Image.open(io.BytesIO(base64.b64decode(small.source.partition(',')[2])))
    assert 5_000 < len(small.source) <= 10_100
    assert shown.size == (small.width, small.height) and 50 < small.width < image.width


def test_classes_of_a_conditional_run_have_rows_of_their_own(tmp_path):
    run = pages.make_run(tmp_path / 'run', conditional=True)
    page = written(run)
    rows = [row[0] for row in page.table('classes')[1:]]
    assert rows == ['a', 'b', 'c']
    (second,) = page.all('img', alt='generated samples of class b')
    shown = np.asarray(Image.open(io.BytesIO(pages.bytes_of(second))))
    expected = np.asarray(pages.grid(pages.images(9, 600)[3:6], 3))
    assert np.array_equal(shown, expected)


def test_an_unconditional_run_has_no_rows_of_classes(run):
    assert not written(run).has('classes')


def test_points_are_shown_as_clouds(tmp_path):
    page = written(pages.make_points(tmp_path / 'run'))
    frames = [each for each in page.all('img') if 'same noise' in each[1]['alt']]
    assert len(frames) == 2
    (cloud,) = [each for each in page.all('img') if each[1]['alt'].startswith('Generated points')]
    assert Image.open(io.BytesIO(pages.bytes_of(cloud))).size == (480, 480)
    assert 'generated in orange, iteration 200; real: ring8 in blue' in page.text('samples')


def test_figures_are_on_the_page_and_the_answer_of_the_riddle_is_hidden(run):
    for name in ('spot_the_fake', 'spot_the_fake_answer', 'nearest-best-500'):
        Image.new('L', (9, 9)).save(folder.figure_path(run, name))
    Image.new('L', (9, 9)).save(run / 'seeds-0-63-at-600.png')
    page = written(run)
    text = page.text('figures')
    for name in (
        'losses.png',
        'spot_the_fake.png',
        'nearest-best-500.png',
        'seeds-0-63-at-600.png',
    ):
        assert name in text
    (answer,) = [each for each in page.all('details') if 'Show the answer' in each[2]]
    assert 'open' not in answer[1]


# How good it is


def test_the_verdict_stands_on_top_with_what_it_is_of(run):
    pages.write_evaluation(run)
    page = written(run)
    text = page.text()
    assert text.index('Covers 2 of 3 classes (9 is missing); good sharpness.') < 400
    assert 'Of the last snapshot: 10,000 samples at iteration 600, against synthetic' in text
    assert 'judge lenet of synthetic (cdcdcdcd), gluongan 0.1.0' in text
    assert 'Stale' not in text and 'Not evaluated' not in text


@pytest.mark.parametrize(
    'changes, mark, said',
    [
        ({}, 'weak', '1 fault.'),
        ({'faults': ['blurred', 'alike']}, 'weak', '2 faults.'),
        ({'faults': []}, 'good', 'No fault found.'),
        ({'faults': None}, None, None),  # of an older version
        ({'faults': [], 'iteration': 300}, None, None),
        ({'iteration': 300}, 'weak', '1 fault.'),
    ],
)
def test_the_mark_of_the_verdict_says_whether_it_names_faults(run, tmp_path, changes, mark, said):
    pages.write_evaluation(run, **changes)
    compared = tmp_path / 'compared.html'
    report.write_comparison([run, pages.make_run(tmp_path / 'other')], compared)
    for page, marked in ((written(run), 'verdict'), (pages.parsed(compared), 'marked')):
        (classes,) = page.classes(marked)
        assert classes == [*(['words'] if marked == 'marked' else []), *([mark] if mark else [])]
        marks = [text for _, _, text in page.all('strong', class_='mark')]
        assert marks == ([said] if said else [])


def test_a_run_that_is_not_evaluated_has_no_mark(run):
    assert written(run).classes('verdict') == [[]]


def test_a_verdict_of_an_earlier_snapshot_is_called_stale(run):
    pages.write_evaluation(run, iteration=300)
    text = written(run).text()
    assert 'Stale. Of snapshot 300, stale: the run went on' in text
    assert f'gluongan evaluate {run}' in text


def test_the_last_snapshot_speaks_for_the_run_before_others(run):
    pages.write_evaluation(run, iteration=300, words='of the past')
    pages.write_evaluation(run, name='evaluation-last-500.json', words='of the present')
    page = written(run)
    assert page.text().index('Of the present.') < page.text().index('of the past.')
    summaries = [text for _, _, text in page.all('summary') if 'evaluation' in text]
    assert summaries[0].startswith('evaluation-last-500.json')


def test_without_an_evaluation_the_page_says_how_to_get_one(run):
    text = written(run).text()
    assert 'Not evaluated: the losses cannot say how good the samples are.' in text
    assert f'gluongan evaluate {run} && gluongan report {run}' in text


def test_what_a_judge_measured_while_training_is_said_where_nobody_evaluated(run):
    pages.write_judged(run, [0, 600])
    page = written(run)
    assert 'Not evaluated: the numbers below are from while it trained.' in page.text()
    tiles = [' '.join(text.split()) for _, _, text in page.all('dd')]
    assert tiles[0] == '0.8319 at iteration 600 lenet_fd2k_test'
    pages.write_evaluation(run)
    assert 'from while it trained' not in written(run).text()


def test_the_modes_that_points_reached_while_training_are_said(tmp_path):
    run = pages.make_points(tmp_path / 'run')
    pages.write_rows(run / folder.METRICS, [{'iteration': 200, 'modes/caught': 7, 'modes/good': 1}])
    page = written(run)
    assert 'Not evaluated: the numbers below are from while it trained.' in page.text()
    tiles = [' '.join(text.split()) for _, _, text in page.all('dd')]
    assert tiles[:2] == ['7 at iteration 200 modes/caught', '1.000 at iteration 200 modes/good']


def test_metrics_stand_beside_the_sets_whose_faults_are_known(run):
    pages.write_evaluation(run)
    table = written(run).table('evaluation')
    assert table[0] == ['metric', 'this run', '95 % interval', 'real', 'one missing', 'good']
    rows = {row[0]: row[1:] for row in table[1:]}
    name = 'Fréchet distance of features lenet_fd10k_test'
    assert rows[name] == ['4.812', '4.500 to 5.100', '0.4630', '5.580', 'low']
    assert rows['share of the data near samples pixel_recall5k_k5_test'][:2] == ['0.6600', '-']
    assert len(rows) == 3  # shares have a table of their own


def test_shares_of_the_classes_stand_beside_those_of_the_data(run):
    pages.write_evaluation(run)
    table = written(run).table('evaluation', 1)
    assert table[0] == ['class', 'this run', 'real images']
    assert table[1:] == [['a', '75%', '34%'], ['b', '25%', '25%'], ['c', '0%', '0%']]


def test_hopping_from_class_to_class_is_seen(run):
    hop = {0: (1.0, 0.0, 0.0), 300: (0.0, 1.0, 0.0), 600: (0.004, 0.0, 0.996)}
    pages.write_judged(run, hop, hop.get)
    page = written(run)
    table = page.table('shares')
    assert table[0] == ['class', '0', '300', '600']
    assert table[1] == ['a', '100%', '0%', '0.4%'] and table[3] == ['c', '0%', '0%', '100%']
    shades = [a['class'] for _, a, _ in page.all('td') if a.get('class', '').startswith('shade')]
    assert ''.join(shade[-1] for shade in shades) == '901090009'


def test_samples_that_are_alike_are_an_alarm_with_a_remedy(run):
    rows = [{'iteration': step, 'samples/spread': 0.01} for step in range(0, 601, 100)]
    pages.write_rows(run / folder.METRICS, rows)
    text = written(run).text()
    assert 'Alarm: samples are 1% as far apart as the data' in text
    settings = '--data synthetic --image-size 8 --pack 2 --ema 0.0 --iterations 600'
    assert f'gluongan train {settings}' in text


# Curves


def test_curves_are_the_numbers_of_the_run(run):
    page = written(run)
    losses = page.chart('losses')
    assert losses['x'] == [100, 200, 300, 400, 500, 600]
    assert losses['y'] == [[1.25] * 6, [2.1, 2.2, 2.3, 2.4, 2.5, 2.6]]
    assert losses['rule'][0] == pytest.approx(2 * np.log(2), rel=1e-5)
    scores = page.chart('scores')
    assert scores['y'] == [[0.6] * 6, [0.4] * 6] and (scores['low'], scores['high']) == (0, 1)
    distance = page.chart('samples-swd')
    assert distance['x'][0] == 0 and distance['log'] is True
    assert {each[1]['data-chart'] for each in page.all('figure') if 'data-chart' in each[1]} == {
        chart['key'] for chart in page.data()['charts']
    }


def test_the_judge_of_a_single_run_has_curves(run):
    pages.write_judged(run, range(0, 601, 200))
    chart = written(run).chart('lenet_fd2k_test')
    assert chart['y'] == [[500.0, 2.48756, 1.24688, 0.831947]] and chart['log'] is True


def test_a_number_that_is_not_finite_is_a_gap(run):
    lines = (run / folder.LOG_TABLE).read_text().splitlines()
    lines[2] = lines[2].replace('1.25', 'nan')
    (run / folder.LOG_TABLE).write_text('\n'.join(lines) + '\n')
    assert written(run).chart('losses')['y'][0] == [1.25, None, 1.25, 1.25, 1.25, 1.25]


def test_long_curves_are_means_that_keep_their_mean(run):
    pages.write_log(run, range(1, 5_001))
    chart = written(run).chart('losses')
    assert len(chart['x']) == 500 and chart['x'][-1] == 5_000
    assert np.mean(chart['y'][1]) == pytest.approx(2 + 2.5005, rel=1e-5)


def test_a_short_run_shows_its_mini_batches(run):
    pages.write_log(run, [])
    lines = ['iteration,dis/loss,gen/loss,dis/real,dis/fake', '1,1,2,0.5,0.4', '2,3,4,0.6,0.3']
    (run / folder.BATCHES).write_text('\n'.join(lines) + '\n')
    page = written(run)
    assert page.chart('losses')['y'] == [[1, 3], [2, 4]]
    assert 'the numbers of mini-batches' in page.text('curves')


# What cannot be read


@pytest.mark.parametrize(
    ('name', 'missing'),
    [
        (folder.EVALUATION, 'evaluation'),
        (folder.JUDGED, 'shares'),
        (folder.FACTS, 'samples'),
        ('reals.png', 'samples'),
        ('samples/000300.png', 'training'),
    ],
)
def test_a_broken_file_takes_its_part_along_and_the_page_says_so(run, name, missing):
    pages.write_evaluation(run)
    pages.write_judged(run, [0, 600])
    assert pages.parsed(report.write_report(run)[0]).has(missing)
    (run / name).write_bytes(b'no\n')
    path, faults = report.write_report(run)
    page = pages.parsed(path)
    assert not page.has(missing) and page.has('settings')
    assert any(fault.startswith(str(run / name)) for fault in faults)
    assert str(run / name) in page.text('main')


def test_a_run_that_has_only_begun_has_a_page(tmp_path):
    run = tmp_path / 'run'
    run.mkdir()
    (run / folder.CONFIG).write_text('{}')
    page = written(run)
    assert '0 of 15,000 iterations' in page.text() and 'stopped before its end' in page.text()
    assert not page.has('samples') and not page.has('curves')


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunError, match='is not a run folder'):
        report.write_report(tmp_path)
    assert list(tmp_path.iterdir()) == []


# What is there already


def test_a_page_is_replaced_and_anything_else_is_not(run, tmp_path):
    path, _ = report.write_report(run)
    report.write_report(run)
    path.write_text('<html>mine</html>')
    with pytest.raises(ValueError, match='exists, and is no page of `gluongan report`'):
        report.write_report(run)
    assert path.read_text() == '<html>mine</html>'


def test_without_the_template_engine_it_says_how_to_install_it(run, monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'jinja2', None)
    with pytest.raises(templates.PageError, match=r"pip install 'gluongan\[report\]'"):
        report.write_report(run)
    assert not (run / folder.REPORT).exists()


def test_the_page_says_what_the_run_and_its_environment_are(run):
    (run / folder.ENVIRONMENT).write_text(json.dumps({'mxnet': '1.9.1', 'command': ['a b', 'c']}))
    text = written(run).text()
    assert 'dense on synthetic, image_size 8, 600 of 600 iterations in 0:01:00' in text
    assert 'trained on 640 samples' in text
    assert 'mxnet 1.9.1' in text and "command 'a b' c" in text
