"""The job that reckons outcomes, by the clinic's own worker: it takes the role of research for that, and no other does."""

from types import SimpleNamespace

import pytest
from django.db import ProgrammingError, connection, transaction

from bothwell.instruments.models import Response
from bothwell.jobs import outcomes
from bothwell.models import AuditEntry
from bothwell.outcomes import actions, run_actions
from bothwell.outcomes.models import AnalysisRun
from bothwell.privacy import door
from tests.conftest import loading
from tests.enrolment.committed import as_worker, committing
from tests.outcomes.many_couples import CHANGE, Couple, many

__all__ = ["committing"]


def test_the_worker_reckons_and_keeps_it_and_says_so_in_the_log(committing: None) -> None:
    with transaction.atomic():
        made = many(7)
    with door.opened(made.lead.id):
        run = actions.ask(by=made.lead, question=CHANGE, request_id=Couple().id).runs.get()
    with as_worker():
        outcomes.reckon(SimpleNamespace(job=None), run=str(run.id))  # type: ignore[arg-type]
    with door.opened(made.lead.id):
        kept = AnalysisRun.objects.get(id=run.id)
        assert (kept.state, kept.progress) == ("done", 100)
    with transaction.atomic(), loading():
        assert (
            AuditEntry.objects.filter(service="outcomes", item_id=run.id, subject__isnull=True).count() == 1
        )


def test_the_worker_itself_sees_no_score_and_nothing_is_left_when_the_role_ends(committing: None) -> None:
    with transaction.atomic():
        made = many(6)
    with door.opened(made.lead.id):
        run = actions.ask(by=made.lead, question=CHANGE, request_id=Couple().id).runs.get()
    with as_worker():
        with run_actions.for_research(run.id):
            assert Response.objects.values_list("total").exists()
        for query in ("select total from bothwell_response", "select result from bothwell_analysisrun"):
            with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                connection.cursor().execute(query)
        with connection.cursor() as cursor:
            cursor.execute("select current_user, current_setting('bothwell.run', true)")
            assert cursor.fetchone() == ("bothwell_work", "")


def test_what_goes_wrong_ends_the_run_without_a_word_of_anybodys(
    committing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bothwell.outcomes import analysing

    def broken(*_: object) -> None:
        raise RuntimeError("17 of P3")

    with transaction.atomic():
        made = many(6)
    with door.opened(made.lead.id):
        run = actions.ask(by=made.lead, question=CHANGE, request_id=Couple().id).runs.get()
    monkeypatch.setattr(analysing, "answer", broken)
    for attempts, state in ((0, "running"), (1, "running"), (2, "unfit")):
        job = SimpleNamespace(job=SimpleNamespace(attempts=attempts))
        with as_worker(), pytest.raises(RuntimeError):
            outcomes.reckon(job, run=str(run.id))  # type: ignore[arg-type]
        with door.opened(made.lead.id):
            assert AnalysisRun.objects.get(id=run.id).state == state
    with door.opened(made.lead.id):
        assert AnalysisRun.objects.get(id=run.id).reason == outcomes.LOST
