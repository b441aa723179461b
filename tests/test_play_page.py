"""The page of `gluongan play` in headless Chromium, opened from the disk."""

from __future__ import annotations

import importlib.util

import browser
import numpy as np
import pytest
from tiny import begun

from gluongan import figures
from gluongan.exports import load_sampler
from gluongan.pages.play import play

pytestmark = pytest.mark.skipif(
    browser.chromium() is None or importlib.util.find_spec('playwright') is None,
    reason='needs chromium and the Python package playwright',
)
FLAGS = [flag for flag in browser.FLAGS if 'pipe' not in flag and 'headless' not in flag]


@pytest.fixture(scope='module')
def chrome():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=browser.chromium(), args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    """A dense run, and a conditional one with convolutions in colour."""
    folder = tmp_path_factory.mktemp('runs')
    conv = {'network': 'conv', 'conv_width': 4, 'gen_modulated': True, 'channels': 3}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, 'draw_all', lambda run: [])
        dense = begun(folder / '1', iterations=4).folder
        colour = begun(folder / '2', iterations=4, conditional=True, **conv).folder
    return {'dense': dense, 'colour': colour}


@pytest.fixture(scope='module')
def pages(runs, tmp_path_factory):
    folder = tmp_path_factory.mktemp('pages')
    files = {name: play([run], folder / f'{name}.html') for name, run in runs.items()}
    files['both'] = play(list(runs.values()), folder / 'both.html')
    return files


@pytest.fixture
def show(chrome, pages):
    """Opens a page; at the end, its console must be empty, and nothing was asked for."""
    opened = []

    def open_page(name='dense', tab='pictures', **context):
        page = chrome.new_context(**context).new_page()
        said = []
        page.on('console', lambda message: said.append(message.text))
        page.on('pageerror', lambda error: said.append(str(error)))
        page.on('request', lambda request: said.append(request.url))
        page.goto(f'{pages[name].as_uri()}#{tab}')
        opened.append((page, said, pages[name].as_uri()))
        return page

    yield open_page
    for page, said, address in opened:
        page.context.close()
        asked_for = [text for text in said if not text.startswith(('data:', address))]
        assert asked_for == []


def pixels(page, selector):
    """The bytes of a canvas, from a copy: Chromium warns of a canvas that is read several times."""
    copy = (
        'c => { const copy = new OffscreenCanvas(c.width, c.height).getContext("2d",'
        ' { willReadFrequently: true }); copy.drawImage(c, 0, 0);'
        ' return Array.from(copy.getImageData(0, 0, c.width, c.height).data) }'
    )
    return page.eval_on_selector(selector, copy)


def settled(page):
    """Wait for two frames: what a slider changes is drawn in the next one."""
    page.evaluate('new Promise((f) => requestAnimationFrame(() => requestAnimationFrame(f)))')


@pytest.mark.parametrize('name', ['dense', 'colour'])
def test_the_page_makes_the_pictures_of_sample(show, runs, name):
    sampler = load_sampler(runs[name])
    seeds = np.arange(40)
    labels = seeds % len(sampler.classes) if sampler.classes else None
    drawn = show(name).evaluate(
        'app.player.draw(app.player.points(0, 40)).map(({ values }) => Array.from(values))'
    )
    expected = sampler.of_seeds(seeds, labels)
    np.testing.assert_allclose(drawn, expected.reshape(40, -1), atol=1e-5)


@pytest.mark.parametrize('name', ['dense', 'colour'])
def test_the_page_judges_as_the_discriminator_does(show, runs, name):
    from gluongan import loading
    from gluongan.gan.labels import one_hot
    from gluongan.runtime import mx

    _, dis, _ = loading.load_net(runs[name], 'dis')
    sampler = load_sampler(runs[name])
    labels = np.arange(8) % 4 if sampler.classes else None
    x = sampler.of_seeds(range(8), labels)
    if labels is not None:
        planes = np.broadcast_to(one_hot(labels, 4)[:, :, None, None], (8, 4, 8, 8))
        x = np.concatenate([x, planes], axis=1)
    logits = show(name).evaluate('app.player.judge(app.player.draw(app.player.points(0, 8)))')
    np.testing.assert_allclose(logits, dis(mx.nd.array(x)).asnumpy(), rtol=1e-4, atol=1e-5)


