"""What was arranged with a person before the first dose.

Nothing here replaces the checklist of the day.
"""

from django.db import transaction

from bothwell.couples.models import Person
from bothwell.pathway.models import Course, Preparation
from bothwell.pathway.rights_actions import check_length, need_to_write, subject_of
from bothwell.privacy import audit


def preparation_of(course: Course) -> Preparation | None:
    """What was arranged last."""
    return course.preparations.order_by("-recorded_at").first()


def is_prepared(preparation: Preparation | None) -> bool:
    return bool(
        preparation
        and preparation.escort_name
        and preparation.fasting_explained
        and preparation.antiemetic_plan
    )


@transaction.atomic
def prepare(
    *,
    by: Person,
    course: Course,
    escort_name: str,
    escort_phone: str,
    fasting_explained: bool,
    antiemetic_plan: str,
    note: str = "",
) -> Preparation:
    """Keep what is arranged for the next session. A change is a new row; the newest counts, the same again is
    none.
    """
    need_to_write(
        by, subject_of(course), "preparation", "The care team of this person records what is prepared."
    )
    check_length(note)
    row = Preparation(
        clinic_id=by.clinic_id,
        subject_id=course.subject_id,
        couple_id=course.couple_id,
        author=by,
        course=course,
        escort_name=escort_name.strip()[:120],
        escort_phone=escort_phone.strip()[:40],
        fasting_explained=fasting_explained,
        antiemetic_plan=antiemetic_plan.strip()[:200],
        note=note.strip(),
    )
    last = preparation_of(course)
    if last and all(getattr(last, name) == getattr(row, name) for name in _PREPARED):
        return last
    row.save(force_insert=True)
    audit.log("prepared", by=by, subject=course.subject_id, item_kind="preparation", item_id=row.id)
    return row


_PREPARED = ("escort_name", "escort_phone", "fasting_explained", "antiemetic_plan", "note")
