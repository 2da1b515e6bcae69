"""Where one message of a bedside monitor ends and the next begins on a network connection.

A message is `0x0B`, its bytes, `0x1C 0x0D`. This module opens no connection, reads no message and keeps
nothing once a message is handed on.
"""

from __future__ import annotations

START = b"\x0b"
END = b"\x1c\x0d"
LIMIT_BYTES = 1_048_576


def frame(message: bytes) -> bytes:
    """The message between its start and end marks, ready to send."""
    return START + message + END


class Framer:
    """Takes bytes in whatever pieces they come and gives whole messages back; holds at most one message's
    limit.

    Bytes outside a frame are dropped. A start mark inside a frame means the sender began again: what came
    before it is dropped, since no message may contain that byte. A frame over the limit is dropped up to the
    next start mark. `dropped_bytes` and `oversized_frames` count what was lost, so that a listener can say so
    or hang up.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self.dropped_bytes = 0
        self.oversized_frames = 0
        self._held = bytearray()
        self._inside = False
        self._searched = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Every message completed by these bytes, in order."""
        self._held += data
        messages: list[bytes] = []
        while self._inside or self._find_start():
            self._begin_again()
            end = self._held.find(END, self._searched)
            if end > self.limit_bytes or (end < 0 and len(self._held) > self.limit_bytes + 1):
                self.oversized_frames += 1
                self.dropped_bytes += self._leave(end)
            elif end >= 0:
                messages.append(bytes(self._held[:end]))
                self._leave(end)
            else:
                # The first byte of an end mark may be the last byte held: look at it again next time.
                self._searched = max(0, len(self._held) - 1)
                break
        return messages

    def _find_start(self) -> bool:
        """Drop everything up to and including the start mark; false if there is none yet."""
        at = self._held.find(START)
        self.dropped_bytes += len(self._held) if at < 0 else at
        if at < 0:
            self._held.clear()
            return False
        del self._held[: at + 1]
        self._inside, self._searched = True, 0
        return True

    def _begin_again(self) -> None:
        """Drop what was held before the last start mark of an unfinished frame."""
        end = self._held.find(END, self._searched)
        again = self._held.rfind(START, self._searched, end if end >= 0 else len(self._held))
        if again >= 0:
            self.dropped_bytes += again
            del self._held[: again + 1]
            self._searched = 0

    def _leave(self, end: int) -> int:
        """Forget the frame up to its end mark, or all that is held if there is none; returns the bytes
        forgotten.
        """
        gone = len(self._held) if end < 0 else end + len(END)
        del self._held[:gone]
        self._inside = False
        return gone
