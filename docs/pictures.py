"""Makes the pictures of docs/ again: python docs/pictures.py [--list] [--work DIR] [PICTURE ...]

Each picture has the commands that make it, which stand on the page that shows it too. All of them
take hours of one core; give the names of some, such as curves/healthy-losses.png, to make these.
What the commands leave is kept in DIR (build/pictures), so that no run is made twice.
"""

from __future__ import annotations

import argparse
import hashlib
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from PIL import Image

DOCS = Path(__file__).resolve().parent
MAIN = "from gluongan.cli import main; main(prog_name='gluongan')"


class Picture(NamedTuple):
    """A picture of docs/, the commands that make it, and which file of theirs it is.

    commands: run one after the other in an empty folder; RUN is the run that the first one makes.
    '' as a file: the last command writes the picture into docs/ itself.
    """

    name: str
    commands: tuple[str, ...]
    file: str = ''


def made_by(*commands: str, **files: str) -> list[Picture]:
    """The pictures that commands make, as folder__name=file; a single _ of a name is a hyphen."""
    names = [key.replace('__', '/').replace('_', '-') for key in files]
    return [Picture(f'{name}.png', commands, file) for name, file in zip(names, files.values())]


def of_recipe(name: str, iterations: int, target: str = '') -> Picture:
    """The samples of a recipe after so many iterations."""
    command = f'gluongan train --recipe {name} --iterations {iterations}'
    file = f'RUN/samples/{iterations:06}.png'
    return Picture(f'recipes/{target or name}.png', (command,), file)


def screenshots(stem: str, *commands: str) -> list[Picture]:
    """The four screenshots of a page, which the last command takes."""
    sizes = ('wide-light', 'wide-dark', 'phone-light', 'phone-dark')
    return [Picture(f'{stem}-{size}.png', commands) for size in sizes]


SMALL = 'gluongan train --gen-hidden 128,256 --dis-hidden 256 --batch 64'
LOSSES, SCORES, SAMPLES = (
    'RUN/figures/losses.png',
    'RUN/figures/scores.png',
    'RUN/figures/samples.png',
)
PLAY = ('gluongan train --ema 0', 'gluongan play RUN --out play.html')
PICTURES = [
    *made_by('gluongan train', dense=SAMPLES),
    *made_by('gluongan train --recipe projection --data fashion-mnist', fashion=SAMPLES),
    *(of_recipe(name, 2000) for name in ('dense', 'vanilla', 'binarized', 'goodfellow', 'wgan')),
    of_recipe('wgan', 20_000, 'wgan-20000'),
    of_recipe('dcgan', 2_500),
    *made_by('gluongan train --recipe conditional --iterations 6000', conditional=SAMPLES),
    *made_by('gluongan train --recipe projection', projection=SAMPLES),
    Picture('sn_projection.png', ('gluongan train --recipe sn_projection',), SAMPLES),
    *made_by(
        'gluongan train',
        'gluongan directions RUN',
        directions='RUN/directions-at-15000/classes.png',
    ),
    *made_by(
        'gluongan train',
        curves__healthy_losses=LOSSES,
        curves__healthy_scores=SCORES,
        curves__healthy_samples=SAMPLES,
        walkthroughs__dense_pixels='RUN/figures/pixels.png',
    ),
    *made_by(
        'gluongan train --recipe vanilla --beta1 0.9 --iterations 600',
        curves__collapsed_losses=LOSSES,
        curves__collapsed_scores=SCORES,
        curves__collapsed_samples=SAMPLES,
    ),
    *made_by(
        f'{SMALL} --iterations 1000 --loss minimax --dis-lr 0.004',
        curves__strong_losses=LOSSES,
        curves__strong_scores=SCORES,
        curves__strong_samples=SAMPLES,
    ),
    *made_by(
        'gluongan train --recipe binarized --iterations 1500',
        walkthroughs__binarized_epochs='RUN/figures/epochs.png',
        walkthroughs__binarized_losses=LOSSES,
        walkthroughs__binarized_accuracy='RUN/figures/accuracy.png',
        walkthroughs__binarized_scores=SCORES,
        walkthroughs__binarized_spot_the_fake='RUN/figures/spot_the_fake.png',
    ),
    *made_by(
        'gluongan train --recipe goodfellow --iterations 6000',
        walkthroughs__goodfellow_losses=LOSSES,
        walkthroughs__goodfellow_samples=SAMPLES,
    ),
    Picture(
        'mixtures.png',
        ('python benchmarks/mixtures.py --seeds 0-4 --out mixtures',),
        'mixtures/mixtures.png',
    ),
    *screenshots(
        'report',
        'gluongan train --recipe sn_projection --gen-modulated --dis-beside 512 --lr 0.0004'
        ' --iterations 12000',
        'python docs/screenshots.py docs/report RUN/report.html',
    ),
    *screenshots(
        'live',
        'gluongan train --iterations 2000 --log-every 50 --sample-every 100 --eval-every 100'
        ' --judge-every 300 --watch --port 8000',
        'python docs/screenshots.py docs/live http://127.0.0.1:8000/',
    ),
    *(
        Picture(
            f'play/{name}.png', (*PLAY, f'python docs/screenshots.py docs/play/{name} play.html')
        )
        for name in ('pictures', 'fake', 'draw', 'directions')
    ),
]
# benchmarks/results.py writes results.md together with its pictures, in docs/results/.
RESULTS = 'python benchmarks/results.py --minutes 1'