def test_what_is_painted_is_what_was_computed(show, runs):
    page = show()
    expected = np.floor(load_sampler(runs['dense']).of_seeds([3])[0, 0] * 255 + 0.5)
    page.click('.sheet button[data-seed="3"]')
    painted = np.reshape(pixels(page, '#panel-pictures .large'), (8, 8, 4))
    assert abs(painted[..., :3] - expected[..., None]).max() <= 1
    assert 'Seed 3. D says' in page.inner_text('#panel-pictures figcaption')


@pytest.mark.parametrize(
    ('name', 'tabs'),
    [
        ('dense', 'pictures directions walk fake draw training about'),
        ('colour', 'pictures directions walk classes fake training about'),
        ('both', 'pictures directions walk fake draw training beside about'),
    ],
)
def test_a_page_has_the_tabs_that_suit_its_generator_and_each_opens(show, name, tabs):
    page = show(name)
    page.focus('[role=tab]')
    opened = []
    for _ in tabs.split():
        opened.append(
            page.eval_on_selector('main > :not([hidden])', "e => e.id.replace('panel-', '')")
        )
        page.keyboard.press('ArrowRight')
    assert ' '.join(opened) == tabs
    assert page.eval_on_selector('main > :not([hidden])', 'e => e.id') == 'panel-pictures'


def test_the_page_opens_without_a_focus_and_no_id_is_there_twice(show):
    page = show()
    page.reload()  # now with the name of a tab in its address
    assert page.url.endswith('#pictures')
    assert page.evaluate('document.activeElement === document.body')
    ids = page.eval_on_selector_all('[id]', 'all => all.map(e => e.id)')
    assert len(ids) == len(set(ids)) > 10


def test_again_draws_other_pictures_and_a_seed_the_same_ones(show):
    page = show()
    before = pixels(page, '.large')
    page.click('text=Again')
    assert pixels(page, '.large') != before
    page.fill('input[type=number]', '0')
    page.keyboard.press('Tab')
    assert pixels(page, '.large') == before


def test_a_slider_of_a_direction_moves_the_picture_along_it_and_back(show):
    page = show(tab='directions')
    settled(page)
    before = pixels(page, '#panel-directions .large')
    page.focus('#panel-directions input[type=range]')
    for _ in range(20):
        page.keyboard.press('ArrowRight')
    settled(page)
    expected = page.evaluate(
        'Array.from(app.player.draw([{ z: sumOf(app.player.noise(0), 1, app.player.axes[0], 1) }])'
        '[0].values)'
    )
    moved = np.reshape(pixels(page, '#panel-directions .large'), (-1, 4))[:, 0]
    assert abs(moved - np.multiply(expected, 255)).max() <= 1
    assert pixels(page, '#panel-directions .large') != before
    page.click('text=Back to 0')
    settled(page)
    assert pixels(page, '#panel-directions .large') == before


def test_a_walk_begins_and_ends_at_its_pictures(show):
    page = show(tab='walk')
    ends = [pixels(page, f'#panel-walk .ends > :nth-child({n}) canvas') for n in (1, 3)]
    assert ends[0] != ends[1]
    for key, end in (('Home', ends[0]), ('End', ends[1])):
        page.focus('#panel-walk input[type=range]')
        page.keyboard.press(key)
        settled(page)
        assert pixels(page, '#panel-walk .ends > :nth-child(2) canvas') == end


def test_no_truncation_leaves_the_pictures_as_they_are_and_the_strongest_makes_them_alike(show):
    page = show()

    def spread():
        places = [pixels(page, f'.sheet button:nth-child({n}) canvas') for n in range(1, 9)]
        return np.std(places, axis=0).mean()

    before = spread()
    page.focus('#panel-pictures input[type=range]')
    page.keyboard.press('Home')
    for _ in range(8):  # a few pictures a frame
        settled(page)
    assert spread() < 0.5 * before
    page.keyboard.press('End')
    for _ in range(8):
        settled(page)
    assert spread() == before


