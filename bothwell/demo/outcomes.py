"""What the invented clinic's lead and researcher have asked of its couples so far, with what really comes of it.

It invents no result: the same code reckons it that the job runs, of the answers in the story, and by the same consents.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings

from bothwell.demo.people import House
from bothwell.demo.sheaf import Sheaf
from bothwell.models import (
    Analysis,
    AnalysisRun,
    AnalysisUse,
    Consent,
    ConsentText,
    Couple,
    Membership,
    Person,
    Response,
)
from bothwell.outcomes import analysing
from bothwell.outcomes.asking import KINDS, Question, Way
from bothwell.outcomes.choosing import Uses, split
from bothwell.outcomes.gathering import Pair, data_hash, gather, placed
from bothwell.outcomes.often import Row, tellings
from bothwell.outcomes.run_actions import SEEN, answers, kinds_of, left_aside_first, why_nobody
from bothwell.outcomes.unfit import Unfit

DEPRESSION, ANXIETY, CONTENT = "phq-9.total", "gad-7.total", "csi-16.total"
ASKED: Final = (
    ("researcher", Question(Way.FIRST, ANXIETY, DEPRESSION, 0, 12), timedelta(days=8)),
    ("researcher", Question(Way.MOMENTS, CONTENT, DEPRESSION, 0, 12), timedelta(days=6)),
    ("lead", Question(Way.CHANGE, CONTENT, DEPRESSION, 0, 8), timedelta(days=3)),
    ("lead", Question(Way.RELIABLE, first_week=0, last_week=16), timedelta(days=1)),
)
"""One of each kind. What needs most of each couple is asked first: a later question has to keep apart from it."""


def ask(sheaf: Sheaf, house: House, zone: ZoneInfo, now: datetime) -> None:
    """The questions so far, where there is somebody whose work it is to ask."""
    if not any("researcher" in one.roles for one in house.staff):
        return
    pairs, rows = _pairs(sheaf, zone), [row for row in sheaf.of(Response) if row.status == "sent"]
    who = {one.id: one for one in sheaf.of(Person)}
    last: dict[str, Uses] = {}
    before: dict[str, list[Uses]] = {}
    told: list[Row] = []
    for number, (role, question, ago) in enumerate(ASKED):
        author = who[sheaf.key("Person", house.with_role(role).key)]
        at = now - ago
        seen = [tuple(getattr(row, name) for name in SEEN) for row in rows if row.kind in set(KINDS)]
        read = (each for each in seen if each[4] < at)
        there = placed(pairs, answers(read, question, zone), question.weeks)
        gathered = gather(question, there, last, before, left_aside_first, tellings(told))
        asked = sheaf.add(Analysis, number, author=author, recorded_at=at, question=question.as_plain())
        common = {
            "analysis": asked,
            "number": 1,
            "author": author,
            "recorded_at": at,
            "done_at": at + timedelta(seconds=4),
        }
        try:
            put = analysing.asked(question, gathered, there, sheaf.draw("outcomes", number))
            result = analysing.answer(put, lambda part: None)
        except Unfit:
            reason = why_nobody(gathered)
            run = sheaf.add(AnalysisRun, number, **common, state="unfit", ended="unfit", reason=reason)
        else:
            run = sheaf.add(
                AnalysisRun, number, **common, state="done", progress=100, result=result,
                data_hash=data_hash(settings.SECRET_KEY, gathered, there), code_version=analysing.code_version(),
            )  # fmt: skip
        for part, chosen in gathered.parts.items():
            sheaf.add(
                AnalysisUse, number, part, run=run, part=part, used=dict(chosen.used), why=chosen.why.value,
                kinds=kinds_of(chosen.used),
            )  # fmt: skip
            told.append((number, part, chosen.used))
            last[part] = chosen.used
            for place, uses in split(chosen.used).items():
                before.setdefault(place, []).append(uses)
        sheaf.log(at, "asked for outcomes", author.id, item_kind="outcomes", item_id=run.id)


def _pairs(sheaf: Sheaf, zone: ZoneInfo) -> list[Pair]:
    """The couples of which both gave their scores to research; none in which somebody works here."""
    texts = {
        text.id for text in sheaf.of(ConsentText) if (text.kind, text.code) == ("research", "deidentified")
    }
    gave = {one.subject_id for one in sheaf.of(Consent) if one.text_id in texts and one.withdrawn_at is None}
    staff = {one.id for one in sheaf.of(Person) if one.kind == "staff"}
    people: dict[UUID, list[UUID]] = {}
    for member in sorted(sheaf.of(Membership), key=lambda one: one.side):
        people.setdefault(member.couple_id, []).append(member.person_id)
    return [
        Pair(
            couple.id,
            (people[couple.id][0], people[couple.id][1]),
            couple.formed_at.astimezone(zone).date(),
            couple.parted_at.astimezone(zone).date() if couple.parted_at else None,
        )
        for couple in sheaf.of(Couple)
        if set(people[couple.id]) <= gave - staff
    ]
