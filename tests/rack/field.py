"""Inputs that people really have, through every command that could take them.

A command either does what it should, or ends with one sentence and exit code 1 or 2, and then
leaves nothing. What is known of an input, `field_facts.py` holds.
"""

from __future__ import annotations

import collections
import contextlib
import os
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import NamedTuple

import tiny

from .field_facts import FACTS

MAKERS = ('make_folders', 'make_npz', 'make_pictures', 'make_eval', 'make_configs')
LONGEST = 1000  # characters of a sentence
NO_NUMBER = re.compile(r'(?<![\w/.-])[-+]?(nan|inf)(?![\w.-])', re.IGNORECASE)

SMALL = {'image_size': None, 'batch': 1, 'iterations': 2, 'samples': 4}
SMALL = {**SMALL, 'gen_batchnorm': False, 'dis_batchnorm': False}
EVERY = {'log_every': 1, 'sample_every': 1, 'eval_every': 1, 'snapshot_every': 1}


def train(out, **changes):
    """Words of `gluongan train` on the input."""
    return ['train', *tiny.flags(**{'data': 'DATA', **SMALL, **EVERY, **changes}), '--out', out]


# Words in capitals are the input, and what commands before have made.
ON_DATA = {
    'train --dry-run': [*train('runs'), '--dry-run'],
    'train': train('runs'),
    'train --conditional': train('conditional', conditional=True),
    'train conv': train('conv', network='conv', conv_width=4, gen_hidden=None, dis_hidden=None),
    'train --binarize': train('binarized', binarize=True),
    'train --judge-every': train('judged', judge_every=1, judge_samples=100),
    'train --resume': ['train', '--resume', 'RUN', '--iterations', 3],
    'train --resume --data': ['train', '--resume', 'RUN', '--iterations', 4, '--data', 'DATA'],
    'evaluate': ['evaluate', 'RUN', '--samples', 100],
    'evaluate conditional': ['evaluate', 'CONDITIONAL', '--samples', 100],
    'compare': ['compare', 'RUN', 'CONDITIONAL', '--out', 'compared'],
    'invert': ['invert', 'RUN', '--test', 2, '--steps', 2, '--starts', 1],
    'invert --images': ['invert', 'RUN', '--images', 'DATA', '--steps', 2, '--starts', 1],
    'density': ['density', 'RUN'],
    'sample': ['sample', 'RUN', '--seeds', '0-3'],
    'sample conditional': ['sample', 'CONDITIONAL', '--seeds', '0-1'],
    'sample --class': ['sample', 'CONDITIONAL', '--seeds', '0-1', '--class', '#0'],
    'interpolate': ['interpolate', 'RUN', '--seeds', '0,1', '--steps', 2],
    'plot': ['plot', 'RUN'],
    'summary': ['summary', 'RUN'],
    'export': ['export', 'RUN', '--out', 'export'],
    'export conditional': ['export', 'CONDITIONAL', '--out', 'export2'],
    'evaluate export': ['evaluate', 'EXPORT', '--data', 'DATA', '--samples', 100],
    'judge train': ['judge', 'train', '--data', 'DATA', '--epochs', 1, '--out', 'x.judge'],
    'judge calibrate': [
        *['judge', 'calibrate', '--data', 'DATA', '--samples', 100, '--draws', 1],
        *['--out', 'x.json'],
    ],
    'evaluate --judge': ['evaluate', 'RUN', '--samples', 100, '--judge', 'JUDGE', '--json', 'j'],
    'evaluate --calibration': [
        *['evaluate', 'RUN', '--samples', 100, '--calibration', 'CALIBRATION', '--json', 'c'],
    ],
    'evaluate pictures': ['evaluate', 'DATA', '--data', 'DATA', '--samples', 100],
    'evaluate pictures of other data': ['evaluate', 'DATA', '--data', 'synthetic'],
    'evaluate --resize': ['evaluate', 'DATA', '--data', 'synthetic', '--resize'],
}
# Anything at all, where a run, an export, a judge or another file is wanted.
AS_ANYTHING = {
    'sample X': ['sample', 'DATA'],
    'interpolate X': ['interpolate', 'DATA', '--seeds', '0,1'],
    'evaluate X': ['evaluate', 'DATA'],
    'compare X': ['compare', 'OTHER', 'DATA', '--out', 'compared-x'],
    'export X': ['export', 'DATA', '--out', 'export-x'],
    'invert X': ['invert', 'DATA'],
    'density X': ['density', 'DATA'],
    'plot X': ['plot', 'DATA'],
    'summary X': ['summary', 'DATA'],
    'recipes X': ['recipes', 'DATA'],
    'resume X': ['train', '--resume', 'DATA'],
    'train --recipe X': ['train', '--recipe', 'DATA'],
    'train --config X': ['train', *tiny.flags(iterations=1), '--config', 'DATA', '--out', 'x'],
    'train --judge X': [
        *['train', *tiny.flags(iterations=1), '--judge-every', 1, '--judge', 'DATA', '--out', 'y'],
    ],
    'evaluate --judge X': ['evaluate', 'OTHER', '--judge', 'DATA', '--samples', 100],
    'evaluate --calibration X': ['evaluate', 'OTHER', '--calibration', 'DATA', '--samples', 100],
    'calibrate --judge X': ['judge', 'calibrate', '--data', 'synthetic', '--judge', 'DATA'],
    'bench --compare X': ['bench', '--compare', 'DATA', 'DATA'],
    'bench --recipe X': ['bench', '--recipe', 'DATA'],
    'invert --images X': ['invert', 'OTHER', '--images', 'DATA', '--steps', 1, '--starts', 1],
    'resume with other data': ['train', '--resume', 'OTHER', '--data', 'DATA', '--iterations', 9],
    'evaluate on other data': ['evaluate', 'OTHER', '--data', 'DATA', '--samples', 100],
}
# A settings file: as it is, and as the settings of a run.
ON_CONFIG = {
    'train --config --dry-run': ['train', '--config', 'DATA', '--dry-run'],
    'train --config': ['train', '--config', 'DATA', '--out', 'runs'],
    **{
        f'{name} of its run': [*words[:1], 'RUN', *words[2:]]
        for name, words in ON_DATA.items()
        if words[1] == 'RUN' and name != 'density'
    },
    'train --resume its run': ['train', '--resume', 'RUN', '--iterations', 5],
}
# These read the input in another way than as a data set as it is.
OTHERWISE = ('train --binarize', 'invert --images', 'evaluate --resize')
# What a command makes, by the word that names it in later ones.
MADE = {
    'train': ('RUN', 'runs/*'),
    'train --conditional': ('CONDITIONAL', 'conditional/*'),
    'export': ('EXPORT', 'export'),
    'judge train': ('JUDGE', 'x.judge'),
    'judge calibrate': ('CALIBRATION', 'x.json'),
}