# Spot the fake


def play_round(page, press, is_right):
    """Answer a round rightly or wrongly, and return the place of the fake."""
    page.wait_for_selector('.fake button:not([aria-disabled])')
    round = page.evaluate('({ place: fakeRound.place, labels: fakeRound.pictures.length })')
    press(round['place'] if is_right else (round['place'] + 1) % round['labels'])
    page.wait_for_selector('.is-fake')
    return round['place']


def presses(page, way):
    """How a picture is chosen, and how the next round begins."""
    place = '.fake button:nth-child({})'
    if way == 'keyboard':
        return lambda n: page.keyboard.press(str(n + 1)), lambda: page.keyboard.press('Enter')
    act = page.tap if way == 'touch' else page.click
    # By force, since playwright refuses to press what is disabled.
    return lambda n: act(place.format(n + 1), force=True), lambda: act('text=Next round')


@pytest.mark.parametrize('way', ['mouse', 'touch', 'keyboard'])
def test_spot_the_fake_counts_right_answers_whatever_chooses(show, way):
    page = show(tab='fake', has_touch=True)
    page.focus('.fake button')
    press, proceed = presses(page, way)
    for is_right, score in ((True, '1 of 1'), (False, '1 of 2'), (True, '2 of 3')):
        place = play_round(page, press, is_right)
        answer = page.inner_text('[role=status] >> visible=true')
        assert answer.startswith('Right' if is_right else 'No')
        assert f'{place + 1} is the fake' in answer
        assert f'You: {score}' in page.inner_text('#panel-fake .result')
        press(place)  # a second answer in a round is not counted
        proceed()
    assert 'You: 2 of 3' in page.inner_text('#panel-fake .result')


@pytest.mark.parametrize('at', ['body', '#tab-fake', '#panel-fake'])
def test_numbers_choose_a_picture_wherever_the_focus_is(show, at):
    page = show(tab='fake')
    page.evaluate('document.activeElement.blur()')
    if at != 'body':
        page.focus(at)
    place = page.evaluate('fakeRound.place')
    page.keyboard.press(f'{place + 1}')
    assert page.inner_text('.answer').startswith(f'Right: {place + 1} is the fake.')
    assert page.inner_text('.result').startswith('You: 1 of 1.')
    page.keyboard.press('1')  # the round is over
    assert page.inner_text('.result').startswith('You: 1 of 1.')


def test_numbers_that_belong_elsewhere_choose_no_picture(show):
    page = show('both', tab='fake')
    page.focus('header select')
    page.keyboard.press('3')
    page.focus('#tab-fake')
    page.keyboard.press('Control+3')
    page.keyboard.press('9')
    page.click('#tab-pictures')
    page.keyboard.press('3')
    page.click('#tab-fake')
    assert page.inner_text('.result').startswith('Nothing is counted')


@pytest.mark.parametrize(
    ('typed', 'first'),
    [('1e20', 2**31 - 1), ('-5', 0), ('3.7', 3), ('', 0), ('41', 41), ('2147483640', 2147483640)],
)
def test_the_field_of_the_first_seed_says_which_pictures_are_shown(show, typed, first):
    page = show()
    page.fill('input[type=number]', typed)
    page.dispatch_event('input[type=number]', 'change')
    assert page.input_value('input[type=number]') == f'{first}'
    seeds = page.eval_on_selector_all('.sheet button', 'all => all.map(b => +b.dataset.seed)')
    assert seeds == list(range(first, first + 32))
    points = page.evaluate(f'app.player.points({first}, 32).map(({{ z }}) => z.join())')
    assert len(set(points)) == 32


