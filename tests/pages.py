"""Run folders made by hand, and pages taken apart, for the tests of reports."""

from __future__ import annotations

import base64
import json
from html.parser import HTMLParser

import numpy as np
from PIL import Image

from gluongan.config import Config
from gluongan.figures import grid, save
from gluongan.files import write_array, write_json
from gluongan.runs import folder

VOID = {'meta', 'img', 'input', 'link', 'br', 'wbr', 'hr'}
FAULT = 'covers 2 of 3 classes (9 is missing)'
WORDS = f'{FAULT}; good sharpness'
VALUES = {
    'lenet_fd10k_test': 4.8123,
    'lenet_classes10k': 2.0,
    'lenet_share10k_0': 0.75,
    'lenet_share10k_1': 0.25,
    'lenet_share10k_2': 0.0,
    'pixel_recall5k_k5_test': 0.66,
}
REAL = {**VALUES, 'lenet_fd10k_test': 0.463, 'lenet_share10k_0': 0.34}


def images(count, seed=0, shape=(1, 8, 8)):
    """Random images, none of them alike."""
    pixels = np.random.default_rng(seed).integers(0, 250, (count, *shape))
    return pixels.astype(np.uint8)


def make_run(run, *, iterations=600, every=100, facts=None, **settings):
    """Write a run folder as training leaves it: 9 samples each 100 iterations, logs and metrics."""
    config = Config(data='synthetic', image_size=8, iterations=iterations, **settings)
    run.mkdir(parents=True)
    write_json(run / folder.CONFIG, config.to_dict())
    write_json(run / folder.ENVIRONMENT, {'gluongan': '0.1.0', 'command': ['gluongan', 'train']})
    about = {
        'data': 'synthetic',
        'count': 640,
        'shape': [1, 8, 8],
        'classes': ['a', 'b', 'c'],
        'recipe': config.recipe,
        'loss': config.loss,
        'iterations_per_epoch': 5.0,
        **(facts or {}),
    }
    write_json(run / folder.FACTS, about)
    save(grid(images(9, 99), 3), run / (folder.REALS + folder.IMAGES))
    steps = range(0, iterations + 1, every)
    for step in steps:
        save(grid(images(9, step), 3), folder.samples_path(run, step))
    write_log(run, steps[1:])
    rows = [
        {'iteration': step, 'samples/swd': 1 / (step + 1), 'samples/spread': 0.9} for step in steps
    ]
    write_rows(run / folder.METRICS, rows)
    save(Image.new('L', (30, 20), 200), folder.figure_path(run, 'losses'))
    return run


def write_log(run, steps):
    """Write the means of losses and scores at these iterations."""
    names = ['iteration', 'elapsed', 'iterations_per_second', 'dis/loss', 'gen/loss']
    lines = [','.join([*names, 'dis/real', 'dis/fake'])]
    lines += [f'{step},{step / 10},10,1.25,{2 + step / 1000},0.6,0.4' for step in steps]
    (run / folder.LOG_TABLE).write_text('\n'.join(lines) + '\n')


def write_rows(path, rows):
    path.write_text(''.join(json.dumps(row) + '\n' for row in rows))


def write_judged(run, steps, spread=lambda step: (0.5, 0.5, 0.0)):
    """Write what a judge measured at these iterations. spread: the shares of the three classes."""
    rows = []
    for step in steps:
        shares = {f'lenet_share2k_{k}': share for k, share in enumerate(spread(step))}
        rows.append({'iteration': step, 'lenet_fd2k_test': 500 / (step + 1), **shares})
    write_rows(run / folder.JUDGED, rows)


