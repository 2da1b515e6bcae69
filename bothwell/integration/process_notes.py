"""Seals a therapist's own notes, each author's under a key of their own: whoever holds the database alone reads nothing.

It keeps no key and decides nothing about who may ask; what was sealed for one note and one author opens as no other.

A sealed note is one byte for its form, a nonce of twelve bytes, and what AES-256-GCM (NIST SP 800-38D) made of the words
together with whose and which note it is. The author's key comes from the clinic's by HKDF-SHA256 (RFC 5869).
"""

from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

FORM: Final = b"\x01"
NONCE_BYTES: Final = 12

KNOWN: Final = "These notes open."
NOBODY: Final = UUID(int=0)
"""What is sealed with every key, as a note of nobody's: by it a key is known before a note is written or read."""

KIND: Final = "process_note"
"""Of no kind that an export, print, request for a record or feed ever holds, its author's own request included: 45 CFR
164.524(a)(1)(i) leaves psychotherapy notes out of what may be asked for (`records/contents.toml`)."""


class CannotOpen(Exception):
    """The key is missing or another one, or the note was changed: its words cannot be had."""


def seal(words: str, *, secret: str, note: UUID, author: UUID, nonce: bytes) -> bytes:
    """The words as they are kept. `nonce`: twelve bytes of chance, never twice. Raises CannotOpen without a secret."""
    if len(nonce) != NONCE_BYTES:
        raise ValueError("a nonce has twelve bytes")
    return FORM + nonce + _lock(secret, author).encrypt(nonce, words.encode(), _bound_to(note, author))


def unseal(sealed: bytes, *, secret: str, note: UUID, author: UUID) -> str:
    """The words of this note by this author. Raises CannotOpen."""
    if sealed[:1] != FORM:
        raise CannotOpen("not a note sealed here")
    nonce, rest = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
    try:
        return _lock(secret, author).decrypt(nonce, rest, _bound_to(note, author)).decode()
    except (InvalidTag, ValueError) as error:
        raise CannotOpen("another key, or not this note") from error


def name_of(secret: str) -> str:
    """What a key is called: sixteen hexadecimal digits that tell one from another, and open nothing."""
    made = HKDF(algorithm=SHA256(), length=8, salt=None, info=b"bothwell: name of the key of process notes")
    return made.derive(secret.encode()).hex()


def known_word(secret: str, nonce: bytes) -> bytes:
    """The word everybody knows, sealed with this key. Raises CannotOpen without a secret."""
    return seal(KNOWN, secret=secret, note=NOBODY, author=NOBODY, nonce=nonce)


def is_key_of(sealed: bytes, secret: str) -> bool:
    """Whether this is the key with which the word was sealed."""
    try:
        return unseal(sealed, secret=secret, note=NOBODY, author=NOBODY) == KNOWN
    except CannotOpen:
        return False


def _lock(secret: str, author: UUID) -> AESGCM:
    if not secret:
        raise CannotOpen("there is no key")
    made = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"bothwell: process notes of " + author.bytes)
    return AESGCM(made.derive(secret.encode()))


def _bound_to(note: UUID, author: UUID) -> bytes:
    return FORM + note.bytes + author.bytes
