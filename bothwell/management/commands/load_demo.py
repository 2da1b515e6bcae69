"""Fills an empty demonstration database with two invented clinics, and says who may log in as whom.

It refuses outside the demonstration: its passwords are public. Called again, it changes nothing and says so.
"""

import time
from argparse import ArgumentParser
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from bothwell.demo.load import invitations, load, zone_here
from bothwell.demo.people import SEED


class Command(BaseCommand):
    help = "Load the demonstration's two invented clinics, once."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seed", type=int, default=SEED, help="another story of the same people")
        parser.add_argument("--timezone", type=ZoneInfo, default=None, help="default: that of this machine")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError(
                "Only a demonstration is filled with invented people. Start it with: make demo"
            )
        begun = time.monotonic()
        loaded = load(
            timezone.now(), options["timezone"] or zone_here(), settings.SECRET_KEY, seed=options["seed"]
        )
        if loaded is None:
            self.stdout.write("The demonstration is loaded already; nothing was changed.")
            return
        for name, count in loaded.items():
            self.stdout.write(f"{name}: {count:,} records")
        self.stdout.write(f"Loaded in {time.monotonic() - begun:.0f} s.")
        for name, token in invitations(settings.SECRET_KEY, seed=options["seed"]):
            self.stdout.write(
                f"An open invitation, for {name}: {settings.SITE_ADDRESS.rstrip('/')}/invitation/{token}"
            )
