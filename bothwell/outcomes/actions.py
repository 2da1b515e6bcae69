"""Asking a question of the couples' answers, and asking it again. Who may ask, the database decides as well.

Nothing here reads an answer: a job does, in a role of its own, and keeps what may be shown.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from bothwell.couples.models import Person, Role, StaffRole, open_at
from bothwell.later import later
from bothwell.outcomes.asking import Question, problems
from bothwell.outcomes.models import Analysis, AnalysisRun
from bothwell.privacy import audit
from bothwell.refusal import Refused
from bothwell.turns import one_after_another

ASKS: Final = frozenset({Role.LEAD, Role.RESEARCHER})
KIND: Final = "outcomes"
PATIENCE: Final = timedelta(minutes=10)
"""A run that has not ended by then is taken for lost, and may be asked for anew."""


@transaction.atomic
def ask(*, by: Person, question: Question, request_id: UUID) -> Analysis:
    """A question and its first run. The same form sent twice is one question. Raises Refused."""
    _may_ask(by)
    if found := problems(question):
        raise Refused(" ".join(found))
    row = Analysis(id=request_id, clinic_id=by.clinic_id, author=by, question=question.as_plain())
    if (same := Analysis.objects.filter(id=request_id).first()) is not None:
        return same
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        if (
            same := Analysis.objects.filter(id=request_id).first()
        ) is None:  # of a clinic that this one does not see
            raise Refused("Open this page anew and ask once more.") from error
        return same
    _run(by, row, 1)
    return row


@transaction.atomic
def ask_again(*, by: Person, analysis: Analysis) -> AnalysisRun:
    """The same question put to the answers as they are now. While one is under way, that one. Raises Refused."""
    _may_ask(by)
    one_after_another(f"analysis {analysis.id}")
    last = AnalysisRun.objects.filter(analysis=analysis).order_by("-number").first()
    if last is not None and is_under_way(last):
        return last
    return _run(by, analysis, last.number + 1 if last else 1)


def is_under_way(run: AnalysisRun) -> bool:
    """Whether something will still come of it."""
    is_open = run.state in (AnalysisRun.State.WAITING, AnalysisRun.State.RUNNING)
    return is_open and run.recorded_at > timezone.now() - PATIENCE


def was_taken_back(runs: Iterable[UUID]) -> frozenset[UUID]:
    """Those of these runs in which somebody's answers stand whose consent was taken back since."""
    wanted = list(runs)
    if not wanted:
        return frozenset()
    with connection.cursor() as cursor:
        cursor.execute("select r from unnest(%s::uuid[]) r where door.was_taken_back(r)", [wanted])
        return frozenset(run for (run,) in cursor.fetchall())


def _may_ask(by: Person) -> None:
    held = StaffRole.objects.filter(open_at(timezone.now()), person=by, role__in=ASKS)
    if not held.exists():
        raise Refused("Outcomes are for the clinic lead and for researchers.")


def _run(by: Person, analysis: Analysis, number: int) -> AnalysisRun:
    run = AnalysisRun(clinic_id=by.clinic_id, analysis=analysis, number=number, author=by)
    run.save(force_insert=True)
    audit.log("asked for outcomes", by=by, item_kind=KIND, item_id=run.id)
    later("outcomes.reckon", run=run.id)
    return run
