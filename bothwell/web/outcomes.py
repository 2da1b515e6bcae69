"""Outcomes: do people and couples get better here, and does one's gain go with the other's?

For the clinic lead and for researchers. It shows what a job kept, five couples or more in everything; it reads no
answer, and reckons nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.db.models import Min
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bothwell.couples.models import Person, Role
from bothwell.outcomes import actions, asking
from bothwell.outcomes.asking import Question, Way
from bothwell.outcomes.caution import FEW_COUPLES
from bothwell.outcomes.choosing import Why
from bothwell.outcomes.coarse import NO_P
from bothwell.outcomes.funnel import Stage, funnel
from bothwell.outcomes.models import Analysis, AnalysisRun
from bothwell.outcomes.rerun import Kept, difference
from bothwell.outcomes.sentences import CAUTION, WHY, number
from bothwell.pathway.models import Course, Step
from bothwell.pathway.steps import Phase
from bothwell.privacy import audit
from bothwell.refusal import Refused
from bothwell.web import outcomes_ahead, outcomes_files, outcomes_gains, outcomes_shapes
from bothwell.web.asking import by_script, require
from bothwell.web.nav import roles_of

SHOWN: Final = 20
KIND: Final = actions.KIND
USUAL_LAST: Final = 16
WAYS: Final = tuple((way.value, words) for way, words in asking.WAYS.items())


def asker(request: HttpRequest) -> Person:
    """The lead or researcher looking, or 404."""
    return require(request, Role.LEAD, Role.RESEARCHER)


class AskForm(forms.Form):
    """The sentence with its gaps."""

    request_id = forms.UUIDField(widget=forms.HiddenInput)
    way = forms.ChoiceField(label="How they are set beside each other", required=False)
    predictor = forms.ChoiceField(label="What changes in one partner", required=False)
    outcome = forms.ChoiceField(label="What goes with it in the other", required=False)
    first_week = forms.TypedChoiceField(label="From", coerce=int)
    last_week = forms.TypedChoiceField(label="To", coerce=int)

    def __init__(self, data: Any = None) -> None:
        initial = {
            "request_id": uuid4(), "way": Way.CHANGE.value, "predictor": "phq-9.total", "outcome": "csi-16.total",
            "first_week": 0, "last_week": USUAL_LAST,
        }  # fmt: skip
        super().__init__(data, initial=initial)
        named = [(score.key, score.title) for score in asking.scores().values()]
        weeks = [(week, asking.week_words(week)) for week in asking.WEEKS]
        for field in ("predictor", "outcome"):
            self.fields[field].choices = named  # type: ignore[attr-defined]
        for field in ("first_week", "last_week"):
            self.fields[field].choices = weeks  # type: ignore[attr-defined]
        ways = [*WAYS, (Way.RELIABLE.value, "every score by itself")]
        self.fields["way"].choices = ways  # type: ignore[attr-defined]

    def question(self) -> Question:
        """What was asked."""
        said = self.cleaned_data
        way = Way(said["way"] or Way.CHANGE)
        is_of_all = way is Way.RELIABLE
        return Question(
            way,
            "" if is_of_all else said["outcome"],
            "" if is_of_all else said["predictor"],
            said["first_week"],
            said["last_week"],
        )


# ── all of it ────────────────────────────────────────────────────────────────────────────────────


@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """What was asked so far, the sentence that asks anew, and for the lead how people come through care."""
    by = asker(request)
    form = AskForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.ask(by=by, question=form.question(), request_id=form.cleaned_data["request_id"])
        except Refused as no:
            form.add_error(None, no.reason)
        else:
            return redirect("outcome", analysis_id=made.id)
    is_lead = Role.LEAD in roles_of(by)
    context = {
        "form": form,
        "ways": WAYS,
        "way": _way(form),
        "asked": _asked_so_far(),
        "weeks": [(week, asking.week_words(week)) for week in asking.WEEKS],
        "stages": _stages() if is_lead else (),
        "is_lead": is_lead,
        "counting_id": uuid4(),
        "usual_last": USUAL_LAST,
    }
    audit.log("viewed", by=by, item_kind=KIND)
    return render(request, "outcomes/page.html", context, status=422 if form.errors else 200)


def _way(form: AskForm) -> str:
    """Which of the ways to set two scores beside each other is chosen as yet."""
    said = str(form["way"].value())
    return said if said in dict(WAYS) else Way.CHANGE.value


def _asked_so_far() -> list[dict[str, Any]]:
    """The latest questions, each with its last run, in two statements."""
    rows = list(Analysis.objects.select_related("author").order_by("-recorded_at")[:SHOWN])
    last: dict[UUID, AnalysisRun] = {}
    for run in AnalysisRun.objects.filter(analysis__in=rows).defer("result").order_by("number"):
        last[run.analysis_id] = run
    return [
        {"row": row, "words": asking.words(Question.of(row.question)), "run": last.get(row.id)}
        for row in rows
    ]


def _stages() -> tuple[Stage, ...]:
    """The steps of everybody whose care the viewer may see; two statements."""
    reached: dict[UUID, dict[Phase, datetime]] = defaultdict(dict)
    begun = Course.objects.values_list("subject_id").annotate(Min("recorded_at"))
    for person, at in begun:
        reached[person][Phase.REFERRAL] = at
    steps = Step.objects.values_list("subject_id", "to_phase").annotate(Min("recorded_at"))
    for person, phase, at in steps:
        reached[person].setdefault(Phase(phase), at)
    return funnel(reached)


# ── one question ─────────────────────────────────────────────────────────────────────────────────


@require_GET
def one(request: HttpRequest, analysis_id: UUID) -> HttpResponse:
    """The question, its last run or the one asked for, and what is different from the run before."""
    by = asker(request)
    row, runs = _runs(analysis_id)
    run = _chosen(runs, request.GET.get("run", ""))
    context = _shown(row, run) | {"runs": runs, "again": not any(map(actions.is_under_way, runs))}
    context |= _beside(run, runs)
    is_part = by_script(request)
    # A page that waits shows nothing yet, and fetches its part every two seconds until there is something to be seen.
    if not context["under_way"]:
        audit.log("viewed", by=by, item_kind=KIND, item_id=row.id)
    return render(request, "outcomes/one.html#result" if is_part else "outcomes/one.html", context)


def _runs(analysis_id: UUID) -> tuple[Analysis, list[AnalysisRun]]:
    row = get_object_or_404(Analysis.objects.select_related("author"), id=analysis_id)
    return row, list(AnalysisRun.objects.filter(analysis=row).select_related("author").order_by("-number"))


def _chosen(runs: Sequence[AnalysisRun], number: str) -> AnalysisRun:
    found = next((run for run in runs if str(run.number) == number), None) if number else runs[0]
    if found is None:
        raise Http404
    return found


def _shown(row: Analysis, run: AnalysisRun) -> dict[str, Any]:
    """Everything that a page, a sheet or a file says of one run."""
    question = Question.of(row.question)
    result: Mapping[str, Any] = run.result or {}
    is_done = run.state == AnalysisRun.State.DONE
    is_few = "n_couples" in result and result["n_couples"] < FEW_COUPLES
    return {
        "analysis": row,
        "question": question,
        "words": asking.words(question),
        "run": run,
        "under_way": actions.is_under_way(run),
        "result": result,
        "taken_back": is_done and bool(actions.was_taken_back([run.id])),
        "is_of_moments": question.way is Way.MOMENTS,
        "caution": CAUTION if is_few else "",
        "left": [WHY[why] for each in result.get("left", ()) if (why := Why(each)) in WHY],
        "parts": _parts(result),
        **_pictures(question, result),
    }


def _pictures(question: Question, result: Mapping[str, Any]) -> dict[str, Any]:
    """What of a result is drawn, by what kind of result it is."""
    groups = outcomes_gains.groups(result) if "counts" in result else ()
    paths: outcomes_ahead.Ahead | outcomes_shapes.Paths | None
    if "ahead" in result:
        paths, picture = outcomes_ahead.ahead(question, result), "outcomes/_ahead.svg.html"
    elif "paths" in result:
        paths, picture = outcomes_shapes.paths(question, result), "outcomes/_paths.svg.html"
    else:
        paths, picture = None, ""
    pair = (question.predictor, question.outcome)
    courses = [
        *(row.course for group in groups for row in group.rows if row.course),
        *(
            outcomes_shapes.course(key, points)
            for key in pair
            if (points := result.get("courses", {}).get(key))
        ),
    ]
    return {
        "groups": groups,
        "is_followed": any(group.rows for group in groups),
        "weekly": outcomes_gains.WEEKLY,
        "paths": paths,
        "picture": picture,
        "links": _links(question, result) if "ahead" in result else (),
        "courses": courses,
    }


def _links(question: Question, result: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = outcomes_ahead.rows(question, result)
    return [link | {"p": "" if link["p"] is None else _p(link["p"])} for link in found]


def _parts(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All estimates, direction by direction where there are two; each with what its answers scatter by."""
    lines, spread = result.get("table", ()), result.get("spread", ())
    found = []
    for part in dict.fromkeys(line.get("part", "") for line in lines):
        found.append(
            {
                "name": part,
                "lines": [_line(line) for line in lines if line.get("part", "") == part],
                "spread": [
                    each | {"value": number(each["value"])} for each in spread if each.get("part", "") == part
                ],
            }
        )
    return found


