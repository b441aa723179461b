"""What Config promises: every knob is checked, impossible pairs are refused, JSON carries it."""

from __future__ import annotations

import json
import math
import re
from dataclasses import FrozenInstanceError, fields
from itertools import combinations

import pytest
import tiny
from gluongan.cli.faults import flag
from hypothesis import given, settings
from hypothesis import strategies as st

from gluongan.config import Config, ConfigError, defaults, knobs
from gluongan.errors import as_typed
from gluongan.knob import Knob
from gluongan.recipes import RECIPES
from gluongan.runs.folder import parse_json

KNOBS = knobs()
CHOICES = [name for name, knob in KNOBS.items() if knob.choices and knob.kind != 'names']
OPTIONAL = [name for name, knob in KNOBS.items() if knob.optional]
REQUIRED = [name for name in KNOBS if name not in OPTIONAL]


def of_kind(*kinds):
    """The knobs of some kinds that have no list of choices."""
    return [name for name, knob in KNOBS.items() if knob.kind in kinds and not knob.choices]


def refused(name, value, *parts):
    """Setting one knob to `value` must fail with its name, the value, and what is allowed."""
    with pytest.raises(ConfigError) as caught:
        Config(**{name: value})
    message = str(caught.value)
    given, _, allowed = message.partition(': must be ')
    assert given.startswith(f'{name} ') and as_typed(value) in given, message
    assert allowed and '\n' not in message
    assert all(str(part) in message for part in parts), message
    return message


# Each knob by itself


@pytest.mark.parametrize('name', KNOBS)
def test_default_is_accepted_and_has_help(name):
    default = defaults()[name]
    assert KNOBS[name].accepts(default)
    assert getattr(Config(**{name: default}), name) == default
    assert KNOBS[name].help.endswith('.') and KNOBS[name].group


@pytest.mark.parametrize('name', of_kind('int', 'float'))
def test_both_ends_of_a_range_are_accepted_and_nothing_beyond(name):
    knob = KNOBS[name]
    assert math.isfinite(knob.low) and math.isfinite(knob.high)
    assert knob.accepts(knob.low) and knob.accepts(knob.high)
    below = math.nextafter(knob.low, -math.inf)
    above = knob.high + max(1e-9, abs(knob.high) * 1e-6)
    highest = f'{knob.high:g}'
    if knob.kind == 'int':
        below, above = knob.low - 1, knob.high + 1
        highest = f'{knob.high:,}'
    refused(name, below, highest)
    refused(name, above, highest)


@pytest.mark.parametrize('name', of_kind('int'))
@pytest.mark.parametrize('value', [True, '3', 3.0, 64.5, math.nan, (64,), {}], ids=repr)
def test_whole_number_is_neither_bool_nor_text_nor_fraction(name, value):
    refused(name, value, 'a whole number')


@pytest.mark.parametrize('name', of_kind('float'))
@pytest.mark.parametrize(
    'value', [True, '0.5', math.nan, math.inf, -math.inf, (0.5,), {}], ids=repr
)
def test_number_is_neither_bool_nor_text_nor_infinite(name, value):
    refused(name, value, 'a number')


@pytest.mark.parametrize('name', of_kind('bool'))
@pytest.mark.parametrize('value', [0, 1, 'true', 1.0], ids=repr)
def test_bool_is_not_a_number_or_text(name, value):
    refused(name, value, 'true or false')


@pytest.mark.parametrize('name', of_kind('str'))
@pytest.mark.parametrize('value', [0, True, 1.5, b'mnist'], ids=repr)
def test_text_is_not_a_number(name, value):
    refused(name, value, 'must be text')


@pytest.mark.parametrize('name', CHOICES)
def test_only_the_listed_choices_are_accepted_and_all_are_named(name):
    knob = KNOBS[name]
    assert all(knob.accepts(choice) for choice in knob.choices)
    for value in ('nonsense', 2, True, 1.0, '', (), ('relu',)):
        refused(name, value, *knob.choices)


