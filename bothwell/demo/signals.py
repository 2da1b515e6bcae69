"""Vital signs of a person who never was, during a session that never took place: for demonstrations and
tests.

It stands for no patient and predicts nothing. Every value is a pure function of (seed, seconds since the
session began), so the same seed tells the same story on every machine and in any order of asking.

The pressure course is the mean of a published series (Yale, 138 patients, 2 342 infusions, 2024,
10.1016/j.genhosppsych.2024.07.001): a rise that peaks 40 minutes in at +16.0 mmHg systolic (SD 11.2) and
+11.0 diastolic (SD 8.45); heart rate +1.9 /min (135 patients, 741 infusions). Baselines, breathing and noise
are invented.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

PEAK_SECONDS = 40 * 60
BASELINE_SECONDS = 10 * 60
SYSTOLIC_RISE_MMHG, SYSTOLIC_RISE_SD = 16.0, 11.2
DIASTOLIC_RISE_MMHG, DIASTOLIC_RISE_SD = 11.0, 8.45
HEART_RATE_RISE = 1.9

CONTINUOUS = ("heart_rate", "spo2", "respiratory_rate")
CUFF = ("systolic", "diastolic", "mean_pressure")


class Scenario(StrEnum):
    """What the demonstration is to show."""

    QUIET = "quiet"
    PRESSURE = "pressure"
    DESATURATION = "desaturation"
    PROBE_OFF = "probe-off"


@dataclass(frozen=True, slots=True)
class Subject:
    """An invented person: values at rest and how far the pressure will rise, in mmHg, /min and %."""

    systolic_mmhg: float
    diastolic_mmhg: float
    heart_rate: float
    spo2: float
    respiratory_rate: float
    systolic_rise_mmhg: float
    diastolic_rise_mmhg: float


def subject(seed: int, scenario: Scenario = Scenario.QUIET) -> Subject:
    """The invented person of this seed; rises keep within one standard deviation of the published means."""
    draw = random.Random(f"subject {seed}")
    away = max(-1.0, min(1.0, draw.gauss(0, 0.6)))
    return Subject(
        systolic_mmhg=draw.uniform(112, 130),
        diastolic_mmhg=draw.uniform(68, 80),
        heart_rate=draw.uniform(60, 76),
        spo2=draw.uniform(97.2, 98.8),
        respiratory_rate=draw.uniform(12, 16),
        # The pressure story rises 40 mmHg: past 160, and past the label's notable rise.
        systolic_rise_mmhg=44.0
        if scenario is Scenario.PRESSURE
        else SYSTOLIC_RISE_MMHG + away * SYSTOLIC_RISE_SD,
        diastolic_rise_mmhg=22.0
        if scenario is Scenario.PRESSURE
        else DIASTOLIC_RISE_MMHG + away * DIASTOLIC_RISE_SD,
    )


def course(seconds_since_dose: float) -> float:
    """How much of the full rise is there: 0 before the dose, 1 at 40 minutes, a fifth after two and a half
    hours.
    """
    if seconds_since_dose <= 0:
        return 0.0
    share = seconds_since_dose / PEAK_SECONDS
    return math.pow(share * math.exp(1 - share), 1.2)


def value(seed: int, code: str, at_seconds: float, scenario: Scenario = Scenario.QUIET) -> Decimal | None:
    """The value a monitor would show, in our unit and whole, or none where the sensor reads nothing.

    `at_seconds` counts from the start of monitoring; the dose is given ten minutes in. Raises KeyError for a
    quantity this monitor does not measure.
    """
    who = subject(seed, scenario)
    risen = course(at_seconds - BASELINE_SECONDS)
    systolic = who.systolic_mmhg + who.systolic_rise_mmhg * risen + _drift(seed, "systolic", at_seconds, 2.5)
    diastolic = (
        who.diastolic_mmhg + who.diastolic_rise_mmhg * risen + _drift(seed, "diastolic", at_seconds, 1.8)
    )
    shown = {
        "systolic": systolic,
        "diastolic": diastolic,
        "mean_pressure": diastolic + (systolic - diastolic) / 3,
        "heart_rate": who.heart_rate + HEART_RATE_RISE * risen + _drift(seed, "heart_rate", at_seconds, 3.0),
        "spo2": min(100.0, who.spo2 + _drift(seed, "spo2", at_seconds, 0.5) - _dip(at_seconds, scenario)),
        "respiratory_rate": who.respiratory_rate + _drift(seed, "respiratory_rate", at_seconds, 1.2),
    }[code]
    if scenario is Scenario.PROBE_OFF and code in ("spo2", "heart_rate") and _is_off(at_seconds):
        return None
    return Decimal(str(shown)).quantize(Decimal(1), ROUND_HALF_UP)


def _drift(seed: int, code: str, at_seconds: float, amplitude: float) -> float:
    """A slow wandering of at most the amplitude: three waves whose pace and phase the seed draws."""
    draw = random.Random(f"drift {seed} {code}")
    waves = [(draw.uniform(20, 90), draw.uniform(0, math.tau)) for _ in range(3)]
    return amplitude / 3 * sum(math.sin(at_seconds / pace * math.tau + phase) for pace, phase in waves)


def _dip(at_seconds: float, scenario: Scenario) -> float:
    """The desaturation story: two minutes around minute 25, ten points deep."""
    if scenario is not Scenario.DESATURATION:
        return 0.0
    return 10.0 * math.exp(-(((at_seconds - 25 * 60) / 60) ** 2))


def _is_off(at_seconds: float) -> bool:
    """The loose-probe story: off for forty seconds from minute 15."""
    return 15 * 60 <= at_seconds < 15 * 60 + 40


@dataclass(frozen=True, slots=True)
class Shown:
    """One value on the invented monitor's screen; none means the sensor reads nothing."""

    code: str
    at_seconds: float
    value: Decimal | None


def session(
    seed: int,
    *,
    until_seconds: int,
    interval_seconds: int = 2,
    cuff_interval_seconds: int = 600,
    scenario: Scenario = Scenario.QUIET,
) -> Iterator[Shown]:
    """Everything the monitor shows from the start to `until_seconds`, in order of time."""
    for at in range(until_seconds + 1):
        codes = (CUFF if at % cuff_interval_seconds == 0 else ()) + (
            CONTINUOUS if at % interval_seconds == 0 else ()
        )
        for code in codes:
            yield Shown(code, at, value(seed, code, at, scenario))
