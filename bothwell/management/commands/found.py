"""Begins a clinic on an empty database and prints the link with which its lead sets up a login.

It never touches a clinic that is set up, and prints nothing once the lead has a login.
"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection, transaction

from bothwell.couples.models import Clinic
from bothwell.enrolment.clinic_actions import found, found_again
from bothwell.enrolment.invitation_actions import address_of
from bothwell.enrolment.naming import FOUNDERS_NAME
from bothwell.privacy.models import Invitation

TURN = 7406
"""Any number will do, so long as every Bothwell uses the same: two that start at once take turns."""


class Command(BaseCommand):
    help = "Begin the clinic, if there is none yet, and print the link for its lead."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--clinic", default="Our clinic", help="its name; can be changed when setting up")
        parser.add_argument("--lead", default=FOUNDERS_NAME, help="the name the lead uses")

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(%s)", [TURN])
            # The loader sees only clinics not yet set up; whether there is any at all, the rules know.
            cursor.execute("set local role bothwell_rules")
            cursor.execute("select exists (select 1 from bothwell_clinic)")
            (is_begun,) = cursor.fetchone()
            cursor.execute("set local role bothwell_loader")
            invitation = (
                self._again()
                if is_begun
                else found(clinic_name=options["clinic"], lead_name=options["lead"])[1]
            )
        if invitation:
            self.stdout.write("Open this link to set up the clinic lead's login; it works once, for 7 days:")
            self.stdout.write(address_of(invitation))

    def _again(self) -> Invitation | None:
        clinic = Clinic.objects.filter(is_demo=False, set_up_at__isnull=True).first()
        return found_again(clinic) if clinic else None