def test_names_are_any_of_the_choices_each_once():
    for names in ((), ('shift',), ('mirror', 'color')):
        assert Config(augment=names).augment == names
        assert Config(augment=list(names)).augment == names
    allowed = 'must be none, or any of color, shift, cutout and mirror, separated by commas'
    for value in ('shift', ('blur',), ('shift', 'shift'), (1,), ((),), None, 3, True):
        refused('augment', value, allowed)


@pytest.mark.parametrize('name', REQUIRED)
def test_none_is_refused_where_the_knob_is_required(name):
    assert 'left out' not in refused(name, None)


@pytest.mark.parametrize('name', OPTIONAL)
def test_none_is_accepted_where_the_knob_is_optional_and_the_message_says_so(name):
    assert getattr(Config(**{name: None}), name) is None
    assert 'left out' in refused(name, object())


@pytest.mark.parametrize('name', of_kind('sizes'))
def test_sizes_are_any_number_of_whole_numbers_in_range(name):
    for good in ((), (1,), (65536,), (3, 4, 5), [7, 8], (1,) * 32):
        assert getattr(Config(**{name: good}), name) == tuple(good)
    for bad in ((0,), (65537,), (5, True), (5, '6'), (5, 6.0), 5, '5,6', [-1], (math.nan,)):
        refused(name, bad, 'numbers from 1 to 65,536')


@pytest.mark.parametrize('name', of_kind('sizes'))
def test_too_many_sizes_are_refused_with_how_many_are_allowed(name):
    refused(name, (1,) * 33, 32)


def test_a_number_given_as_text_is_shown_as_text():
    with pytest.raises(ConfigError, match=r"""^latent ['"]3['"]: """):
        Config(latent='3')


@pytest.mark.parametrize(
    'knob, allowed',
    [
        (Knob('int', '', choices=(1, 3), optional=True), '1 or 3, or left out'),
        (Knob('str', '', choices=('gp', 'r1', 'r2')), 'gp, r1 or r2'),
        (Knob('str', '', choices=('dense',)), 'dense'),
        (Knob('str', ''), 'text'),
        (Knob('str', '', optional=True), 'text, or left out'),
        (Knob('bool', ''), 'true or false'),
        (Knob('int', '', low=1, high=65536), 'a whole number from 1 to 65,536'),
        (Knob('float', '', low=1e-8, high=10.0), 'a number from 1e-08 to 10'),
        (
            Knob('sizes', '', low=1, high=9),
            'none, or up to 32 whole numbers from 1 to 9, separated by commas',
        ),
    ],
)
def test_what_a_knob_accepts_is_said_in_words(knob, allowed):
    assert knob.allowed() == allowed


# Two knobs together

