"""Walks every clinic's chain of audit entries and says where it does not hold; changes nothing, prints no content.

    bothwell verify-audit
    bothwell verify-audit --expect 01920000-…=1204:9f2c…      # the head as it was written down on another day

A chain shows what was changed, removed or re-ordered inside it. That its end was cut off shows only against a head
(number and hash) that was written down elsewhere: note the line this prints, on paper or in another system.
"""

import re
from argparse import ArgumentTypeError
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction

from bothwell.privacy.audit import Fault, verify
from bothwell.privacy.models import AuditEntry, AuditLink

AT_ONCE = 2000
"""Rows kept in memory while a chain is walked."""

MOST_SHOWN = 50


class Head(NamedTuple):
    """Where a clinic's chain ended on the day it was written down."""

    clinic: UUID
    number: int
    hash: str


def head(text: str) -> Head:
    """CLINIC=NUMBER:HASH, as the command prints it."""
    found = re.fullmatch(r"([0-9a-fA-F-]{36})=([0-9]+):([0-9a-f]{64})", text)
    if not found:
        raise ArgumentTypeError("write it as CLINIC=NUMBER:HASH, as the command prints it")
    return Head(UUID(found[1]), int(found[2]), found[3])


class Command(BaseCommand):
    """Exit code 0: every chain holds. 1: it does not; each fault is a line."""

    help = "Check the chain of audit entries of every clinic."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--expect",
            action="append",
            default=[],
            type=head,
            metavar="CLINIC=NUMBER:HASH",
            help="the head of a clinic's chain as written down before; may be given more than once",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        expected: list[Head] = options["expect"]
        wrong = 0
        with transaction.atomic(), connection.cursor() as cursor:
            # The owner sees no row by itself; the role that owns the policies' functions may read the log.
            cursor.execute("select set_config('role', 'bothwell_rules', true)")
            clinics = sorted({clinic for (clinic,) in _clinics(cursor)} | {each.clinic for each in expected})
            for clinic in clinics:
                wrong += self._clinic(clinic, [each for each in expected if each.clinic == clinic])
            cursor.execute("select set_config('role', 'none', true)")
        if wrong:
            raise CommandError(f"The audit chain does not hold: {wrong} faults.", returncode=1)

    def _clinic(self, clinic: UUID, expected: list[Head]) -> int:
        walk = Walk(clinic, {each.number: each.hash for each in expected})
        faults = 0
        for fault in walk.faults():
            faults += 1
            if faults <= MOST_SHOWN:
                where = f"link {fault.number}" if fault.number else "no link"
                self.stdout.write(f"  {clinic} {where}: {fault.what}")
        self.stdout.write(f"{clinic}={walk.number}:{walk.hash or '-'} {walk.number} links, {faults} faults")
        return faults


class Walk:
    """One clinic's chain, read in pieces. Afterwards `number` and `hash` are its head."""

    def __init__(self, clinic: UUID, expected: dict[int, str]) -> None:
        self.clinic, self.expected = clinic, expected
        self.number, self.hash = 0, ""

    def faults(self) -> Iterator[Fault]:
        """What does not hold: inside the chain, against the heads written down, and entries without a link."""
        yield from verify(self._pairs())
        for number, known in self.expected.items():
            if number > self.number:
                yield Fault(self.clinic, number, "was written down as the end, and is gone")
            elif known != "met":
                yield Fault(self.clinic, number, "is not the link that was written down")
        unlinked = AuditEntry.objects.filter(clinic_id=self.clinic, link__isnull=True).values_list(
            "id", flat=True
        )
        for entry in unlinked.iterator(AT_ONCE):
            yield Fault(self.clinic, 0, f"entry {entry} has no link")

    def _pairs(self) -> Iterator[tuple[AuditLink, AuditEntry | None]]:
        links = AuditLink.objects.filter(clinic_id=self.clinic).order_by("number").iterator(AT_ONCE)
        while some := list(islice(links, AT_ONCE)):
            entries = AuditEntry.objects.in_bulk([link.entry_id for link in some])
            for link in some:
                self.number, self.hash = link.number, link.hash
                if self.expected.get(link.number) == link.hash:
                    self.expected[link.number] = "met"
                yield link, entries.get(link.entry_id)


def _clinics(cursor: Any) -> list[tuple[UUID]]:
    cursor.execute(
        "select distinct clinic_id from bothwell_auditentry union select distinct clinic_id from bothwell_auditlink"
    )
    return list(cursor.fetchall())
