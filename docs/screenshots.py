"""Takes screenshots of a page in Chromium: python docs/screenshots.py STEM PAGE

Writes STEM-wide-light.png and three more, each of its top. Needs playwright,
and Chromium.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

SIZES = {
    'wide': (1280, 1500, 900),
    'phone': (390, 1500, 390),
}  # width, height, width of the picture
FLAGS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking']


def main(stem: str, page: str) -> None:
    """Write the four screenshots of a page, a file or an address."""
    address = page if '://' in page else Path(page).absolute().as_uri()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which('chromium') or shutil.which('google-chrome'), args=FLAGS
        )
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
        browser.close()


if __name__ == '__main__':
    main(*sys.argv[1:])