POINTS = {'data': 'ring8'}
CONV = {'network': 'conv'}
ONE = {'batch': 1, 'gen_batchnorm': False}
# Settings that are refused, similar ones that are accepted, and how the refusal begins.
IMPOSSIBLE = [
    (
        {**POINTS, 'gen_output': 'sigmoid'},
        {**POINTS, 'gen_output': 'identity'},
        'gen_output sigmoid: ring8 ',
    ),
    (
        {'data': 'grid25', 'gen_output': 'tanh'},
        {'data': 'mnist', 'gen_output': 'tanh'},
        'gen_output tanh: grid25 ',
    ),
    ({**POINTS, 'binarize': True}, {'data': 'mnist', 'binarize': True}, 'binarize: ring8 '),
    ({'batch': 1}, {'batch': 1, 'gen_batchnorm': False}, 'batch 1: '),
    ({**ONE, 'dis_batchnorm': True}, {'batch': 2, 'dis_batchnorm': True}, 'batch 1: '),
    (
        {'batch': 8, 'pack': 8, 'dis_batchnorm': True},
        {'batch': 16, 'pack': 8, 'dis_batchnorm': True},
        'pack 8: ',
    ),
    ({'pack': 3}, {'pack': 4}, 'pack 3: must be a divisor of `batch` 128'),
    (
        {'pack': 2, 'batch': 7},
        {'pack': 7, 'batch': 7},
        'pack 2: must be a divisor of `batch` 7',
    ),
    (
        {'pack': 16, 'batch': 8},
        {'pack': 8, 'batch': 8},
        'pack 16: must be a divisor of `batch` 8',
    ),
    ({**CONV, **POINTS}, POINTS, 'network conv: ring8 is made of points'),
    (
        {**CONV, 'data': 'grid25'},
        {**CONV, 'data': 'folder/of/pictures'},
        'network conv: grid25 is made of points',
    ),
    (
        {**CONV, 'dis_head': 'softmax'},
        {'dis_head': 'softmax'},
        'dis_head softmax: needs `network` dense',
    ),
]
for loss in ('wasserstein', 'hinge', 'relativistic', 'least_squares'):
    IMPOSSIBLE.append(
        ({'loss': loss, 'dis_head': 'softmax'}, {'loss': loss}, f'dis_head softmax: {loss} ')
    )
for loss in ('wasserstein', 'hinge', 'relativistic'):
    for target, value in (('real_target', 0.9), ('fake_target', 0.1)):
        IMPOSSIBLE.append(
            (
                {'loss': loss, target: value},
                {'loss': 'least_squares', target: value},
                f'{target} {value}: `loss` {loss} ',
            )
        )
for kind in ('gp', 'dragan', 'r1', 'r2'):
    IMPOSSIBLE.append(
        (
            {'penalty': kind, 'dis_batchnorm': True},
            {'penalty': kind, 'gen_batchnorm': True},
            f'penalty {kind}: ',
        )
    )


@pytest.mark.parametrize(('bad', 'good', 'start'), IMPOSSIBLE, ids=repr)
def test_impossible_pair_is_refused_by_a_message_that_names_the_setting(bad, good, start):
    Config(**good)
    with pytest.raises(ConfigError) as caught:
        Config(**bad)
    message = str(caught.value)
    assert message.startswith(start) and '\n' not in message, message


MIXING = {'dis_batchnorm': True, 'dis_kernels': 4, 'dis_stddev': True, 'dis_dropout': 0.5}
SUBSETS = [names for count in range(1, 5) for names in combinations(MIXING, count)]


@pytest.mark.parametrize('names', SUBSETS, ids='-'.join)
def test_penalty_names_everything_that_mixes_or_drops_and_nothing_else(names):
    mixing = {name: MIXING[name] for name in names}
    with pytest.raises(ConfigError, match=r'^penalty r1: ') as caught:
        Config(penalty='r1', gen_dropout=0.5, pack=2, dis_spectral=True, **mixing)
    assert re.findall(r'`(\w+)`', str(caught.value)) == list(names)
    assert Config(**mixing)


@pytest.mark.parametrize('loss', ['minimax', 'nonsaturating'])
def test_what_is_no_conflict_is_accepted(loss):
    assert Config(
        loss=loss,
        dis_head='softmax',
        real_target=0.9,
        fake_target=0.1,
        conditional=True,
        pack=2,
        dis_spectral=True,
    )
    assert Config(
        loss=loss,
        network='conv',
        penalty='gp',
        conditional=True,
        pack=4,
        gen_dropout=0.5,
        ema=0.9,
        clip=0.1,
    )


# There and back


def values(knob):
    """Any legal value of a knob, as JSON could hold it."""
    legal = _required_values(knob)
    return st.none() | legal if knob.optional else legal


