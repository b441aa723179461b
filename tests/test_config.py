"""What Config promises: every knob is checked by itself, impossible pairs are refused, and JSON carries it all."""

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

from gluongan.config import Config, ConfigError, defaults, knobs, parse_json
from gluongan.errors import as_typed
from gluongan.recipes import RECIPES

KNOBS = knobs()
NUMBERS = [
    name for name, knob in KNOBS.items() if knob.kind in ('int', 'float') and not knob.choices
]
WHOLE = [name for name in NUMBERS if KNOBS[name].kind == 'int']
REAL = [name for name in NUMBERS if KNOBS[name].kind == 'float']
SIZES = [name for name, knob in KNOBS.items() if knob.kind == 'sizes']
CHOICES = [name for name, knob in KNOBS.items() if knob.choices]
REQUIRED = [name for name, knob in KNOBS.items() if not knob.optional]


def refused(name, value, *words):
    """Setting one knob to `value` must fail with its flag, the value as typed, and what is allowed."""
    with pytest.raises(ConfigError) as caught:
        Config(**{name: value})
    message = str(caught.value)
    assert (
        message.startswith(f'{flag(name)} ')
        and f'{as_typed(value)}' in message.split(': must be ')[0]
    ), message
    assert '\n' not in message and all(str(word) in message for word in words), message
    return message


# Each knob by itself


@pytest.mark.parametrize('name', KNOBS)
def test_default_is_accepted_and_has_help(name):
    default = defaults()[name]
    assert KNOBS[name].accepts(default) and getattr(Config(**{name: default}), name) == default
    assert KNOBS[name].help.endswith('.') and KNOBS[name].group


@pytest.mark.parametrize('name', NUMBERS)
def test_range_is_closed_and_nothing_beyond_it_is_accepted(name):
    knob = KNOBS[name]
    assert math.isfinite(knob.low) and math.isfinite(knob.high)
    step = 1 if knob.kind == 'int' else max(1e-9, abs(knob.high) * 1e-6)
    for edge in (knob.low, knob.high):
        assert knob.accepts(int(edge) if knob.kind == 'int' else edge)
    below = knob.low - 1 if knob.kind == 'int' else math.nextafter(knob.low, -math.inf)
    plain = f'{knob.high:,}' if isinstance(knob.high, int) else f'{knob.high:g}'
    for value in (below, knob.high + step):
        refused(name, value, plain)


@pytest.mark.parametrize('name', WHOLE)
@pytest.mark.parametrize('value', [True, '3', 3.0, 64.5, math.nan, (64,), {}], ids=repr)
def test_whole_number_is_neither_truth_nor_text_nor_fraction(name, value):
    refused(name, value, 'a whole number')


@pytest.mark.parametrize('name', REAL)
@pytest.mark.parametrize(
    'value', [True, '0.5', math.nan, math.inf, -math.inf, (0.5,), {}], ids=repr
)
def test_number_is_neither_truth_nor_text_nor_infinite(name, value):
    refused(name, value, 'a number')


@pytest.mark.parametrize('name', [name for name, knob in KNOBS.items() if knob.kind == 'bool'])
@pytest.mark.parametrize('value', [0, 1, 'true', 1.0], ids=repr)
def test_truth_is_not_a_number_or_text(name, value):
    refused(name, value, 'true or false')


@pytest.mark.parametrize(
    'name', [name for name, knob in KNOBS.items() if knob.kind == 'str' and not knob.choices]
)
@pytest.mark.parametrize('value', [0, True, 1.5, b'mnist'], ids=repr)
def test_text_is_not_a_number(name, value):
    refused(name, value, 'a text')


@pytest.mark.parametrize('name', CHOICES)
def test_only_the_listed_choices_are_accepted_and_all_are_named(name):
    knob = KNOBS[name]
    assert all(knob.accepts(choice) for choice in knob.choices)
    for value in ('nonsense', 2, True, 1.0, '', (), ('relu',)):
        refused(name, value, *knob.choices)


@pytest.mark.parametrize('name', REQUIRED)
def test_none_is_refused_where_the_knob_is_required(name):
    assert 'left out' not in refused(name, None)


@pytest.mark.parametrize('name', [name for name in KNOBS if name not in REQUIRED])
def test_none_is_accepted_where_the_knob_is_optional_and_the_message_says_so(name):
    assert getattr(Config(**{name: None}), name) is None
    assert 'left out' in refused(name, object())


@pytest.mark.parametrize('name', SIZES)
def test_sizes_are_any_number_of_whole_numbers_in_range(name):
    for good in ((), (1,), (65536,), (3, 4, 5), [7, 8], (1,) * 32):
        assert getattr(Config(**{name: good}), name) == tuple(good)
    for bad in ((0,), (65537,), (5, True), (5, '6'), (5, 6.0), 5, '5,6', [-1], (math.nan,)):
        refused(name, bad, 1, 65536)


@pytest.mark.parametrize('name', SIZES)
def test_too_many_sizes_are_refused_by_a_message_that_tells_how_many_are_allowed(name):
    refused(name, (1,) * 33, 32)


def test_a_number_typed_as_text_is_shown_as_text():
    with pytest.raises(ConfigError, match=r"""^--latent ['"]3['"]: """):
        Config(latent='3')


# Two knobs together