PLACES = {'DATA', 'OTHER', *(word for word, _ in MADE.values())}


class Outcome(NamedTuple):
    """What came of a command."""

    code: int
    stdout: str
    stderr: str
    new: list  # paths in the working folder

    @property
    def lines(self):
        """What stderr says of the data, and the error."""
        lines = self.stderr.splitlines()
        return [line for line in lines if tiny.is_about_data(line) or line.startswith('Error: ')]

    @property
    def last(self):
        """The sentence of an error."""
        return (self.stderr.splitlines() or [''])[-1]


def make(scripts, folder):
    """Run the scripts that make inputs; return {name: path}."""
    found = {}
    folder.mkdir(parents=True, exist_ok=True)
    for maker in MAKERS:
        kind = maker.partition('_')[2]
        words = [sys.executable, str(Path(scripts).resolve() / f'{maker}.py'), str(folder / kind)]
        subprocess.run(words, check=True, capture_output=True, cwd=folder)
        for path in sorted((folder / kind).iterdir()):
            found[f'{kind}/{os.fsencode(path.name).decode(errors="replace")}'] = path
    return found


def attempt(words):
    """Run a command in the working folder."""
    before = set(Path().rglob('*'))
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        warnings.simplefilter('always', RuntimeWarning)
        result = tiny.gluongan(*words)
    new = sorted(str(path) for path in set(Path().rglob('*')) - before)
    return Outcome(result.exit_code, result.stdout, result.stderr, new)


