"""The secret link in an invitation: made from its number and the site's key, so the mail can make it again.

Only its hash is kept. It never says whom it is for.
"""

import hashlib
import hmac
from uuid import UUID


def token(invitation: UUID, secret: str) -> str:
    """`number.signature`: HMAC-SHA256 (RFC 2104) of the invitation's id with the site's secret."""
    signature = hmac.new(_key(secret), invitation.bytes, hashlib.sha256).hexdigest()
    return f"{invitation.hex}.{signature}"


def token_hash(text: str) -> str:
    """What the database keeps: SHA-256 of the token, 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def is_genuine(text: str, secret: str) -> UUID | None:
    """The invitation's id when the signature is ours, else None. Compared in constant time."""
    number, _, _ = text.partition(".")
    try:
        invitation = UUID(hex=number)
    except ValueError:
        return None
    genuine = hmac.compare_digest(text.encode(), token(invitation, secret).encode())
    return invitation if genuine else None


def _key(secret: str) -> bytes:
    return hashlib.sha256(b"bothwell invitation " + secret.encode()).digest()