def make(picture: Picture, work: Path) -> None:
    """Run the commands of a picture, unless they have run, and write it into docs/."""
    first, *others = picture.commands
    folder = work / hashlib.sha256(first.encode()).hexdigest()[:8]
    run = _begin(first, folder)
    for command in others:
        _execute(command, folder, run)
    if picture.file:
        source = folder / picture.file.replace('RUN', str(run))
        with Image.open(source) as image:
            small = image.convert('RGB').quantize(64)
        target = DOCS / picture.name
        target.parent.mkdir(exist_ok=True)
        small.save(target, optimize=True)


def _begin(command: str, folder: Path) -> Path | None:
    """Run the first command in its folder, unless it has run; return the run that it made."""
    done = folder / 'done'
    folder.mkdir(parents=True, exist_ok=True)
    if '--watch' in command:  # the next command takes its picture while it trains
        subprocess.Popen([sys.executable, '-c', MAIN, *shlex.split(command)[1:]], cwd=folder)
        time.sleep(60)
    elif not done.exists():
        _execute(command, folder, None)
        done.touch()
    runs = sorted(folder.glob('runs/00000-*'))
    return runs[0].relative_to(folder) if runs else None


def _execute(command: str, folder: Path, run: Path | None) -> None:
    """Run one command in a folder; the files of docs/ and benchmarks/ are found from there."""
    words = [word.replace('RUN', str(run)) for word in shlex.split(command)]
    for number, word in enumerate(words):
        if word.startswith(('docs/', 'benchmarks/')):
            words[number] = str(DOCS.parent / word)
    start = [sys.executable] if words[0] == 'python' else [sys.executable, '-c', MAIN]
    subprocess.run([*start, *words[1:]], cwd=folder, check=True)


def parse_arguments() -> argparse.Namespace:
    """Return what was typed: pictures, work, list."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('pictures', nargs='*', metavar='PICTURE', help='default: all')
    parser.add_argument('--list', action='store_true', help='print pictures and their commands')
    parser.add_argument('--work', type=Path, default=DOCS.parent / 'build' / 'pictures')
    return parser.parse_args()


def main() -> None:
    """Make what was asked for, or list it."""
    arguments = parse_arguments()
    for picture in PICTURES:
        if arguments.pictures and picture.name not in arguments.pictures:
            continue
        if arguments.list:
            print(picture.name, *picture.commands, sep='\n    ')
        else:
            make(picture, arguments.work.resolve())


if __name__ == '__main__':
    main()
