"""The judge: a small classifier of the data itself, whose features and classes metrics use.

Inception features mean little on digits and need a download (mseitzer/pytorch-fid issue 12). These
networks are trained on the data in question, and two of them ship with the package.
"""

from __future__ import annotations

from .judge import About, Judge, JudgeError, Judgement, read
from .networks import NETS, SMALLEST, initialised
from .shipped import SHIPPED, calibration_file, find_judge, is_shipped_for, load_shipped
from .training import default_net, fit, train

__all__ = [
    'NETS',
    'SHIPPED',
    'SMALLEST',
    'About',
    'Judge',
    'JudgeError',
    'Judgement',
    'calibration_file',
    'default_net',
    'find_judge',
    'fit',
    'initialised',
    'is_shipped_for',
    'load_shipped',
    'read',
    'train',
]
