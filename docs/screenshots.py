"""Takes screenshots of a page in Chromium: python docs/screenshots.py STEM PAGE

Writes STEM-wide-light.png and three more, each of its top. Where STEM is one of PANELS, such as
docs/play/draw, PAGE is one that `gluongan play` wrote, and STEM.png is that part of it. Needs
playwright, and Chromium.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

SIZES = {
    'wide': (1280, 1500, 900),
    'phone': (390, 1500, 390),
}  # width, height, width of the picture
HOME = Path(__file__).resolve().parents[1]
FLAGS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking']


PANELS = {
    'docs/play/pictures': ('wide', 'Pictures'),
    'docs/play/fake': ('wide', 'Spot the fake'),
    'docs/play/draw': ('phone', 'Draw'),
    'docs/play/directions': ('phone', 'Directions'),
}
THREE = [(30, 25), (45, 18), (62, 22), (68, 34), (60, 46), (45, 48), (62, 54), (70, 66), (62, 80)]
THREE += [(45, 84), (30, 78)]  # in hundredths of the sides


def main(stem: str, page: str) -> None:
    """Write the screenshots of a page, a file or an address."""
    address = page if '://' in page else Path(page).absolute().as_uri()
    # Where the program was started from does not matter: docs/ is where this file is.
    name = f'docs/{Path(stem).parent.name}/{Path(stem).name}'
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which('chromium') or shutil.which('google-chrome'), args=FLAGS
        )
        if name in PANELS:
            take_panel(browser, address, name)
        else:
            take_tops(browser, address, HOME / stem)
        browser.close()


def take_tops(browser: Browser, address: str, stem: Path) -> None:
    """Write the top of a page, wide and on a phone, light and dark."""
    for size, (width, height, shown) in SIZES.items():
        for scheme in ('light', 'dark'):
            viewport = {'width': width, 'height': height}
            tab = browser.new_page(viewport=viewport, color_scheme=scheme)
            tab.goto(address)
            tab.wait_for_timeout(500)
            with Image.open(io.BytesIO(tab.screenshot())) as picture:
                sides = shown, round(height * shown / width)
                small = picture.convert('RGB').resize(sides, Image.Resampling.LANCZOS)
            small.quantize(256).save(f'{stem}-{size}-{scheme}.png', optimize=True)
            tab.close()


def take_panel(browser: Browser, address: str, name: str) -> None:
    """Write one part of a page of `gluongan play`, down to the page's end."""
    size, title = PANELS[name]
    width = SIZES[size][2 if size == 'phone' else 0]
    tab = browser.new_page(viewport={'width': width, 'height': 700}, color_scheme='light')
    tab.goto(address)
    tab.get_by_role('tab', name=title).click()
    tab.wait_for_timeout(1_000)
    if title == 'Draw':
        draw(tab)
    with Image.open(io.BytesIO(tab.screenshot(full_page=True))) as picture:
        small = picture.convert('RGB').quantize(64)
    small.save(HOME / f'{name}.png', optimize=True)


def draw(tab: Page) -> None:
    """Draw a 3 by mouse, and wait for the nearest picture that G can make."""
    box = tab.locator('canvas:visible').first.bounding_box()
    points = [
        (box['x'] + x / 100 * box['width'], box['y'] + y / 100 * box['height']) for x, y in THREE
    ]
    tab.mouse.move(*points[0])
    tab.mouse.down()
    for point in points[1:]:
        tab.mouse.move(*point, steps=8)
    tab.mouse.up()
    tab.wait_for_timeout(20_000)


if __name__ == '__main__':
    main(*sys.argv[1:])
