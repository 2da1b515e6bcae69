"""The job's side of a question: read what both of a couple gave to research, choose, reckon, keep what may be shown.

It works in a database role that sees nothing else (`bothwell_research`), for one run, while whoever asked may ask. A job
that comes twice changes nothing.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from bothwell.couples.models import Clinic, Couple, Membership
from bothwell.instruments.models import Response
from bothwell.outcomes.asking import Question, is_main, scores
from bothwell.outcomes.choosing import Chosen, Uses, Why, split
from bothwell.outcomes.gathering import (
    Answer,
    Gathered,
    Pair,
    Placed,
    data_hash,
    gather,
    keyed,
    placed,
    resting,
)
from bothwell.outcomes.models import AnalysisRun, AnalysisUse
from bothwell.outcomes.often import tellings
from bothwell.outcomes.putting import NO_ANSWER, TOO_OFTEN
from bothwell.privacy import audit
from bothwell.turns import one_after_another

CHANGED: Final = "Whose answers may be used changed while this was being reckoned. Ask again."
SEEN = ("id", "subject_id", "instrument", "wave", "sent_at", "total", "scores")
OPEN = (AnalysisRun.State.WAITING, AnalysisRun.State.RUNNING)
End = AnalysisRun.End
TOLD_NOTHING: Final = (End.FEW, End.CHANGED)
"""Ends that no answer had a part in. That a model does not fit, or breaks, tells something of what was put into it."""


@contextmanager
def for_research(run: UUID) -> Iterator[None]:
    """One transaction in the role of research, for this run and no other."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                "select set_config('bothwell.run', %s, true), set_config('role', 'bothwell_research', true)",
                [str(run)],
            )
        try:
            yield
        finally:
            if not connection.needs_rollback:
                with connection.cursor() as cursor:
                    cursor.execute(
                        "select set_config('role', 'none', true), set_config('bothwell.run', '', true)"
                    )


@dataclass(frozen=True)
class Begun:
    """A run with all it may use."""

    run: UUID
    clinic: UUID
    question: Question
    there: dict[UUID, Placed]
    gathered: Gathered
    data_hash: str


def begin(run_id: UUID) -> Begun | None:
    """Take the run up, read and choose; None where it is over, was never there, or is no longer anybody's to ask.

    Results of one clinic are chosen one after another, so that each is held against all before it. What was chosen is
    written down before anything is reckoned: a job that comes twice uses the same.
    """
    with for_research(run_id):
        run = AnalysisRun.objects.select_related("analysis").filter(id=run_id, state__in=OPEN).first()
        if run is None:
            return None
        one_after_another(f"outcomes {run.clinic_id}")
        AnalysisRun.objects.filter(id=run_id, state__in=OPEN).update(
            state=AnalysisRun.State.RUNNING, progress=5
        )
        question = Question.of(run.analysis.question)
        there = _read(run.clinic_id, question)
        gathered = _kept_choice(run_id) or _choose(run, question, there)
        if not _stands(gathered, there):
            _end(run_id, End.CHANGED, CHANGED)
            return None
        used = data_hash(settings.SECRET_KEY, gathered, there)
        AnalysisRun.objects.filter(id=run_id).update(progress=25)
        return Begun(run_id, run.clinic_id, question, there, gathered, used)


def _read(clinic_id: UUID, question: Question) -> dict[UUID, Placed]:
    """Every score that may be used, in its place; three statements."""
    zone = ZoneInfo(Clinic.objects.values_list("timezone", flat=True).get(id=clinic_id))
    couples = {
        key: (formed.astimezone(zone).date(), parted.astimezone(zone).date() if parted else None)
        for key, formed, parted in Couple.objects.values_list("id", "formed_at", "parted_at")
    }
    people: dict[UUID, list[UUID]] = defaultdict(list)
    for couple, person in Membership.objects.order_by("side").values_list("couple_id", "person_id"):
        people[couple].append(person)
    pairs = [
        Pair(key, (who[0], who[1]), *couples[key])
        for key, who in people.items()
        if len(who) == 2 and key in couples
    ]
    wanted = {scores()[key].instrument for key in question.keys}
    rows = Response.objects.filter(instrument__in=wanted).order_by("id").values_list(*SEEN)
    return placed(pairs, answers(rows, question, zone), question.weeks)


def answers(rows: Iterable[tuple[Any, ...]], question: Question, zone: ZoneInfo) -> Iterator[Answer]:
    """The scores a question reads, of sent questionnaires given as `SEEN`."""
    wanted = [scores()[key] for key in question.keys]
    for key, person, instrument, wave, sent_at, total, stored in rows:
        for score in wanted:
            value = _value(score.scale.id, is_main(score), total, stored or {})
            if score.instrument == instrument and value is not None:
                on = sent_at.astimezone(zone).date()
                yield Answer(_named(key, score.key), person, score.key, wave, on, value)


