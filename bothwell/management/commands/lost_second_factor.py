"""Lets somebody back in who lost the device of their second factor and their recovery codes; touches no password.

    bothwell lost-second-factor luis@clinic.example

The factors go, whoever is logged in with them is logged out, and the next login asks for a new one. It stands in the
clinic's log. Whoever holds this machine must know by other means that it is really they who ask: nothing here can.
"""

from typing import Any
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction
from django.utils import timezone

from bothwell.privacy import audit


class Command(BaseCommand):
    help = "Take away a lost second factor, so that the next login asks for a new one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="the address they log in with")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        found = _whose(options["email"].strip())
        if found is None:
            raise CommandError("Nobody logs in with this address. Ask them which one they use.")
        login, person, clinic = found
        if not Authenticator.objects.filter(user_id=login).delete()[0]:
            raise CommandError("They have no second factor: the next login asks for a new one already.")
        _log_out(login)
        audit.log_service("command line", "took away a lost second factor", clinic=clinic, subject=person)
        self.stdout.write(
            "Done. They log in with their password and are asked for a new second factor at once."
        )


def _whose(address: str) -> tuple[UUID, UUID, UUID] | None:
    """The login, the person and the clinic of an address; the owner of the tables alone does not see them."""
    with connection.cursor() as cursor:
        cursor.execute("set local role bothwell_rules")
        cursor.execute(
            "select u.id, u.person_id, p.clinic_id from bothwell_user u join bothwell_person p on p.id = u.person_id"
            " where lower(u.email) = lower(%s)",
            [address],
        )
        found: tuple[UUID, UUID, UUID] | None = cursor.fetchone()
        cursor.execute("reset role")
    return found


def _log_out(login: UUID) -> None:
    """End every session of this login; each holds in its own words whose it is."""
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        if session.get_decoded().get(SESSION_KEY) == str(login):
            session.delete()