def write_evaluation(run, *, iteration=600, name='evaluation.json', **changes):
    """Write a report of `gluongan evaluate`."""
    content = {
        'source': str(run),
        'gluongan': '0.1.0',
        'iteration': iteration,
        'snapshot': 'last',
        'data': 'synthetic',
        'data_sha256': 'ab' * 32,
        'samples': 10_000,
        'judge': {'net': 'lenet', 'data': 'synthetic', 'sha256': 'cd' * 32},
        'words': WORDS,
        'faults': [FAULT],
        'metrics': VALUES,
        'intervals': {'lenet_fd10k_test': [4.5, 5.1]},
        'known': {'real': REAL, 'one missing': {'lenet_fd10k_test': 5.58}},
        **changes,
    }
    (run / name).write_text(json.dumps(content))


def make_points(run, **settings):
    """Write the folder of a run on a mixture of points."""
    run.mkdir(parents=True)
    config = Config(data='ring8', loss='hinge', iterations=200, **settings)
    write_json(run / folder.CONFIG, config.to_dict())
    write_json(run / folder.FACTS, {'data': 'ring8', 'shape': [2], 'recipe': 'mixture'})
    for name, seed in (('reals', 1), ('samples/000000', 2), ('samples/000200', 3)):
        points = np.random.default_rng(seed).normal(size=(50, 2)).astype(np.float32)
        write_array(run / f'{name}.npy', points)
    return run


class Parsed(HTMLParser):
    """The elements of a page, in order: (tag, attributes, text inside)."""

    def __init__(self, html):
        super().__init__()
        self.elements, self._open = [], []
        self.feed(html)
        self.close()
        assert self._open == [], f'not closed: {[element[0] for element in self._open]}'

    def handle_starttag(self, tag, attrs):
        element = [tag, dict(attrs), '']
        assert len(attrs) == len(element[1]), f'an attribute twice: {attrs}'
        self.elements.append(element)
        if tag not in ('wbr', 'span'):
            self.handle_data(' ')
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag):
        last = self._open.pop()
        if tag != 'span':
            self.handle_data(' ')
        assert last[0] == tag, f'{tag} closes {last[0]}'

    def handle_data(self, data):
        for element in self._open:
            element[2] += data

    def all(self, tag, **attributes):
        """The elements of a tag that have these attributes."""
        found = [each for each in self.elements if each[0] == tag]
        for name, value in attributes.items():
            found = [each for each in found if each[1].get(name.rstrip('_')) == value]
        return found

    def text(self, identifier=None):
        """The visible text of the page, or of the element with an id, in single spaces."""
        for tag, attributes, text in self.elements:
            if (identifier is None and tag == 'body') or attributes.get('id') == identifier:
                if identifier is None:
                    for hidden in [*self.all('script'), *self.all('style')]:
                        text = text.replace(hidden[2], '')
                return ' '.join(text.split())
        raise AssertionError(f'no element {identifier}')

    def classes(self, of):
        """The classes of each element that has the class `of`, without it."""
        named = [attributes.get('class', '').split() for _, attributes, _ in self.elements]
        return [[name for name in names if name != of] for names in named if of in names]

    def has(self, identifier):
        return any(attributes.get('id') == identifier for _, attributes, _ in self.elements)

    def table(self, identifier_of_section, number=0):
        """The rows of a table in a section, each a list of texts."""
        inside, tables, row = False, [], None
        for tag, attributes, text in self.elements:
            if tag == 'section':
                inside = attributes.get('id') == identifier_of_section
            if inside and tag == 'table':
                tables.append([])
            if inside and tag == 'tr':
                row = []
                tables[-1].append(row)
            if inside and tag in ('th', 'td'):
                row.append(' '.join(text.split()))
        return tables[number]

    def data(self):
        """What the scripts of the page read."""
        return json.loads(self.all('script', id='data')[0][2])

    def chart(self, key):
        return next(each for each in self.data()['charts'] if each['key'] == key)


def parsed(path):
    return Parsed(path.read_text(encoding='utf-8'))


def bytes_of(image):
    """The picture inside an element."""
    return base64.b64decode(image[1]['src'].partition('base64,')[2])
