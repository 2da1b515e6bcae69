"""What the log's codes are called: steps of a course, what happens to a dose, how a session ended, what was signed for.

A line of the log is never changed: an older line that holds a code is read in words here, like a new one.
"""

from typing import Final

from bothwell.dosing.checklist_actions import CHECKED
from bothwell.dosing.models import Administration
from bothwell.integration.library import exercise
from bothwell.pathway.eligibility import finding_title
from bothwell.pathway.facts import SPECS
from bothwell.pathway.models import Verdict
from bothwell.pathway.steps import ASSESSED, Kind
from bothwell.web.session_paper import WORDS_OF

STEPS: Final[dict[str, str]] = {
    "begin": "began a course",
    ASSESSED: "recorded the couple's assessment",
    Kind.ADVANCE: "took the course a step on",
    Kind.HOLD: "put the course on hold",
    Kind.RESUME: "ended the hold",
    Kind.STEP_BACK: "took the course back to preparation, without a dose",
    Kind.STOP: "stopped the course early",
    Kind.DECLINE: "ended the course: not this way",
    Kind.DEFER: "let the decision wait: not yet",
}
DONE: Final = (
    {f"step: {kind}": words for kind, words in STEPS.items()}
    | {f"dose: {event.value}": f"charted: {event.label}" for event in Administration.Event}
    | {outcome: f"signed: {words[:1].lower()}{words[1:]}" for outcome, words in WORDS_OF.items()}
)
"""Actions that the log keeps by a code, and what the code says."""


def done(action: str) -> str:
    """What was done, as the log says it; of a coded action its words."""
    first, _, item = action.partition(" ")
    if first == "checked" and item in CHECKED:
        return f"checked {CHECKED[item]}"
    return DONE.get(action, action)


def why(item_kind: str, reason: str) -> str:
    """The reason as written; of a finding, a verdict and an exercise the title, not the code they are kept under."""
    match item_kind:
        case "medical":
            return ", ".join(title for code in reason.split(", ") if (title := _title(code)))
        case "decision":
            return str(dict(Verdict.choices).get(reason, reason))
        case "couple.shared":
            found = exercise(reason)
            return found.title if found else reason
        case _:
            return reason


def _title(code: str) -> str:
    """What a finding is called. Of a code that an older line of the log cut short, the one it began; else nothing."""
    if code in SPECS or code == "blood_pressure":
        return finding_title(code)
    begun = [spec.title for full, spec in SPECS.items() if full.startswith(code)]
    return code if not begun else begun[0] if len(begun) == 1 else ""
