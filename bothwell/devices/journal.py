"""Holds what monitors said while the database is away: encrypted, in one file, safely on the disk before it is said so.

It never keeps a word in plain text, never grows past its bound, and never calls a record kept that is not.

The file: an eight-byte mark, then records, each a length (four bytes), a nonce (twelve) and what AES-GCM made of
the record together with its place in the file. A record cut off by a crash was never acknowledged: it ends
the reading there, and the next record is written over it.
"""

import fcntl
import os
import shutil
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MARK = b"BWJRNL1\n"
LENGTH = struct.Struct(">I")
NONCE_BYTES = 12
# Twenty monitors fill it in about a day; past it they keep what they have to say.
MOST_BYTES = 200 * 1024 * 1024


class CannotKeep(Exception):
    """The journal takes nothing now: it is full, its disk is, or another process holds it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the reading of the journal stands, in bytes."""

    at: int = len(MARK)


def key_from(secret: str) -> bytes:
    """The journal's own key (32 bytes), made from the installation's secret."""
    made = HKDF(
        algorithm=SHA256(), length=32, salt=None, info=b"bothwell: readings while the database is away"
    )
    return made.derive(secret.encode())


class Journal:
    """One process's journal; several threads may add to it, and share the wait for the disk."""

    def __init__(self, path: Path, key: bytes, most_bytes: int = MOST_BYTES) -> None:
        """Open it, made if it is not there. Raises CannotKeep."""
        self._path = path
        self._sealing = AESGCM(key)
        self._most_bytes = most_bytes
        # Where both are held, the wait for the disk is taken first.
        self._writing, self._syncing = threading.Lock(), threading.Lock()
        self._file = _opened(path)
        self.is_torn = False
        self._end = self._synced = self._found_end()
        self._times_cut = 0

    @property
    def is_empty(self) -> bool:
        return self._end <= len(MARK)

    @property
    def is_catching_up(self) -> bool:
        """Whether records are on their way to the disk."""
        return self._synced < self._end

    @property
    def size_bytes(self) -> int:
        return self._end

    def append(self, record: bytes) -> None:
        """Add a record; it is on the disk when this returns. Raises CannotKeep, and then it is not in the journal."""
        with self._writing:
            end, times_cut = self._write(record), self._times_cut
        with self._syncing:
            if self._times_cut != times_cut:
                raise CannotKeep("it was cut off again")
            if self._synced < end:
                self._sync()

    def _write(self, record: bytes) -> int:
        """Where the record ends, written behind the last one; nothing of it stays if it does not fit."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = nonce + self._sealing.encrypt(nonce, record, _place_of(self._end))
        whole = LENGTH.pack(len(sealed)) + sealed
        if self._end + len(whole) > self._most_bytes:
            raise CannotKeep("the journal is full")
        try:
            written = os.pwrite(self._file, whole, self._end)
            if written < len(whole):
                written += os.pwrite(self._file, whole[written:], self._end + written)
            if written < len(whole):
                raise OSError("written in part")
        except OSError as error:
            self._cut(self._end)
            raise CannotKeep(f"the disk took nothing: {type(error).__name__}") from None
        self._end += len(whole)
        return self._end

    def _sync(self) -> None:
        """Everything written so far is on the disk; or, if the disk fails, nothing of it is in the journal."""
        upto = self._end
        try:
            os.fsync(self._file)
            self._synced = upto
        except OSError as error:
            with self._writing:
                # Whoever waits behind us wrote before this: their records are cut off too, and they are told.
                self._times_cut += 1
                self._end = self._synced
                self._cut(self._end)
            raise CannotKeep(f"the disk took nothing: {type(error).__name__}") from None

    def _cut(self, at: int) -> None:
        try:
            os.ftruncate(self._file, at)
        except OSError:
            # What stands behind the end is never read: it is written over by the next record.
            self.is_torn = True

    def records(self, place: Place) -> Iterator[tuple[bytes, Place]]:
        """The records from a place on, each with the place behind it, up to what is safely on the disk."""
        at = place.at
        while at < self._synced:
            found = self._record_at(at)
            if found is None:
                return
            record, at = found
            yield record, Place(at)

    def _record_at(self, at: int) -> tuple[bytes, int] | None:
        """A record and where it ends; none if it is cut off, or was sealed with another key."""
        head = os.pread(self._file, LENGTH.size, at)
        if len(head) < LENGTH.size:
            return None
        (length,) = LENGTH.unpack(head)
        if not NONCE_BYTES < length <= self._most_bytes:
            return None
        sealed = os.pread(self._file, length, at + LENGTH.size)
        if len(sealed) < length:
            return None
        try:
            record = self._sealing.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _place_of(at))
        except InvalidTag:
            return None
        return record, at + LENGTH.size + length

    def empty_if_read(self, place: Place) -> bool:
        """Forget everything, for good, if nothing was added behind this place; whether that was so."""
        with self._syncing, self._writing:
            if self._end != place.at:
                return False
            self._shorten(len(MARK))
            self.is_torn = False
            # An end the disk did not take comes back after a crash: then all is taken down once more, which changes
            # nothing. What is added from here on waits for the disk by itself.
            with suppress(OSError):
                os.fsync(self._file)
            return True

    def put_aside(self, place: Place) -> None:
        """Keep what cannot be read in a file beside this one, and forget everything from a place on.

        Raises OSError; what was said meanwhile and waits for the disk is not in the journal then, and told so.
        """
        with self._syncing, self._writing:
            self._copy_beside()
            self._shorten(place.at)
            os.fsync(self._file)

    def _shorten(self, at: int) -> None:
        """End the journal there, in the file and in mind alike, whatever the disk says after. Raises OSError."""
        os.ftruncate(self._file, at)
        self._end = self._synced = at
        self._times_cut += 1

    def _copy_beside(self) -> None:
        """The whole file once more, safely on the disk."""
        beside = self._beside()
        shutil.copyfile(self._path, beside)
        with beside.open("rb") as copy:
            os.fsync(copy.fileno())

    def _beside(self) -> Path:
        """A name nothing has; the file is ours alone, like this one."""
        number = 1
        while (beside := self._path.with_name(f"{self._path.name}.unreadable-{number}")).exists():
            number += 1
        os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        return beside

    def close(self) -> None:
        """Let another process have it; whoever still adds to it is told that nothing is kept."""
        with self._syncing, self._writing:
            os.close(self._file)
            # The number may be another file's in a moment.
            self._file = -1

    def _found_end(self) -> int:
        """Where the last whole record of an earlier process ends."""
        size = os.fstat(self._file).st_size
        if os.pread(self._file, len(MARK), 0) != MARK:
            self.is_torn = size > 0
            _begin(self._file)
            return len(MARK)
        at = len(MARK)
        while at < size and (found := self._record_at(at)) is not None:
            at = found[1]
        self.is_torn = at < size
        if self._is_whole(at, size):
            # Not a crash in the middle of a record: another secret sealed it, as after a restore. It is not destroyed.
            self._copy_beside()
        return at

    def _is_whole(self, at: int, size: int) -> bool:
        head = os.pread(self._file, LENGTH.size, at)
        return len(head) == LENGTH.size and at + LENGTH.size + LENGTH.unpack(head)[0] <= size


def _opened(path: Path) -> int:
    """The file, ours alone. Raises CannotKeep."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotKeep(f"the journal cannot be opened: {type(error).__name__}") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.fchmod(file, 0o600)
        return file
    except OSError:
        os.close(file)
        raise CannotKeep("another process holds the journal") from None


def _begin(file: int) -> None:
    """An empty journal, on the disk together with its name. Raises CannotKeep."""
    try:
        os.ftruncate(file, 0)
        os.pwrite(file, MARK, 0)
        os.fsync(file)
    except OSError as error:
        raise CannotKeep(f"the journal cannot be begun: {type(error).__name__}") from None


def _place_of(at: int) -> bytes:
    return at.to_bytes(8, "big")
