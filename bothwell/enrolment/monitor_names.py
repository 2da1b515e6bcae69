"""What a bedside monitor can call itself, as it is typed at Clinic, Rooms: by it readings are told to be a monitor's.

It knows no monitor, and never guesses which one is meant.
"""

import re

from bothwell.decision import Decision

LONGEST = 80
"""As long as the column, and as the listener takes a sender's name."""
EUI64 = re.compile(r"[0-9A-F]{16}")
HEXADECIMAL = re.compile(r"[0-9A-F]{12,20}")
BETWEEN_DIGITS = re.compile(r"[-:. ]")
SENDER = "sender:"
"""Before the names of MSH-3 and MSH-4, where a gateway names no monitor (`devices/hl7v2`). Only these may hold a space."""
SEPARATORS = frozenset("|^~&\\")
"""What parts a message of HL7 v2 into fields, and so stands in none of them."""


def as_sent(typed: str) -> str:
    """The identifier as the listener reads it: an EUI-64 as sixteen capital digits, however it was written; all else as typed."""
    digits = BETWEEN_DIGITS.sub("", typed.strip()).upper()
    return digits if EUI64.fullmatch(digits) else typed.strip()


def can_be_sent(identifier: str) -> Decision:
    """Whether a monitor can send this; no, with what it can."""
    if not identifier:
        return Decision.no("Write the identifier that the monitor sends.")
    if len(identifier) > LONGEST:
        return Decision.no(f"An identifier has up to {LONGEST} characters. Copy it from the monitor.")
    seen = identifier.removeprefix(SENDER).replace(" ", "") if identifier.startswith(SENDER) else identifier
    if not seen or not seen.isascii() or not seen.isprintable() or " " in seen or SEPARATORS & set(seen):
        return Decision.no(
            "No monitor sends this: an identifier is one word of letters, digits and signs, without spaces and without "
            "| ^ ~ & or \\. `bothwell try-message` shows what yours sends."
        )
    digits = BETWEEN_DIGITS.sub("", identifier).upper()
    if HEXADECIMAL.fullmatch(digits) and len(digits) != 16:
        return Decision.no(
            f"An EUI-64 has 16 digits, and this has {len(digits)}. Copy it from the monitor again."
        )
    return Decision.yes("A monitor can send this.")
