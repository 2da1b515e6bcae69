"""The table of pages: one row an endpoint, and who may open it.

`TABLE` says, for everything with an address, which viewers find something there. All others must find nothing, and
nothing must look like nothing. The people and things are those of `matrix_world`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from django.conf import settings

from tests.web.matrix_world import EX, LOADED, OF_THE_COUPLE, PARTNER, SELF, Chart

# ── who looks ─────────────────────────────────────────────────────────────────────────────────────────────

PARTNERS = OF_THE_COUPLE | {EX, "stranger", "other_partner"}
PARTNERS_HERE = PARTNERS - {"other_partner"}
BESIDE = frozenset({"prescriber", "nurse"})
AT_THE_BOARD = BESIDE | {"stranger_prescriber", "past_nurse"}
OFFICE = frozenset({"lead", "coordinator"})
CIRCLE = frozenset({"safety"})
TEAM = BESIDE | {"therapist_a", "couples_therapist"}
KNOW_THE_NAME = TEAM | OFFICE | CIRCLE
COUPLES_THERAPISTS = frozenset({"couples_therapist", "stranger_therapist"})
STAFF = (
    KNOW_THE_NAME | AT_THE_BOARD | COUPLES_THERAPISTS | {"therapist_b", "other_lead"}
)  # fmt: skip
LEADS = frozenset({"lead", "other_lead"})
RESEARCHERS = frozenset({"researcher"})
EVERYBODY = PARTNERS | STAFF | RESEARCHERS
NEAR = OF_THE_COUPLE | {EX, "couples_therapist", "lead"}
"""Who is tried with every thing of a kind; the others with the first of them."""
NOBODY: frozenset[str] = frozenset()
CALLED = AT_THE_BOARD | LEADS if settings.PUSH else NOBODY
"""Whom an alarm may reach though no page is open, where the clinic can call at all."""


ASKERS = RESEARCHERS | {"lead"}
"""Who asks of the couples' answers; what comes of it names nobody."""

KEEPERS = AT_THE_BOARD | {"lead"}
"""Who keeps the ledger of the clinic's vials, whoever is in their care."""


# ── the table ─────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Row:
    """One endpoint. `ids`: argument of the address -> key in `Chart.ids`, where `{}` stands for the case."""

    name: str
    opens: frozenset[str]
    ids: dict[str, str] = field(default_factory=dict)
    cases: tuple[str, ...] = ("",)
    others: dict[str, frozenset[str]] = field(default_factory=dict)
    methods: tuple[str, ...] = ("GET",)
    more: dict[str, Any] = field(default_factory=dict)
    query: str = ""
    data: Callable[[Chart], dict[str, Any]] | None = None
    always: dict[str, str] = field(default_factory=dict)
    hidden: tuple[int, ...] = (404,)

    def key(self, argument: str, case: str) -> str:
        return self.ids[argument].format(case)

    def arguments(self, chart: Chart, case: str) -> dict[str, Any]:
        """What names a thing of this chart in the address."""
        return {name: chart.ids[self.key(name, case)] for name in self.ids} | self.more

    def nothing(self) -> dict[str, Any]:
        """The same address of a thing that never was."""
        return {name: uuid4() for name in self.ids} | self.more

    def may_open(self, viewer: str, case: str) -> bool:
        return viewer in self.others.get(case, self.opens)


GET, POST, BOTH = ("GET",), ("POST",), ("GET", "POST")
ALL_METHODS = frozenset({"GET", "POST", "PUT"})
THEIRS = {"partners": frozenset({PARTNER})}
"""What belongs to the partner is the partner's."""


def _for_nobody(*cases: str) -> dict[str, frozenset[str]]:
    return dict.fromkeys(cases, NOBODY)


def _insight(name: str, methods: tuple[str, ...], data: dict[str, Any] | None = None) -> Row:
    cases = ("alone", "to partner", "to therapist", "slept on", "taken back")
    return Row(
        name,
        frozenset({SELF}),
        {"insight_id": "insight {}"},
        cases,
        THEIRS,
        methods,
        data=lambda chart: data or {},
    )


