"""Sampling noise: how far a rate over some runs may lie from the true one.

The Wilson score interval (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927): the true rates p for which
|hits - runs p| <= z sqrt(runs p (1 - p)). Whether a line lies below the interval is therefore
decided in exact fractions; only the ends that people see need a root.
"""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from math import sqrt

LEVEL = Fraction(95, 100)
"""The confidence of the interval that is shown."""
Z_CERTAIN = Fraction("1.959963984540054")
"""The normal quantile of the 95% interval: chance alone goes beyond its end once in 40 times."""
Z_LIKELY = Fraction("1.2815515655446004")
"""The same for the 80% interval: once in 10 times."""


class Certainty(StrEnum):
    """Whether a rate that lies above a line is more than chance."""

    CERTAIN = "certain"
    """The line lies below the 95% interval of the rate."""
    LIKELY = "likely"
    """It lies below the 80% interval."""
    WITHIN_NOISE = "within noise"
    """Chance alone may well explain it."""


def wilson(hits: int, runs: int) -> tuple[float, float]:
    """The 95% interval of the true rate after `hits` in `runs`, which is at least 1."""
    z, rate = float(Z_CERTAIN), hits / runs
    weight = z * z / runs
    middle = (rate + weight / 2) / (1 + weight)
    half = z * sqrt(rate * (1 - rate) / runs + weight / runs / 4) / (1 + weight)
    low = 0.0 if hits == 0 else max(0.0, middle - half)
    return low, 1.0 if hits == runs else min(1.0, middle + half)


def above(hits: int, runs: int, line: Fraction) -> Certainty:
    """How certain it is that the true rate is above a line, from 0 to 1."""
    excess = hits - runs * line
    if excess > 0:
        spread = runs * line * (1 - line)
        for certainty, z in ((Certainty.CERTAIN, Z_CERTAIN), (Certainty.LIKELY, Z_LIKELY)):
            if excess * excess > z * z * spread:
                return certainty
    return Certainty.WITHIN_NOISE
