"""The pages of runs in Chromium: nothing is fetched, nothing fails, and the parts do what they say.

They are skipped where Chromium or playwright is missing; the other tests of reports read the pages.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import browser
import pages
import pytest

from gluongan.pages import report
from gluongan.runs.lock import RunLock

playwright = pytest.importorskip('playwright.sync_api', reason='playwright is not installed')
if browser.chromium() is None:
    pytest.skip('Chromium is not installed', allow_module_level=True)

AXE = os.environ.get('AXE_CORE')  # the file axe.min.js of the npm package axe-core
FLAGS = [flag for flag in browser.FLAGS if flag not in ('--headless', '--remote-debugging-pipe')]
WIDE, PHONE = {'width': 1280, 'height': 900}, {'width': 390, 'height': 844}


@pytest.fixture(scope='module')
def chromium():
    with playwright.sync_playwright() as driver:
        program = driver.chromium.launch(executable_path=browser.chromium(), args=FLAGS)
        yield program
        program.close()


@pytest.fixture(scope='module')
def page_file(tmp_path_factory):
    """The page of a conditional run that was evaluated and judged."""
    run = pages.make_run(tmp_path_factory.mktemp('runs') / '00000-x', conditional=True)
    pages.write_evaluation(run)
    pages.write_judged(run, range(0, 601, 100))
    return report.write_report(run)[0]


@pytest.fixture
def shown(chromium, page_file):
    """A function that opens the page by file://; at the end nothing may have failed or left it."""
    said, asked, contexts, opened, served = [], [], [], set(), []

    def open_page(address=None, live=False, **settings):
        context = chromium.new_context(**{'viewport': WIDE, **settings})
        contexts.append(context)
        tab = context.new_page()
        tab.on('console', lambda message: said.append(message.text))
        tab.on('pageerror', lambda error: said.append(str(error)))
        tab.on('request', lambda request: asked.append(request.url))
        opened.add(address or page_file.as_uri())
        served.extend([address] * live)
        tab.goto(address or page_file.as_uri())
        return tab

    yield open_page
    for context in contexts:
        context.close()
    assert said == []
    left = {url for url in asked if not url.startswith(('data:', *served))}
    assert left == opened - set(served)


def test_the_page_fetches_nothing_and_its_console_is_empty(shown):
    tab = shown()
    assert tab.evaluate('document.querySelectorAll("canvas").length') >= 4
    decoded = '[...document.images].filter(i => i.id !== "zoom-picture").map(i => i.decode())'
    tab.evaluate(f'Promise.all({decoded}).then(() => null)')


def test_the_policy_refuses_what_a_script_would_fetch(chromium, page_file):
    tab = chromium.new_page()
    tab.goto(page_file.as_uri())
    assert tab.evaluate('fetch("https://example.org").then(() => "sent", () => "no")') == 'no'
    tab.evaluate('document.body.insertAdjacentHTML("beforeend", "<img src=https://example.org/x>")')
    tab.evaluate(
        '{ const script = document.createElement("script"); script.text = "window.x = 1";'
        ' document.body.append(script) }'
    )
    assert tab.evaluate('window.x === undefined')
    tab.close()


@pytest.mark.parametrize('viewport', [WIDE, PHONE], ids=['wide', 'phone'])
@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_nothing_is_cut_at_the_side_and_no_text_is_unreadable(shown, viewport, scheme):
    tab = shown(viewport=viewport, color_scheme=scheme)
    assert tab.evaluate('document.documentElement.scrollWidth') <= viewport['width']
    paper = tab.evaluate('getComputedStyle(document.body).backgroundColor')
    assert (paper == 'rgb(255, 255, 255)') == (scheme == 'light')


@pytest.mark.skipif(AXE is None, reason='AXE_CORE does not name the file axe.min.js')
@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_axe_finds_no_violation(shown, scheme):
    tab = shown(color_scheme=scheme)
    session = tab.context.new_cdp_session(tab)  # the policy of the page does not bind it
    session.send('Runtime.evaluate', {'expression': Path(AXE).read_text()})
    script = 'axe.run().then(r => r.violations.map(v => v.id + ": " + v.nodes[0].html))'
    settings = {'expression': script, 'awaitPromise': True, 'returnByValue': True}
    found = session.send('Runtime.evaluate', settings)
    assert found['result']['value'] == []


def test_the_training_is_scrubbed_with_the_keyboard(shown):
    tab = shown()
    place = tab.locator('#film-place')
    assert tab.locator('#film-iteration').text_content() == '600'
    place.focus()
    tab.keyboard.press('Home')
    assert tab.locator('#film-iteration').text_content() == '0'
    tab.keyboard.press('ArrowRight')
    shown_frames = tab.locator('#film figure.shown img')
    assert shown_frames.count() == 1
    assert shown_frames.get_attribute('alt') == 'Samples of the same noise at iteration 100'


