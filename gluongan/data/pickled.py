"""Values of a pickle file, read without running anything in it: numbers, texts, lists and arrays.

Only the opcodes and the four names that arrays of NumPy need are known; all else is refused.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import as_printable

MODULES = ('numpy.core.multiarray', 'numpy._core.multiarray')
RECONSTRUCT = tuple(f'{module} _reconstruct' for module in MODULES)
ARRAY, DTYPE, ENCODE = 'numpy ndarray', 'numpy dtype', '_codecs encode'
KNOWN = (*RECONSTRUCT, ARRAY, DTYPE, ENCODE)
MARK = object()
# fmt: off
VALUES = {
    'BININT', 'BININT1', 'BININT2', 'LONG1', 'INT', 'LONG', 'BINUNICODE', 'SHORT_BINUNICODE',
    'BINUNICODE8', 'BINBYTES', 'SHORT_BINBYTES', 'BINBYTES8', 'BINSTRING', 'SHORT_BINSTRING',
}
# fmt: on
CONSTANTS = {'NONE': None, 'NEWTRUE': True, 'NEWFALSE': False}
TUPLES = {'EMPTY_TUPLE': 0, 'TUPLE1': 1, 'TUPLE2': 2, 'TUPLE3': 3}
STRINGS = ('BINSTRING', 'SHORT_BINSTRING')  # of Python 2: bytes


class Named:
    """A function or class that a pickle names; it stands for itself and is never called."""

    def __init__(self, name: str) -> None:
        self.name = name


class ArrayOf:
    """An array, or the type of one, before and after its state arrives."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.values: np.ndarray | None = None


def read_pickled(content: bytes) -> Any:
    """Return the value of a pickle: dicts, lists, tuples, numbers, bytes, texts and uint8 arrays.

    Raises ValueError, in one sentence without a subject, for anything else.

    >>> read_pickled(b'\\x80\\x02}U\\x01aK\\x07s.')
    {b'a': 7}
    >>> read_pickled(b'cos\\nsystem\\n.')
    Traceback (most recent call last):
    ValueError: names os system; must be numbers, texts and arrays alone
    """
    reader = _Reader()
    try:
        for opcode, argument, _ in pickletools.genops(content):
            reader.take(opcode.name, argument)
        return _finished(reader.stack.pop())
    except _Refusal as error:
        raise ValueError(f'{error}; must be numbers, texts and arrays alone') from None
    except (ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        message = f'is not a readable pickle ({type(error).__name__}); must be a complete file'
        raise ValueError(message) from None


class _Refusal(Exception):
    """What a pickle holds that is not allowed."""


class _Reader:
    """The stack and the memory of a pickle."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memory: dict[int, Any] = {}

    def take(self, name: str, argument: Any) -> None:
        """Do what an opcode asks for."""
        if name in VALUES:
            self.stack.append(argument.encode('latin1') if name in STRINGS else argument)
        elif name in CONSTANTS:
            self.stack.append(CONSTANTS[name])
        elif name in TUPLES:
            self.stack.append(tuple(self._pop(TUPLES[name])))
        elif name in ACTIONS:
            ACTIONS[name](self, argument)
        elif name not in ('PROTO', 'FRAME', 'STOP'):
            raise _Refusal(f'has the opcode {name}')

    def _pop(self, count: int) -> list[Any]:
        if count > len(self.stack):
            raise IndexError
        values = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return values

    def _pop_to_mark(self) -> list[Any]:
        place = max(index for index, value in enumerate(self.stack) if value is MARK)
        values = self.stack[place + 1 :]
        del self.stack[place:]
        return values

    def _push_tuple(self, argument: Any) -> None:
        self.stack.append(tuple(self._pop_to_mark()))

    def _append(self, values: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise TypeError
        self.stack[-1].extend(values)

    def _set(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict) or len(values) % 2:
            raise TypeError
        for key, value in zip(values[::2], values[1::2]):
            if not isinstance(key, (str, bytes)):  # a nested tuple would be hashed without end
                raise _Refusal('has keys that are no text')
            target[key] = value

    def _name(self, argument: str) -> None:
        if argument not in KNOWN:
            raise _Refusal(f'names {as_printable(argument[:60])}')
        self.stack.append(Named(argument))

    def _name_from_stack(self, argument: Any) -> None:
        module, name = self._pop(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise TypeError
        self._name(f'{module} {name}')

    def _call(self, argument: Any) -> None:
        function, given = self._pop(2)
        name = function.name
        if name in RECONSTRUCT and given[0].name == ARRAY:
            self.stack.append(ArrayOf('array'))
        elif name == DTYPE and given[0] in ('u1', b'u1'):
            self.stack.append(ArrayOf('u1'))
        elif name == ENCODE and given[1] == 'latin1':
            self.stack.append(given[0].encode('latin1'))
        else:
            raise _Refusal('has values of another type than uint8')

    def _build(self, argument: Any) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if not isinstance(target, ArrayOf):
            raise _Refusal('has an object')
        if target.kind == 'array':
            target.values = _array(*state)

    def _remember(self, argument: int | None) -> None:
        self.memory[len(self.memory) if argument is None else argument] = self.stack[-1]

    def _recall(self, argument: int) -> None:
        self.stack.append(self.memory[argument])


ACTIONS: dict[str, Callable[[_Reader, Any], None]] = {
    'MARK': lambda reader, _: reader.stack.append(MARK),
    'EMPTY_LIST': lambda reader, _: reader.stack.append([]),
    'EMPTY_DICT': lambda reader, _: reader.stack.append({}),
    'TUPLE': _Reader._push_tuple,
    'APPEND': lambda reader, _: reader._append(reader._pop(1)),
    'APPENDS': lambda reader, _: reader._append(reader._pop_to_mark()),
    'SETITEM': lambda reader, _: reader._set(reader._pop(2)),
    'SETITEMS': lambda reader, _: reader._set(reader._pop_to_mark()),
    'GLOBAL': _Reader._name,
    'STACK_GLOBAL': _Reader._name_from_stack,
    'REDUCE': _Reader._call,
    'BUILD': _Reader._build,
    **dict.fromkeys(('BINPUT', 'LONG_BINPUT', 'MEMOIZE'), _Reader._remember),
    **dict.fromkeys(('BINGET', 'LONG_BINGET'), _Reader._recall),
}


def _array(version: int, shape: Any, kind: Any, is_fortran: bool, content: bytes) -> np.ndarray:
    if kind.kind != 'u1' or not isinstance(shape, tuple) or not isinstance(content, bytes):
        raise TypeError
    return np.frombuffer(content, np.uint8).reshape(shape, order='F' if is_fortran else 'C')


def _finished(value: Any) -> Any:
    """Return a value with its arrays in place of what stood for them, one level deep."""
    if isinstance(value, dict):
        return {
            key: each.values if isinstance(each, ArrayOf) else each for key, each in value.items()
        }
    return value
