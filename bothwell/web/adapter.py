"""How the login library behaves here: nobody signs up, nothing names a clinic or a treatment."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):
    """Logins are made from invitations only."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def format_email_subject(self, subject: str) -> str:
        return subject  # no prefix with a site's name: a subject line is read over shoulders


class MfaAdapter(DefaultMFAAdapter):
    """Second factors are named by the service alone."""

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        entity: dict[str, str] = super().get_public_key_credential_rp_entity()
        return {**entity, "name": "Bothwell"}