def test_the_training_plays_from_its_start_to_its_end(shown):
    tab = shown()
    tab.click('#film-play')
    assert tab.locator('#film-play').text_content() == 'Stop'
    playwright.expect(tab.locator('#film-iteration')).to_have_text('200')
    tab.click('#film-play')
    assert tab.locator('#film-play').text_content() == 'Play'


def test_curves_show_their_numbers_with_the_arrow_keys(shown):
    tab = shown()
    plot = tab.locator('[data-chart="losses"] .plot')
    values = plot.locator('.u-value')
    playwright.expect(values.first).to_have_text('600')
    assert values.all_text_contents()[:3] == ['600', '1.25', '2.6']
    plot.focus()
    tab.keyboard.press('Home')
    playwright.expect(values.first).to_have_text('100')
    assert values.all_text_contents()[:3] == ['100', '1.25', '2.1']


def test_pictures_are_enlarged_and_closed_with_the_keyboard(shown):
    tab = shown()
    button = tab.locator('#samples button').first
    button.focus()
    tab.keyboard.press('Enter')
    picture = tab.locator('#zoom-picture')
    playwright.expect(picture).to_have_attribute('style', re.compile('width: [0-9]{3}'))
    before = picture.bounding_box()['width']
    tab.keyboard.press('-')
    assert picture.bounding_box()['width'] == pytest.approx(before / 1.5, rel=0.02)
    tab.keyboard.press('Escape')
    assert not tab.evaluate('document.getElementById("zoom").open')
    assert button.evaluate('each => each === document.activeElement')


def test_without_javascript_everything_is_there(shown):
    tab = shown(java_script_enabled=False)
    assert tab.locator('#film img').nth(3).is_visible()
    assert not tab.locator('#film-controls').is_visible()
    assert tab.locator('noscript').first.is_visible()
    assert tab.locator('[data-chart="losses"] summary').is_visible()


def test_hostile_names_do_nothing(shown, tmp_path):
    from test_report_hostile import BAD, everywhere

    for number, bad in enumerate(BAD):
        run = everywhere(tmp_path / f'{number}', bad)
        tab = shown(report.write_report(run)[0].as_uri())
        assert bad in tab.inner_text('body')
        assert tab.evaluate('document.querySelectorAll("script").length') == 2
        assert tab.evaluate('document.querySelectorAll("canvas").length') >= 4


def test_the_page_before_there_is_a_run_becomes_that_of_the_run(shown, tmp_path):
    from test_live import serving

    run = pages.make_run(tmp_path / 'run', iterations=300)
    with serving(None) as server:
        tab = shown(f'http://127.0.0.1:{server.socket.getsockname()[1]}/', live=True)
        playwright.expect(tab.locator('h1')).to_have_text('The training begins')
        server.show(run)
        words = tab.locator('#live-words')
        playwright.expect(words).to_contain_text('iteration 300 of', timeout=20_000)


def test_the_live_view_follows_the_run(shown, tmp_path):
    from test_live import serving

    from gluongan.runs import folder

    run = pages.make_run(tmp_path / 'run', iterations=300)
    config = (run / folder.CONFIG).read_text()
    (run / folder.CONFIG).write_text(config.replace('"iterations": 300', '"iterations": 900'))
    lock = RunLock(run)
    lock.take()
    with serving(run) as server:
        tab = shown(f'http://127.0.0.1:{server.socket.getsockname()[1]}/', live=True)
        words = tab.locator('#live-words')
        playwright.expect(words).to_contain_text('iteration 300 of 900')
        assert tab.locator('#live-state').text_content() == 'Training:'
        pages.write_log(run, range(100, 501, 100))
        pages.save(pages.grid(pages.images(9, 500), 3), folder.samples_path(run, 500))
        playwright.expect(words).to_contain_text('iteration 500 of 900', timeout=20_000)
        playwright.expect(tab.locator('#film figure')).to_have_count(5)
        newest = tab.locator('#newest img')
        assert newest.get_attribute('src') == '/samples/500.png'
        assert newest.evaluate('each => each.decode().then(() => each.naturalWidth)') == 32
        values = tab.locator('[data-chart="losses"] .u-value')
        playwright.expect(values.first).to_have_text('500')
        rows = tab.locator('[data-chart="losses"] details tbody tr')
        assert rows.last.text_content() == '5001.252.5'
        lock.release()
