"""What stands on the page of the dosing room, put together from the session as it is now.

It reads and reckons only: it decides nothing, writes nothing and says nothing of the partner.
"""

from typing import Any

from bothwell.dosing import flowsheet, giving_actions, order_actions
from bothwell.monitoring.models import Note
from bothwell.web import bedside_alarms, bedside_values, room_expected
from bothwell.web.bedside import Bedside
from bothwell.web.room_bed import Bed
from bothwell.web.room_chart import chart_of, marks_of
from bothwell.web.room_checklist import before_the_dose
from bothwell.web.room_dose import ordered
from bothwell.web.room_entries import entries_of
from bothwell.web.room_vitals import TRIO, vitals_of


def now(bed: Bed) -> dict[str, Any]:
    """What changes while the page stands open."""
    session, values = bed.session, bedside_values.charted(bed.session.id, bed.within)
    given = giving_actions.given_in(session)
    notes = list(Note.objects.select_related("author").filter(session=session))
    ran_in = order_actions.ran_in(given, session.order)
    marks = marks_of(given, notes, ran_in) + bedside_alarms.alarm_marks(session.id)
    vitals, before = vitals_of(bed), bedside_values.pressure_before(values, session.started_at)
    course = room_expected.of(session, given, before)
    context: dict[str, Any] = {
        "alarms": bedside_alarms.named(bedside_alarms.in_place(bed.side.alarms), session.id),
        "order": ordered(session, bed.side.protocol),
        "values": values,
        "chart": chart_of(bed, values, marks) | {"expected": course.drawing() if course else {}},
        "expected": course,
        "lines": flowsheet.lines(values, marks, session.started_at),
        "entries": entries_of(bed, given, notes, ran_in),
        "vitals": vitals,
        "trio": [vitals[code] for code in TRIO if code in vitals],
        "listed": list(vitals.values()),
        "over": session.ended_at is not None,
        "months_away": bedside_values.months_away(session),
        "ring": _ring(bed.side),
        "baseline": f"{before.systolic_mmhg:.0f}/{before.diastolic_mmhg:.0f}" if before else "",
        "stage": bed.side.progress.stage,
    }
    if session.arrived_at is not None and session.started_at is None and session.ended_at is None:
        context |= before_the_dose(bed, values)
    return context


def _ring(side: Bedside) -> dict[str, Any] | None:
    """The next check as a ring: how much of the interval is left, in tenths of a percent."""
    if side.next is None:
        return None
    due, whole = side.next.due_at, max(60.0, (side.next.due_at - side.next.after).total_seconds())
    left = (due - side.now).total_seconds()
    shown = f"{int(left) // 60}:{int(left) % 60:02}" if left >= 0 else f"+{int(-left) // 60}"
    return {
        "due_at": due,
        "words": side.next.words,
        "is_late": side.next.is_late(side.now),
        "shown": shown,
        "whole": int(whole),
        "dash": round(308 * max(0.0, min(1.0, left / whole))),
    }
