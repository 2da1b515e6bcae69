"""Whose eyes are asking, and what opens a door: users, invitations, grants, releases, consents, the audit log.

Nothing here decides; `rule.py` does, and `policies.sql` enforces.
"""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from bothwell.couples.models import Couple, Person, Role, Row, new_id


class UserManager(BaseUserManager["User"]):
    """Logins are made from invitations only; there is no superuser."""

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    """A login. Which person it belongs to is all it knows."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(unique=True, max_length=254)
    person = models.OneToOneField(Person, on_delete=models.PROTECT, related_name="user", db_constraint=True)
    is_active = models.BooleanField(default=True)
    must_have_second_factor = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[UserManager] = UserManager()  # type: ignore[misc]

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    # allauth and Django ask these of any user; here no user has them.
    is_staff = False
    is_superuser = False

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        return False

    def has_module_perms(self, app_label: str) -> bool:
        return False


class Invitation(Row):
    """A link that lets one person set up their login: expires, works once. Only the hash of it is kept."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    token_hash = models.CharField(max_length=64)
    made_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic", "token_hash"], name="one_invitation_a_token")
        ]


class DoorKey(models.Model):
    """The two padded halves of the key that signs the viewer token (HMAC-SHA256, RFC 2104); one row."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    inner = models.BinaryField()
    outer = models.BinaryField()


class Private(Row):
    """A row about one person or one couple, written by somebody; row-level security reads these columns."""

    subject = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    couple = models.ForeignKey(Couple, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    author = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(default=timezone.now, db_index=False)

    class Meta:
        abstract = True


class Audience(models.TextChoices):
    PARTNER = "partner", "my partner"
    COUPLES_THERAPIST = "couples_therapist", "our couples therapist"
    INDIVIDUAL_THERAPIST = "individual_therapist", "my individual therapist"


class Grant(Private):
    """One item opened by the person it belongs to (`subject`) to one further audience; taken back at any time."""

    item_kind = models.CharField(max_length=32)
    item_id = models.UUIDField()
    audience = models.CharField(max_length=24, choices=Audience)
    opens_at = models.DateTimeField(default=timezone.now)
    for_session = models.ForeignKey(
        "bothwell.CoupleSession", null=True, on_delete=models.PROTECT, related_name="+"
    )
    revoked_at = models.DateTimeField(null=True)
    # Newer words in the place of older ones: the gift that ended for it. Taken back, both are.
    replaces = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "item_id", "audience"],
                condition=Q(revoked_at__isnull=True),
                name="one_open_grant",
            )
        ]
        indexes = [models.Index(fields=["subject"]), models.Index(fields=["couple"])]


class Receipt(Private):
    """This person (`author`) has opened this item. Kept so that a take-back can tell seen from never seen."""

    item_kind = models.CharField(max_length=32)
    item_id = models.UUIDField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["clinic", "author", "item_id"], name="one_receipt")]


class ReleaseClass(models.TextChoices):
    DOSING_SUMMARY = "dosing_summary", "how dosing sessions went"
    INDIVIDUAL_SCORES = "individual_scores", "answers about me alone"
    RELATIONSHIP_SCORES = "relationship_scores", "answers about our relationship"
    MEDICAL_SUMMARY = "medical_summary", "medical history and findings"
    SUICIDE_REASON = "suicide_reason", "the reason behind a safety hold"
    COUPLE_WORK = "couple_work", "what we do in couples therapy"


class ConsentText(Row):
    """What is signed: one version of one text, never changed once anyone has signed it."""

    class Kind(models.TextChoices):
        TREATMENT = "treatment", "treatment"
        RELEASE = "release", "release of information"
        RESEARCH = "research", "research"
        DISCLOSURE = "disclosure", "disclosure agreement"

    kind = models.CharField(max_length=12, choices=Kind)
    code = models.CharField(max_length=60, help_text="treatment route, release class or agreement mode")
    version = models.PositiveIntegerField(default=1)
    title = models.CharField(max_length=200)
    body = models.TextField()
    sha256 = models.CharField(max_length=64)
    published_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic", "kind", "code", "version"], name="one_text_a_version")
        ]


class Consent(Private):
    """A text signed by the person it concerns (`subject`); withdrawn at any time, at once."""

    text = models.ForeignKey(ConsentText, on_delete=models.PROTECT, related_name="+")
    sha256 = models.CharField(max_length=64)
    release_class = models.CharField(max_length=24, choices=ReleaseClass, blank=True)
    release_to = models.CharField(max_length=24, choices=Role, blank=True)
    signed_name = models.CharField(max_length=120)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "subject", "text", "release_to"],
                condition=Q(withdrawn_at__isnull=True),
                name="one_open_consent",
                violation_error_message="This has been signed already.",
            ),
            models.CheckConstraint(
                name="a_release_names_class_and_role",
                condition=Q(release_class="", release_to="") | (~Q(release_class="") & ~Q(release_to="")),
            ),
        ]
        indexes = [models.Index(fields=["subject"])]


class ConsentReaffirmation(Private):
    """On the day of a dose the person says again: yes."""

    consent = models.ForeignKey(Consent, on_delete=models.PROTECT, related_name="reaffirmations")
    on_day = models.DateField()


class DisclosureAgreement(Private):
    """How the couples therapist handles what one partner says alone; in force once both have signed."""

    class Mode(models.TextChoices):
        NO_SECRETS = "no_secrets", "no secrets in couples work"
        CONFIDENTIAL = "confidential", "what one says alone stays confidential"

    mode = models.CharField(max_length=16, choices=Mode)
    version = models.PositiveIntegerField()
    text = models.ForeignKey(ConsentText, on_delete=models.PROTECT, related_name="+")
    sha256 = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic", "couple", "version"], name="one_agreement_a_version")
        ]


class DisclosureSignature(Private):
    """One partner (`author`) signs one version."""

    agreement = models.ForeignKey(DisclosureAgreement, on_delete=models.PROTECT, related_name="signatures")
    signed_name = models.CharField(max_length=120)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic", "agreement", "author"], name="one_signature_each")
        ]


class Shelter(Private):
    """While it stands, a partner finds nothing that this person (`subject`) gave or did: as if nothing were shared.

    Only the safety circle sees that it stands; its subject neither, for a partner may hold their telephone.
    """

    until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "subject"], condition=Q(until__isnull=True), name="one_shelter_at_a_time"
            )
        ]


class CloseTo(Private):
    """A member of staff is this person (`subject`), or is close to them: no role opens the chart of either to them.

    Kept from that person and from everyone they are or were a couple with; never shown to the colleague it names.
    """

    class How(models.TextChoices):
        SELF = "self", "they are this person"
        PARTNER = "partner", "they are their partner, or were"
        FAMILY = "family", "they are family"
        FRIEND = "friend", "they are close friends"

    staff = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="close_to")
    how = models.CharField(max_length=8, choices=How)
    until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "staff", "subject"],
                condition=Q(until__isnull=True),
                name="said_once_who_is_close",
            ),
            models.CheckConstraint(name="nobody_is_close_to_themselves", condition=~Q(staff=F("subject"))),
        ]


class BreakGlass(Private):
    """One hour of access for a written reason; the lead is told and the subject's log shows it."""

    reason = models.TextField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(name="break_glass_has_a_reason", condition=~Q(reason=""))]


class AuditEntry(Row):
    """Who did or saw what, whose, why and when. Only ever added to; linked into a chain at commit."""

    at = models.DateTimeField(default=timezone.now)
    actor = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    service = models.CharField(max_length=40, blank=True, help_text="a named job or feed, when nobody acted")
    action = models.CharField(max_length=60)
    subject = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    couple = models.ForeignKey(Couple, null=True, on_delete=models.PROTECT, related_name="+")
    item_kind = models.CharField(max_length=32, blank=True)
    item_id = models.UUIDField(null=True)
    why = models.CharField(max_length=300, blank=True)
    sealed = models.BooleanField(default=False, help_text="safety circle: never in the subject's own log")

    class Meta:
        indexes = [models.Index(fields=["subject", "-at"]), models.Index(fields=["clinic", "-at"])]


class AuditLink(Row):
    """The chain: each link's hash covers its entry and the link before it. Written by the database alone."""

    entry = models.OneToOneField(AuditEntry, on_delete=models.PROTECT, related_name="link")
    number = models.BigIntegerField()
    before = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["clinic", "number"], name="one_link_a_number")]
