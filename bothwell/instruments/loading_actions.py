"""What a clinic loads itself: its licensed words for a questionnaire that ships without them, or one of its own.

The lead alone loads and retires. A preview stores nothing. What was loaded is never changed: a new version retires
the one before it in the same step, so whatever was answered can always be read.
"""

from __future__ import annotations

from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from bothwell.couples.models import Person, Role, StaffRole, open_at
from bothwell.instruments import importing, wording
from bothwell.instruments.catalogue import CATALOGUE, NoSuchInstrument, load
from bothwell.instruments.importing import Described, Imported
from bothwell.instruments.instrument import Instrument
from bothwell.instruments.models import ClinicInstrument
from bothwell.instruments.reading import CatalogueError, read
from bothwell.instruments.wording import Words
from bothwell.privacy import audit
from bothwell.refusal import Refused, Stale

LONGEST_HOLDER = 200
LONGEST_TERMS = 2000
TOO_LONG_TERMS = (
    f"The licence terms are longer than {LONGEST_TERMS:,} signs. Write the reference and the date."
)


@transaction.atomic
def load_text(
    *, by: Person, instrument_id: str, words: Words, licence_holder: str, licence_terms: str
) -> ClinicInstrument:
    """Put the clinic's licensed words into a shipped skeleton. Raises Refused with what is missing."""
    _may_load(by, licence_holder, licence_terms)
    try:
        shipped = load(instrument_id)
    except NoSuchInstrument as error:
        raise Refused("The catalogue has no such questionnaire.") from error
    if shipped.can_be_asked:
        raise Refused("This questionnaire ships with its words; there is nothing to load.")
    if alike := wording.read_alike(shipped, words.answers):
        raise Refused(f"Two answers of item “{next(iter(alike))}” read the same. Give each its own words.")
    file = next(CATALOGUE.glob(f"*/{shipped.id}.json")).read_bytes()
    try:
        content = wording.with_words(
            file, words, licence_holder=licence_holder.strip(), licence_terms=licence_terms.strip()
        )
        instrument = read(f"{shipped.id}.json", content)
    except (KeyError, CatalogueError) as error:
        raise Refused("A question or an answer has no words yet.") from error
    return _keep(by, instrument, content, ClinicInstrument.Origin.LICENSED, licence_holder, licence_terms)


@transaction.atomic
def load_questionnaire(*, by: Person, imported: Imported, described: Described) -> ClinicInstrument:
    """Load a questionnaire of any author for this clinic. Raises Refused with what is missing."""
    _may_load(by, described.licence_holder, described.licence_terms)
    try:
        content = importing.document(imported, described)
        instrument = read(f"{described.id}.json", content)
    except ValueError as error:
        raise Refused(
            "It cannot be asked as it is described here: look at its short name and items."
        ) from error
    return _keep(
        by,
        instrument,
        content,
        ClinicInstrument.Origin.IMPORTED,
        described.licence_holder,
        described.licence_terms,
    )


@transaction.atomic
def retire(*, by: Person, loaded_id: UUID) -> ClinicInstrument:
    """It is asked no more; what was answered stays readable. Raises Refused when it is not in use here."""
    _is_lead(by)
    loaded = ClinicInstrument.objects.filter(id=loaded_id, retired_at__isnull=True).first()
    if loaded is None or not _retire(by, loaded):
        raise Refused("It is not in use here any more.")
    return loaded


def _is_lead(by: Person) -> None:
    if not StaffRole.objects.filter(open_at(timezone.now()), person=by, role=Role.LEAD).exists():
        raise Refused("Only the clinic lead loads and retires questionnaires.")


def _may_load(by: Person, licence_holder: str, licence_terms: str) -> None:
    _is_lead(by)
    if not licence_holder.strip() or not licence_terms.strip():
        raise Refused("State who holds the licence and on what terms the clinic may use the words.")
    if len(licence_holder.strip()) > LONGEST_HOLDER:
        raise Refused(f"The name of the licence holder is longer than {LONGEST_HOLDER} signs.")
    if len(licence_terms.strip()) > LONGEST_TERMS:
        raise Refused(TOO_LONG_TERMS)


def _retire(by: Person, loaded: ClinicInstrument) -> bool:
    done = ClinicInstrument.objects.filter(id=loaded.id, retired_at__isnull=True).update(
        retired_at=timezone.now(), retired_by=by
    )
    if done:
        audit.log("retired a questionnaire", by=by, item_kind="questionnaire", item_id=loaded.id)
    return bool(done)


def _keep(
    by: Person,
    instrument: Instrument,
    content: bytes,
    origin: ClinicInstrument.Origin,
    licence_holder: str,
    licence_terms: str,
) -> ClinicInstrument:
    """The new version in use, the one before it retired; the same text again changes nothing. Raises Stale."""
    before = ClinicInstrument.objects.filter(instrument=instrument.id, retired_at__isnull=True).first()
    if before is not None and before.version == instrument.version:
        return before
    loaded = ClinicInstrument(
        clinic_id=by.clinic_id,
        instrument=instrument.id,
        version=instrument.version,
        document=content.decode(),
        origin=origin,
        licence_holder=licence_holder.strip(),
        licence_terms=licence_terms.strip(),
        author=by,
    )
    taken = Stale(
        "Somebody else has just loaded this questionnaire. Look at theirs, and load again if need be."
    )
    if before is not None and not _retire(by, before):
        raise taken
    try:
        with transaction.atomic():
            loaded.save(force_insert=True)
    except IntegrityError as error:
        raise taken from error
    audit.log("loaded a questionnaire", by=by, item_kind="questionnaire", item_id=loaded.id)
    return loaded
