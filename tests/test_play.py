"""`gluongan play`: what the page holds, and what is refused."""

from __future__ import annotations

import base64
import json
import re

import numpy as np
import pytest
from tiny import begun, gluongan, refused

import gluongan as gg
from gluongan import data, figures, runtime
from gluongan.errors import InputError
from gluongan.exports import export_run, load_sampler, verify
from gluongan.gan.directions import noise_weight, principal_directions
from gluongan.gan.noise import noise_from_seeds
from gluongan.gan.sampling import Sampler
from gluongan.pages.play import play
from gluongan.pages.play.contents import describe_source
from gluongan.pages.play.page import SCRIPTS, as_data, render, script_text
from gluongan.pages.play.sources import Request, read_source


def contents_of(page):
    (content,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    return json.loads(content)


def floats(text):
    return np.frombuffer(base64.b64decode(text), '<f4')


@pytest.fixture(scope='module', autouse=True)
def _without_figures():
    """Runs draw no figures at their end, and exports are not computed once more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, 'draw_all', lambda run: [])
        patch.setattr(verify, 'same_bits', lambda *_: None)
        yield


@pytest.fixture(scope='module')
def run(_without_figures, tmp_path_factory):
    return begun(tmp_path_factory.mktemp('run'), conditional=True, iterations=4).folder


@pytest.fixture(scope='module')
def export(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp('export')
    export_run(run, folder / 'gen')
    export_run(run, folder / 'dis', network='dis')
    return folder


def described(source, **request):
    return describe_source(read_source(source, Request(**request)))


# The page


def test_the_command_writes_one_file_that_names_no_other_place(run, tmp_path):
    result = gluongan('play', run, '--out', tmp_path / 'page.html')
    assert result.exit_code == 0 and result.stdout.strip() == str(tmp_path / 'page.html')
    page = (tmp_path / 'page.html').read_text()
    assert [path.name for path in tmp_path.iterdir()] == ['page.html']
    without_data = re.sub(r'id="data">.*?</script>', '', page)
    assert not re.search(r'\b(https?:|src=|url\(|import |@import|fetch\()', without_data)
    assert page.count('<script') == page.count('</script>') == 2


def test_the_page_goes_into_the_run_and_names_the_iteration(run):
    result = gluongan('play', run)
    path = run / 'play-at-4.html'
    assert result.stdout.strip() == str(path) and path.is_file()
    path.unlink()


@pytest.mark.parametrize('words', [[], ['--open']])
def test_the_page_is_opened_where_that_was_asked_for(run, tmp_path, monkeypatch, words):
    import webbrowser

    opened = []
    monkeypatch.setattr(webbrowser, 'open', opened.append)
    monkeypatch.chdir(tmp_path)
    assert gluongan('play', run, '--out', 'a b.html', *words).exit_code == 0
    assert opened == ([(tmp_path / 'a b.html').as_uri()] if words else [])


def test_the_policy_allows_this_script_and_this_style_alone():
    import hashlib

    page = render({'title': 'x', 'generators': []})
    (policy,) = re.findall('Content-Security-Policy" content="(.*?)"', page)
    (script,) = re.findall(r'<script>(.*?)</script>', page, flags=re.S)
    (style,) = re.findall(r'<style>(.*?)</style>', page, flags=re.S)
    for kind, text in (('script', script), ('style', style)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    assert 'unsafe' not in policy and '*' not in policy and 'http' not in policy


def test_no_name_ends_the_element_that_holds_it():
    names = {'name': '</script><script>alert(1)</script>', 'title': '<b>&'}
    assert '<' not in as_data(names) and json.loads(as_data(names)) == names
    assert '<title>&lt;b&gt;&amp;</title>' in render({**names, 'generators': []})


def test_every_part_of_the_script_is_in_the_page():
    from gluongan.pages.play.page import HERE

    assert {path.stem for path in (HERE / 'script').iterdir()} == set(SCRIPTS)
    assert script_text().count("'use strict'") == 1


# What it holds


def test_the_noise_of_the_first_seeds_is_that_of_sample(run):
    described_run = described(run)
    z = floats(described_run['seeds']).reshape(64, 5)
    np.testing.assert_array_equal(z, noise_from_seeds(range(64), 5, 'normal'))
    assert (described_run['latent'], described_run['distribution']) == (5, 'normal')
    assert described_run['shape'] == (1, 8, 8)


def test_the_directions_are_those_of_the_library(run):
    sampler = load_sampler(run)
    vectors, shares = principal_directions(noise_weight(sampler.gen, 5))
    found = described(run)['directions']
    np.testing.assert_allclose(floats(found['vectors']).reshape(5, 5), vectors, atol=1e-6)
    assert found['shares'] == pytest.approx(shares.tolist())


def test_the_ways_to_classes_are_those_of_the_library_where_z_chooses_them(run, monkeypatch):
    from test_directions import Brightness

    from gluongan.evaluation.class_directions import class_directions
    from gluongan.gan.sampling import generate
    from gluongan.pages.play import contents

    monkeypatch.setattr(contents, 'SHIPPED', {'synthetic': None})
    monkeypatch.setattr(contents, 'load_shipped', lambda name: Brightness())
    assert described(run)['ways'] is None  # the class is an input
    plain = begun(run.parent / 'plain', iterations=2).folder
    sampler = load_sampler(plain)
    z = sampler.inputs(contents.NAMED, 0, None)
    labels = Brightness()(generate(sampler.gen, z)).probabilities.argmax(axis=1)
    ways = described(plain)['ways']
    expected = class_directions(z, labels, 2).vectors
    np.testing.assert_allclose(floats(ways['vectors']).reshape(2, 5), expected, atol=1e-5)
    assert ways['names'] == ('dark', 'light')
    monkeypatch.setattr(contents, 'SHIPPED', {})
    assert described(plain)['ways'] is None


def test_the_originals_are_of_the_test_split_with_their_labels():
    from gluongan.pages.play.contents import _originals
    from gluongan.pages.play.sources import load_data_of

    test = data.load('mnist', split='test')
    found = _originals(load_data_of('mnist'))
    pixels = np.frombuffer(base64.b64decode(found['pixels']), 'u1').reshape(-1, 784)
    rows = {sample.tobytes(): label for sample, label in zip(test.samples, test.labels)}
    assert [rows[each.tobytes()] for each in pixels] == found['labels']
    assert len({each.tobytes() for each in pixels}) == found['count'] == 256
    assert (found['name'], found['isBinary']) == ('mnist', False)
    assert _originals(test.binarized())['isBinary'] is True


def test_a_run_shows_test_pictures_of_its_own_data(run):
    found = described(run)['originals']
    test = data.load('synthetic', image_size=8, split='test')
    pixels = np.frombuffer(base64.b64decode(found['pixels']), 'u1').reshape(-1, 64)
    assert {each.tobytes() for each in pixels} <= {each.tobytes() for each in test.samples}


def test_data_without_a_test_split_shows_training_pictures(tmp_path):
    samples = np.random.default_rng(0).integers(0, 256, (40, 1, 8, 8), np.uint8)
    np.savez(tmp_path / 'mine.npz', samples)
    settings = {'data': str(tmp_path / 'mine.npz'), 'image_size': None, 'batch': 8}
    run = begun(tmp_path / 'runs', iterations=1, **settings).folder
    found = described(run)
    pixels = np.frombuffer(base64.b64decode(found['originals']['pixels']), 'u1')
    np.testing.assert_array_equal(pixels.reshape(samples.shape), samples)
    assert found['originals']['labels'] is None
    (tmp_path / 'mine.npz').unlink()
    found = described(run)
    assert found['originals'] is None
    assert 'spot the fake: the originals are not here' in found['leftOut'][0]
    assert 'no longer at' in found['leftOut'][0]


def test_the_training_is_shown_frame_by_frame(run):
    from io import BytesIO

    from PIL import Image

    from gluongan.figures import tiles

    clip = described(run)['clip']
    assert [iteration for iteration, _ in clip] == [0, 4]
    address = clip[-1][1]
    assert address.startswith('data:image/png;base64,')
    picture = Image.open(BytesIO(base64.b64decode(address.partition(',')[2])))
    stored = tiles(run / 'samples' / '000004.png', (1, 8, 8))
    np.testing.assert_array_equal(tiles(picture, (1, 8, 8)), stored)


def test_of_a_large_sheet_a_frame_has_the_first_pictures_of_each_row():
    from io import BytesIO

    from PIL import Image

    from gluongan.figures import tiles
    from gluongan.pages.play.contents import _frame

    images = np.random.default_rng(0).integers(0, 254, (8, 8, 1, 5, 5), np.uint8)
    for kept in (images, images.reshape(64, 1, 5, 5)[:61]):
        picture = Image.open(BytesIO(_frame(kept.reshape(-1, 1, 5, 5), 8)))
        expected = images[:, :4].reshape(-1, 1, 5, 5)
        np.testing.assert_array_equal(tiles(picture, (1, 5, 5)), expected)


def test_a_long_training_has_frames_that_have_room(run, monkeypatch):
    from gluongan.pages.play import contents

    many = [(number, run / 'samples' / '000004.png') for number in range(500)]
    monkeypatch.setattr(contents, 'sample_files', lambda *_: many)
    iterations = [iteration for iteration, _ in described(run)['clip']]
    assert len(iterations) == contents.FRAMES and iterations[::39] == [0, 499]
    monkeypatch.setattr(contents, 'FRAME_BYTES', 6000)
    clip = described(run)['clip']
    assert 6000 < sum(len(address) for _, address in clip) < 6000 * 1.5 and clip[-1][0] == 499


def test_a_discriminator_that_looks_at_several_pictures_is_left_out(tmp_path):
    for settings, why in (
        ({'pack': 2}, 'judges several pictures together'),
        ({'dis_kernels': 3}, 'compares the pictures of a batch'),
        ({'dis_stddev': True}, 'compares the pictures of a batch'),
    ):
        found = described(begun(tmp_path, iterations=1, **settings).folder)
        assert found['discriminator'] is None
        assert found['leftOut'] == [f'what the discriminator says: it {why}']


@pytest.mark.parametrize(
    ('loss', 'is_probability'), [('nonsaturating', True), ('wasserstein', False)]
)
def test_a_score_is_called_a_probability_where_it_is_one(tmp_path, loss, is_probability):
    run = begun(tmp_path, iterations=1, loss=loss).folder
    assert described(run)['isProbability'] is is_probability


def test_an_export_says_what_it_lacks_and_takes_an_exported_discriminator(run, export):
    alone = described(export / 'gen')
    assert alone['discriminator'] is None and alone['clip'] == []
    assert alone['generator'] == described(run)['generator']
    assert [text.partition(':')[0] for text in alone['leftOut']] == [
        'what the discriminator says',
        'the training',
    ]
    judged = described(export / 'gen', dis=export / 'dis')
    assert judged['discriminator'] == described(run)['discriminator']
    assert [text.partition(':')[0] for text in judged['leftOut']] == ['the training']


def test_a_shipped_generator_needs_no_download(tmp_path, monkeypatch):
    from gluongan.data import fashion

    monkeypatch.setattr(fashion, '_download', lambda name: pytest.fail('a download'))
    for name, has_originals in (('mnist', True), ('fashion-mnist', False)):
        result = gluongan('play', name, '--out', tmp_path / f'{name}.html')
        assert result.exit_code == 0, result.stderr
        (found,) = contents_of((tmp_path / f'{name}.html').read_text())['generators']
        assert bool(found['originals']) == has_originals
        fake = 'spot the fake: the originals of fashion-mnist do not come with gluongan'
        assert (fake in found['leftOut']) == (not has_originals)


def test_the_page_of_the_default_networks_has_at_most_12_mb(run):
    from gluongan import build
    from gluongan.pages.play import sources

    config = gg.recipe('dense')
    runtime.seed(0)
    gen = build.make_generator(config, (1, 28, 28), 0, 'cpu')
    dis = build.make_discriminator(config, (1, 28, 28), 0, 'cpu')
    sampler = Sampler(gen, 'normal', config.latent)
    source = sources.Source(
        run,
        'dense',
        'mnist',
        sampler,
        'normal',
        sources._checked(run, gen, 'sample'),
        sources.Judging(sources._checked(run, dis, 'logit'), (1, 28, 28), True),
        sources.load_data_of('mnist'),
    )
    page = render({'title': 'x', 'generators': [describe_source(source)]})
    from gluongan.pages.play.contents import FRAME_BYTES

    assert 10e6 < len(page.encode()) + FRAME_BYTES * 4 / 3 < 12e6


# What is refused


@pytest.mark.usefixtures('no_accuracy')
def test_points_are_refused(tmp_path):
    run = begun(tmp_path, data='ring8', image_size=None, iterations=1).folder
    assert refused('play', run) == f'{run}: generates points; must be a generator of pictures'


def test_an_operator_that_the_page_lacks_is_refused(run, monkeypatch):
    from gluongan.exports import operators

    monkeypatch.delitem(operators.OPERATORS, 'LeakyReLU')
    message = refused('play', run)
    assert message.startswith(f'{run}: cannot be played with; its graph has the operator')
    assert "must be one that gluongan's networks use" in message


def test_more_than_two_generators_are_refused(run):
    assert refused('play', run, run, run) == '3 generators are given; must be one or two'
    with pytest.raises(InputError, match='must be one or two runs or exports, not 0'):
        play([], 'page.html')


def test_a_discriminator_that_does_not_fit_is_refused(run, export, tmp_path):
    message = refused('play', run, '--dis', export / 'dis')
    assert message.startswith(f'--dis {export / "dis"}: is of no use to {run}, a run')
    for wrong in (export / 'gen',):
        message = refused('play', export / 'gen', '--dis', wrong, '--out', tmp_path / 'x.html')
        assert message.startswith(f'--dis {wrong}: must be the export of a discriminator')
    message = refused('play', export / 'gen', '--dis', 'nowhere', '--out', tmp_path / 'x.html')
    assert message == '--dis nowhere: does not exist; must be the export of a discriminator'


def test_a_page_has_its_ending_and_replaces_nothing_of_a_run(run):
    assert refused('play', run, '--out', run / 'page.txt').endswith('must end in .html')
    assert 'samples' in refused('play', run, '--out', run / 'samples' / 'x.html')
