"""How many answered questionnaires are scored a second: whole scores, with bands, flags and published patterns.

`python -m benchmarks.scoring` scores invented answers to every instrument with words, the PHQ-9 first, and beside
it evaluates the exported FHIRPath expression of the PHQ-9 total in the same run. It prints; it asserts nothing.
"""

import json
import random
import time
from collections.abc import Callable
from typing import Any

import fhirpathpy

from bothwell.instruments.catalogue import all_instruments, load
from bothwell.instruments.fhir_forms import answers_to_fhir, calculated_expression
from bothwell.instruments.instrument import Instrument
from bothwell.instruments.scoring import score

SEED = 20261122
RESPONSES = 2_000
SECONDS = 1.0


def answers(instrument: Instrument, draw: random.Random) -> dict[str, str | None]:
    """Any answer to each choice, the middle of each line."""
    return {
        item.link_id: draw.choice(item.options).code if item.options else str(int(item.highest or 1) // 2)
        for item in instrument.items
        if item.options or item.highest is not None
    }


def a_second(work: Callable[[Any], object], things: list[Any]) -> float:
    """How many of `things` are worked off a second, going round for at least SECONDS."""
    done, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < SECONDS:
        for thing in things:
            work(thing)
        done += len(things)
    return done / took


def main() -> None:
    """Print a line an instrument, and the ratio to the expression engine."""
    draw = random.Random(SEED)
    phq9 = load("phq-9")
    given = [answers(phq9, draw) for _ in range(RESPONSES)]
    native = a_second(lambda each: score(phq9, each), given)
    expression = calculated_expression(phq9, phq9.measure)
    assert expression is not None
    compiled = fhirpathpy.compile(expression)
    # The engine takes JSON as it is parsed; the responses are made outside the clock.
    forms = [json.loads(json.dumps(answers_to_fhir(phq9, each), default=float)) for each in given[:100]]
    engine = a_second(lambda form: compiled(form, {"resource": form}), forms)
    print(f"phq-9, whole score         {native:>10,.0f} a second")
    print(f"phq-9, FHIRPath total only {engine:>10,.0f} a second ({native / engine:,.0f} times slower)")
    for instrument in all_instruments():
        if instrument.can_be_asked and instrument.scales and instrument.id != "phq-9":
            some = [answers(instrument, draw) for _ in range(200)]
            rate = a_second(lambda each, of=instrument: score(of, each), some)  # type: ignore[misc]
            print(f"{instrument.id:<26} {rate:>10,.0f} a second, {len(instrument.items)} items")


if __name__ == "__main__":
    main()