POINTS, CONV, ALONE = {'data': 'ring8'}, {'network': 'conv'}, {'batch': 1, 'gen_batchnorm': False}
IMPOSSIBLE = [
    (
        {**POINTS, 'gen_output': 'sigmoid'},
        {**POINTS, 'gen_output': 'identity'},
        '--gen-output sigmoid: ring8 ',
    ),
    (
        {'data': 'grid25', 'gen_output': 'tanh'},
        {'data': 'mnist', 'gen_output': 'tanh'},
        '--gen-output tanh: grid25 ',
    ),
    ({**POINTS, 'binarize': True}, {'data': 'mnist', 'binarize': True}, '--binarize: ring8 '),
    ({'batch': 1}, {'batch': 1, 'gen_batchnorm': False}, '--batch 1: '),
    ({**ALONE, 'dis_batchnorm': True}, {'batch': 2, 'dis_batchnorm': True}, '--batch 1: '),
    (
        {'batch': 8, 'pack': 8, 'dis_batchnorm': True},
        {'batch': 16, 'pack': 8, 'dis_batchnorm': True},
        '--pack 8',
    ),
    ({'pack': 3}, {'pack': 4}, '--pack 3: must divide --batch 128'),
    ({'pack': 2, 'batch': 7}, {'pack': 7, 'batch': 7}, '--pack 2: must divide --batch 7'),
    ({'pack': 16, 'batch': 8}, {'pack': 8, 'batch': 8}, '--pack 16: must divide --batch 8'),
    ({**CONV, **POINTS}, POINTS, '--network conv: ring8 is made of points'),
    (
        {**CONV, 'data': 'grid25'},
        {**CONV, 'data': 'folder/of/pictures'},
        '--network conv: grid25 is made of points',
    ),
    (
        {**CONV, 'dis_head': 'softmax'},
        {'dis_head': 'softmax'},
        '--dis-head softmax: only for --network dense',
    ),
    *(
        ({'loss': loss, 'dis_head': 'softmax'}, {'loss': loss}, f'--dis-head softmax: {loss} ')
        for loss in ('wasserstein', 'hinge', 'relativistic', 'least_squares')
    ),
    *(
        (
            {'loss': loss, **targets},
            {'loss': 'least_squares', **targets},
            f'--real-target {real} --fake-target {fake}: {loss} ',
        )
        for loss in ('wasserstein', 'hinge', 'relativistic')
        for targets, real, fake in (
            ({'real_target': 0.9}, 0.9, 0.0),
            ({'fake_target': 0.1}, 1.0, 0.1),
        )
    ),
    *(
        (
            {'penalty': kind, 'dis_batchnorm': True},
            {'penalty': kind, 'gen_batchnorm': True},
            f'--penalty {kind}: ',
        )
        for kind in ('gp', 'dragan', 'r1', 'r2')
    ),
]


@pytest.mark.parametrize(('bad', 'good', 'words'), IMPOSSIBLE, ids=repr)
def test_impossible_pair_is_refused_by_a_message_that_names_the_flag(bad, good, words):
    Config(**good)
    with pytest.raises(ConfigError) as caught:
        Config(**bad)
    assert str(caught.value).startswith(words) and '\n' not in str(caught.value), str(caught.value)


MIXING = {'dis_batchnorm': True, 'dis_kernels': 4, 'dis_stddev': True, 'dis_dropout': 0.5}


@pytest.mark.parametrize(
    'names', [names for count in range(1, 5) for names in combinations(MIXING, count)], ids='-'.join
)
def test_penalty_names_everything_in_dis_that_mixes_or_drops_and_nothing_else(names):
    with pytest.raises(ConfigError, match=r'^--penalty r1: ') as caught:
        Config(
            penalty='r1',
            gen_dropout=0.5,
            pack=2,
            dis_spectral=True,
            **{name: MIXING[name] for name in names},
        )
    assert re.findall(r'--dis-\w+', str(caught.value)) == [flag(name) for name in names]
    assert Config(**{name: MIXING[name] for name in names})


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
    some = {
        'int': lambda: st.integers(int(max(knob.low, -(2**53))), int(min(knob.high, 2**53))),
        'float': lambda: st.floats(knob.low, knob.high),
        'bool': st.booleans,
        'str': lambda: st.text(max_size=12),
        'sizes': lambda: st.lists(st.integers(knob.low, knob.high), max_size=4),
    }[knob.kind]()
    some = st.sampled_from(knob.choices) if knob.choices else some
    return st.none() | some if knob.optional else some


@settings(max_examples=60, deadline=None)
@given(st.fixed_dictionaries({}, optional={name: values(knob) for name, knob in KNOBS.items()}))
def test_json_carries_any_legal_config_exactly(chosen):
    assert all(
        KNOBS[name].accepts(tuple(value) if isinstance(value, list) else value)
        for name, value in chosen.items()
    )
    config = tiny.mended(**chosen)  # without impossible pairs
    again = Config().with_settings(parse_json(json.dumps(config.to_dict()), 'here'))
    assert again == config and again.differences(config) == {}
    assert all(type(getattr(again, name)) is type(getattr(config, name)) for name in KNOBS)


@pytest.mark.parametrize('name', RECIPES)
def test_json_carries_every_recipe(name):
    config = RECIPES[name]()
    assert Config().with_settings(json.loads(json.dumps(config.to_dict()))) == config


def test_to_dict_holds_every_knob_in_the_order_of_declaration():
    assert list(Config().to_dict()) == list(KNOBS) == [f.name for f in fields(Config)]


@pytest.mark.parametrize('name', ['learning_rate', 'LR', '', 'gen-lr', '__class__', 'to_dict'])
def test_unknown_name_is_refused_and_named(name):
    with pytest.raises(ConfigError, match='is no setting') as caught:
        Config().with_settings({name: 1})
    assert repr(name) in str(caught.value)


def test_with_settings_checks_and_leaves_the_original_alone():
    before = Config()
    assert before.with_settings({'latent': 7}).latent == 7 and before == Config()
    with pytest.raises(ConfigError, match='--latent 0'):
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
    code = 'import sys, gluongan.config, gluongan.recipes; print(sorted({"numpy", "mxnet", "PIL"} & set(sys.modules)))'
    assert python(code) == '[]'
