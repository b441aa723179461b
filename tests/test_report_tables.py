"""Tables of reports on a phone: every column can be read, or the page says that there are more."""

from __future__ import annotations

import browser
import pages
import pytest

from gluongan.pages import report

playwright = pytest.importorskip('playwright.sync_api', reason='playwright is not installed')
if browser.chromium() is None:
    pytest.skip('Chromium is not installed', allow_module_level=True)

FLAGS = [flag for flag in browser.FLAGS if flag not in ('--headless', '--remote-debugging-pipe')]


@pytest.fixture(scope='module')
def phone():
    with playwright.sync_playwright() as driver:
        program = driver.chromium.launch(executable_path=browser.chromium(), args=FLAGS)
        yield program.new_page(viewport={'width': 390, 'height': 844})
        program.close()


def evaluated(run, **settings):
    pages.make_run(run, **settings)
    pages.write_evaluation(run, known={'real': pages.REAL})
    return run


def overflow(phone, part):
    """How much wider than its frame the first table of a part is, and whether the page says so."""
    frame = phone.locator(f'{part} .wide').first
    hint = phone.locator(f'{part} .hint').first
    return frame.evaluate('each => each.scrollWidth - each.clientWidth'), hint.is_visible()


def test_settings_and_metrics_beside_real_images_fit_a_phone(phone, tmp_path):
    run = evaluated(tmp_path / 'run', lr=1e-3, instance_noise=0.1)
    phone.goto(report.write_report(run)[0].as_uri())
    assert overflow(phone, '#settings') == (0, False)
    assert overflow(phone, '#evaluation') == (0, False)


def test_two_runs_fit_a_phone_and_the_hint_says_where_more_do_not(phone, tmp_path):
    runs = [evaluated(tmp_path / f'0000{n}-x', lr=1e-3 * (n + 1)) for n in range(5)]
    for count in (2, 5):
        out = tmp_path / f'{count}.html'
        report.write_comparison(runs[:count], out)
        phone.goto(out.as_uri())
        beyond, is_said = overflow(phone, '#table')
        assert (beyond > 0) == is_said == (count == 5)


def test_what_the_rows_are_stays_in_sight_while_a_table_is_scrolled(phone, tmp_path):
    runs = [evaluated(tmp_path / f'0000{n}-x', lr=1e-3 * (n + 1)) for n in range(5)]
    report.write_comparison(runs, tmp_path / 'x.html')
    phone.goto((tmp_path / 'x.html').as_uri())
    phone.evaluate('document.querySelector("#table .wide").scrollLeft = 10000')
    for text in ('Fréchet distance of features', 'gluongan evaluate, the last snapshot'):
        box = phone.locator(f'#table tbody :text("{text}")').first.bounding_box()
        assert box['x'] >= 0 and box['x'] + box['width'] <= 390
