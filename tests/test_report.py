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