def _checkin(name: str, methods: tuple[str, ...] = GET, **more: Any) -> Row:
    cases = ("due", "draft", "sent", "screen")
    return Row(
        name,
        frozenset({SELF}),
        {"request_id": "request {}"},
        cases,
        _for_nobody("violence", "violence sent"),
        methods,
        more,
    )


def _room(
    end: str, methods: tuple[str, ...], cases: tuple[str, ...] = ("before", "running", "over"), **more: Any
) -> Row:
    never = _for_nobody("cancelled", *({"before", "running", "over"} - set(cases)))
    return Row(f"room{end}", BESIDE, {"session_id": "session {}"}, cases, never, methods, more)


def _person(name: str, opens: frozenset[str], methods: tuple[str, ...] = GET, **more: Any) -> Row:
    return Row(name, opens, {"person_id": "{}"}, ("person",), _for_nobody("colleague"), methods, **more)


def _couple(name: str, methods: tuple[str, ...], **more: Any) -> Row:
    return Row(
        name,
        frozenset({"couples_therapist"}),
        {"couple_id": "{}"},
        ("couple",),
        _for_nobody("old couple"),
        methods,
        **more,
    )


def _meeting(name: str, methods: tuple[str, ...]) -> Row:
    ids = {"couple_id": "couple", "session_id": "meeting {}"}
    return Row(name, frozenset({"couples_therapist"}), ids, ("planned", "held"), _for_nobody("old"), methods)


def _questionnaire(
    name: str, opens: frozenset[str], methods: tuple[str, ...] = GET, which: str = "brs"
) -> Row:
    return Row(name, opens, methods=methods, more={"instrument_id": which})


def _clinic(name: str, methods: tuple[str, ...], opens: frozenset[str] = LEADS) -> Row:
    return Row(name, opens, methods=methods)


def _line_of_a_vial(what: str) -> Row:
    sent = {"volume_ml": "0.10", "observed_ml": "9.00", "reason": "x", "counterparty": "x"}
    return Row("stock_line", KEEPERS, {"vial_id": "vial"}, methods=BOTH, more={"what": what},
               data=lambda chart: {**sent, "request_id": uuid4()})  # fmt: skip


