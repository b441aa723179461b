"""The judge: a small classifier of the data itself, by whose eyes generated pictures are measured.

Inception features mean little on digits and need a download (mseitzer/pytorch-fid issue 12); these are of the domain, and come
with the package.
"""

from __future__ import annotations

from .judge import About, Judge, JudgeError, Judgement, read
from .networks import NETS
from .shipped import SHIPPED, bundled, calibration, fitting
from .training import train

__all__ = [
    'NETS',
    'SHIPPED',
    'About',
    'Judge',
    'JudgeError',
    'Judgement',
    'bundled',
    'calibration',
    'fitting',
    'read',
    'train',
]