def _required_values(knob):
    if knob.kind == 'names':
        return st.lists(st.sampled_from(knob.choices), unique=True)
    if knob.choices:
        return st.sampled_from(knob.choices)
    if knob.kind == 'int':
        return st.integers(int(max(knob.low, -(2**53))), int(min(knob.high, 2**53)))
    if knob.kind == 'float':
        return st.floats(knob.low, knob.high)
    if knob.kind == 'bool':
        return st.booleans()
    if knob.kind == 'str':
        letters = st.characters(exclude_categories=['Cs'], exclude_characters='\0')
        return st.text(letters, min_size=int(knob.optional), max_size=12)
    return st.lists(st.integers(knob.low, knob.high), max_size=4)


LEGAL = st.fixed_dictionaries({}, optional={name: values(knob) for name, knob in KNOBS.items()})


@settings(max_examples=60, deadline=None)
@given(LEGAL)
def test_json_carries_any_legal_config_exactly(chosen):
    for name, value in chosen.items():
        assert KNOBS[name].accepts(tuple(value) if isinstance(value, list) else value)
    config = tiny.mended(**chosen)  # without impossible pairs
    again = Config().with_settings(parse_json(json.dumps(config.to_dict()), 'here'))
    assert again == config and again.differences(config) == {}
    for name in KNOBS:
        assert type(getattr(again, name)) is type(getattr(config, name))


@pytest.mark.parametrize('name', RECIPES)
def test_json_carries_every_recipe(name):
    config = RECIPES[name]()
    assert Config().with_settings(json.loads(json.dumps(config.to_dict()))) == config


def test_to_dict_holds_every_knob_in_the_order_of_declaration():
    assert list(Config().to_dict()) == list(KNOBS) == [f.name for f in fields(Config)]


@pytest.mark.parametrize('name', ['learning_rate', 'LR', '', 'gen-lr', '__class__', 'to_dict'])
def test_unknown_name_is_refused_and_named(name):
    with pytest.raises(ConfigError, match=r'is not a setting') as caught:
        Config().with_settings({name: 1})
    assert repr(name) in str(caught.value)


def test_with_settings_checks_and_leaves_the_original_alone():
    before = Config()
    assert before.with_settings({'latent': 7}).latent == 7 and before == Config()
    with pytest.raises(ConfigError, match=r'^latent 0: '):
        before.with_settings({'latent': 0})
    with pytest.raises(FrozenInstanceError):
        before.latent = 7


def test_differences_name_each_changed_knob_with_both_values():
    mine, theirs = Config(lr=1e-3, gen_hidden=(5,)), Config(clip=0.5)
    assert mine.differences(theirs) == {
        'lr': (1e-3, 2e-4),
        'gen_hidden': ((5,), (256, 512, 1024)),
        'clip': (None, 0.5),
    }
    assert mine.differences(mine) == {}


@pytest.mark.parametrize(
    'text',
    ['', '{', '[1, 2]', '3', 'null', '"dense"', '\0', '{"lr": }', '[' * 100_000],
    ids=lambda text: repr(text[:12]),
)
def test_json_that_is_no_object_of_settings_is_refused_by_its_file_name(text):
    with pytest.raises(ConfigError, match=r'^some/config\.json: '):
        parse_json(text, 'some/config.json')


def test_flags_and_values_are_shown_as_they_are_typed():
    assert flag('gen_lr') == '--gen-lr'
    shown = [as_typed(value) for value in ((500, 20), (), None, True, 0.01, 'mnist', [3])]
    assert shown == ['500,20', 'none', 'none', 'true', '0.01', 'mnist', '3']


def test_settings_and_recipes_are_read_without_numpy_or_mxnet(python):
    code = (
        'import sys, gluongan.config, gluongan.recipes; '
        'print(sorted({"numpy", "mxnet", "PIL"} & set(sys.modules)))'
    )
    assert python(code) == '[]'


def test_a_setting_that_is_given_twice_is_refused():
    message = r"a.json: is not JSON \('lr' is given more than once; must be given once\)$"
    with pytest.raises(ConfigError, match=message):
        parse_json('{"lr": 0.1, "seed": 1, "lr": 0.2}', 'a.json')
