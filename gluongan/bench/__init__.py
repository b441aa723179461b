"""Speed: trials of cases that are measured in turn, their ratios, and a verdict on two of them.

The terms are those of BenchmarkTools.jl: a `Trial` keeps every sample; `minimum`, `median`, `ratio`
and `judge` summarise it.
"""

from __future__ import annotations

from .trial import (
    Judgement,
    Ratio,
    Trial,
    TrialError,
    judge,
    median,
    minimum,
    quartiles,
    ratio,
    spread,
)
from .trials import Trials, read

__all__ = [
    'Judgement',
    'Ratio',
    'Trial',
    'TrialError',
    'Trials',
    'judge',
    'median',
    'minimum',
    'quartiles',
    'ratio',
    'read',
    'spread',
]
