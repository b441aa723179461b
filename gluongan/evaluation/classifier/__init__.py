"""The judge: a small network trained on the data itself, whose features and classes metrics use.

Inception features mean little on digits and need a download (mseitzer/pytorch-fid issue 12). These
networks are trained on the data in question, and two of them ship with the package. A judge of data
without labels has features alone.
"""

from __future__ import annotations

from .judge import About, Judge, JudgeError, Judgement, read
from .networks import NETS, SMALLEST, WITHOUT_LABELS, initialised
from .shipped import SHIPPED, calibration_file, find_judge, is_shipped_for, load_shipped, read_given
from .training import default_net, fit, train

__all__ = [
    'NETS',
    'SHIPPED',
    'SMALLEST',
    'WITHOUT_LABELS',
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
    'read_given',
    'train',
]