def test_tabs_stay_where_they_are_when_another_is_chosen(show):
    page = show()
    places = 'all => all.map(tab => tab.getBoundingClientRect().x)'
    before = page.eval_on_selector_all('[role=tab]', places)
    page.click('#tab-about')
    assert page.eval_on_selector_all('[role=tab]', places) == before


def test_every_round_has_other_places_and_other_pictures_and_one_fake(show):
    rounds = show('colour', tab='fake').evaluate(
        'Array.from({ length: 30 }, () => newRound(app.player)).map(({ place, pictures }) =>'
        ' [place, pictures.map(({ seed, values }) => [seed ?? null, values.join()])])'
    )
    for place, pictures in rounds:
        assert [seed is not None for seed, _ in pictures] == [n == place for n in range(8)]
        assert len({values for _, values in pictures}) == 8
    assert len({place for place, _ in rounds}) > 4
    assert len({str(pictures) for _, pictures in rounds}) == 30


# Draw


def test_a_drawing_by_mouse_or_keyboard_is_sought(show):
    page = show(tab='draw')
    box = page.locator('.board').bounding_box()
    page.mouse.move(box['x'] + 20, box['y'] + 20)
    page.mouse.down()
    page.mouse.move(box['x'] + 100, box['y'] + 100)
    page.mouse.up()
    page.wait_for_selector('text=mean squared error')
    by_mouse = pixels(page, '#panel-draw .three > :nth-child(2) canvas')
    assert max(by_mouse[::4]) > 100
    page.click('text=Clear')
    assert max(pixels(page, '#panel-draw .three > :nth-child(2) canvas')[::4]) == 0
    page.focus('.board')
    for key in (' ', 'ArrowDown', 'ArrowDown', ' '):
        page.keyboard.press(key)
    page.wait_for_selector('text=mean squared error')
    by_keyboard = pixels(page, '#panel-draw .three > :nth-child(2) canvas')
    assert max(by_keyboard[::4]) > 100 and by_keyboard != by_mouse


# For everybody

NAMELESS = """() => Array.from(document.querySelectorAll('button, input, select, canvas, img'))
  .filter((e) => !e.closest('[hidden]') && e.getAttribute('aria-hidden') !== 'true')
  .filter((e) => !(e.getAttribute('aria-label') || e.alt || e.labels?.length
    || (e.tagName === 'BUTTON' && e.textContent)))
  .map((e) => e.outerHTML)"""
CONTRAST = """() => {
  const channel = (v) => (v /= 255, v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const colour = numbers(getComputedStyle(e).backgroundColor);
      if (colour[3] !== 0) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const e of document.querySelectorAll('body *')) {
    const hasText = Array.from(e.childNodes).some((n) => n.nodeType === 3 && n.data.trim());
    if (!hasText || e.closest('[hidden], script, noscript') || e.disabled) continue;
    const [a, b] = [light(numbers(getComputedStyle(e).color)), light(behind(e))].sort();
    const [low, high] = a < b ? [a, b] : [b, a];
    if ((high + 0.05) / (low + 0.05) < 4.5) poor.push(e.textContent);
  }
  return poor;
}"""


@pytest.mark.parametrize(('width', 'scheme'), [(1280, 'light'), (390, 'dark')])
def test_all_tabs_have_names_contrast_and_room(show, width, scheme):
    page = show('both', viewport={'width': width, 'height': 800}, color_scheme=scheme)
    for tab in page.query_selector_all('[role=tab]'):
        tab.click()
        settled(page)
        assert page.evaluate(NAMELESS) == []
        assert page.evaluate(CONTRAST) == []
        assert page.evaluate('document.documentElement.scrollWidth') <= width


def test_without_javascript_the_page_says_why_it_is_empty(show):
    page = show(java_script_enabled=False)
    assert 'JavaScript' in page.inner_text('main')


def test_a_page_of_two_generators_changes_between_them(show):
    page = show('both')
    assert page.evaluate('app.player.classes.length') == 0
    page.select_option('header select', index=1)
    assert page.evaluate('app.player.classes.length') == 4
    page.click('text=Classes')
    assert len(page.query_selector_all('#panel-classes .row')) == 4
