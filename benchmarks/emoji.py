"""Make folders of real pictures: emoji, 64 × 64 in colour, from npm.

    python -m benchmarks.emoji my/emoji --count 1000
    python -m benchmarks.emoji my/flags --count 300 --category Flags --test-share 0.5

The packages emoji-datasource-… (340 MB, MIT licence) are fetched by `npm pack` once. Four vendors
drew each emoji, so training and test pictures are divided by emoji, not by picture. The order
depends on --seed alone: 100 training pictures are among the 1,000. Variants of the skin come last.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tarfile
from pathlib import Path

VENDORS = ('google', 'apple', 'twitter', 'facebook')
VERSION = '16.0.0'
SIZE = 64


def package(vendor: str, folder: Path) -> Path:
    """Return the package of a vendor, fetched from npm where the folder lacks it."""
    name = f'emoji-datasource-{vendor}'
    path = folder / f'{name}-{VERSION}.tgz'
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = ['npm', 'pack', f'{name}@{VERSION}', '--silent']
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return path


def read(path: Path, vendor: str) -> tuple[list[dict], dict[str, bytes]]:
    """Return what is known of all emoji, and the vendor's pictures by file name."""
    pictures = {}
    with tarfile.open(path) as archive:
        for member in archive:
            if member.name == 'package/emoji.json':
                emoji = json.loads(archive.extractfile(member).read())
            if member.name.startswith(f'package/img/{vendor}/{SIZE}/') and member.isfile():
                pictures[Path(member.name).name] = archive.extractfile(member).read()
    return emoji, pictures


def divided(emoji: list[dict], category: str | None, share: float, seed: int) -> tuple[list, list]:
    """Return the emoji for training and those for the test, both shuffled."""
    emoji = [one for one in emoji if one['category'] != 'Component']  # parts of others
    chosen = [one for one in emoji if category in (None, one['category'])]
    if not chosen:
        sys.exit(
            f'{category!r} is no category: {", ".join(sorted({e["category"] for e in emoji}))}'
        )
    random.Random(seed).shuffle(chosen)
    tests = round(share * len(chosen))
    return chosen[tests:], chosen[:tests]


def names_of(emoji: list[dict], *, variants: bool) -> list[tuple[str, str]]:
    """Return (category, file name) of the emoji, then of their variants of the skin."""
    names = [(one['category'], one['image']) for one in emoji]
    if variants:
        for one in emoji:
            skins = one.get('skin_variations', {}).values()
            names += [(one['category'], skin['image']) for skin in skins]
    return names


def write(folder: Path, names: list, pictures: dict[str, dict[str, bytes]], count: int) -> int:
    """Write up to `count` pictures, every vendor's of each name, and return how many there are."""
    written = 0
    for category, name in names:
        for vendor, files in pictures.items():
            if name not in files or written == count:
                continue
            path = folder / category / f'{vendor}-{name}'
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(files[name])
            written += 1
    return written


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('folder', type=Path)
    parser.add_argument('--count', type=int, default=1000, help='training pictures')
    parser.add_argument('--category', help='of one category alone')
    parser.add_argument('--test-share', type=float, default=0.2, help='share of emoji for the test')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--packages', type=Path, default=Path('emoji-packages'))
    options = parser.parse_args()
    if options.folder.exists():
        sys.exit(f'{options.folder} exists already')
    pictures = {}
    for vendor in VENDORS:
        emoji, pictures[vendor] = read(package(vendor, options.packages), vendor)
    train, test = divided(emoji, options.category, options.test_share, options.seed)
    names = names_of(train, variants=True)
    count = write(options.folder / 'train', names, pictures, options.count)
    tests = write(options.folder / 'test', names_of(test, variants=False), pictures, -1)
    print(f'{options.folder}: {count} training pictures, {tests} test pictures')
    if count < options.count:
        sys.exit(f'there are {count} pictures, fewer than --count {options.count}')


if __name__ == '__main__':
    main()