def _line(line: Mapping[str, Any]) -> dict[str, Any]:
    told = {key: number(line[key]) for key in ("estimate", "se", "low", "high")}
    p = line["p"]
    return {"words": line["words"], **told, "p": "" if p is None else _p(p)}


def _p(p: float) -> str:
    return f"< {NO_P:g}".replace("0.", ".") if p < NO_P else f"{p:g}".removeprefix("0")


def _beside(run: AnalysisRun, runs: Sequence[AnalysisRun]) -> dict[str, Any]:
    """What is different from the run before this one, if both were answered."""
    done = [each for each in runs if each.state == AnalysisRun.State.DONE and each.number < run.number]
    if run.state != AnalysisRun.State.DONE or not done:
        return {"difference": None}
    found = difference(_kept(done[0]), _kept(run))
    moved = [(each.words, _told(each.before), _told(each.after)) for each in found.moved]
    return {"difference": found, "moved": moved, "before": done[0]}


def _told(value: float | None) -> str:
    if value is None:
        return "not said"
    return str(value) if isinstance(value, int) else number(value)


def _kept(run: AnalysisRun) -> Kept:
    return Kept(run.number, run.result or {}, run.data_hash, run.code_version)


@require_POST
def again(request: HttpRequest, analysis_id: UUID) -> HttpResponse:
    """The same question to the answers as they are now."""
    by = asker(request)
    row = get_object_or_404(Analysis, id=analysis_id)
    try:
        actions.ask_again(by=by, analysis=row)
    except Refused as no:
        messages.error(request, no.reason)
    return redirect("outcome", analysis_id=row.id)