def _named(response: UUID, score: str) -> UUID:
    """The key of one score of one sent questionnaire: two scores of one are two answers.

    It rests on no secret: after a change of the secret, results must still be held against those before.
    """
    return uuid5(response, score)


def _value(
    scale: str, is_main: bool, total: Decimal | None, stored: Mapping[str, str | None]
) -> Decimal | None:
    if scale in stored:
        return None if stored[scale] is None else Decimal(str(stored[scale]))
    return total if is_main else None


def _kept_choice(run_id: UUID) -> Gathered | None:
    """What this run chose when the job first came; None if it never did."""
    rows = list(AnalysisUse.objects.filter(run_id=run_id))
    return Gathered({row.part: Chosen(row.used, Why(row.why)) for row in rows}) if rows else None


def _stands(gathered: Gathered, there: Mapping[UUID, Placed]) -> bool:
    return all(key in there for part in gathered.parts for key in gathered.of(part))


def _choose(run: AnalysisRun, question: Question, there: Mapping[UUID, Placed]) -> Gathered:
    """Held against every earlier result of the clinic; written down at once."""
    last: dict[str, Uses] = {}
    before: dict[str, list[Uses]] = defaultdict(list)
    shown = AnalysisUse.objects.exclude(run__ended__in=TOLD_NOTHING).order_by("id")
    rows = list(shown.values_list("run_id", "part", "used"))
    for _, part, used in rows:
        last[part] = used
        for place, uses in split(used).items():
            if uses not in before[place]:
                before[place].append(uses)
    gathered = gather(question, there, last, before, left_aside_first, tellings(rows))
    AnalysisUse.objects.bulk_create(
        AnalysisUse(
            clinic_id=run.clinic_id,
            run=run,
            part=part,
            used=chosen.used,
            kinds=kinds_of(chosen.used),
            why=chosen.why.value,
        )
        for part, chosen in gathered.parts.items()
    )
    return gathered


def kinds_of(used: Uses) -> str:
    """Of which kinds the scores are that entered, spaces between: by kind, a consent is given and taken back."""
    return " ".join(sorted({scores()[place.partition("@")[0]].kind.value for place in split(used)}))


def left_aside_first(couple: str) -> str:
    """In which order couples are left aside: always the same, and nobody's guess."""
    return keyed(settings.SECRET_KEY, "aside", couple)


def tell_progress(run_id: UUID, progress: int) -> None:
    """How far it is, of a hundred."""
    with for_research(run_id):
        AnalysisRun.objects.filter(id=run_id, state=AnalysisRun.State.RUNNING, progress__lt=progress).update(
            progress=progress
        )


def keep(begun: Begun, result: Mapping[str, Any], code_version: str) -> None:
    """Keep what may be shown, once; nothing, where somebody has taken back meanwhile what it rests on."""
    with for_research(begun.run):
        if not AnalysisRun.objects.filter(id=begun.run, state=AnalysisRun.State.RUNNING).exists():
            return
        if not _stands(begun.gathered, _read(begun.clinic, begun.question)):
            _end(begun.run, End.CHANGED, CHANGED)
            return
        audit.log_service("outcomes", "reckoned outcomes", clinic=begun.clinic, item_id=begun.run)
        AnalysisRun.objects.filter(id=begun.run, state=AnalysisRun.State.RUNNING).update(
            state=AnalysisRun.State.DONE,
            progress=100,
            done_at=timezone.now(),
            result=dict(result),
            data_hash=begun.data_hash,
            code_version=code_version,
        )


def cannot_answer(begun: Begun) -> None:
    """Keep that what was asked cannot be answered: always in the same sentence, for a reason tells of the answers."""
    with for_research(begun.run):
        if _has_anybody(begun):
            _end(begun.run, End.UNFIT, NO_ANSWER)
        else:
            _end(begun.run, End.FEW, why_nobody(begun.gathered))


def why_nobody(gathered: Gathered) -> str:
    """The sentence where nobody entered the estimates: known before any answer was read."""
    is_too_often = any(chosen.why is Why.OFTEN for chosen in gathered.parts.values())
    return TOO_OFTEN if is_too_often else NO_ANSWER


def give_up(run_id: UUID, reason: str) -> None:
    """Keep that it broke, in one sentence."""
    with for_research(run_id):
        _end(run_id, End.LOST, reason)


def _has_anybody(begun: Begun) -> bool:
    """Whether anybody's answer went into the estimates; if not, that there are none rests on who answered alone."""
    parts = {part for week in begun.question.weeks for part in resting(begun.question, week)}
    return any(begun.gathered.of(part) for part in parts)


def _end(run_id: UUID, why: AnalysisRun.End, reason: str) -> None:
    AnalysisRun.objects.filter(id=run_id, state__in=OPEN).update(
        state=AnalysisRun.State.UNFIT, ended=why, reason=reason[:300], done_at=timezone.now()
    )


def fresh_numbers() -> random.Random:
    """Chance that nobody can repeat: couples are numbered anew in every run."""
    return random.SystemRandom()
