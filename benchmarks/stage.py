"""A clinic that never was, on a database that really waits for the disk: what the measurements stand on."""

import os
import statistics
from collections.abc import Sequence
from functools import partial

from bothwell.running import postgres

# The tests' server gives up safety for speed; a measurement of safety must not.
postgres.temporary_cluster = partial(postgres.temporary_cluster, fast=False)  # type: ignore[assignment]
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django  # noqa: E402 - the server must be there before settings are read

django.setup()

from django.core.management import call_command  # noqa: E402

from tests.conftest import LOGINS  # noqa: E402
from tests.room import Bedside, open_bedside  # noqa: E402

__all__ = ["LOGINS", "environment", "percentile", "prepare", "row"]


def prepare(rooms: int) -> list[Bedside]:
    """Tables, policies, and so many rooms with an open session and a monitor each."""
    call_command("migrate", verbosity=0)
    return [open_bedside() for _ in range(rooms)]


def environment(role: str, dsn: str) -> dict[str, str]:
    """What a process of Bothwell is told."""
    told = {"DJANGO_SETTINGS_MODULE": "bothwell.settings", "BOTHWELL_AS": role, "BOTHWELL_DSN": dsn}
    return os.environ | told


def percentile(values: Sequence[float], hundredth: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[hundredth - 1]


def row(what: str, seconds: Sequence[float], per_second: float | None = None) -> str:
    """One line of a report, in milliseconds."""
    rate = f"{per_second:9.0f}/s" if per_second is not None else " " * 11
    p50, p99, worst = percentile(seconds, 50), percentile(seconds, 99), max(seconds)
    return f"{what:<58}{rate}   p50 {p50 * 1e3:7.2f}   p99 {p99 * 1e3:7.2f}   max {worst * 1e3:7.2f} ms"