def faults(outcome):
    """Return what is wrong with how a command ended."""
    found = []
    if outcome.code and (outcome.code not in (1, 2) or not outcome.last.startswith('Error: ')):
        found.append(f'failed: exit code {outcome.code}, {outcome.last}')
    if 'a fault of gluongan' in outcome.stderr or 'Traceback' in outcome.stderr:
        found.append(f'failed: {outcome.last}')
    if outcome.code and (len(outcome.last) > LONGEST or outcome.stdout):
        found.append(f'not one sentence: {outcome.stdout}{outcome.last}')
    if outcome.code and outcome.new:
        found.append(f'left: {outcome.new}')
    if [path for path in outcome.new if path.endswith(('.tmp', '.lock'))]:
        found.append(f'left: {outcome.new}')
    for line in [*outcome.stdout.splitlines(), *outcome.stderr.splitlines()]:
        if NO_NUMBER.search(line) and not line.startswith('Error: '):
            found.append(f'no number: {line}')
        if re.search(r'\w+\.py:\d+: \w*Warning', line):
            found.append(f'a warning of Python: {line}')
    return found


def untrue(outcome, path, facts):
    """Return what a command says of an input that is not as the facts are, or leaves out."""
    lines = [line.replace(str(path), 'PATH') for line in outcome.lines]
    is_refused = bool(facts) and facts[0].startswith('Error: ')
    if (outcome.code != 0) != is_refused or len(lines) != len(facts):
        return [f'different: {lines} instead of {facts}']
    wrong = [line for line, fact in zip(lines, facts) if fact.removeprefix('Error: ') not in line]
    return [f'different: {wrong} instead of {facts}'] if wrong else []


def inconsistent(name, outcome, first):
    """Return how a command understands data otherwise than the first one, which only read it.

    It is refused by all commands or by none, but for reasons of their own.
    """
    if first.code and not outcome.code:
        return ['different: is not refused']
    if name in OTHERWISE or 'pictures' in name or first.code or outcome.code:
        return []
    known, found = [[line for line in of.lines if ': ' in line] for of in (first, outcome)]
    strange = [line for line in found if line not in known and not line.startswith('Warning: ')]
    return [f'different: {strange} instead of {known}'] if strange else []


@contextlib.contextmanager
def inside(folder):
    """Work in a new folder."""
    before = Path.cwd()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def run_all(commands, named):
    """Run commands, each with what those before have made; yield (name, outcome)."""
    named = dict(named)
    for name, words in commands.items():
        if {word for word in words if word in PLACES} - set(named):
            continue
        outcome = attempt([named.get(word, word) for word in words])
        if name in MADE and outcome.code == 0:
            word, pattern = MADE[name]
            named[word] = next(Path().glob(pattern))
        yield name, outcome


def torture(path, facts, other, folder):
    """Put an input through every command; return (counts, findings).

    facts: see `field_facts`, None where they are not known. other: a run on other data.
    """
    counts, findings = collections.Counter(), []
    is_config = path.suffix == '.json'
    for commands in (ON_CONFIG if is_config else ON_DATA, AS_ANYTHING):
        with inside(folder):
            first = None
            for name, outcome in run_all(commands, {'DATA': path, 'OTHER': other}):
                counts['commands'] += 1
                counts['done' if outcome.code == 0 else 'refused'] += 1
                found = faults(outcome)
                if first is None and commands is not AS_ANYTHING and facts is not None:
                    found += untrue(outcome, path, facts)
                first = first or outcome
                if commands is not AS_ANYTHING:
                    found += inconsistent(name, outcome, first)
                findings += [f'{name}: {finding}' for finding in found]
    return counts, findings


def torture_all(inputs, folder):
    """Put every input through every command; yield (name, counts, findings)."""
    with inside(folder / 'other'):
        assert tiny.gluongan('train', *tiny.flags(iterations=2), '--out', 'runs').exit_code == 0
        (other,) = Path('runs').resolve().iterdir()
    for name, path in inputs.items():
        yield name, *torture(path, FACTS.get(name), other, folder / 'case')
