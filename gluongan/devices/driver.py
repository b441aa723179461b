"""What NVIDIA's driver says of itself and of its cards, asked in its own library."""

from __future__ import annotations

import ctypes
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

LIBRARY = 'libcuda.so.1'  # comes with the driver, and with nothing else
OLDEST = (11, 0)  # of CUDA, whose programs run with every driver for another 11

# The machine code in MXNet 1.9.1's CUDA builds; they have no PTX, from which a driver could make
# code for other cards. A card runs code of its own generation up to its own capability.
CODE = ((5, 0), (6, 0), (7, 0), (8, 0), (8, 6))
ALLOWED = '5.0 to 8.9'
GENERATIONS = {3: 'Kepler', 9: 'Hopper', 10: 'Blackwell', 11: 'Blackwell', 12: 'Blackwell'}

MAJOR, MINOR = 75, 76  # attributes of a card in cuda.h
NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE


class Card(NamedTuple):
    """A card: its name and its compute capability, such as (7, 5)."""

    name: str
    capability: tuple[int, int]

    def __str__(self) -> str:
        return f'{self.name}, capability {_dotted(self.capability)}'

    def fault(self) -> str | None:
        """Return why MXNet cannot compute on this card, None where it can.

        >>> Card('NVIDIA H100', (9, 0)).fault()
        'capability 9.0: MXNet 1.9.1 has no code for Hopper; 5.0 to 8.9 work'
        >>> Card('NVIDIA GeForce RTX 4090', (8, 9)).fault() is None
        True
        """
        major, minor = self.capability
        if any(major == of and minor >= least for of, least in CODE):
            return None
        generation = GENERATIONS.get(major, 'it')
        return (
            f'capability {_dotted(self.capability)}: MXNet 1.9.1 has no code for {generation}; '
            f'{ALLOWED} work'
        )


class Driver(NamedTuple):
    """The driver: the newest CUDA that it runs, its own version where known, and its cards.

    problem: why there are no cards; None where there are some.
    """

    cuda: tuple[int, int] | None
    version: str | None
    cards: tuple[Card, ...]
    problem: str | None

    def fault(self, index: int = 0) -> str | None:
        """Return why MXNet cannot compute on card number `index`, None where it can."""
        if self.problem:
            return self.problem
        if self.cuda is not None and self.cuda < OLDEST:
            newest, oldest = _dotted(self.cuda), _dotted(OLDEST)
            return f"NVIDIA's driver runs CUDA up to {newest}, and MXNet needs {oldest} or later"
        if index >= len(self.cards):
            number = '1 card' if len(self.cards) == 1 else f'{len(self.cards)} cards'
            return f"NVIDIA's driver has {number}, counted from 0"
        return self.cards[index].fault()

    def __str__(self) -> str:
        cuda = f'CUDA up to {_dotted(self.cuda)}' if self.cuda else 'an unknown CUDA'
        return f'{self.version}, for {cuda}' if self.version else f'for {cuda}'


@cache
def ask(library: str | None = None) -> Driver:
    """Return what the driver says. It is asked once; with a card, that takes a moment.

    library: by default LIBRARY, wherever the system's loader finds it.
    """
    try:
        cuda = ctypes.CDLL(library or LIBRARY)
    except OSError:
        return Driver(None, None, (), f"NVIDIA's driver is not installed (no {LIBRARY})")
    number = ctypes.c_int()
    runs = None
    if cuda.cuDriverGetVersion(ctypes.byref(number)) == 0:
        runs = number.value // 1000, number.value % 1000 // 10
    version = _kernel_version()
    state = cuda.cuInit(0)
    if state == 0:
        state = cuda.cuDeviceGetCount(ctypes.byref(number))
    if state == NO_DEVICE or (state == 0 and number.value == 0):
        return Driver(runs, version, (), "NVIDIA's driver finds no card")
    if state != 0:
        return Driver(runs, version, (), f"NVIDIA's driver does not start (error {state})")
    cards = tuple(_card(cuda, index) for index in range(number.value))
    return Driver(runs, version, cards, None)


def _card(cuda: ctypes.CDLL, index: int) -> Card:
    device, number = ctypes.c_int(), ctypes.c_int()
    name = ctypes.create_string_buffer(256)
    cuda.cuDeviceGet(ctypes.byref(device), index)
    cuda.cuDeviceGetName(name, len(name), device)
    capability = []
    for attribute in (MAJOR, MINOR):
        cuda.cuDeviceGetAttribute(ctypes.byref(number), attribute, device)
        capability.append(number.value)
    return Card(name.value.decode(errors='replace'), (capability[0], capability[1]))


def _kernel_version(file: Path = Path('/proc/driver/nvidia/version')) -> str | None:
    """Return the version of the driver's kernel module, such as 535.104.05."""
    try:
        match = re.search(r'Module.*?\s(\d+(?:\.\d+)+)\s', file.read_text())
    except OSError:
        return None
    return match[1] if match else None


def _dotted(version: tuple[int, int]) -> str:
    return f'{version[0]}.{version[1]}'