@require_GET
def file(request: HttpRequest, analysis_id: UUID, number: int, name: str) -> HttpResponse:
    """One file of one run."""
    by = asker(request)
    row, runs = _runs(analysis_id)
    run = _chosen(runs, str(number))
    shown = _shown(row, run)
    try:
        answer = _made(request, shown, name)
    except OSError:  # a library of the system is missing: docs/running.md
        messages.error(
            request, "No paper and no picture can be made here yet. The page itself can be printed."
        )
        return redirect("outcome", analysis_id=row.id)
    audit.log("exported outcomes", by=by, item_kind=KIND, item_id=run.id, why=name)
    return answer


def _made(request: HttpRequest, shown: Mapping[str, Any], name: str) -> HttpResponse:
    stem, _, ending = name.rpartition(".")
    has = shown["result"]
    if stem == "outcomes" and ending == "pdf" and has:
        return outcomes_files.as_sheet(request, shown)
    if stem == "outcomes" and ending in outcomes_files.SIMPLE and has and (ending == "csv" or "table" in has):
        return outcomes_files.SIMPLE[ending](shown)
    if ending == "svg" and (
        (stem == "paths" and shown["paths"]) or stem in {one.key for one in shown["courses"]}
    ):
        return outcomes_files.as_picture(shown, stem)
    raise Http404


urlpatterns: list[URLPattern] = [
    path("outcomes", page, name="outcomes"),
    path("outcomes/<uuid:analysis_id>", one, name="outcome"),
    path("outcomes/<uuid:analysis_id>/again", again, name="outcome_again"),
    path("outcomes/<uuid:analysis_id>/<int:number>/<str:name>", file, name="outcome_file"),
]
