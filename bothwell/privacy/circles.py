"""Who may see what, and who may write it: the table.

Pure. `rule.py` answers from it whether somebody may see or write one thing; the SQL in `policies.sql` says the same in
its own words, and a test that draws worlds demands that the two agree. `docs/privacy.md` is the same table for people,
asserted equal as well.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Relation(StrEnum):
    """What a viewer is to the subject of an item, at this moment."""

    SELF = "self"
    PARTNER = "partner"
    EX_PARTNER = "ex_partner"
    PRESCRIBER = "prescriber"
    NURSE = "nurse"
    INDIVIDUAL_THERAPIST = "individual_therapist"
    COUPLES_THERAPIST = "couples_therapist"
    LEAD = "lead"
    SAFETY = "safety"
    COORDINATOR = "coordinator"
    RESEARCHER = "researcher"


COLUMNS: Final = tuple(Relation)

# Cells.  Y sees · G only by the subject's grant · R:class only under that signed, current release
# B by break-glass · D on a day with a dosing session · L while a call after a session is still to be made
# A what they wrote themselves · C what they had opened before they parted, and their own · - never
_READS: Final = """
kind                 self partner ex prescriber            nurse individual              couples                 lead safety coord study
person.name          Y    Y       Y  Y                     Y     Y                       Y                       Y    Y      Y     -
person.contact       Y    -       -  Y                     Y     Y                       Y                       Y    Y      Y     -
care_team            Y    -       -  Y                     Y     Y                       Y                       Y    Y      Y     -
care_team.sealed     -    -       -  -                     -     -                       -                       Y    Y      -     -
medical              Y    -       -  Y                     Y     R:medical_summary       R:medical_summary       B    -      -     -
preparation          Y    -       -  Y                     Y     Y                       R:medical_summary       B    -      -     -
dosing.time          Y    G       -  Y                     Y     Y                       R:dosing_summary        Y    -      Y     -
dosing.busy          Y    Y       -  Y                     Y     Y                       Y                       Y    -      Y     -
dosing.flowsheet     Y    -       -  Y                     Y     R:dosing_summary        -                       B    -      -     -
dosing.summary       Y    G       -  Y                     Y     Y                       R:dosing_summary        B    -      -     -
measure.individual   Y    G       -  Y                     -     Y                       R:individual_scores     B    -      -     -
measure.predose      Y    G       -  Y                     Y     Y                       R:individual_scores     B    -      -     -
measure.relationship Y    G       -  R:relationship_scores -     R:relationship_scores   R:relationship_scores   B    -      -     -
screen.suicide       Y    -       -  Y                     D     Y                       R:suicide_reason,B      B    -      -     -
call.thoughts        Y    -       -  Y                     L,A   Y                       -                       B    -      -     -
suicide.flag         -    -       -  Y                     D     Y                       R:suicide_reason,B      B    -      -     -
screen.violence      -    -       -  -                     -     -                       -                       -    Y      -     -
draft                Y    -       -  -                     -     -                       -                       -    -      -     -
suicide.escalated    -    -       -  Y                     D     Y                       -                       Y    -      -     -
insight              Y    G       -  -                     -     G                       G                       -    -      -     -
decision             Y    -       -  Y                     Y     Y                       Y                       Y    -      -     -
decision.status      Y    G       -  Y                     Y     Y                       Y                       Y    -      -     -
pathway              Y    -       -  Y                     Y     Y                       Y                       Y    -      -     -
care_plan            Y    -       -  Y                     Y     Y                       R:medical_summary       B    -      -     -
consent              Y    -       -  Y                     Y     Y                       -                       Y    -      -     -
consent.couples      Y    -       -  Y                     Y     Y                       Y                       Y    -      -     -
shelter              -    -       -  -                     -     -                       -                       -    Y      -     -
close_to             -    -       -  -                     -     -                       -                       Y    -      Y     -
appointment          Y    -       -  Y                     Y     Y                       -                       Y    -      Y     -
message.care         Y    -       -  Y                     Y     Y                       -                       -    -      -     -
message.therapist    Y    -       -  -                     -     Y                       -                       -    -      -     -
message.alone        Y    -       -  -                     -     -                       Y                       -    -      -     -
record.request       Y    -       -  -                     -     -                       -                       Y    -      Y     -
disclosed            Y    -       -  Y                     -     -                       -                       Y    -      -     -
legal.hold           -    -       -  -                     -     -                       -                       Y    -      Y     -
parting.asked        Y    -       -  -                     -     -                       Y                       Y    -      Y     -
cycle.node           Y    -       -  -                     -     -                       Y                       -    -      -     -
access               Y    -       -  -                     -     -                       -                       Y    -      -     -
access.couple        Y    -       -  -                     -     -                       -                       Y    -      -     -
access.sealed        -    -       -  -                     -     -                       -                       -    Y      -     -
break_glass          -    -       -  -                     -     -                       -                       Y    -      -     -
couple.link          Y    Y       Y  Y                     Y     Y                       Y                       Y    Y      Y     -
couple.shared        Y    Y       C  -                     -     R:couple_work           Y                       B    -      -     -
couple.progress      -    -       -  -                     -     -                       Y                       B    -      -     -
couple.alone         -    -       -  -                     -     -                       Y                       B    -      -     -
couple.request       Y    Y       Y  -                     -     -                       -                       Y    -      Y     -
message.couple       Y    Y       C  -                     -     -                       Y                       -    -      -     -
couple.hold          -    -       -  -                     -     -                       Y                       -    Y      -     -
disclosure           Y    Y       Y  Y                     -     Y                       Y                       Y    -      -     -
note.draft           -    -       -  -                     -     -                       -                       -    -      -     -
process_note         -    -       -  -                     -     -                       -                       -    -      -     -
vials                -    -       -  Y                     Y     -                       -                       Y    -      -     -
vials.use            -    -       -  Y                     Y     -                       -                       Y    -      -     -
outcomes             -    -       -  -                     -     -                       -                       Y    -      -     Y
"""

# Who may add a row of a kind. Everyone writes in their own name; the database checks that too.
_WRITES: Final = """
kind                 who
person.name          self lead coordinator
person.contact       self lead coordinator
invitation           lead coordinator
care_team            lead coordinator
care_team.sealed     lead
medical              prescriber nurse
preparation          self prescriber nurse individual_therapist
order                prescriber
dosing.time          prescriber nurse coordinator
dosing.flowsheet     prescriber nurse
dosing.summary       prescriber nurse individual_therapist
measure              self
measure.entered      prescriber nurse individual_therapist couples_therapist
violence.entered     safety
request              prescriber individual_therapist couples_therapist coordinator
suicide.flag         self prescriber nurse individual_therapist couples_therapist
suicide.acknowledged prescriber nurse individual_therapist
suicide.closed       prescriber individual_therapist
insight              self
decision             prescriber couples_therapist
decision.signature   self prescriber couples_therapist
pathway              self prescriber nurse individual_therapist couples_therapist lead coordinator
care_plan            self prescriber nurse individual_therapist
hold.reason          prescriber nurse individual_therapist couples_therapist lead
consent              self
consent.reaffirmed   self prescriber nurse
grant                self
shelter              self safety
shelter.ended        safety
close_to             lead coordinator
appointment          prescriber nurse individual_therapist lead coordinator
message.care         self prescriber nurse individual_therapist
message.therapist    self individual_therapist
message.alone        self couples_therapist
record.request       self lead coordinator
record.answered      lead coordinator
disclosed            self lead
legal.hold           lead
parting.asked        self
parting.answered     couples_therapist lead coordinator
cycle.node           couples_therapist
couple.link          lead coordinator
couple.parting       couples_therapist lead coordinator
couple.shared        couples_therapist
couple.doing         self partner couples_therapist
couple.aside         self partner
couple.progress      couples_therapist
couple.alone         couples_therapist
couple.request       self partner ex_partner lead coordinator
couple.signed        self partner ex_partner
message.couple       self partner couples_therapist
couple.hold          self safety
couple.hold.lifted   safety
disclosure           couples_therapist
disclosure.signature self partner
note.draft           couples_therapist
process_note         couples_therapist individual_therapist
break_glass          lead couples_therapist
vials                prescriber nurse lead
vials.use            prescriber nurse
outcomes             lead researcher
"""


READS: Final[Mapping[str, Mapping[Relation, tuple[str, ...]]]] = {
    kind: {
        relation: () if cell == "-" else tuple(cell.split(","))
        for relation, cell in zip(COLUMNS, cells, strict=True)
    }
    for kind, *cells in map(str.split, _READS.strip().splitlines()[1:])
}
"""kind -> relation -> the ways that relation may see items of that kind."""

WRITES: Final[Mapping[str, frozenset[Relation]]] = {
    kind: frozenset(map(Relation, who)) for kind, *who in map(str.split, _WRITES.strip().splitlines()[1:])
}
"""kind -> who may add a row of that kind."""

COUPLE_KINDS: Final = frozenset(
    {
        "access.couple",
        "couple.alone",
        "couple.hold",
        "couple.link",
        "couple.progress",
        "couple.request",
        "couple.shared",
        "disclosure",
        "message.couple",
    }
)
"""Kinds that are about a couple; all others are about one person."""

FROZEN_BY_PARTING: Final = frozenset(
    {
        "couple.alone",
        "message.couple",
        "couple.parting",
        "couple.shared",
        "couple.doing",
        "couple.aside",
        "couple.progress",
        "couple.hold",
        "disclosure",
        "disclosure.signature",
    }
)
"""Kinds that take no new row, and no change, once a couple has parted."""

AUTHORS_OWN: Final = frozenset({"process_note", "note.draft", "break_glass"})
"""Kinds that stay visible to whoever wrote them."""

CLINIC_WIDE: Final = frozenset({Relation.LEAD, Relation.COORDINATOR})
"""Roles that are towards everyone in care in the clinic, without a place on a care team."""

STOCK: Final = frozenset({"vials", "outcomes"})
"""Kinds about nobody, opened by what a member of staff is in the clinic, whoever is in their care."""

NEEDS_BOTH_RELEASES: Final = frozenset({"couple.shared"})
"""What two people made together is released only by both (AAMFT code of ethics, 2.2)."""

SHELTERED: Final = frozenset({"access", "couple.request", "couple.shared", "message.couple"})
"""Kinds of which a partner, present or past, never finds what was added under shelter; of a log, their own."""

GOES_ON_CHANGING: Final = frozenset({"decision.status", "dosing.time"})
"""Kinds of gifts that tell more tomorrow than they told when they were opened: a shelter ends them."""

WITHIN_A_COUPLE: Final = frozenset({"cycle.node", "message.alone", "parting.answered", "parting.asked"})
"""Kinds about one person, said or shown within one couple's work: of the staff only that couple's see them."""

SINCE_THE_TWO_BEGAN: Final = frozenset({"measure.relationship"})
"""Kinds about one person of which a couples therapist sees nothing older than the couple: it would be about others."""
