"""What can stand as a name: something one can read, that looks like what it is.

It never says how a name has to look: any script, any length that fits.
"""

import unicodedata

from bothwell.decision import Decision

FOUNDERS_NAME = "Clinic lead"
"""What a clinic's founder is called until they say their own name."""
UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""General categories of Unicode that show nothing, or change how what is beside them shows."""
JOINERS = frozenset("\u200c\u200d")
"""Persian, Sinhala and others are written with them; between their letters they belong to a name."""
FIRST_THAT_JOINS = "\u0600"
"""Where Arabic begins: in Latin, Greek and Cyrillic a joiner only makes two names look like one."""
BLANK_SIGNS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters, marks or signs to Unicode, empty to the eye: the grapheme joiner, the Hangul fillers, two Khmer vowels, the blank
pattern of Braille.
"""
CHOOSERS = frozenset(map(chr, (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
"""What chooses among the shapes of the sign before it, and shows nothing where that has one."""


def can_be_called(name: str) -> Decision:
    """Whether somebody can be called by this: a letter or a digit at least, and nothing unseen."""
    if not name.strip():
        return Decision.no("Every person needs a name to be called by.")
    if not (readable := can_be_read(name)):
        return readable
    if not any(unicodedata.category(sign)[0] in "LN" for sign in name):
        return Decision.no("A name needs a letter or a digit.")
    return Decision.yes("It can be read.")


def can_be_read(text: str) -> Decision:
    """Whether nothing in it is unseen: no line break, nothing without width, nothing that turns the order of letters."""
    if any(_is_unseen(text, place) for place in range(len(text))):
        return Decision.no(
            "Something in what was typed cannot be seen. Type the name anew instead of pasting it."
        )
    return Decision.yes("All of it shows.")


def _is_unseen(text: str, place: int) -> bool:
    sign = text[place]
    if sign in JOINERS:
        return not (_joins(text[place - 1 : place]) and _joins(text[place + 1 : place + 2]))
    if sign in CHOOSERS:
        return place == 0 or not _has_shapes(text[place - 1])
    return sign in BLANK_SIGNS or unicodedata.category(sign) in UNSEEN


def _has_shapes(sign: str) -> bool:
    """Whether names are written with more than one shape of it: Mongolian letters, Chinese and Japanese characters."""
    return "\u1820" <= sign <= "\u18aa" or unicodedata.name(sign, "").startswith("CJK ")


def _joins(sign: str) -> bool:
    return sign >= FIRST_THAT_JOINS and unicodedata.category(sign)[0] in "LM"
