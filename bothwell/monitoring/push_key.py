"""The key that says a call to a browser comes from this clinic: made from its secret, so that there is no other to lose.

It opens nothing and reads nothing. It needs the extra `push`.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

# The order of the curve P-256 (FIPS 186-4), which RFC 8292 asks for.
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def private_key(secret: str) -> EllipticCurvePrivateKey:
    """The clinic's own key on P-256. A hash of 512 bits is spread evenly enough below the order."""
    from cryptography.hazmat.primitives.asymmetric import ec

    drawn = int.from_bytes(hashlib.sha512(b"bothwell.push." + secret.encode()).digest())
    return ec.derive_private_key(drawn % (ORDER - 1) + 1, ec.SECP256R1())


def public_key(secret: str) -> str:
    """What a browser is given so that it takes calls from this clinic and nobody else, as base64url."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    point = private_key(secret).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(point).rstrip(b"=").decode()