TABLE: tuple[Row, ...] = (
    # a partner's own pages
    Row("here", EVERYBODY),
    Row("today", EVERYBODY),
    Row("prepare", frozenset({SELF}), methods=BOTH),
    _checkin("checkin"),
    _checkin("checkin-question", BOTH, number=1),
    _checkin("checkin-review", BOTH),
    _checkin("checkin-sent"),
    _checkin("checkin-answers", POST),
    _checkin("checkin-send", POST),
    _checkin("checkin-key"),
    Row("insights", PARTNERS),
    Row("insight-new", PARTNERS, methods=BOTH),
    _insight("insight", GET),
    _insight("insight-edit", BOTH, {"text": "Other words", "after": "1"}),
    _insight("insight-share", BOTH),
    Row("words-given", frozenset({"therapist_a"}), {"person_id": "person"}),
    Row("insights-find", PARTNERS, methods=BOTH, data=lambda chart: {"asked": "zq"}),
    Row(
        "insight-draft",
        frozenset({SELF}),
        {"draft_id": "draft {}"},
        ("new", "of insight"),
    ),
    # The page itself makes a draft's id: one that never was is a new one, for whoever has pages to write on.
    Row(
        "insight-draft-keep",
        PARTNERS,
        {"draft_id": "draft {}"},
        ("new", "of insight"),
        methods=POST,
        hidden=(404, 200),
    ),
    Row("insight-draft-drop", frozenset({SELF}), {"draft_id": "draft {}"}, ("new", "of insight"), methods=POST),
    Row(
        "insight-newer",
        frozenset({SELF}),
        {"insight_id": "insight {}"},
        ("to partner", "slept on"),
        {**THEIRS, **_for_nobody("alone", "to therapist", "taken back")},
        BOTH,
        {"audience": "partner"},
    ),
    _insight("insight-take-back", POST),
    _insight("insight-aside", POST, {"aside": "1"}),
    Row("us", PARTNERS),
    Row("score", PARTNERS),
    Row("score_pdf", PARTNERS),
    Row("exercise-done", OF_THE_COUPLE, {"given_id": "exercise {}"}, ("running",), _for_nobody("old"), POST,
        data=lambda chart: {"words": "We did"}, hidden=(404, 422)),
    Row("exercise-given", OF_THE_COUPLE, {"given_id": "exercise {}"}, ("running", "chosen"), _for_nobody("old")),
    Row("exercise-aside", OF_THE_COUPLE, {"given_id": "exercise {}"}, ("chosen", "running"), _for_nobody("old"), POST),
    Row("exercise-library", PARTNERS),
    Row("exercise", PARTNERS, more={"code": "say_it_back"}),
    Row("exercise-choose", PARTNERS, methods=POST, more={"code": "say_it_back"},
        data=lambda chart: {"way": "either", "request_id": uuid4()}),
    Row("us-week", PARTNERS, methods=BOTH),
    Row("us-agreed", PARTNERS, methods=BOTH),
    Row("us-agreed-answer", OF_THE_COUPLE, {"agreement_id": "promise{}"}, ("",), _for_nobody(" old"), POST,
        data=lambda chart: {"answer": "yes"}),
    Row("us-plan", PARTNERS, methods=BOTH),
    Row("us-plan-sign-drop", frozenset({SELF}), {"sign_id": "sign{}"}, ("",),
        {" of partner": frozenset({PARTNER}), " old": NOBODY}, POST),
    Row("us-plan-look", OF_THE_COUPLE | {"stranger"}, methods=BOTH),
    Row("care_plan", PARTNERS, methods=BOTH),
    Row("care_plan_end", frozenset({SELF}), {"item_id": "care part{}"}, ("",),
        {" of partner": frozenset({PARTNER})}, POST),
    Row("consents", PARTNERS),
    Row("consent-text", PARTNERS_HERE, {"text_id": "text {}"}, ("treatment", "release"),
        _for_nobody("disclosure"), BOTH, query="?to=couples_therapist",
        data=lambda chart: {"to": "couples_therapist", "signed_name": "X", "read": "on"}),
    Row("consent-withdraw", frozenset({SELF}), {"consent_id": "consent {}"}, ("treatment", "release"), THEIRS, POST),
    Row("agreement", OF_THE_COUPLE, {"agreement_id": "agreement"}, methods=BOTH,
        data=lambda chart: {"signed_name": "X", "read": "on"}),
    Row("agreement", frozenset({SELF, EX}), {"agreement_id": "old agreement"}, methods=BOTH,
        data=lambda chart: {"signed_name": "X", "read": "on"}),
    Row("decision", frozenset({SELF}), {"decision_id": "decision"}, methods=BOTH,
        data=lambda chart: {"verdict": "proceed", "signed_name": "X", "understood": "on"}),
    # everyone, about themselves
    Row("access", EVERYBODY),
    Row("my_contact", EVERYBODY, methods=BOTH),
    Row("own_name", EVERYBODY, methods=BOTH, data=lambda chart: {"name_used": "Ann", "seen_name_used": "x"}),
    # Whoever signs in proves again that it is them, before this opens.
    Row("account_email", EVERYBODY, methods=BOTH, data=lambda chart: {"email": "new@example.org"}),
    # A link opens to the login it was asked under; to all others it is one that no longer works, whatever it was.
    Row("account_confirm_email", NOBODY, methods=BOTH, more={"key": "never:asked:for"}, hidden=(404, 302)),
    Row("my_reminders", PARTNERS, methods=POST, data=lambda chart: {"do": "on"}),
    Row("take_back", frozenset({SELF}), {"grant_id": "grant {}"}, ("to partner", "to therapist", "slept on"),
        THEIRS, POST),
    Row("withdraw", frozenset({SELF}), {"consent_id": "consent {}"}, ("treatment", "release"), THEIRS, POST),
    # the bedside
    Row("board", AT_THE_BOARD),
    Row("push", CALLED),
    Row("push-on", CALLED, methods=POST),
    Row("push-off", CALLED, methods=POST),
    Row("board-tiles", AT_THE_BOARD),
    Row("board-arrive", BESIDE, {"session_id": "session {}"}, ("before", "running", "over"),
        _for_nobody("cancelled"), POST,
        data=lambda chart: {"room": chart.ids["free room"]}),
    _room("", GET),
    _room("-live", GET),
    _room("-check", BOTH, name="weight"),
    _room("-start", POST),
    Row("room-shell", AT_THE_BOARD),
    _room("-sync", BOTH),
    _room("-sync-conflict", POST),
    _room("-enter", BOTH, what="pressure"),
    _room("-medicine", BOTH),
    _room("-infusion", BOTH),
    Row("room-effect", BESIDE, {"session_id": "session running", "given_id": "given {}"}, ("running",),
        _for_nobody("over", "partners"), BOTH),
    Row("room-correct", BESIDE, {"session_id": "session running", "sample_id": "sample {}"}, ("running",),
        _for_nobody("over", "partners"), BOTH),
    Row("room-right-rate", BESIDE, {"session_id": "session running", "given_id": "begun {}"}, ("running",),
        _for_nobody("over", "partners"), BOTH),
    Row("room-acknowledge", BESIDE, {"session_id": "session running", "alarm_id": "alarm"}, methods=POST),
    _room("-device", BOTH),
    _room("-take-off", POST),
    _room("-alarms", GET, ("running",)),
    _room("-alarms-pause", POST, ("running",), code="spo2"),
    _room("-alarms-off", BOTH, ("running",), code="spo2"),
    _room("-alarms-on", POST, ("running",), code="spo2"),
    _room("-discharge", BOTH, ("running", "over")),
    _room("-leave-early", BOTH),
    _room("-turn-back", BOTH),
    _room("-summary", BOTH),
    _room("-paper", GET, ("running", "over")),
    *(Row(name, BESIDE, {"session_id": "session {}"}, ("nasal",), _for_nobody("before", "over", "cancelled"), methods)
      for name, methods in (("room-programme", BOTH), ("room-programme-pdf", GET))),
    # after the dose
    _room("-events", BOTH),
    Row("room-event-revise", BESIDE, {"session_id": "session over", "event_id": "event {}"}, ("over",),
        _for_nobody("running"), BOTH, data=lambda chart: {"reason": "Known better"}),
    Row("after", AT_THE_BOARD),
    Row("after-call", BESIDE, {"session_id": "session {}"}, ("over",),
        _for_nobody("before", "running", "cancelled"), BOTH, data=lambda chart: {"reached": "yes"}),
    # the prescriber's desk
    _person("workup", TEAM | {"lead"}, BOTH, always={"do": "series"}, data=lambda chart: {"sessions": "3"}),
    Row("workup_correct", BESIDE, {"person_id": "person", "fact_id": "fact{}"}, ("",),
        _for_nobody(" of partner"), BOTH),
    Row("workup_cancel", BESIDE, {"person_id": "person", "session_id": "session before"}, methods=POST),
    # measures over time
    Row("how_i_am", PARTNERS),
    Row("how_i_am_pdf", PARTNERS),
    _person("measures", TEAM | {"lead"}),
    _person("measures_pdf", TEAM | {"lead"}),
    Row("measure_answers", frozenset({"prescriber", "therapist_a", "couples_therapist"}),
        {"person_id": "person", "response_id": "response {}"}, ("w7",), _for_nobody("w2", "w3", "w4", "w6")),
    _couple("couple_measures", GET),
    _couple("couple_measures_pdf", GET),
    # the office
    Row("people", STAFF),
    _person("person", KNOW_THE_NAME),
    _person("person_invite", OFFICE, POST),
    _person("person_contact", KNOW_THE_NAME, BOTH),
    _person("person_course", frozenset({"coordinator"}), BOTH, always={"do": "schedule"}),
    _person("person_team", KNOW_THE_NAME, BOTH),
    _person("person_close", OFFICE, BOTH),
    Row("close_end", OFFICE, {"said_id": "close"}, methods=POST),
    _person("person_care_plan", TEAM | {"lead"}, BOTH),
    Row("person_care_plan_end", BESIDE | {"therapist_a"}, {"person_id": "person", "item_id": "care part{}"}, ("",),
        _for_nobody(" of partner"), POST),
    _person("person_papers", TEAM),
    _person("person_paper", TEAM, BOTH, more={"instrument_id": "gad-7"}),
    Row("person_paper_kept", frozenset({"prescriber", "therapist_a", "couples_therapist"}),
        {"person_id": "person", "response_id": "response {}"}, ("copied",),
        _for_nobody("w2", "w3", "w4", "w6", "w7"), more={"instrument_id": "gad-7"}),
    Row("end_assignment", OFFICE, {"assignment_id": "assignment {}"}, ("nurse", "couples_therapist"), methods=POST),
    Row("end_assignment", frozenset({"lead"}), {"assignment_id": "assignment safety"}, methods=POST),
    Row("couple_admin", OFFICE | {"couples_therapist"}, {"couple_id": "couple"}, methods=BOTH,
        data=lambda chart: {"do": "part", "reason": "They said so"}),
    Row("couple_admin", OFFICE, {"couple_id": "old couple"}, methods=BOTH),
    Row("couple_again", OFFICE, {"couple_id": "old couple"}, methods=POST,
        data=lambda chart: {"request_id": uuid4()}),
    Row("enrol", OFFICE | {"other_lead"}, methods=BOTH),
    Row("enrol_alone", OFFICE | {"other_lead"}, methods=BOTH),
    Row("enrolled", OFFICE, {"couple_id": "{}"}, ("couple",), _for_nobody("old couple")),
    # the couples therapist's desk
    Row("couples", COUPLES_THERAPISTS),
    _couple("couple", GET),
    _couple("couple_for_both", GET),
    _couple("couple_score", GET),
    _couple("couple_score_pdf", GET),
    _couple("couple_plan", POST),
    _couple("couple_pause", POST, data=lambda chart: {"do": "pause"}),
    _couple("couple_library", BOTH),
    _couple("couple_support", BOTH),
    _couple("couple_support_look", POST),
    Row("couple_end_exercise", frozenset({"couples_therapist"}),
        {"couple_id": "couple", "given_id": "exercise running"}, methods=POST),
    _couple("couple_agreement", BOTH),
    _meeting("couple_session", BOTH),
    _meeting("couple_move", POST),
    _meeting("couple_cancel", POST),
    _meeting("couple_process", BOTH),
    _meeting("couple_summary", POST),
    Row("couple_draft_keep", frozenset({"couples_therapist"}),
        {"couple_id": "couple", "session_id": "meeting planned", "draft_id": "note draft"}, methods=POST,
        data=lambda chart: {"text": "Half a note", "beside_id": uuid4()}),
    Row("couple_draft_drop", frozenset({"couples_therapist"}),
        {"couple_id": "couple", "session_id": "meeting planned", "draft_id": "note draft"}, methods=POST),
    Row("couple_correct", frozenset({"couples_therapist"}), {"couple_id": "couple", "note_id": "note{}"}, ("",),
        _for_nobody(" of old couple"), BOTH),
    _couple("couple_cycle", BOTH),
    Row("couple_cycle_version", frozenset({"couples_therapist"}), {"couple_id": "couple", "map_id": "cycle{}"}, ("",),
        _for_nobody(" of old couple")),
    Row("couple_cycle_show", frozenset({"couples_therapist"}), {"couple_id": "couple", "map_id": "cycle{}"}, ("",),
        methods=POST, data=lambda chart: {"to": "a"}),
    _couple("couple_alone", BOTH),
    Row("couple_alone_correct", frozenset({"couples_therapist"}),
        {"couple_id": "couple", "contact_id": "said alone{}"}, ("",), _for_nobody(" of old couple"), BOTH),
    # the clinic
    _clinic("clinic", GET),
    _clinic("clinic_finish", POST),
    _clinic("clinic_details", BOTH),
    _clinic("clinic_staff", BOTH),
    Row("clinic_colleague", frozenset({"lead"}), {"person_id": "{}"}, ("colleague",), _for_nobody("person"), BOTH,
        always={"do": "role"}, data=lambda chart: {"role": "nurse"}),
    Row("clinic_close", frozenset({"lead"}), {"person_id": "{}"}, ("colleague",), _for_nobody("person"), BOTH),
    _clinic("clinic_rooms", BOTH, LEADS | {"coordinator"}),
    _clinic("clinic_protocols", BOTH),
    Row("clinic_protocol", frozenset({"lead"}), {"protocol_id": "protocol"}, methods=BOTH,
        data=lambda chart: {"has_read": "on", "signed_name": "X"}),
    Row("clinic_protocol_change", frozenset({"lead"}), {"protocol_id": "protocol"}, methods=POST),
    Row("clinic_draft", frozenset({"lead"}), {"draft_id": "protocol draft"}),
    Row("clinic_draft_fields", frozenset({"lead"}), {"draft_id": "protocol draft"}, methods=BOTH,
        more={"group_id": "holds"}, data=lambda chart: {"seen": "0", "value:hold_bp.systolic_above_mmhg": "135",
                                                        "reason:hold_bp.systolic_above_mmhg": "zq"}),
    Row("clinic_draft_sign", frozenset({"lead"}), {"draft_id": "protocol draft"}, methods=BOTH,
        data=lambda chart: {"has_read": "on", "signed_name": "X", "seen": "1"}),
    Row("clinic_draft_aside", frozenset({"lead"}), {"draft_id": "protocol draft"}, methods=POST),
    _clinic("clinic_texts", GET),
    Row("clinic_text", LEADS, methods=BOTH, more={"kind": "treatment", "code": "im"},
        data=lambda chart: {"do": "look", "after": 0, "title": "T", "body": "zq"}),
    _clinic("clinic_log", GET),
    _clinic("clinic_glass", BOTH, LEADS | COUPLES_THERAPISTS),
    # the questionnaires
    Row("instruments", STAFF | RESEARCHERS),
    Row("instruments_gains", STAFF | RESEARCHERS),
    _questionnaire("instrument", STAFF | RESEARCHERS, BOTH),
    _questionnaire("instrument_fhir", STAFF | RESEARCHERS),
    _questionnaire("instrument_blank", STAFF | RESEARCHERS),
    _questionnaire("instrument_words", LEADS, BOTH),
    _questionnaire("instrument", (STAFF | RESEARCHERS) - {"other_lead"}, BOTH, LOADED),
    _questionnaire("instrument_fhir", (STAFF | RESEARCHERS) - {"other_lead"}, GET, LOADED),
    _questionnaire("instrument_retire", frozenset({"lead"}), POST, LOADED),
    _clinic("instrument_new", BOTH),
    # vials: the clinic's stock, and drawing up for one person
    Row("stock", KEEPERS | {"other_lead"}),
    Row("stock_receive", KEEPERS | {"other_lead"}, methods=BOTH),
    Row("stock_inventory", KEEPERS | {"other_lead"}, methods=BOTH),
    Row("stock_inventory_taken", KEEPERS, {"inventory_id": "inventory"}),
    Row("stock_discrepancy", KEEPERS, {"discrepancy_id": "discrepancy"}, methods=BOTH,
        data=lambda chart: {"how": "reported", "words": "Told"}),
    Row("stock_vial", KEEPERS, {"vial_id": "vial"}),
    *(_line_of_a_vial(what) for what in ("open", "waste", "count", "destroy")),
    Row("stock_correct", KEEPERS, {"vial_id": "vial", "event_id": "line"}, methods=BOTH),
    Row("stock_export", LEADS),
    Row("stock_export_csv", LEADS),
    Row("stock_export_print", LEADS),
    Row("vial_session", BESIDE, {"session_id": "session {}"}, ("before", "running", "over"),
        _for_nobody("cancelled"), BOTH),
    # the safety circle
    Row("safety", CIRCLE),
    _person("safety_person", CIRCLE),
    _person("safety_ask", CIRCLE, BOTH),
    _person("safety_hold", CIRCLE, POST, data=lambda chart: {"why": "What was heard"}),
    _person("safety_lift", CIRCLE, POST, data=lambda chart: {"why": "They live apart"}),
    Row("handed", NOBODY, methods=BOTH),
    _person("safety_shelter", CIRCLE, POST, data=lambda chart: {"why": "What was heard"}),
    _person("safety_shelter_end", CIRCLE, POST, data=lambda chart: {"why": "They live apart"}),
    # rights over a record
    Row("my_copy", PARTNERS, methods=BOTH),
    Row("my_copy_file", frozenset({SELF}), {"asked_id": "copy asked"}, methods=POST, data=lambda chart: {"form": "json"}),
    Row("copy_for_both", PARTNERS_HERE, methods=BOTH),
    Row("copy_for_both_sign", OF_THE_COUPLE, {"joint_id": "joint asked"}, methods=BOTH),
    Row("my_parting", PARTNERS, methods=BOTH),
    Row("requests", OFFICE | COUPLES_THERAPISTS | {"other_lead"}),
    Row("copy_answer", OFFICE, {"asked_id": "copy asked"}, methods=BOTH, data=lambda chart: {"kind": "given"}),
    Row("joint_give", frozenset({"lead"}), {"joint_id": "joint asked"}, methods=BOTH),
    Row("parting", OFFICE | {"couples_therapist"}, {"asked_id": "parting asked"}, methods=BOTH),
    _person("person_given", OFFICE, BOTH),
    # messages and appointments
    Row("messages", EVERYBODY),
    _person("messages-care", BESIDE | {SELF, "therapist_a"}, BOTH, data=lambda chart: {"text": "A word", "request_id": uuid4()}),
    _person("messages-therapist", frozenset({SELF, "therapist_a"}), BOTH,
            data=lambda chart: {"text": "A word", "request_id": uuid4()}),
    Row("messages-alone", frozenset({SELF, "couples_therapist"}), {"couple_id": "{}", "person_id": "person"}, ("couple",),
        _for_nobody("old couple"), BOTH, data=lambda chart: {"text": "A word", "request_id": uuid4()}),
    Row("messages-couple", OF_THE_COUPLE | {"couples_therapist"}, {"couple_id": "{}"}, ("couple",),
        _for_nobody("old couple"), BOTH, data=lambda chart: {"text": "A word", "request_id": uuid4()}),
    Row("appointments", EVERYBODY - RESEARCHERS),
    Row("calendar-make", PARTNERS, methods=POST, data=lambda chart: {"request_id": uuid4()}),
    Row("calendar-end", PARTNERS, methods=POST),
    _person("person-appointments", OFFICE | BESIDE | {"therapist_a"}, BOTH),
    Row("person-appointment-change", OFFICE | BESIDE | {"therapist_a"},
        {"person_id": "person", "appointment_id": "appointment"}, methods=BOTH),
    # outcomes of all couples, that name nobody
    Row("outcomes", LEADS | RESEARCHERS, methods=BOTH,
        data=lambda chart: {"way": "change", "outcome": "csi-16.total", "predictor": "phq-9.total", "first_week": "0",
                            "last_week": "16", "request_id": uuid4()}),
    Row("outcome", ASKERS, {"analysis_id": "analysis"}),
    Row("outcome_again", ASKERS, {"analysis_id": "analysis"}, methods=POST),
    Row("outcome_file", ASKERS, {"analysis_id": "analysis"}, more={"number": 1, "name": "outcomes.csv"}),
    # what cannot wait
    Row("tasks", STAFF | RESEARCHERS),
    Row("task_acknowledge", BESIDE | {"therapist_a"}, {"flag_id": "flag"}, methods=POST,
        data=lambda chart: {"plan": "I call them"}),
    Row("task_close", BESIDE | {"therapist_a"}, {"flag_id": "flag"}, methods=POST,
        data=lambda chart: {"reason": "We spoke"}),
    Row("help_now", PARTNERS, methods=BOTH),
)  # fmt: skip

PUBLIC = ("home", "health", "invitation", "offline-worker", "calendar")
"""Endpoints for somebody who is not logged in; what they say is no one's record."""

PUBLIC_ACCOUNT = frozenset(
    {
        "account_login", "account_inactive", "account_signup", "account_reset_password", "account_reset_password_done",
        "account_reset_password_from_key_done", "account_email_verification_sent",
    }
)  # fmt: skip
"""Pages of the login library that somebody who is not logged in may open."""
